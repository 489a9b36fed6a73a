"""The compiled algebra against scipy and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from translation.compiled import factorise, log, multiply, rotate, substitute


def test_quaternions() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b = Rotation.random(2, rng=rng)
        first, second = a.as_quat(scalar_first=True), b.as_quat(scalar_first=True)
        vector, turned, product = rng.normal(size=3), np.empty(3), np.empty(4)
        for sign, expected in ((1.0, a * b), (-1.0, a.inv() * b)):
            multiply(first, second, sign, product)
            found = Rotation.from_quat(product, scalar_first=True)
            assert (found * expected.inv()).magnitude() < 1e-12
        rotate(first, vector, turned)
        np.testing.assert_allclose(turned, a.apply(vector), atol=1e-12)
        log(*first, turned)
        np.testing.assert_allclose(turned, a.as_rotvec(), atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 1e-13, 1e-7])
def test_small_angles(angle: float) -> None:
    found = np.empty(3)
    log(np.cos(angle / 2), np.sin(angle / 2), 0.0, 0.0, found)
    np.testing.assert_allclose(found, [angle, 0, 0], rtol=1e-12, atol=1e-18)


def test_small_systems() -> None:
    rng = np.random.default_rng(0)
    root, right, found = rng.normal(size=(6, 9)), rng.normal(size=6), np.empty(6)
    matrix = root @ root.T
    factor = matrix.copy()
    factorise(factor)
    substitute(factor, right, found)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-9)
    indefinite = np.diag([1.0, -1.0])
    factorise(indefinite)
    assert not np.isfinite(indefinite).all()
