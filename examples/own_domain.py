"""A domain of one's own: points of a 2-D mixture, learned by a density of scikit-learn.

`python examples/own_domain.py` runs the loop raw and corrected, and draws how it collapses.
`python -m scsc --domain examples.own_domain:mixture --folder exp_outputs/mixture` does one arm.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.neighbors import KernelDensity

from scsc import Corrected, Domain, Generator, integer_seed, run_loop

CENTRES = 4.0 * np.array([[np.cos(a), np.sin(a)] for a in np.arange(8) * np.pi / 4])
SPREAD = 0.3


def draw(count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw points (count, 2) of the true distribution: eight bumps on a circle."""
    return CENTRES[rng.integers(8, size=count)] + SPREAD * rng.standard_normal((count, 2))


class Density(Generator[np.ndarray]):
    """Any density of scikit-learn that can be sampled, such as GaussianMixture(8)."""

    state = ("points",)

    def __init__(self, density=None) -> None:
        self.density = density or KernelDensity(bandwidth=0.3)
        self.points = np.zeros((0, 2))

    def fit(self, training_set, generation, stream, scratch) -> None:
        self.points = training_set.joined()
        self.restored()

    def restored(self) -> None:
        self.model = clone(self.density).fit(self.points)

    def synthesise(self, count, stream, scratch=None) -> np.ndarray:
        seed = integer_seed(stream) % 2**32
        if "random_state" in self.model.get_params():  # mixtures keep it, and return labels too
            return np.asarray(self.model.set_params(random_state=seed).sample(count)[0])
        return np.asarray(self.model.sample(count, random_state=seed))


class RedrawInBump:
    """Knows what a bump looks like, not how many points it has: keeps the nearest, redraws there.

    It leaves true points true in distribution, which the theorem of the paper asks for.
    """

    def correct(self, batch, stream, scratch=None) -> Corrected[np.ndarray]:
        nearest = CENTRES[cdist(batch, CENTRES).argmin(axis=1)]
        noise = np.random.default_rng(stream).standard_normal(batch.shape)
        return Corrected(nearest + SPREAD * noise)


class Outside:
    """Measures the share of samples that lie in no bump; the truth has none beyond 4 spreads."""

    def evaluate(self, generator, sampled, corrected, stream, scratch=None) -> dict[str, float]:
        apart = cdist(generator.synthesise(1000, stream), CENTRES).min(axis=1)
        return {"outside": float((apart > 4 * SPREAD).mean())}


def mixture(points: int = 400, seed: int = 0) -> Domain[np.ndarray]:
    """Build the domain on `points` real points."""
    real = draw(points, np.random.default_rng([seed, 1]))
    return Domain(real, Density(), Outside(), RedrawInBump())


def main(out: Path = Path("exp_outputs/own_domain.png")) -> None:
    """Run both arms on samples alone, print the shares and draw them."""
    import matplotlib.pyplot as plt

    for name, corrected in (("raw", False), ("corrected", True)):
        found = run_loop(mixture(), generations=12, mixing="replace", corrected=corrected)
        curve = [metrics["outside"] for metrics in found]
        sys.stdout.write(f"{name:>9}  " + "  ".join(f"{value:.2f}" for value in curve) + "\n")
        plt.plot(curve, label=name)
    plt.gca().set(xlabel="generation", ylabel="share of samples in no bump")
    plt.legend()
    out.parent.mkdir(parents=True, exist_ok=True)
    plt.savefig(out)


if __name__ == "__main__":
    main()
