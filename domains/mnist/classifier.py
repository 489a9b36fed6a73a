"""The feature classifier of the MNIST experiment: trained once, before the first arm.

<save_dir>/lenet_sigmoid.pth     the weights, a plain state dictionary under the published name
<save_dir>/lenet_sigmoid.json    what they were trained on, and the test accuracy of each epoch
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch.nn import functional

from dataset.mnist import Digits
from domains.mnist.presets import MnistPreset, MnistProtocol
from loop.errors import RunStateError
from loop.rundir.files import make_folder, read_json, write_json
from model.checkpoint import load_checkpoint, load_state, save_checkpoint
from model.lenet import LeNet, LeNetFeatures, normalise, resize
from model.seeding import seeded
from model.threads import threads

FILE_NAME = "lenet_sigmoid.pth"

logger = logging.getLogger("scsc")


@dataclass(frozen=True)
class ClassifierSettings:
    """What decides the weights, beside the data.

    Attributes:
        epochs: passes over the training set.
        rate: learning rate of Adam.
        batch: images a step.
        double_softmax: the loss sees probabilities where it expects logits (published).
        seed: fixes weights and order.
    """

    epochs: int
    rate: float
    batch: int
    double_softmax: bool
    seed: int = 0


def classifier_settings(preset: MnistPreset, protocol: MnistProtocol) -> ClassifierSettings:
    """Return the settings of a preset. Their seed is not the arm's: all seeds share one space."""
    return ClassifierSettings(
        epochs=preset.classifier_epochs,
        rate=preset.classifier_rate,
        batch=preset.classifier_batch,
        double_softmax=protocol.double_softmax,
    )


def train_or_load_classifier(
    folder: Path, settings: ClassifierSettings, train: Digits, test: Digits
) -> LeNetFeatures:
    """Load the classifier in `folder`; train it first where there is none yet.

    Processes that ask at the same time wait for the one that trains it.

    Args:
        folder: made if it is not there.
        settings: how to train.
        train: all real training digits, not only those an arm trains on (published).
        test: for the accuracy.

    Raises:
        RunStateError: the one in the folder was trained in another way, or on other digits.
        CorruptFileError: it cannot be read.
        StorageError: the folder cannot be written.
    """
    make_folder(folder)
    path = folder / FILE_NAME
    wanted = _description(settings, train)
    with FileLock(folder / f".{FILE_NAME}.lock"):
        if not path.with_suffix(".json").is_file():
            with threads(1):  # so small a network is slower on two, and on busy cores by far
                network, accuracies = train_classifier(settings, train, test)
            save_checkpoint(path, network.state_dict())
            # Written last: a classifier without it is an unfinished one.
            write_json(path.with_suffix(".json"), wanted | {"test_accuracy": accuracies})
            return LeNetFeatures(network)
    stored = read_json(path.with_suffix(".json"))
    found = {name: stored.get(name) for name in wanted if stored.get(name) != wanted[name]}
    if found:
        raise RunStateError(
            "the feature classifier of this folder was trained in another way",
            path=path,
            found=found,
            expected={name: wanted[name] for name in found},
            remedy="choose another --save_dir_parent, or remove the file and its .json to train "
            "it again (metrics in this folder would no longer compare)",
        )
    network = LeNet()
    load_state(network, load_checkpoint(path), path)
    return LeNetFeatures(network)


def train_classifier(
    settings: ClassifierSettings, train: Digits, test: Digits
) -> tuple[LeNet, list[float]]:
    """Train a network; returns it, and its test accuracy (0..1) after each epoch."""
    network = seeded(LeNet, settings.seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.rate, fused=True)
    images, labels = torch.from_numpy(resize(train.images)), torch.from_numpy(train.labels)
    rng = torch.Generator().manual_seed(settings.seed)
    accuracies = []
    for epoch in range(settings.epochs):
        for rows in torch.randperm(len(images), generator=rng).split(settings.batch):
            scores = network(normalise(images[rows]))
            if settings.double_softmax:
                scores = scores.softmax(dim=1)
            loss = functional.cross_entropy(scores, labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        accuracies.append(_accuracy(network, test))
        logger.info("classifier, epoch %d: test accuracy %.4f", epoch + 1, accuracies[-1])
    return network, accuracies


def _accuracy(network: LeNet, test: Digits) -> float:
    reader = LeNetFeatures(network)
    found = reader.digits(reader.features(test.images))
    network.train().requires_grad_(True)
    return float(np.mean(found == test.labels))


def _description(settings: ClassifierSettings, train: Digits) -> dict[str, Any]:
    digest = hashlib.blake2b(digest_size=8)
    digest.update(train.images.tobytes())
    digest.update(train.labels.tobytes())
    return asdict(settings) | {"digits": len(train), "digest": digest.hexdigest()}
