from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import train.stored_denoiser
from loop.atomic import write_json
from loop.errors import InvalidOptionError, MissingAssetError, RunStateError
from loop.streams import Stream
from sample.generate import Arguments, generate
from train.denoiser import new_denoiser
from train.motion_generator import MotionGenerator
from train.presets import CORRECTED, preset_named


class ConstantEncoder:
    name, dim = "constant", 4

    def __init__(self, device=None) -> None: ...

    def encode(self, texts) -> torch.Tensor:
        return torch.tensor([[len(text), 1.0, 0.0, -1.0] for text in texts])


@pytest.fixture
def stored(tmp_path: Path, monkeypatch) -> tuple[Path, MotionGenerator]:
    """A finished generation of smoke size on disk, and the generator that wrote it."""
    monkeypatch.setattr(train.stored_denoiser, "text_encoder_named", lambda *_: ConstantEncoder())
    data = tmp_path / "data"
    data.mkdir()
    mean, std = np.linspace(-1, 1, 263, dtype=np.float32), np.full(263, 2.0, np.float32)
    np.save(data / "Mean.npy", mean)
    np.save(data / "Std.npy", std)
    preset = preset_named("smoke")
    denoiser = new_denoiser(
        preset, CORRECTED, ConstantEncoder(), (mean, std), 3, torch.device("cpu")
    )
    for parameter in denoiser.network.parameters():
        parameter.data += 0.01  # live and averaged weights differ now
    denoiser.ema.update(denoiser.network)
    generator = MotionGenerator(denoiser, None, preset, CORRECTED, 3)
    folder = tmp_path / "arm" / "generation_2"
    folder.mkdir(parents=True)
    generator.save(folder)
    write_json(
        tmp_path / "arm" / "args.json",
        {
            "dataset": str(data),
            "preset": dataclasses.asdict(preset),
            "protocol": dataclasses.asdict(CORRECTED),
        },
    )
    return folder, generator


def test_files_hold_what_the_model_of_the_run_draws(stored, tmp_path: Path) -> None:
    folder, generator = stored
    arguments = Arguments("walk", folder, tmp_path / "out", num_samples=2, motion_length=1.1)
    first, second = (np.load(path) for path in generate(arguments))
    expected = generator.denoiser.sample(["walk"] * 2, [22] * 2, Stream(42), "draw")
    np.testing.assert_allclose(first, expected[0], atol=1e-5)
    np.testing.assert_allclose(second, expected[1], atol=1e-5)
    assert first.shape == (20, 263) and not np.allclose(first, second)


def test_guidance_can_be_changed(stored, tmp_path: Path) -> None:
    folder, _ = stored
    base = np.load(generate(Arguments("walk", folder, tmp_path / "a", 1))[0])
    other = np.load(generate(Arguments("walk", folder, tmp_path / "b", 1, guidance_param=0.0))[0])
    assert not np.allclose(base, other)


@pytest.mark.parametrize("wrong", [{"text_prompt": " "}, {"num_samples": 0}, {"motion_length": 0}])
def test_nothing_to_draw_is_refused(stored, tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(InvalidOptionError, match="nothing to draw"):
        generate(dataclasses.replace(Arguments("walk", stored[0], tmp_path / "out"), **wrong))


def test_missing_and_foreign_runs_are_named(stored, tmp_path: Path) -> None:
    folder, _ = stored
    with pytest.raises(MissingAssetError, match=r"args\.json"):
        generate(Arguments("walk", tmp_path / "nowhere" / "generation_1", tmp_path / "out"))
    next(folder.glob("model*.pt")).unlink()
    with pytest.raises(MissingAssetError, match="one checkpoint"):
        generate(Arguments("walk", folder, tmp_path / "out"))
    write_json(folder.parent / "args.json", {"preset": {}})
    with pytest.raises(RunStateError, match="not the settings"):
        generate(Arguments("walk", folder, tmp_path / "out"))
