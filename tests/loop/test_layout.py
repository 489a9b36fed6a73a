from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from loop.cycle import LoopSettings, run_loop
from loop.errors import CorruptFileError
from loop.layout import EvaluationFile, Layout
from loop.rundir import RunDirectory

sys.path.insert(0, str(Path(__file__).parent))
from toy import MeanModel, toy_domain

# The published MNIST runs: folders 00, 01, ..., and an epoch more under the key of generation 0.
MNIST = Layout("", 2, lambda generation, _: ("0",) if generation else ("0", "19"))


def test_names_and_numbers_are_inverse() -> None:
    for layout, names in ((Layout(), ("generation_7", "generation_12")), (MNIST, ("07", "12"))):
        assert [layout.number(name) for name in names] == [7, 12]
        assert [layout.name(number) for number in (7, 12)] == list(names)
    for stranger in ("generation_7.partial", "generation_07", "7", "007", ".work_7", "graphs"):
        assert MNIST.number(stranger) is None and Layout().number(stranger) is None


def test_a_run_in_another_layout(tmp_path: Path) -> None:
    settings = LoopSettings(seed=3, arm="arm", generations=3, synthetic_count=5)
    for layout in (Layout(), MNIST):
        for last in (1, 3):  # stopped after generation 1, and resumed
            folder = tmp_path / f"digits_{layout.digits}"
            with RunDirectory(folder, {}, layout) as run:
                part = LoopSettings(settings.seed, settings.arm, last, settings.synthetic_count)
                run_loop(toy_domain(MeanModel()), part, run)
    ours, theirs = tmp_path / "digits_1", tmp_path / "digits_2"
    assert sorted(path.name for path in theirs.glob("[0-9]*")) == ["00", "01", "02", "03"]
    for generation, keys in ((0, ("0", "19")), (3, ("0",))):
        metrics = json.loads((theirs / f"{generation:02d}" / "eval_dict.json").read_text())
        for key in keys:
            assert list(metrics) == [key]
            metrics = metrics[key]
        stored = json.loads((ours / f"generation_{generation}" / "eval_dict.json").read_text())
        assert stored == {"model.txt": metrics}


def test_metrics_elsewhere_in_the_file_are_reported(tmp_path: Path) -> None:
    EvaluationFile(("0",)).save({"FID": 1.0}, tmp_path)
    with pytest.raises(CorruptFileError, match="0 > 19"):
        EvaluationFile(("0", "19")).load(tmp_path)
