"""A generator of one's own for motion: a normal distribution over principal components.

`bash exp_scripts/run_all.sh demo --arms raw corrected --generations 3 -- --generator
examples.own_generator:Components --from_scratch` runs the loop with it.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import make_interp_spline

from domains.motion.captioned import CaptionedGenerator

FRAMES, COMPONENTS = 40, 12


class Components(CaptionedGenerator):
    """Knows no words: draws motions like those it was trained on, stretched to their lengths."""

    state = ("mean", "axes", "scales")  # the arrays that make the model, kept on disk by default

    def fit(self, training_set, generation, stream, scratch):
        motions = [item for part in training_set.parts() for item in part.items]
        table = np.stack([stretched(item.vectors, FRAMES).ravel() for item in motions])
        self.mean = table.mean(axis=0)
        _, scales, axes = np.linalg.svd(table - self.mean, full_matrices=False)
        self.axes = axes[:COMPONENTS]
        self.scales = scales[:COMPONENTS] / np.sqrt(len(table))

    def draw(self, captions, frames, stream, scratch=None):
        normal = np.random.default_rng(stream).normal(size=(len(captions), len(self.scales)))
        drawn = self.mean + normal * self.scales @ self.axes
        pairs = zip(drawn, frames, strict=True)
        return [stretched(motion.reshape(FRAMES, -1), count) for motion, count in pairs]


def stretched(motion, frames: int) -> np.ndarray:
    """Return a motion (F, 263) at `frames` moments, evenly spaced from its start to its end."""
    moments = np.linspace(0, 1, len(motion))
    return make_interp_spline(moments, motion[:], k=1)(np.linspace(0, 1, frames))
