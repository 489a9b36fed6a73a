"""The loop under --faithful: prompts, lengths, batches and evaluation as published."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataset.batches import TrainingBatches
from dataset.captions import Caption
from dataset.humanml3d import MotionSet, load_split, published_prompts
from dataset.word_vectors import WordVectors
from domains.motion.domain import check_ratio, count_prompts
from domains.motion.evaluator.protocol import EvaluationProtocol, evaluate
from domains.motion.evaluator.published import PublishedEvaluator
from domains.motion.files import MotionBatch
from domains.motion.generator import MotionGenerator
from domains.motion.presets import CORRECTED, FAITHFUL
from domains.motion.published_evaluation import PublishedEvaluation
from loop.errors import InvalidMotionError, InvalidOptionError
from loop.interfaces import Mixture
from loop.presets import with_changes
from loop.rng import Stream, Streams, generation_of
from model.mdm import MDM
from model.seeding import seeded
from model.t2m_evaluator import T2MEvaluator

FRAMES = {"000001": 45, "000002": 61, "000003": 250, "M000004": 20, "000005": 77, "000006": 198}


@pytest.fixture
def listed(tmp_path: Path) -> MotionSet:
    """Six listed clips, two of unusable lengths; the first caption of one is of a part."""
    for folder in ("new_joint_vecs", "texts"):
        (tmp_path / folder).mkdir()
    for number, (clip, frames) in enumerate(FRAMES.items()):
        vectors = np.random.default_rng(number).normal(size=(frames, 263)).astype(np.float32)
        np.save(tmp_path / "new_joint_vecs" / f"{clip}.npy", vectors)
        lines = [f"{clip} walks#a/DET#0.0#0.0", f"{clip} runs#a/DET#0.0#0.0"]
        if clip == "000002":
            lines.insert(0, f"{clip} hops#a/DET#0.5#2.6")
        (tmp_path / "texts" / f"{clip}.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "train.txt").write_text("\n".join(FRAMES) + "\n")
    np.save(tmp_path / "Mean.npy", np.zeros(263))
    np.save(tmp_path / "Std.npy", np.ones(263))
    return load_split(tmp_path, "train")


@pytest.fixture(scope="module")
def published_evaluator() -> PublishedEvaluator:
    """The published network with random weights, and four words."""
    network = seeded(T2MEvaluator, 0)
    vectors = np.random.default_rng(0).normal(size=(4, 300)).astype(np.float32)
    words = WordVectors(vectors, {"unk": 0, "sos": 1, "eos": 2, "walk": 3})
    return PublishedEvaluator(network, words, np.full(263, 0.1), np.full(263, 2.0))


@pytest.fixture
def make(make_denoiser, listed: MotionSet, preset):
    def generator(protocol=FAITHFUL, seed: int = 42) -> MotionGenerator:
        denoiser = make_denoiser(protocol)
        network = replace(denoiser.network.config, max_frames=196)
        denoiser = replace(denoiser, max_frames=196, network=seeded(lambda: MDM(network), 1))
        return MotionGenerator(
            denoiser, listed, with_changes(preset, max_frames=196), protocol, seed
        )

    return generator


def test_every_listed_clip_prompts_with_its_first_caption_and_its_length(listed) -> None:
    prompts = published_prompts(listed)
    assert [prompt.id for prompt in prompts] == list(FRAMES)
    assert [prompt.frames for prompt in prompts] == [45, 61, 196, 40, 77, 196]
    assert prompts[1].caption.text == "000002 hops"  # of a segment
    assert [c.text for c in prompts[1].captions] == ["000002 walks", "000002 runs"]
    assert {item.id for item in listed.items} == {"000001", "000002", "000005", "000006"}


def test_lambda_counts_listed_clips(listed) -> None:
    """65 ids and .25 give 16, whether or not they can be loaded; ours counts those that can."""
    assert count_prompts(listed, FAITHFUL) == 6 and count_prompts(listed, CORRECTED) == 4


def test_more_motions_than_listed_clips_are_refused(make) -> None:
    with pytest.raises(InvalidOptionError, match=r"(?s)at most 6.*leave --faithful out"):
        make().synthesise(7, Streams(42).at(1, "synthesise"))
    with pytest.raises(InvalidOptionError, match="is a fraction"):
        check_ratio(1.01, FAITHFUL)
    check_ratio(1.01, CORRECTED)


def test_all_arms_draw_the_same_prompts_and_noise(make) -> None:
    arms = ["synthetic_percent_050_iterative_finetuning", "other_with_correction"]
    first, second = (make().synthesise(4, Streams(42).at(3, "synthesise")).items for arm in arms)
    assert [item.id for item in first] == [item.id for item in second]
    for one, other in zip(first, second, strict=True):
        assert one.vectors.tobytes() == other.vectors.tobytes()
    expected = random.Random(3 * 42).sample(list(FRAMES), 4)  # the published draw
    assert [item.id for item in first] == expected
    later = make().synthesise(4, Streams(42).at(4, "synthesise")).items
    assert [item.id for item in later] == random.Random(4 * 42).sample(list(FRAMES), 4)


def test_lengths_stay_as_they_are(make) -> None:
    drawn = make().synthesise(6, Streams(42).at(1, "synthesise")).items
    frames = {"000001": 45, "000002": 61, "000003": 196, "M000004": 40, "000005": 77}
    assert {item.id: len(item.vectors) for item in drawn} == frames | {"000006": 196}


def test_a_stream_of_no_stage_is_refused(make) -> None:
    assert generation_of(Streams(1).at(7, "fit")) == 7
    with pytest.raises(InvalidOptionError, match=r"Streams\.at"):
        make().synthesise(1, Stream(1))
    with pytest.raises(InvalidOptionError, match="at most 6"):
        make().synthesise(7, Streams(1).at(1, "synthesise"))


def test_samples_of_clips_that_are_not_trained_on_are_not_either(make, listed, monkeypatch) -> None:
    """The published loader puts a sample beside its clip; where that is left out, so is it."""
    generator = make()
    drawn = generator.synthesise(6, Streams(42).at(1, "synthesise"))
    seen = []
    monkeypatch.setattr(
        "domains.motion.generator.TrainingBatches",
        lambda items, *_, **options: seen.extend([items, options]) or _Stop(),
    )
    mixture = Mixture(MotionBatch(listed.items), (drawn,), slice(None), (slice(None),))
    with pytest.raises(_Stopped):
        generator.fit(mixture, 1, Streams(42).at(1, "fit"), None)
    synthetic = [item for item in seen[0] if any(item is one for one in drawn.items)]
    assert {item.id for item in synthetic} == {"000001", "000002", "000005", "000006"}
    assert len(seen[0]) == len(listed.items) + 4 and seen[1] == {"drop_incomplete": True}


class _Stopped(Exception):
    pass


class _Stop:
    @property
    def seed(self) -> int:
        raise _Stopped

    def batch(self, _: int) -> None:
        raise _Stopped


@pytest.mark.parametrize(("size", "full"), [(4, 2), (5, 1), (9, 1)])
def test_published_batches_drop_what_is_left_of_an_epoch(real, size: int, full: int) -> None:
    """Nine items in fours: two batches an epoch, and no item twice in it; ours cross over."""
    published, ours = (
        TrainingBatches(real.items, real.mean, real.std, size, 16, 1, drop_incomplete=drop)
        for drop in (True, False)
    )
    for epoch in range(3):
        chosen = [published._draws(epoch * full + k)[0] for k in range(full)]
        expected = np.random.default_rng([1, epoch]).permutation(9)[: full * size]
        assert np.array_equal(np.concatenate(chosen), expected)
    crossing = np.concatenate([ours._draws(step)[0] for step in range(9)])
    assert (np.bincount(crossing) == size).all()


def test_fewer_items_than_a_batch_run_on_across_epochs(real) -> None:
    batches = TrainingBatches(real.items, real.mean, real.std, 12, 16, 1, drop_incomplete=True)
    assert len(batches._draws(0)[0]) == 12


class Judge:
    """Motions and texts as a few of their numbers; keeps what it was asked."""

    def __init__(self) -> None:
        self.motions: list[list[np.ndarray]] = []

    def embed_motions(self, motions):
        self.motions.append(list(motions))
        return np.array([motion[[0, -1], :3].ravel() for motion in motions], np.float32)

    def embed_texts(self, texts):
        return np.array([[hash(text) % 97, 1, 2, 3, 4, 5] for text in texts], np.float32)


def test_the_ground_truth_is_two_passes_with_fresh_crops(make_denoiser, real, preset) -> None:
    judge = Judge()
    model = MotionGenerator(make_denoiser(FAITHFUL), real, preset, FAITHFUL, 42)
    evaluation = PublishedEvaluation(model.denoiser.max_frames, real, judge, 8, seed=42)
    found = [evaluation.evaluate(model, None, None, Streams(42).at(g, "evaluate")) for g in (1, 2)]
    assert found[0] == found[1]  # published processes start from one seed
    assert found[0]["FID_ground truth"] > 0
    reference, first = judge.motions[0], judge.motions[1]
    assert sorted(map(len, reference)) != sorted(map(len, first)) or any(
        not np.array_equal(a, b) for a, b in zip(reference, first, strict=True)
    )
    published = {"Matching Score", "R_precision", "FID", "Diversity"}
    assert {key.rsplit("_", 1)[0] for key in found[0]} == published


def test_the_published_evaluator_reads_padding_and_tails_of_generated_motions(
    published_evaluator: PublishedEvaluator,
) -> None:
    rng = np.random.default_rng(0)
    motions = [rng.normal(size=(196, 263)).astype(np.float32) for _ in range(3)]
    frames = [40, 41, 100]
    cut = [motion[:end] for motion, end in zip(motions, frames, strict=True)]
    plain = published_evaluator.embed_motions(cut)
    tails = published_evaluator.embed_generated(motions, frames)
    assert np.abs(plain - tails).max() > 1e-4  # what follows the end reaches over it
    quiet = []
    for motion, end in zip(motions, frames, strict=True):
        still = motion.copy()
        still[end // 4 * 4 :] = published_evaluator._mean  # zero once normalised
        quiet.append(still)
    np.testing.assert_allclose(published_evaluator.embed_generated(quiet, frames), plain, atol=1e-5)
    with pytest.raises(InvalidMotionError, match="cannot end"):
        published_evaluator.embed_generated(cut, [50, 41, 100])
    short, full = Caption("a", ("walk/VERB",)), Caption("b", ("walk/VERB",) * 20)
    once, padded = (
        published_evaluator.embed_captions([short, full], padded=p) for p in (False, True)
    )
    assert np.abs(once[0] - padded[0]).max() > 1e-4
    np.testing.assert_allclose(once[1], padded[1], atol=1e-6)
    filled = Caption("c", ("walk/VERB", "eos/OTHER", *("unk/OTHER",) * 18))
    words, _ = published_evaluator._words.encode(short.tokens, padded=True)
    assert len(words) == 22
    expected, _ = published_evaluator._words.encode(filled.tokens)
    assert np.array_equal(words[:-1], expected[:-1])


def test_only_generated_motions_are_read_as_drawn(published_evaluator, listed) -> None:
    """Ground truth is the same with both rules; what the model drew is not."""
    items = [replace(item, captions=(Caption(item.name, ("walk/VERB",)),)) for item in listed.items]
    for item in items:
        published_evaluator._tokens[item.name] = ("walk/VERB",)

    def draw(texts, frames, stream):
        rng = np.random.default_rng(0)
        return [rng.normal(size=(196, 263)).astype(np.float32) for _ in texts]

    def cropped(texts, frames, stream):
        whole = draw(texts, frames, stream)
        return [motion[:end] for motion, end in zip(whole, frames, strict=True)]

    as_drawn = EvaluationProtocol(1, 4, None, as_drawn=True)
    mended = evaluate(cropped, published_evaluator, items, EvaluationProtocol(1, 4, None), 1)
    published = evaluate(draw, published_evaluator, items, as_drawn, 1)
    for name, value in mended.items():
        same = "ground truth" in name
        assert (value.mean == published[name].mean) == same or "R_precision" in name, name
