"""A generator that the user brings: the motion loop trains it, draws from it and measures it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from dataset.humanml3d import load_split
from domains.motion.arguments import Arguments
from domains.motion.arm import run
from domains.motion.captioned import CaptionedGenerator, drawn
from domains.motion.checkpoints.stored import load_denoiser
from domains.motion.domain import motions
from domains.motion.files import MotionBatch
from domains.motion.presets import PRESETS
from examples.own_generator import Components, stretched
from loop.arm import run_loop
from loop.errors import InvalidOptionError, InvalidSamplesError, RunStateError
from loop.interfaces import Generator, Mixture
from loop.rng import Stream, Streams
from loop.rundir.layout import read_metrics

COMPONENTS = "examples.own_generator:Components"


@pytest.fixture
def arguments(smooth_data: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path):
    cache = tmp_path_factory.getbasetemp() / "own_generator_cache"
    (tmp_path / "cache").symlink_to(cache)
    cache.mkdir(exist_ok=True)
    return Arguments(
        save_dir=tmp_path / "arm", mini_dataset_dir=smooth_data, preset="smoke",
        num_generations=2, synthetic_augmentation_percent=1.0, mixing="replace", workers=1,
        device="cpu", eval_num_samples=16, generator=COMPONENTS,
    )  # fmt: skip


def test_the_loop_trains_draws_and_measures_it(arguments: Arguments) -> None:
    run(replace(arguments, num_generations=1))
    run(arguments)  # goes on
    whole = replace(arguments, save_dir=arguments.save_dir.with_name("whole"))
    run(whole)
    for name in ("state.npz", "eval_dict.json", "synthetic_motions/prompts.json"):
        one, other = (each.save_dir / "generation_2" / name for each in (arguments, whole))
        assert one.read_bytes() == other.read_bytes(), name
    real = MotionBatch(load_split(arguments.mini_dataset_dir, "train").items)
    model = Components(real, PRESETS["smoke"].max_frames)
    model.load(arguments.save_dir / "generation_1")
    samples = model.synthesise(len(real), Streams(arguments.seed).at(2, "synthesise"))
    folder = arguments.save_dir / "generation_2/synthetic_motions"
    for item in samples.items:
        np.testing.assert_array_equal(np.load(folder / f"{item.id}-sampled.npy"), item.vectors)
    assert len(list(folder.glob("*-sampled.npy"))) == len(real) == len(samples)
    metrics = read_metrics(arguments.save_dir / "generation_0")
    baseline = replace(arguments, generator="mdm", save_dir=arguments.save_dir.with_name("mdm"))
    run(replace(baseline, num_generations=0))
    other = read_metrics(baseline.save_dir / "generation_0")
    assert metrics["FID_ground truth"] == other["FID_ground truth"]
    assert metrics["FID_test"] < other["FID_test"]  # which has hardly been trained


def test_in_python_the_metrics_are_those_of_the_generator_that_was_put_in(
    smooth_data: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(smooth_data, data)
    domain = motions(data, preset="smoke", correction="none", workers=1)
    assert domain.later["preset"]["name"] == "smoke"
    real = MotionBatch(load_split(data, "train").items)
    frames = PRESETS["smoke"].max_frames
    other = domain.with_parts(generator=Components(real, frames))
    assert other.later == domain.later
    (theirs,), (ours,) = (run_loop(each, generations=0) for each in (domain, other))
    assert theirs["FID_ground truth"] == ours["FID_ground truth"]
    assert theirs["FID_test"] != ours["FID_test"]


def test_what_only_the_published_model_can_do_is_refused(arguments: Arguments) -> None:
    for change, remedy in (
        ({"faithful": True}, "leave it out"),
        ({"generation_0_weights": Path("weights/demo")}, "--from_scratch"),
    ):
        with pytest.raises(InvalidOptionError, match=f"(?s){COMPONENTS}.*{remedy}"):
            run(replace(arguments, **change))


def test_commands_that_draw_from_a_checkpoint_say_why_they_cannot(arguments: Arguments) -> None:
    run(replace(arguments, num_generations=0))
    with pytest.raises(RunStateError, match=f"(?s){COMPONENTS}.*synthetic_motions"):
        load_denoiser(arguments.save_dir / "generation_0", device="cpu")  # type: ignore[arg-type]


class Short(CaptionedGenerator):
    """Draws motions of one frame too few."""

    def draw(self, captions, frames, stream, scratch=None):
        return [np.zeros((count - 1, 263)) for count in frames]


def test_other_shapes_than_asked_for_are_refused(smooth_data: Path) -> None:
    real = MotionBatch(load_split(smooth_data, "train").items)
    with pytest.raises(InvalidSamplesError, match=r"(?s)Short.*\(39, 263\).*\(40, 263\)"):
        drawn(Short(real, 40), ["a person walks"], [40], Stream(0), None)
    with pytest.raises(InvalidSamplesError, match="Short"):
        Short(real, 40).synthesise(2, Stream(0))


class Wordless(Generator[MotionBatch]):
    """Draws motions for no captions."""

    def synthesise(self, count, stream, scratch=None):
        raise AssertionError

    def fit(self, training_set: Mixture[MotionBatch], generation, stream, scratch) -> None:
        raise AssertionError


def test_a_generator_without_captions_is_refused_before_it_is_trained(arguments) -> None:
    with pytest.raises(InvalidOptionError, match=r"(?s)Wordless.*CaptionedGenerator"):
        drawn(Wordless(), ["a person walks"], [40], Stream(0), None)
    with pytest.raises(InvalidOptionError, match=r"(?s)Wordless.*CaptionedGenerator"):
        run(replace(arguments, generator=f"{__name__}:Wordless"))


def test_the_example_fits_what_it_is_given(smooth_data: Path) -> None:
    real = MotionBatch(load_split(smooth_data, "train").items)
    model = Components(real, 40)
    model.fit(Mixture(real, [], slice(None), []), 0, Stream(0), None)
    motions = drawn(model, ["any"] * 500, [40] * 500, Stream(1), None)
    table = np.stack([stretched(item.vectors, 40).ravel() for item in real.items])
    found = np.stack([motion.ravel() for motion in motions])
    assert np.abs(found.mean(axis=0) - table.mean(axis=0)).max() < 0.2 * table.std(axis=0).max()
    explained = PCA(12).fit(table).explained_variance_.sum() * (len(table) - 1) / len(table)
    assert found.var(axis=0).sum() == pytest.approx(explained, rel=0.1)
