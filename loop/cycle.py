"""The self-correcting self-consuming loop (Algorithm 1 of arXiv 2402.07087), for every domain.

    generation 0:   train on the real data
    generation g:   synthesise -> correct -> mix with the real data -> fine-tune -> evaluate

Each stage is kept when it ends, each generation appears as a whole, and each stage draws from a
random stream of its own; so a run that is stopped anywhere and started again gives what an unbroken
one gives.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, get_args

from loop.errors import InvalidOptionError
from loop.interfaces import (
    BatchT,
    Corrected,
    Domain,
    Generator,
    LargeFiles,
    Metrics,
    Mixture,
    own_copy,
)
from loop.lazy import LazySequence
from loop.mixing import ONLY_NEWEST, POLICIES, fresh_data, policy_named
from loop.rng import Streams, check_seed
from loop.rundir.arrays import with_array_codecs
from loop.rundir.directory import Run, Work
from loop.rundir.retention import Keep, keep_named
from loop.strength import replaced_share, with_strength

StartWeights = Literal["last", "scratch"]
logger = logging.getLogger("scsc.loop")


@dataclass(frozen=True)
class LoopSettings:
    """Numbers and names that drive the loop of one arm.

    Attributes:
        seed: fixes every random draw of the run.
        arm: name of the arm, for the log: random streams do not depend on it.
        generations: the last generation to make.
        ratio: lambda, samples drawn in each generation over real ones; 0 is the baseline, which
            goes on training on the real data alone.
        mixing: a mixing policy: a name of `loop.mixing`, or `module:Name`.
        start_weights: every generation is fine-tuned from the `last` one (published), or trained
            from `scratch` as generation 0 was.
        keep: which older generations keep their checkpoints (`loop.rundir.retention`).
        keep_samples: which of them keep their synthetic sets; where the mixing policy reads old
            sets, all do.
        gamma: strength of the correction (`loop.strength`); inf corrects every sample.
    """

    seed: int
    arm: str
    generations: int
    ratio: float
    mixing: str = "latest"
    start_weights: StartWeights = "last"
    keep: str = "all"
    keep_samples: str = "all"
    gamma: float = math.inf

    def __post_init__(self) -> None:
        POLICIES.check(self.mixing)
        keep_named(self.keep)
        keep_named(self.keep_samples)
        replaced_share(self.gamma)
        if self.generations < 0 or not 0 <= self.ratio < math.inf:
            raise InvalidOptionError(
                "the loop cannot run like this",
                found=f"generations={self.generations}, ratio={self.ratio}",
                expected="generations >= 0 and a finite ratio >= 0",
            )
        check_seed(self.seed)
        if self.start_weights not in get_args(StartWeights):
            raise InvalidOptionError(
                "no such start of the weights of a generation",
                found=self.start_weights,
                expected=" | ".join(get_args(StartWeights)),
            )


def run_generations(
    domain: Domain[BatchT],
    settings: LoopSettings,
    run: Run[BatchT],
    report: Callable[[int, Metrics], None] | None = None,
) -> None:
    """Make every generation of an arm that does not exist yet, up to `settings.generations`.

    Args:
        domain: what is generated, corrected and measured.
        settings: how.
        run: where the generations are kept.
        report: told (generation, metrics) of each one when it is safe.

    Raises:
        InvalidOptionError: there are not enough real data in reserve for the mixing policy.
    """
    _check_reserve(domain, settings)
    domain = with_strength(with_array_codecs(domain), settings.gamma)
    last = run.last()
    _be_untrained(domain.generator, settings, begins=last is None)
    if last is not None:
        prune_run(domain.large, settings, run, last)  # a killed process may have left it undone
    for generation in range(0 if last is None else last + 1, settings.generations + 1):
        metrics = run_generation(domain, settings, run, generation)
        logger.info("%s: generation %d of %d done", settings.arm, generation, settings.generations)
        if report is not None:
            report(generation, metrics)
        prune_run(domain.large, settings, run, generation)


def _be_untrained(generator: Generator[BatchT], settings: LoopSettings, begins: bool) -> None:
    """Let a loop that begins train from what the generator was before any other loop took it.

    One that cannot be copied and has no `reset` of its own serves a single loop that fine-tunes.

    Raises:
        InvalidOptionError: it cannot be copied, and has to become untrained again.
    """
    kept = getattr(generator, "__dict__", {})
    taken = kept.get("_taken", False)
    kept["_taken"] = True
    reset = getattr(type(generator), "reset", None)
    if reset is Generator[BatchT].reset:
        try:
            generator.remember_untrained()
        except InvalidOptionError:
            if settings.start_weights == "scratch" or (begins and taken):
                raise
    if begins and taken and reset is not None:
        generator.reset()


def _check_reserve(domain: Domain[BatchT], settings: LoopSettings) -> None:
    if settings.mixing != fresh_data.__name__ or settings.ratio == 0:
        return
    wanted = settings.generations * len(domain.real)
    held = 0 if domain.reserve is None else len(domain.reserve)
    if held < wanted:
        raise InvalidOptionError(
            "not enough real data in reserve for fresh data in every generation",
            found=held,
            expected=f"{settings.generations} generations x {len(domain.real)} = {wanted}",
            remedy="hold more real data back, or make fewer generations",
        )


def prune_run(large: LargeFiles, settings: LoopSettings, run: Run[BatchT], newest: int) -> None:
    """Remove those large files that `settings` do not keep once generation `newest` is there."""
    everything = settings.mixing not in ONLY_NEWEST
    run.prune(
        large,
        keep_named(settings.keep),
        Keep(1) if everything else keep_named(settings.keep_samples),
        # What ends with generation 0 is the start of other arms.
        finished=0 < newest == settings.generations,
    )


def run_generation(
    domain: Domain[BatchT], settings: LoopSettings, run: Run[BatchT], generation: int
) -> Metrics:
    """Make generation `generation` from the one before; returns its metrics."""
    streams = Streams(settings.seed)
    generator = domain.generator
    sampled: BatchT | None = None
    corrected: Corrected[BatchT] | None = None
    with run.open(generation) as work:
        if generation > 0:
            run.restore(generator, generation - 1)
            count = domain.synthetic_count(settings.ratio, domain.real)
            if count > 0:
                sampled, corrected = _synthesise_and_correct(
                    domain, count, work, generation, streams
                )
        training_set = _mix(domain, settings, run, corrected, generation, streams)
        checkpoint = work.once(
            "fit",
            lambda scratch: _fit(domain, settings, training_set, generation, streams, scratch),
            _GeneratorFiles(generator),
            together=True,
        )
        done: Metrics = {} if corrected is None else corrected.report
        metrics = work.once(
            "evaluate",
            lambda scratch: {
                **domain.evaluator.evaluate(
                    generator, sampled, corrected, streams.at(generation, "evaluate"), scratch
                ),
                **done,
            },
            work.evaluation(checkpoint or "model"),
        )
        work.commit(corrected, metrics)
    return metrics


def _synthesise_and_correct(
    domain: Domain[BatchT],
    count: int,
    work: Work[BatchT],
    generation: int,
    streams: Streams,
) -> tuple[BatchT, Corrected[BatchT]]:
    sampled = work.once(
        "synthesise",
        lambda scratch: domain.generator.synthesise(
            count, streams.at(generation, "synthesise"), scratch
        ),
        domain.samples,
    )
    corrected = work.once(
        "correct",
        lambda scratch: domain.correction.correct(
            own_copy(sampled), streams.at(generation, "correct"), scratch
        ),
        domain.corrections,
    )
    return sampled, corrected


def _fit(
    domain: Domain[BatchT],
    settings: LoopSettings,
    training_set: Mixture[BatchT],
    generation: int,
    streams: Streams,
    scratch: Path | None,
) -> None:
    if settings.start_weights == "scratch" and generation > 0:
        domain.generator.reset()
        like = 0
    else:
        like = generation
    domain.generator.fit(training_set, like, streams.at(generation, "fit"), scratch)


def _mix(
    domain: Domain[BatchT],
    settings: LoopSettings,
    run: Run[BatchT],
    corrected: Corrected[BatchT] | None,
    generation: int,
    streams: Streams,
) -> Mixture[BatchT]:
    earlier = run.history(domain) if corrected is not None else ()
    history = _appended(earlier, corrected.batch) if corrected is not None else ()
    policy = policy_named(settings.mixing)
    rows = policy(len(domain.real), _sizes(history), streams.at(generation, "mix"))
    return Mixture(domain.real, history, rows.real, rows.synthetic, domain.reserve, rows.reserve)


def _appended(earlier: Sequence[BatchT], newest: BatchT) -> Sequence[BatchT]:
    """Return a sequence and one more item, without copying or loading the sequence."""
    count = len(earlier)
    return LazySequence(count + 1, lambda index: newest if index == count else earlier[index])


def _sizes(sets: Sequence[Sized]) -> Sequence[int]:
    """Return sizes of stored sets, looked up only when a policy asks (a set may be loaded)."""
    return LazySequence(len(sets), lambda index: len(sets[index]))


@dataclass(frozen=True)
class _GeneratorFiles(Generic[BatchT]):
    """Codec of the fit stage: its value is the generator itself, by the name of its checkpoint."""

    generator: Generator[BatchT]

    def save(self, value: object, folder: Path) -> None:
        self.generator.save(folder)

    def load(self, folder: Path) -> str:
        return self.generator.load(folder)
