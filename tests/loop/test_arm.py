"""The arm driver on the toy domain: every feature works for a domain that knows none of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from loop.arm import Arm, Built, run_arm, run_loop
from loop.cycle import LoopSettings
from loop.errors import (
    CorruptFileError,
    InvalidOptionError,
    MissingAssetError,
    RunLockedError,
    RunStateError,
)
from loop.rundir.directory import RunDirectory
from tests.loop.folders import results
from tests.loop.toy import MeanModel, toy_domain


def read_back(folder: Path, training: bool = True) -> None:
    path = folder / "model.txt"
    if not path.is_file():
        raise MissingAssetError("missing", path=path)
    try:
        float(path.read_text())
    except ValueError as error:
        raise CorruptFileError("damaged", path=path) from error


@pytest.fixture
def arm(tmp_path: Path) -> Arm:
    return Arm(
        folder=tmp_path / "arm",
        settings={"seed": 3, "sizes": {"width": 4}},
        loop=LoopSettings(seed=3, arm="arm", generations=2, ratio=0.5),
        read_back=read_back,
        model_settings={"sizes": ("width",)},
    )


def build():
    return toy_domain(MeanModel())


def test_a_finished_arm_builds_nothing(arm: Arm, caplog: pytest.LogCaptureFixture) -> None:
    run_arm(arm, build)
    whole = results(arm.folder)
    caplog.set_level("INFO", "scsc")
    run_arm(arm, lambda: pytest.fail("built a domain"))
    assert "nothing to do" in caplog.text and results(arm.folder) == whole
    with pytest.raises(RunStateError, match="seed"):
        run_arm(replace(arm, settings={**arm.settings, "seed": 4}), build)
    run_arm(replace(arm, loggers=("tensorboard",)), lambda: pytest.fail("built a domain"))
    assert list((arm.folder / "tensorboard").iterdir()), "loggers are filled also afterwards"


def test_damage_is_reported_and_set_aside_on_request(arm: Arm) -> None:
    run_arm(arm, build)
    whole = results(arm.folder)
    (arm.folder / "generation_2" / "model.txt").write_text("not a number")
    with pytest.raises(CorruptFileError, match="--discard_damaged"):
        run_arm(arm, build)
    run_arm(replace(arm, discard_damaged=True), build)
    kept = {name: data for name, data in results(arm.folder).items() if ".damaged" not in name}
    assert kept == whole
    assert (arm.folder / "generation_2.damaged" / "model.txt").read_text() == "not a number"


def test_an_arm_starts_from_a_generation_0_of_the_same_model(arm: Arm, tmp_path: Path) -> None:
    start = replace(arm, folder=tmp_path / "start", loop=replace(arm.loop, generations=0))
    other = replace(arm, start_from=tmp_path / "start" / "generation_0", start_remedy="train it")
    with pytest.raises(MissingAssetError, match="train it"):
        run_arm(other, build)
    assert not arm.folder.exists(), "a refused arm leaves nothing behind"
    run_arm(start, build)
    wider = {**arm.settings, "sizes": {"width": 5}}
    with pytest.raises(RunStateError, match="width"):
        run_arm(replace(other, settings=wider), build)
    run_arm(other, build)
    copied, trained = (
        (folder / "generation_0" / "model.txt").read_bytes()
        for folder in (arm.folder, start.folder)
    )
    assert copied == trained


def test_a_start_that_nothing_leads_to_is_refused(arm: Arm) -> None:
    with pytest.raises(InvalidOptionError, match="generation 4"):
        run_arm(replace(arm, start_at=5), build)
    run_arm(replace(arm, start_at=0), build)


def test_settings_that_the_data_tell_are_kept_and_compared(arm: Arm) -> None:
    def counted(count: int):
        return lambda: Built(**vars(build()), later={"images": count})

    short = replace(arm, later=("images",), loop=replace(arm.loop, generations=1))
    run_arm(short, counted(10))
    with pytest.raises(RunStateError, match=r"(?s)images.*10.*11"):
        run_arm(replace(arm, later=("images",)), counted(11))
    run_arm(replace(arm, later=("images",)), counted(10))


def test_a_start_that_stands_on_other_data_is_refused(arm: Arm, tmp_path: Path) -> None:
    def told(fingerprint: str):
        return lambda: Built(**vars(build()), later={"evaluator": fingerprint})

    start = replace(arm, folder=tmp_path / "start", loop=replace(arm.loop, generations=0))
    run_arm(replace(start, later=("evaluator",)), told("a"))
    other = replace(arm, start_from=tmp_path / "start" / "generation_0", later=("evaluator",))
    with pytest.raises(RunStateError, match="measured by others"):
        run_arm(other, told("b"))
    run_arm(other, told("a"))


def test_two_processes_never_share_an_arm(arm: Arm) -> None:
    with RunDirectory(arm.folder, arm.settings), pytest.raises(RunLockedError):
        run_arm(arm, build)


def test_run_loop_gives_in_memory_what_it_keeps_on_disk(tmp_path: Path) -> None:
    in_memory = run_loop(build(), generations=3, ratio=0.5, seed=1)
    on_disk = run_loop(build(), generations=1, ratio=0.5, seed=1, folder=tmp_path / "run")
    assert on_disk == in_memory[:2]
    longer = run_loop(build(), generations=3, ratio=0.5, seed=1, folder=tmp_path / "run")
    assert longer == in_memory
    raw = run_loop(build(), generations=3, ratio=0.5, seed=1, corrected=False)
    assert raw[0] == in_memory[0] and raw[1] != in_memory[1]


def test_a_domain_that_cannot_be_kept_is_refused_before_it_is_trained(tmp_path: Path) -> None:
    model = MeanModel()
    domain = toy_domain(model).with_parts(samples=None, corrections=None)
    with pytest.raises(RunStateError, match="--folder"):
        run_loop(domain, generations=1, folder=tmp_path / "run")
    assert not model.seen and not (tmp_path / "run").exists()
    run_loop(domain, generations=1, ratio=0, folder=tmp_path / "run")  # draws nothing
    run_loop(domain, generations=1)


def test_settings_of_a_run_that_never_began_are_not_kept(arm: Arm) -> None:
    """Its data may have refused them; the corrected command is not refused for it."""
    other = {**arm.settings, "seed": 4}
    with pytest.raises(MissingAssetError):
        run_arm(replace(arm, settings=other), lambda: read_back(arm.folder))  # type: ignore
    dying = toy_domain(MeanModel(die_in="fit"))
    with pytest.raises(KeyboardInterrupt):
        run_arm(arm, lambda: dying)
    with pytest.raises(RunStateError, match="seed"):
        run_arm(replace(arm, settings=other), build)
    run_arm(arm, build)
