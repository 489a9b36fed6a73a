"""A small MNIST, and the options of arms on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from domains.mnist.arguments import MnistArguments
from domains.mnist.arm import run
from domains.mnist.presets import TrainType
from tests.domains.mnist.digits import write_digits


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small MNIST in IDX files."""
    return write_digits(tmp_path_factory.mktemp("mnist"))


@pytest.fixture
def options(tmp_path: Path, data_dir: Path) -> Callable[..., MnistArguments]:
    def make(
        train_type: TrainType = "baseline", parent: str = "mnist", **changes
    ) -> MnistArguments:
        common = {
            "save_dir_parent": tmp_path / parent,
            "data_dir": data_dir,
            "preset": "smoke",
            "synth_aug_percent": 0.5,
            "precision": "fp32",
        }
        return MnistArguments(train_type, **(common | changes))

    return make


@pytest.fixture
def begun(options: Callable[..., MnistArguments], tmp_path: Path) -> Path:
    """A baseline with generation 0."""
    run(options(num_generations=0))
    return tmp_path / "mnist" / "baseline_0.2"
