"""Block pentadiagonal systems: a row of blocks a frame, coupled to the two frames after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

Array = NDArray[np.float64]


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
        """Solves `(A + damping 1) x = right` for right (F, n) by banded Cholesky.

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
        """LAPACK's lower band storage (3 n, F n): row k is the k-th diagonal below the main one."""
        frames, size = self.diagonal.shape[:2]
        # columns[f, c] holds column c of block column f from the top of its diagonal block down,
        # and is read from its own diagonal element on; the zeros behind it are the band's end.
        columns = np.zeros((frames, size, 4 * size))
        columns[:, :, :size] = np.swapaxes(self.diagonal, 1, 2)
        columns[:-1, :, size : 2 * size] = np.swapaxes(self.first, 1, 2)
        columns[:-2, :, 2 * size : 3 * size] = np.swapaxes(self.second, 1, 2)
        by_frame, by_column, by_row = columns.strides
        shifted = as_strided(
            columns, (frames, size, 3 * size), (by_frame, by_column + by_row, by_row)
        )
        return shifted.reshape(frames * size, 3 * size).T
