"""Train the policy of the tracking controller: `python -m train.train_uhc --motions DIR ...`.

Stop it at any moment and repeat the command: it goes on where it was, to the same weights.
"""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from loop.cli import command
from loop.progress import track
from loop.rundir.files import make_folder, storage
from translation.layout import read_ids
from uhc.clips import MotionClip, read_motions, upright

if TYPE_CHECKING:  # they need the simulator, which --help does not
    from torch.utils.tensorboard import SummaryWriter

    from uhc.rl.environment import ReferenceClip
    from uhc.rl.policy import Policy
    from uhc.rl.ppo import Progress
    from uhc.rl.references import Body

logger = logging.getLogger("scsc")

CHECKPOINT_S = 60.0
"""Wall time between checkpoints; no result depends on it."""


@dataclass(frozen=True)
class Arguments:
    """Train a policy to track motions in simulation, without residual force."""

    motions: tuple[Path, ...]
    """data sets in HumanML3D layout (their train.txt trains, their test.txt evaluates), or folders
    of (F, 22, 3) joints in metres, y up, at 20 fps, which train"""
    out: Path = Path("exp_outputs/uhc")
    """folder of the run; policy.safetensors in it is the result, to be used by --controller policy
    --controller-weights"""
    iterations: int = 600
    """PPO iterations in all, counting those of earlier runs of this command"""
    noisy: int = 1
    """copies of each training clip with 30 mm of smooth noise"""
    workers: int = 2
    """processes of the simulation; no result depends on it"""
    seed: int = 0
    """fixes everything"""
    environments: int = 64
    """environments that are simulated side by side"""


def run(arguments: Arguments) -> None:
    """Build the references, train, judge. Raises ScscError."""
    import torch
    from torch.utils.tensorboard import SummaryWriter

    from uhc.rl.policy import Policy
    from uhc.rl.ppo import PpoOptions, Trainer
    from uhc.rl.references import is_clean

    out = arguments.out
    make_folder(out)
    clips, body = _references(arguments, "train", arguments.noisy)
    options = PpoOptions(environments=arguments.environments, seed=arguments.seed)
    checkpoint = out / "checkpoint.pt"
    torch.set_num_threads(1)  # the simulation has the cores
    with Trainer(body.humanoid(), clips, options, workers=arguments.workers) as trainer:
        if checkpoint.exists():
            trainer.load(checkpoint)
        first = trainer.iteration
        writer = SummaryWriter(str(out / "tensorboard"), purge_step=first)
        saved = time.monotonic()
        todo = range(first, arguments.iterations)
        for _ in track(todo, "train controller", arguments.iterations, first):
            progress = trainer.train()
            _note(out / "progress.csv", writer, progress)
            if time.monotonic() - saved > CHECKPOINT_S:
                trainer.save(checkpoint)
                trainer.policy().save(out / "policy.safetensors")
                saved = time.monotonic()
        writer.close()
        trainer.save(checkpoint)
        trainer.policy().save(out / "policy.safetensors")
    held_out, body = _references(arguments, "test", 0)
    _judge(
        {
            "trained on, clean": [clip for clip in clips if is_clean(clip)],
            "trained on, noisy": [clip for clip in clips if not is_clean(clip)],
            "held out": held_out,
        },
        body,
        Policy.load(out / "policy.safetensors"),
        arguments.workers,
    )
    logger.info("Use it: --controller policy --controller_weights %s", out / "policy.safetensors")


def _judge(
    sets: Mapping[str, Sequence[ReferenceClip]], body: Body, policy: Policy, workers: int
) -> None:
    """Log how the policy does on its own, beside the tracker without residual force."""
    from uhc.controllers.policy import ActionSequence, judge

    for which, clips in sets.items():
        for name, actions in (("tracker, no residual force", ActionSequence()), ("policy", policy)):
            if clips:
                line = judge(name, clips, body, actions, workers)
                logger.info("%s: %s", which, line)


def _references(arguments: Arguments, split: str, noisy: int) -> tuple[list[ReferenceClip], Body]:
    """Read the references of a split from the run's folder, or build them."""
    from uhc.rl.references import build_references, load_references, save_references, shared_body

    kept = arguments.out / f"references_{split}.npz"
    if kept.exists():
        return load_references(kept)
    clips = [clip for folder in arguments.motions for clip in _clips(folder, split)]
    train_file = arguments.out / "references_train.npz"
    body = load_references(train_file)[1] if train_file.exists() else shared_body(clips)
    logger.info("%s: %d upright clips", split, len(clips))
    references = build_references(clips, body, noisy, arguments.workers)
    save_references(kept, references, body)
    return references, body


def _clips(folder: Path, split: str) -> list[MotionClip]:
    """Read the upright clips of a split; a folder without splits trains as a whole."""
    chosen = folder / f"{split}.txt"
    ids = set(read_ids(folder, split)) if chosen.is_file() else None
    if ids is None and split != "train":
        return []
    return [
        clip
        for clip in read_motions(folder)
        if not clip.fault
        and upright(clip.joints)
        and (ids is None or clip.name.split("#")[0] in ids)
    ]


def _note(path: Path, writer: SummaryWriter, progress: Progress) -> None:
    """Add a line to the curve. After a kill some iterations stand twice: the later line counts."""
    with storage(path):
        new = not path.exists()
        with path.open("a", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, progress._fields, lineterminator="\n")
            if new:
                table.writeheader()
            table.writerow(progress._asdict())
    for name, value in progress._asdict().items():
        writer.add_scalar(f"controller/{name}", value, progress.iteration)


def main() -> None:
    """Run the command line."""
    arguments = tyro.cli(Arguments, prog="python -m train.train_uhc")
    kept = f"stopped; the same command goes on from {arguments.out / 'checkpoint.pt'}"
    with command(interrupted=kept):
        run(arguments)


if __name__ == "__main__":
    main()
