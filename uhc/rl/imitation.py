"""The imitation buffer: improved actions, and a policy that is moved towards them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.policies import ActorCriticPolicy

from uhc.rl.environment import ACTION
from uhc.rl.observation import SIZE


class ImitationBuffer:
    """Keeps the last improved actions and their observations; a policy learns their mean.

    Each is noisy, because few offsets were tried for it; what states have in common is not.
    """

    def __init__(self, policy: ActorCriticPolicy, size: int, batch_size: int) -> None:
        """Keep `size` actions; of `policy` the layers that lead to the mean action learn."""
        self._layers = torch.nn.Sequential(policy.mlp_extractor.policy_net, policy.action_net)
        self._optimizer = torch.optim.Adam(self._layers.parameters())
        self._size, self._batch_size = size, batch_size
        self._seen = torch.empty((0, SIZE))
        self._improved = torch.empty((0, ACTION))

    def add(self, seen: NDArray[Any], improved: NDArray[Any]) -> None:
        """Add normalised observations (N, SIZE) and actions (N, ACTION); drop the oldest."""
        pairs = ((self._seen, seen), (self._improved, improved))
        self._seen, self._improved = (
            torch.cat([old, torch.from_numpy(new.astype(np.float32))])[-self._size :]
            for old, new in pairs
        )

    def fit(self, learning_rate: float) -> float:
        """Go through the buffer once, shuffled; return the policy's mean square distance to it."""
        if not len(self._seen):
            return float("nan")
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        total = 0.0
        for batch in torch.randperm(len(self._seen)).split(self._batch_size):
            acted = self._layers(self._seen[batch])
            loss = torch.nn.functional.mse_loss(acted, self._improved[batch])
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            total += loss.item() * len(batch)
        return total / len(self._seen)

    def state(self) -> dict[str, Any]:
        """Return everything that the next pass depends on, but the policy."""
        optimizer = self._optimizer.state_dict()
        return {"seen": self._seen, "improved": self._improved, "optimizer": optimizer}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self._seen, self._improved = state["seen"], state["improved"]
        self._optimizer.load_state_dict(state["optimizer"])
