"""Training of the policy: PPO of stable-baselines3 on many tracking environments.

As in UHC: a Gaussian policy with running normalisation, reference-state initialisation, and clips
drawn the more often the more they fail. Every iteration derives its random numbers from (seed,
iteration), and the environments' states are kept, so that a run that was stopped goes on exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecNormalize

from loop.errors import CorruptFileError, RunStateError
from loop.rng import integer_seed
from model.checkpoint import load_checkpoint, save_checkpoint
from uhc.humanoid.body import Humanoid
from uhc.rl.environment import DECISION_STEPS, EnvOptions, ReferenceClip
from uhc.rl.imitation import ImitationBuffer
from uhc.rl.improvement import ActionImprovement, VineOptions
from uhc.rl.policy import CLIP, Network, Policy
from uhc.rl.vector_environment import TrackingVecEnv

FORGET = 0.9
"""Memory of a clip's failure rate, an episode."""
FAILURE_SHARE = 0.5
"""Share of the episodes drawn by failure rate (UHC: .5); the others by duration."""


@dataclass(frozen=True)
class PpoOptions:
    """Sizes and rates; chosen after the recipe that learned single clips, see results/uhc."""

    environments: int = 64
    steps: int = 64
    """Decisions of each between two updates."""
    batch_size: int = 512
    epochs: int = 6
    learning_rate: float = 1e-4
    critic_rate: float = 1e-3
    """The value function learns apart: it must follow what the policy sees even where a policy's
    iteration stops early. Without this it explained .15 of the variance of returns, with it .7."""
    gamma: float = 0.95
    """A decision; two seconds until what happens counts a third."""
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    target_kl: float = 0.02
    """Where an iteration stops learning: noise has to be small, since more of it fells bodies that
    would stand, and so few steps are enough to leave the region that the samples speak of."""
    log_std: float = -2.3
    hidden: tuple[int, ...] = (256, 256)
    vine: VineOptions = field(default_factory=VineOptions)
    imitation_rate: float = 3e-4
    """Learning rate of the imitation of improved actions, at first."""
    imitation_halving: int = 20
    """Iterations until it is half of that, as many more until a third and so on: improved actions
    are noisy, and what one rate learns of their noise goes on growing."""
    imitation_size: int = 8192
    """Improved actions in the imitation buffer."""
    seed: int = 0


class Progress(NamedTuple):
    """Means of an iteration over its control steps and its finished episodes."""

    iteration: int
    control_steps: int
    reward: float
    distance_mm: float
    failed: float
    retries_failed: float
    explained: float
    """Share of the variance of the returns that the value function knew before."""
    action: float


class ImprovedAction(NamedTuple):
    """An action that was found to be better than the policy's, and where in the buffer."""

    step: int
    environment: int
    action: NDArray[np.float64]


