"""The floor at y = 0: a checkerboard in perspective with soft shadows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from visualize.video.camera import Camera

TILE_M = 0.5
LIGHT, DARK = np.float32(232), np.float32(203)
SKY = np.array([247, 249, 251], dtype=np.float32)
FOG_M = (1.5, 14.0)
"""The floor fades into the sky between these distances beyond the person's own distance."""
SHADOW = 0.45
"""Share of the light that a full shadow takes."""

Pixels = NDArray[np.float64]
Image32 = NDArray[np.float32]


class Floor:
    """Paints the background of every frame; all that does not change is worked out once."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._view = view = camera.floor_view
        self._widths = (_pixel_width(view.x), _pixel_width(view.z))
        near, far = FOG_M
        fog = np.sqrt(np.clip((view.distance - camera.distance - near) / (far - near), 0, 1))
        self._contrast = (1 - fog) * (LIGHT - DARK) / 2
        self._mean = (1 - fog)[..., None] * (LIGHT + DARK) / 2 + fog[..., None] * SKY
        self._sky = np.broadcast_to(SKY, (view.first_row, camera.size, 3)).astype(np.uint8)

    def paint(
        self, frame: int, shadows: Sequence[tuple[Pixels, Pixels, float, float]]
    ) -> Image.Image:
        """Paint floor and sky of a frame; each shadow is a stroke (start, end, radii), pixels."""
        x, _, z = (self._camera.targets[frame] / TILE_M).astype(np.float32)
        waves = _square_wave(self._view.x / np.float32(TILE_M) + x, self._widths[0])
        waves *= _square_wave(self._view.z / np.float32(TILE_M) + z, self._widths[1])
        light = self._mean + (self._contrast * waves)[..., None]
        light *= self._shade(shadows)[self._view.first_row :, :, None]
        return Image.fromarray(np.concatenate([self._sky, light.astype(np.uint8)]))

    def _shade(self, shadows: Sequence[tuple[Pixels, Pixels, float, float]]) -> Image32:
        """Return the brightness (size, size) in 0..1 that shadows leave, soft by half size."""
        half = self._camera.size // 2
        mask = Image.new("L", (half, half))
        draw = ImageDraw.Draw(mask)
        for start, end, first, second in shadows:
            stroke(draw, start / 2, end / 2, first / 2, second / 2, 255)
        mask = mask.filter(ImageFilter.BoxBlur(self._camera.size / 160))
        mask = mask.resize((self._camera.size, self._camera.size), Image.Resampling.BILINEAR)
        return 1.0 - np.asarray(mask, dtype=np.float32) * np.float32(SHADOW / 255)


def stroke(
    draw: ImageDraw.ImageDraw,
    start: Pixels,
    end: Pixels,
    first: float,
    second: float,
    fill: int | tuple[int, ...],
) -> None:
    """Draw a stroke from a round end of radius `first` to one of radius `second`, in pixels."""
    along = end - start
    length = float(np.hypot(*along))
    if length > 1e-6:
        normal = np.array([-along[1], along[0]]) / length
        corners = [start + first * normal, end + second * normal]
        corners += [end - second * normal, start - first * normal]
        draw.polygon([tuple(corner) for corner in corners], fill=fill)
    for (x, y), radius in ((start, first), (end, second)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _pixel_width(coordinate: Image32) -> Image32:
    """Compute the width in tiles of each pixel on the floor, along one axis.

    The checks fade to their mean where a pixel covers whole tiles, so the horizon does not flicker.
    """
    across, down = np.gradient(coordinate)
    width = (np.abs(across) + np.abs(down)) / TILE_M
    return np.maximum(width, 1e-3).astype(np.float32)


def _square_wave(phase: Image32, width: Image32) -> Image32:
    """Compute a wave of +1 and -1 in turns, one a tile, averaged over `width` around `phase`.

    The wave's integral is the triangle 1 - 2 |frac(phase / 2) - 1/2|.
    """
    half = np.float32(0.5)
    ends = [half * (phase + sign * half * width) for sign in (np.float32(1), np.float32(-1))]
    upper, lower = (np.abs(end - np.floor(end) - half) for end in ends)
    return np.asarray(2 * (lower - upper) / width, dtype=np.float32)
