"""The simulator's humanoid performing motions, with the forces on it where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from loop.errors import InvalidOptionError
from loop.progress import track
from translation.humanml import FPS
from uhc.humanoid.body import Contacts, Humanoid
from uhc.humanoid.fitting import MAX_REST_TOE_M, inverse_kinematics
from uhc.humanoid.model import qpos_to_joints
from uhc.humanoid.segments import SOLE_BELOW_TOE_M
from uhc.humanoid.untyped import mujoco
from uhc.options import CorrectionOptions
from uhc.recording import Recording, record
from visualize.arms import BODY_COLOURS, Colour
from visualize.video.camera import Camera, View, follow_each
from visualize.video.labels import legend_strip
from visualize.video.sheet import Clip, Painter, Sheet, hold, prepare
from visualize.video.stage import Arrow, Shape, Stage

Array = NDArray[np.float64]

CONTACT: Colour = (204, 32, 32)
RESIDUAL: Colour = (150, 70, 160)
METRES_PER_BODY_WEIGHT = 0.6
"""Length of an arrow; the residual force is small, so that its arrows are twice as long."""
RESIDUAL_SCALE = 2.0
SEE_THROUGH: dict[Contacts, float] = {"feet": 0.4, "body": 0.2}
"""Opacity of a body with forces: the arrows from a foot run up inside its leg, those from hands and
knees are short and under a trunk of many capsules."""
LEAST_BODY_WEIGHTS = 0.02
"""Weaker forces get no arrow."""
SIGNS = (
    ("floor pushes (0.6 m = body weight)", CONTACT, False),
    ("residual force (1.2 m = body weight)", RESIDUAL, False),
)


@dataclass(frozen=True, eq=False)
class Performance:
    """What the humanoid does: poses (F, nq), and the forces on it if they were recorded."""

    humanoid: Humanoid
    qpos: Array
    recording: Recording | None = None


def perform(joints: NDArray[np.floating]) -> Performance:
    """Pose the humanoid by inverse kinematics of joints (F, 22, 3), metres; no simulation.

    Faults stay in sight: who floats or sinks does so here. Only the whole motion is raised by the
    thickness of the sole under a resting toe joint.
    """
    humanoid, qpos = inverse_kinematics(joints)
    qpos[:, 2] += SOLE_BELOW_TOE_M - resting_toe(joints)
    return Performance(humanoid, qpos)


def resting_toe(joints: NDArray[np.floating]) -> float:
    """Estimate the height of resting toe joints, metres: 0 to 1 cm in a sound motion."""
    lowest = np.percentile(joints[:, [10, 11], 1].min(axis=1), 40)
    return float(np.clip(lowest, 0.0, MAX_REST_TOE_M))


def simulator_frames(
    clips: Sequence[Clip],
    fps: float,
    size: int,
    view: View,
    columns: int | None = None,
    forces: bool = False,
) -> Iterator[NDArray[np.uint8]]:
    """Draw frames (H, W, 3) of the clips on the humanoid; arguments as in `visualize.video.looks`.

    With `forces` each motion is corrected in the simulator first, as its `request` says, and what
    is drawn is what the simulated body did.

    Raises SimulationError where the controller cannot follow a motion, InvalidOptionError where its
    forces are not recorded.
    """
    motions, lengths = prepare(clips, fps, size)
    performances = []
    for clip, motion, length in track(list(zip(clips, motions, lengths, strict=True)), "posing"):
        own = motion[:length]
        performances.append(_recorded(own, fps, clip.request) if forces else perform(own))
    shown = [
        hold(qpos_to_joints(p.humanoid, p.qpos).astype(np.float64), len(motions[0]))
        for p in performances
    ]
    stage = Stage(size)
    painters = [
        _painter(stage, camera, performance, clip.colour or BODY_COLOURS["real"])
        for camera, performance, clip in zip(
            follow_each(shown, size, view), performances, clips, strict=True
        )
    ]
    legend = (lambda width: legend_strip(width, SIGNS)) if forces else None
    return Sheet(clips, lengths, fps, size, columns, legend).frames(painters)


def _recorded(joints: Array, fps: float, request: CorrectionOptions | None) -> Performance:
    if fps != FPS:
        raise InvalidOptionError("the simulator tracks 20 frames a second", found=fps)
    recording = record(joints, request)
    return Performance(recording.humanoid, recording.qpos, recording)


def _painter(stage: Stage, camera: Camera, performance: Performance, colour: Colour) -> Painter:
    data = mujoco.MjData(performance.humanoid.model)
    solid = [
        geom
        for geom in range(performance.humanoid.model.ngeom)
        if performance.humanoid.model.geom_type[geom] != mujoco.mjtGeom.mjGEOM_PLANE
    ]

    def paint(frame: int) -> Image.Image:
        at = min(frame, len(performance.qpos) - 1)
        data.qpos[:] = performance.qpos[at]
        mujoco.mj_kinematics(performance.humanoid.model, data)
        shapes: list[Shape | Arrow] = [_shape(performance, data, g, colour) for g in solid]
        if performance.recording is not None:
            shapes += _arrows(performance.recording, at)
        return stage.picture(camera, frame, camera.targets[frame], shapes)

    return paint


def _shape(performance: Performance, data: Any, geom: int, colour: Colour) -> Shape:
    model = performance.humanoid.model
    return Shape(
        model.geom_type[geom],
        model.geom_size[geom],
        np.array(data.geom_xpos[geom]),
        np.array(data.geom_xmat[geom]).reshape(3, 3),
        colour,
        1.0 if performance.recording is None else SEE_THROUGH[performance.humanoid.contacts],
    )


def _arrows(recording: Recording, frame: int) -> list[Arrow]:
    scale = METRES_PER_BODY_WEIGHT / recording.humanoid.body_weight
    weak = LEAST_BODY_WEIGHTS * recording.humanoid.body_weight
    arrows = [
        Arrow(point, scale * force, CONTACT)
        for point, force in zip(
            recording.contact_points[frame], recording.contact_forces[frame], strict=True
        )
        if np.linalg.norm(force) > weak and np.isfinite(point).all()
    ]
    residual = recording.residual_force[frame]
    if np.linalg.norm(residual) > weak:
        root = recording.qpos[frame, :3]
        arrows.append(Arrow(root, RESIDUAL_SCALE * scale * residual, RESIDUAL))
    return arrows
