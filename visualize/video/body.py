"""Draws one 22-joint body into one picture: limbs as shaded capsules, far ones first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from body_models.skeleton import PARENTS
from visualize.arms import Colour
from visualize.video.camera import Camera
from visualize.video.contact import BELOW_M, TOES, Cues
from visualize.video.floor import Floor, Pixels, stroke

# Okabe & Ito's palette: told apart by colour-blind readers.
LEFT: Colour = (86, 180, 233)
RIGHT: Colour = (0, 94, 158)
TRUNK: Colour = (150, 158, 170)
OUTLINE: Colour = (42, 48, 58)
PLANTED: Colour = (0, 158, 115)
SLIDING: Colour = (230, 140, 0)
BELOW: Colour = (204, 32, 32)
FLOATING: Colour = (150, 70, 160)

SUPERSAMPLING = 3
OUTLINE_PX = 1.3

# Radius in metres at the start and at the end of the bone that ends in each joint.
RADII: dict[int, tuple[float, float]] = {
    1: (0.085, 0.085), 2: (0.085, 0.085), 3: (0.105, 0.095),
    4: (0.080, 0.055), 5: (0.080, 0.055), 6: (0.095, 0.105),
    7: (0.055, 0.038), 8: (0.055, 0.038), 9: (0.105, 0.110),
    10: (0.036, 0.026), 11: (0.036, 0.026), 12: (0.075, 0.045),
    13: (0.085, 0.070), 14: (0.085, 0.070), 15: (0.045, 0.045),
    16: (0.070, 0.055), 17: (0.070, 0.055), 18: (0.048, 0.038), 19: (0.048, 0.038),
    20: (0.038, 0.026), 21: (0.038, 0.026),
}  # fmt: skip
LEFT_BONES = frozenset({4, 7, 10, 18, 20})
RIGHT_BONES = frozenset({5, 8, 11, 19, 21})
HEAD_M, NOSE_M, HAND_M = 0.105, 0.028, 0.045
RING_M = 0.11


class _Capsule(NamedTuple):
    """A stroke in world coordinates, metres; a ball where start and end are the same."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    radii: tuple[float, float]
    colour: Colour
    trunk: bool = False


def draw_body(
    camera: Camera,
    floor: Floor,
    joints: NDArray[np.float64],
    cues: Cues,
    frame: int,
    trunk: Colour = TRUNK,
) -> Image.Image:
    """Draw frame `frame` of joints (F, 22, 3) in metres, with floor, shadow and cues."""
    capsules = _capsules(joints[frame], trunk)
    ends = np.array([(capsule.start, capsule.end) for capsule in capsules])
    pixels, depths = camera.project(ends, frame)
    scale = camera.focal / depths
    radii = np.array([capsule.radii for capsule in capsules]) * scale
    picture = floor.paint(frame, _shadows(camera, capsules, ends, frame))
    box = _bounds(pixels, radii, camera, joints, frame)
    region, draw = _magnify(picture, box)
    _draw_rings(draw, camera, joints, cues, frame, box)
    origin = np.array(box[:2], dtype=float)
    for group in _far_to_near(capsules, depths.mean(axis=1)):
        _draw_solid(
            draw,
            (pixels[group] - origin) * SUPERSAMPLING,
            radii[group] * SUPERSAMPLING,
            [capsules[index].colour for index in group],
        )
    _draw_cue(draw, camera, joints, cues, frame, origin)
    picture.paste(region.reduce(SUPERSAMPLING), box[:2])
    return picture


def _capsules(joints: NDArray[np.float64], trunk: Colour) -> list[_Capsule]:
    capsules = []
    for joint, radii in RADII.items():
        colour = LEFT if joint in LEFT_BONES else RIGHT if joint in RIGHT_BONES else trunk
        ends = joints[PARENTS[joint]], joints[joint]
        capsules.append(_Capsule(*ends, radii, colour, trunk=joint not in LEFT_BONES | RIGHT_BONES))
    for wrist, elbow, colour in ((20, 18, LEFT), (21, 19, RIGHT)):
        hand = joints[wrist] + 0.05 * _unit(joints[wrist] - joints[elbow])
        capsules.append(_Capsule(hand, hand, (HAND_M, HAND_M), colour))
    up = _unit(joints[15] - joints[12])
    head = joints[15] + 0.05 * up
    capsules.append(_Capsule(head, head, (HEAD_M, HEAD_M), trunk))
    # The nose tells where the person looks.
    ahead = _unit(np.cross(joints[16] - joints[17], up))
    nose = head + HEAD_M * ahead
    capsules.append(_Capsule(nose, nose, (NOSE_M, NOSE_M), trunk))
    return capsules


def _shadows(
    camera: Camera, capsules: list[_Capsule], ends: NDArray[np.float64], frame: int
) -> list[tuple[Pixels, Pixels, float, float]]:
    """Draw the body pressed flat onto the floor, as under a light straight above."""
    flat = ends * [1.0, 0.0, 1.0]
    pixels, depths = camera.project(flat, frame)
    # Seen at a slant a disc on the floor is lower than wide; a stroke cannot be, so it is thinned.
    scale = 0.7 * camera.focal / depths
    return [
        (start, end, capsule.radii[0] * size[0], capsule.radii[1] * size[1])
        for capsule, (start, end), size in zip(capsules, pixels, scale, strict=True)
    ]


