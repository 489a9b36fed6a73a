"""One arm of an experiment, from start to end, for every domain.

Locks its folder, checks that it may start or go on, copies generation 0, sets damaged generations
aside when asked to, makes what is missing, and copies the metrics to loggers. Nothing here knows
what is generated.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from loop.cycle import LoopSettings, prune_run, run_generations
from loop.distributed import DistributedContext, SingleProcess
from loop.errors import InvalidOptionError, MissingAssetError
from loop.interfaces import BatchT, Domain, LargeFiles, Metrics, NoCorrection
from loop.loggers import LoggerName, check_loggers, open_loggers
from loop.rundir.arrays import with_array_codecs
from loop.rundir.damage import ReadBack, damage_of, set_damage_aside
from loop.rundir.directory import MemoryRun, RunDirectory
from loop.rundir.generation_0 import check_compatible, copy_generation_0, require_generation_0
from loop.rundir.layout import ARGUMENTS, Layout, read_metrics
from loop.rundir.retention import keep_named
from loop.rundir.stage import needed
from loop.strength import recorded_gamma

logger = logging.getLogger("scsc")
RESOLVED = "resolved"
"""Setting of `Built.later`: option -> what its `auto` turned out to mean here."""


@dataclass(frozen=True)
class Arm:
    """What an arm is, beside its domain.

    Attributes:
        folder: of the arm.
        settings: what must be the same whenever it goes on (args.json).
        loop: numbers and names that drive the loop.
        read_back: tries the checkpoints of a generation.
        layout: names in the folder.
        large: files that a user may not want to keep.
        later: names of settings that `build` brings, because they depend on the data.
        start_from: finished generation 0 to start from (its folder); None trains one.
        model_settings: part of args.json -> names in it without which a model is another one; the
            run that trained `start_from` has to agree in them when the arm begins.
        start_remedy: what to do where `start_from` is not finished.
        start_at: refuse to start unless the generations before it are finished.
        renamed: settings of args.json under the names of older versions -> their names now.
        discard_damaged: set damaged newest generations aside instead of refusing to go on.
        loggers: where metrics are copied to.
        distributed: the processes that make this arm together.
    """

    folder: Path
    settings: Mapping[str, Any]
    loop: LoopSettings
    read_back: ReadBack
    layout: Layout = field(default_factory=Layout)
    large: LargeFiles = field(default_factory=LargeFiles)
    later: tuple[str, ...] = ()
    start_from: Path | None = None
    model_settings: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    start_remedy: str = "train generation 0 first"
    start_at: int = 0
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    discard_damaged: bool = False
    loggers: tuple[LoggerName, ...] = ()
    distributed: DistributedContext = field(default_factory=SingleProcess)


@dataclass(frozen=True)
class Built(Domain[BatchT]):
    """A domain, and the settings that only building it tells (those named in `Arm.later`).

    `run_loop` records them too. What `RESOLVED` names among them, `python -m scsc` gives back to
    the options of the same names when a run goes on, where the user does not.
    """

    later: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def with_parts(self, **parts: Any) -> Built[BatchT]:
        return Built(**vars(super().with_parts(**parts)), later=self.later)


def run_arm(arm: Arm, build: Callable[[], Domain[BatchT]]) -> None:
    """Make all generations of an arm that do not exist yet.

    Args:
        arm: what it is.
        build: makes the domain; not called where nothing is left to do.

    Raises:
        ScscError: bad options, missing or damaged files, another process on the same arm.
    """
    check_loggers(arm.loggers)
    if arm.start_from is not None:
        require_generation_0(arm.start_from, arm.start_remedy, arm.layout.name(0))
        if not (arm.folder / ARGUMENTS).is_file():  # else its settings are those it began with
            check_compatible(arm.start_from, arm.settings, arm.model_settings)
    directory: RunDirectory[BatchT] = RunDirectory(
        arm.folder, arm.settings, arm.layout, arm.distributed, arm.later, arm.renamed
    )
    names = arm.loggers if arm.distributed.leads else ()
    with directory:
        if _is_finished(arm, directory):
            _check_start(arm, directory)
            with open_loggers(names, directory):
                pass  # opening fills them
            logger.info(
                "nothing to do: %s has generation %d, the last one",
                arm.folder, arm.loop.generations,
            )  # fmt: skip
            return
        with _leader_first(arm.distributed):
            if arm.distributed.leads:
                _set_damage_aside(arm, directory)
                if arm.start_from is not None:
                    copy_generation_0(arm.start_from, arm.folder)
        _check_start(arm, directory)
        with _leader_first(arm.distributed):  # who fills caches
            domain = build()
        if isinstance(domain, Built):
            if arm.start_from is not None:
                every = dict.fromkeys(domain.later, ())
                check_compatible(arm.start_from, domain.later, every)
            directory.add_settings(domain.later)
        with open_loggers(names, directory) as report:
            run_generations(domain, arm.loop, directory, report)
    logger.info("finished: %s", arm.folder)


def run_loop(
    domain: Domain[BatchT],
    generations: int = 8,
    ratio: float = 1.0,
    seed: int = 0,
    folder: Path | str | None = None,
    *,
    corrected: bool = True,
    mixing: str = "latest",
    start_weights: Literal["last", "scratch"] = "last",
    gamma: float = math.inf,
    settings: Mapping[str, Any] | None = None,
) -> list[Metrics]:
    """Run a self-consuming loop from generation 0 to `generations`.

    Args:
        domain: what is generated, corrected and measured.
        generations: the last generation to make.
        ratio: lambda, samples drawn in each generation over real ones; 0 is the baseline.
        seed: fixes every random draw.
        folder: keeps the run, so that the same call goes on after an interruption, to the same
            result; None keeps it in memory.
        corrected: apply the domain's correction function; False is the raw loop.
        mixing: a mixing policy: a name of `loop.mixing`, or `module:Name`.
        start_weights: fine-tune the `last` generation, or train every one from `scratch`.
        gamma: strength of the correction (`loop.strength`); inf corrects every sample.
        settings: anything else that has to be the same when a run in `folder` goes on.

    Returns:
        The metrics of every generation, 0 first.

    Raises:
        InvalidOptionError: options out of range, or an unknown mixing policy.
        RunStateError: `folder` holds a run with other settings, or the domain lacks codecs for
            batches that are no arrays.
        RunLockedError: another process works in `folder`.
    """
    if not corrected:
        domain = domain.with_parts(correction=NoCorrection())
    loop = LoopSettings(seed, "arm", generations, ratio, mixing, start_weights, gamma=gamma)
    if folder is None:
        memory: MemoryRun[BatchT] = MemoryRun()
        run_generations(domain, loop, memory)
        return memory.metrics
    if ratio > 0 and generations > 0:
        storable = with_array_codecs(domain)
        needed(storable.samples)
        needed(storable.corrections)
    same = {"seed": seed, "ratio": ratio, "corrected": corrected, "mixing": mixing}
    same |= {"start_weights": start_weights, **recorded_gamma(gamma), **(settings or {})}
    later = domain.later if isinstance(domain, Built) else None
    with RunDirectory[BatchT](Path(folder), same, later=later or ()) as directory:
        directory.add_settings(later or {})
        run_generations(domain, loop, directory)
        return [read_metrics(directory.generation(g)) for g in range(generations + 1)]


@contextmanager
def _leader_first(distributed: DistributedContext) -> Generator[None]:
    """Let the first process go through a block alone, and then the others."""
    if not distributed.leads:
        distributed.wait()
    yield
    if distributed.leads:
        distributed.wait()


def _is_finished(arm: Arm, directory: RunDirectory[Any]) -> bool:
    """Tell whether nothing is left to do: seen without data, training or a network.

    What a killed process left to be removed is removed. A damaged newest generation counts as not
    finished, so that it is reported where damage is.
    """
    finished = False
    with _leader_first(arm.distributed):
        last = directory.last()
        if last is not None and last >= arm.loop.generations:
            newest, keeps = directory.generation(last), keep_named(arm.loop.keep)
            let_go = not keeps.every and not _matches(newest, arm.large.training)
            finished = damage_of(newest, arm.read_back, training=not let_go) is None
            if finished and arm.distributed.leads:
                prune_run(arm.large, arm.loop, directory, last)
    return finished


def _set_damage_aside(arm: Arm, directory: RunDirectory[Any]) -> None:
    last = directory.last()
    newest = None if last is None else directory.generation(last)
    if newest and not arm.discard_damaged and not _matches(newest, arm.large.training):
        error = damage_of(newest, arm.read_back)
        if isinstance(error, MissingAssetError):  # an arm that finished let go of it
            raise error
    set_damage_aside(directory, arm.read_back, discard=arm.discard_damaged)


def _matches(folder: Path, patterns: Sequence[str]) -> bool:
    return any(any(folder.glob(pattern)) for pattern in patterns)


def _check_start(arm: Arm, directory: RunDirectory[Any]) -> None:
    """Refuse to start at generation `arm.start_at` > 0 where the one before it is not there."""
    last = directory.last()
    if arm.start_at > 0 and (last is None or last < arm.start_at - 1):
        raise InvalidOptionError(
            "cannot start where nothing led to",
            found=f"start at generation {arm.start_at}, but the last one is {last}",
            expected=f"generation {arm.start_at - 1} in {arm.folder}",
            remedy="leave the option out: a run goes on where it was by itself",
        )
