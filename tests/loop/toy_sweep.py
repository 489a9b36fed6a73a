"""An experiment of toys, for tests of sweeps: `--experiment tests.loop.toy_sweep`.

Its name is a folder. Its arms run the loop on `toy.MeanModel`. In the generation that `--hold`
names an arm stands still until it is interrupted; its next attempt does not. The arm that `--fail`
names ends with exit status 3.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from loop.cli import command
from loop.cycle import LoopSettings, run_generations
from loop.rundir.directory import RunDirectory
from loop.rundir.generation_0 import copy_generation_0
from loop.sweep.plan import CORES, DEVICE, Job, Plan, Request
from tests.loop.toy import MeanModel, toy_domain

ARMS = ("corrected", "baseline")
LAST = 3


def plan(request: Request) -> Plan:
    folder = Path(request.name)
    last = LAST if request.generations is None else request.generations
    start = _arm(folder, "generation_0", 0, request)
    arms = [_arm(folder, name, last, request, (start.name,)) for name in ARMS]
    words = (sys.executable, __file__, "graphs", "--folder", str(folder))
    graphs = Job("graphs", words, folder / "logs" / "graphs.log", "", ("generation_0",), ARMS)
    return Plan(folder, (start, *arms, graphs))


def _arm(folder: Path, name: str, last: int, request: Request, after: tuple = ()) -> Job:
    words = [sys.executable, __file__, "arm", "--folder", str(folder / name), "--last", str(last)]
    words += ["--share", CORES, DEVICE]
    log = folder / "logs" / f"{name}.log"
    return Job(name, [*words, *request.extra], log, "", after, run=folder / name, last=last)


@dataclass
class HeldModel(MeanModel):
    hold: int | None = None
    held: Path = Path()

    def fit(self, training_set, generation, *others) -> None:
        if generation == self.hold and not self.held.exists():
            self.held.touch()
            time.sleep(100)
        super().fit(training_set, generation, *others)


def arm(
    folder: Path, last: int, share: tuple[int, str], hold: int | None = None, fail: str = ""
) -> None:
    """Run one arm."""
    if folder.name == fail:
        raise SystemExit(3)
    settings = LoopSettings(1, folder.name, last, 4 if folder.name == "corrected" else 0)
    with RunDirectory(folder, {"arm": folder.name}) as run:
        start = folder.parent / "generation_0" / "generation_0"
        if last:
            copy_generation_0(start, folder)
        model = HeldModel(hold=hold, held=folder.with_name(f"{folder.name}.held"))
        run_generations(toy_domain(model), settings, run)


def graphs(folder: Path) -> None:
    """Write which generations there are at this moment."""
    names = {name: sorted(p.parent.name for p in (folder / name).glob("*/eval*")) for name in ARMS}
    (folder / "graphs.json").write_text(json.dumps(names))


if __name__ == "__main__":
    with command("put away"):
        tyro.extras.subcommand_cli_from_dict({"arm": arm, "graphs": graphs})
