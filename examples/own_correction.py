"""A correction of one's own for motion: smooth every sample in time.

`bash exp_scripts/train_iterative_finetuning_with_correction.sh demo 100 --correction
examples.own_correction:Smooth` runs an arm with it.
"""

from __future__ import annotations

from scipy.ndimage import gaussian_filter1d

from domains.motion.files import MotionBatch
from scsc import Corrected


class Smooth:
    """Filters the 263 numbers of every frame over time, with a Gaussian of 50 ms (one frame)."""

    def correct(self, batch: MotionBatch, stream, scratch=None) -> Corrected[MotionBatch]:
        smooth = [gaussian_filter1d(item.vectors, 1.0, axis=0) for item in batch.items]
        return Corrected(batch.with_vectors(smooth), {"Smoothed_correction": float(len(batch))})
