"""The evaluation command on every published file at once, and on a generation of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from domains.motion.checkpoints.published import published_denoiser
from domains.motion.denoiser import new_denoiser
from domains.motion.generator import MotionGenerator
from domains.motion.presets import CORRECTED, preset_named
from eval.eval_humanml import Arguments, run
from loop.errors import InvalidOptionError, MissingAssetError, RunStateError
from model.text_encoder import MiniLMEncoder
from tests.commands import typed

CPU = torch.device("cpu")


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
    published_root: Path, smooth_data: Path, repository: Path
) -> None:
    given = asdict(
        arguments(published_root, smooth_data, eval_mode="debug", repetitions=1, multimodal_texts=2)
    )
    options = [f"--{name}={value}" for name, value in given.items() if value is not None]
    done = typed(repository, "-m", "eval.eval_humanml", *options)
    assert done.returncode == 0, done.stderr
    result = json.loads((published_root / "out" / "result.json").read_text())
    metrics = result["metrics"]
    for name in ("FID", "Diversity", "Matching Score", "R_precision"):
        assert {f"{name}_test", f"{name}_ground truth"} <= metrics.keys()
    assert metrics["MultiModality_test"]["mean"] > 0
    assert len(metrics["R_precision_test"]["mean"]) == 3
    assert metrics["FID_test"]["mean"] > metrics["FID_ground truth"]["mean"] >= 0
    assert result["settings"]["guidance"] == 2.5
    assert result["settings"]["evaluator"] == "published"


def test_the_seed_fixes_the_result_and_guidance_changes_it(
    published_root: Path, smooth_data: Path
) -> None:
    first, again = (run(arguments(published_root, smooth_data, repetitions=1)) for _ in range(2))
    assert first == again
    plain = run(arguments(published_root, smooth_data, repetitions=1, guidance_param=1.0))
    assert plain["FID_test"] != first["FID_test"]
    assert plain["FID_ground truth"] == first["FID_ground truth"]


def test_what_is_missing_or_does_not_fit_is_named(
    published_root: Path, smooth_data: Path, tmp_path: Path, write_mdm: Callable[..., None]
) -> None:
    with pytest.raises(InvalidOptionError, match="no such model"):
        run(arguments(published_root, smooth_data, model_path=tmp_path / "model.pt"))
    with pytest.raises(MissingAssetError, match=r"finest\.tar"):
        run(arguments(published_root, smooth_data, evaluator_root=tmp_path))
    with pytest.raises(MissingAssetError, match="hf download openai/clip-vit-base-patch32"):
        run(arguments(published_root, smooth_data, text_encoder=tmp_path / "nothing"))
    with pytest.raises(InvalidOptionError, match="--device cpu"):
        run(arguments(published_root, smooth_data, device="gpu"))
    with pytest.raises(InvalidOptionError, match="--diversity_pairs 32"):
        run(arguments(published_root, smooth_data, diversity_pairs=33, evaluator_root=tmp_path))
    write_mdm(tmp_path / "other" / "model000475000.pt", text_dim=20)
    statistics = (np.zeros(263), np.ones(263))
    with pytest.raises(InvalidOptionError, match="12 dimensions"):
        published_denoiser(
            tmp_path / "other" / "model000475000.pt", statistics, CPU, 2.5, published_root / "clip"
        )


def test_a_generation_of_our_own(smooth_data: Path, tmp_path: Path, evaluators: Path) -> None:
    preset = preset_named("smoke")
    statistics = (np.zeros(263, np.float32), np.full(263, 0.5, np.float32))
    denoiser = new_denoiser(preset, CORRECTED, MiniLMEncoder(), statistics, 3, CPU)
    generation = tmp_path / "arm" / "generation_0"
    generation.mkdir(parents=True)
    MotionGenerator(denoiser, None, preset, CORRECTED, 3).save(generation)  # type: ignore[arg-type]
    with pytest.raises(MissingAssetError):
        run(
            arguments(
                tmp_path, smooth_data, model_path=generation, data_dir=None, text_encoder=None
            )
        )
    settings = {
        "dataset": str(smooth_data),
        "preset": asdict(preset),
        "protocol": asdict(CORRECTED),
    }
    sizes = {name: value for name, value in asdict(preset).items() if name != "evaluator"}
    (tmp_path / "arm" / "args.json").write_text(json.dumps({**settings, "preset": sizes}))
    with pytest.raises(RunStateError, match="evaluator"):
        run(
            arguments(
                tmp_path, smooth_data, model_path=generation, data_dir=None, text_encoder=None
            )
        )
    (tmp_path / "arm" / "args.json").write_text(json.dumps(settings))
    metrics = run(
        arguments(tmp_path, smooth_data, model_path=generation, data_dir=None, text_encoder=None)
    )
    assert {"FID_test", "FID_ground truth", "R_precision_test"} <= metrics.keys()
    stored = json.loads((tmp_path / "out" / "result.json").read_text())
    assert stored["settings"]["evaluator"] == "trained"
    assert stored["settings"]["guidance"] == CORRECTED.guidance
    assert list(evaluators.glob("evaluator_*.pt"))


class Averages:
    """An evaluator that costs nothing."""

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([motion[:, :8].mean(axis=0) for motion in motions])

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([[len(text)] * 8 for text in texts], np.float32)


def test_either_model_with_either_evaluator(
    published_root: Path,
    smooth_data: Path,
    tmp_path: Path,
    evaluators: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Which one is asked for, and where a trained one is kept; both are real elsewhere here."""
    asked: list[tuple[str, dict[str, Any]]] = []

    def evaluator(kind: str, **given: Any) -> Averages:
        asked.append((kind, given))
        return Averages()

    monkeypatch.setattr("eval.eval_humanml.motion_evaluator", evaluator)
    preset = preset_named("smoke")
    statistics = (np.zeros(263, np.float32), np.full(263, 0.5, np.float32))
    denoiser = new_denoiser(preset, CORRECTED, MiniLMEncoder(), statistics, 3, CPU)
    generation = tmp_path / "arm" / "generation_0"
    generation.mkdir(parents=True)
    MotionGenerator(denoiser, None, preset, CORRECTED, 3).save(generation)  # type: ignore[arg-type]
    settings = {"dataset": str(smooth_data), "preset": asdict(preset), "seed": 3}
    settings |= {"protocol": asdict(CORRECTED), "evaluator": "published"}
    (tmp_path / "arm" / "args.json").write_text(json.dumps(settings))
    out = tmp_path / "result.json"
    own: dict[str, Any] = {"model_path": generation, "text_encoder": None}
    for given, kind in (
        (own | {"diversity_pairs": None}, "published"),  # as the arm was measured
        (own | {"evaluator": "trained"}, "trained"),
        ({}, "published"),
        ({"evaluator": "trained", "evaluator_cache": tmp_path / "kept"}, "trained"),
    ):
        run(arguments(published_root, smooth_data, repetitions=1, out=out, **given))
        assert asked[-1][0] == kind == json.loads(out.read_text())["settings"]["evaluator"]
    assert "diversity is of 32 pairs, not of the 300 of mode wo_mm" in caplog.text
    assert [given["cache"] for _, given in asked[1::2]] == [evaluators, tmp_path / "kept"]
    assert [given["own"] for _, given in asked[1::2]] == [tmp_path / "cache" / "evaluator", None]
    assert asked[1][1]["preset"] == "smoke"
    assert (asked[3][1]["preset"], asked[3][1]["root"]) == ("paper", published_root)
