"""KID against the definition summed pair by pair, and what an unbiased estimate promises."""

from __future__ import annotations

import numpy as np
import pytest

from eval.metrics.kid import kid, kid_interval
from eval.metrics.statistics import Blocks
from loop.errors import InvalidSamplesError


def by_pairs(x: np.ndarray, y: np.ndarray) -> float:
    """Bińkowski et al. (2018), eq. 4, as torch-fidelity and clean-fid define it, in loops."""

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((np.dot(a, b) / len(a) + 1.0) ** 3)

    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


@pytest.mark.parametrize(("n", "m", "dim"), [(2, 2, 1), (7, 12, 3), (15, 6, 20)])
def test_definition(n: int, m: int, dim: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, dim)), 1 + 2 * rng.normal(size=(m, dim))
    assert kid(x, y) == pytest.approx(by_pairs(x, y), rel=1e-10)
    assert kid(x, y) == pytest.approx(kid(y, x), rel=1e-10)


@pytest.mark.parametrize("size", [10, 40])
def test_unbiased_at_any_size(size: int) -> None:
    rng = np.random.default_rng(0)
    draws = [kid(*rng.normal(size=(2, size, 4))) for _ in range(400)]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / 20


def test_interval_covers_the_spread_of_fresh_draws() -> None:
    rng = np.random.default_rng(1)

    def sets() -> tuple[np.ndarray, np.ndarray]:
        return rng.normal(size=(60, 3)), 0.7 + rng.normal(size=(80, 3))

    fresh = [kid(*sets()) for _ in range(200)]
    found = kid_interval(*sets(), rng)
    width = np.diff(np.quantile(fresh, [0.025, 0.975]))[0]
    assert found.low < found.value < found.high
    assert 0.6 < (found.high - found.low) / width < 1.6


def test_copies_in_a_block_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(40, 3)), 1 + rng.normal(size=(40, 3))
    pairs = Blocks(np.repeat(np.arange(40), 2))
    twice = np.repeat(x, 2, axis=0), np.repeat(y, 2, axis=0)

    def width(*args, **kwargs) -> float:
        low, high = kid_interval(*args, np.random.default_rng(0), **kwargs).bounds
        return high - low

    once, blocked, ignorant = width(x, y), width(*twice, blocks=(pairs, pairs)), width(*twice)
    assert 0.8 < blocked / once < 1.25
    assert ignorant < 0.85 * once


def test_bad_sets_are_named() -> None:
    with pytest.raises(InvalidSamplesError, match="second set"):
        kid(np.zeros((3, 2)), np.zeros((1, 2)))
    with pytest.raises(InvalidSamplesError, match="different width"):
        kid(np.zeros((3, 2)), np.zeros((3, 4)))
