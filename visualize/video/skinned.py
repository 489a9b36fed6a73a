"""A skinned body performing motions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from loop.progress import track
from translation.ik import solve_ik
from visualize.arms import BODY_COLOURS, Colour
from visualize.video.camera import Camera, View, follow_each
from visualize.video.sheet import Clip, Painter, Sheet, prepare
from visualize.video.simulator import resting_toe
from visualize.video.skinned_mesh import SkinnedMesh, fit, skin, sole_depth
from visualize.video.skinned_source import load_mesh
from visualize.video.stage import Mesh, Stage

Array = NDArray[np.float64]


def skinned_frames(
    clips: Sequence[Clip], fps: float, size: int, view: View, columns: int | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Draw frames (H, W, 3) of clips on a skinned body; arguments as in `visualize.video.looks`.

    The mesh takes the bone lengths of each motion. The whole motion is raised by what the sole is
    thick under a resting toe joint; otherwise who floats or sinks does so here too.
    """
    motions, lengths = prepare(clips, fps, size)
    mesh = load_mesh()
    stage = Stage(size, Mesh(mesh.faces, len(mesh.vertices)))
    work = list(zip(follow_each(motions, size, view), motions, lengths, clips, strict=True))
    painters = [
        _painter(stage, camera, mesh, motion[:length], clip.colour or BODY_COLOURS["real"])
        for camera, motion, length, clip in track(work, "posing")
    ]
    return Sheet(clips, lengths, fps, size, columns).frames(painters)


def _painter(
    stage: Stage, camera: Camera, mesh: SkinnedMesh, motion: Array, colour: Colour
) -> Painter:
    pose = solve_ik([motion], threads=1)[0]
    fitted = fit(mesh, pose.skeleton)
    lift = np.array([0.0, sole_depth(fitted) - resting_toe(motion), 0.0], np.float32)
    posed = skin(fitted, pose)
    last: list[NDArray[np.float32]] = []  # frames come in order; a clip that ended holds its last

    def paint(frame: int) -> Image.Image:
        if frame < len(motion):
            last[:] = [next(posed) + lift]
        focus = camera.targets[frame]
        return stage.picture(camera, frame, focus, vertices=last[0], colour=colour)

    return paint
