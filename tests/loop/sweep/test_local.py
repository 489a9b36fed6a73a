from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from loop.errors import InvalidOptionError, JobFailedError, RunLockedError
from loop.sweep.local import run_plan
from loop.sweep.machine import Machine
from loop.sweep.outcomes import outcome_of
from loop.sweep.plan import Job, Plan
from tests.runs import finish_generation


def python(folder: Path, name: str, code: str, *after: str, ends: tuple[str, ...] = ()) -> Job:
    return Job(
        name,
        [sys.executable, "-c", code],
        folder / "logs" / f"{name}.log",
        after=after,
        after_end=ends,
    )


def stamp(folder: Path, name: str, *after: str, seconds: float = 0.4) -> Job:
    """A job that writes when it starts and when it ends."""
    code = f"import time, pathlib; f = pathlib.Path({str(folder / name)!r}); s = time.monotonic();"
    code += f"time.sleep({seconds}); f.write_text(f'{{s}} {{time.monotonic()}}')"
    return python(folder, name, code, *after)


def run(
    folder: Path, *jobs: Job, slots: int = 2, gpus: tuple[str, ...] = (), cores: int = 4
) -> None:
    run_plan(Plan(folder, jobs), Machine(slots, cores, gpus, "cuda" if gpus else "cpu"))


def span(path: Path) -> tuple[float, float]:
    start, end = map(float, path.read_text().split())
    return start, end


def hear_ctrl_c() -> None:
    """Under a shell's background job or nohup, as CI may be, these are ignored unless asked for."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize("slots", [1, 2])
def test_never_more_than_slots_at_a_time_and_all_of_them(tmp_path: Path, slots: int) -> None:
    run(tmp_path, *[stamp(tmp_path, name) for name in "abcd"], slots=slots)
    found = [span(tmp_path / name) for name in "abcd"]
    assert max(sum(s <= start < e for s, e in found) for start, _ in found) == slots


def test_a_job_waits_for_those_that_it_names(tmp_path: Path) -> None:
    run(tmp_path, stamp(tmp_path, "a"), stamp(tmp_path, "b"), stamp(tmp_path, "c", "a", "b"))
    assert span(tmp_path / "c")[0] > max(span(tmp_path / "a")[1], span(tmp_path / "b")[1])


def test_it_says_how_far_all_of_it_is_and_how_long_the_rest_takes(
    tmp_path: Path, caplog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One generation of three took 8 s: 16 s are left."""
    monkeypatch.setattr("loop.sweep.local.TELL_S", 0.1)
    caplog.set_level("INFO")
    arm = tmp_path / "arm"
    for generation in (0, 1):
        finish_generation(arm, generation, {})
    (arm / "times.csv").write_text("1,fit,5\n1,evaluate,3\n")
    waiting = stamp(tmp_path, "raw", seconds=1.0)
    run(tmp_path, replace(waiting, run=arm, last=3), stamp(tmp_path, "graphs", "raw"))
    assert "2 of 4 generations done; about 16.0 s left" in caplog.text


def test_after_a_failure_the_others_go_on_and_all_is_named(tmp_path: Path, caplog) -> None:
    bad = python(tmp_path, "bad", "raise SystemExit(3)")
    killed = python(tmp_path, "killed", "import os; os.kill(os.getpid(), 9)")
    jobs = [
        *(bad, killed, stamp(tmp_path, "good"), stamp(tmp_path, "late", "good")),
        *(stamp(tmp_path, "never", "bad"), stamp(tmp_path, "nor", "never")),
        python(tmp_path, "graphs", "open(1).close()", "good", ends=("bad", "killed", "nor")),
    ]
    with pytest.raises(JobFailedError) as error:
        run(tmp_path, *jobs)
    text = str(error.value)
    assert "bad: exit status 3" in text and str(bad.log) in text
    assert "killed: killed by signal 9" in text and "memory" in text
    assert "never: not started" in text and "nor: not started" in text
    assert (tmp_path / "late").exists() and not (tmp_path / "never").exists()
    states = {job.name: outcome_of(job) for job in jobs}
    assert states["bad"] and states["bad"].state == "failed" and states["bad"].status == 3
    assert states["graphs"] and states["graphs"].state == "finished"
    assert states["never"] is None
    assert "bad failed (exit status 3)" in caplog.text  # at once, not only at the end


def test_the_cores_are_shared_out_by_the_plan(tmp_path: Path) -> None:
    """Never by what happens to run: another number of threads rounds differently."""
    code = "import os, sys; print(os.environ['OMP_NUM_THREADS'], *sys.argv[1:])"
    first = python(tmp_path, "first", code)
    words = [sys.executable, "-c", code, "{cores}", "{device}"]
    arms = [Job(n, words, tmp_path / f"{n}.log", after=("first",)) for n in "abc"]
    team = Job("team", words, tmp_path / "team.log", after=("first",), processes=2)
    run(tmp_path, first, *arms, team, cores=4)
    said = [job.log.read_text().splitlines()[-1] for job in (first, *arms, team)]
    assert said == ["4", *["2 2 cpu"] * 3, "1 2 cpu"]
    # Of chosen jobs, those that could run at the same time; a single one, as under Slurm, gets all.
    for chosen, cores in (("a", "b"), "2"), (("c",), "4"):
        run_plan(Plan(tmp_path, (first, *arms, team)), Machine(2, 4, (), "cpu"), only=chosen)
        logs = [job.log.read_text().splitlines()[-1] for job in arms if job.name in chosen]
        assert logs == [f"{cores} {cores} cpu"] * len(chosen)


