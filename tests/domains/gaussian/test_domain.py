from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ks_2samp, mannwhitneyu

from domains.gaussian.domain import (
    GaussianSettings,
    correction_named,
    draw_real,
    one_gaussian,
    run_gaussian,
)
from loop.arm import run_loop
from loop.errors import InvalidOptionError, InvalidSamplesError

SMALL = GaussianSettings(generations=12, seeds=3)


def test_the_defaults_are_the_published_protocol() -> None:
    settings = GaussianSettings()
    assert settings.gammas == (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 5.0)
    assert (settings.n, settings.synthetic_count, settings.generations) == (50, 25, 500)
    assert (settings.dimension, settings.mixing, settings.correction) == (
        2,
        "triangular",
        "histogram",
    )


def test_a_share_of_the_points_is_counted_as_written() -> None:
    for ratio, n, count in ((0.29, 100, 29), (0.57, 100, 57), (0.299, 10, 2), (0.0, 10, 0)):
        assert GaussianSettings(ratio=ratio, n=n).synthetic_count == count
        assert one_gaussian(n=n).synthetic_count(ratio, one_gaussian(n=n).real) == count


def test_the_curves_are_those_of_the_published_loop(repository: Path) -> None:
    path = repository / "benchmarks" / "gaussian.py"
    specification = importlib.util.spec_from_file_location("benchmark_gaussian", path)
    assert specification is not None and specification.loader is not None
    published = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(published)

    settings = GaussianSettings(gammas=(0.0, 5.0), generations=15, seeds=300)
    ours = run_gaussian(settings).distance
    theirs = np.array([published.reference_curve(settings, 0.0, seed) for seed in range(16)])
    for generation in (0, 5, 15):
        assert ks_2samp(theirs[:, generation], ours[generation, 0]).pvalue > 1e-3
    last = slice(8, None)
    averages = theirs[:, last].mean(axis=1), ours[last, 0].mean(axis=0), ours[last, 1].mean(axis=0)
    assert mannwhitneyu(averages[0], averages[1]).pvalue > 1e-3
    assert mannwhitneyu(averages[0], averages[2]).pvalue < 1e-6, "this test cannot fail"


def squared_mean_error(settings: GaussianSettings, gamma: float) -> np.ndarray:
    """E |mean|² in each generation, exactly: exact correction, triangular mixing, N(0, I) data.

    Every mean is a linear combination of the mean of the real data and of uncorrelated noises
    ξ_jr, one for each corrected point: y_jr = a μ_j + ξ_jr with a = 1/(1+γ).
    """
    n, m, d, a = settings.n, settings.synthetic_count, settings.dimension, 1 / (1 + gamma)
    generations = settings.generations
    of_data = np.zeros(generations + 1)
    of_noise = np.zeros((generations + 1, generations, m))
    variance = np.zeros(generations)
    expected = np.zeros(generations + 1)
    of_data[0], expected[0] = 1.0, d / n
    for g in range(1, generations + 1):
        # E x xᵀ of the model is I throughout (but for 1e-6), so E |y|² = d
        variance[g - 1] = d - a**2 * expected[g - 1]
        counts = [int((j + 1) / g * m) for j in range(g)]
        total = n + sum(counts)
        of_data[g] = (n + a * sum(k * of_data[j] for j, k in enumerate(counts))) / total
        for j, k in enumerate(counts):
            of_noise[g] += a * k * of_noise[j] / total
            of_noise[g, j, :k] += 1.0 / total
        expected[g] = of_data[g] ** 2 * d / n + np.einsum("jr,j->", of_noise[g] ** 2, variance)
    return expected


@pytest.mark.parametrize("gamma", [0.0, 0.4])
def test_the_mean_error_follows_its_exact_recursion(gamma: float) -> None:
    settings = GaussianSettings(
        gammas=(gamma,), ratio=0.6, n=10, generations=25, seeds=4000, correction="exact"
    )
    squared = run_gaussian(settings).mean[:, 0] ** 2
    deviation = squared.mean(axis=1) - squared_mean_error(settings, gamma)
    standard_error = squared.std(axis=1) / np.sqrt(settings.seeds)
    assert np.abs(deviation / standard_error).max() < 4.0


def test_stronger_correction_ends_nearer_to_the_target() -> None:
    settings = GaussianSettings(gammas=(0.0, 0.1, 0.3, 1.0, 5.0), generations=120, seeds=32)
    final = run_gaussian(settings).distance[-40:].mean(axis=0)
    for weaker, stronger in pairwise(final):
        gain = weaker - stronger
        assert gain.mean() > 4 * gain.std(ddof=1) / np.sqrt(settings.seeds)


def test_the_same_seed_gives_the_same_numbers_and_another_does_not() -> None:
    first, again = run_gaussian(SMALL), run_gaussian(SMALL)
    assert np.array_equal(first.distance, again.distance)
    assert not np.array_equal(first.distance, run_gaussian(replace(SMALL, seed=1)).distance)


@pytest.mark.parametrize("correction", ["histogram", "exact"])
def test_a_seed_and_an_arm_do_not_depend_on_the_others(correction) -> None:
    alone = run_gaussian(replace(SMALL, gammas=(0.3,), seeds=2, correction=correction))
    among = run_gaussian(replace(SMALL, gammas=(0.0, 0.3, 9.0), seeds=5, correction=correction))
    np.testing.assert_allclose(alone.distance[:, 0], among.distance[:, 1, :2], rtol=1e-9)


