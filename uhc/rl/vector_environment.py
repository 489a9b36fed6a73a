"""Many tracking environments, shared out over processes, as stable-baselines3 wants them.

Each environment owns a random stream, so that nothing depends on the number of processes; and its
whole state can be taken and put back, so that training resumes exactly.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from uhc.humanoid.model import Humanoid
from uhc.rl.environment import DECISION_STEPS, EnvOptions, ReferenceClip, TrackingEnv
from uhc.rl.improvement import Guide, improved

State = dict[str, Any]
Start = dict[str, Any]
"""Where an episode starts: `clip`, `fraction` of `TrackingEnv.reset`, and `env`, the state to
restore after it, if any."""
Reply = tuple[NDArray[np.float64], float, bool, dict[str, Any]]


RETRY_SHARE = 0.5
"""Share of the episodes that start shortly before an earlier failure, where there is most to learn
(the others: reference-state initialisation)."""
RETRY_FROM, RETRY_TO = 10, 40
"""How long before a failure, control steps: half a second to two."""
RETRY_STEPS = 60
"""Control steps after which a retry has succeeded."""
KEPT_STARTS = 8
"""Starts that an arena remembers."""
SNAPSHOT_STEPS = 10
"""Control steps between the states that it might start from again."""


class Arena:
    """A tracking environment that starts over by itself, and holds actions `DECISION_STEPS` long.

    Half of its episodes start on clips drawn with given weights, the other half from its own states
    before it failed, until it no longer does.
    """

    def __init__(
        self,
        humanoid: Humanoid,
        clips: Sequence[ReferenceClip],
        options: EnvOptions,
        seed: np.random.SeedSequence,
    ) -> None:
        self._env = TrackingEnv(humanoid, clips, options)
        self._rng = np.random.default_rng(seed)
        self.weights = np.full(len(clips), 1.0 / len(clips))
        self._start: Start = {}
        self._retry = -1
        self._snapshots: list[Start] = []
        self._failures: list[Start] = []

    def reset(self) -> NDArray[np.float64]:
        """Start another episode, from a state before a failure or on the reference."""
        self._snapshots, self._retry = [], -1
        if self._failures and self._rng.random() < RETRY_SHARE:
            self._retry = int(self._rng.integers(len(self._failures)))
            again = self._failures[self._retry]
            self._start = {name: again[name] for name in ("clip", "fraction")}
            self._env.reset(options=self._start)
            return self._env.restore(again["env"])
        clip = int(self._rng.choice(len(self.weights), p=self.weights))
        self._start = {"clip": clip, "fraction": float(self._rng.random())}
        return self._env.reset(options=self._start)[0]

    def step(self, action: NDArray[np.float32], guide: Guide | None = None) -> Reply:
        """As `VecEnv` has it: at the end of an episode the observation is the next one's first.

        `info["retried"]` tells whether the episode started before a failure and, with a `guide`,
        `info["improved"]` which action would have been better.
        """
        lesson = {} if guide is None else {"improved": improved(self._env, guide, self._rng)}
        if self._env.place % SNAPSHOT_STEPS == 0:
            self._snapshots.append(self._start | {"env": self._env.state()})
        rewards = []
        for _ in range(DECISION_STEPS):
            observation, reward, failed, cut, info = self._env.step(action)
            rewards.append(reward)
            if failed or cut:
                break
        if self._retry >= 0 and not failed:
            began = self._failures[self._retry]["env"]["step"][0]
            cut = cut or self._env.place >= began + RETRY_STEPS
        if failed or cut:
            self._learn_from(failed)
            info |= {"terminal_observation": observation, "TimeLimit.truncated": cut and not failed}
            info |= {"clip": info.get("clip", self._start["clip"]), "success": not failed}
            info |= {"retried": self._retry >= 0}
            observation = self.reset()
        return observation, sum(rewards) / DECISION_STEPS, failed or cut, info | lesson

    def _learn_from(self, failed: bool) -> None:
        """Remember where a failure began; forget a start from which there was none."""
        if self._retry >= 0:
            if not failed:
                del self._failures[self._retry]
        elif failed:
            self._failures += [
                start
                for start in self._snapshots
                if RETRY_FROM <= self._env.place - start["env"]["step"][0] <= RETRY_TO
            ]
            self._failures = self._failures[-KEPT_STARTS:]

    def state(self) -> State:
        """All that the next step depends on, as plain values."""
        return {
            "start": self._start,
            "retry": self._retry,
            "snapshots": list(self._snapshots),
            "failures": list(self._failures),
            "env": self._env.state(),
            "rng": self._rng.bit_generator.state,
            "weights": self.weights.tolist(),
        }

    def restore(self, state: State) -> None:
        """Go on from `state()`."""
        self._start, self._retry = state["start"], state["retry"]
        self._snapshots, self._failures = state["snapshots"], state["failures"]
        self._env.reset(options=self._start)
        self._env.restore(state["env"])
        self._rng.bit_generator.state = state["rng"]
        self.weights = np.array(state["weights"])


class TrackingVecEnv(VecEnv):
    """`count` arenas in `workers` processes; close it to end them."""

    def __init__(
        self,
        humanoid: Humanoid,
        clips: Sequence[ReferenceClip],
        options: EnvOptions,
        count: int,
        workers: int,
        seed: int,
        reward_scale: float = 1.0,
    ) -> None:
        self._scale = reward_scale
        seeds = np.random.SeedSequence(seed).spawn(count)
        shares = np.array_split(np.arange(count), workers)
        context = multiprocessing.get_context("forkserver")
        self._pipes: list[Connection] = []
        self._processes = []
        for share in shares:
            ours, theirs = context.Pipe()
            arguments = (theirs, humanoid, clips, options, [seeds[i] for i in share])
            process = context.Process(target=_serve, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        self._shares = shares
        self._guide_every, self._turn = 0, 0
        template = TrackingEnv(humanoid, clips, options)
        super().__init__(count, template.observation_space, template.action_space)

    def _ask(self, command: str, arguments: Sequence[Any]) -> list[Any]:
        """One reply an environment; `arguments` holds one entry a process."""
        for pipe, argument in zip(self._pipes, arguments, strict=True):
            pipe.send((command, argument))
        return [reply for pipe in self._pipes for reply in pipe.recv()]

    def _everybody(self, command: str, argument: Any = None) -> list[Any]:
        return self._ask(command, [argument] * len(self._pipes))

    def reset(self) -> NDArray[np.float64]:  # type: ignore[override]
        """Start every environment anew; observations (count, size)."""
        return np.stack(self._everybody("reset"))

    def step_async(self, actions: NDArray[np.float32]) -> None:
        """Send actions (count, nv) out."""
        self._actions = actions

    def step_wait(self) -> Any:
        """Observations, rewards, ends, infos."""
        guided = np.zeros(self.num_envs, dtype=bool)
        if self._guide_every:  # in turns, so that processes have as much to do
            guided[self._turn % self._guide_every :: self._guide_every] = True
            self._turn += 1
        steps = [(self._actions[share], guided[share]) for share in self._shares]
        replies: list[Reply] = self._ask("step", steps)
        observations, rewards, ends, infos = zip(*replies, strict=True)
        return (
            np.stack(observations),
            self._scale * np.array(rewards, np.float32),
            np.array(ends),
            list(infos),
        )

    def set_weights(self, weights: NDArray[np.float64]) -> None:
        """Probabilities of the clips from the next episodes on."""
        self._everybody("weights", weights)

    def set_guide(self, guide: Guide) -> None:
        """What improved actions are looked for with from the next decision on."""
        self._guide_every, self._turn = guide.options.every, 0
        self._everybody("guide", guide)

    def states(self) -> list[State]:
        """The state of every environment."""
        return self._everybody("state")

    def restore(self, states: Sequence[State]) -> None:
        """Put every environment back where `states()` found it."""
        self._ask("restore", [[states[i] for i in share] for share in self._shares])

    def close(self) -> None:
        """End the processes."""
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.close()
            process.join(5)
            if process.is_alive():
                process.kill()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Attributes live in other processes: only `render_mode`, which there is none of."""
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Not offered."""
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any:
        """Not offered."""
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No environment is."""
        return [False] * self.num_envs


