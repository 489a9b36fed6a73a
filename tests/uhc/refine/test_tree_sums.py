"""Sums over the tree against plain sums, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest

from tests.uhc.bodies import moved_by
from uhc.humanoid.kinematics import BodyTree
from uhc.humanoid.model import Humanoid
from uhc.refine.tree_sums import couple, point_stiffness, point_wrenches, project, sum_subtrees


@pytest.mark.parametrize("symmetric", [True, False])
def test_springs_between_points(humanoid: Humanoid, symmetric: bool) -> None:
    """Each spring couples the coordinates that move its point in one pose or in the other."""
    rng, tree, nv = np.random.default_rng(0), BodyTree.from_humanoid(humanoid), humanoid.nv
    one, two = rng.normal(size=(2, 2, len(tree.point_body), 3))
    stiffness = rng.normal(size=one.shape) * (rng.random(one.shape) < 0.7)
    left, right = rng.normal(size=(2, 2, nv, 6))
    if symmetric:
        two, right = one, left
    moves = moved_by(tree, slice(None))
    expected = np.zeros((2, nv, nv))
    for p, row in enumerate(moves):
        velocity, other = (
            m[..., 3:] + np.cross(m[..., :3], at[:, None, p])
            for m, at in ((left, one), (right, two))
        )
        expected += np.einsum(
            "fdi,fi,fei->fde", velocity * row[:, None], stiffness[:, p], other * row[:, None]
        )
    below, out = np.zeros((2, len(tree.parent), 6, 6)), np.zeros((2, nv, nv))
    point_stiffness(one, stiffness, two, tree.point_body, below)
    sum_subtrees(tree.parent, below.reshape(2, -1, 36))
    couple(left, below, right, tree.parent, symmetric, out)
    lower = np.tril(np.ones((nv, nv))) if symmetric else 1.0
    np.testing.assert_allclose(out * lower, expected * lower, atol=1e-9)


def test_wrenches_and_maps(humanoid: Humanoid) -> None:
    rng, tree = np.random.default_rng(1), BodyTree.from_humanoid(humanoid)
    points, pushes = rng.normal(size=(2, 3, len(tree.point_body), 3))
    carried = np.zeros((3, len(tree.parent), 6))
    point_wrenches(points, pushes, tree.point_body, carried)
    sum_subtrees(tree.parent, carried)
    total = np.concatenate([np.cross(points, pushes), pushes], -1).sum(1)
    np.testing.assert_allclose(carried[:, 0], total, atol=1e-12)
    motion, maps = rng.normal(size=(3, humanoid.nv, 6)), rng.normal(size=(3, 17, 6, 6))
    out = np.empty((3, 6, humanoid.nv))
    project(motion, maps, out)
    expected = np.einsum("fdij,fdj->fid", maps[:, np.repeat(tree.group_body, 3)], motion)
    np.testing.assert_allclose(out, expected, atol=1e-12)
