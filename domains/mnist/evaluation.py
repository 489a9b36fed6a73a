"""What is measured of every generation of the MNIST experiment, under the published keys and ours.

FID, Diversity     published keys: of 100 samples under --faithful, else of all, and of all pairs
<name>             of images that the new model draws
<name>_sampled     of the images that the model before it drew for this generation
<name>_corrected   of what the correction function made of them, before any training
<name>_real        of real training images in the model's place
<name>_floor       of two draws of the test set
<name> interval    95 % bounds by bootstrap
<name> resamples   the bootstrap, the same in all arms and generations: differences are paired
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dataset.mnist import DIGITS, Digits
from domains.mnist.files import differ
from domains.mnist.presets import MnistPreset, MnistProtocol
from eval.metrics.diversity import diversity, mean_pairwise_distance
from eval.metrics.floors import floor_by_resampling
from eval.metrics.frechet import fid_interval
from eval.metrics.kid import kid, kid_interval
from eval.metrics.neighbours import image_memorisation
from eval.metrics.reference import Reference
from eval.metrics.samples import Features
from loop.interfaces import Corrected, Generator, Metrics
from loop.rng import Stream
from model.lenet import LeNetFeatures

COUNT = 50
"""Resamples of a bootstrap."""


class MnistEvaluation:
    """Compares digits with the test set, in the embedding of a LeNet and in pixels.

    Args:
        real: the images that the arm trains on.
        test: real images nobody trained on.
        classifier: embeds and reads digits.
        preset: sample sizes.
        protocol: which of them the published keys use.
    """

    def __init__(
        self,
        real: Digits,
        test: Digits,
        classifier: LeNetFeatures,
        preset: MnistPreset,
        protocol: MnistProtocol,
    ) -> None:
        self._classifier = classifier
        self._samples, self._published = preset.eval_samples, preset.published_samples
        self._few = protocol.few_samples
        features = classifier.features(test.images)
        # Neighbour metrics depend on the sizes of both sets: as many real ones as samples, drawn
        # once, because the halves of MNIST's test set come from different writers.
        order = np.random.default_rng(0).permutation(len(test))
        self._reference = Reference(features[order], neighbours=self._samples)
        self._near = self._reference.features[: self._samples]
        # Memorisation needs as many held-out images as training images, or as near as may be.
        self._train, self._held_out = _equal_halves(real, test.take(order))
        self._floor = self._measure_real(real)

    def evaluate(
        self,
        generator: Generator[Digits],
        sampled: Digits | None,
        corrected: Corrected[Digits] | None,
        stream: Stream,
        scratch: Path | None = None,
    ) -> Metrics:
        """Measure the current model and the sets that made it by all metrics."""
        draws, pairs = stream.spawn(2)
        drawn = generator.synthesise(self._samples, draws, scratch)
        features = self._classifier.features(drawn.images)
        metrics = dict(self._published_metrics(features, np.random.default_rng(pairs)))
        metrics |= self._measure(drawn, features, "")
        metrics |= self._intervals(features, np.random.default_rng(0))
        if sampled is not None:
            metrics |= self.measure(sampled, "_sampled")
            # A correction that reports has these keys in every generation, also where it found
            # nothing to change.
            if corrected is not None and (corrected.report or differ(corrected.batch, sampled)):
                metrics |= self.measure(corrected.batch, "_corrected")
        return metrics | self._floor

    def published(self, digits: Digits, rng: np.random.Generator) -> Metrics:
        """Measure FID and diversity of the first `published_samples` digits, in published keys."""
        few = self._classifier.features(digits.take(slice(self._published)).images)
        return self._two(few, rng)

    def measure(self, digits: Digits, suffix: str) -> dict[str, float]:
        """Measure a set of at least four digits by our metrics; their names end in `suffix`."""
        return self._measure(digits, self._classifier.features(digits.images), suffix)

    def _measure(self, digits: Digits, features: Features, suffix: str) -> dict[str, float]:
        seen = self._classifier.digits(features)
        fidelity = self._reference.fidelity(features[: self._samples])
        copying = image_memorisation(_rows(digits), self._train, self._held_out)
        near = features[: self._samples]
        return {
            f"FID{suffix or '_all'}": self._reference.fid(features),
            f"KID{suffix}": kid(near, self._near),
            f"Precision{suffix}": fidelity.precision,
            f"Recall{suffix}": fidelity.recall,
            f"Density{suffix}": fidelity.density,
            f"Coverage{suffix}": fidelity.coverage,
            f"Class entropy{suffix}": class_entropy(seen),
            f"Accuracy{suffix}": float((seen == digits.labels).mean()),
            f"Memorisation{suffix}": copying.closer_to_train,
            f"Copies{suffix}": copying.copies,
        }

    def _intervals(self, features: Features, rng: np.random.Generator) -> Metrics:
        near, all_real = features[: self._samples], self._reference.features
        return {
            **fid_interval(features, all_real, rng, resamples=COUNT).entries("FID_all"),
            **kid_interval(near, self._near, rng, resamples=COUNT).entries("KID"),
        }

    def _published_metrics(self, measured: Features, rng: np.random.Generator) -> Metrics:
        """Measure FID and diversity of the first `published_samples` (labels cycle), by key."""
        few = measured[: self._published]
        published = self._two(few, rng)
        found = published if self._few else self._all_pairs(measured)
        return found | {f"{name}_published": value for name, value in published.items()}

    def _all_pairs(self, features: Features) -> dict[str, float]:
        return {
            "FID": self._reference.fid(features),
            "Diversity": mean_pairwise_distance(features),
        }

    def _two(self, features: Features, rng: np.random.Generator) -> dict[str, float]:
        return {
            "FID": self._reference.fid(features),
            "Diversity": diversity(features, rng, pairs=len(features) // 2),
        }

    def _measure_real(self, real: Digits) -> dict[str, float]:
        """Measure real images in the place of samples."""
        features = self._reference.features
        floor = floor_by_resampling(
            features, np.random.default_rng(0), sizes=(self._samples, len(features))
        )
        few = floor_by_resampling(
            features, np.random.default_rng(0), sizes=(self._published, len(features))
        )
        measured = self.measure(real, "_real")
        return {
            "FID_floor": floor.value,
            "FID_floor low": floor.low,
            "FID_floor high": floor.high,
            "FID_published floor": few.value,
            # Real training images as samples: what a model that copied them would reach.
            **measured,
        }


def class_entropy(digits: np.ndarray) -> float:
    """Return the entropy (nats) of the histogram of digits (N,) int64: ln 10 where none is lost."""
    shares = np.bincount(digits, minlength=DIGITS) / len(digits)
    return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())


def _equal_halves(real: Digits, test: Digits) -> tuple[np.ndarray, np.ndarray]:
    count = min(len(real), len(test))
    return _rows(real.take(slice(count))), _rows(test.take(slice(count)))


def _rows(digits: Digits) -> np.ndarray:
    return digits.images.reshape(len(digits), -1)
