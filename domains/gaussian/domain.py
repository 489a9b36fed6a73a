"""The Gaussian experiment: all arms (correction strengths) and seeds in one turn of the loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from domains.gaussian.corrections import ExactCorrection, HistogramCorrection, mixing_weight
from domains.gaussian.distance import wasserstein_2
from domains.gaussian.files import CorrectionFiles, SampleFiles
from domains.gaussian.model import GaussianModel, Points, real_points, standard_model
from loop.cycle import LoopSettings, run_generations
from loop.errors import InvalidOptionError
from loop.interfaces import (
    Corrected,
    Correction,
    Domain,
    Generator,
    Metrics,
    NoCorrection,
    rounded_down,
)
from loop.rng import Stream, Streams, check_seed
from loop.rundir.directory import MemoryRun

PUBLISHED_GAMMAS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 5.0)
ARM = "gaussian"

CorrectionName = Literal["histogram", "exact", "none"]
MixingName = Literal["latest", "triangular", "accumulate", "accumulate_subsample", "replace"]


@dataclass(frozen=True)
class GaussianSettings:
    """One experiment; the defaults are the published protocol, at 32 seeds."""

    gammas: tuple[float, ...] = PUBLISHED_GAMMAS
    """Correction strengths, one arm each; `inf` replaces every sample by one of the target."""
    ratio: float = 0.5
    """lambda: synthetic points drawn in a generation, as a fraction of n (rounded down)."""
    n: int = 50
    """Real points."""
    dimension: int = 2
    """Dimension of the points."""
    generations: int = 500
    """Generations after generation 0."""
    seeds: int = 32
    """Independent repetitions."""
    seed: int = 0
    """Fixes every random draw."""
    mixing: MixingName = "triangular"
    """Which synthetic sets join the training set."""
    correction: CorrectionName = "histogram"
    """`histogram` as published, `exact` draws from (p + gamma p*)/(1 + gamma) itself, `none`."""

    def __post_init__(self) -> None:
        mixing_weight(np.array(self.gammas))
        check_seed(self.seed)
        counts = (self.dimension, self.seeds, self.n - 1, len(self.gammas))
        distinct = len(set(self.gammas)) == len(self.gammas)
        finite = 0 <= self.ratio < np.inf and self.generations >= 0
        if min(counts) < 1 or not distinct or not finite:
            raise InvalidOptionError(
                "the Gaussian experiment cannot be run like this",
                found=self,
                expected="n >= 2; dimension, seeds and gammas at least one; gammas all different; "
                "a finite ratio >= 0; generations >= 0",
            )

    @property
    def synthetic_count(self) -> int:
        """Synthetic points of a generation."""
        return rounded_down(self.ratio, range(self.n))


@dataclass(frozen=True)
class GaussianResult:
    """W₂ to the target and its parts; each (G+1, A, S), generation 0 first."""

    settings: GaussianSettings
    distance: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray


class DistanceToTarget:
    """The evaluator: W₂ of each model to N(0, I), as flat lists over (arm, seed)."""

    def evaluate(
        self,
        generator: Generator[Points],
        sampled: Points | None,
        corrected: Corrected[Points] | None,
        stream: Stream,
        scratch: Path | None = None,
    ) -> Metrics:
        assert isinstance(generator, GaussianModel)
        target = np.eye(generator.mean.shape[-1])
        found = wasserstein_2(generator.mean, generator.cov, np.zeros(len(target)), target)
        return {name: values.ravel().tolist() for name, values in found._asdict().items()}


def correction_named(name: CorrectionName, gammas: Sequence[float]) -> Correction[Points]:
    """Return the correction function of an experiment; `none` is the identity whatever the gammas.

    Raises:
        InvalidOptionError: there is no correction of that name.
    """
    strengths = np.array(gammas, dtype=np.float64)
    if name == "histogram":
        return HistogramCorrection(strengths)
    if name == "exact":
        return ExactCorrection(strengths)
    if name == "none":
        return NoCorrection()
    raise InvalidOptionError("unknown correction", found=name, expected="histogram | exact | none")


def draw_real(settings: GaussianSettings) -> np.ndarray:
    """Return real points (S, n, d) of N(0, I); every arm of a seed sees the same."""
    rng = np.random.default_rng(Streams(settings.seed).at(0, "real"))
    return rng.standard_normal((settings.seeds, settings.n, settings.dimension))


def run_gaussian(settings: GaussianSettings, real: np.ndarray | None = None) -> GaussianResult:
    """Run the experiment.

    Args:
        settings: what to run.
        real: real points (S, n, d); by default drawn from N(0, I).

    Raises:
        InvalidSamplesError: real points of a wrong shape, or not finite.
        InvalidOptionError: the histogram correction cannot work with these settings.
    """
    domain = gaussian_domain(settings, draw_real(settings) if real is None else real)
    run: MemoryRun[Points] = MemoryRun()
    run_generations(domain, loop_settings(settings), run)
    shape = (settings.generations + 1, len(settings.gammas), settings.seeds)
    distance, mean, covariance = (
        np.array([metrics[name] for metrics in run.metrics]).reshape(shape)
        for name in ("distance", "mean", "covariance")
    )
    return GaussianResult(settings, distance, mean, covariance)


def gaussian_domain(settings: GaussianSettings, real: np.ndarray) -> Domain[Points]:
    """Return what the loop needs to know, with real points (S, n, d) shared by all arms."""
    arms, expected = len(settings.gammas), (settings.seeds, settings.n, settings.dimension)
    if real.shape != expected:
        raise InvalidOptionError("real points", found=real.shape, expected=expected)
    return Domain(
        real=real_points(np.broadcast_to(real, (arms, *real.shape))),
        generator=standard_model(arms, settings.seeds, settings.dimension),
        correction=correction_named(settings.correction, settings.gammas),
        evaluator=DistanceToTarget(),
        samples=SampleFiles(),
        corrections=CorrectionFiles(),
    )


def one_gaussian(
    gamma: float = 1.0,
    correction: CorrectionName = "exact",
    n: int = 50,
    dimension: int = 2,
    seed: int = 0,
) -> Domain[Points]:
    """Build the domain of a single loop, for `python -m scsc --domain gaussian`.

    Args:
        gamma: strength inside the correction function; `--gamma` of the loop comes on top.
        correction: the correction function.
        n: real points.
        dimension: of the points.
        seed: of the real points.
    """
    settings = GaussianSettings(
        gammas=(gamma,), correction=correction, n=n, dimension=dimension, seeds=1, seed=seed
    )
    return gaussian_domain(settings, draw_real(settings))


def loop_settings(settings: GaussianSettings) -> LoopSettings:
    """Return the same experiment in the words of the loop."""
    return LoopSettings(
        seed=settings.seed,
        arm=ARM,
        generations=settings.generations,
        ratio=settings.ratio,
        mixing=settings.mixing,
    )
