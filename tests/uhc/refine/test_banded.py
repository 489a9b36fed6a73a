"""The block pentadiagonal solver against a dense one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from uhc.refine.banded import PentadiagonalBlocks

Array = NDArray[np.float64]


def _system(frames: int, size: int, seed: int) -> tuple[Array, PentadiagonalBlocks]:
    """A positive definite matrix with the pattern, dense and as blocks (upper halves are junk)."""
    rng = np.random.default_rng(seed)
    total = frames * size
    dense = np.zeros((total, total))
    for frame in range(frames):
        rows = slice(frame * size, min(frame + 3, frames) * size)
        part = rng.normal(size=(rows.stop - rows.start, size))
        dense[rows, rows] += part @ part.T
    dense += np.eye(total)
    cut = dense.reshape(frames, size, frames, size)
    diagonal = np.array([cut[f, :, f] for f in range(frames)])
    diagonal += np.triu(rng.normal(size=diagonal.shape), 1)
    first = np.array([cut[f + 1, :, f] for f in range(frames - 1)])
    second = np.array([cut[f + 2, :, f] for f in range(frames - 2)])
    return dense, PentadiagonalBlocks(diagonal, first, second)


@pytest.mark.parametrize(("frames", "size"), [(3, 2), (4, 1), (7, 5), (12, 6)])
@pytest.mark.parametrize("damping", [0.0, 0.7])
def test_agrees_with_a_dense_solve(frames: int, size: int, damping: float) -> None:
    dense, blocks = _system(frames, size, seed=frames)
    right = np.random.default_rng(1).normal(size=(frames, size))
    found = blocks.solve(right, damping)
    expected = np.linalg.solve(dense + damping * np.eye(len(dense)), right.ravel())
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-9, atol=1e-9)


def test_an_indefinite_matrix_is_refused() -> None:
    _, blocks = _system(4, 3, seed=0)
    blocks.diagonal[2] -= 100 * np.eye(3)
    with pytest.raises(np.linalg.LinAlgError):
        blocks.solve(np.ones((4, 3)))
