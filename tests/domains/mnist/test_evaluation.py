"""What is measured of a generation: keys, floors, and that they tell good sets from bad ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dataset.mnist import Digits
from domains.mnist.evaluation import MnistEvaluation, class_entropy
from domains.mnist.presets import CORRECTED, FAITHFUL, preset_named
from eval.metrics.frechet import fid
from loop.interfaces import Corrected
from loop.presets import with_changes
from loop.rng import Stream
from model.lenet import LeNet, LeNetFeatures
from model.seeding import seeded

PRESET = with_changes(preset_named("smoke"), eval_samples=120, published_samples=40)


def _blobs(count: int, seed: int, spread: float = 3.0) -> Digits:
    """Digit d is a blob at its own place on a circle."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    angle = 2 * np.pi * labels / 10
    centre = 13.5 + 8 * np.stack([np.sin(angle), np.cos(angle)], 1)
    centre = centre + rng.normal(0, spread, (count, 2))
    y, x = np.mgrid[:28, :28]
    squared = (y - centre[:, :1, None]) ** 2 + (x - centre[:, 1:, None]) ** 2
    return Digits((255 * np.exp(-squared / 20)).astype(np.uint8), labels)


class _Drawer:
    """A generator that draws from a fixed set."""

    def __init__(self, digits: Digits) -> None:
        self._digits = digits

    def synthesise(self, count: int, stream: Stream, scratch: object = None) -> Digits:
        return self._digits.take(slice(count))

    def fit(self, *_: object) -> None: ...

    def save(self, folder: object) -> str: ...  # type: ignore[empty-body]

    def load(self, folder: object) -> str: ...  # type: ignore[empty-body]


@pytest.fixture(scope="module")
def classifier() -> LeNetFeatures:
    network = seeded(LeNet, 0)
    for layer in (network.conv1, network.conv2, network.fc1):
        layer.weight.data *= 4  # untrained sigmoids hardly react
    return LeNetFeatures(network)


def _evaluation(classifier: LeNetFeatures, protocol=CORRECTED) -> MnistEvaluation:
    return MnistEvaluation(_blobs(120, 0), _blobs(300, 1), classifier, PRESET, protocol)


def test_good_samples_are_told_from_collapsed_ones(classifier: LeNetFeatures) -> None:
    evaluation = _evaluation(classifier)
    good = evaluation.evaluate(_Drawer(_blobs(120, 2)), None, None, Stream(0))
    bad = evaluation.evaluate(_Drawer(_blobs(120, 2, spread=0.3)), None, None, Stream(0))
    assert good["FID"] < bad["FID"] and good["Recall"] > bad["Recall"] + 0.3
    assert good["Coverage"] > bad["Coverage"] + 0.3
    assert good["FID_floor low"] < good["FID_floor"] < good["FID_floor high"]
    assert 0.35 < good["Memorisation"] < 0.65 and good["Copies"] == 0.0
    copied = evaluation.evaluate(_Drawer(_blobs(120, 0)), None, None, Stream(0))
    assert copied["Memorisation"] == copied["Copies"] == copied["Copies_real"] == 1.0


def test_published_keys_take_few_samples_in_faithful_mode_alone(classifier: LeNetFeatures) -> None:
    drawer = _Drawer(_blobs(120, 2))
    ours = _evaluation(classifier).evaluate(drawer, None, None, Stream(0))
    published = _evaluation(classifier, FAITHFUL).evaluate(drawer, None, None, Stream(0))
    features = [classifier.features(_blobs(n, s).images) for n, s in ((300, 1), (120, 2))]
    assert ours["FID"] == ours["FID_all"] == pytest.approx(fid(features[1], features[0]))
    assert published["FID"] == published["FID_published"] == ours["FID_published"]
    assert published["FID"] == pytest.approx(fid(features[1][:40], features[0]))
    assert published["Diversity"] == published["Diversity_published"]


def test_sets_that_made_the_model_are_measured_too(classifier: LeNetFeatures) -> None:
    evaluation, sampled = _evaluation(classifier), _blobs(60, 3, spread=6.0)
    corrected = Corrected(_blobs(60, 0), {"Moved_correction": 5.0})
    found = evaluation.evaluate(_Drawer(_blobs(120, 2)), sampled, corrected, Stream(0))
    assert found["FID_sampled"] > found["FID_corrected"]
    assert found["Copies_corrected"] == 1.0 > found["Copies_sampled"]
    raw = evaluation.evaluate(_Drawer(_blobs(120, 2)), sampled, Corrected(sampled), Stream(0))
    assert "FID_sampled" in raw and "FID_corrected" not in raw
    silent = Corrected(corrected.batch)
    told = evaluation.evaluate(_Drawer(_blobs(120, 2)), sampled, silent, Stream(0))
    assert told["FID_corrected"] == found["FID_corrected"], "a report is no condition"


def test_entropy_of_classes_against_scipy() -> None:
    digits = np.random.default_rng(0).integers(0, 4, 100)
    assert class_entropy(digits) == pytest.approx(stats.entropy(np.bincount(digits)))
    assert class_entropy(np.arange(10)) == pytest.approx(np.log(10))
    assert class_entropy(np.zeros(5, np.int64)) == 0.0