class Trainer:
    """Train one policy; a context manager, because it owns processes."""

    def __init__(
        self,
        humanoid: Humanoid,
        clips: Sequence[ReferenceClip],
        options: PpoOptions,
        env_options: EnvOptions | None = None,
        workers: int = 2,
    ) -> None:
        self.options, self.iteration = options, 0
        self._failure = np.ones(len(clips))
        duration = np.array([len(clip.qpos) for clip in clips], dtype=np.float64)
        self._by_duration = duration / duration.sum()
        self._environments = TrackingVecEnv(
            humanoid, clips, env_options or EnvOptions(), options.environments, workers,
            options.seed, reward_scale=1.0 - options.gamma,
        )  # fmt: skip
        self._envs = VecNormalize(self._environments, norm_reward=False, clip_obs=CLIP)
        self._ppo = self._new_ppo()
        network = self._ppo.policy
        self._critic = torch.optim.Adam(
            [*network.mlp_extractor.value_net.parameters(), *network.value_net.parameters()],
            lr=options.critic_rate,
        )
        self._buffer = ImitationBuffer(network, options.imitation_size, options.batch_size)
        self._environments.set_weights(self._by_duration)
        self._environments.reset()

    def _new_ppo(self) -> PPO:
        o = self.options
        ppo = PPO(
            "MlpPolicy",
            self._envs,
            learning_rate=o.learning_rate,
            n_steps=o.steps,
            batch_size=min(o.batch_size, o.environments * o.steps),
            n_epochs=o.epochs,
            gamma=o.gamma,
            gae_lambda=o.gae_lambda,
            clip_range=o.clip_range,
            target_kl=o.target_kl,
            vf_coef=0.0,  # see `_fit_critic`
            policy_kwargs={
                "net_arch": list(o.hidden),
                "activation_fn": torch.nn.SiLU,
                "log_std_init": o.log_std,
            },
            seed=o.seed,
            device="cpu",
        )
        ppo.set_logger(Logger(folder=None, output_formats=[]))
        return ppo

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *_: object) -> None:
        self._envs.close()

    def train(self) -> Progress:
        """Play `environments` x `steps` decisions, then learn from them: one iteration."""
        seed = integer_seed(np.random.SeedSequence([self.options.seed, self.iteration]))
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002  (stable-baselines3 shuffles with it)
        ppo, o, recorder = self._ppo, self.options, _Recorder(self._envs, self._buffer)
        if self.iteration >= o.vine.after:
            self._environments.set_improvement(
                ActionImprovement(self.policy(), self._value(), o.gamma, o.vine)
            )
        ppo.learn(o.environments * o.steps, recorder, reset_num_timesteps=False)
        self._fit_critic()
        self._buffer.fit(self._imitation_rate())
        self.iteration += 1
        for clip, failed in recorder.episodes:
            self._failure[clip] = FORGET * self._failure[clip] + (1 - FORGET) * failed
        by_failure = self._by_duration * (self._failure + 1e-3)
        weights = FAILURE_SHARE * by_failure / by_failure.sum()
        self._environments.set_weights(weights + (1 - FAILURE_SHARE) * self._by_duration)
        buffer = ppo.rollout_buffer
        ended = [failed for _, failed in recorder.episodes]
        return Progress(
            self.iteration,
            self.iteration * buffer.rewards.size * DECISION_STEPS,
            float(np.mean(recorder.rewards)) / (1.0 - self.options.gamma),
            1000.0 * float(np.mean(recorder.distances)),
            float(np.mean(ended)) if ended else float("nan"),
            float(np.mean(recorder.retries)) if recorder.retries else float("nan"),
            float(explained_variance(buffer.values.flatten(), buffer.returns.flatten())),
            float(np.abs(buffer.actions).mean()),
        )

    def _fit_critic(self) -> None:
        """Fit the value function to the returns of this iteration."""
        ppo = self._ppo
        for _ in range(self.options.epochs):
            for batch in ppo.rollout_buffer.get(ppo.batch_size):
                values = ppo.policy.predict_values(batch.observations).flatten()
                loss = torch.nn.functional.mse_loss(values, batch.returns)
                self._critic.zero_grad()
                loss.backward()
                self._critic.step()

    def _imitation_rate(self) -> float:
        imitated = self.iteration - self.options.vine.after
        halvings = max(0, imitated) / self.options.imitation_halving
        return self.options.imitation_rate / (1.0 + halvings)

    def policy(self) -> Policy:
        """Return the present policy, without its noise."""
        network = self._ppo.policy
        return Policy(*self._layers(network.mlp_extractor.policy_net, network.action_net))

    def _value(self) -> Network:
        """Return the present value function."""
        network = self._ppo.policy
        return Network(*self._layers(network.mlp_extractor.value_net, network.value_net))

    def _layers(self, hidden: Iterable[torch.nn.Module], last: Any) -> tuple[Any, ...]:
        """Return the fields of a `Network` that does as these layers do on observations."""
        statistics = self._envs.obs_rms
        layers = [module for module in hidden if isinstance(module, torch.nn.Linear)] + [last]
        return (
            statistics.mean.copy(),  # type: ignore[union-attr]
            np.sqrt(statistics.var + self._envs.epsilon),  # type: ignore[union-attr]
            tuple(_numpy(layer.weight) for layer in layers),
            tuple(_numpy(layer.bias) for layer in layers),
        )

    def save(self, path: Path) -> None:
        """Write everything that the next iteration depends on. Raises StorageError."""
        save_checkpoint(path, self._state())

    def _state(self) -> dict[str, Any]:
        ppo, statistics = self._ppo, self._envs.obs_rms
        return {
            "iteration": self.iteration,
            "network": ppo.policy.state_dict(),
            "optimizer": ppo.policy.optimizer.state_dict(),
            "critic": self._critic.state_dict(),
            "imitation": self._buffer.state(),
            "mean": torch.from_numpy(statistics.mean),  # type: ignore[union-attr]
            "variance": torch.from_numpy(statistics.var),  # type: ignore[union-attr]
            "count": float(statistics.count),  # type: ignore[union-attr]
            "failure": torch.from_numpy(self._failure),
            "environments": self._environments.states(),
        }

    def load(self, path: Path) -> None:
        """Go on from `save`. Raises MissingAssetError, CorruptFileError, RunStateError."""
        ppo, statistics = self._ppo, self._envs.obs_rms
        stored = load_checkpoint(path, torch.device("cpu"))
        if missing := self._state().keys() - stored.keys():
            raise CorruptFileError(
                "this checkpoint is of another trainer, perhaps an older one",
                path=path,
                found=f"no {', '.join(sorted(missing))}",
                remedy="train in another folder (--out), or with the code that wrote it",
            )
        found = {name: len(stored[name]) for name in ("failure", "environments")}
        expected = {"failure": len(self._failure), "environments": self.options.environments}
        if found != expected:
            raise RunStateError(
                "this checkpoint is of a run with other clips or --environments",
                path=path,
                found=f"{found['failure']} clips, {found['environments']} environments",
                expected=f"{expected['failure']} clips, {expected['environments']} environments",
                remedy=f"--environments {found['environments']}, or train in another folder "
                "(--out)",
            )
        self.iteration = stored["iteration"]
        ppo.policy.load_state_dict(stored["network"])
        ppo.policy.optimizer.load_state_dict(stored["optimizer"])
        self._critic.load_state_dict(stored["critic"])
        self._buffer.restore(stored["imitation"])
        statistics.mean = stored["mean"].numpy()  # type: ignore[union-attr]
        statistics.var = stored["variance"].numpy()  # type: ignore[union-attr]
        statistics.count = stored["count"]  # type: ignore[union-attr]
        self._failure = stored["failure"].numpy()
        self._environments.restore(stored["environments"])
        self._envs.training = False  # the present observations are in the statistics already


