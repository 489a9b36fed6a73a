"""The published command, as typed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from domains.motion.files import CORRECTED, FOLDER, SAMPLED
from loop.errors import InvalidMotionError, MissingAssetError
from tests.runs import evaluation_file, finish_generation
from visualize.arms import BODY_COLOURS, colour_of_arm
from visualize.visualizer import gather, newest_motions


def test_the_command_films_a_folder_of_motions(repository: Path, tmp_path: Path) -> None:
    arm = tmp_path / "synthetic_percent_100_iterative_finetuning_with_correction"
    arm.mkdir()
    for name in ("a", "b"):
        np.save(arm / f"{name}.npy", np.repeat(DEFAULT_SKELETON.rest_joints[None], 3, axis=0))
    command = [
        sys.executable,
        "visualize/visualizer.py",
        str(arm),
        "--out",
        str(tmp_path / "f.gif"),
    ]
    run = subprocess.run(
        [*command, "--size", "64", "--view", "b"], cwd=repository, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    film = iio.imread(tmp_path / "f.gif")
    assert len(film) == 3 and film.shape[2] == 2 * 68 - 4
    clips = gather((arm,), "by_path")
    assert [clip.title for clip in clips] == ["a", "b"]
    assert all(clip.colour == BODY_COLOURS["corrected"] for clip in clips)


def test_colours_are_the_published_ones_by_arm(tmp_path: Path) -> None:
    assert colour_of_arm("baseline") == BODY_COLOURS["baseline"]
    assert colour_of_arm("synthetic_percent_025_iterative_finetuning") == BODY_COLOURS["finetune"]
    assert colour_of_arm("anything") == BODY_COLOURS["real"]
    with pytest.raises(MissingAssetError, match="no motions here"):
        gather((tmp_path,), "real")


def test_without_motions_the_newest_run_is_filmed(tmp_path: Path) -> None:
    def write(folder: Path, *endings: str) -> None:
        (folder / FOLDER).mkdir()
        for clip in ("000001", "000002", "000003"):
            for ending in endings:
                np.save(folder / FOLDER / f"{clip}{ending}", np.zeros((3, 22, 3)))

    with pytest.raises(MissingAssetError, match="no run has made motions"):
        newest_motions(tmp_path)
    old = tmp_path / "dataset_a" / "synthetic_percent_100_iterative_finetuning_with_correction"
    new = tmp_path / "dataset_b" / "synthetic_percent_100_iterative_finetuning"
    finish_generation(old, 1, {}, save=lambda folder: write(folder, SAMPLED, CORRECTED))
    finish_generation(new, 1, {}, save=lambda folder: write(folder, SAMPLED))
    finish_generation(tmp_path / "dataset_b" / "baseline", 7, {})  # makes no motions
    for age, arm in ((100, old), (200, new)):
        os.utime(evaluation_file(arm, 1), (age, age))
    assert [path.name for path in newest_motions(tmp_path)] == [
        f"00000{i}{SAMPLED}" for i in (1, 2, 3)
    ]
    os.utime(evaluation_file(old, 1), (300, 300))
    names = [path.name for path in newest_motions(tmp_path)]
    assert names == [f"00000{i}{ending}" for i in (1, 2) for ending in (SAMPLED, CORRECTED)]


def test_files_without_a_motion_cost_only_themselves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    np.save(tmp_path / "b.npy", np.repeat(DEFAULT_SKELETON.rest_joints[None], 3, axis=0))
    np.save(tmp_path / "a.npy", np.zeros((5, 7)))
    (tmp_path / "c.npy").write_bytes(b"\x93NUMPY cut")
    assert [clip.title for clip in gather((tmp_path,))] == ["b"]
    assert "2 of 3 files left out" in caplog.text
    assert "a.npy is left out" in caplog.text and "c.npy is left out" in caplog.text
    (tmp_path / "b.npy").unlink()
    with pytest.raises(InvalidMotionError, match=r"(?s)no motion could be used.*2 files"):
        gather((tmp_path,))
