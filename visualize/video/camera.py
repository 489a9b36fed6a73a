"""A pinhole camera that walks along with the people it films, and the floor it sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

FIELD_OF_VIEW = 30.0
"""Degrees, top to bottom: a long lens, so that near limbs do not look swollen."""
NEAREST_M = 2.5
"""The eye never comes closer, so that somebody who squats does not fill the picture."""
FOLLOW_SIGMA = 8.0
"""Frames; the camera glides along the smoothed path of the pelvis instead of shaking with it."""
MARGIN = 0.8
"""Share of the half picture that joints may reach; the rest is flesh around them, and hands."""


@dataclass(frozen=True)
class View:
    """From where the eye looks, degrees.

    `azimuth` counts from the front (+z, where a HumanML3D clip starts to face) towards the
    picture's left, `elevation` from the horizontal upwards.
    """

    azimuth: float
    elevation: float

    @cached_property
    def axes(self) -> NDArray[np.float64]:
        """(3, 3): rows are the picture's right, up and towards-the-viewer directions, y up."""
        azimuth, elevation = np.radians([self.azimuth, self.elevation])
        back = np.array(
            [
                np.sin(azimuth) * np.cos(elevation),
                np.sin(elevation),
                np.cos(azimuth) * np.cos(elevation),
            ]
        )
        right = np.cross([0.0, 1.0, 0.0], back)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(back, right), back])


VIEWS: dict[str, View] = {
    # Ours: feet and floor are both in view.
    "side": View(35.0, 14.0),
    # The two published cameras stand at (0, 1, 5) and (0, 0, 5) from what they look at. The
    # directions are theirs; the distance is fitted, so that nothing is cut.
    "a": View(0.0, float(np.degrees(np.arctan2(1.0, 5.0)))),
    "b": View(0.0, 0.0),
}


@dataclass(frozen=True)
class Camera:
    """Fixed direction and distance; `targets` (F, 3) metres, y up, is what it looks at.

    Pixels: x to the right, y down, origin at the top left, square picture of `size`.
    """

    targets: NDArray[np.float64]
    distance: float
    size: int
    view: View = VIEWS["side"]

    @property
    def axes(self) -> NDArray[np.float64]:
        """Rows (3, 3) are the picture's right, up and towards-the-viewer directions."""
        return self.view.axes

    @property
    def focal(self) -> float:
        """Return the pixels a metre spans at one metre."""
        return self.size / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2))

    def project(
        self, points: NDArray[np.float64], frame: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Project world points (..., 3), metres, to pixels (..., 2) and depths (...,) in metres."""
        seen = (points - self.targets[frame]) @ self.axes.T
        depth = np.maximum(self.distance - seen[..., 2], 0.05)  # what is behind stays finite
        across = self.focal * seen[..., :2] / depth[..., None]
        return self.size / 2 + across * [1.0, -1.0], depth

    @cached_property
    def floor_view(self) -> FloorView:
        """Find where each pixel's ray meets the floor, relative to the target."""
        centre = self.size / 2
        ys, xs = np.mgrid[0 : self.size, 0 : self.size] + 0.5 - centre
        rays = np.stack([xs, -ys, np.full_like(xs, -self.focal)], axis=-1) @ self.axes
        eye = self.targets[0] + self.distance * self.axes[2]
        downwards = rays[..., 1] < -1e-6 * self.focal
        reach = np.where(downwards, eye[1] / np.maximum(-rays[..., 1], 1e-9), np.inf)
        first = int(np.argmax(downwards.any(axis=1))) if downwards.any() else self.size
        reach, rays = reach[first:], rays[first:]
        hits = rays[..., [0, 2]] * reach[..., None] + (eye - self.targets[0])[[0, 2]]
        range_m = reach * np.linalg.norm(rays, axis=-1)
        return FloorView(
            first_row=first,
            x=np.ascontiguousarray(hits[..., 0], dtype=np.float32),
            z=np.ascontiguousarray(hits[..., 1], dtype=np.float32),
            distance=range_m.astype(np.float32),
        )


@dataclass(frozen=True)
class FloorView:
    """Floor seen by the pixels of rows `first_row` and below: offsets in metres from the target."""

    first_row: int
    x: NDArray[np.float32]
    z: NDArray[np.float32]
    distance: NDArray[np.float32]
    """From the eye, metres."""


def follow(clips: Sequence[NDArray[np.float64]], size: int, view: View = VIEWS["side"]) -> Camera:
    """Make a camera for clips (F, 22, 3) of one length that keeps every joint in the picture."""
    return _follow(clips, np.mean([clip[:, 0] for clip in clips], axis=0), size, view)


def follow_each(
    clips: Sequence[NDArray[np.float64]], size: int, view: View = VIEWS["side"]
) -> list[Camera]:
    """Make a camera for each clip, all from one distance, so that sizes compare."""
    cameras = [_follow([clip], clip[:, 0], size, view) for clip in clips]
    farthest = max(camera.distance for camera in cameras)
    return [replace(camera, distance=farthest) for camera in cameras]


def _follow(
    clips: Sequence[NDArray[np.float64]], path: NDArray[np.float64], size: int, view: View
) -> Camera:
    path = gaussian_filter1d(path, FOLLOW_SIGMA, axis=0, mode="nearest")
    # Half-way up the usual reach of the clips; a height that changed would make the floor bob.
    path[:, 1] = np.median([clip[..., 1].max(axis=1) for clip in clips]) / 2
    half = np.tan(np.radians(FIELD_OF_VIEW / 2)) * MARGIN
    seen = np.concatenate([(clip - path[:, None]).reshape(-1, 3) for clip in clips]) @ view.axes.T
    needed = np.abs(seen[:, :2]).max(axis=1) / half + seen[:, 2]
    return Camera(path, float(max(needed.max(), NEAREST_M)), size, view)
