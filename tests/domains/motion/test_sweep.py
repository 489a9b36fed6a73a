from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import domains.mnist.sweep
import results.mnist.plan
from domains.motion.sweep import plan
from loop.errors import InvalidOptionError, MissingAssetError
from loop.sweep.plan import Plan, Request

TRAINER = "train.train_mdm_iterative_finetuning"


def arms(made: Plan) -> list[str]:
    return [job.name for job in made.jobs if job.last]


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_arms_bear_the_published_names_and_corrected_ones_start_first() -> None:
    small = arms(plan(Request("0064")))
    assert len(small) == 9 and small[4] == "baseline"
    for percent in ("025", "050", "075", "100"):
        raw = f"synthetic_percent_{percent}_iterative_finetuning"
        assert small.index(f"{raw}_with_correction") < 4 < small.index(raw)
    large = arms(plan(Request("2794")))
    assert len(large) == 11 and "synthetic_percent_05_iterative_finetuning" in large


def test_controls_are_planned_when_they_are_named() -> None:
    kinds = ("baseline", "raw", "corrected", "kinematic", "refined", "filter", "nearest")
    made = plan(Request("cmu_0064", arms=kinds))
    assert len(arms(made)) == 1 + 4 * 6 and len({job.log for job in made.jobs}) == len(made.jobs)
    assert {job.kind for job in made.jobs if job.last} == set(kinds)
    raw = "synthetic_percent_100_iterative_finetuning"
    assert made.job(raw + "_nearest").label == "100 % nearest"
    assert option(list(made.job(raw + "_nearest").command), "--correction") == "nearest"
    assert arms(plan(Request("demo", arms=("filter",)))) == [f"{raw}_filter"]
    for other in (domains.mnist.sweep.plan, results.mnist.plan.plan):
        with pytest.raises(InvalidOptionError, match="no choice of arms"):
            other(Request("mnist", arms=("raw",)))
    line = [sys.executable, "-m", "loop.sweep", "names", "cmu_0064", "--arms", "raw", "nearest"]
    words = subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()
    assert raw + "_nearest" in words and raw + "_with_correction" not in words


def test_every_arm_starts_from_generation_0_and_only_corrected_ones_are_corrected() -> None:
    start, *middle, graphs = plan(Request("demo", seeds=(7,), extra=("--faithful",))).jobs
    assert option(list(start.command), "--num_generations") == "0"
    for job in middle:
        line = job.command_on(3, "cuda")
        assert line[1:3] == ["-m", TRAINER]
        assert (
            option(line, "--start_from")
            == "exp_outputs/dataset_demo_seed_7/generation_0/generation_0"
        )
        assert (
            option(line, "--save_dir")
            == f"exp_outputs/dataset_demo_seed_7/{job.name}"
            == str(job.run)
        )
        assert option(line, "--num_generations") == "5" == str(job.last)
        assert option(line, "--seed") == "7" and line[-1] == "--faithful"
        assert option(line, "--workers") == "3" and option(line, "--device") == "cuda"
        assert ("imitation_output" in line) == job.name.endswith("_with_correction")
        assert ("--synthetic_augmentation_percent" in line) == (job.name != "baseline")
        assert job.after == ("generation_0",)
    assert list(graphs.command[1:3]) == ["-m", "visualize.curves.graphs"]
    assert graphs.after_end == tuple(job.name for job in middle)


def test_seeds_have_folders_of_their_own_and_graphs_over_all_of_them() -> None:
    made = plan(Request("0064", seeds=(42, 43, 44), generations=7))
    assert [len(wave) for wave in made.waves()] == [3, 27, 1]
    for job in made.jobs[:-1]:
        seed = option(list(job.command), "--seed")
        assert f"exp_outputs/dataset_0064_seed_{seed}" == str(job.run and job.run.parent)
        assert job.last in (0, 7)
        assert job.after in ((), (f"seed_{seed}_generation_0",))
    folders = [f"exp_outputs/dataset_0064_seed_{seed}" for seed in (42, 43, 44)]
    out = ["--out", "exp_outputs/dataset_0064_aggregated/graphs"]
    assert list(made.jobs[-1].command[3:]) == folders + out
    assert len({job.log for job in made.jobs}) == len(made.jobs)


def test_several_processes_of_an_arm_are_started_by_torchrun() -> None:
    start, arm, *_ = plan(Request("demo", processes=2)).jobs
    for job in (start, arm):
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
        assert job.command[1:8] == [*launcher, "-m", TRAINER] and job.processes == 2


def test_what_is_missing_or_unknown_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidOptionError):
        plan(Request("0065"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingAssetError, match="demo_clips"):
        plan(Request("demo")).check()


def test_one_unusual_seed_has_the_folder_that_the_scripts_give_it() -> None:
    assert plan(Request("0064", seeds=(7,))).folder == Path("exp_outputs/dataset_0064_seed_7")
    assert plan(Request("0064")).folder == Path("exp_outputs/dataset_0064")
