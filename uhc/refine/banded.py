"""Block pentadiagonal systems: a row of blocks a frame, coupled to the two frames after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solveh_banded

from body_models.arrays import Array
from translation.compiled import jit


@dataclass(frozen=True)
class PentadiagonalBlocks:
    """Lower half of a symmetric matrix with F x F blocks of n x n.

    `diagonal` (F, n, n), of which only the lower triangle is read; `first` (F - 1, n, n) at block
    (f + 1, f); `second` (F - 2, n, n) at block (f + 2, f).
    """

    diagonal: Array
    first: Array
    second: Array

    def solve(self, right: Array, damping: float = 0.0) -> Array:
        """Solve `(A + damping 1) x = right` for right (F, n) by banded Cholesky.

        Raises:
            numpy.linalg.LinAlgError: A + damping 1 is not positive definite.
        """
        banded = self._banded()
        banded[0] += damping
        solution = solveh_banded(
            banded, right.ravel(), overwrite_ab=True, lower=True, check_finite=False
        )
        return solution.reshape(right.shape)

    def _banded(self) -> Array:
        """Return LAPACK's lower band storage (3 n, F n): row k is the k-th diagonal below."""
        frames, size = self.diagonal.shape[:2]
        columns = np.zeros((frames * size, 3 * size))
        _fill(self.diagonal, self.first, self.second, columns)
        return columns.T


@jit
def _fill(diagonal: Array, first: Array, second: Array, columns: Array) -> None:
    """Write the matrix column by column, each from its own diagonal element down."""
    frames, size = diagonal.shape[0], diagonal.shape[1]
    for f in range(frames):
        for c in range(size):
            column = columns[f * size + c]
            for r in range(c, size):
                column[r - c] = diagonal[f, r, c]
            if f + 1 < frames:
                for r in range(size):
                    column[size + r - c] = first[f, r, c]
            if f + 2 < frames:
                for r in range(size):
                    column[2 * size + r - c] = second[f, r, c]
