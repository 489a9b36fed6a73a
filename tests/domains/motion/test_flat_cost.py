"""A generation costs the same however many there were before: files, motions and memory."""

from __future__ import annotations

import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import domains.motion.files
import domains.motion.training
from dataset.humanml3d import Caption, MotionItem, MotionSet
from domains.motion.files import LARGE_FILES, CorrectionFiles, MotionBatch, SampleFiles
from domains.motion.generator import MotionGenerator
from domains.motion.presets import CORRECTED, MotionPreset
from loop.cycle import LoopSettings, run_generations
from loop.interfaces import Corrected, Domain, Metrics
from loop.mixing import ONLY_NEWEST, POLICIES
from loop.rundir.directory import RunDirectory

GENERATIONS, RESIDENT, COUNT, STEPS, BATCH = 6, 10, 8, 3, 4


class _Opened:
    """Names of the files that this process opens, while somebody listens.

    An audit hook sees every file that Python opens, by whatever library, and is never removed.
    """

    names: list[str] | None = None

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and self.names is not None:
            self.names.append(str(arguments[0]))


_opened = _Opened()
sys.addaudithook(_opened)


@contextmanager
def opened_files() -> Iterator[list[str]]:
    names = _opened.names = []
    try:
        yield names
    finally:
        _opened.names = None


class Halved:
    def correct(self, batch: MotionBatch, *_: object) -> Corrected[MotionBatch]:
        return Corrected(batch.with_vectors([item.vectors / 2 for item in batch.items]))


class Unmeasured:
    def evaluate(self, *_: object) -> Metrics:
        return {"FID_test": 0.0}


def files_by_generation(domain: Domain, policy: str, folder: Path) -> list[list[str]]:
    """Run an arm; what each of its generations opened in the folders of the generations before it
    and elsewhere in the arm."""
    loop = LoopSettings(1, "arm", GENERATIONS, 1.0, policy)
    found: list[list[str]] = []
    with opened_files() as names, RunDirectory[MotionBatch](folder, {}) as run:

        def report(generation: int, metrics: Metrics) -> None:
            found.append([name for name in names if str(folder) in name])
            names.clear()

        run_generations(domain, loop, run, report)
    return found


@pytest.mark.parametrize("policy", POLICIES.names)
def test_a_generation_opens_no_more_files_than_the_ones_before(
    policy: str,
    real: MotionSet,
    preset: MotionPreset,
    make_denoiser: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a policy reads old sets: as many motions as it trains on, and their lists."""
    monkeypatch.setattr(domains.motion.files, "RESIDENT", RESIDENT)
    monkeypatch.setattr(domains.motion.training, "CHECKPOINT_INTERVAL_S", np.inf)
    small = replace(preset, generation_0_steps=STEPS, steps_per_generation=STEPS, batch_size=BATCH)
    corrections = CorrectionFiles()
    domain = Domain(
        real=MotionBatch(real.items),
        generator=MotionGenerator(make_denoiser(), real, small, CORRECTED, seed=1),
        evaluator=Unmeasured(),
        correction=Halved(),
        samples=SampleFiles(),
        corrections=corrections,
        reserve=MotionBatch(real.items * GENERATIONS),
        large=LARGE_FILES,
        synthetic_count=lambda *_: COUNT,
    )
    kinds = []
    for generation, names in enumerate(files_by_generation(domain, policy, tmp_path / "arm")):
        done = [f"/generation_{earlier}/" for earlier in range(generation)]
        age = ["old" if any(folder in name for folder in done) else "new" for name in names]
        suffixes = (Path(name).suffix for name in names)
        kinds.append(Counter(zip(age, suffixes, strict=True)))
    for generation in range(2, GENERATIONS + 1):
        found, second = kinds[generation], kinds[2]
        for kind in (found | second).keys() - {("new", ".npy"), ("old", ".npy"), ("old", ".json")}:
            assert found[kind] == second[kind], kind
        # Which motions of the newest set are read, chance decides.
        assert abs(found["new", ".npy"] - second["new", ".npy"]) <= COUNT
        motions, lists = found["old", ".npy"], found["old", ".json"]
        if policy in ONLY_NEWEST:
            assert motions == lists == 0
        else:
            assert motions <= STEPS * BATCH < COUNT * (GENERATIONS - 1)
            assert 0 < lists <= 4 * (generation - 1)  # two files, for sizes and for the motions
    assert corrections._read.cache_info().currsize <= RESIDENT


def test_motions_of_older_sets_take_next_to_no_memory(tmp_path: Path) -> None:
    """A fiftieth of a motion of 5 s: fifty generations of 5,588 take some 590 MB."""
    caption = (Caption("a person walks forward", ("a/DET", "person/NOUN", "walk/VERB")),)
    motion = np.zeros((100, 263), np.float32)
    items = tuple(MotionItem(n, n, motion, caption) for n in (f"{i:06d}" for i in range(100)))
    SampleFiles().save(MotionBatch(items), tmp_path)
    files = CorrectionFiles()
    files.save(Corrected(MotionBatch(items)), tmp_path)
    files.load(tmp_path)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = [files.load(tmp_path).batch for _ in range(5)]
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert sum(len(batch) for batch in kept) == 500
    assert taken < 500 * motion.nbytes / 50
