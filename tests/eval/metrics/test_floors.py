"""The floor must be what independent real sets of these sizes give."""

from __future__ import annotations

import numpy as np
import pytest

from eval.metrics.floors import floor_by_halves, floor_by_resampling
from eval.metrics.frechet import fid
from loop.errors import InvalidSamplesError


def independent(rng: np.random.Generator, first: int, second: int, dim: int = 6) -> float:
    draws = [fid(rng.normal(size=(first, dim)), rng.normal(size=(second, dim))) for _ in range(40)]
    return float(np.mean(draws))


def test_halves_match_independent_sets_of_half_the_size() -> None:
    rng = np.random.default_rng(0)
    found = floor_by_halves(rng.normal(size=(400, 6)), rng, splits=40)
    assert found.value == pytest.approx(independent(rng, 200, 200), rel=0.3)
    assert 0 < found.low < found.value < found.high


def test_resampling_matches_independent_sets_of_the_given_sizes() -> None:
    rng = np.random.default_rng(1)
    real = rng.normal(size=(400, 6))
    for sizes in ((400, 400), (60, 400)):
        found = floor_by_resampling(real, rng, sizes=sizes, resamples=40)
        assert found.value == pytest.approx(independent(rng, *sizes), rel=0.3)
    default = floor_by_resampling(real, np.random.default_rng(2))
    assert default == floor_by_resampling(real, np.random.default_rng(2), sizes=(400, 400))


def test_fewer_samples_have_a_higher_floor() -> None:
    rng = np.random.default_rng(3)
    real = rng.normal(size=(300, 6))
    small = floor_by_resampling(real, rng, sizes=(40, 40))
    assert small.low > floor_by_resampling(real, rng).high


def test_bad_input_is_refused() -> None:
    rng = np.random.default_rng(4)
    real = rng.normal(size=(20, 3))
    with pytest.raises(InvalidSamplesError, match="at least 4"):
        floor_by_halves(real[:3], rng)
    with pytest.raises(InvalidSamplesError, match="one repetition"):
        floor_by_halves(real, rng, splits=0)
    with pytest.raises(InvalidSamplesError, match="two samples"):
        floor_by_resampling(real, rng, sizes=(1, 20))
    real[0, 0] = np.nan
    with pytest.raises(InvalidSamplesError, match="not finite"):
        floor_by_resampling(real, rng)
