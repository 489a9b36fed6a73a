from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from translation.rotations import cont6d, qbetween, qinv, qmul, qrot, yaw_rotate

RNG = np.random.default_rng(0)
A = Rotation.random(200, rng=RNG)
B = Rotation.random(200, rng=RNG)
VECTORS = RNG.normal(size=(200, 3))


def wxyz(rotation: Rotation) -> np.ndarray:
    return rotation.as_quat(scalar_first=True)


def test_product_inverse_and_turn_agree_with_scipy() -> None:
    product = Rotation.from_quat(qmul(wxyz(A), wxyz(B)), scalar_first=True)
    assert (product * (A * B).inv()).magnitude().max() < 1e-7
    np.testing.assert_allclose(qrot(wxyz(A), VECTORS), A.apply(VECTORS), atol=1e-12)
    np.testing.assert_allclose(qrot(qinv(wxyz(A)), VECTORS), A.inv().apply(VECTORS), atol=1e-12)


def test_cont6d_is_the_first_two_columns() -> None:
    matrix = A.as_matrix()
    expected = np.concatenate([matrix[:, :, 0], matrix[:, :, 1]], axis=-1)
    np.testing.assert_allclose(cont6d(wxyz(A)), expected, atol=1e-12)


def test_yaw_rotate_agrees_with_scipy() -> None:
    half = RNG.uniform(-4, 4, 200)
    expected = Rotation.from_rotvec(2 * half[:, None] * [0, 1, 0]).apply(VECTORS)
    np.testing.assert_allclose(yaw_rotate(half, VECTORS), expected, atol=1e-12)


def test_between_is_the_shortest_turn() -> None:
    u = VECTORS / np.linalg.norm(VECTORS, axis=-1, keepdims=True)
    v = A.apply(u)
    quat = qbetween(u, v)
    np.testing.assert_allclose(qrot(quat, u), v, atol=1e-12)
    angle = Rotation.from_quat(quat, scalar_first=True).magnitude()
    np.testing.assert_allclose(np.cos(angle), np.sum(u * v, axis=-1), atol=1e-7)


@pytest.mark.parametrize("axis", np.concatenate([np.eye(3), [[0.6, 0.0, 0.8]]]))
def test_between_opposite_vectors_is_a_half_turn(axis: np.ndarray) -> None:
    quat = qbetween(axis, -axis)
    np.testing.assert_allclose(qrot(quat, axis), -axis, atol=1e-12)
    assert quat[0] == 0
