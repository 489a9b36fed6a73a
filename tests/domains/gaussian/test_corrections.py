from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import chisquare, ks_2samp, kstest, norm

from domains.gaussian.corrections import ExactCorrection, HistogramCorrection, mixing_weight
from domains.gaussian.histogram import BINS, Histograms
from domains.gaussian.model import Points
from loop.errors import InvalidOptionError
from loop.rng import Stream

CORRECTIONS = [ExactCorrection, HistogramCorrection]


@pytest.fixture(scope="module")
def published(repository: Path) -> ModuleType:
    """The plain loop that the benchmark compares with."""
    path = repository / "benchmarks" / "gaussian.py"
    specification = importlib.util.spec_from_file_location("benchmark_gaussian", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def repeated(correction, points: np.ndarray, times: int, seed: int = 1) -> np.ndarray:
    """Correct the same points (n, d) `times` times; all results (times n, d)."""
    batch = Points(np.broadcast_to(points, (1, times, *points.shape)))
    return correction.correct(batch, Stream(seed)).batch.values.reshape(-1, points.shape[1])


def test_the_weight_of_the_target() -> None:
    weights = mixing_weight(np.array([0.0, 1.0, 3.0, np.inf, 1e300]))
    assert weights.tolist() == [0.0, 0.5, 0.75, 1.0, 1.0]


@pytest.mark.parametrize("gamma", [-1.0, -1e-9, np.nan, -np.inf])
@pytest.mark.parametrize("kind", CORRECTIONS)
def test_impossible_strengths_are_refused(kind, gamma: float) -> None:
    with pytest.raises(InvalidOptionError, match="correction strengths"):
        kind(np.array([0.0, gamma]))


def test_exact_correction_of_strength_zero_is_the_identity() -> None:
    batch = Points(np.random.default_rng(0).standard_normal((1, 3, 7, 2)))
    assert np.array_equal(
        ExactCorrection(np.zeros(1)).correct(batch, Stream(0)).batch.values, batch.values
    )


def test_exact_correction_draws_from_the_mixture() -> None:
    points = np.random.default_rng(0).standard_normal((40, 2)) * 0.3 + 2.0
    corrected = repeated(ExactCorrection(np.array([3.0])), points, 2000)
    kept = (corrected[:, None] == points[None]).all(axis=2).any(axis=1)
    assert kept.mean() == pytest.approx(0.25, abs=0.01)
    assert kstest(corrected[~kept, 0], norm.cdf).pvalue > 1e-3


@pytest.mark.parametrize("kind", CORRECTIONS)
def test_infinite_strength_gives_samples_of_the_target_whatever_the_batch(kind) -> None:
    points = np.full((10, 2), 50.0) + np.random.default_rng(0).random((10, 2))
    corrected = repeated(kind(np.array([np.inf])), points, 500)
    for axis in range(2):
        assert kstest(corrected[:, axis], norm.cdf).pvalue > 1e-3


@pytest.mark.parametrize("gamma", [0.0, 0.2, 2.0])
def test_histogram_correction_draws_what_the_published_loop_draws(published, gamma: float) -> None:
    rng = np.random.default_rng(4)
    points = rng.standard_normal((25, 2)) * [1.0, 0.7] + [0.4, -0.2]
    theirs = np.concatenate([published.resample(points, gamma, rng) for _ in range(60)])
    ours = repeated(HistogramCorrection(np.array([gamma])), points, 2000)
    for measure in (lambda x: x[:, 0], lambda x: x[:, 1], lambda x: x.sum(axis=1)):
        assert ks_2samp(measure(theirs), measure(ours)).pvalue > 1e-3


def accepted_mass(points: np.ndarray, gamma: float, edges: list[np.ndarray]) -> np.ndarray:
    """Mass of min(p*, q / M) in each cell of a grid, by the mid-point rule: the published law."""
    density, (xs, ys) = np.histogramdd(points, bins=BINS, density=True)
    t = gamma / (1 + gamma)
    mid = [(edge[1:] + edge[:-1]) / 2 for edge in edges]
    grid = np.stack(np.meshgrid(*mid, indexing="ij"), axis=-1)
    place = np.trunc((grid - [xs[0], ys[0]]) / [xs[1] - xs[0], ys[1] - ys[0]]).astype(int)
    inside = ((place >= 0) & (place < BINS)).all(axis=-1)
    place = place.clip(0, BINS - 1)
    target = np.exp(-0.5 * (grid**2).sum(axis=-1)) / (2 * np.pi)
    q = (1 - t) * np.where(inside, density[place[..., 0], place[..., 1]], 0.0) + t * target
    bound = ((1 - t) * density.max() + t / (2 * np.pi)) * 2 * np.pi
    return np.minimum(target, q / bound)


@pytest.mark.parametrize("gamma", [0.0, 0.3])
def test_histogram_correction_has_the_published_density(gamma: float) -> None:
    points = np.random.default_rng(2).standard_normal((25, 2))
    corrected = repeated(HistogramCorrection(np.array([gamma])), points, 4000)
    edges = [np.linspace(-4.5, 4.5, 1801)] * 2
    mass = accepted_mass(points, gamma, edges).reshape(9, 200, 9, 200).sum(axis=(1, 3))
    counts = np.histogram2d(*corrected.T, bins=[edge[::200] for edge in edges])[0]
    expected = mass / mass.sum() * counts.sum()
    crowded = expected > 20
    assert crowded.sum() > 15 and counts[expected == 0].sum() == 0

    def agreement(law: np.ndarray) -> float:
        wanted = law[crowded] * counts[crowded].sum() / law[crowded].sum()
        return float(chisquare(counts[crowded], wanted).pvalue)

    assert agreement(mass) > 1e-4
    other = accepted_mass(points, gamma + 0.3, edges).reshape(9, 200, 9, 200).sum(axis=(1, 3))
    assert agreement(other) < 1e-6, "this test cannot fail"


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_histograms_are_those_of_numpy(dimension: int) -> None:
    rng = np.random.default_rng(dimension)
    points = rng.standard_normal((3, 30, dimension))
    histograms = Histograms.of(points)
    for index, each in enumerate(points):
        density, edges = np.histogramdd(each, bins=BINS, density=True)
        centres = np.stack(
            np.meshgrid(*[(edge[1:] + edge[:-1]) / 2 for edge in edges], indexing="ij"), axis=-1
        ).reshape(-1, dimension)
        found = histograms.lookup(np.full(len(centres), index), centres)
        np.testing.assert_allclose(found, density.ravel(), rtol=1e-9)
        assert histograms.density[index].max() == pytest.approx(density.max())


def test_the_first_bin_reaches_one_width_further_down() -> None:
    """As in the published code, which cuts the number of a bin toward zero."""
    histograms = Histograms.of(np.array([[[0.0], [0.3], [10.0]]]))
    found = histograms.lookup(
        np.zeros(5, dtype=int), np.array([[-1.1], [-0.9], [0.5], [9.5], [10.1]])
    )
    assert found.tolist() == pytest.approx([0.0, 2 / 3, 2 / 3, 1 / 3, 0.0])
    assert histograms.mass.tolist() == pytest.approx([2 / 3 * 2 + 1 / 3])


def test_a_single_sample_has_the_unit_box_of_numpy() -> None:
    point = np.array([[0.3, -0.2]])
    histograms = Histograms.of(point[None])
    density, edges = np.histogramdd(point, bins=BINS, density=True)
    np.testing.assert_allclose(histograms.low[0], [edge[0] for edge in edges])
    assert histograms.density[0, 0] == pytest.approx(density.max())
    corrected = repeated(HistogramCorrection(np.zeros(1)), point, 300)
    assert np.abs(corrected - point).max() <= 0.11


def test_ten_dimensions_look_only_at_occupied_bins() -> None:
    points = np.random.default_rng(0).standard_normal((25, 10))
    corrected = repeated(HistogramCorrection(np.zeros(1)), points, 40)
    # at strength 0 every result lies within a bin width or two of a sample, on all axes
    reach = 2 * (points.max(axis=0) - points.min(axis=0)) / BINS
    near = (np.abs(corrected[:, None] - points[None]) <= reach).all(axis=2).any(axis=1)
    assert np.isfinite(corrected).all() and near.all()


def test_too_many_dimensions_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="too many bins"):
        HistogramCorrection(np.zeros(1)).correct(Points(np.zeros((1, 1, 5, 20))), Stream(0))


def test_samples_where_the_target_has_no_mass_are_refused() -> None:
    points = 100.0 + np.random.default_rng(0).random((1, 1, 5, 2))
    with pytest.raises(InvalidOptionError, match="next to no mass"):
        HistogramCorrection(np.zeros(1)).correct(Points(points), Stream(0))


@pytest.mark.parametrize("kind", CORRECTIONS)
def test_other_arms_and_more_seeds_change_nothing(kind) -> None:
    values = np.random.default_rng(0).standard_normal((1, 5, 8, 2))
    alone = kind(np.array([0.3])).correct(Points(values[:, :2]), Stream(9)).batch.values
    arms = np.concatenate([values + 1.0, values, values], axis=0)
    among = kind(np.array([0.0, 0.3, 2.0])).correct(Points(arms), Stream(9)).batch.values
    assert np.array_equal(alone[0], among[1, :2])
