"""A motion experiment of toy size: eight smooth random motions, a text encoder made of hashes."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dataset.humanml3d import Caption, MotionItem, MotionSet
from domains.motion.denoiser import Denoiser, new_denoiser
from domains.motion.presets import CORRECTED, MotionPreset, Protocol
from model.mdm import MDM, MDMConfig
from model.seeding import seeded
from model.t2m_evaluator import PARTS, T2MEvaluator
from tests.domains.motion.arms import Nursery

PRESET = MotionPreset(
    "toy",
    generation_0_steps=12,
    steps_per_generation=6,
    ratios=(1.0,),
    generations=2,
    latent_dim=16,
    layers=1,
    heads=2,
    ff_size=16,
    dropout=0.1,
    max_frames=16,
    diffusion_steps=5,
    batch_size=4,
    learning_rate=1e-3,
)

TOKENS = ("walk", "jump", "run", "turn")


class HashEncoder:
    """A fixed random vector for every text."""

    name = "hash"
    dim = 8

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        rows = [np.random.default_rng(zlib.crc32(t.encode())).normal(size=self.dim) for t in texts]
        return torch.tensor(np.array(rows), dtype=torch.float32)

    def encode_tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        return self.encode(texts)[:, None], torch.ones(len(texts), dtype=torch.int64)


@pytest.fixture
def real() -> MotionSet:
    """Eight whole clips and one segment."""
    items = []
    for number in range(8):
        rng = np.random.default_rng(number)
        frames = 12 + 2 * number
        vectors = np.cumsum(rng.normal(size=(frames, 263)), axis=0).astype(np.float32)
        captions = tuple(Caption(f"motion {number} told {way}", ()) for way in ("so", "otherwise"))
        items.append(MotionItem(f"{number:06d}", f"{number:06d}", vectors, captions))
    segment = MotionItem("000003", "abc_000003", items[3].vectors[:12], items[3].captions[:1])
    mean, std = np.full(263, 0.5, np.float32), np.full(263, 2.0, np.float32)
    return MotionSet((*items[:3], segment, *items[3:]), mean, std, Path("toy"), "train")


@pytest.fixture
def make_denoiser(real: MotionSet) -> Callable[..., Denoiser]:
    """make_denoiser(protocol) -> an untrained toy denoiser."""

    def make(protocol: Protocol = CORRECTED, seed: int = 1) -> Denoiser:
        return new_denoiser(
            PRESET, protocol, HashEncoder(), (real.mean, real.std), seed, torch.device("cpu")
        )

    return make


@pytest.fixture
def preset() -> MotionPreset:
    return PRESET


@pytest.fixture(scope="session")
def nursery(repository: Path) -> Iterator[Nursery]:
    """Starts arms without their seconds of imports."""
    nursery = Nursery(repository)
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def smooth_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Smooth random motions of 40 to 79 frames: 40 to train on, 40 to test on."""
    root = tmp_path_factory.mktemp("data") / "HumanML3D"
    for name in ("new_joint_vecs", "texts"):
        (root / name).mkdir(parents=True)
    splits: dict[str, list[str]] = {"train": [], "test": [], "val": [], "train_val": []}
    for number in range(80):
        rng, clip = np.random.default_rng(number), f"{number:06d}"
        steps = 0.1 * rng.normal(size=(40 + number % 40, 263))
        np.save(root / "new_joint_vecs" / f"{clip}.npy", np.cumsum(steps, 0).astype(np.float32))
        word = TOKENS[number % 4]
        (root / "texts" / f"{clip}.txt").write_text(
            f"a person does {word} {number}#a/DET person/NOUN do/VERB {word}/NOUN#0.0#0.0\n"
        )
        splits["train" if number < 40 else "test"].append(clip)
    for name, ids in splits.items():
        (root / f"{name}.txt").write_text("".join(f"{clip}\n" for clip in ids))
    np.save(root / "Mean.npy", np.zeros(263, np.float32))
    np.save(root / "Std.npy", np.full(263, 0.5, np.float32))
    return root


def _write_clip(folder: Path) -> None:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection  # takes a second

    words = [*"abcdefghijklmnopqrstuvwxyz0123456789"]
    words += [f"{word}</w>" for word in words] + ["<|startoftext|>", "<|endoftext|>"]
    config = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=16,
        projection_dim=12,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=len(words) - 2,
        eos_token_id=len(words) - 1,
    )
    seeded(lambda: CLIPTextModelWithProjection(config), 0).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")


def _write_mdm(path: Path, text_dim: int = 12) -> None:
    config = MDMConfig(263, text_dim, 16, 2, 4, 1024, 0.1, 196, False)
    state: dict[str, Any] = dict(seeded(lambda: MDM(config), 1).state_dict())
    table = torch.zeros(5000, 1, 16)
    state |= {"sequence_pos_encoder.pe": table, "embed_timestep.sequence_pos_encoder.pe": table}
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    arguments = {"arch": "trans_enc", "layers": 2, "latent_dim": 16, "diffusion_steps": 4}
    arguments |= {"noise_schedule": "cosine", "dataset": "humanml"}
    (path.parent / "args.json").write_text(json.dumps(arguments))


@pytest.fixture(scope="session")
def published_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All published files, random and small where the format allows, at their published places."""
    root = tmp_path_factory.mktemp("published")
    (root / "clip").mkdir()
    _write_clip(root / "clip")
    _write_mdm(root / "save" / "humanml_trans_enc_512" / "model000475000.pt")
    finest = root / "t2m" / "text_mot_match" / "model" / "finest.tar"
    finest.parent.mkdir(parents=True)
    network = seeded(T2MEvaluator, 0)
    torch.save({part: getattr(network, part).state_dict() for part in PARTS}, finest)
    words = ["unk", "sos", "eos", "a", "person", "do", *TOKENS]
    (root / "glove").mkdir()
    vectors = np.random.default_rng(1).normal(size=(len(words), 300))
    np.save(root / "glove" / "our_vab_data.npy", vectors)
    (root / "glove" / "our_vab_words.pkl").write_bytes(pickle.dumps(words))
    index = {word: row for row, word in enumerate(words)}
    (root / "glove" / "our_vab_idx.pkl").write_bytes(pickle.dumps(index))
    (root / "dataset").mkdir()
    np.save(root / "dataset" / "t2m_mean.npy", np.zeros(263))
    np.save(root / "dataset" / "t2m_std.npy", np.ones(263))
    return root


@pytest.fixture(scope="session")
def write_mdm() -> Callable[..., None]:
    """write_mdm(path, text_dim) -> a checkpoint in the published format, of toy size."""
    return _write_mdm
