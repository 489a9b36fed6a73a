"""A process that has imported everything and forks arms, so that a test may kill many of them.

Reads {"command": name, "arguments": [...], "log": path} a line, answers with the process id and,
when that process has ended, with its exit status (negative for a signal). Each arm is a session of
its own.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
from pathlib import Path

import numpy as np
import torch

import domains.mnist.arm
import domains.mnist.training
import domains.motion.training
from body_models.skeleton import DEFAULT_SKELETON
from model.text_encoder import MiniLMEncoder
from train.train_mdm_iterative_finetuning import main
from translation.humanml import joints_to_vectors
from uhc.correct import correct_motions
from uhc.options import CorrectionOptions

COMMANDS = {
    "motion": main,
    "undropped": lambda: runpy.run_path(
        str(Path(__file__).with_name("undropped.py")), run_name="__main__"
    ),
    "mnist": lambda: runpy.run_path(
        "exp_scripts/mnist/self_consuming_ddpm_mini.py", run_name="__main__"
    ),
}


def warm_up() -> None:
    """Import and compile what an arm would, before there are arms."""
    torch.set_num_threads(1)
    for domain in (domains.motion, domains.mnist):  # so that kills find training half done
        domain.training.CHECKPOINT_INTERVAL_S = 0.0
    torch.optim.AdamW([torch.zeros(1, requires_grad=True)])  # imports for a second
    MiniLMEncoder().encode(["a person walks"])
    still = joints_to_vectors(np.repeat(DEFAULT_SKELETON.rest_joints[None], 21, axis=0))
    (corrected,) = correct_motions([still], CorrectionOptions(), workers=1)
    assert corrected.joints is not None, corrected.reason  # nothing is compiled for what is refused


def run_arm(command: str, arguments: list[str], log: Path) -> None:
    """What the forked process does; never returns."""
    os.setsid()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    null = os.open(os.devnull, os.O_RDONLY)
    for descriptor, source in ((0, null), (1, file), (2, file)):
        os.dup2(source, descriptor)
    sys.argv = [command, *arguments]
    status = 0
    try:
        COMMANDS[command]()
    except SystemExit as error:
        status = int(error.code or 0)
    except BaseException:  # noqa: BLE001  (this process is a copy of another one)
        traceback.print_exc()
        status = 70
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    warm_up()
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            run_arm(request["command"], request["arguments"], Path(request["log"]))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