def _serve(
    pipe: Connection,
    humanoid: Humanoid,
    clips: Sequence[ReferenceClip],
    options: EnvOptions,
    seeds: Sequence[np.random.SeedSequence],
) -> None:
    """A process's share of the environments; ends when the pipe closes."""
    served = _Served([Arena(humanoid, clips, options, seed) for seed in seeds])
    try:
        while True:
            pipe.send(served.obey(*pipe.recv()))
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        return


class _Served:
    """Arenas of one process, and what they are guided by."""

    def __init__(self, arenas: Sequence[Arena]) -> None:
        self._arenas = arenas
        self._guide: Guide | None = None

    def obey(self, command: str, argument: Any) -> list[Any]:
        """One reply an arena."""
        arenas = self._arenas
        if command == "step":
            guides = [self._guide if guided else None for guided in argument[1]]
            return [
                arena.step(action, guide)
                for arena, action, guide in zip(arenas, argument[0], guides, strict=True)
            ]
        if command == "reset":
            return [arena.reset() for arena in arenas]
        if command == "guide":
            self._guide = argument
        elif command == "weights":
            for arena in arenas:
                arena.weights = argument
        elif command == "restore":
            for arena, state in zip(arenas, argument, strict=True):
                arena.restore(state)
        return [arena.state() if command == "state" else None for arena in arenas]
