"""Whether an MNIST arm can start, and whether there is anything left to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from domains.mnist.files import TRAINING
from domains.mnist.generator import MnistGenerator, model_file
from loop.cycle import LoopSettings, prune_run
from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError
from loop.interfaces import LargeFiles
from loop.rundir.directory import ARGUMENTS, RunDirectory
from loop.rundir.files import read_json
from loop.rundir.layout import EVALUATION, Layout
from loop.rundir.retention import keep_named
from model.checkpoint import load_checkpoint


def mnist_layout() -> Layout:
    """Published names: <gg>/, metrics under "0", in generation 0 under "0" and the epoch."""

    def keys(generation: int, checkpoint: str) -> Sequence[str]:
        epoch = checkpoint.removeprefix("model_").removesuffix(".pth")
        return ("0",) if generation else ("0", epoch)

    return Layout(prefix="", digits=2, keys=keys)


def is_finished(
    folder: Path,
    settings: Mapping[str, Any],
    loop: LoopSettings,
    large: LargeFiles,
    new_generator: Callable[[], MnistGenerator],
) -> bool:
    """Whether an arm has all its generations: seen without data, classifier or training.

    What a killed process left to be removed is removed. A damaged newest generation counts as not
    finished, so that it is reported where damage is.

    Args:
        folder: of the arm.
        settings: what must be the same as when it started, but the data.
        loop: its last generation, and what it keeps.
        large: its large files.
        new_generator: makes one that the newest generation is tried in.

    Raises:
        RunStateError: it was started with other settings, or lacks an earlier generation.
        RunLockedError: another process works on it.
    """
    layout = mnist_layout()
    needed = (folder / ARGUMENTS, folder / layout.name(loop.generations) / EVALUATION)
    if not all(path.is_file() for path in needed):
        return False
    known = {**settings, "digits": read_json(folder / ARGUMENTS).get("digits")}
    with RunDirectory(folder, known, layout) as directory:
        last = directory.last()
        if last is None:
            return False
        newest = directory.generation(last)
        let_go = not keep_named(loop.keep).every and not (newest / TRAINING).exists()
        try:
            if let_go:
                load_checkpoint(model_file(newest))
            else:
                new_generator().load(newest)
        except (CorruptFileError, MissingAssetError):
            return False
        prune_run(large, loop, directory, last)
    return True


def require_generation_0(folder: Path) -> None:
    """Say what to do where there is no generation 0 to start from.

    Raises:
        MissingAssetError: it is not finished.
    """
    if not (folder / EVALUATION).is_file():
        raise MissingAssetError(
            "generation 0 is not finished; every arm starts from the baseline's",
            path=folder,
            expected=EVALUATION,
            remedy="run --train_type baseline first, with the same other options, or name another "
            "generation 0 with --start_from",
        )


def check_resumption(last: int | None, first: int) -> None:
    """Refuse to resume at generation `first` > 0 where `last` is the newest one.

    Raises:
        InvalidOptionError: generation `first` - 1 is not there.
    """
    if first > 0 and (last is None or last < first - 1):
        raise InvalidOptionError(
            "cannot resume where nothing led to",
            found=f"--resume_starting_at_generation {first}, but the last generation is {last}",
            expected=f"generation {first - 1} in the folder of the arm",
            remedy="leave the option out: a run goes on where it was by itself",
        )
