"""The feature classifier: learns, repeats itself, and is not mistaken for another one."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.mnist import Digits
from domains.mnist.classifier import (
    FILE_NAME,
    ClassifierSettings,
    classifier_settings,
    train_classifier,
    train_or_load_classifier,
)
from domains.mnist.presets import CORRECTED, FAITHFUL, preset_named
from loop.errors import RunStateError
from loop.rundir.files import read_json
from model.lenet import LeNet, normalise, resize
from model.seeding import seeded

SETTINGS = ClassifierSettings(epochs=3, rate=1e-2, batch=20, double_softmax=False)


def _bars(count: int, seed: int) -> Digits:
    """Digit d is a bright bar at its own height: easy to tell apart."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    images = rng.integers(0, 40, (count, 28, 28))
    for image, label in zip(images, labels, strict=True):
        image[4 + 2 * label : 6 + 2 * label, 4:24] += 200
    return Digits(images.astype(np.uint8), labels)


def test_it_is_trained_once_and_then_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train, test = _bars(200, 0), _bars(50, 1)
    with caplog.at_level(logging.INFO):
        first = train_or_load_classifier(tmp_path / "mnist", SETTINGS, train, test)
        assert caplog.text.count("test accuracy") == 3
        second = train_or_load_classifier(tmp_path / "mnist", SETTINGS, train, test)
    assert caplog.text.count("test accuracy") == 3
    np.testing.assert_array_equal(first.features(test.images), second.features(test.images))
    stored = torch.load(tmp_path / "mnist" / FILE_NAME, weights_only=True)
    assert stored["fc2.weight"].shape == (84, 120)
    report = read_json(tmp_path / "mnist" / "lenet_sigmoid.json")
    assert len(report["test_accuracy"]) == 3


def test_another_recipe_or_other_digits_are_refused(tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=0)
    train, test = _bars(20, 0), _bars(10, 1)
    train_or_load_classifier(tmp_path, settings, train, test)
    with pytest.raises(RunStateError, match="trained in another way"):
        train_or_load_classifier(tmp_path, replace(settings, double_softmax=True), train, test)
    with pytest.raises(RunStateError, match="digest"):
        train_or_load_classifier(tmp_path, settings, _bars(20, 2), test)


@pytest.mark.parametrize("double_softmax", [False, True])
def test_a_step_follows_the_gradient_of_the_loss_as_written_out(double_softmax: bool) -> None:
    train, test = _bars(20, 0), _bars(10, 1)
    settings = replace(SETTINGS, epochs=1, double_softmax=double_softmax)
    found, _ = train_classifier(settings, train, test)
    expected = seeded(LeNet, 0)
    scores = expected(normalise(torch.from_numpy(resize(train.images))))
    if double_softmax:
        scores = scores.exp() / scores.exp().sum(dim=1, keepdim=True)
    right = scores[torch.arange(20), torch.from_numpy(train.labels)]
    (scores.exp().sum(dim=1).log() - right).mean().backward()
    with torch.no_grad():  # Adam's first step: rate times the sign of the gradient
        for parameter in expected.parameters():
            assert parameter.grad is not None
            parameter -= 1e-2 * parameter.grad / (parameter.grad.abs() + 1e-8)
    for one, other in zip(found.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_modes_differ_in_the_softmax_alone() -> None:
    preset = preset_named("published")
    ours, published = (classifier_settings(preset, mode) for mode in (CORRECTED, FAITHFUL))
    assert (ours.epochs, ours.rate, ours.batch) == (10, 1e-3, 64)
    assert published == replace(ours, double_softmax=True)
