"""How much of a motion's speed and acceleration lies at which frequency, joint by joint."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from body_models.skeleton import check_joints
from loop.rundir.files import write_bytes
from translation.humanml import FPS

BANDS_HZ = ((0.3, 2.0), (2.0, 5.0), (5.0, 10.0))
"""Steps and sways; the swing of limbs; impacts, and what motion capture adds."""
LEAST_FRAMES = 12
"""Of fewer, no line of the acceleration's spectrum lies within the lowest band."""
KINDS = ("speed", "acceleration")


def spectrum(joints: NDArray[np.floating], kind: str) -> tuple[Array, Array]:
    """Return frequencies (K,), Hz, and power density (K, 22) of joints (F, 22, 3), axes summed.

    Joints are at 20 fps; `kind` is "speed", (m/s)^2/Hz, or "acceleration", (m/s^2)^2/Hz. One Hann
    window over the motion, whose mean velocity or acceleration is taken away. Raises
    InvalidMotionError on bad joints.
    """
    values = check_joints(joints, minimum_frames=4)
    for _ in range(1 + KINDS.index(kind)):
        values = np.diff(values, axis=0) * FPS
    window = np.hanning(len(values))[:, None, None]
    found = np.fft.rfft((values - values.mean(axis=0)) * window, axis=0)
    power = 2.0 * (np.abs(found) ** 2).sum(axis=-1) / (FPS * (window**2).sum())
    frequency = np.fft.rfftfreq(len(values), 1.0 / FPS)
    return np.asarray(frequency, dtype=np.float64), np.asarray(power, dtype=np.float64)


def band_power(joints: NDArray[np.floating], kind: str) -> Array:
    """Return the mean power density (bands, 22) of each joint within `BANDS_HZ`; see `spectrum`.

    A band without a line of the spectrum has none, NaN: see `LEAST_FRAMES`.
    """
    frequency, power = spectrum(joints, kind)
    bands = [(frequency > low) & (frequency <= high) for low, high in BANDS_HZ]
    return np.stack([power[band].mean(axis=0) for band in bands])


def draw_spectra(sets: Mapping[str, Sequence[NDArray[np.floating]]], path: Path) -> None:
    """Draw the mean spectra of sets of motions (F, 22, 3) of one length, a line a set, to a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, kind in zip(figure.subplots(1, 2), KINDS, strict=True):
        for name, motions in sets.items():
            found = [spectrum(joints, kind) for joints in motions]
            mean = np.mean([power.mean(axis=1) for _, power in found], axis=0)
            axes.semilogy(found[0][0][1:], mean[1:], label=name)
        unit = "(m/s)²/Hz" if kind == "speed" else "(m/s²)²/Hz"
        axes.set(xlabel="frequency, Hz", ylabel=f"{kind}, {unit}")
    axes.legend()
    image = io.BytesIO()
    figure.savefig(image, dpi=120)
    write_bytes(path, image.getvalue())
