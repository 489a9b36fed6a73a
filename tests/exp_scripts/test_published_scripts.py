"""The published scripts, typed one after the other, small and on real motion, from any folder."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.domains.motion.arms import small_demo

SIZES = ("0064", "0128", "0256", "2794")
SCRIPTS = (
    "train_generation_0.sh",
    "copy_generation_0.py",
    "train_baseline.sh",
    "train_iterative_finetuning.sh",
    "train_iterative_finetuning_with_correction.sh",
)
RAW = "synthetic_percent_025_iterative_finetuning"
TINY = ("--preset", "smoke", "--seed", "7")


@pytest.fixture(scope="module")
def project(
    repository: Path, deepmimic_source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A project whose code is this one's, with data and results of its own.

    dataset/HumanML3D_subset_0064 is a part of the demo: 12 windows to train on, 32 to test on.
    """
    if not (Path(sys.prefix) / "bin" / "activate").is_file():
        pytest.skip("SKIPPED LOUDLY: the scripts need the virtual environment of setup.sh")
    root = tmp_path_factory.mktemp("project")
    (root / ".venv").symlink_to(sys.prefix)
    for path in repository.iterdir():
        if (path / "__init__.py").is_file() and path.name != "dataset":
            (root / path.name).symlink_to(path)
    (root / "exp_scripts").symlink_to(repository / "exp_scripts")
    (root / "dataset").mkdir()
    for path in (repository / "dataset").glob("*.py"):
        (root / "dataset" / path.name).symlink_to(path)
    small_demo(deepmimic_source, root / "dataset" / "HumanML3D_subset_0064", windows=12)
    return root


def start(project: Path, script: str, *options: str) -> subprocess.Popen[str]:
    """Type a command in another folder than the project's."""
    path = project / "exp_scripts" / script
    program = "bash" if path.suffix == ".sh" else str(Path(sys.prefix) / "bin" / "python")
    return subprocess.Popen(
        [program, str(path), *options],
        cwd=project.parent,
        env={**os.environ, "PYTHONPATH": str(project), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], status: int = 0) -> str:
    """What a command said, once it has ended as expected."""
    try:
        said = "".join(process.communicate(timeout=240))
    finally:
        process.kill()
    assert process.returncode == status and "Traceback" not in said, said
    return said


def test_all_scripts_of_all_sizes_are_there(repository: Path) -> None:
    for size in SIZES:
        folder = repository / "exp_scripts" / f"dataset_{size}"
        for name in SCRIPTS:
            text = (folder / name).read_text()
            others = [other for other in SIZES if other != size and other in text]
            assert size in text and not others, folder / name
            if name.endswith(".sh"):
                assert len(text.splitlines()) == 2 and os.access(folder / name, os.X_OK)


def test_from_generation_0_to_graphs(project: Path) -> None:
    runs = project / "exp_outputs" / "dataset_0064_seed_7"
    for script in ("train_generation_0.sh", "copy_generation_0.py", "copy_generation_0.py"):
        finish(start(project, f"dataset_0064/{script}", *TINY))
    once = (*TINY, "--num_generations", "1")
    arms = [  # side by side, as users do
        ("train_baseline.sh", *once),
        ("train_iterative_finetuning.sh", "025", *once),
        (
            *("train_iterative_finetuning_with_correction.sh", "025", *once),
            *("--correction", "kinematic"),
        ),
    ]
    for process in [start(project, f"dataset_0064/{arm[0]}", *arm[1:]) for arm in arms]:
        finish(process)
    handed_over = (runs / "generation_0" / "generation_0" / "eval_dict.json").read_bytes()
    for arm in ("baseline", RAW, f"{RAW}_with_correction"):
        assert (runs / arm / "generation_0" / "eval_dict.json").read_bytes() == handed_over
        (metrics,) = json.loads(
            (runs / arm / "generation_1" / "eval_dict.json").read_text()
        ).values()
        assert "FID_test" in metrics
        sampled = list((runs / arm / "generation_1").glob("synthetic_motions/*-sampled.npy"))
        assert len(sampled) == (0 if arm == "baseline" else 3)  # int(0.25 * 12)
        stored = json.loads((runs / arm / "args.json").read_text())
        assert stored["preset"]["name"] == "smoke" and stored["seed"] == 7
    said = finish(start(project, "generate_graphs.py", "0064", "--seeds", "7"))
    assert f"{RAW} 1" in said and "synthetic_percent_100_iterative_finetuning 0" in said
    graphs = project / "exp_outputs" / "dataset_0064_aggregated" / "graphs"
    assert (graphs / "0064_025_iterative_finetuning_graphs.png").stat().st_size > 10_000
    assert (graphs / "0064_025_iterative_finetuning_graphs.pdf").is_file()


