"""Training the controller: exact resume, independence of processes, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from loop.errors import CorruptFileError, RunStateError
from uhc.rl.environment import DECISION_STEPS, ReferenceClip
from uhc.rl.improvement import VineOptions
from uhc.rl.ppo import PpoOptions, Trainer

VINE = VineOptions(after=1, every=2, pairs=1, decisions=1)
OPTIONS = PpoOptions(
    environments=4, steps=8, batch_size=16, epochs=2, hidden=(16,), vine=VINE, seed=3
)


@pytest.fixture(scope="module")
def clips(standing):
    swaying = standing.copy()
    swaying[:, 0] += 0.02 * np.sin(0.3 * np.arange(len(swaying)))
    return [ReferenceClip("standing", standing), ReferenceClip("swaying", swaying)]


def weights(trainer):
    policy = trainer.policy()
    return [policy.mean, policy.deviation, *policy.weights, *policy.biases]


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(symmetric_humanoid, clips, tmp_path):
    with Trainer(symmetric_humanoid, clips, OPTIONS, workers=2) as unbroken:
        unbroken.train()
        unbroken.save(tmp_path / "checkpoint.pt")
        expected = [unbroken.train() for _ in range(2)]
        final = weights(unbroken)
    with Trainer(symmetric_humanoid, clips, OPTIONS, workers=1) as resumed:  # fewer processes, too
        resumed.load(tmp_path / "checkpoint.pt")
        np.testing.assert_array_equal([resumed.train() for _ in range(2)], expected)  # NaN is NaN
        for ours, theirs in zip(weights(resumed), final, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert expected[-1].control_steps == 3 * 4 * 8 * DECISION_STEPS


def test_branches_change_what_is_learned_from_their_first_iteration_on(symmetric_humanoid, clips):
    never = replace(OPTIONS, vine=replace(VINE, after=99))
    found = []
    for options in (OPTIONS, never):
        with Trainer(symmetric_humanoid, clips, options, workers=1) as trainer:
            found.append([trainer.train() and weights(trainer) for _ in range(2)])
    (first, taught), (also_first, untaught) = found
    for ours, theirs in zip(first, also_first, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert any(not np.array_equal(*pair) for pair in zip(taught[2:], untaught[2:], strict=True))


def test_the_checkpoint_of_an_older_trainer_is_refused(symmetric_humanoid, clips, tmp_path):
    path = tmp_path / "checkpoint.pt"
    with Trainer(symmetric_humanoid, clips, OPTIONS, workers=1) as trainer:
        trainer.save(path)
        stored = torch.load(path, weights_only=True)
        del stored["imitation"]
        torch.save(stored, path)
        with pytest.raises(CorruptFileError, match="no imitation"):
            trainer.load(path)


def test_the_checkpoint_of_other_clips_or_environments_is_refused(
    symmetric_humanoid, clips, tmp_path
):
    path = tmp_path / "checkpoint.pt"
    with Trainer(symmetric_humanoid, clips, OPTIONS, workers=1) as trainer:
        trainer.save(path)
    more = replace(OPTIONS, environments=6)
    for others, options in ((clips, more), (clips[:1], OPTIONS)):
        with (
            Trainer(symmetric_humanoid, others, options, workers=1) as trainer,
            pytest.raises(RunStateError, match="found: 2 clips, 4 environments"),
        ):
            trainer.load(path)


def test_the_first_policy_hardly_acts(symmetric_humanoid, clips):
    with Trainer(symmetric_humanoid, clips, OPTIONS, workers=1) as trainer:
        action = trainer.policy().act(np.zeros(trainer.policy().mean.shape))
        assert np.abs(action).max() < 0.1
        assert trainer.train().reward > 0.5
