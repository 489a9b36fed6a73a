"""How fast a body falls while nothing holds it: the physics that time base and unit must obey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

G_M_S2 = 9.81
CLEARANCE_M = 0.1
"""All joints of a body in flight are this far above where its lowest joint usually is."""
SHORTEST_S, FEWEST_FRAMES = 0.09, 8
LARGEST_MISFIT_M = 0.008
"""Flights whose centre of mass strays further from a parabola are tiptoe, climbing or damage."""
LARGEST_SHARE = 0.25
"""The same as a share of the height of the parabola."""
_GROUND_PERCENTILE = 10

# (joint, joint, share of the body's mass, of the way from one to the other): the segments of
# de Leva (1996), "Adjustments to Zatsiorsky-Seluyanov's segment inertia parameters", rounded.
_SEGMENTS = (
    (0, 12, 0.435, 0.5), (12, 15, 0.07, 1.0),
    (1, 4, 0.142, 0.41), (4, 7, 0.043, 0.44), (7, 10, 0.014, 0.4),
    (2, 5, 0.142, 0.41), (5, 8, 0.043, 0.44), (8, 11, 0.014, 0.4),
    (16, 18, 0.027, 0.58), (18, 20, 0.022, 0.6), (17, 19, 0.027, 0.58), (19, 21, 0.022, 0.6),
)  # fmt: skip


def centre_of_mass(joints: NDArray[np.floating]) -> NDArray[np.float64]:
    """Estimate the centre of mass (F, 3) of joints (F, 22, 3), in the same unit and frame."""
    weights = np.zeros(22)
    for first, second, mass, share in _SEGMENTS:
        weights[first] += mass * (1 - share)
        weights[second] += mass * share
    return np.einsum("fjc,j->fc", joints, weights / weights.sum())


def free_fall(joints: NDArray[np.floating], fps: float) -> float | None:
    """Measure the downward acceleration in flight, m/s2; None where the body does not fly.

    The median over all flights. Joints (F, 22, 3) in metres, y up.
    """
    heights = centre_of_mass(joints)[:, 1]
    lowest = joints[..., 1].min(axis=1)
    above = np.flatnonzero(lowest > np.percentile(lowest, _GROUND_PERCENTILE) + CLEARANCE_M)
    measured = []
    for flight in np.split(above, np.flatnonzero(np.diff(above) > 1) + 1):
        if len(flight) < max(FEWEST_FRAMES, SHORTEST_S * fps):
            continue
        times = (flight - flight[0]) / fps
        parabola = np.polynomial.Polynomial.fit(times, heights[flight], 2)
        fall = -parabola.deriv(2)(0.0)
        misfit = np.abs(parabola(times) - heights[flight]).max()
        if misfit < min(LARGEST_MISFIT_M, LARGEST_SHARE * abs(fall) * times[-1] ** 2 / 8):
            measured.append(fall)
    return float(np.median(measured)) if measured else None
