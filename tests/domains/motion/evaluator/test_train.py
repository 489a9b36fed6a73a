"""The evaluator on three made-up actions: slow and fast waves, and a ramp."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.captions import Caption
from dataset.humanml3d import MotionSet, load_split
from dataset.subsets import write_small
from dataset.writer import DatasetClip
from domains.motion.evaluator import train as train_evaluator
from domains.motion.evaluator.body_features import BODY
from domains.motion.evaluator.train import _fingerprint, train_or_load_evaluator
from domains.motion.evaluator.trained import TrainedEvaluator
from domains.motion.evaluator.training import PRESETS, network_config
from eval.metrics.frechet import fid
from eval.metrics.matching import match
from loop.errors import CorruptFileError, InvalidMotionError, InvalidOptionError
from model.checkpoint import load_checkpoint, save_checkpoint
from model.motion_evaluator import MotionEvaluator
from model.seeding import seeded
from tests.commands import typed
from tests.dataset.writing import write_dataset

ACTIONS = ("waves slowly", "waves quickly", "leans over")
TINY = replace(
    PRESETS["demo"], movement=24, motion_hidden=24, text_hidden=24, embedding=8, steps=150
)


class WordEncoder:
    """Each word has a vector of its own, drawn from its spelling."""

    name = "words"
    dim = 16

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        return torch.stack([rows.mean(0) for rows in map(self._words, texts)])

    def encode_tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [self._words(text) for text in texts]
        lengths = torch.tensor([len(row) for row in rows])
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths

    def _words(self, text: str) -> torch.Tensor:
        seeds = [list(word.encode()) for word in text.split()]
        return torch.tensor(
            np.array([np.random.default_rng(seed).standard_normal(self.dim) for seed in seeds]),
            dtype=torch.float32,
        )


def motion(action: int, rng: np.random.Generator) -> np.ndarray:
    """(F, 263): one curve in time, the same for every clip of an action, on clip-specific axes."""
    time = np.arange(rng.integers(40, 61))[:, None] + rng.uniform(0, 20)
    curve = (np.sin(time / 6), np.sin(time), time / 40 - 1)[action]
    gain = 1 + 0.2 * rng.standard_normal(263)
    return (curve * gain + 0.05 * rng.standard_normal((len(time), 263))).astype(np.float32)


def write(root: Path, per_action: int = 12, scale: float = 1.0) -> Path:
    rng = np.random.default_rng(0)
    clips, splits = [], {"train": [], "val": [], "test": []}
    for row in range(2 * 3 * per_action):
        action = row % 3
        captions = [
            (Caption(f"{who} {ACTIONS[action]}", ()), 0.0, 0.0) for who in ("someone", "a person")
        ]
        clips.append(DatasetClip(f"{row:06d}", motion(action, rng) * np.float32(scale), captions))
        splits["train" if row < 3 * per_action else "test"].append(clips[-1].id)
    splits["val"] = [splits["test"].pop()]
    write_dataset(root, clips, splits)
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "set")


@pytest.fixture(autouse=True)
def presets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    monkeypatch.setitem(PRESETS, "blind", replace(TINY, statistics_weight=0.0))


def train(
    data: Path, out: Path, preset: str = "tiny", clips: MotionSet | None = None
) -> TrainedEvaluator:
    return train_or_load_evaluator(data, out, preset, 3, WordEncoder(), pool=clips)


@pytest.fixture(scope="module")
def out(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "evaluator"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "tiny", TINY)
        train(data, folder)
    return folder


def test_held_out_motions_find_their_action(data: Path, out: Path) -> None:
    evaluator = train(data, out)
    test = load_split(data, "test").items
    motions = evaluator.embed_motions([item.vectors for item in test])
    texts = evaluator.embed_texts([f"someone {action}" for action in ACTIONS])
    distances = np.linalg.norm(motions[:, None] - texts[None], axis=2)
    actions = [int(item.id) % 3 for item in test]
    assert np.mean(distances.argmin(1) == actions) > 0.9
    captions = [item.captions[0].text for item in test]
    texts = evaluator.embed_texts(captions)[:, :8]  # the bodies of these waves are none
    assert match(texts, motions[:, :8], captions=captions).r_precision[0] > 0.5
    assert evaluator.report["fid_floor"] > 0


def test_the_embedding_has_full_rank(data: Path, out: Path) -> None:
    evaluator = train(data, out)
    motions = evaluator.embed_motions([item.vectors for item in load_split(data, "train").items])
    assert motions.shape == (36, evaluator.dim)
    assert np.linalg.matrix_rank(np.cov(motions[:, :8].T), tol=1e-9) == 8
    assert motions[:, :8].var(axis=0).sum() == pytest.approx(train_evaluator.LEARNED_VARIANCE)


def test_statistics_let_fid_see_noise(data: Path, out: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    real = [item.vectors for item in load_split(data, "test").items]
    noisy = [m + 0.5 * rng.standard_normal(m.shape).astype(np.float32) for m in real]

    def relative(evaluator: TrainedEvaluator) -> float:  # of the learned coordinates
        return fid(evaluator.embed_motions(real)[:, :8], evaluator.embed_motions(noisy)[:, :8])

    assert relative(train(data, out)) > 2 * relative(train(data, tmp_path, "blind"))


def test_a_trained_evaluator_is_read_not_trained(
    data: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    motions = [item.vectors for item in load_split(data, "test").items]
    monkeypatch.setattr(train_evaluator, "train_network", None)
    first, second = train(data, out), train(data, out)
    assert first.report == second.report
    assert (first.embed_motions(motions) == second.embed_motions(motions)).all()


def file_in(folder: Path) -> Path:
    (file,) = folder.glob("evaluator_*.pt")
    return file


def test_changed_data_or_options_are_another_evaluator(
    data: Path, out: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(out, folder)
    before = train(data, folder)
    changed = train(write(tmp_path / "other", scale=1.001), folder)
    assert changed.fingerprint != before.fingerprint and changed.report != before.report
    assert len(list(folder.glob("evaluator_*.pt"))) == 2


def test_all_data_sets_of_a_pool_share_one_evaluator(
    data: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(data, tmp_path / "small")
    ids = (data / "train.txt").read_text().split()
    (tmp_path / "small" / "pool.txt").write_text("".join(f"{clip}\n" for clip in ids))
    (tmp_path / "small" / "train.txt").write_text("".join(f"{clip}\n" for clip in ids[:6]))
    monkeypatch.setattr(train_evaluator, "train_network", None)
    assert train(tmp_path / "small", out).fingerprint == train(data, out).fingerprint


def test_a_subset_finds_the_pool_beside_it(data: Path, out: Path, tmp_path: Path) -> None:
    root = tmp_path / "HumanML3D"
    shutil.copytree(data, root)
    write_small(root, tmp_path / "subset", (data / "train.txt").read_text().split()[:6], {})
    found = train(tmp_path / "subset", out).fingerprint
    assert found == train(data, out).fingerprint
    shutil.rmtree(root)
    assert found != train(tmp_path / "subset", tmp_path).fingerprint


def test_processes_that_start_at_once_train_once(data: Path, tmp_path: Path) -> None:
    trained = []
    clips = load_split(data, "train")  # threads that parse .npy at once crash CPython (gh-106905)
    with pytest.MonkeyPatch.context() as patch:
        real = train_evaluator.train_network
        patch.setattr(
            train_evaluator, "train_network", lambda *all: trained.append(1) or real(*all)
        )
        with ThreadPoolExecutor(3) as pool:  # each opens the lock file anew, as a process would
            found = list(pool.map(lambda _: train(data, tmp_path, clips=clips), range(3)))
    assert len(trained) == 1 and len({one.fingerprint for one in found}) == 1
    assert [file.suffix for file in sorted(tmp_path.iterdir())] == [".lock", ".pt"]


def test_a_run_of_an_older_version_keeps_its_evaluator(data: Path, tmp_path: Path) -> None:
    """What recipe 2 wrote: no measured coordinates, a text embedding as wide as the motion's."""
    pool, encoder = load_split(data, "train"), WordEncoder()
    config = replace(network_config(TINY, encoder), told=0)
    older = _fingerprint(pool, 3, encoder, TINY, recipe=2)
    (own := tmp_path / "cache" / "evaluator").mkdir(parents=True)
    content = {"fingerprint": older, "preset": asdict(TINY), "report": {}}
    weights = seeded(lambda: MotionEvaluator(config), 0).state_dict()
    save_checkpoint(own / f"evaluator_{older}.pt", content | {"network": weights})
    found = train_or_load_evaluator(data, tmp_path, "tiny", 3, encoder, own=own)
    assert (found.fingerprint, found.dim) == (older, TINY.embedding)
    assert not list(tmp_path.glob("*.pt")), "nothing was trained"
    motions = [item.vectors for item in pool.items]
    assert found.embed_motions(motions).shape == (36, 8) == (36, found.embed_texts(["x"]).size)
    other = train_or_load_evaluator(write(tmp_path / "x", scale=1.1), tmp_path, "tiny", 3, encoder)
    assert other.dim == 8 + len(BODY), "another pool has another evaluator"


