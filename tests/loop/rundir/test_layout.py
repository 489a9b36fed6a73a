from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from loop.cycle import LoopSettings, run_generations
from loop.errors import CorruptFileError
from loop.interfaces import RESAMPLES
from loop.rundir.directory import MemoryRun, RunDirectory
from loop.rundir.files import write_json
from loop.rundir.layout import EARLIER, RESAMPLES_FILE, EvaluationFile, Layout, read_metrics
from loop.rundir.read import read_arm
from tests.loop.toy import MeanModel, toy_domain

# The published MNIST runs: folders 00, 01, ..., and an epoch more under the key of generation 0.
MNIST = Layout("", 2, lambda generation, _: ("0",) if generation else ("0", "19"))


def test_names_and_numbers_are_inverse() -> None:
    for layout, names in ((Layout(), ("generation_7", "generation_12")), (MNIST, ("07", "12"))):
        assert [layout.number(name) for name in names] == [7, 12]
        assert [layout.name(number) for number in (7, 12)] == list(names)
    for stranger in ("generation_7.partial", "generation_07", "7", "007", ".work_7", "graphs"):
        assert MNIST.number(stranger) is None and Layout().number(stranger) is None


def test_a_run_in_another_layout(tmp_path: Path) -> None:
    settings = LoopSettings(seed=3, arm="arm", generations=3, ratio=0.5)
    for layout in (Layout(), MNIST):
        for last in (1, 3):  # stopped after generation 1, and resumed
            folder = tmp_path / f"digits_{layout.digits}"
            with RunDirectory(folder, {}, layout) as run:
                part = LoopSettings(settings.seed, settings.arm, last, settings.ratio)
                run_generations(toy_domain(MeanModel()), part, run)
    ours, theirs = tmp_path / "digits_1", tmp_path / "digits_2"
    assert sorted(path.name for path in theirs.glob("[0-9]*")) == ["00", "01", "02", "03"]
    for generation, keys in ((0, ("0", "19")), (3, ("0",))):
        metrics = json.loads((theirs / f"{generation:02d}" / "eval_dict.json").read_text())
        for key in keys:
            assert list(metrics) == [key]
            metrics = metrics[key]
        stored = json.loads((ours / f"generation_{generation}" / "eval_dict.json").read_text())
        assert stored == {"model.txt": metrics}


def test_earlier_states_of_a_model_go_before_its_own_metrics(tmp_path: Path) -> None:
    write_json(tmp_path / EARLIER, {"9": {"FID": 3.0}, "10": {"FID": 2.0}})
    for keys in (("0", "11"), ("11",)):
        for value in (5.0, 1.0):  # killed before it was kept, and done again
            EvaluationFile(keys).save({"FID": value}, tmp_path)
        content = json.loads((tmp_path / "eval_dict.json").read_text())
        content = content[keys[0]] if len(keys) == 2 else content
        assert [*content.items()] == [
            ("9", {"FID": 3.0}),
            ("10", {"FID": 2.0}),
            ("11", {"FID": 1.0}),
        ]
        assert EvaluationFile(keys).load(tmp_path) == read_metrics(tmp_path) == {"FID": 1.0}


def test_metrics_elsewhere_in_the_file_are_reported(tmp_path: Path) -> None:
    EvaluationFile(("0",)).save({"FID": 1.0}, tmp_path)
    with pytest.raises(CorruptFileError, match="0 > 19"):
        EvaluationFile(("0", "19")).load(tmp_path)


NUMBERS = {
    "float32": np.float32(0.1),
    "float64": np.float64(0.1),
    "int64": np.int64(2**60),
    "array without axes": np.array(0.25, np.float32),
    "tensor": torch.tensor(0.5),
    "array interval": np.array([0.5, 2.0], np.float32),
    "list interval": [np.float32(0.5), np.int64(2)],
}
PLAIN = {
    "float32": float(np.float32(0.1)),
    "float64": 0.1,
    "int64": 2**60,
    "array without axes": 0.25,
    "tensor": 0.5,
    "array interval": [0.5, 2.0],
    "list interval": [0.5, 2],
}


def test_numbers_of_numpy_are_written_as_those_of_python(tmp_path: Path) -> None:
    resamples = {f"FID{RESAMPLES}": [np.float32(1), np.float32(-1)]}
    EvaluationFile(("m.pt",)).save({**NUMBERS, **resamples}, tmp_path)
    assert EvaluationFile(("m.pt",)).load(tmp_path) == PLAIN
    assert json.loads((tmp_path / RESAMPLES_FILE).read_text()) == {"FID": [1.0, -1.0]}


def test_a_users_metric_of_numpy_is_the_same_in_memory_and_in_a_folder(tmp_path: Path) -> None:
    class Model(MeanModel):
        def evaluate(self, *arguments: Any, **more: Any) -> dict[str, float]:
            found = super().evaluate(*arguments, **more)
            return {name: np.float32(value) for name, value in found.items()}  # type: ignore[misc]

    settings = LoopSettings(seed=3, arm="baseline", generations=1, ratio=0.5)
    run_generations(toy_domain(Model()), settings, memory := MemoryRun())
    with RunDirectory(tmp_path / "baseline", {}) as run:
        run_generations(toy_domain(Model()), settings, run)
    arm = read_arm(tmp_path / "baseline")
    assert [arm.metrics(g) for g in (0, 1)] == memory.metrics
