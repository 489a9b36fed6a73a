"""An output where nothing can be written ends every command in words, before its work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.dataset.test_spoiled_inputs import walking
from tests.exp_scripts.conftest import Typed
from tests.exp_scripts.test_users_cases import dataset_of
from tests.runs import finish_generation

COMMANDS = [
    "visualize/visualizer.py walk.npy --out {}.mp4",
    "-m visualize.grid dataset_0064 --text_prompt walk --out {}.mp4",
    "-m results.mnist.corrected_sets . --out {}.csv",
    "-m visualize.report dataset_0064 --out {}.html",
    "-m visualize.table dataset_0064 --out {}.csv",
    "-m visualize.curves.graphs dataset_0064 --out {}",
    "-m translation.export --motions walk.npy --out {}",
    "-m uhc.evaluate --motions . --out {}.csv",
    "-m uhc.corrupted --motions . --out {}.csv",
    "-m uhc.fixed_point --motions . --out {}.csv",
    "-m results.motion --root . --out {}",
    "exp_scripts/mnist/evidence.py --root . --out {}",
    "-m dataset.demo_clips --out {}",
    "-m dataset.bvh --bvh_dir . --out {}",
    "-m dataset.cmu --bvh_dir . --out {}",
    "-m dataset.build_humanml3d --amass . --smplh . --humanml3d . --out {}",
    "exp_scripts/filter_dataset.py --source {data} --size 2 --out {}",
    "-m sample.generate --text_prompt walk --output_dir {}",
    "-m eval.eval_humanml --model_path . --out {}.json",
    "-m eval.sensitivity --dataset data --out {}.md",
    "-m train.train_uhc --motions . --out {}",
    "-m train.train_mdm_iterative_finetuning --mini_dataset_dir data --save_dir {}",
    "-m scsc --domain gaussian --folder {}",
    "exp_scripts/gaussian_toy_example.py --out {}",
    "exp_scripts/download_weights.py weights/demo --out {}",
    "-m domains.motion.deviations --out {}.md",
    "-m benchmarks --out {}.md",
]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    np.save(folder / "walk.npy", walking(20))
    (folder / "file").touch()
    dataset_of(folder / "data", {"train": ["0", "1"], "val": ["2"], "test": ["3"]})
    finish_generation(folder / "dataset_0064" / "baseline", 0, {"FID_test": 1.0})
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_no_place_for_an_output(
    command: str, inputs: Path, monkeypatch: pytest.MonkeyPatch, typed: Typed
) -> None:
    monkeypatch.chdir(inputs)
    for place in ("/proc/out", "/proc/folder/out", inputs / "file/out", inputs / "file/folder/out"):
        said = typed("python " + command.format(place, data=inputs / "data"), 1)
        assert "cannot write" in said and "; choose another" in said
