"""Arms that start alike draw the samples of generation 1 once, to the same bytes as apart."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import domains.motion.denoiser
from dataset.humanml3d import Prompt
from diffusion.samplers import Sampling
from domains.motion.files import MotionBatch
from domains.motion.generator import MotionGenerator
from domains.motion.presets import CORRECTED, FAITHFUL, Protocol
from loop.rng import Stream, Streams


def first() -> Stream:
    return Streams(3).at(1, "synthesise")  # spawning changes a stream: each draw takes its own


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the batches that were drawn; four motions make a batch."""
    monkeypatch.setattr(domains.motion.denoiser, "SAMPLE_BATCH", 4)
    real, sizes = Sampling.draw, list[int]()

    def count(*arguments):
        sizes.append(arguments[-1][0])
        return real(*arguments)

    monkeypatch.setattr(Sampling, "draw", count)
    return sizes


@pytest.fixture
def arm(make_denoiser, real, preset, tmp_path: Path):
    def make(protocol: Protocol = CORRECTED, seed: int = 1, shared: bool = True) -> MotionGenerator:
        folder = tmp_path / "drawn" if shared else None
        return MotionGenerator(
            make_denoiser(protocol, seed), real, preset, protocol, 3, shared=folder
        )

    return make


def new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def same(one: MotionBatch, other: MotionBatch) -> bool:
    pairs = zip(one.items, other.items, strict=True)
    return all(np.array_equal(a.vectors, b.vectors) and a.name == b.name for a, b in pairs)


@pytest.mark.parametrize("protocol", [CORRECTED, FAITHFUL])
def test_the_second_arm_reads_what_the_first_drew(
    arm, drawn: list[int], tmp_path: Path, protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = "domains.motion.generator.published_prompts"
    monkeypatch.setattr(listed, lambda real: prompts(real))
    apart = arm(protocol, shared=False).synthesise(8, first(), new(tmp_path / "none"))
    one = arm(protocol).synthesise(8, first(), new(tmp_path / "a"))
    assert drawn == [4, 4] * 2
    second = arm(protocol).synthesise(8, first(), new(tmp_path / "b"))
    assert drawn == [4, 4] * 2 and same(one, second) and same(one, apart)


def prompts(real):
    return [Prompt(i.id, i.captions[0], 12, i.captions) for i in real.items]


def test_other_weights_counts_and_generations_are_drawn_anew(
    arm, drawn: list[int], tmp_path: Path
) -> None:
    arm().synthesise(8, first(), new(tmp_path / "a"))
    arm(seed=2).synthesise(8, first(), new(tmp_path / "b"))
    arm().synthesise(4, first(), new(tmp_path / "c"))
    arm().synthesise(8, Streams(4).at(1, "synthesise"), new(tmp_path / "d"))
    assert drawn == [4, 4, 4, 4, 4, 4, 4]
    kept = len(list((tmp_path / "drawn").iterdir()))
    arm().synthesise(8, Streams(3).at(2, "synthesise"), new(tmp_path / "e"))
    assert kept == 4 == len(list((tmp_path / "drawn").iterdir()))


def test_one_goes_on_where_another_was_stopped(
    arm, drawn: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = arm(shared=False).synthesise(8, first(), new(tmp_path / "none"))
    count = Sampling.draw

    def stopped(*arguments):
        if len(drawn) == 3:
            raise KeyboardInterrupt
        return count(*arguments)

    monkeypatch.setattr(Sampling, "draw", stopped)
    with pytest.raises(KeyboardInterrupt):
        arm().synthesise(8, first(), new(tmp_path / "a"))
    monkeypatch.setattr(Sampling, "draw", count)
    other = arm().synthesise(8, first(), new(tmp_path / "b"))
    assert drawn == [4] * 4 and same(other, apart)


def test_two_at_a_time_draw_every_motion_once(arm, drawn: list[int], tmp_path: Path) -> None:
    batches: dict[int, MotionBatch] = {}

    def draw(number: int, generator: MotionGenerator) -> None:
        batches[number] = generator.synthesise(8, first(), new(tmp_path / str(number)))

    threads = [threading.Thread(target=draw, args=(n, arm())) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [4, 4] and same(batches[0], batches[1])
