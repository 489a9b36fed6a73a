"""Train the policy of the tracking controller: `python -m train.train_uhc --motions DIR ...`.

Stop it at any moment and repeat the command: it goes on where it was, to the same weights.
"""

from __future__ import annotations

import csv
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from loop.cli import command
from loop.errors import InvalidMotionError, InvalidOptionError, RunStateError
from loop.progress import track
from loop.rundir.files import make_folder, read_json, storage, write_json
from translation.layout import read_ids
from uhc.clips import MotionClip, read_motions, upright

if TYPE_CHECKING:  # they need the simulator, which --help does not
    from torch.utils.tensorboard import SummaryWriter

    from uhc.rl.environment import ReferenceClip
    from uhc.rl.policy import Policy
    from uhc.rl.ppo import PpoOptions, Progress
    from uhc.rl.references import Body

logger = logging.getLogger("scsc")

CHECKPOINT_S = 60.0
"""Wall time between checkpoints; no result depends on it."""
SETTINGS, CHECKPOINT = "settings.json", "checkpoint.pt"


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

    out, sizes = arguments.out, (arguments.workers, arguments.environments, arguments.noisy)
    if min(sizes[:2]) < 1 or arguments.noisy < 0:
        raise InvalidOptionError(
            "Too few --workers, --environments or --noisy copies.",
            found=sizes,
            expected="1, 1 and 0 at least",
        )
    make_folder(out)
    options = PpoOptions(environments=arguments.environments, seed=arguments.seed)
    _compare(arguments, options)
    clips, body = _references(arguments, "train", arguments.noisy, options)
    checkpoint = out / CHECKPOINT
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
    held_out, body = _references(arguments, "test", 0, options)
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


def _settings(arguments: Arguments, options: PpoOptions) -> dict[str, Any]:
    """Return all that weights depend on, as JSON reads it back; data is found from `out`."""
    out = arguments.out.resolve()
    motions = [os.path.relpath(folder.resolve(), out) for folder in arguments.motions]
    found = {"motions": motions, "noisy": arguments.noisy, **asdict(options)}
    return json.loads(json.dumps(found))


def _compare(arguments: Arguments, options: PpoOptions) -> None:
    """Compare the settings with those that the folder's run was begun with; RunStateError."""
    out, path = arguments.out, arguments.out / SETTINGS
    if not any((out / name).exists() for name in (_kept("train"), CHECKPOINT)):
        return
    if not path.exists():
        logger.warning(
            "%s was begun by an older version, which did not record its settings: its references "
            "are used, whatever --motions and --noisy say", out,
        )  # fmt: skip
        return
    stored, wanted = read_json(path), _settings(arguments, options)
    if changed := [name for name in stored if stored[name] != wanted.get(name)]:
        raise RunStateError(
            "this folder holds a run with other settings",
            path=path,
            found={name: stored[name] for name in changed},
            expected={name: wanted.get(name) for name in changed},
            remedy="give the same options, choose another --out, or move this folder away",
        )


def _kept(split: str) -> str:
    return f"references_{split}.npz"


def _references(
    arguments: Arguments, split: str, noisy: int, options: PpoOptions
) -> tuple[list[ReferenceClip], Body]:
    """Read the references of a split from the run's folder, or build them.

    Raises:
        InvalidMotionError: there is nothing to learn from.
    """
    from uhc.rl.references import build_references, load_references, save_references, shared_body

    kept, learned = arguments.out / _kept(split), arguments.out / _kept("train")
    if not kept.exists():
        clips = [clip for folder in arguments.motions for clip in _clips(folder, split)]
        logger.info("%s: %d upright clips", split, len(clips))
        if split == "train" and not clips:
            raise _nothing_to_learn(arguments, "no upright clip of usable form")
        body = load_references(learned)[1] if learned.exists() else shared_body(clips)
        references = build_references(clips, body, noisy, arguments.workers)
        if split == "train":
            if not references:
                raise _nothing_to_learn(arguments, f"{len(clips)} clips, none could be refined")
            write_json(arguments.out / SETTINGS, _settings(arguments, options))
        save_references(kept, references, body)
    return load_references(kept)  # also the first time: they are rounded there


def _nothing_to_learn(arguments: Arguments, found: str) -> InvalidMotionError:
    return InvalidMotionError(
        "There is no motion to learn from.",
        path=" ".join(map(str, arguments.motions)),
        found=found,
        expected="a motion on its feet, such as a walk",
        remedy="name other folders with --motions",
    )


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
    kept = f"stopped; the same command goes on from {arguments.out / CHECKPOINT}"
    with command(interrupted=kept):
        run(arguments)


if __name__ == "__main__":
    main()