@pytest.mark.parametrize(
    ("script", "options", "answer"),
    [
        ("dataset_0128/train_baseline.sh", (), "extract_humanml_3d.sh --check"),
        ("train_baseline.sh", ("demo",), "dataset.demo_clips"),
        ("dataset_2794/train_iterative_finetuning.sh", ("100%",), "05 10 15 20 25"),
        ("dataset_0064/train_baseline.sh", (), "train_generation_0.sh 0064"),
        ("dataset_0064/copy_generation_0.py", (), "train_generation_0.sh 0064"),
        ("generate_graphs.py", ("2974",), "say 2794"),
    ],
)
def test_what_is_missing_is_answered_in_words(
    project: Path, script: str, options: tuple[str, ...], answer: str
) -> None:
    assert answer in finish(start(project, script, *options), status=1)


def test_help_shows_the_four_commands(project: Path) -> None:
    for script in ("train_baseline.sh", "dataset_0064/train_iterative_finetuning.sh"):
        assert finish(start(project, script, "--help")).count("bash exp_scripts/train_") == 4


def test_the_ways_out_of_missing_data_lead_on(project: Path) -> None:
    """Every remedy, typed in the situation that it was printed in, brings the user a step further.

    From a size of the paper without HumanML3D to the demo, its doctor, generation 0 and an arm.
    """
    refused = finish(start(project, "dataset_0128/train_generation_0.sh"), status=1)
    again = finish(start(project, "filter_dataset.py", "--size", "128"), status=1)
    for said in (refused, again):
        remedy = said.partition("what to do: ")[2].splitlines()[0]
        other = remedy.partition("another data set: ")[2]
        assert other.count(" && ") == 1
    demo, train = other.split(" && ")
    environment = {**os.environ, "PYTHONPATH": str(project)}
    source = project / "dataset" / "HumanML3D_subset_0064" / "source"
    shutil.copytree(source, project / "dataset" / "demo" / "source")  # in place of the network
    (project / "dataset" / "demo" / "dataset.json").write_text("{}")
    python = str(Path(sys.prefix) / "bin" / "python")

    def typed(line: str, *more: str) -> str:
        words = shlex.split(line) + list(more)
        words[0] = python if words[0] == "python" else words[0]
        done = subprocess.run(
            words, cwd=project, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    arm = finish(start(project, "train_baseline.sh", "demo"), status=1)
    assert arm.partition("what to do: ")[2].splitlines()[0] == demo
    assert "holds" in typed(demo)
    assert typed("python -m dataset.doctor dataset/demo")
    arm = finish(start(project, "train_baseline.sh", "demo"), status=1)
    assert arm.partition("what to do: ")[2].startswith(train)
    kept = project / "exp_outputs" / "dataset_demo" / "generation_0" / "generation_0"
    typed(train, *TINY[:2], "--num_steps", "2")
    assert (kept / "eval_dict.json").is_file()
    plan = typed("bash exp_scripts/run_all.sh demo --preset smoke --dry-run")
    assert "train.train_mdm_iterative_finetuning" in plan