COMMAND = """
import hashlib, sys
from domains.gaussian.domain import GaussianSettings, run_gaussian
from domains.gaussian.theory import measure_contraction
numbers = run_gaussian(GaussianSettings(generations=6, seeds=2, n=400, ratio=1.0)).distance
factors = measure_contraction((0.0, 1.0), (0.5,), n=500, seeds=3).factors
print(hashlib.sha256(numbers.tobytes() + factors.tobytes()).hexdigest())
print(sorted(name for name in ("torch", "mujoco", "transformers") if name in sys.modules))
"""


def test_threads_change_nothing_and_no_heavy_package_is_imported() -> None:
    answers = []
    for threads in ("1", "4"):
        variables = {f"{name}_NUM_THREADS": threads for name in ("OMP", "OPENBLAS", "MKL")}
        done = subprocess.run(
            [sys.executable, "-c", COMMAND],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=True,
        )
        answers.append(done.stdout.splitlines())
    assert answers[0] == answers[1]
    assert answers[0][1] == "[]"


def test_without_synthetic_points_nothing_moves() -> None:
    result = run_gaussian(replace(SMALL, ratio=0.0))
    assert np.array_equal(
        result.distance, np.broadcast_to(result.distance[:1], result.distance.shape)
    )


def test_infinite_strength_trains_on_the_target() -> None:
    settings = replace(SMALL, gammas=(0.0, np.inf), generations=150, seeds=16, correction="exact")
    result = run_gaussian(settings)
    assert np.isfinite(result.distance).all()
    # the pool holds about 1,900 points of the target by then
    assert result.distance[-1, 1].mean() < 0.08 < result.distance[-1, 0].mean()


@pytest.mark.parametrize("correction", ["histogram", "exact", "none"])
@pytest.mark.parametrize("mixing", ["triangular", "latest", "replace"])
def test_two_real_points_are_enough(correction, mixing) -> None:
    settings = GaussianSettings(n=2, generations=40, seeds=8, correction=correction, mixing=mixing)
    result = run_gaussian(settings)
    assert np.isfinite(result.distance).all()
    assert (
        np.abs(result.distance[0] - np.hypot(result.mean[0], result.covariance[0])) < 1e-12
    ).all()


@pytest.mark.parametrize("correction", ["histogram", "exact"])
@pytest.mark.parametrize("dimension", [1, 10])
def test_other_dimensions_work(correction, dimension: int) -> None:
    settings = GaussianSettings(
        gammas=(0.0, 5.0), dimension=dimension, generations=40, seeds=6, correction=correction
    )
    distance = run_gaussian(settings).distance
    assert np.isfinite(distance).all()
    assert distance[-10:, 1].mean() < distance[-10:, 0].mean()


def test_real_points_on_a_line_give_a_singular_model_that_still_runs() -> None:
    settings = replace(SMALL, seeds=2)
    real = draw_real(settings)
    real[..., 1] = real[..., 0]
    assert np.isfinite(run_gaussian(settings, real).distance).all()


def test_unusable_real_points_are_refused() -> None:
    real = draw_real(SMALL)
    real[1, 3, 0] = np.nan
    with pytest.raises(InvalidSamplesError, match="real points"):
        run_gaussian(SMALL, real)
    with pytest.raises(InvalidOptionError, match="real points"):
        run_gaussian(SMALL, draw_real(SMALL)[:, :-1])


@pytest.mark.parametrize(
    "change",
    [
        {"gammas": (-0.1,)},
        {"gammas": (float("nan"),)},
        {"gammas": ()},
        {"gammas": (1.0, 1.0)},
        {"n": 1},
        {"dimension": 0},
        {"seeds": 0},
        {"generations": -1},
        {"ratio": -0.5},
        {"ratio": float("nan")},
        {"ratio": float("inf")},
        {"seed": -1},
    ],
)
def test_impossible_settings_are_refused(change) -> None:
    with pytest.raises(InvalidOptionError):
        replace(SMALL, **change)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="unknown mixing policy"):
        run_gaussian(replace(SMALL, mixing="sometimes"))  # pyright: ignore
    with pytest.raises(InvalidOptionError, match="unknown correction"):
        correction_named("magic", (0.0,))  # pyright: ignore


@pytest.mark.parametrize("mixing", ["latest", "triangular", "accumulate_subsample"])
def test_a_run_in_a_folder_goes_on_to_the_same_numbers(tmp_path: Path, mixing: str) -> None:
    """Which are those of a run in memory, but for how sums are rounded."""
    common = {"mixing": mixing, "gamma": 2.0}
    whole = run_loop(one_gaussian(), 6, folder=tmp_path / "whole", **common)
    for generations in (2, 6):
        parts = run_loop(one_gaussian(), generations, folder=tmp_path / "parts", **common)
    assert parts == whole
    memory = run_loop(one_gaussian(), 6, **common)
    for kept, held in zip(whole, memory, strict=True):
        assert {name: pytest.approx(value, rel=1e-6) for name, value in held.items()} == kept
    first = tmp_path / "whole" / "generation_1"
    assert np.load(first / "synthetic.npy").shape == np.load(first / "corrected.npy").shape


def test_a_domain_serves_any_number_of_loops() -> None:
    domain = one_gaussian()
    whole = run_loop(domain, 4)
    assert run_loop(domain, 2) == whole[:3]
    assert run_loop(domain, 4) == whole