def test_every_job_sees_a_gpu_of_its_own(tmp_path: Path) -> None:
    code = "import os, time; time.sleep(0.6); print(os.environ['CUDA_VISIBLE_DEVICES'])"
    jobs = [python(tmp_path, name, code) for name in "abcd"]
    run(tmp_path, *jobs, slots=2, gpus=("5", "7"))
    said = [job.log.read_text().split()[-1] for job in jobs]
    assert said[:2] == ["5", "7"] and sorted(said[2:]) == ["5", "7"]


def test_processes_of_an_arm_share_its_cores_and_have_a_gpu_each() -> None:
    machine = Machine(2, 12, ("0", "1", "2", "3"), "cuda", gpus_each=2)
    assert [machine.share(slot, 3).gpus for slot in (0, 1)] == ["0,1", "2,3"]
    assert machine.share(0, 3).cores == 6 and machine.share(0, 1).cores == 12


def test_logs_grow_over_attempts_and_lines_bear_the_name(tmp_path: Path, capfd) -> None:
    code = "import sys; print('first half,', end=' ', flush=True); import time; time.sleep(0.5);"
    code += "print('second half'); print('to stderr', file=sys.stderr); print('end', end='')"
    job = python(tmp_path, "talker", code)
    for _ in range(2):
        run(tmp_path, job)
    told = capfd.readouterr().err.splitlines()
    lines = ["first half, second half", "to stderr", "end"]
    assert sorted(told) == sorted(2 * [f"talker | {line}" for line in lines])
    assert job.log.read_text().count("first half, second half") == 2


def test_only_chosen_jobs_run_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    plan = Plan(tmp_path, (stamp(tmp_path, "a", seconds=0), stamp(tmp_path, "b", "a", seconds=0)))
    run_plan(plan, Machine(1, 1), only=["b"])
    assert (tmp_path / "b").exists() and not (tmp_path / "a").exists()
    with pytest.raises(InvalidOptionError, match="no job of that name"):
        run_plan(plan, Machine(1, 1), only=["c"])


def test_a_plan_runs_once_at_a_time(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".sweep.lock"), pytest.raises(RunLockedError, match="status"):
        run(tmp_path, stamp(tmp_path, "a"))
    run(tmp_path, stamp(tmp_path, "a", seconds=0))


def test_the_terminal_may_go_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.EIO, "gone")

    monkeypatch.setattr(sys, "stderr", Gone())
    job = python(tmp_path, "a", "print('said')")
    run(tmp_path, job)
    assert "said" in job.log.read_text()


def test_a_log_may_be_removed_while_its_job_runs(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "a.log"
    job = python(tmp_path, "a", f"import os, time; os.remove({str(log)!r}); time.sleep(0.6)")
    run(tmp_path, job)
    assert not log.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_reaches_the_jobs_and_leaves_none_behind(
    tmp_path: Path, repository: Path, number: int
) -> None:
    """A job that puts its work away when interrupted must get the time for it."""
    child = (
        "import signal, time, pathlib; signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        f"f = pathlib.Path({str(tmp_path / 'state')!r}); f.write_text('working')\n"
        "try: time.sleep(60)\n"
        "except KeyboardInterrupt: time.sleep(0.5); f.write_text('put away'); raise SystemExit(130)"
    )
    job = f"Job('child', [sys.executable, '-c', {child!r}], Path({str(tmp_path / 'child.log')!r}))"
    parent = (
        "import sys; from pathlib import Path; from loop.cli import command\n"
        "from loop.sweep.local import run_plan; from loop.sweep.machine import Machine\n"
        "from loop.sweep.plan import Job, Plan\n"
        f"with command(): run_plan(Plan(Path({str(tmp_path)!r}), ({job},)), Machine(1, 1))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", parent], cwd=repository, stderr=subprocess.DEVNULL,
        preexec_fn=hear_ctrl_c,
    )  # fmt: skip
    while not (tmp_path / "state").exists():
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(number)
    assert process.wait(30) == 130
    assert (tmp_path / "state").read_text() == "put away"
    outcome = outcome_of(Job("child", [], tmp_path / "child.log"))
    assert outcome and outcome.state == "stopped" and outcome.status == 130


def test_jobs_outlive_a_killed_sweep_and_a_dead_one_is_told(
    tmp_path: Path, repository: Path
) -> None:
    job = python(tmp_path, "long", "import time; time.sleep(60)")
    parent = (
        "import sys; from pathlib import Path; from loop.sweep.local import run_plan\n"
        "from loop.sweep.machine import Machine; from loop.sweep.plan import Job, Plan\n"
        f"job = Job('long', {list(job.command)!r}, Path({str(job.log)!r}))\n"
        f"run_plan(Plan(Path({str(tmp_path)!r}), (job,)), Machine(1, 1))"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=repository)
    while (outcome := outcome_of(job)) is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    found = outcome_of(job)
    assert found and found.state == "running"
    os.kill(outcome.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while (found := outcome_of(job)) and found.state == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found and found.state == "stopped"
