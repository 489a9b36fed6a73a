"""Simulated tracking: the humanoid follows a reference motion under gravity and contact.

No learned weights. Torques come from `uhc.control`; the only help from outside the physics is a
wrench at the root whose every axis is bounded, and which is measured and reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mujoco as _mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from loop.errors import InvalidMotionError, InvalidOptionError
from uhc.control import computed_torque, desired_acceleration
from uhc.humanoid import TIMESTEP_S, Humanoid, qpos_to_joints_zup
from uhc.poses import qpos_difference, same_hemisphere

mujoco: Any = _mujoco
Array = NDArray[np.float64]

CLAMP_LADDER_N = (0.0, 25.0, 50.0, 100.0, 200.0)
FAILURE_M = 0.5
"""Mean distance of the bodies to the reference above which tracking has failed (as in UHC)."""
MAX_SPEED = 1000.0
"""Generalised velocity, m/s or rad/s, above which the simulation has diverged."""


_BAD_STATE = (
    mujoco.mjtWarning.mjWARN_BADQPOS,
    mujoco.mjtWarning.mjWARN_BADQVEL,
    mujoco.mjtWarning.mjWARN_BADQACC,
)


@dataclass(frozen=True)
class TrackerOptions:
    """Settings of the controller; chosen on the clips named in `results/uhc`."""

    root_rate: float = 20.0
    """Angular frequency of the spring that draws the root to the reference, rad/s."""
    joint_rate: float = 25.0
    """The same for the joints."""
    ladder: tuple[float, ...] = CLAMP_LADDER_N
    """Bounds of the residual root wrench to try in turn, N (forces) and Nm (torques) an axis."""
    accept_error_m: float = 0.1
    """A rung of the ladder is kept at once when the mean joint distance stays below this."""
    control_every: int = 1
    """Physics steps that share one generalised force."""
    failure_m: float = FAILURE_M


@dataclass(frozen=True)
class Reference:
    """What to track at every physics step: (T, nq), (T, nv), (T, nv); frames are `stride` apart."""

    qpos: Array
    qvel: Array
    qacc: Array
    stride: int


@dataclass(frozen=True)
class Tracking:
    """One simulated attempt; arrays at the input's frame rate.

    `qpos` holds the frames reached before a failure; `force_bw` and `torque_bwm` are the mean
    magnitudes of the residual root wrench over the frames reached, in body weights and body-weight
    metres.
    """

    qpos: Array
    success: bool
    reason: str
    clamp_n: float
    force_bw: float
    torque_bwm: float
    error_m: float
    """Mean distance of all 22 joints to the reference over the frames reached."""
    contact_bw: float = field(default=0.0)
    """Mean vertical contact force over the frames reached, body weights."""


def build_reference(qpos: NDArray[Any], fps: float, playback_rate: float = 1.0) -> Reference:
    """Cubic interpolation of poses (F, nq) at `fps` to the physics rate.

    `playback_rate` 1 simulates in real time; the published code plays 20 fps motion 1.5 times too
    fast. Raises InvalidOptionError unless a frame lasts a whole number of physics steps, and
    InvalidMotionError for fewer than 4 frames.
    """
    exact = 1.0 / (TIMESTEP_S * fps * playback_rate)
    stride = round(exact)
    if stride < 1 or abs(exact - stride) > 1e-6:
        raise InvalidOptionError(
            "A frame has to last a whole number of physics steps.",
            found=f"{fps} fps played at {playback_rate}: {exact:.3f} steps",
            remedy="use 20 fps with playback_rate 1.0 or 1.5",
        )
    if len(qpos) < 4:
        raise InvalidMotionError(
            "A motion this short cannot be tracked.", found=len(qpos), expected="4 frames or more"
        )
    spline = CubicSpline(np.arange(len(qpos)) * stride, same_hemisphere(qpos), axis=0)
    # Two steps beyond either end, so that central differences exist everywhere.
    fine = spline(np.arange(-2, (len(qpos) - 1) * stride + 3))
    quats = fine[:, 3:].reshape(len(fine), -1, 4)
    quats /= np.linalg.norm(quats, axis=-1, keepdims=True)
    steps = qpos_difference(fine[:-1], fine[1:], TIMESTEP_S)
    qvel = 0.5 * (steps[1:] + steps[:-1])
    qacc = (qvel[2:] - qvel[:-2]) / (2.0 * TIMESTEP_S)
    return Reference(fine[2:-2].copy(), qvel[1:-1].copy(), qacc, stride)


def track(
    humanoid: Humanoid,
    qpos: NDArray[Any],
    fps: float = 20.0,
    options: TrackerOptions | None = None,
    playback_rate: float = 1.0,
    dump_folder: Path | None = None,
) -> Tracking:
    """Track poses (F, nq), z up with the soles at floor height, with as little help as it takes.

    The rungs of the ladder are tried from the smallest. The first that follows the whole clip
    within `accept_error_m` is kept; when several follow it but none that closely, the closest one.
    When none does, the last attempt is returned with `success` False.

    When the simulation diverges its last state is written to `dump_folder`, if given.
    """
    options = options or TrackerOptions()
    reference = build_reference(qpos, fps, playback_rate)
    best: Tracking | None = None
    for clamp in options.ladder:
        attempt = simulate(humanoid, reference, clamp, options, dump_folder)
        if best is None or (attempt.success, -attempt.error_m) > (best.success, -best.error_m):
            best = attempt
        if attempt.success and attempt.error_m <= options.accept_error_m:
            return attempt
    if best is None:
        raise InvalidOptionError("The ladder of residual wrenches is empty.")
    return best


def simulate(
    humanoid: Humanoid,
    reference: Reference,
    clamp_n: float,
    options: TrackerOptions,
    dump_folder: Path | None = None,
) -> Tracking:
    """One attempt with the residual wrench bounded to `clamp_n` N and Nm on each axis."""
    simulation = _Simulation(humanoid, reference, clamp_n, options)
    goal_joints = qpos_to_joints_zup(humanoid, reference.qpos[:: reference.stride])
    body = [j for j in range(22) if j not in (10, 11)]
    frames = len(goal_joints)
    poses = np.empty((frames, humanoid.nq))
    poses[0] = simulation.data.qpos
    errors = [0.0]
    reached, reason = 1, ""
    for frame in range(1, frames):
        reason = simulation.advance((frame - 1) * reference.stride)
        if reason:
            simulation.dump(dump_folder)
            break
        poses[frame] = simulation.data.qpos
        joints = qpos_to_joints_zup(humanoid, poses[frame : frame + 1])[0]
        distance = np.linalg.norm(joints - goal_joints[frame], axis=-1)
        reached = frame + 1
        errors.append(float(distance.mean()))
        if distance[body].mean() > options.failure_m:
            reason = f"fell behind: {distance[body].mean():.2f} m from the reference"
            break
    if reason:
        reason += f" in frame {reached - 1} of {frames}"
    seconds = max(simulation.steps, 1)
    return Tracking(
        qpos=poses[:reached],
        success=not reason,
        reason=reason,
        clamp_n=clamp_n,
        force_bw=simulation.force_sum / seconds / humanoid.body_weight,
        torque_bwm=simulation.torque_sum / seconds / humanoid.body_weight,
        error_m=float(np.mean(errors)),
        contact_bw=simulation.contact_sum / seconds / humanoid.body_weight,
    )


class _Simulation:
    """MuJoCo's state with the controller's, and views of the arrays both look at each step."""

    def __init__(
        self, humanoid: Humanoid, reference: Reference, clamp_n: float, options: TrackerOptions
    ) -> None:
        self.humanoid, self.reference = humanoid, reference
        self.clamp, self.options = clamp_n, options
        self.data = mujoco.MjData(humanoid.model)
        self.data.qpos[:] = reference.qpos[0]
        self.data.qvel[:] = reference.qvel[0]
        self.mass_matrix = np.empty((humanoid.nv, humanoid.nv))
        self.mass_diagonal = self.mass_matrix.ravel()[:: humanoid.nv + 1]
        self.dual = np.zeros(6)
        self.steps = 0
        self.force_sum = self.torque_sum = self.contact_sum = 0.0

    def advance(self, start: int) -> str:
        """Simulate one frame of the reference from step `start`; returns why it stopped, or ""."""
        model, data, every = self.humanoid.model, self.data, self.options.control_every
        applied = data.qfrc_applied
        constraint = data.qfrc_constraint
        for step in range(start, start + self.reference.stride):
            mujoco.mj_step1(model, data)
            if step % every == 0:
                self._control(min(step + every // 2, len(self.reference.qpos) - 1))
            mujoco.mj_step2(model, data)
            self.steps += 1
            self.force_sum += np.sqrt(applied[0] ** 2 + applied[1] ** 2 + applied[2] ** 2)
            self.torque_sum += np.sqrt(applied[3] ** 2 + applied[4] ** 2 + applied[5] ** 2)
            self.contact_sum += constraint[2]
        if any(data.warning[w].number for w in _BAD_STATE):
            return "the simulation diverged (NaN or huge acceleration)"
        if not np.isfinite(data.qpos).all() or np.abs(data.qvel).max() > MAX_SPEED:
            return "the simulation diverged (NaN or huge velocity)"
        return ""

    def _control(self, step: int) -> None:
        data, humanoid, reference = self.data, self.humanoid, self.reference
        mujoco.mj_fullM(humanoid.model, data, self.mass_matrix)
        # The integrator treats joint damping implicitly: it adds h D to the mass matrix.
        self.mass_diagonal += TIMESTEP_S * humanoid.model.dof_damping
        want = desired_acceleration(
            data.qpos,
            data.qvel,
            reference.qpos[step],
            reference.qvel[step],
            reference.qacc[step],
            self.options.root_rate,
            self.options.joint_rate,
        )
        force, self.dual = computed_torque(
            want,
            self.mass_matrix,
            data.qfrc_bias,
            data.qfrc_passive,
            data.xpos[1:],
            data.xmat[1:],
            data.site_xpos[humanoid.corner_sites],
            humanoid.corner_bodies,
            humanoid.body_parents,
            humanoid.torque_limits,
            humanoid.body_weight,
            self.clamp,
            self.clamp,
            self.dual,
        )
        data.qfrc_applied[:] = force

    def dump(self, folder: Path | None) -> None:
        """Save the state that went wrong, for inspection."""
