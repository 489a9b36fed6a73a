"""Step MuJoCo and the computed-torque controller together."""

from __future__ import annotations

import io
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import mujoco as _mujoco
import numpy as np

from loop.errors import ScscError, StorageError
from loop.rundir.files import write_bytes
from uhc.control.computed_torque import Gains, computed_torque, desired_acceleration, yields
from uhc.control.reference import Reference
from uhc.humanoid.body import Humanoid
from uhc.humanoid.segments import TIMESTEP_S

mujoco: Any = _mujoco  # its compiled parts carry no types
logger = logging.getLogger(__name__)

MAX_SPEED = 1000.0
"""Generalised velocity, m/s or rad/s, above which the simulation has diverged."""
DIVERGED = "the simulation diverged"
_BREAKDOWNS = (mujoco.FatalError, np.linalg.LinAlgError)

CLIP_FAULTS = (
    ScscError, mujoco.FatalError, np.linalg.LinAlgError, ArithmeticError, ValueError, MemoryError,
)  # fmt: skip
"""What a clip that no person made can raise on its way through geometry, optimiser and physics."""

Observer: TypeAlias = Callable[[], None]
"""Called after every physics step of the simulation that it looks at."""
ObserverFactory: TypeAlias = Callable[["Simulation"], Observer]
"""Makes the observer of a simulation that is about to begin."""


def quieten_mujoco() -> None:
    """Log MuJoCo's warnings; otherwise it writes a file into the working directory."""
    mujoco.set_mju_user_warning(lambda message: logger.debug("MuJoCo: %s", message))


