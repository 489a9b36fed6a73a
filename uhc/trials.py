"""One clip, corrupted and corrected: how far each stage's motion is from the clean one.

Each motion is compared at the clean one's mean root height: a correction that raises a motion which
sank, or lowers one that floats, is not to be blamed for where the clean clip itself stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from body_models.skeleton import Skeleton
from uhc.clips import MotionClip
from uhc.measure.corruptions import KINDS, UP, WITHOUT_DRAWS, corrupt
from uhc.measure.plausibility import mpjpe_mm, plausibility
from uhc.options import CorrectionOptions, Method, Outcome

Row = dict[str, object]

STAGES: tuple[Method, ...] = ("kinematic", "refined", "simulated")
COLUMNS = ("global", "aligned", "slide", "penetrate", "float", "jitter")
"""What is told of every motion: distances to the clean one in mm, global and with pelvises at 0;
toe slide in mm a frame, penetration and float in mm, jitter in mm per frame cubed."""


@dataclass(frozen=True)
class Trials:
    """What to do with every clip."""

    kinds: Sequence[str] = KINDS
    seeds: int = 2
    """Draws of a corruption that draws."""
    correction: CorrectionOptions = field(default_factory=lambda: CorrectionOptions(also=STAGES))


def run_trials(clip: MotionClip, trials: Trials) -> list[Row]:
    """Give a row a corruption and seed; none for a clip that cannot be read, or moved clean.

    The body is that of the clean clip, as in the loop, where it is that of the training data.
    """
    # Here, because the command that names this function shows its help without the simulator.
    from uhc.control.simulation import CLIP_FAULTS
    from uhc.pipeline import correct_stages

    clean = clip.joints.astype(np.float64)
    try:
        skeleton = Skeleton.from_joints(clean)
    except CLIP_FAULTS:
        return []
    options = replace(trials.correction, skeleton=skeleton)
    rows = []
    for kind in trials.kinds:
        for seed in range(1 if kind in WITHOUT_DRAWS else trials.seeds):
            given = corrupt(clean, kind, seed)
            found = correct_stages(given, options)
            about = {"id": clip.name, "corruption": kind, "seed": seed, "frames": len(clean)}
            row = about | _about(found) | _columns("input", given, clean)
            for stage in STAGES:
                motion = found[stage].joints
                if motion is not None:
                    offset = float(motion[:, 0, 1].mean() - clean[:, 0, 1].mean())
                    row |= _columns(stage, motion, clean + offset * UP)
            rows.append(row)
    return rows


def _about(found: dict[Method, Outcome]) -> Row:
    """Tell success, residual-force level, and the root force that contacts do not explain."""
    result = found["simulated"]
    applied = result.residual_force_bw if result.success else result.unexplained_force_bw
    return {
        "success": int(result.success),
        "reason": result.reason,
        "clamp_n": result.clamp_n,
        "kinematic_force_bw": found["kinematic"].unexplained_force_bw,
        "refined_force_bw": found["refined"].unexplained_force_bw,
        "simulated_force_bw": applied,
        "seconds": result.seconds,
    }


def _columns(prefix: str, joints: NDArray[np.floating], truth: Array) -> Row:
    measured = plausibility(joints)
    values = (
        mpjpe_mm(joints, truth),
        mpjpe_mm(joints, truth, root_aligned=True),
        measured["slide_mm_per_frame"],
        measured["penetrate_mm"],
        measured["float_mm"],
        measured["jitter"],
    )
    return {f"{prefix}_{name}": value for name, value in zip(COLUMNS, values, strict=True)}
