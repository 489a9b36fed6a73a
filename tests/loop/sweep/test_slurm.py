"""What is handed to Slurm, with an sbatch that only keeps it; tests/slurm has a real one."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from loop.errors import InvalidOptionError
from loop.sweep.plan import Job, Plan
from loop.sweep.slurm import Cluster, submit

SBATCH = """\
#!/bin/sh
number=$(($(ls {folder}/*.sh 2>/dev/null | wc -l) + 101))
cp "$1" {folder}/$number.sh
env >{folder}/$number.env
echo Submitted batch job $number
"""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder that receives what is submitted, as 101.sh, 102.sh ..."""
    tools, folder = tmp_path / "tools", tmp_path / "kept"
    tools.mkdir()
    folder.mkdir()
    for name, text in (("sbatch", SBATCH.format(folder=folder)), ("srun", "#!/bin/sh\n")):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    return folder


def flags(script: Path) -> dict[str, str]:
    found = re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", script.read_text(), re.MULTILINE)
    return {name: "".join(shlex.split(value)) for name, value in found}


def seeds_plan(folder: Path) -> Plan:
    """Two seeds with two arms each."""

    def job(name: str, *after: str) -> Job:
        return Job(name, ["true"], folder / f"{name}.log", after=after, run=folder / name)

    starts = [job("g1"), job("g2")]
    arms = [job(f"{arm}{seed}", f"g{seed}") for seed in "12" for arm in "ab"]
    names = tuple(arm.name for arm in arms)
    graphs = Job("graphs", ["true"], folder / "g.log", after=("g1", "g2"), after_end=names)
    return Plan(folder, (*starts, *arms, graphs))


def test_what_waits_for_the_same_is_one_array(kept: Path, tmp_path: Path) -> None:
    ids = submit(seeds_plan(tmp_path / "runs"), Cluster(at_once=1))
    assert list(ids.items()) == [
        *(("g1", "101_0"), ("g2", "101_1")),
        *(("a1", "102_0"), ("b1", "102_1"), ("a2", "103_0"), ("b2", "103_1")),
        ("graphs", "104"),
    ]
    asked = [flags(kept / f"{number}.sh") for number in (101, 102, 103, 104)]
    assert [one.get("array") for one in asked] == [*["0-1%1"] * 3, None]
    assert [one.get("dependency") for one in asked] == [
        *(None, "afterok:101_0", "afterok:101_1"),
        "afterok:101,afterany:102:103",
    ]
    assert all(one["kill-on-invalid-dep"] == "yes" and "requeue" in one for one in asked)


def test_what_the_user_asks_for_reaches_slurm_and_graphs_need_no_gpu(
    kept: Path, tmp_path: Path
) -> None:
    resources = Cluster(
        "gpu", "lab", 1.5, 8, 2, 12.5, 3, 60, sbatch=("constraint=a100", "qos=long")
    )
    submit(seeds_plan(tmp_path / "runs"), resources)
    arms, graphs = flags(kept / "102.sh"), flags(kept / "104.sh")
    expected = {
        **{"partition": "gpu", "account": "lab", "time": "90", "cpus-per-task": "8"},
        **{"gpus-per-node": "2", "mem": "12800M", "signal": "USR2@60"},
        **{"constraint": "a100", "qos": "long"},
    }
    assert arms.items() >= expected.items()
    assert "gpus-per-node" not in graphs and graphs["partition"] == "gpu"
    assert Cluster(gpus=1).for_processes(2).gpus == 2 and Cluster(gpus=0).for_processes(2).gpus == 0


def test_what_slurm_refuses_is_told_in_its_words(kept: Path, tmp_path: Path) -> None:
    tool = tmp_path / "tools" / "sbatch"
    tool.write_text("#!/bin/sh\necho sbatch: error: invalid partition specified: gpu >&2; exit 1\n")
    with pytest.raises(InvalidOptionError, match="invalid partition"):
        submit(seeds_plan(tmp_path / "runs"), Cluster(partition="gpu"))


@pytest.mark.parametrize(
    "answer",
    [
        "Submitted batch job 4711",
        "4711",
        "4711;gpu",
        "Submitted batch job 4711 on cluster gpu",
        "Welcome: 12 nodes, job limit 100\n\nSubmitted batch job 4711\nUsage 9 of 10",
        "*** 3 nodes down ***\n4711;gpu\n",
        "sbatch: lua: queue gpu\n 4711 \n",
        "Job 4711 queued",
        "\x1b[32mSubmitted batch job 4711\x1b[0m",
        "\x1b[0m4711\x1b[0m\r",
        "Job <4711> is submitted to queue gpu",
        "jobid=4711 partition=gpu",
        "quota: 99 left\nYour job id is 4711",
        '{"job_id": 4711}',
        "Submitted batch job\u00a04711",
        "4711.head01",
    ],
)
def test_every_way_in_which_sbatch_tells_the_number(
    answer: str, kept: Path, tmp_path: Path
) -> None:
    tool = tmp_path / "tools" / "sbatch"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")
    plan = seeds_plan(tmp_path / "runs")
    ids = submit(Plan(plan.folder, plan.jobs[:3]), Cluster())  # an array and a single job
    assert ids == {"g1": "4711_0", "g2": "4711_1", "a1": "4711"}


def test_an_answer_without_a_number_is_told(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "tools" / "sbatch").write_text("#!/bin/sh\necho maintenance on 12 May\n")
    with pytest.raises(InvalidOptionError, match="maintenance on 12 May"):
        submit(seeds_plan(tmp_path / "runs"), Cluster())


def test_the_allocation_that_submits_does_not_leak_into_its_jobs(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = {
        **{"SLURM_JOB_ID": "99", "SLURM_ARRAY_JOB_ID": "98", "SLURM_ARRAY_TASK_ID": "3"},
        **{"SLURM_MEM_PER_CPU": "8192", "SLURM_CPU_BIND": "mask_cpu:0x1", "SRUN_DEBUG": "3"},
        **{"SBATCH_MEM_BIND": "local", "SBATCH_ACCOUNT": "lab", "PMI_RANK": "1"},
        **{"PMIX_NAMESPACE": "n", "SUBMITIT_EXECUTOR": "slurm", "RANK": "1"},
    }
    for name, value in {**outer, "SLURM_CONF": "/site/slurm.conf"}.items():
        monkeypatch.setenv(name, value)
    submit(seeds_plan(tmp_path / "runs"), Cluster())
    seen = dict(line.split("=", 1) for line in (kept / "102.env").read_text().splitlines())
    assert not outer.keys() & seen.keys()
    assert seen["SLURM_CONF"] == "/site/slurm.conf"
    assert flags(kept / "102.sh")["account"] == "lab"  # a wish of the user, not of the allocation
    assert os.environ.items() >= outer.items()


def test_options_out_of_range_are_refused() -> None:
    for wrong in ({"hours": 0.0}, {"cpus": 0}, {"gpus": -1}, {"sbatch": ("exclusive",)}):
        with pytest.raises(InvalidOptionError):
            Cluster(**wrong)