def test_equal_seeds_give_equal_bytes_on_any_number_of_threads(
    data: Path, out: Path, tmp_path: Path
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2 if before == 1 else 1)
    try:
        train(data, tmp_path)
    finally:
        torch.set_num_threads(before)
    assert file_in(out).read_bytes() == file_in(tmp_path).read_bytes()


def test_captions_are_embedded_once_for_all_processes(
    data: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["a person waves", "someone leans over"]
    first = train(data, out).embed_texts(texts)

    def missing(*_: object) -> None:
        raise AssertionError("a language model was asked")

    monkeypatch.setattr(WordEncoder, "encode_tokens", missing)
    later = train(data, out)  # as another process reads it
    assert np.array_equal(later.embed_texts(texts[::-1]), first[::-1])
    with pytest.raises(AssertionError, match="was asked"):
        later.embed_texts(["a person of whom nobody heard"])


def test_a_motion_is_embedded_the_same_in_any_company(data: Path, out: Path) -> None:
    evaluator = train(data, out)
    motions = [item.vectors for item in load_split(data, "test").items]
    together = evaluator.embed_motions(motions)
    alone = np.concatenate([evaluator.embed_motions([motion]) for motion in motions])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)
    texts = ["a person waves slowly", "someone leans over", "a person waves slowly"]
    embedded = evaluator.embed_texts(texts)
    assert (embedded[0] == embedded[2]).all()
    np.testing.assert_allclose(evaluator.embed_texts(texts[1:2])[0], embedded[1], atol=1e-5)
    assert (
        evaluator.embed_motions([]).shape == evaluator.embed_texts([]).shape == (0, 8 + len(BODY))
    )


