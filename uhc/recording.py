"""Recording of what the simulator did to one motion: poses, contact forces, residual force."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from body_models.skeleton import check_joints
from loop.errors import SimulationError
from translation.humanml import FPS
from uhc.control.simulation import Simulation
from uhc.humanoid.body import Humanoid
from uhc.humanoid.fitting import fit_motion
from uhc.humanoid.segments import ANKLES
from uhc.humanoid.untyped import mujoco
from uhc.options import CorrectionOptions
from uhc.pipeline import track_refined
from uhc.refine.solve import NEAR, refine


@dataclass(frozen=True, eq=False)
class Recording:
    """A simulated motion of F frames; world frame, z up, metres and newtons.

    Attributes:
        humanoid: the body.
        qpos: (F, nq) the poses it took.
        contact_geoms: (P,) MuJoCo's geoms that may touch the floor: left foot, right foot, others.
        contact_points: (F, P, 3) where the floor pushes each of them: the centre of its contacts
            weighted by load; NaN without contact.
        contact_forces: (F, P, 3) mean force of the floor on each over the frame.
        residual_force: (F, 3) mean force at the root from outside the physics.
        clamp_n: its bound on each axis.
        lift: how far the soles' floor (z = 0) is below the floor of the motion's joints, metres.
    """

    humanoid: Humanoid
    qpos: Array
    contact_geoms: NDArray[np.int64]
    contact_points: Array
    contact_forces: Array
    residual_force: Array
    clamp_n: float
    lift: float


def record(joints: NDArray[np.floating], options: CorrectionOptions | None = None) -> Recording:
    """Correct joints (F, 22, 3), metres, y up, 20 fps, as `uhc.pipeline` does; keep the forces.

    What is recorded is the very simulation that the correction delivers, whatever controls it.

    Raises:
        InvalidMotionError: no motion, or too short.
        InvalidOptionError: the controller does not simulate the humanoid.
        SimulationError: the controller could not track it.
    """
    options = options or CorrectionOptions()
    options.controller.capabilities.check(recording=True)
    positions = check_joints(joints)
    clip = fit_motion(positions, options.skeleton, options.contacts, options.ik)
    refined = refine(clip.humanoid, clip.qpos, FPS, NEAR)
    tracked = track_refined(clip, refined.qpos, positions, options, _Recorder)
    if not tracked.success:
        raise SimulationError(
            "the controller could not track this motion",
            found=f"{tracked.reason} in frame {tracked.failed_frame}",
            remedy="draw it without forces",
        )
    assert isinstance(tracked.observer, _Recorder)
    return tracked.observer.recording(
        tracked.qpos, float(tracked.qpos[0, 2] - tracked.joints[0, 0, 1])
    )


class _Recorder:
    """Forces of one simulation, summed over each frame; called after every physics step."""

    def __init__(self, simulation: Simulation) -> None:
        reference = simulation.reference
        self._simulation, self._steps, self._stride = simulation, 0, reference.stride
        frames = (len(reference.qpos) - 1) // reference.stride + 1
        self._geoms = _touching(simulation.humanoid)
        self._places = {geom: place for place, geom in enumerate(self._geoms)}
        count = len(self._geoms)
        self._loads = np.zeros((frames, count))
        self._points, self._forces = np.zeros((2, frames, count, 3))
        self._residual = np.zeros((frames, 3))

    def __call__(self) -> None:
        frame = self._steps // self._stride + 1
        self._steps += 1
        self._add_contacts(frame)
        self._residual[frame] += self._simulation.data.qfrc_applied[:3]

    def _add_contacts(self, frame: int) -> None:
        """Sum this step's forces of the floor; nothing else can be touched."""
        model, data, wrench = self._simulation.humanoid.model, self._simulation.data, np.zeros(6)
        for index in range(data.ncon):
            contact = data.contact[index]
            first, second = (int(geom) for geom in contact.geom)
            mujoco.mj_contactForce(model, data, index, wrench)
            # The wrench acts on the second geom, in the contact's frame (rows of `frame`).
            force = contact.frame.reshape(3, 3).T @ wrench[:3]
            if second not in self._places:
                second, force = first, -force
            place = self._places[second]
            self._forces[frame, place] += force
            load = max(force[2], 0.0)
            self._points[frame, place] += load * contact.pos
            self._loads[frame, place] += load

    def recording(self, qpos: Array, lift: float) -> Recording:
        """Return the recording of a simulation that took the poses (F, nq)."""
        with np.errstate(invalid="ignore"):  # no contact, no place of it
            points = self._points / np.where(self._loads > 0, self._loads, np.nan)[..., None]
        forces, residual = self._forces / self._stride, self._residual / self._stride
        # The first frame is before the first step; it looks like the second.
        for array in (points, forces, residual):
            array[0] = array[1]
        return Recording(
            self._simulation.humanoid,
            qpos,
            np.array(self._geoms),
            points,
            forces,
            residual,
            self._simulation.clamp,
            lift,
        )


def _touching(humanoid: Humanoid) -> list[int]:
    """List MuJoCo's geoms that can meet the floor, left and right foot first."""
    model = humanoid.model
    feet = [int(model.geom(f"geom_{ankle}_0").id) for ankle in ANKLES]
    floor = int(model.geom("floor").id)
    others = [geom for geom in range(model.ngeom) if model.geom_contype[geom] and geom != floor]
    return feet + [geom for geom in others if geom not in feet]
