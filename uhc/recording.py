"""What the simulator did to one motion, kept for the eye: poses, contact forces, outside help."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import mujoco as _mujoco
import numpy as np
from numpy.typing import NDArray

from body_models.skeleton import Skeleton, check_joints
from loop.errors import SimulationError
from uhc.humanoid import Humanoid
from uhc.kinodynamic import RefineOptions, refine
from uhc.pipeline import FPS, SINK_M, prepare
from uhc.reference import build_reference
from uhc.segments import SOLE_BELOW_TOE_M
from uhc.simulation import Simulation
from uhc.tracker import TrackerOptions, track

mujoco: Any = _mujoco  # its compiled parts carry no types
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Recording:
    """A simulated motion of F frames; world frame, z up, metres and newtons.

    Attributes:
        humanoid: the body.
        qpos: (F, nq) the poses it took.
        contact_points: (F, 2, 3) where the floor pushes each foot (left, right): the centre of its
            contacts weighted by load; NaN without contact.
        contact_forces: (F, 2, 3) mean force of the floor on each foot over the frame.
        residual_force: (F, 3) mean force at the root from outside the physics.
        clamp_n: its bound on each axis.
        rest_toe: height that a resting toe has in the corrected motion, metres.
    """

    humanoid: Humanoid
    qpos: Array
    contact_points: Array
    contact_forces: Array
    residual_force: Array
    clamp_n: float
    rest_toe: float

    @property
    def lift(self) -> float:
        """How far the soles' floor (z = 0) is below the floor of the motion's joints, metres."""
        return SOLE_BELOW_TOE_M - SINK_M - self.rest_toe


def record(
    joints: NDArray[Any],
    skeleton: Skeleton | None = None,
    options: TrackerOptions | None = None,
) -> Recording:
    """Correct joints (F, 22, 3), metres, y up, 20 fps, as `uhc.imitate` does, and keep the forces.

    The controller is deterministic, so the poses are those that the correction delivers.

    Raises:
        InvalidMotionError: no motion, or too short.
        SimulationError: the controller could not follow it.
    """
    options = options or TrackerOptions()
    clip = prepare(check_joints(joints), skeleton)
    refined = refine(clip.humanoid, clip.qpos, FPS, RefineOptions())
    tracked = track(clip.humanoid, refined.qpos, FPS, options)
    if not tracked.success:
        raise SimulationError(
            "the controller could not follow this motion",
            found=f"{tracked.reason} in frame {tracked.failed_frame}",
            remedy="draw it without forces",
        )
    return _replay(clip.humanoid, refined.qpos, tracked.clamp_n, options, clip.rest_toe)


def _replay(
    humanoid: Humanoid, qpos: Array, clamp_n: float, options: TrackerOptions, rest_toe: float
) -> Recording:
    """The attempt that `track` kept, once more, one physics step at a time."""
    lowered = qpos.copy()
    lowered[:, 2] -= options.settle_m
    reference = build_reference(lowered, FPS)
    single = replace(reference, stride=1)
    simulation = Simulation(humanoid, single, clamp_n, options.gains)
    simulation.data.qpos[2] += options.start_lift_m
    frames = len(qpos)
    poses = np.empty((frames, humanoid.nq))
    poses[0] = simulation.data.qpos
    loads = np.zeros((frames, 2))
    points, forces = np.zeros((frames, 2, 3)), np.zeros((frames, 2, 3))
    residual = np.zeros((frames, 3))
    feet = _feet(humanoid)
    for frame in range(1, frames):
        for step in range((frame - 1) * reference.stride, frame * reference.stride):
            trouble = simulation.advance(step)
            if trouble:
                raise SimulationError(trouble, found=f"in frame {frame}")
            _add_contacts(humanoid, simulation.data, feet, points, forces, loads, frame)
            residual[frame] += simulation.data.qfrc_applied[:3]
        poses[frame] = simulation.data.qpos
    with np.errstate(invalid="ignore"):  # no contact, no place of it
        points /= np.where(loads > 0, loads, np.nan)[..., None]
    # The first frame is before the first step; it looks like the second.
    for array in (points, forces, residual):
        array[0] = array[1]
    return Recording(
        humanoid, poses, points, forces / reference.stride, residual / reference.stride,
        clamp_n, rest_toe,
    )  # fmt: skip


def _feet(humanoid: Humanoid) -> dict[int, int]:
    """MuJoCo's body of each foot (left 0, right 1); the world is its body 0."""
    left, right = humanoid.corner_bodies[0] + 1, humanoid.corner_bodies[4] + 1
    return {int(left): 0, int(right): 1}


def _add_contacts(
    humanoid: Humanoid,
    data: Any,
    feet: dict[int, int],
    points: Array,
    forces: Array,
    loads: Array,
    frame: int,
) -> None:
    """Sum this step's forces on the feet; any other contact counts for no foot."""
    wrench = np.zeros(6)
    for index in range(data.ncon):
        contact = data.contact[index]
        first, second = (int(humanoid.model.geom_bodyid[geom]) for geom in contact.geom)
        foot = feet.get(second, feet.get(first))
        if foot is None:
            continue
        mujoco.mj_contactForce(humanoid.model, data, index, wrench)
        # The wrench acts on the second geom, in the contact's frame (rows of `frame`).
        force = contact.frame.reshape(3, 3).T @ wrench[:3]
        if second not in feet:
            force = -force
        forces[frame, foot] += force
        load = max(force[2], 0.0)
        points[frame, foot] += load * contact.pos
        loads[frame, foot] += load
