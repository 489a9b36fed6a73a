"""What theory says about the Gaussian loop, and what can be measured against it.

The theorem (arXiv 2402.07087, as `rho` below) bounds how fast the parameters come back to θ* after
a small displacement, when each generation maximises E_data log p + λ E_{π_γ p_θ} log p over an
unlimited sample. Its assumptions, and where the Gaussian stands:

- the Hessian of log p in θ is Lipschitz in x with constant L. In the natural parameters of an
  exponential family it does not depend on x, so L = 0 and c = λ (1 + ε L / α) = λ, whatever the
  distance ε between model and data and the curvature α;
- each generation sees the real data and the newest synthetic set (mixing `latest`);
- π_γ is exact, and its target p_θ* is the best model of the real data.

Beyond the border rho >= 1 the theorem is silent: it does not say that the loop is unstable.

The Gaussian's own recursion needs no bound. Maximum likelihood matches the moments
η = (E x, E x xᵀ), and π_γ p has the moments (η + γ η*) / (1 + γ), so for every displacement
    η' - η* = λ / ((1+λ)(1+γ)) (η - η*),
a factor below 1 for every λ and γ: this loop, with unlimited samples, is always stable.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from domains.gaussian.domain import (
    GaussianSettings,
    correction_named,
    draw_real,
    loop_settings,
    run_gaussian,
)
from domains.gaussian.model import GaussianModel, Points, psd_root, real_points
from loop.cycle import run_generations
from loop.interfaces import Corrected, Domain, Generator, Metrics
from loop.progress import track
from loop.rng import Stream
from loop.rundir.directory import MemoryRun

CONTRACTION_RATIOS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.25, 1.6, 2.0)
CONTRACTION_N = 1000
"""Real points: enough that the noise of one generation stays far below the displacement."""
CONTRACTION_GENERATIONS = 6

MAP_RATIOS = tuple(float(2.0**power) for power in np.arange(-3, 2.5, 0.5))
MAP_WEIGHTS = np.linspace(0.0, 1.0, 11)
"""t = gamma / (1 + gamma): an axis on which an infinite gamma has a place."""


def rho(c: ArrayLike, gamma: ArrayLike) -> np.ndarray:
    """Return the theorem's factor c / ((1+γ)(1-c)), ∞ where c >= 1; it bounds only if < 1."""
    c, gamma = np.broadcast_arrays(np.asarray(c, dtype=np.float64), np.asarray(gamma, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(c < 1.0, c / ((1.0 + gamma) * (1.0 - c)), np.inf)


def border(gamma: ArrayLike) -> np.ndarray:
    """Return the largest c for which rho < 1: (1+γ)/(2+γ); 1/2 at γ = 0 (arXiv 2310.00429)."""
    return 1.0 - 1.0 / (2.0 + np.asarray(gamma, dtype=np.float64))


def gaussian_factor(ratio: ArrayLike, gamma: ArrayLike) -> np.ndarray:
    """Return the Gaussian's own factor λ / ((1+λ)(1+γ)), exact for unlimited samples."""
    ratio, gamma = np.asarray(ratio, dtype=np.float64), np.asarray(gamma, dtype=np.float64)
    return ratio / ((1.0 + ratio) * (1.0 + gamma))


@dataclass(frozen=True)
class Contraction:
    """Measured factors (R, A, S) for each λ of `ratios` (R,), γ of `gammas` (A,) and seed.

    `n` real points and `generations` generations stand behind each.
    """

    ratios: np.ndarray
    gammas: np.ndarray
    factors: np.ndarray
    n: int
    generations: int


def well_apart(gammas: Iterable[float], count: int = 4) -> tuple[float, ...]:
    """Choose at most `count` γ, their factors 1/(1+γ) as evenly apart as may be; ascending."""
    ordered = np.array(sorted(gammas))
    shares = 1.0 / (1.0 + ordered)
    wanted = np.linspace(shares[0], shares[-1], count)
    return tuple(ordered[sorted({int(np.abs(shares - w).argmin()) for w in wanted})].tolist())


def measure_contraction(
    gammas: Iterable[float],
    ratios: Iterable[float] = CONTRACTION_RATIOS,
    *,
    n: int = CONTRACTION_N,
    dimension: int = 2,
    generations: int = CONTRACTION_GENERATIONS,
    seeds: int = 32,
    seed: int = 0,
) -> Contraction:
    """Measure how fast a displaced model comes back, where the theorem's assumptions hold.

    The real points are whitened, so that N(0, I) is their maximum-likelihood model and θ* is known;
    mixing is `latest` and the correction exact. The factor is the least-squares slope of the error
    in η after a generation on the error before, over all generations: as the error shrinks to
    sampling noise, later generations count for less and less.
    """
    base = GaussianSettings(
        gammas=tuple(gammas),
        n=n,
        dimension=dimension,
        generations=generations,
        seeds=seeds,
        seed=seed,
        mixing="latest",
        correction="exact",
    )
    used, factors = [], []
    for ratio in ratios:
        settings = replace(base, ratio=ratio)
        used.append(settings.synthetic_count / n)
        factors.append(_slopes(_displaced_run(settings)))
    return Contraction(np.array(used), np.array(base.gammas), np.array(factors), n, generations)


def _displaced_run(settings: GaussianSettings) -> np.ndarray:
    """Return the error in η by generation, from a displaced generation 0: (G+1, A, S, d + d²)."""
    arms, seeds, dimension = len(settings.gammas), settings.seeds, settings.dimension
    real = whiten(draw_real(settings))
    mean, cov = np.zeros((arms, seeds, dimension)), 2.0 * np.eye(dimension)
    mean[..., 0] = 1.0
    domain = Domain(
        real=real_points(np.broadcast_to(real, (arms, *real.shape))),
        generator=GaussianModel(mean, np.broadcast_to(cov, (arms, seeds, *cov.shape))),
        correction=correction_named("exact", settings.gammas),
        evaluator=MomentError(),
    )
    run: MemoryRun[Points] = MemoryRun()
    # generation 0 is measured as it is, not trained
    run.commit(None, domain.evaluator.evaluate(domain.generator, None, None, Stream(0)))
    run_generations(domain, loop_settings(settings), run)
    errors = [metrics["error"] for metrics in run.metrics]
    return np.array(errors).reshape(len(errors), arms, seeds, -1)


class MomentError:
    """Evaluator: difference in η = (mean, second moment) to N(0, I), flat over (arm, seed, ...)."""

    def evaluate(
        self,
        generator: Generator[Points],
        sampled: Points | None,
        corrected: Corrected[Points] | None,
        stream: Stream,
        scratch: Path | None = None,
    ) -> Metrics:
        assert isinstance(generator, GaussianModel)
        mean = generator.mean
        second = generator.cov + mean[..., :, None] * mean[..., None, :]
        difference = second - np.eye(mean.shape[-1])
        error = np.concatenate([mean, difference.reshape(*mean.shape[:2], -1)], axis=-1)
        return {"error": error.ravel().tolist()}


def _slopes(errors: np.ndarray) -> np.ndarray:
    before, after = errors[:-1], errors[1:]
    return (before * after).sum(axis=(0, 3)) / np.square(before).sum(axis=(0, 3))


def whiten(points: np.ndarray) -> np.ndarray:
    """Move and shear points (..., n, d) so that their mean is 0 and their biased covariance I."""
    centred = points - points.mean(axis=-2, keepdims=True)
    cov = centred.swapaxes(-1, -2) @ centred / points.shape[-2]
    return np.linalg.solve(psd_root(cov), centred.swapaxes(-1, -2)).swapaxes(-1, -2)


@dataclass(frozen=True)
class StabilityMap:
    """Final W₂ (R, A, S) for each λ of `ratios` (R,), t of `weights` (A,) and seed.

    Final means averaged over the last tenth of the generations; `start` (S,) is generation 0.
    """

    settings: GaussianSettings
    ratios: np.ndarray
    weights: np.ndarray
    distance: np.ndarray
    start: np.ndarray

    @property
    def gammas(self) -> np.ndarray:
        """γ = t/(1-t) of each column (A,)."""
        with np.errstate(divide="ignore"):
            return self.weights / (1.0 - self.weights)

    @property
    def change(self) -> np.ndarray:
        """Final W₂ / W₂ of generation 0 (R, A): geometric mean over seeds, each with its own."""
        return np.exp(np.log(self.distance / self.start).mean(axis=-1))


def stability_map(
    settings: GaussianSettings,
    ratios: Iterable[float] = MAP_RATIOS,
    weights: np.ndarray = MAP_WEIGHTS,
) -> StabilityMap:
    """Run `settings` for every λ of `ratios` and every γ = t/(1-t) of `weights`."""
    ratios = np.array(list(ratios))
    with np.errstate(divide="ignore"):
        gammas = tuple((weights / (1.0 - weights)).tolist())
    settings = replace(settings, gammas=gammas)
    results = [
        run_gaussian(replace(settings, ratio=float(ratio)))
        for ratio in track(ratios, f"stability map, {settings.mixing} mixing")
    ]
    last = max(1, settings.generations // 10)
    final = np.array([result.distance[-last:].mean(axis=0) for result in results])
    # generation 0 has seen only the real data, which all λ and γ share
    return StabilityMap(settings, ratios, weights, final, start=results[0].distance[0, 0])
