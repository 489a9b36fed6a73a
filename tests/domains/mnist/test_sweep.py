"""Plans of the MNIST experiment: what they consist of, in which order, and that options parse."""

from __future__ import annotations

from pathlib import Path

import pytest
import tyro

from domains.mnist.arguments import MnistArguments
from domains.mnist.presets import CORRECTED, FAITHFUL, preset_named
from domains.mnist.sweep import plan
from loop.errors import InvalidOptionError
from loop.sweep.plan import Job, Request
from results.mnist.plan import CORRECTIONS, LATER, PUBLISHED_RATE
from results.mnist.plan import plan as evidence_plan


def _arguments(job: Job) -> MnistArguments:
    """What the script understands of the job's command."""
    return tyro.cli(MnistArguments, args=job.command_on(1, "cpu")[2:])


def test_the_published_figure() -> None:
    made = plan(Request("mnist"))
    names = {job.run.name for job in made.jobs if job.run is not None}
    assert names == {"baseline_0.2"} | {
        f"iterative_finetuning{more}_{ratio}"
        for more in ("", "_with_correction")
        for ratio in (0.2, 0.5, 1.0, 1.5)
    }
    assert [job.name for job in made.waves()[0]] == ["generation_0"]
    assert made.folder == Path("exp_outputs/mnist") and made.jobs[-1].name == "graphs"
    for job in made.jobs[:-1]:
        arguments = _arguments(job)
        assert arguments.folder(preset_named("published")) == job.run
        assert arguments.num_generations == job.last == (0 if job.name == "generation_0" else 50)


def test_repetitions_are_kept_apart_and_options_reach_every_arm() -> None:
    extra = ("--faithful", "--mixing", "replace")
    made = plan(Request("mnist_demo", (0, 1), preset="demo", generations=2, extra=extra))
    jobs = [job for job in made.jobs if job.run is not None]
    assert len(jobs) == 2 * (1 + 1 + 2)
    for job in jobs:
        arguments = _arguments(job)
        assert arguments.faithful and arguments.mixing == "replace"
        assert job.run is not None and job.run.parent.name == f"seed_{arguments.seed}"


def test_evidence_has_every_arm_once_the_most_telling_first() -> None:
    made = evidence_plan(Request("mnist_evidence", (0, 1, 2), generations=4))
    assert len({job.run for job in made.jobs}) == len(made.jobs) - 3  # generation 0 and baseline
    assert len(made.jobs) == 3 + 3 + 3 * 2 + 3 * 4 * (1 + len((*CORRECTIONS, *LATER)))
    kinds = [job.kind for job in made.jobs]
    assert kinds[:3] == ["generation_0"] * 3
    order = [kind for kind in dict.fromkeys(kinds) if "." in kind]
    assert order == ["replace_1.0", "latest_1.0", "replace_1.5", "latest_1.5"]
    preset = preset_named("evidence")
    for job in made.jobs:
        arguments = _arguments(job)
        assert arguments.folder(preset) == job.run
        assert arguments.classifier_dir == made.folder
        if arguments.train_type != "baseline":
            assert arguments.generation_0(preset).parts[-2:] == ("baseline_0.2", "00")
    rates = [_arguments(job).fine_tune_rate for job in made.jobs if "rate" in job.name]
    assert rates == [PUBLISHED_RATE] * 3 + [0.0] * 3
    assert all("rate" in job.name and job.last == 4 for job in made.jobs[-6:])
    published = preset_named("published")
    assert published.fine_tuning_rate() == pytest.approx(PUBLISHED_RATE)


def test_modes_name_every_difference() -> None:
    """Each choice of the protocol differs between the two modes, else it were none."""
    ours, published = vars(CORRECTED), vars(FAITHFUL)
    assert ours.keys() == published.keys()
    assert not [name for name in ours if ours[name] == published[name]]


def test_unknown_presets_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="unknown preset"):
        plan(Request("mnist", preset="huge"))
