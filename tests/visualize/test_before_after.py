"""The sample that is shown, and the files it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from domains.motion.files import CORRECTED, FOLDER, SAMPLED
from loop.errors import MissingAssetError
from tests.runs import begin_generation, finish_generation
from visualize.before_after import (
    before_and_after,
    corrected_samples,
    main,
    over_generations,
    typical_and_worst,
)
from visualize.motions import SampleFiles


@pytest.fixture
def arm(tmp_path: Path) -> Path:
    """Generations 1, 10 and a partial 11; samples float, stand, or were not corrected at all."""
    pose = DEFAULT_SKELETON.rest_joints - [0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0]
    standing = np.repeat(pose[None], 4, axis=0).astype(np.float32)

    def write(folder: Path) -> None:
        motions = folder / FOLDER
        motions.mkdir()
        for name, lift in (("high", 0.3), ("good", 0.0), ("lost", 2.0)):
            raised = standing + np.float32(lift) * np.array([0, 1, 0], np.float32)
            np.save(motions / f"{name}{SAMPLED}", raised)
            if name != "lost":
                np.save(motions / f"{name}{CORRECTED}", standing)

    for generation in (1, 10):
        finish_generation(tmp_path / "arm", generation, {}, save=write)
    begin_generation(tmp_path / "arm", 11, "synthesise")
    return tmp_path / "arm"


def test_the_newest_finished_generation_with_its_typical_and_worst_sample(arm: Path) -> None:
    folder, clips = corrected_samples(arm)
    assert folder == arm / "generation_10"
    assert [clip.id for clip in clips] == ["good", "high"]
    typical, worst = typical_and_worst(clips)
    assert (typical.id, worst.id) == ("good", "high")
    panels = before_and_after(arm)
    titles = ["typical: as sampled", "typical: corrected", "worst: as sampled", "worst: corrected"]
    assert [panel.title for panel in panels] == titles
    heights = [np.asarray(panel.joints)[0, :, 1].min() for panel in panels]
    np.testing.assert_allclose(heights, [0, 0, 0.3, 0], atol=1e-6)


def test_the_typical_sample_is_the_median(tmp_path: Path) -> None:
    clips = []
    for number, lift in enumerate((0.5, 0.1, 0.3, 0.9, 0.2)):
        path = tmp_path / f"{number}{SAMPLED}"
        np.save(path, np.repeat(DEFAULT_SKELETON.rest_joints[None] + [0, 2 + lift, 0], 4, axis=0))
        clips.append(SampleFiles(str(number), path, None))
    typical, worst = typical_and_worst(clips)
    assert (typical.id, worst.id) == ("2", "3")


def test_films_land_among_the_graphs(arm: Path) -> None:
    main(arm)
    assert [path.name for path in (arm.parent / "graphs").iterdir()] == ["before_after.mp4"]
    assert len(iio.imread(arm.parent / "graphs" / "before_after.mp4")) == 4


def test_the_first_film_is_not_called_as_the_second(
    arm: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SystemExit):
        main(arm, arm.parent / "generations.mp4")
    assert "choose another name with --out" in caplog.text
    assert not (arm.parent / "generations.mp4").exists()


def test_one_prompt_over_the_generations_of_both_arms(tmp_path: Path) -> None:
    raw = tmp_path / "synthetic_percent_100_iterative_finetuning"
    corrected = raw.with_name(raw.name + "_with_correction")
    rest = DEFAULT_SKELETON.rest_joints

    def save(lift: float, texts: dict[str, str]):
        def write(folder: Path) -> None:
            motions = folder / FOLDER
            motions.mkdir()
            for name in texts:
                motion = np.repeat(rest[None] + [0, lift, 0], 3, axis=0)
                np.save(motions / f"{name}{SAMPLED}", motion.astype(np.float32))
            told = {name: [[text, []]] for name, text in texts.items()}
            (motions / "prompts.json").write_text(json.dumps(told))

        return write

    for generation in range(1, 10):
        words = "jumps" if generation == 5 else "runs"
        texts = {"shared": "a person walks", "other": f"a person {words}"}
        for arm, lift in ((raw, generation), (corrected, -generation)):
            finish_generation(arm, generation, {}, save=save(lift, texts))
    panels, columns = over_generations(corrected)
    assert columns == 6 and len(panels) == 12
    assert panels[0].title == "raw, generation 1" and panels[11].title == "corrected, generation 9"
    heights = [np.asarray(panel.joints)[0, :, 1].min() - rest[:, 1].min() for panel in panels]
    np.testing.assert_allclose(heights[:6], [-h for h in heights[6:]], atol=1e-5)
    assert heights[0] == pytest.approx(1) and heights[5] == pytest.approx(9)
    assert over_generations(tmp_path / "somewhere") == ([], 0)


def test_arms_without_correction_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match="no corrected sample"):
        corrected_samples(tmp_path)
