"""Many tracking environments in several processes, as a stable-baselines3 `VecEnv`.

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

from uhc.humanoid.body import Humanoid
from uhc.rl.environment import DECISION_STEPS, EnvOptions, ReferenceClip, TrackingEnv
from uhc.rl.improvement import ActionImprovement

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
"""Starts that an environment remembers."""
SNAPSHOT_STEPS = 10
"""Control steps between the states that it might start from again."""


class RestartingEnv:
    """Restart a tracking environment at its ends, and hold actions for `DECISION_STEPS`.

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

    def step(
        self, action: NDArray[np.float32], improvement: ActionImprovement | None = None
    ) -> Reply:
        """Play a decision; at the end of an episode the observation is the next one's first.

        `info["retried"]` tells whether the episode started before a failure and, with an
        `improvement`, `info["improved"]` which action would have been better.
        """
        better = {}
        if improvement is not None:
            better["improved"] = improvement.improve(self._env, self._rng)
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
        return observation, sum(rewards) / DECISION_STEPS, failed or cut, info | better

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
        """Return all that the next step depends on, as plain values."""
        return {
            "start": self._start,
            "retry": self._retry,
            "snapshots": list(self._snapshots),
            "failures": list(self._failures),
            "env": self._env.state(),
            "rng": self._rng.bit_generator.state,
            "weights": self.weights.tolist(),
        }

    def restore(self, state: State) -> NDArray[np.float64]:
        """Go on from `state()`; return the present observation."""
        self._start, self._retry = state["start"], state["retry"]
        self._snapshots, self._failures = state["snapshots"], state["failures"]
        self._env.reset(options=self._start)
        self._rng.bit_generator.state = state["rng"]
        self.weights = np.array(state["weights"])
        return self._env.restore(state["env"])


class TrackingVecEnv(VecEnv):
    """Run `count` restarting environments in `workers` processes; close it to end them."""

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
        self._improve_every, self._turn = 0, 0
        self._present: NDArray[np.float64] | None = None
        template = TrackingEnv(humanoid, clips, options)
        super().__init__(count, template.observation_space, template.action_space)

    def _ask(self, command: str, arguments: Sequence[Any]) -> list[Any]:
        """Return one reply an environment; `arguments` holds one entry a process."""
        for pipe, argument in zip(self._pipes, arguments, strict=True):
            pipe.send((command, argument))
        return [reply for pipe in self._pipes for reply in pipe.recv()]

    def _everybody(self, command: str, argument: Any = None) -> list[Any]:
        return self._ask(command, [argument] * len(self._pipes))

    def reset(self) -> NDArray[np.float64]:  # type: ignore[override]
        """Return the present observations (count, size); the first call starts the environments.

        They start over by themselves: a learner that goes on, and resets, disturbs no episode.
        """
        if self._present is None:
            self._present = np.stack(self._everybody("reset"))
        return self._present

    def step_async(self, actions: NDArray[np.float32]) -> None:
        """Take actions (count, ACTION) for the next step."""
        self._actions = actions

    def step_wait(self) -> Any:
        """Return observations, rewards, ends and infos."""
        improved = np.zeros(self.num_envs, dtype=bool)
        if self._improve_every:  # in turns, so that processes have as much to do
            improved[self._turn % self._improve_every :: self._improve_every] = True
            self._turn += 1
        steps = [(self._actions[share], improved[share]) for share in self._shares]
        replies: list[Reply] = self._ask("step", steps)
        observations, rewards, ends, infos = zip(*replies, strict=True)
        self._present = np.stack(observations)
        return (
            self._present,
            self._scale * np.array(rewards, np.float32),
            np.array(ends),
            list(infos),
        )

    def set_weights(self, weights: NDArray[np.float64]) -> None:
        """Set the probabilities of the clips from the next episodes on."""
        self._everybody("weights", weights)

    def set_improvement(self, improvement: ActionImprovement) -> None:
        """Set what improves actions from the next decision on."""
        self._improve_every, self._turn = improvement.options.every, 0
        self._everybody("improvement", improvement)

    def states(self) -> list[State]:
        """Return the state of every environment."""
        return self._everybody("state")

    def restore(self, states: Sequence[State]) -> None:
        """Put every environment back where `states()` found it."""
        replies = self._ask("restore", [[states[i] for i in share] for share in self._shares])
        self._present = np.stack(replies)

    def close(self) -> None:
        """End the processes."""
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.close()
            process.join(5)
            if process.is_alive():
                process.kill()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return None: attributes live in other processes, and there is no `render_mode`."""
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Raise: it is not offered."""
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any:
        """Raise: it is not offered."""
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Return False for each: no environment is wrapped."""
        return [False] * self.num_envs


def _serve(
    pipe: Connection,
    humanoid: Humanoid,
    clips: Sequence[ReferenceClip],
    options: EnvOptions,
    seeds: Sequence[np.random.SeedSequence],
) -> None:
    """Serve a process's share of the environments until the pipe closes."""
    served = _Served([RestartingEnv(humanoid, clips, options, seed) for seed in seeds])
    try:
        while True:
            pipe.send(served.obey(*pipe.recv()))
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        return


class _Served:
    """Environments of one process, and what improves their actions."""

    def __init__(self, environments: Sequence[RestartingEnv]) -> None:
        self._environments = environments
        self._improvement: ActionImprovement | None = None

    def obey(self, command: str, argument: Any) -> list[Any]:
        """Carry a command out; return one reply an environment."""
        environments = self._environments
        if command == "step":
            improvements = [self._improvement if improved else None for improved in argument[1]]
            return [
                environment.step(action, improvement)
                for environment, action, improvement in zip(
                    environments, argument[0], improvements, strict=True
                )
            ]
        if command == "reset":
            return [environment.reset() for environment in environments]
        if command == "restore":
            return [e.restore(state) for e, state in zip(environments, argument, strict=True)]
        if command == "state":
            return [environment.state() for environment in environments]
        if command == "improvement":
            self._improvement = argument
        elif command == "weights":
            for environment in environments:
                environment.weights = argument
        return [None] * len(environments)
