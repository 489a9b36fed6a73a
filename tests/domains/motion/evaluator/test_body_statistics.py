"""Statistics of real encoded motions against numpy, and what each corruption does to them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from body_models.skeleton import PARENTS
from domains.motion.evaluator.augmentation import KINDS, corrupt
from domains.motion.evaluator.body_statistics import GROUPS, body_statistics, joint_positions
from tests.domains.motion.walkers import walker
from translation.humanml import vectors_to_joints


@pytest.fixture(scope="module")
def motions() -> torch.Tensor:
    return torch.from_numpy(np.stack([walker(seed, 40) for seed in range(32)]))


def named(motions: torch.Tensor, valid: torch.Tensor) -> dict[str, np.ndarray]:
    found = body_statistics(motions, valid)
    return {name: part.numpy() for name, part in zip(GROUPS, found, strict=True)}


def whole(motions: torch.Tensor) -> torch.Tensor:
    return torch.ones(motions.shape[:2], dtype=torch.bool)


def test_positions_are_those_of_the_decoder_up_to_the_path(motions: torch.Tensor) -> None:
    joints = vectors_to_joints(motions[0].numpy())
    ours = joint_positions(motions[:1])[0].numpy()
    np.testing.assert_allclose(ours[..., 1], joints[..., 1], atol=1e-5)
    lengths = np.linalg.norm(ours[:, 1:] - ours[:, PARENTS[1:]], axis=-1)
    expected = np.linalg.norm(joints[:, 1:] - joints[:, PARENTS[1:]], axis=-1)
    np.testing.assert_allclose(lengths, expected, atol=1e-5)
    found = named(motions[:1], whole(motions[:1]))
    np.testing.assert_allclose(found["bones"][0], expected.mean(axis=0), atol=1e-5)
    assert found["heights"][0] == pytest.approx(
        [joints[..., 1].min(axis=1).mean(), joints[..., 1].min()], abs=1e-5
    )


def test_widths_and_padding(motions: torch.Tensor) -> None:
    short = named(motions[:, :30], whole(motions[:, :30]))
    spoilt = motions.clone()
    spoilt[:, 30:] = 1e3
    valid = torch.arange(40).expand(32, -1) < 30
    for name, (width, least) in GROUPS.items():
        assert short[name].shape == (32, width) and least > 0
        np.testing.assert_allclose(named(spoilt, valid)[name], short[name], rtol=1e-4, atol=1e-4)


SEEN = {
    "_noise": ("wobble", 1),
    "_smooth": ("jerks", -1),
    "_hold": ("stillness", 1),
    "_drift": ("sliding", 1),
    "_slow": ("speeds", -1),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_corruption_shows_in_the_statistics(kind, motions: torch.Tensor) -> None:
    lengths, amount = torch.full((32,), 40), torch.full((32, 1, 1), 0.9)
    std, rng = torch.full((263,), 0.1), torch.Generator().manual_seed(0)
    worse = kind(motions, lengths, amount, rng, std)
    assert worse.shape == motions.shape and torch.isfinite(worse).all()
    before, after = named(motions, whole(motions)), named(worse, whole(worse))
    if kind.__name__ in SEEN:
        group, sign = SEEN[kind.__name__]
        change = sign * (after[group] - before[group]).mean(axis=1)
        assert change.mean() > GROUPS[group][1] and np.mean(change > 0) > 0.6, group
    assert any(np.abs(after[g] - before[g]).max() > GROUPS[g][1] for g in GROUPS)


def test_each_motion_gets_one_corruption_and_the_seed_decides(motions: torch.Tensor) -> None:
    lengths, std = torch.full((32,), 40), torch.full((263,), 0.1)
    first, again, other = (
        corrupt(motions, lengths, std, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert ((first - motions).abs().amax(dim=(1, 2)) > 0).float().mean() > 0.9
