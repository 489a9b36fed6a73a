"""The evaluation command on every published file at once, and on a generation of our own."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from loop.errors import InvalidOptionError, InvalidSamplesError, MissingAssetError, RunStateError
from model.mdm import MDM, MDMConfig
from model.seeding import seeded
from model.t2m_evaluator import PARTS, T2MEvaluator
from model.text_encoder import MiniLMEncoder
from train.denoiser import new_denoiser
from train.eval_humanml import Arguments, run
from train.motion_generator import MotionGenerator
from train.presets import CORRECTED, preset_named
from train.published_denoiser import published_denoiser

TOKENS = ("walk", "jump", "run", "turn")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
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


def write_clip(folder: Path) -> None:
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


def write_mdm(path: Path, text_dim: int = 12) -> None:
    config = MDMConfig(263, text_dim, 16, 2, 4, 1024, 0.1, 196, False)
    state: dict[str, Any] = dict(seeded(lambda: MDM(config), 1).state_dict())
    table = torch.zeros(5000, 1, 16)
    state |= {"sequence_pos_encoder.pe": table, "embed_timestep.sequence_pos_encoder.pe": table}
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    arguments = {"arch": "trans_enc", "layers": 2, "latent_dim": 16, "diffusion_steps": 4}
    arguments |= {"noise_schedule": "cosine", "dataset": "humanml"}
    (path.parent / "args.json").write_text(json.dumps(arguments))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All published files, random and small where the format allows, at their published places."""
    root = tmp_path_factory.mktemp("published")
    (root / "clip").mkdir()
    write_clip(root / "clip")
    write_mdm(root / "save" / "humanml_trans_enc_512" / "model000475000.pt")
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


def arguments(root: Path, data: Path, **changes: Any) -> Arguments:
    given: dict[str, Any] = {
        "model_path": root / "save" / "humanml_trans_enc_512" / "model000475000.pt",
        "data_dir": data,
        "repetitions": 2,
        "samples": 32,
        "diversity_pairs": 20,
        "evaluator_root": root,
        "text_encoder": root / "clip",
        "out": root / "out" / "result.json",
    }
    return Arguments(**given | changes)


def test_the_published_command_reads_all_published_files(
    root: Path, data: Path, repository: Path
) -> None:
    given = asdict(arguments(root, data, eval_mode="debug", repetitions=1, multimodal_texts=2))
    options = [f"--{name}={value}" for name, value in given.items() if value is not None]
    done = subprocess.run(
        [sys.executable, "-m", "eval.eval_humanml", *options],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((root / "out" / "result.json").read_text())
    metrics = result["metrics"]
    for name in ("FID", "Diversity", "Matching Score", "R_precision"):
        assert {f"{name}_test", f"{name}_ground truth"} <= metrics.keys()
    assert metrics["MultiModality_test"]["mean"] > 0
    assert len(metrics["R_precision_test"]["mean"]) == 3
    assert metrics["FID_test"]["mean"] > metrics["FID_ground truth"]["mean"] >= 0
    assert result["settings"]["guidance"] == 2.5
    assert result["settings"]["evaluator"] == "published"


def test_the_seed_fixes_the_result_and_guidance_changes_it(root: Path, data: Path) -> None:
    first, again = (run(arguments(root, data, repetitions=1)) for _ in range(2))
    assert first == again
    plain = run(arguments(root, data, repetitions=1, guidance_param=1.0))
    assert plain["FID_test"] != first["FID_test"]
    assert plain["FID_ground truth"] == first["FID_ground truth"]


def test_what_is_missing_or_does_not_fit_is_named(root: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="no such model"):
        run(arguments(root, data, model_path=tmp_path / "model.pt"))
    with pytest.raises(MissingAssetError, match=r"finest\.tar"):
        run(arguments(root, data, evaluator_root=tmp_path))
    with pytest.raises(MissingAssetError, match="hf download openai/clip-vit-base-patch32"):
        run(arguments(root, data, text_encoder=tmp_path / "nothing"))
    with pytest.raises(InvalidSamplesError, match="pairs out of range"):
        run(arguments(root, data, diversity_pairs=None))
    write_mdm(tmp_path / "other" / "model000475000.pt", text_dim=20)
    statistics = (np.zeros(263), np.ones(263))
    with pytest.raises(InvalidOptionError, match="12 dimensions"):
        published_denoiser(
            tmp_path / "other" / "model000475000.pt", statistics, CPU, 2.5, root / "clip"
        )


def test_a_generation_of_our_own(data: Path, tmp_path: Path) -> None:
    preset = preset_named("smoke")
    statistics = (np.zeros(263, np.float32), np.full(263, 0.5, np.float32))
    denoiser = new_denoiser(preset, CORRECTED, MiniLMEncoder(), statistics, 3, CPU)
    generation = tmp_path / "arm" / "generation_0"
    generation.mkdir(parents=True)
    MotionGenerator(denoiser, None, preset, CORRECTED, 3).save(generation)  # type: ignore[arg-type]
    with pytest.raises(MissingAssetError):
        run(arguments(tmp_path, data, model_path=generation, data_dir=None))
    settings = {"dataset": str(data), "preset": asdict(preset), "protocol": asdict(CORRECTED)}
    (tmp_path / "arm" / "args.json").write_text(json.dumps(settings))
    with pytest.raises(RunStateError, match="seed"):
        run(arguments(tmp_path, data, model_path=generation, data_dir=None))
    (tmp_path / "arm" / "args.json").write_text(json.dumps({**settings, "seed": 3}))
    metrics = run(arguments(tmp_path, data, model_path=generation, data_dir=None))
    assert {"FID_test", "FID_ground truth", "R_precision_test"} <= metrics.keys()
    stored = json.loads((tmp_path / "out" / "result.json").read_text())
    assert stored["settings"]["evaluator"] == "trained"
    assert stored["settings"]["guidance"] == CORRECTED.guidance
    assert (tmp_path / "cache" / "evaluator" / "evaluator.pt").is_file()
