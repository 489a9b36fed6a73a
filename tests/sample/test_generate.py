from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

import domains.motion.checkpoints.stored
from domains.motion.checkpoints.shipped import ship
from domains.motion.denoiser import new_denoiser
from domains.motion.generator import MotionGenerator
from domains.motion.presets import CORRECTED, preset_named
from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError, RunStateError
from loop.rng import Stream
from loop.rundir.files import read_json, write_json
from loop.rundir.layout import EVALUATION
from sample.generate import Arguments, generate
from sample.models import SHIPPED, default_model
from tests.runs import evaluation_file, finish_generation, write_settings


class ConstantEncoder:
    name, dim = "constant", 4

    def __init__(self, device=None) -> None: ...

    def encode(self, texts) -> torch.Tensor:
        return torch.tensor([[len(text), 1.0, 0.0, -1.0] for text in texts])


@pytest.fixture
def stored(tmp_path: Path, monkeypatch) -> tuple[Path, MotionGenerator]:
    """A finished generation of smoke size on disk, and the generator that wrote it."""
    monkeypatch.setattr(
        domains.motion.checkpoints.stored, "text_encoder_named", lambda *_: ConstantEncoder()
    )
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
    write_settings(
        tmp_path / "arm",
        {
            "dataset": str(data),
            "preset": dataclasses.asdict(preset),
            "protocol": dataclasses.asdict(CORRECTED),
        },
    )
    return folder, generator


def arguments(folder: Path, out: Path, **changes) -> Arguments:
    given = {"formats": ("npy",), "num_repetitions": 1, "motion_length": 1.1} | changes
    return Arguments(("walk",), model_path=folder, output_dir=out, **given)


def test_files_hold_what_the_model_of_the_run_draws(stored, tmp_path: Path) -> None:
    folder, generator = stored
    paths = generate(arguments(folder, tmp_path / "out", num_repetitions=2))
    assert [path.name for path in paths] == ["sample00_rep00.npy", "sample00_rep01.npy"]
    first, second = (np.load(path) for path in paths)
    to_look_at = dataclasses.replace(generator.denoiser, guidance=2.5)  # the loop has 1
    expected = to_look_at.sample(["walk"] * 2, [22] * 2, Stream(42), "draw")
    np.testing.assert_allclose(first, expected[0], atol=1e-5)
    np.testing.assert_allclose(second, expected[1], atol=1e-5)
    assert first.shape == (20, 263) and not np.allclose(first, second)
    record = read_json(tmp_path / "out" / "generated.json")
    assert record["frames"] == [20, 20] and record["texts"]["sample00_rep01"] == "walk"


def test_texts_are_encoded_one_by_one(stored, tmp_path: Path, monkeypatch) -> None:
    """In a batch, the rounding of a vector would depend on the texts beside it."""
    asked = []
    encode = ConstantEncoder.encode
    monkeypatch.setattr(
        ConstantEncoder, "encode", lambda self, texts: asked.append(texts) or encode(self, texts)
    )
    given = dataclasses.replace(arguments(stored[0], tmp_path / "out"), text_prompt=("walk", "run"))
    assert len(generate(given)) == 2
    assert sorted(asked) == [["run"], ["walk"]]


