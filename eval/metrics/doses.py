"""Real motions made worse by a known amount, to ask a metric what it can see.

Motions are joints (F, 22, 3), metres, y up, at 20 fps. Every function takes a dose and a generator,
and a dose of nothing (0, or a factor of 1) gives the motion back. Nothing here is what a correction
does, and no evaluator is trained on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from body_models.arrays import Array
from body_models.skeleton import MIRROR, PARENTS

LIMBS = (4, 5, 7, 8, 18, 19, 20, 21)
"""Knees, ankles, elbows, wrists: the far ends of the bones that `stretched_bones` lengthens."""


def frame_noise(joints: Array, metres: float, rng: np.random.Generator) -> Array:
    """Move every joint in every frame by Gaussian noise of that deviation an axis."""
    return joints + metres * rng.normal(size=joints.shape)


def smoothing(joints: Array, frames: float, rng: np.random.Generator) -> Array:
    """Smooth every coordinate over time by a Gaussian of that deviation."""
    return gaussian_filter1d(joints, frames, axis=0, mode="nearest") if frames else joints


def frozen_frames(joints: Array, share: float, rng: np.random.Generator) -> Array:
    """Hold one pose for that share of the clip, from a random frame on; then go on as before."""
    held = round(share * len(joints))
    start = int(rng.integers(len(joints) - held + 1))
    index = np.arange(len(joints))
    index[start : start + held] = start
    return joints[index]


def sunk(joints: Array, metres: float, rng: np.random.Generator) -> Array:
    """Lower the whole motion into the floor."""
    return joints - [0.0, metres, 0.0]


def foot_slide(joints: Array, metres: float, rng: np.random.Generator) -> Array:
    """Push the whole body sideways by so much a frame: standing feet slide, poses are unchanged."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    step = metres * np.array([np.cos(angle), 0.0, np.sin(angle)])
    return joints + np.arange(len(joints))[:, None, None] * step


def stretched_bones(joints: Array, factor: float, rng: np.random.Generator) -> Array:
    """Make forearms, upper arms, thighs and shins longer; the feet stay on their lowest level."""
    longer = joints.copy()
    for joint in range(1, len(PARENTS)):
        bone = joints[:, joint] - joints[:, PARENTS[joint]]
        longer[:, joint] = longer[:, PARENTS[joint]] + bone * (factor if joint in LIMBS else 1.0)
    longer[..., 1] += joints[..., 1].min() - longer[..., 1].min()
    return longer


def slow_motion(joints: Array, speed: float, rng: np.random.Generator) -> Array:
    """Play the beginning of the motion at that speed, for as many frames as before."""
    at = speed * np.arange(len(joints))
    before = np.minimum(at.astype(int), len(joints) - 2)
    share = (at - before)[:, None, None]
    return (1.0 - share) * joints[before] + share * joints[before + 1]


def swapped_sides(joints: Array, share: float, rng: np.random.Generator) -> Array:
    """Exchange left and right joints, with that probability: knees bend the wrong way."""
    return joints[:, MIRROR] if rng.random() < share else joints


@dataclass(frozen=True)
class Corruption:
    """One way to make motions worse.

    Attributes:
        apply: (joints, dose, generator) -> joints.
        doses: growing harm.
        unit: what a dose means, for a table.
        seen: index of the first dose that a person sees at once.
    """

    apply: Callable[[Array, float, np.random.Generator], Array]
    doses: Sequence[float]
    unit: str
    seen: int


CORRUPTIONS: Mapping[str, Corruption] = {
    "frame noise": Corruption(frame_noise, (0.0025, 0.005, 0.01, 0.02), "m an axis", 2),
    "smoothing": Corruption(smoothing, (1, 2, 4, 8), "frames", 2),
    "frozen frames": Corruption(frozen_frames, (0.1, 0.25, 0.5, 0.75), "of the clip", 1),
    "sunk": Corruption(sunk, (0.02, 0.05, 0.1, 0.2), "m", 1),
    "foot slide": Corruption(foot_slide, (0.005, 0.01, 0.02, 0.04), "m a frame", 2),
    "bones stretched": Corruption(stretched_bones, (1.05, 1.1, 1.2, 1.4), "times", 2),
    "slow motion": Corruption(slow_motion, (0.9, 0.75, 0.5, 0.25), "times", 2),
    "sides swapped": Corruption(swapped_sides, (0.1, 0.25, 0.5, 1.0), "of the motions", 1),
}


def dropped_modes(modes: Sequence[str], share: float) -> NDArray[np.int64]:
    """Choose rows of a set of N motions without its largest modes; the rest repeats, N again.

    Args:
        modes: (N,) what each motion shows.
        share: of the motions to lose, at least; whole modes are lost, one always stays.
    """
    names, counts = np.unique(np.asarray(modes), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    lost = int(np.searchsorted(np.cumsum(counts[order]), share * len(modes))) + 1 if share else 0
    kept = names[order[min(lost, len(names) - 1) :]]
    return np.resize(np.flatnonzero(np.isin(modes, kept)), len(modes))
