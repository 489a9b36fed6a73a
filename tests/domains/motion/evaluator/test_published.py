from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.captions import Caption
from domains.motion.evaluator.published import PublishedEvaluator, load_published_evaluator
from loop.errors import (
    CorruptFileError,
    InvalidCaptionError,
    InvalidMotionError,
    MissingAssetError,
)
from model.seeding import seeded
from model.t2m_evaluator import PARTS, T2MEvaluator

WORDS = ["unk", "sos", "eos", "a", "person", "walk", "jump"]
CAPTIONS = (
    Caption("a person walks", ("a/DET", "person/NOUN", "walk/VERB")),
    Caption("a person jumps", ("a/DET", "person/NOUN", "jump/VERB")),
    Caption("jump", ("jump/VERB",)),
)
MEAN, STD = np.linspace(-1, 1, 263), np.linspace(0.5, 2, 263)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published files where the published README puts them; random weights."""
    root = tmp_path_factory.mktemp("published")
    (root / "t2m/text_mot_match/model").mkdir(parents=True)
    network = seeded(T2MEvaluator, 0)
    content = {part: getattr(network, part).state_dict() for part in PARTS}
    torch.save({"epoch": 1, **content}, root / "t2m/text_mot_match/model/finest.tar")
    (root / "glove").mkdir()
    vectors = np.random.default_rng(1).normal(size=(len(WORDS), 300))
    np.save(root / "glove/our_vab_data.npy", vectors)
    (root / "glove/our_vab_words.pkl").write_bytes(pickle.dumps(WORDS))
    index = {word: row for row, word in enumerate(WORDS)}
    (root / "glove/our_vab_idx.pkl").write_bytes(pickle.dumps(index))
    (root / "dataset").mkdir()
    np.save(root / "dataset/t2m_mean.npy", MEAN)
    np.save(root / "dataset/t2m_std.npy", STD)
    return root


@pytest.fixture(scope="module")
def evaluator(root: Path) -> PublishedEvaluator:
    return load_published_evaluator(root, CAPTIONS)


def motion(frames: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frames, 263)).astype(np.float32)


def test_motions_come_back_in_order_and_alone_as_together(evaluator: PublishedEvaluator) -> None:
    motions = [motion(40, 0), motion(199, 1), motion(7, 2), motion(80, 3)]
    together = evaluator.embed_motions(motions)
    assert together.shape == (4, evaluator.dim) and together.dtype == np.float32
    alone = np.concatenate([evaluator.embed_motions([one]) for one in motions])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    cut = evaluator.embed_motions([motions[0], motions[1][:196], motions[2][:4], motions[3]])
    np.testing.assert_allclose(together, cut, atol=1e-5)
    assert np.abs(together[0] - together[3]).max() > 1e-2


def test_it_normalises_with_its_own_statistics(evaluator: PublishedEvaluator, root: Path) -> None:
    network = seeded(T2MEvaluator, 0).eval()
    one = motion(44, 4)
    padded = torch.zeros(1, 196, 263)
    padded[0, :44] = torch.from_numpy((one - MEAN) / STD)
    with torch.no_grad():
        expected = network.embed_motions(padded, torch.tensor([44]))
    np.testing.assert_allclose(evaluator.embed_motions([one]), expected.numpy(), atol=1e-5)


def test_captions_alone_as_together(evaluator: PublishedEvaluator) -> None:
    together = evaluator.embed_captions(CAPTIONS)
    alone = np.concatenate([evaluator.embed_captions([caption]) for caption in CAPTIONS])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    texts = [CAPTIONS[2].text, CAPTIONS[0].text]
    np.testing.assert_allclose(evaluator.embed_texts(texts), together[[2, 0]], atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-3


def test_nothing_in_nothing_out(evaluator: PublishedEvaluator) -> None:
    assert evaluator.embed_motions([]).shape == (0, 512)
    assert evaluator.embed_texts([]).shape == (0, 512)


def test_bad_input_is_refused(evaluator: PublishedEvaluator) -> None:
    with pytest.raises(InvalidCaptionError, match="somebody swims"):
        evaluator.embed_texts(["somebody swims"])
    broken = motion(40, 0)
    broken[3, 3] = np.nan
    for bad in (motion(3, 0), motion(40, 0)[:, :100], broken):
        with pytest.raises(InvalidMotionError, match="motion 1"):
            evaluator.embed_motions([motion(40, 0), bad])


def test_missing_and_damaged_statistics_are_named(root: Path, tmp_path: Path) -> None:
    for name in ("t2m", "glove"):
        (tmp_path / name).symlink_to(root / name)
    with pytest.raises(MissingAssetError, match="t2m_mean"):
        load_published_evaluator(tmp_path)
    (tmp_path / "dataset").mkdir()
    np.save(tmp_path / "dataset/t2m_mean.npy", MEAN)
    for bad in (STD[:251], STD * 0, np.full(263, np.inf)):
        np.save(tmp_path / "dataset/t2m_std.npy", bad)
        with pytest.raises(CorruptFileError) as caught:
            load_published_evaluator(tmp_path)
        assert caught.value.path == tmp_path / "dataset/t2m_std.npy"
