"""Step MuJoCo and the computed-torque controller together."""

from __future__ import annotations

import io
import itertools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from loop.errors import ScscError, StorageError
from loop.rundir.files import write_bytes
from uhc.control.computed_torque import Gains, yields
from uhc.control.reference import Reference
from uhc.control.stepping import RECORD, install
from uhc.humanoid.body import Humanoid
from uhc.humanoid.segments import TIMESTEP_S
from uhc.humanoid.untyped import mujoco

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


class Simulation:
    """Simulate one body that tracks one reference, with a bounded residual root wrench.

    The bound is `clamp_n` on each axis, N for the force and Nm for the torque.

    `shift` (2,) is by how much the reference has given way horizontally (`Gains.anchor`), metres,
    `dual` (6,) the starting point of the next contact problem. `observe`, if any, is called after
    each physics step.
    """

    def __init__(
        self, humanoid: Humanoid, reference: Reference, clamp_n: float, gains: Gains
    ) -> None:
        quieten_mujoco()
        install()
        self.humanoid, self.reference, self.clamp = humanoid, reference, clamp_n
        if humanoid.contacts == "body":  # arms bear load, and what lies cannot topple
            gains = gains._replace(upper_yield=0.0, anchor=0.0)
        self.observe: Observer | None = None
        self.dual, self.shift = np.zeros(6), np.zeros(2)
        self.data = data = mujoco.MjData(humanoid.model)
        self._push, self._stopped = np.zeros(humanoid.nv), np.zeros(humanoid.nq + humanoid.nv)
        self._arrays = {
            "qpos": data.qpos, "qvel": data.qvel, "bias": data.qfrc_bias,
            "passive": data.qfrc_passive, "positions": data.xpos[1:], "matrices": data.xmat[1:],
            "sites": data.site_xpos, "applied": data.qfrc_applied,
            "constraint": data.qfrc_constraint, "ref_qpos": reference.qpos,
            "ref_qvel": reference.qvel, "ref_qacc": reference.qacc, "push": self._push,
            "dual": self.dual, "shift": self.shift, "mass": np.empty((humanoid.nv, humanoid.nv)),
            "implicit": TIMESTEP_S * np.asarray(humanoid.model.dof_damping),
            "site_ids": humanoid.contact_sites, "radii": humanoid.contact_radii,
            "contact_bodies": humanoid.contact_bodies, "body_parents": humanoid.body_parents,
            "limits": humanoid.torque_limits, "yields": yields(gains, humanoid.nv),
            "stopped": self._stopped,
        }  # fmt: skip
        self._record = np.zeros(1, RECORD)
        numbers = {
            "off": 1, "nv": humanoid.nv, "n_sites": len(data.site_xpos),
            "n_contacts": len(humanoid.contact_sites),
            "weight": humanoid.body_weight, "clamp": clamp_n, "anchor": gains.anchor,
        }  # fmt: skip
        for name, array in self._arrays.items():
            assert array.flags.c_contiguous and array.dtype in (np.float64, np.int64), name
            self._record[name] = array.ctypes.data
        for name in ("horizontal", "vertical", "rotation", "legs", "upper"):
            spring = getattr(gains, name)
            numbers |= {f"{name}_k": spring.stiffness, f"{name}_d": spring.damping}
        for name, number in numbers.items():
            self._record[name] = number
        self.restart(0)

    @property
    def mean_force(self) -> float:
        """Return the mean of the residual root force over all physics steps so far, N."""
        return self._mean("force")

    @property
    def mean_torque(self) -> float:
        """Return the mean of the residual root torque, Nm."""
        return self._mean("torque")

    @property
    def mean_contact(self) -> float:
        """Return the mean of the vertical contact force, N."""
        return self._mean("contact")

    def _mean(self, name: str) -> float:
        return float(self._record[name][0] / max(self._record["done"][0], 1))

    def restart(self, step: int) -> None:
        """Put the body on the reference's pose and velocity of a physics step."""
        mujoco.mj_resetData(self.humanoid.model, self.data)
        self.data.userdata[0] = self._record.ctypes.data
        self.data.qpos[:] = self.reference.qpos[step]
        self.data.qvel[:] = self.reference.qvel[step]
        self.dual[:], self.shift[:] = 0.0, 0.0
        self._before = self.data.time, self.data.qpos.copy(), self.data.qvel.copy()

    def advance(self, start: int, steps: int | None = None, push: np.ndarray | None = None) -> str:
        """Simulate from physics step `start` of the reference; returns why it stopped, or "".

        Args:
            start: row of the reference.
            steps: how many physics steps; default one frame of the reference.
            push: (nv,) acceleration to want on top of the controller's own, held all the time.
        """
        data, record, count = self.data, self._record, steps or self.reference.stride
        self._before = data.time, data.qpos.copy(), data.qvel.copy()
        record["row"], record["failed"] = start, 0
        self._push[:] = 0.0 if push is None else push
        try:
            for _ in range(1 if self.observe is None else count):
                record["off"] = 0
                mujoco.mj_step(self.humanoid.model, data, count if self.observe is None else 1)
                record["off"] = 1  # others may ask MuJoCo for forward dynamics
                if record["failed"][0]:
                    break
                record["contact"] += data.qfrc_constraint[2]
                record["pending"] = 0
                if self.observe is not None:
                    self.observe()
        except _BREAKDOWNS:
            logger.debug("The physics broke down", exc_info=True)
            record["off"] = 1
            return DIVERGED
        if record["failed"][0]:  # MuJoCo went on: back to where no force was found
            data.qpos[:], data.qvel[:] = np.split(self._stopped, [self.humanoid.nq])
            data.time = self._before[0] + TIMESTEP_S * (record["row"][0] - start)
            return DIVERGED
        finite = np.isfinite(data.qpos).all() and np.abs(data.qvel).max() < MAX_SPEED
        return "" if finite else DIVERGED

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
            logger.debug("A simulation diverged; its state is in %s", path)


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