def test_texts_come_from_options_and_file(stored, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("jump\n\nrun\n")
    chosen = dataclasses.replace(
        arguments(stored[0], tmp_path / "out"), input_text=tmp_path / "texts.txt"
    )
    generate(chosen)
    texts = read_json(tmp_path / "out" / "generated.json")["texts"]
    assert list(texts.values()) == ["walk", "jump", "run"]
    with pytest.raises(MissingAssetError, match="no such file"):
        generate(dataclasses.replace(chosen, input_text=tmp_path / "none.txt"))


def test_every_format_holds_the_motion(stored, tmp_path: Path) -> None:
    formats = ("npy", "npz", "bvh", "gif")
    paths = generate(arguments(stored[0], tmp_path / "out", formats=formats))
    assert [path.suffix for path in paths] == [".npy", ".npz", ".bvh", ".gif"]
    vectors = np.load(paths[0])
    with np.load(paths[1]) as amass:
        assert amass["poses"].shape == (20, 156) and float(amass["mocap_framerate"]) == 20
    assert "Frames: 20" in paths[2].read_text()
    assert len(iio.imread(paths[3])) == len(vectors) == 20


def test_sampler_and_steps_are_the_models_or_those_asked_for(stored, tmp_path: Path) -> None:
    ways = ({}, {"sampler": "dpmpp"}, {"sampler": "ddim"}, {"sampling_steps": 2})
    drawn, recorded = [], []
    for number, changes in enumerate(ways):
        out = tmp_path / str(number)
        drawn.append(np.load(generate(arguments(stored[0], out, **changes))[0]))
        record = read_json(out / "generated.json")
        recorded.append((record["sampler"], record["sampling_steps"]))
    assert recorded == [("dpmpp", 5), ("dpmpp", 5), ("ddim", None), ("dpmpp", 2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.allclose(drawn[0], drawn[2]) and not np.allclose(drawn[0], drawn[3])
    with pytest.raises(InvalidOptionError, match="1 to 5"):
        generate(arguments(stored[0], tmp_path / "out", sampling_steps=6))


def test_seed_and_guidance_decide(stored, tmp_path: Path) -> None:
    draws = [
        np.load(generate(arguments(stored[0], tmp_path / str(number), **changes))[0])
        for number, changes in enumerate(({}, {}, {"seed": 1}, {"guidance_param": 0.0}))
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.allclose(draws[0], draws[2]) and not np.allclose(draws[0], draws[3])


@pytest.mark.parametrize(
    "wrong",
    [{"text_prompt": (" ",)}, {"text_prompt": ()}, {"num_repetitions": 0}, {"motion_length": 0}],
)
def test_nothing_to_draw_is_refused(stored, tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(InvalidOptionError, match="nothing to draw"):
        generate(dataclasses.replace(arguments(stored[0], tmp_path / "out"), **wrong))


def test_missing_and_foreign_runs_are_named(stored, tmp_path: Path) -> None:
    folder, _ = stored
    with pytest.raises(MissingAssetError, match="no such model"):
        generate(arguments(tmp_path / "nowhere" / "generation_1", tmp_path / "out"))
    next(folder.glob("model*.pt")).unlink()
    with pytest.raises(MissingAssetError, match="one checkpoint"):
        generate(arguments(folder, tmp_path / "out"))
    write_settings(folder.parent, {"preset": {}})
    (folder / "model000000006.pt").write_bytes(b"")
    with pytest.raises(RunStateError, match="not the settings"):
        generate(arguments(folder, tmp_path / "out"))


def test_default_is_the_newest_run_or_else_what_is_shipped(tmp_path: Path) -> None:
    assert default_model(tmp_path) == SHIPPED
    for name, age in (("dataset_old", 100), ("dataset_new", 200)):
        finish_generation(tmp_path / name / "generation_0", 0, {})
        os.utime(evaluation_file(tmp_path / name / "generation_0", 0), (age, age))
    assert default_model(tmp_path).parts[-3] == "dataset_new"


def test_shipped_weights_draw_what_their_run_draws(stored, tmp_path: Path) -> None:
    folder, _ = stored
    write_json(folder / EVALUATION, {"model000000000.pt": {"FID_test": 1.0}})
    ship(folder, tmp_path / "weights")
    draws = [
        np.load(generate(arguments(model, tmp_path / model.name))[0])
        for model in (folder, tmp_path / "weights")
    ]
    np.testing.assert_array_equal(*draws)
    weights = tmp_path / "weights" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(CorruptFileError, match="not the weights"):
        generate(arguments(tmp_path / "weights", tmp_path / "out"))
    weights.write_bytes(b"no weights")
    with pytest.raises(CorruptFileError, match="cannot be read"):
        generate(arguments(tmp_path / "weights", tmp_path / "out"))
