from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from loop.cycle import LoopSettings, run_generations
from loop.errors import InvalidOptionError, MissingAssetError, RunLockedError, RunStateError
from loop.interfaces import NoCorrection
from loop.rundir.directory import MemoryRun, RunDirectory
from loop.rundir.generation_0 import copy_generation_0, require_generation_0
from tests.loop.toy import MeanModel, toy_domain

SETTINGS = LoopSettings(seed=3, arm="arm", generations=4, ratio=0.5)
STAGES = ("synthesise", "correct", "fit", "evaluate")


def run(folder: Path, model: MeanModel, settings: LoopSettings = SETTINGS) -> None:
    with RunDirectory(folder, {"seed": settings.seed}) as directory:
        run_generations(toy_domain(model), settings, directory)


def results(folder: Path) -> dict[str, bytes]:
    """All files that are part of the result, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("times.csv", "versions.json", ".lock")
    }


def test_memory_and_disk_give_the_same_metrics(tmp_path: Path) -> None:
    run(tmp_path, MeanModel())
    memory: MemoryRun = MemoryRun()
    run_generations(toy_domain(MeanModel()), SETTINGS, memory)
    stored = [
        json.loads((tmp_path / f"generation_{g}" / "eval_dict.json").read_text())["model.txt"]
        for g in range(5)
    ]
    assert stored == memory.metrics


def test_the_loop_is_the_recursion_written_by_hand() -> None:
    """No noise in the fit: the expected means follow from the definition of the loop."""
    memory: MemoryRun = MemoryRun()
    model = MeanModel()
    run_generations(toy_domain(model), SETTINGS, memory)
    assert model.seen == [[10], [10, 5], [10, 5], [10, 5], [10, 5]]
    assert [m.get("corrected") for m in memory.metrics] == [None, 5, 5, 5, 5]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("generation", [1, 3])
def test_a_run_stopped_in_any_stage_ends_with_the_same_bytes(
    tmp_path: Path, stage: str, generation: int
) -> None:
    run(tmp_path / "unbroken", MeanModel())
    short = LoopSettings(seed=3, arm="arm", generations=generation - 1, ratio=0.5)
    run(tmp_path / "broken", MeanModel(), short)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", MeanModel(die_in=stage))
    resumed = MeanModel(mean=np.nan)
    run(tmp_path / "broken", resumed)
    assert results(tmp_path / "broken") == results(tmp_path / "unbroken")


def test_finished_stages_are_not_computed_again(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, MeanModel(die_in="evaluate"))
    resumed = MeanModel()
    run(tmp_path, resumed, LoopSettings(seed=3, arm="arm", generations=0, ratio=0.5))
    assert resumed.seen == []


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with RunDirectory(tmp_path, {}), pytest.raises(RunLockedError, match="another process"):
        RunDirectory(tmp_path, {}).__enter__()
    with RunDirectory(tmp_path, {}):
        pass


def test_other_settings_are_refused_and_the_lock_is_free_again(tmp_path: Path) -> None:
    with RunDirectory(tmp_path, {"lr": 1}):
        pass
    with pytest.raises(RunStateError, match="other settings"):
        RunDirectory(tmp_path, {"lr": 2}).__enter__()
    with RunDirectory(tmp_path, {"lr": 1}):
        pass


def test_settings_that_json_changes_are_still_the_same_settings(tmp_path: Path) -> None:
    for _ in range(2):
        with RunDirectory(tmp_path, {"ratios": (0.25, 1.0)}):
            pass


def test_a_missing_generation_is_reported(tmp_path: Path) -> None:
    run(tmp_path, MeanModel())
    (tmp_path / "generation_2").rename(tmp_path / "elsewhere")
    with pytest.raises(RunStateError, match=r"not \[2\]"):
        run(tmp_path, MeanModel())


def test_an_incomplete_generation_is_reported(tmp_path: Path) -> None:
    run(tmp_path, MeanModel())
    (tmp_path / "generation_4" / "eval_dict.json").unlink()
    with pytest.raises(RunStateError, match="not complete"):
        run(tmp_path, MeanModel(), LoopSettings(3, "arm", 5, 0.5))


def test_the_baseline_never_synthesises(tmp_path: Path) -> None:
    model = MeanModel()
    run(tmp_path, model, LoopSettings(seed=3, arm="arm", generations=2, ratio=0.0))
    assert model.seen == [[10], [10], [10]]
    assert not list(tmp_path.rglob("sampled.npy"))


def test_arms_draw_the_same_numbers_and_seeds_different_ones() -> None:
    """Raw and corrected arms are paired: what they sample, and are measured with, is equal."""
    found: dict[tuple, list] = {}
    for seed, arm, corrects in ((3, "raw", False), (3, "corrected", True), (4, "raw", False)):
        domain, memory = toy_domain(MeanModel()), MemoryRun()
        if not corrects:
            domain = domain.with_parts(correction=NoCorrection())
        sampled: list[np.ndarray] = []
        domain.generator.watch = sampled.append
        run_generations(domain, LoopSettings(seed, arm, 2, 0.5), memory)
        found[seed, arm] = [sampled, [metrics["noise"] for metrics in memory.metrics]]
    (raw, raw_noise), (corrected, corrected_noise) = found[3, "raw"], found[3, "corrected"]
    assert np.array_equal(raw[0], corrected[0]), "generation 1 is sampled from the same model"
    assert not np.array_equal(raw[1], corrected[1]), "generation 2 is not"
    assert raw_noise == corrected_noise
    assert not np.array_equal(raw[0], found[4, "raw"][0][0])


def test_hand_over_starts_an_arm_from_generation_0(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match="not finished"):
        copy_generation_0(tmp_path / "zero" / "generation_0", tmp_path / "arm")
    run(tmp_path / "zero", MeanModel(), LoopSettings(3, "zero", 0, 0.5))
    copy_generation_0(tmp_path / "zero" / "generation_0", tmp_path / "arm")
    copy_generation_0(tmp_path / "zero" / "generation_0", tmp_path / "arm")
    model = MeanModel()
    run(tmp_path / "arm", model)
    assert len(model.seen) == 4
    zero = (tmp_path / "zero/generation_0/model.txt").read_text()
    assert (tmp_path / "arm/generation_0/model.txt").read_text() == zero


@pytest.mark.parametrize(
    "wrong",
    [
        {"generations": -1},
        {"mixing": "blend"},
        {"ratio": -0.5},
        {"ratio": float("inf")},
        {"start_weights": "scrach"},
        {"seed": -1},
        {"seed": 2**63},
    ],
)
def test_impossible_settings_are_refused(wrong: dict) -> None:
    arguments = {"seed": 1, "arm": "a", "generations": 1, "ratio": 1.0} | wrong
    with pytest.raises(InvalidOptionError):
        LoopSettings(**arguments)


def test_only_generation_0_is_a_start_and_nothing_is_copied_of_another(tmp_path: Path) -> None:
    run(tmp_path / "zero", MeanModel(), LoopSettings(3, "zero", 2, 0.5))
    with pytest.raises(InvalidOptionError, match=r"--start_from .*/generation_0"):
        require_generation_0(tmp_path / "zero/generation_2", name="generation_0")
    require_generation_0(tmp_path / "zero/generation_0", name="generation_0")


def test_fresh_data_train_each_generation_on_real_numbers_it_never_saw() -> None:
    """The toy model is the mean of its training set, so the reserve (100 to 139) shows in it."""
    memory, model = MemoryRun(), MeanModel()
    settings = LoopSettings(3, "arm", 4, 0.5, mixing="fresh_data")
    run_generations(toy_domain(model), settings, memory)
    assert model.seen == [[10], *[[10, 5]] * 4]
    for generation in range(1, 5):
        fresh = np.mean(100.0 + np.arange(10) + 10 * (generation - 1))
        before = memory.metrics[generation - 1]["mean"]
        expected = (10 * fresh + 5 * before / 2) / 15  # the toy correction halves a sample
        assert memory.metrics[generation]["mean"] == pytest.approx(expected, abs=1.0)


def test_too_few_fresh_data_are_refused_before_the_start() -> None:
    memory: MemoryRun = MemoryRun()
    with pytest.raises(InvalidOptionError, match=r"(?s)found: 40.*5 generations x 10 = 50"):
        run_generations(
            toy_domain(MeanModel()), LoopSettings(3, "arm", 5, 0.5, "fresh_data"), memory
        )
    assert not memory.metrics


class Counted(MeanModel):
    """Notes from which weights, and as which generation, it was trained."""

    def fit(self, training_set, generation, stream, scratch) -> None:
        self.starts = [*getattr(self, "starts", []), (self.mean, generation)]
        super().fit(training_set, generation, stream, scratch)


@pytest.mark.parametrize("kept", ["memory", "disk"])
def test_from_scratch_every_generation_is_trained_as_generation_0(
    tmp_path: Path, kept: str
) -> None:
    scratch = LoopSettings(3, "arm", 2, 0.5, start_weights="scratch")
    last = LoopSettings(3, "arm", 2, 0.5)
    starts = {}
    for settings in (scratch, last):
        model = Counted()
        if kept == "disk":
            run(tmp_path / settings.start_weights, model, settings)
        else:
            run_generations(toy_domain(model), settings, MemoryRun())
        starts[settings.start_weights] = model.starts
    assert starts["scratch"] == [(0.0, 0)] * 3
    assert [generation for _, generation in starts["last"]] == [0, 1, 2]
    assert all(mean != 0 for mean, _ in starts["last"][1:])


def test_every_stage_has_a_scratch_folder_of_its_own_that_ends_with_it(tmp_path: Path) -> None:
    seen = {}

    class Watched(MeanModel):
        def _note(self, stage: str, scratch: Path) -> None:
            assert scratch.is_dir() and not list(scratch.iterdir())
            (scratch / "part").write_text("")
            seen[stage] = scratch

        def synthesise(self, count, stream, scratch=None):
            self._note("synthesise", scratch)
            return super().synthesise(count, stream)

        def correct(self, batch, stream, scratch=None):
            self._note("correct", scratch)
            assert not seen["synthesise"].exists()
            return super().correct(batch, stream)

        def fit(self, training_set, generation, stream, scratch):
            self._note("fit", scratch)
            super().fit(training_set, generation, stream, scratch)

        def evaluate(self, generator, sampled, corrected, stream, scratch=None):
            self._note("evaluate", scratch)
            return super().evaluate(generator, sampled, corrected, stream)

    run(tmp_path, Watched(), LoopSettings(3, "arm", 1, 0.5))
    assert set(seen) == set(STAGES) and len(set(seen.values())) == 4
