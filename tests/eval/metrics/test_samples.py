"""The border check of the metrics."""

from __future__ import annotations

import numpy as np
import pytest

from eval.metrics.samples import require_same_width, require_samples
from loop.errors import InvalidSamplesError


def test_float32_and_integers_become_float64() -> None:
    assert require_samples(np.ones((3, 2), np.float32), "x").dtype == np.float64
    np.testing.assert_array_equal(require_samples([[1, 2], [3, 4]], "x"), [[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    "values",
    [
        np.ones(3),
        np.ones((2, 2, 2)),
        np.ones((3, 0)),
        np.ones((0, 3)),
        np.ones((3, 2), complex),
        np.array([["a", "b"]]),
        [[1.0, np.nan]],
        [[np.inf, 1.0]],
    ],
)
def test_bad_tables_are_refused(values: object) -> None:
    with pytest.raises(InvalidSamplesError, match=r"^generated"):
        require_samples(values, "generated")  # type: ignore[arg-type]


def test_message_names_the_first_bad_row() -> None:
    values = np.ones((5, 3))
    values[3, 1] = np.nan
    with pytest.raises(InvalidSamplesError, match="1 of 5 rows, the first is row 3"):
        require_samples(values, "x")


def test_too_few_and_unequal_width() -> None:
    with pytest.raises(InvalidSamplesError, match="at least 4"):
        require_samples(np.ones((3, 2)), "x", at_least=4)
    with pytest.raises(InvalidSamplesError, match="2 and 3"):
        require_same_width(np.ones((3, 2)), np.ones((3, 3)), "x")
