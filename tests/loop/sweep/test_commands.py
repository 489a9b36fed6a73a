from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from loop.errors import InvalidOptionError
from loop.sweep import commands as sweep

Sweep = Callable[..., str]


@pytest.fixture
def tell(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd, caplog) -> Sweep:
    """tell(verb, *options, code=...): what `python -m loop.sweep` on toys in tmp_path says."""
    monkeypatch.syspath_prepend(repository)
    caplog.set_level("INFO")

    def tell(verb: str, *options: str, code: int = 0) -> str:
        caplog.clear()
        caplog.set_level("INFO", "scsc")
        caplog.set_level("INFO", "scsc.loop")
        line = [
            "sweep",
            verb,
            str(tmp_path / "toys"),
            "--experiment",
            "tests.loop.toy_sweep",
            *options,
        ]
        monkeypatch.setattr(sys, "argv", line)
        try:
            sweep.main()
            status = 0
        except SystemExit as left:
            status = left.code
        out, err = capfd.readouterr()
        assert status == code, out + err + caplog.text
        return out + err + caplog.text

    return tell


@pytest.fixture
def started(repository: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """started(*options): a `python -m loop.sweep run` on toys in tmp_path, in a process."""

    def start(*options: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "loop.sweep", "run", str(tmp_path / "toys")]
        line += ["--experiment", "tests.loop.toy_sweep", *options]
        environment = {**os.environ, "PYTHONPATH": str(repository)}
        return subprocess.Popen(
            line, cwd=repository, env=environment, text=True, stderr=subprocess.PIPE
        )

    return start


@pytest.fixture(autouse=True)
def checkout_under_test(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For what a sweep starts."""
    monkeypatch.setenv("PYTHONPATH", str(repository))


def content(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.glob("*/generation_*/*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_plan_is_told_without_doing_anything(tell: Sweep, tmp_path: Path) -> None:
    text = tell("run", "--dry-run", "--slots", "1", "--", "--hold", "3")
    assert re.findall(r"#   (\w+)", text) == ["generation_0", "corrected", "baseline", "graphs"]
    assert text.count("--hold 3") == 3 and "# 2 job(s), 1 at a time:" in text
    there = tell("run", "--dry-run", "--cluster", "slurm", "--at_once", "1", "--cpus", "9")
    assert "# 2 job(s), 1 at a time:" in there and there.count("--share 9 cuda") == 3
    assert tell("names") == "generation_0\ncorrected baseline\ngraphs\n"
    assert not (tmp_path / "toys").exists()


def test_slots_follow_the_gpus(tell: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert "# 2 job(s), 2 at a time:" in (text := tell("run", "--dry-run"))
    assert text.count("cuda") == 3 and "cpu" not in text
    assert "# 2 job(s), 1 at a time:" in tell("run", "--dry-run", "--processes", "2")
    assert "cuda" not in tell("run", "--dry-run", "--device", "cpu")
    refused = tell("run", "--dry-run", "--processes", "3", code=1)
    assert "2 for 3 processes" in refused


@pytest.mark.parametrize("slots", ["0", "-3"])
def test_less_than_one_slot_is_refused(tell: Sweep, tmp_path: Path, slots: str) -> None:
    for verb in (["run"], ["run", "--dry-run"], ["status"]):
        assert f"found: --slots {slots}\n" in tell(*verb, "--slots", slots, code=1)
    assert not (tmp_path / "toys").exists()


@pytest.mark.parametrize("option", ["--seeds -1", "--generations -1"])
def test_numbers_below_zero_are_refused(tell: Sweep, tmp_path: Path, option: str) -> None:
    said = option.removeprefix("--seeds ")
    for verb in ("run", "status", "names"):
        assert f"found: {said}\n" in tell(verb, *option.split(), code=1)
    assert not (tmp_path / "toys").exists()


def test_the_trainers_word_for_the_last_generation_plans_all_arms() -> None:
    """And generation 0, which has none after it, keeps its own."""
    assert sweep._last_generation(None, ("--lr", "1")) == (None, ("--lr", "1"))
    for name in ("--num_generations", "--num-generations"):
        for words in ((name, "3"), (f"{name}=3",)):
            assert sweep._last_generation(None, ("--seed", "1", *words, "--lr", "2")) == (
                3, ("--seed", "1", "--lr", "2")
            )  # fmt: skip
            assert sweep._last_generation(3, words) == (3, ())
    for asked, words in ((2, ("--num_generations", "3")), (None, ("--num_generations",))):
        with pytest.raises(InvalidOptionError, match="one number"):
            sweep._last_generation(asked, words)


def test_an_experiment_without_a_name_is_refused(tell: Sweep) -> None:
    for name in ("", ".x"):
        assert "no module of that name" in tell("names", "--experiment", name, code=1)


def test_stopped_and_repeated_it_ends_with_the_same_bytes_and_status_tells(
    tell: Sweep, started: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "toys"
    assert "finished; look at" in tell("run")
    expected = content(folder)
    assert len(expected) == 2 + 2 * 8 + 3 * 2  # generation 0; both arms; samples and corrections
    folder.rename(tmp_path / "unbroken")

    process = started("--slots", "2", "--", "--hold", "2")
    while len(list(folder.glob("*.held"))) < 2:  # side by side
        time.sleep(0.05)
    during = tell("status")
    assert re.search(r"corrected +##>\. +2/4 +running: generation 2, fit ", during)
    assert re.search(r"time left: about \d", during)
    process.send_signal(signal.SIGTERM)
    assert "the same command goes on" in process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert re.search(r"corrected +##>\. +2/4 +stopped: generation 2", tell("status"))
    assert "corrected/generation_2/model.txt" in expected.keys() - content(folder).keys()

    assert "finished; look at" in tell("run")
    assert content(folder) == expected
    assert "finished; look at" in tell("status", "--times")


def test_an_arm_that_fails_is_named_and_the_others_go_on(tell: Sweep, tmp_path: Path) -> None:
    text = tell("run", "--generations", "1", "--", "--fail", "baseline", code=1)
    log = tmp_path / "toys" / "logs" / "baseline.log"
    assert f"baseline: exit status 3, see {log}" in text
    graphs = json.loads((tmp_path / "toys" / "graphs.json").read_text())
    assert [len(graphs[arm]) for arm in ("corrected", "baseline")] == [2, 0]
    status = tell("status", "--generations", "1")
    assert "baseline failed (exit status 3)" in status and re.search(r"corrected +##", status)


def test_without_slurm_nothing_is_submitted(
    tell: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "there is no Slurm on this machine" in tell("run", "--cluster", "slurm", code=1)
    assert not (tmp_path / "toys").exists()


def test_a_locked_experiment_names_the_command_that_tells_how_far_it_is(
    tell: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toys").mkdir()
    with FileLock(tmp_path / "toys" / ".sweep.lock"):
        said = tell("run", "--seeds", "3", "4", code=1)
    remedy = shlex.split(re.findall("`(python -m loop.sweep .*)`", said)[0])
    monkeypatch.setattr(sys, "argv", remedy[2:])
    monkeypatch.chdir(tmp_path)
    sweep.main()
    assert remedy[4:] == [
        *(str(tmp_path / "toys"), "--seeds", "3", "4", "--experiment", "tests.loop.toy_sweep")
    ]
