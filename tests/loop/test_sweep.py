from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.fixture
def command(repository: Path, tmp_path: Path):
    """command(verb, *options, extra=...): `python -m loop.sweep` on toys in tmp_path, started."""

    def start(verb: str, *options: str, extra: str = "", path: str = "") -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "loop.sweep", verb, str(tmp_path / "toys")]
        line += ["--experiment", "toy_sweep", *options, *(["--", *extra.split()] if extra else [])]
        paths = os.pathsep.join((str(repository / "tests" / "loop"), str(repository)))
        environment = {**os.environ, "PYTHONPATH": paths, "PATH": path or os.environ["PATH"]}
        return subprocess.Popen(
            line, cwd=repository, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return start


def said(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=60)
    return out + err


def content(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.glob("*/generation_*/*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_plan_is_told_without_doing_anything(command, tmp_path: Path) -> None:
    text = said(command("run", "--dry-run", "--slots", "1", extra="--hold 3"))
    assert re.findall(r"#   (\w+)", text) == ["generation_0", "corrected", "baseline", "graphs"]
    assert text.count("--hold 3") == 3 and "# 2 job(s), 1 at a time:" in text
    there = said(command("run", "--dry-run", "--cluster", "slurm", "--at_once", "1", "--cpus", "9"))
    assert "# 2 job(s), 1 at a time:" in there and there.count("--share 9 cuda") == 3
    assert said(command("names")) == "generation_0\ncorrected baseline\ngraphs\n"
    assert not (tmp_path / "toys").exists()


def test_stopped_and_repeated_it_ends_with_the_same_bytes_and_status_tells(
    command, tmp_path: Path
) -> None:
    folder = tmp_path / "toys"
    unbroken = command("run")
    assert "finished; look at" in said(unbroken) and unbroken.returncode == 0
    expected = content(folder)
    assert len(expected) == 2 + 2 * 8 + 3 * 2  # generation 0; both arms; samples and corrections
    folder.rename(tmp_path / "unbroken")

    stopped = command("run", "--slots", "2", extra="--hold 2")
    while len(list(folder.glob("*.held"))) < 2:  # side by side
        time.sleep(0.05)
    during = said(command("status"))
    assert re.search(r"corrected +##>\. +2/4 +running: generation 2, fit ", during)
    assert re.search(r"time left: about \d", during)
    stopped.send_signal(signal.SIGTERM)
    assert "the same command goes on" in said(stopped) and stopped.returncode == 130
    assert re.search(r"corrected +##>\. +2/4 +stopped: generation 2", said(command("status")))
    assert "corrected/generation_2/model.txt" in expected.keys() - content(folder).keys()

    resumed = command("run")
    said(resumed)
    assert resumed.returncode == 0 and content(folder) == expected
    assert "finished; look at" in said(command("status", "--times"))


def test_an_arm_that_fails_is_named_and_the_others_go_on(command, tmp_path: Path) -> None:
    failed = command("run", extra="--fail baseline")
    text = said(failed)
    log = tmp_path / "toys" / "logs" / "baseline.log"
    assert failed.returncode == 1 and f"baseline: exit status 3, see {log}" in text
    graphs = json.loads((tmp_path / "toys" / "graphs.json").read_text())
    assert [len(graphs[arm]) for arm in ("corrected", "baseline")] == [4, 0]
    status = said(command("status"))
    assert "baseline failed (exit status 3)" in status and re.search(r"corrected +####", status)


def test_without_slurm_nothing_is_submitted(command, tmp_path: Path) -> None:
    refused = command("run", "--cluster", "slurm", path=str(tmp_path))
    assert "there is no Slurm on this machine" in said(refused) and refused.returncode == 1
    wrong = command("run", "--cluster", "slurm", "--sbatch", "qos")
    assert "name=value" in said(wrong) and wrong.returncode == 1
