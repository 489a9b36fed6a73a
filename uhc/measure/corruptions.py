"""Corruptions of motions, for training against them and for judging corrections.

Motions are joints (F, 22, 3), metres, y up, at 20 fps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from body_models.arrays import Array
from loop.errors import InvalidOptionError
from translation.humanml import FPS

UP = np.array([0.0, 1.0, 0.0])
LEVEL = np.array([1.0, 0.0, 1.0])

LEG = {"left": (4, 7, 10), "right": (5, 8, 11)}
"""Knee, ankle and toe."""
STANCE_HEIGHT_M, STANCE_STEP_M = 0.03, 0.02
"""A foot stands where its toe is this low above the clip's lowest, and moves less than this."""


def smooth_noise(joints: Array, rng: np.random.Generator) -> Array:
    """Let every joint wander by 30 mm an axis, smooth over a frame."""
    noise = gaussian_filter1d(rng.normal(size=joints.shape), 1.0, axis=0)
    return joints + 0.03 * noise / noise.std()


def height(joints: Array, rng: np.random.Generator) -> Array:
    """Lift or lower the whole motion by 5 to 15 cm."""
    return joints + rng.uniform(0.05, 0.15) * rng.choice([-1.0, 1.0]) * UP


def travel(joints: Array, rng: np.random.Generator) -> Array:
    """Let the root travel 1.3 times as far with steps as long: every foot slides."""
    return joints + 0.3 * (joints[:, :1] - joints[:1, :1]) * LEVEL


def shake(joints: Array, rng: np.random.Generator) -> Array:
    """Add 5 Hz jitter: every joint oscillates by 10 mm rms an axis, with a phase of its own."""
    t = np.arange(len(joints))[:, None, None] / FPS
    phase = rng.uniform(0.0, 2.0 * np.pi, (1, *joints.shape[1:]))
    return joints + 0.01 * np.sqrt(2.0) * np.sin(2.0 * np.pi * 5.0 * t + phase)


def slide(joints: Array, rng: np.random.Generator) -> Array:
    """Slide one foot 8 to 15 cm through its longest stance; the knee goes half the way."""
    side = ("left", "right")[int(rng.integers(2))]
    toe = joints[:, LEG[side][2]]
    step = np.linalg.norm(np.diff(toe, axis=0, append=toe[-1:]) * LEVEL, axis=-1)
    stands = (toe[:, 1] < toe[:, 1].min() + STANCE_HEIGHT_M) & (step < STANCE_STEP_M)
    start, stop = _longest_run(stands)
    angle = rng.uniform(0.0, 2.0 * np.pi)
    aside = rng.uniform(0.08, 0.15) * np.array([np.cos(angle), 0.0, np.sin(angle)])
    moved = np.zeros(len(joints))
    if stop > start:
        # Out during the stance, back in the following swing, so that the rest of the clip is clean.
        moved[start:stop] = np.linspace(0.0, 1.0, stop - start)
        back = min(len(joints), stop + 10)
        moved[stop:back] = np.linspace(1.0, 0.0, back - stop)
    out = joints.copy()
    for joint, share in zip(LEG[side], (0.5, 1.0, 1.0), strict=True):
        out[:, joint] += share * moved[:, None] * aside
    return out


def _longest_run(flags: NDArray[np.bool_]) -> tuple[int, int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    if not len(edges):
        return 0, 0
    runs = edges.reshape(-1, 2)
    start, stop = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    return int(start), int(stop)


CORRUPTIONS: dict[str, Callable[[Array, np.random.Generator], Array]] = {
    "noise": smooth_noise,
    "height": height,
    "travel": travel,
    "shake": shake,
    "slide": slide,
}


CLEAN = "clean"
"""The kind that changes nothing."""
KINDS = (CLEAN, *CORRUPTIONS)
WITHOUT_DRAWS = (CLEAN, travel.__name__)
"""Kinds that are the same whatever the seed."""


def corrupt(joints: NDArray[np.floating], kind: str, seed: int) -> Array:
    """Corrupt a motion (F, 22, 3) in a known way; the same seed gives the same fault.

    Raises:
        InvalidOptionError: there is no corruption of that name.
    """
    if kind == CLEAN:
        return np.array(joints, dtype=np.float64)
    if kind not in CORRUPTIONS:
        raise InvalidOptionError("unknown corruption", found=kind, expected=" | ".join(KINDS))
    rng = np.random.default_rng([seed, list(CORRUPTIONS).index(kind)])
    return CORRUPTIONS[kind](np.asarray(joints, dtype=np.float64), rng)