class DeafEncoder(WordEncoder):
    """Must not be asked."""

    def encode_tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        raise AssertionError(texts)


def test_captions_are_embedded_once_for_all_arms(data: Path, out: Path, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path, dirs_exist_ok=True)
    texts = ["a person waves slowly", "someone leans over"]
    made = train(data, tmp_path).embed_texts(texts)
    tokens, lengths = WordEncoder().encode_tokens(texts[:1])
    alone = train(data, tmp_path)._network.embed_texts(tokens, lengths)
    np.testing.assert_array_equal(made[:1], alone.numpy())
    later = train_or_load_evaluator(data, tmp_path, "tiny", 3, DeafEncoder())
    np.testing.assert_array_equal(later.embed_texts(texts[::-1]), made[::-1])
    with pytest.raises(AssertionError, match="sits"):
        later.embed_texts(["someone sits"])


def test_captions_of_other_weights_are_embedded_anew(data: Path, out: Path, tmp_path: Path) -> None:
    """Another machine trains an evaluator of one fingerprint to other last bits."""
    shutil.copytree(out, tmp_path, dirs_exist_ok=True)
    before = train(data, tmp_path).embed_texts(["someone leans over"])
    content = load_checkpoint(file_in(tmp_path))
    content["network"] = {name: 1.01 * array for name, array in content["network"].items()}
    save_checkpoint(file_in(tmp_path), content)
    assert (train(data, tmp_path).embed_texts(["someone leans over"]) != before).any()


@pytest.mark.parametrize(
    "bad", [np.zeros((3, 263)), np.zeros((40, 262)), np.zeros(263), np.full((40, 263), np.nan)]
)
def test_bad_motions_are_named(data: Path, out: Path, bad: np.ndarray) -> None:
    with pytest.raises(InvalidMotionError, match="motion 1"):
        train(data, out).embed_motions([np.zeros((40, 263), np.float32), bad])


def test_a_truncated_file_is_named(data: Path, out: Path, tmp_path: Path) -> None:
    file = file_in(out)
    (tmp_path / file.name).write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CorruptFileError, match="evaluator"):
        train(data, tmp_path)


def test_an_unknown_preset_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="demo"):
        train(data, tmp_path, "huge")


def test_the_command_says_in_words_what_is_missing(tmp_path: Path, repository: Path) -> None:
    options = ("--data_dir", str(tmp_path / "none"), "--out", str(tmp_path / "out"))
    done = typed(repository, "-m", "domains.motion.evaluator.train", *options)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and f"path: {tmp_path / 'none'}" in said and "Traceback" not in said
