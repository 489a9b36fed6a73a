"""Which generations a grid shows, and that all of its panels start from the same noise."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import domains.motion.checkpoints.stored
import visualize.grid as grid
from loop.errors import InvalidOptionError, MissingAssetError
from visualize.arms import BODY_COLOURS

RAW = "synthetic_percent_100_iterative_finetuning"


def test_missing_generations_are_replaced_by_the_newest_before() -> None:
    assert grid.choose([0, 1, 2, 3, 4, 5], (0, 10, 25, 50)) == [0, 5]
    assert grid.choose([0, 10, 25, 50], (0, 10, 25, 50)) == [0, 10, 25, 50]
    with pytest.raises(InvalidOptionError):
        grid.choose([3], (0, 2))


def test_rows_are_arms_columns_are_generations_and_who_is_behind_shows_its_newest(
    runs, monkeypatch
) -> None:
    runs.fill_all(5)
    runs.fill("baseline", 7)
    drawn = []

    def load(folder: Path, device) -> SimpleNamespace:
        def sample(texts, frames, stream, description):
            drawn.append((folder.parent.name, folder.name, texts, frames, stream.entropy))
            return [np.zeros((frames[0], 263), np.float32)]

        return SimpleNamespace(sample=sample)

    monkeypatch.setattr(domains.motion.checkpoints.stored, "load_denoiser", load)
    clips, columns = grid.draw_grid(runs.folder, "walk", (0, 50), 1.0, 7)
    assert columns == 2 and len(clips) == 6
    assert [clip.title for clip in clips[:4]] == [
        "baseline, generation 0",
        "baseline, generation 7",
        "fine-tuned 100%, generation 0",
        "fine-tuned 100%, generation 5",
    ]
    assert [clip.colour for clip in clips[::2]] == [
        BODY_COLOURS[name] for name in ("baseline", "finetune", "corrected")
    ]
    assert len(drawn) == 6 and all(row[2:] == (["walk"], [20], 7) for row in drawn)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match="run the loop first"):
        grid.draw_grid(tmp_path, "walk", (0,), 1.0, 0)
