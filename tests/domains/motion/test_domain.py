"""The experiment with the assets that users bring: their text encoder, the published evaluator."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import sample.models
from dataset.humanml3d import load_split
from domains.motion.arguments import Arguments
from domains.motion.arm import run
from domains.motion.checkpoints.stored import load_denoiser
from domains.motion.evaluator.published import load_published_evaluator
from domains.motion.presets import PRESETS
from eval.metrics.frechet import fid
from loop.errors import InvalidOptionError, MissingAssetError, RunStateError
from loop.rng import Stream

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def arm(published_root: Path, smooth_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generations 0 and 1 with CLIP and the published evaluator."""
    save_dir = tmp_path_factory.mktemp("runs") / "synthetic_percent_025_iterative_finetuning"
    run(arguments(published_root, smooth_data, save_dir))
    return save_dir


def arguments(root: Path, data: Path, save_dir: Path) -> Arguments:
    return Arguments(
        save_dir=save_dir,
        mini_dataset_dir=data,
        preset="smoke",
        num_generations=1,
        synthetic_augmentation_percent=0.25,
        text_encoder="clip",
        text_encoder_source=str(root / "clip"),
        evaluator="published",
        evaluator_root=root,
    )


def test_metrics_are_those_of_the_published_space(
    arm: Path, published_root: Path, smooth_data: Path
) -> None:
    train, test = (load_split(smooth_data, split) for split in ("train", "test"))
    captions = [caption for item in test.items for caption in item.captions]
    evaluator = load_published_evaluator(published_root, captions)
    longest = PRESETS["smoke"].max_frames  # real motions are cut to what the model can draw
    real, other = (
        evaluator.embed_motions([item.vectors[:longest] for item in part.items])
        for part in (test, train)
    )
    for generation in (0, 1):
        stored = json.loads((arm / f"generation_{generation}" / "eval_dict.json").read_text())
        (metrics,) = stored.values()
        assert metrics["FID train_ground truth"] == pytest.approx(fid(other, real), rel=1e-6)
        assert len(metrics["R_precision_test"]) == 3


def test_each_encoder_has_its_own_cache_and_is_recorded(arm: Path) -> None:
    stored = json.loads((arm / "args.json").read_text())
    assert stored["evaluator"] == "published"
    weights = stored["text_encoder"]["weights"]
    assert weights.startswith("openai/clip-vit-base-patch32/")
    (cache,) = (arm.parent / "cache").glob("captions_*")
    assert cache.name == f"captions_{weights.replace('/', '_')}.safetensors"


def test_a_finished_run_goes_on_only_with_its_own_encoder(
    arm: Path, published_root: Path, smooth_data: Path
) -> None:
    given = arguments(published_root, smooth_data, arm)
    run(given)
    with pytest.raises(RunStateError, match="other settings"):
        run(replace(given, text_encoder="minilm", text_encoder_source=None))
    with pytest.raises(RunStateError, match="other settings"):
        run(replace(given, evaluator="trained"))


def test_arms_are_measured_as_their_generation_0_was(
    arm: Path, published_root: Path, smooth_data: Path, tmp_path: Path
) -> None:
    given = replace(
        arguments(published_root, smooth_data, tmp_path / "arm"), start_from=arm / "generation_0"
    )
    with pytest.raises(RunStateError, match="measured by others"):
        run(replace(given, evaluator="trained"))
    with pytest.raises(RunStateError, match="another model"):
        run(replace(given, text_encoder="minilm", text_encoder_source=None))


def test_the_model_is_read_back_with_its_own_encoder(
    arm: Path, published_root: Path, tmp_path: Path
) -> None:
    shutil.copytree(published_root / "clip", tmp_path / "clip")
    drawn = []
    for moved in (None, tmp_path / "clip"):
        denoiser = load_denoiser(arm / "generation_1", CPU, text_encoder=moved)
        assert denoiser.network.config.text_dim == denoiser.encoder.dim == 12
        drawn.append(denoiser.sample(["a person does walk"], [40], Stream(1), "draw")[0])
    np.testing.assert_array_equal(*drawn)


def test_an_encoder_of_other_weights_is_refused(
    arm: Path, published_root: Path, tmp_path: Path
) -> None:
    from transformers import CLIPTextModelWithProjection

    shutil.copytree(published_root / "clip", tmp_path / "clip")
    network = CLIPTextModelWithProjection.from_pretrained(tmp_path / "clip")
    network.text_projection.weight.data += 1
    network.save_pretrained(tmp_path / "clip")
    with pytest.raises(RunStateError, match="other weights"):
        load_denoiser(arm / "generation_1", CPU, text_encoder=tmp_path / "clip")


def test_what_the_user_has_to_bring_is_named(
    published_root: Path, smooth_data: Path, tmp_path: Path
) -> None:
    given = arguments(published_root, smooth_data, tmp_path / "arm")
    with pytest.raises(MissingAssetError, match="hf download openai/clip"):
        run(replace(given, text_encoder_source=str(tmp_path / "nowhere")))
    with pytest.raises(MissingAssetError, match="download_t2m_evaluators"):
        run(replace(given, evaluator_root=tmp_path, save_dir=tmp_path / "other"))
    with pytest.raises(InvalidOptionError, match="minilm from"):
        run(replace(given, text_encoder="minilm"))


def test_motions_for_a_text_from_a_published_checkpoint(
    published_root: Path, smooth_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample.models, "DATASETS", smooth_data.parent)
    checkpoint = published_root / "save" / "humanml_trans_enc_512" / "model000475000.pt"
    denoiser = sample.models.load_model(checkpoint, CPU, text_encoder=str(published_root / "clip"))
    assert denoiser.guidance == 2.5
    first, second = denoiser.sample(["a person does walk"] * 2, [60, 60], Stream(1), "draw")
    assert first.shape == second.shape == (60, 263) and np.isfinite(first).all()
    assert np.abs(first - second).max() > 0.1
