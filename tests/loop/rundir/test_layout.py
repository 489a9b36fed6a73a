from __future__ import annotations

import json
from pathlib import Path

import pytest

from loop.cycle import LoopSettings, run_generations
from loop.errors import CorruptFileError
from loop.rundir.directory import RunDirectory
from loop.rundir.files import write_json
from loop.rundir.layout import EARLIER, EvaluationFile, Layout, read_metrics
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