def _bounds(
    pixels: NDArray[np.float64],
    radii: NDArray[np.float64],
    camera: Camera,
    joints: NDArray[np.float64],
    frame: int,
) -> tuple[int, int, int, int]:
    """Bound the part that body and cues touch: only that is drawn at high resolution."""
    floor_points, _ = camera.project(joints[frame] * [1.0, 0.0, 1.0], frame)
    spread = radii[..., None] + 2 * OUTLINE_PX
    low = np.minimum((pixels - spread).reshape(-1, 2).min(axis=0), floor_points.min(axis=0) - 24)
    high = np.maximum((pixels + spread).reshape(-1, 2).max(axis=0), floor_points.max(axis=0) + 24)
    left, top = np.clip(np.floor(low), 0, camera.size - 1).astype(int)
    right, bottom = np.clip(np.ceil(high), 1, camera.size).astype(int)
    return int(left), int(top), int(max(right, left + 1)), int(max(bottom, top + 1))


def _magnify(
    picture: Image.Image, box: tuple[int, int, int, int]
) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Enlarge the boxed part pixel by pixel, so that shrinking it again changes nothing."""
    part = picture.crop(box)
    part = part.resize(
        (part.width * SUPERSAMPLING, part.height * SUPERSAMPLING), Image.Resampling.NEAREST
    )
    return part, ImageDraw.Draw(part)


def _far_to_near(capsules: list[_Capsule], depths: NDArray[np.float64]) -> list[list[int]]:
    """Group strokes to draw as one solid: the trunk is one, every other stroke its own."""
    groups = [[i] for i, capsule in enumerate(capsules) if not capsule.trunk]
    groups.append([i for i, capsule in enumerate(capsules) if capsule.trunk])
    return sorted(groups, key=lambda group: -depths[group].mean())


def _draw_solid(
    draw: ImageDraw.ImageDraw,
    ends: NDArray[np.float64],
    radii: NDArray[np.float64],
    colours: list[Colour],
) -> None:
    """Draw strokes (N, 2, 2) with one outline around all; a lighter ridge faces the upper left."""
    rim = OUTLINE_PX * SUPERSAMPLING
    for (start, end), (first, second) in zip(ends, radii, strict=True):
        stroke(draw, start, end, first + rim, second + rim, OUTLINE)
    for (start, end), (first, second), colour in zip(ends, radii, colours, strict=True):
        stroke(draw, start, end, first, second, colour)
    for (start, end), (first, second), colour in zip(ends, radii, colours, strict=True):
        bright = tuple(level + (255 - level) * 2 // 5 for level in colour)
        lit = (start - 0.35 * first, end - 0.35 * second)
        stroke(draw, *lit, 0.42 * first, 0.42 * second, bright)


def _draw_rings(
    draw: ImageDraw.ImageDraw,
    camera: Camera,
    joints: NDArray[np.float64],
    cues: Cues,
    frame: int,
    box: tuple[int, int, int, int],
) -> None:
    """Draw a ring on the floor around every toe in contact."""
    for side, toe in enumerate(TOES):
        if cues.planted[frame, side] or cues.sliding[frame, side]:
            colour = PLANTED if cues.planted[frame, side] else SLIDING
            ring = _ring(camera, joints[frame, toe], frame) - box[:2]
            outline = [tuple(point) for point in ring * SUPERSAMPLING]
            draw.line([*outline, outline[0]], fill=colour, width=3 * SUPERSAMPLING, joint="curve")


def _draw_cue(
    draw: ImageDraw.ImageDraw,
    camera: Camera,
    joints: NDArray[np.float64],
    cues: Cues,
    frame: int,
    origin: Pixels,
) -> None:
    """Draw joints below the floor as red dots; a gap under somebody who floats as a purple line."""
    for joint in np.flatnonzero(joints[frame, :, 1] < -BELOW_M):
        centre = (camera.project(joints[frame, joint], frame)[0] - origin) * SUPERSAMPLING
        stroke(draw, centre, centre, 7 * SUPERSAMPLING, 7 * SUPERSAMPLING, (255, 255, 255))
        stroke(draw, centre, centre, 5 * SUPERSAMPLING, 5 * SUPERSAMPLING, BELOW)
    if cues.floating[frame]:
        lowest = joints[frame, cues.lowest[frame]]
        ends = np.array([lowest, lowest * [1.0, 0.0, 1.0]])
        start, end = (camera.project(ends, frame)[0] - origin) * SUPERSAMPLING
        width = 1.5 * SUPERSAMPLING
        stroke(draw, start, end, width, width, FLOATING)
        ring = (_ring(camera, lowest, frame) - origin) * SUPERSAMPLING
        outline = [tuple(point) for point in ring]
        draw.line([*outline, outline[0]], fill=FLOATING, width=2 * SUPERSAMPLING, joint="curve")


def _ring(camera: Camera, point: NDArray[np.float64], frame: int) -> NDArray[np.float64]:
    """Return pixels (24, 2) of a circle on the floor under `point`."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.stack([np.cos(angle), np.zeros_like(angle), np.sin(angle)], axis=-1) * RING_M
    return camera.project(circle + point * [1.0, 0.0, 1.0], frame)[0]


def _unit(vector: NDArray[np.floating]) -> NDArray[np.float64]:
    length = np.linalg.norm(vector)
    return vector / length if length > 1e-9 else np.zeros(3)
