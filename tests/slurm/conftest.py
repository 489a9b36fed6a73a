"""A real Slurm on this machine for the time of the tests: munged, slurmctld and slurmd."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

DAEMONS = ("munged", "slurmctld", "slurmd")
CONFIGURATION = """\
ClusterName=test
SlurmctldHost=localhost
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
# A job that is queued again waits until the credential of its last attempt has expired.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
# More cores than there are, so that a small machine too runs arms side by side.
SlurmdParameters=config_overrides
NodeName=localhost CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def missing() -> list[str]:
    return [name for name in (*DAEMONS, "sbatch", "srun") if shutil.which(name) is None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slurm)


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of a running Slurm whose commands find it through SLURM_CONF; skips elsewhere."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("SKIPPED LOUDLY: Slurm's daemons need root")
    if missing():
        pytest.skip(
            f"SKIPPED LOUDLY: no {', '.join(missing())} here; apt-get install slurm-wlm munge, "
            "as .ci/run does"
        )
    folder = tmp_path_factory.mktemp("slurm")
    # munged wants a path that nobody else could change: pytest's folders are ours alone.
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(folder=folder, controller_port=free_port(), node_port=free_port())
    )
    pids: list[int] = []
    old = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(configuration)
    try:
        start(
            pids,
            folder / "munged.pid",
            *("munged", "--force", f"--socket={folder}/munge.socket", f"--key-file={key}"),
            *(f"--log-file={folder}/munged.log", f"--pid-file={folder}/munged.pid"),
            f"--seed-file={folder}/munge.seed",
        )
        start(pids, folder / "slurmctld.pid", "slurmctld")
        start(pids, folder / "slurmd.pid", "slurmd", "-N", "localhost")
        wait_until_idle(folder)
        yield folder
        subprocess.run(["scancel", "--user=root"], check=False, timeout=30)
    finally:
        for pid in reversed(pids):
            end(pid)
        os.environ.pop("SLURM_CONF")
        if old is not None:
            os.environ["SLURM_CONF"] = old


def start(pids: list[int], pid_file: Path, *command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    deadline = time.monotonic() + 20
    while not (pid_file.exists() and pid_file.read_text().strip()):
        if result.returncode or time.monotonic() > deadline:
            pytest.fail(f"{command[0]} does not start: {result.stdout}{result.stderr}")
        time.sleep(0.05)
    pids.append(int(pid_file.read_text()))


def end(pid: int) -> None:
    """Ask a daemon to end; it is no child of ours, so look whether it is gone."""
    for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + patience
        try:
            os.kill(pid, number)
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
                    return
                time.sleep(0.05)
        except (ProcessLookupError, FileNotFoundError):
            return


def wait_until_idle(folder: Path) -> None:
    deadline = time.monotonic() + 30
    state = ""
    while state != "idle":
        if time.monotonic() > deadline:
            logs = "\n".join((folder / f"{name}.log").read_text()[-2000:] for name in DAEMONS)
            pytest.fail(f"the node of the test cluster is {state!r}, not idle\n{logs}")
        found = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"], capture_output=True, text=True, timeout=30,
            check=False,
        )  # fmt: skip
        state = found.stdout.strip()
        time.sleep(0.1)