class _Recorder(BaseCallback):
    """Notes distances, ended episodes and improved actions while environments are played."""

    def __init__(self, envs: VecNormalize, buffer: ImitationBuffer) -> None:
        super().__init__()
        self._envs, self._buffer = envs, buffer
        self.distances: list[float] = []
        self.rewards: list[float] = []
        self.episodes: list[tuple[int, bool]] = []
        self.retries: list[bool] = []
        self._improved: list[ImprovedAction] = []

    def _on_rollout_start(self) -> None:
        self._envs.training = True

    def _on_step(self) -> bool:
        # Here, because the buffer's rewards hold the values of states where episodes were cut, too.
        self.rewards.append(float(self.locals["rewards"].mean()))
        for env, info in enumerate(self.locals["infos"]):
            if "improved" in info:
                self._improved.append(ImprovedAction(len(self.rewards) - 1, env, info["improved"]))
            if np.isfinite(info["distance"]):
                self.distances.append(info["distance"])
            if info.get("retried"):
                self.retries.append(not info["success"])
            elif "success" in info:
                self.episodes.append((info["clip"], not info["success"]))
        return True

    def _on_rollout_end(self) -> None:  # before learning shuffles the observations
        seen = self.locals["rollout_buffer"].observations
        if self._improved:
            self._buffer.add(
                np.array([seen[found.step, found.environment] for found in self._improved]),
                np.array([found.action for found in self._improved]),
            )


def _numpy(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor.detach().numpy().astype(np.float64)
