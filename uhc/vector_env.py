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

from uhc.env import EnvOptions, ReferenceClip, TrackingEnv
from uhc.humanoid import Humanoid

State = dict[str, Any]
Reply = tuple[NDArray[np.float64], float, bool, dict[str, Any]]


class Arena:
    """A tracking environment that starts over by itself, on clips drawn with given weights."""

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
        self._start: dict[str, Any] = {}

    def reset(self) -> NDArray[np.float64]:
        """Start another episode: clip by weight, frame evenly (reference-state initialisation)."""
        clip = int(self._rng.choice(len(self.weights), p=self.weights))
        self._start = {"clip": clip, "fraction": float(self._rng.random())}
        return self._env.reset(options=self._start)[0]

    def step(self, action: NDArray[np.float32]) -> Reply:
        """As `VecEnv` has it: at the end of an episode the observation is the next one's first."""
        observation, reward, failed, cut, info = self._env.step(action)
        if failed or cut:
            info |= {"terminal_observation": observation, "TimeLimit.truncated": cut and not failed}
            observation = self.reset()
        return observation, reward, failed or cut, info

    def state(self) -> State:
        """All that the next step depends on, as plain values."""
        return {
            "start": self._start,
            "env": self._env.state(),
            "rng": self._rng.bit_generator.state,
            "weights": self.weights.tolist(),
        }

    def restore(self, state: State) -> None:
        """Go on from `state()`."""
        self._start = state["start"]
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
    ) -> None:
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
        replies: list[Reply] = self._ask("step", [self._actions[share] for share in self._shares])
        observations, rewards, ends, infos = zip(*replies, strict=True)
        return np.stack(observations), np.array(rewards, np.float32), np.array(ends), list(infos)

    def set_weights(self, weights: NDArray[np.float64]) -> None:
        """Probabilities of the clips from the next episodes on."""
        self._everybody("weights", weights)

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
    arenas = [Arena(humanoid, clips, options, seed) for seed in seeds]
    try:
        while True:
            command, argument = pipe.recv()
            pipe.send(_obey(arenas, command, argument))
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        return


def _obey(arenas: Sequence[Arena], command: str, argument: Any) -> list[Any]:
    if command == "step":
        return [arena.step(action) for arena, action in zip(arenas, argument, strict=True)]
    if command == "reset":
        return [arena.reset() for arena in arenas]
    if command == "weights":
        for arena in arenas:
            arena.weights = argument
    elif command == "restore":
        for arena, state in zip(arenas, argument, strict=True):
            arena.restore(state)
    return [arena.state() if command == "state" else None for arena in arenas]
