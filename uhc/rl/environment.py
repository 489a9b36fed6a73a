"""The tracking environment in which the policy learns and acts (Gymnasium interface).

As UHC's (Luo et al. 2021): the reference is played, the policy corrects where the controller pulls,
the reward is high while the body is where the reference is, and an episode ends when it is not.
Unlike UHC's: the body is our own humanoid (no SMPL), the inner controller is computed torque with
contact forces (`uhc.control.computed_torque`) instead of PD, and there is no residual force unless
asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from body_models.arrays import Array
from loop.errors import InvalidMotionError
from translation.humanml import FPS
from uhc.control.computed_torque import LEG_BODIES, Gains
from uhc.control.reference import Reference, build_reference
from uhc.control.simulation import Simulation
from uhc.humanoid.body import Humanoid
from uhc.humanoid.poses import forward_kinematics, qpos_difference
from uhc.humanoid.segments import TIMESTEP_S
from uhc.humanoid.untyped import mujoco
from uhc.rl.observation import LOOKAHEAD, SIZE, heading, observe

CONTROL_STEPS = 12
"""Physics steps of 1/240 s a control step: one decision a frame (UHC: 30 Hz, around a PD loop)."""
END_EFFECTORS = (7, 8, 12, 18, 19)
"""Skeleton joints of the bodies ankles, neck (it carries the head), forearms."""
MAX_ACTION = 3.0
VARIED_BODIES = 8
"""Bodies after the root whose targets an action moves: both legs and the lower spine. Arms and head
keep to the reference; to move them as well only makes learning and searching harder."""
ACTION = 3 + 3 * VARIED_BODIES
"""Size of an action."""
_LEG = (0.1, 0.3, 0.4)
SCALES = np.repeat((0.02, 0.05, *_LEG, *_LEG, 0.1), 3)
"""(ACTION,) offset of the targets at an action of 1: metres of the root's place, rad of its
rotation and those of hips, knees, ankles and spine. Random actions of one size then disturb the
balance about as much by each of them; with .1 m and .2 rad for all, half as many clips survive."""
DECISION_STEPS = 2
"""Control steps that a policy holds an action (10 Hz): balance needs no more, and what an action
did shows more clearly."""
SETTLE_M, LIFT_M = 0.004, 0.003
"""As the tracker does: the reference is lowered, the start lifted, by so much."""

_STATE = ("qpos", "qvel", "qacc_warmstart")


@dataclass(frozen=True)
class ReferenceClip:
    """A motion to track: poses (F, nq) at 20 fps, z up, soles at floor height."""

    name: str
    qpos: Array


@dataclass(frozen=True)
class EnvOptions:
    """What the policy may do, and when it has failed."""

    clamp_n: float = 0.0
    """Bound of the residual root wrench, N and Nm an axis: none by default."""
    failure_m: float = 0.3
    """Mean distance of the bodies to the reference that ends an episode."""
    horizon: int = 100
    """Control steps after which an episode is cut, 5 s."""
    gains: Gains = field(default_factory=Gains)


@dataclass(frozen=True)
class Window:
    """The reference of one episode, at the physics rate and, in rows, at the control rate."""

    reference: Reference
    qpos: Array
    qvel: Array
    bodies: Array

    @property
    def last(self) -> int:
        """Return the last control step."""
        return len(self.qpos) - 1


def window_of(humanoid: Humanoid, qpos: Array) -> Window:
    """Make poses (F, nq) at 20 fps ready to be tracked. Raises InvalidMotionError if too short."""
    lowered = np.array(qpos, dtype=np.float64)
    lowered[:, 2] -= SETTLE_M
    reference = build_reference(lowered, FPS)
    rows = slice(None, None, CONTROL_STEPS)
    positions = forward_kinematics(humanoid, reference.qpos[rows])[0]
    return Window(reference, reference.qpos[rows].copy(), reference.qvel[rows].copy(), positions)


class TrackingEnv(gymnasium.Env):
    """Let one body track one window of one clip at a time.

    Observation: `uhc.rl.observation.observe`. Action (ACTION,): offsets of the targets, root
    position in the heading frame, root rotation, rotations of joints, in units of `SCALES`. Zero
    is the tracker without a policy. `info` has `distance` (mean of the bodies, m) and, at the end,
    `clip` and `success`.
    """

    def __init__(
        self, humanoid: Humanoid, clips: Sequence[ReferenceClip], options: EnvOptions | None = None
    ) -> None:
        if not clips:
            raise InvalidMotionError("there is no clip to track", expected="at least one")
        self.options = options or EnvOptions()
        self._humanoid, self._clips = humanoid, clips
        self.observation_space = spaces.Box(-np.inf, np.inf, (SIZE,), np.float64)
        self.action_space = spaces.Box(-MAX_ACTION, MAX_ACTION, (ACTION,), np.float32)
        joints = list(humanoid.body_joints)
        self._ends = [joints.index(joint) for joint in END_EFFECTORS]
        self._gain = self._acceleration_gain()
        self._clip, self._step = 0, 0

    def _acceleration_gain(self) -> Array:
        """Return what an action of 1 accelerates (ACTION,): the spring's pull on its offset."""
        gains = self.options.gains
        springs = [gains.horizontal] * 2 + [gains.vertical] + [gains.rotation] * 3
        springs += [gains.legs] * 3 * LEG_BODIES + [gains.upper] * 3
        return SCALES * np.array([spring.stiffness for spring in springs])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start on the reference (reference-state initialisation).

        `options` may name the `clip` (index, default: drawn evenly), where in it to start as a
        `fraction` of the possible starts (default: drawn evenly, at least 1 s before the end), and
        `whole=True` to play it to its end, however long.
        """
        super().reset(seed=seed)
        chosen = options or {}
        self._clip = int(chosen.get("clip", self.np_random.integers(len(self._clips))))
        qpos = self._clips[self._clip].qpos
        starts = max(1, len(qpos) - int(FPS))
        frame = int(starts * chosen.get("fraction", self.np_random.random()))
        stop = None
        if not chosen.get("whole", False):
            stop = frame + 2 + round(self.options.horizon * CONTROL_STEPS * TIMESTEP_S * FPS)
        self.window = window_of(self._humanoid, qpos[frame:stop])
        o = self.options
        self.simulation = Simulation(self._humanoid, self.window.reference, o.clamp_n, o.gains)
        self.simulation.data.qpos[2] += LIFT_M
        self._step = 0
        self._place_bodies()
        return self.observation(), {}

    def advance(self, action: NDArray[np.floating]) -> float:
        """Play one control step (1/20 s); return the mean distance of the bodies, metres.

        Infinite where the simulation diverged.
        """
        start = self._step * CONTROL_STEPS
        action = np.clip(action, -MAX_ACTION, MAX_ACTION)
        push = np.zeros(self._humanoid.nv)
        push[:ACTION] = self._gain * np.asarray(action, dtype=np.float64)
        c = np.cos(yaw := heading(self.simulation.data.qpos[3:7]))
        push[:2] = c * push[0] - np.sin(yaw) * push[1], np.sin(yaw) * push[0] + c * push[1]
        trouble = self.simulation.advance(start, CONTROL_STEPS, push)
        self._step += 1
        if trouble:
            return np.inf
        self._place_bodies()
        return self.distance()

    def step(self, action: NDArray[np.floating]) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Play one control step (1/20 s)."""
        distance = self.advance(action)
        if not np.isfinite(distance):  # nor is the state: the last observation that is
            info = {"distance": np.inf, "clip": self._clip, "success": False}
            return np.zeros(SIZE), 0.0, True, False, info
        observation = self.observation()
        failed = distance > self.options.failure_m
        ended = self._step >= self.window.last
        info: dict[str, Any] = {"distance": distance}
        if failed or ended:
            info |= {"clip": self._clip, "success": not failed}
        # The end of a reference is no fault of the policy: its value goes on.
        return observation, self._reward(), failed, ended and not failed, info

    def state(self) -> dict[str, Any]:
        """Return the physics of this moment; with the options of `reset`, all of the state."""
        data = self.simulation.data
        arrays = {name: getattr(data, name) for name in _STATE} | {
            "dual": self.simulation.dual, "shift": self.simulation.shift,
        }  # fmt: skip
        return {"step": [self._step]} | {name: value.tolist() for name, value in arrays.items()}

    def restore(self, state: dict[str, Any]) -> Array:
        """Go on from `state()`, after the `reset` before it; return the observation there."""
        self._step = int(state["step"][0])
        self.simulation.dual[:] = state["dual"]
        self.simulation.shift[:] = state["shift"]
        for name in _STATE:
            getattr(self.simulation.data, name)[:] = state[name]
        self._place_bodies()
        return self.observation()

    def _place_bodies(self) -> None:
        """Bring the bodies' positions up to the state."""
        mujoco.mj_kinematics(self._humanoid.model, self.simulation.data)

    def observation(self) -> Array:
        """Return the observation (SIZE,) of this moment."""
        data, window = self.simulation.data, self.window
        ahead = np.minimum(self._step + np.array((1, *LOOKAHEAD)), window.last)
        return observe(
            data.qpos, data.qvel, data.xpos[1:], self.simulation.dual,
            window.qpos, window.qvel, window.bodies, ahead,
        )  # fmt: skip

    def _apart(self) -> Array:
        """Return the bodies' offsets (17, 3), metres, from where the reference has them now."""
        return self.simulation.data.xpos[1:] - self.window.bodies[self._step]

    @property
    def place(self) -> int:
        """Return the control steps since the start of the window."""
        return self._step

    def distance(self) -> float:
        """Return the mean distance of the bodies to the reference, metres."""
        return float(np.linalg.norm(self._apart(), axis=-1).mean())

    def _reward(self) -> float:
        """Score 0 to 1 by UHC's terms (pose, velocity, end effectors, root), global positions."""
        data, window, row = self.simulation.data, self.window, self._step
        turn = qpos_difference(data.qpos[None], window.qpos[row][None])[0]
        spin = data.qvel[6:] - window.qvel[row, 6:]
        apart = self._apart()
        pose = np.exp(-2.0 * np.sum(turn[6:] ** 2))
        velocity = np.exp(-0.005 * np.sum(spin**2))
        ends = np.exp(-10.0 * np.sum(apart[self._ends] ** 2))
        root = np.exp(-40.0 * np.sum(apart[0] ** 2))
        return float(0.25 * pose + 0.1 * velocity + 0.35 * ends + 0.3 * root)
