from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loop.errors import JobFailedError
from loop.jobs import Job, run_jobs


def python(name: str, code: str) -> Job:
    return Job(name, [sys.executable, "-c", code])


def stamp(folder: Path, name: str, seconds: float = 0.6) -> Job:
    """A job that writes when it starts and when it ends."""
    return python(
        name,
        f"import time, pathlib; f = pathlib.Path({str(folder / name)!r}); s = time.time();"
        f"time.sleep({seconds}); f.write_text(f'{{s}} {{time.time()}}')",
    )


def hear_ctrl_c() -> None:
    """Under a shell's background job, as CI may be, SIGINT is ignored unless asked for."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def spans(folder: Path) -> list[tuple[float, float]]:
    return [tuple(map(float, p.read_text().split())) for p in sorted(folder.iterdir())]  # type: ignore[misc]


@pytest.mark.parametrize("slots", [1, 2])
def test_never_more_than_slots_at_a_time_and_all_of_them(tmp_path: Path, slots: int) -> None:
    run_jobs([stamp(tmp_path, name) for name in "abcd"], slots)
    found = spans(tmp_path)
    assert len(found) == 4
    most = max(sum(s <= start < e for s, e in found) for start, _ in found)
    assert most == slots


def test_a_failure_stops_the_others_and_names_the_job(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(JobFailedError, match="bad: exit status 3"):
        run_jobs([stamp(tmp_path, "long", 60), python("bad", "raise SystemExit(3)")], 2)
    assert time.monotonic() - started < 15
    assert not list(tmp_path.iterdir())


def test_the_cores_are_shared_out(tmp_path: Path) -> None:
    out = tmp_path / "threads"
    code = f"import os; open({str(out)!r}, 'a').write(os.environ['OMP_NUM_THREADS'] + ' ')"
    run_jobs([python("a", code)], 4)
    run_jobs([python("a", code), python("b", code)], 2)
    cores = os.cpu_count() or 1
    assert out.read_text().split() == [str(cores)] + 2 * [str(max(1, cores // 2))]


def test_ctrl_c_reaches_the_jobs_and_leaves_none_behind(tmp_path: Path, repository: Path) -> None:
    """A job that puts its work away when interrupted must get the time for it."""
    child = (
        "import signal, time, pathlib; signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        f"f = pathlib.Path({str(tmp_path / 'state')!r}); f.write_text('working')\n"
        "try: time.sleep(60)\n"
        "except KeyboardInterrupt: time.sleep(0.5); f.write_text('put away')\n"
    )
    parent = (
        "import sys; from loop.jobs import Job, run_jobs\n"
        f"run_jobs([Job('child', [sys.executable, '-c', {child!r}])], 1)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", parent], cwd=repository, stderr=subprocess.DEVNULL,
        preexec_fn=hear_ctrl_c,
    )  # fmt: skip
    while not (tmp_path / "state").exists():
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.wait(30)
    assert (tmp_path / "state").read_text() == "put away"
