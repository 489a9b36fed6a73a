"""Physical plausibility of motions, measured on joints.

Joints are (F, 22, 3) metres, y up, at 20 fps. Without a mesh the body's lowest *joint* stands for
its lowest point, as in CLoSD. The floor is where `floor` says; HumanML3D's own convention, which
`translation.humanml` and the correction keep, puts it at y = 0 with the toe joints 0 to 1 cm above
it when a foot rests, so that no sole has to be subtracted.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from body_models.skeleton import PARENTS, check_joints
from loop.errors import InvalidOptionError
from translation.humanml import FPS

TOES = (10, 11)
TOLERANCE_M = 0.005
SkateVariant = Literal["closd", "toe_15mm"]


def penetrate_mm(joints: NDArray[np.floating], floor: float = 0.0) -> float:
    """Measure the mean depth over frames of the lowest joint below the floor, mm.

    As in CLoSD, a tolerance of 5 mm is subtracted.
    """
    return _beyond_tolerance_mm(floor - _lowest(joints))


def float_mm(joints: NDArray[np.floating], floor: float = 0.0) -> float:
    """Measure the mean height over frames of the lowest joint above the floor, mm.

    As in CLoSD, a tolerance of 5 mm is subtracted. A jump floats by definition.
    """
    return _beyond_tolerance_mm(_lowest(joints) - floor)


def skate_mm(
    joints: NDArray[np.floating], floor: float = 0.0, *, variant: SkateVariant = "toe_15mm"
) -> float:
    """Measure the horizontal slide of what touches the floor, mm per frame.

    Variants: `closd` follows the lowest joint: its displacement to the next frame where it is
    within 5 mm of the floor in both frames, else 0, averaged over *all* frames. `toe_15mm` (ours)
    averages the displacement of the toe joints over the frame pairs in which they stay within 15 mm
    of the floor; 0 when they never do. Swing feet pass below the usual 50 mm, so that a threshold
    that high hardly sees a slide repaired.
    """
    positions = check_joints(joints, minimum_frames=2)
    if variant == "closd":
        frames = np.arange(len(positions) - 1)
        lowest = positions[:-1, :, 1].argmin(axis=1)
        first, second = positions[frames, lowest], positions[frames + 1, lowest]
        touching = np.maximum(first[:, 1], second[:, 1]) - floor <= TOLERANCE_M
        moved = np.linalg.norm((second - first)[:, [0, 2]], axis=-1)
        return float(1000.0 * np.where(touching, moved, 0.0).mean())
    if variant != "toe_15mm":
        raise InvalidOptionError(
            "Unknown variant of a metric.", found=variant, expected=("closd", "toe_15mm")
        )
    toes = positions[:, TOES]
    low = toes[..., 1] - floor < 0.015
    both = low[1:] & low[:-1]
    moved = np.linalg.norm(np.diff(toes, axis=0)[..., [0, 2]], axis=-1)
    return float(1000.0 * moved[both].mean()) if both.any() else 0.0


def foot_skating_ratio(joints: NDArray[np.floating], floor: float = 0.0) -> float:
    """Measure the share of frames in which a foot skates, 0 to 1 (GMD, OmniControl, CLoSD).

    A toe joint is under 5 cm in two adjacent frames and moves horizontally faster than 0.5 m/s,
    both now and on average over 5 frames; over all frames, either foot. Real data have about 0.05.
    """
    toes = check_joints(joints, minimum_frames=2)[:, TOES]
    low = toes[..., 1] - floor < 0.05
    speed = np.linalg.norm(np.diff(toes, axis=0)[..., [0, 2]], axis=-1) * FPS
    mean_speed = uniform_filter1d(speed, 5, axis=0, mode="constant")
    skating = low[1:] & low[:-1] & (speed > 0.5) & (mean_speed > 0.5)
    return float(skating.any(axis=1).mean())


def jitter_mm(joints: NDArray[np.floating]) -> float:
    """Average the third difference of all joints, mm per frame cubed; 0 under 4 frames."""
    positions = check_joints(joints)
    if len(positions) < 4:
        return 0.0
    return float(1000.0 * np.linalg.norm(np.diff(positions, n=3, axis=0), axis=-1).mean())


def bone_length_error_mm(joints: NDArray[np.floating]) -> float:
    """Average over frames and bones how far a bone's length is from its median over the motion."""
    positions = check_joints(joints)
    lengths = np.linalg.norm(positions[:, 1:] - positions[:, PARENTS[1:]], axis=-1)
    return float(1000.0 * np.abs(lengths - np.median(lengths, axis=0)).mean())


def plausibility(joints: NDArray[np.floating], floor: float = 0.0) -> dict[str, float]:
    """Measure the columns that tables of this project show for a motion (F >= 2 frames)."""
    return {
        "penetrate_mm": penetrate_mm(joints, floor),
        "float_mm": float_mm(joints, floor),
        "skate_mm": skate_mm(joints, floor, variant="closd"),
        "slide_mm_per_frame": skate_mm(joints, floor, variant="toe_15mm"),
        "skating_ratio": foot_skating_ratio(joints, floor),
        "jitter": jitter_mm(joints),
    }


def mpjpe_mm(
    joints: NDArray[np.floating], target: NDArray[np.floating], *, root_aligned: bool = False
) -> float:
    """Average the distance of joints (F, 22, 3) to a target, mm; `root_aligned`: pelvises at 0."""
    first, second = check_joints(joints), check_joints(target)
    if root_aligned:
        first, second = first - first[:, :1], second - second[:, :1]
    return float(1000.0 * np.linalg.norm(first - second, axis=-1).mean())


def _lowest(joints: NDArray[np.floating]) -> NDArray[np.float64]:
    return check_joints(joints)[..., 1].min(axis=1)


def _beyond_tolerance_mm(distance: NDArray[np.float64]) -> float:
    """Average over frames how far `distance` (metres) is beyond the tolerance, mm."""
    return float(1000.0 * np.maximum(distance - TOLERANCE_M, 0.0).mean())