@dataclass
class Average:
    """A running mean."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float) -> None:
        """Count one more value."""
        self.total += value
        self.count += 1

    @property
    def mean(self) -> float:
        """Return the mean of all values so far; 0 without any."""
        return self.total / max(self.count, 1)


class Simulation:
    """Simulate one body that tracks one reference, with a bounded residual root wrench.

    The bound is `clamp_n` on each axis, N for the force and Nm for the torque.

    `force`, `torque` (of the residual root wrench) and `contact` (vertical) average newtons and
    newton metres over all physics steps so far. `shift` (2,) is by how much the reference has given
    way horizontally (`Gains.anchor`), metres. `observe`, if any, is called after each physics step.
    """

    def __init__(
        self, humanoid: Humanoid, reference: Reference, clamp_n: float, gains: Gains
    ) -> None:
        quieten_mujoco()
        self.humanoid, self.reference = humanoid, reference
        if humanoid.contacts == "body":  # arms bear load, and what lies cannot topple
            gains = gains._replace(upper_yield=0.0, anchor=0.0)
        self.clamp, self.gains = clamp_n, gains
        self.observe: Observer | None = None
        self._yields = yields(gains, humanoid.nv)
        self.force, self.torque, self.contact = Average(), Average(), Average()
        self.data = mujoco.MjData(humanoid.model)
        self._mass_matrix = np.zeros((humanoid.nv, humanoid.nv))
        self._contacts = humanoid.contact_sites, humanoid.contact_radii
        self._implicit = TIMESTEP_S * np.asarray(humanoid.model.dof_damping)
        self._push: np.ndarray | None = None
        self._views = tuple(
            getattr(self.data, name) for name in ("qfrc_bias", "qfrc_passive", "xpos", "xmat")
        )
        self.restart(0)

    def restart(self, step: int) -> None:
        """Put the body on the reference's pose and velocity of a physics step."""
        mujoco.mj_resetData(self.humanoid.model, self.data)
        self.data.qpos[:] = self.reference.qpos[step]
        self.data.qvel[:] = self.reference.qvel[step]
        self.dual, self.shift = np.zeros(6), np.zeros(2)
        self._before = self.data.time, self.data.qpos.copy(), self.data.qvel.copy()

    def advance(self, start: int, steps: int | None = None, push: np.ndarray | None = None) -> str:
        """Simulate from physics step `start` of the reference; returns why it stopped, or "".

        Args:
            start: row of the reference.
            steps: how many physics steps; default one frame of the reference.
            push: (nv,) acceleration to want on top of the controller's own, held all the time.
        """
        model, data = self.humanoid.model, self.data
        applied, constraint = data.qfrc_applied, data.qfrc_constraint
        self._push = push
        self._before = data.time, data.qpos.copy(), data.qvel.copy()
        for step in range(start, start + (steps or self.reference.stride)):
            try:
                mujoco.mj_step1(model, data)
                force = self._control(step)
                if not np.isfinite(force).all():
                    return DIVERGED
                applied[:] = force
                mujoco.mj_step2(model, data)
            except _BREAKDOWNS:
                logger.debug("The physics broke down", exc_info=True)
                return DIVERGED
            self.force.add(float(np.sqrt(force[0] ** 2 + force[1] ** 2 + force[2] ** 2)))
            self.torque.add(float(np.sqrt(force[3] ** 2 + force[4] ** 2 + force[5] ** 2)))
            self.contact.add(float(constraint[2]))
            if self.observe is not None:
                self.observe()
        finite = np.isfinite(data.qpos).all() and np.abs(data.qvel).max() < MAX_SPEED
        return "" if finite else DIVERGED

    def _control(self, step: int) -> np.ndarray:
        data, humanoid, reference = self.data, self.humanoid, self.reference
        bias, passive, positions, matrices = self._views
        mujoco.mj_fullM(humanoid.model, data, self._mass_matrix)
        sites, radii = self._contacts
        contacts = data.site_xpos[sites]
        contacts[:, 2] -= radii
        want = desired_acceleration(
            data.qpos, data.qvel, self._goal(step), reference.qvel[step], reference.qacc[step],
            self.gains,
        )  # fmt: skip
        if self._push is not None:
            want += self._push
        force, self.dual = computed_torque(
            want,
            self._mass_matrix,
            self._implicit,
            bias,
            passive,
            positions[1:],
            matrices[1:],
            contacts,
            humanoid.contact_bodies,
            humanoid.body_parents,
            humanoid.torque_limits,
            humanoid.body_weight,
            self.clamp,
            self._yields,
            self.dual,
        )
        return force

    def _goal(self, step: int) -> np.ndarray:
        """Return the reference's pose (nq,), shifted to where it has given way."""
        goal = self.reference.qpos[step].copy()
        apart = self.data.qpos[:2] - goal[:2]
        self.shift += self.gains.anchor * TIMESTEP_S * (apart - self.shift)
        goal[:2] += self.shift
        return goal

    def dump(self, folder: Path) -> None:
        """Save the state that went wrong, the one a frame before it, and the reference.

        The file is a new `diverged_<number>.npz` in `folder`, whoever else writes there. One that
        cannot be written costs a warning and not the clip.
        """
        time_before, qpos_before, qvel_before = self._before
        content = io.BytesIO()
        np.savez(
            content,
            time=self.data.time,
            qpos=self.data.qpos,
            qvel=self.data.qvel,
            qfrc_applied=self.data.qfrc_applied,
            time_before=time_before,
            qpos_before=qpos_before,
            qvel_before=qvel_before,
            reference_qpos=self.reference.qpos,
            clamp_n=self.clamp,
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = _new_file(folder)
            write_bytes(path, content.getvalue())
        except (OSError, StorageError) as error:
            logger.warning("A simulation diverged; its state could not be saved: %s", error)
        else:
            logger.warning("A simulation diverged; its state is in %s", path)


def _new_file(folder: Path) -> Path:
    """Create an empty file that is ours alone: several workers may save at the same moment."""
    for number in itertools.count(len(list(folder.glob("diverged_*.npz")))):
        path = folder / f"diverged_{number:03d}.npz"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        return path
    raise AssertionError("numbers do not end")
