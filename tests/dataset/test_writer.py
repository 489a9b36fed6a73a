"""Writing the HumanML3D layout: complete, grouped, and never half."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dataset.captions import read_captions
from dataset.humanml3d import load_split
from dataset.tagging import tag
from dataset.writer import DatasetClip, Moments
from loop.errors import InvalidMotionError, InvalidOptionError
from tests.dataset.writing import write_dataset
from translation.humanml import vectors_to_joints


def make_clips(count: int = 4, frames: int = 45) -> list[DatasetClip]:
    rng = np.random.default_rng(0)
    caption = (tag("a person walks"), 0.0, 0.0)
    return [
        DatasetClip(f"{i:06d}", rng.normal(size=(frames + i, 263)), [caption]) for i in range(count)
    ]


SPLITS = {"train": ["000000", "000002"], "val": ["000003"], "test": ["000001"]}


def test_layout_reads_back(tmp_path: Path) -> None:
    clips = make_clips()
    write_dataset(tmp_path / "set", iter(clips), SPLITS)
    root = tmp_path / "set"
    for split, ids in SPLITS.items():
        items = load_split(root, split).items
        assert [item.id for item in items] == ids
        for item in items:
            written = clips[int(item.id)]
            np.testing.assert_array_equal(item.vectors, written.vectors.astype(np.float32))
            joints = np.load(root / "new_joints" / f"{item.id}.npy")
            np.testing.assert_array_equal(joints, vectors_to_joints(item.vectors))
            assert read_captions(root / "texts" / f"{item.id}.txt") == written.captions
    assert (root / "train_val.txt").read_text().split() == ["000000", "000002", "000003"]


def test_statistics_follow_the_published_grouping(tmp_path: Path) -> None:
    clips = make_clips()
    write_dataset(tmp_path / "set", clips, SPLITS)
    data = np.concatenate([clip.vectors for clip in clips]).astype(np.float32).astype(np.float64)
    std = data.std(axis=0)
    expected = std.copy()
    for start, end in [(0, 1), (1, 3), (3, 4), (4, 67), (67, 193), (193, 259), (259, 263)]:
        expected[start:end] = std[start:end].mean()
    np.testing.assert_allclose(np.load(tmp_path / "set/Mean.npy"), data.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(np.load(tmp_path / "set/Std.npy"), expected, rtol=1e-6)
    assert np.load(tmp_path / "set/Std.npy").dtype == np.float32


def test_moments_do_not_lose_digits_far_from_zero() -> None:
    data = np.random.default_rng(1).normal(1e6, 1e-2, size=(300, 263))
    moments = Moments()
    for part in np.array_split(data, [1, 100, 250]):
        moments.add(part)
    np.testing.assert_allclose(moments.std()[0], data[:, 0].std(), rtol=1e-5)


def test_real_std_is_grouped_as_we_group(shared: Path) -> None:
    std = np.load(shared / "data/humanml3d_sample/Std.npy")
    borders = np.flatnonzero(np.diff(std)) + 1
    assert borders.tolist() == [1, 3, 4, 67, 193, 259]


def test_foreign_folders_are_never_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("precious")
    with pytest.raises(InvalidOptionError, match="did not make"):
        write_dataset(tmp_path / "mine", make_clips(), SPLITS)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_an_empty_folder_and_our_own_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    write_dataset(tmp_path / "set", make_clips(), SPLITS)
    write_dataset(tmp_path / "set", make_clips(2), {"train": ["000000"], "test": ["000001"]})
    assert len(list((tmp_path / "set/texts").iterdir())) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_failed_write_leaves_the_old_dataset(tmp_path: Path) -> None:
    def broken() -> Iterator[DatasetClip]:
        yield make_clips()[0]
        raise RuntimeError("power cut")

    write_dataset(tmp_path / "set", make_clips(), SPLITS)
    with pytest.raises(RuntimeError):
        write_dataset(tmp_path / "set", broken(), {"train": ["000000"]})
    assert len(list((tmp_path / "set/texts").iterdir())) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize(
    "splits",
    [
        {"train": ["000000"], "test": ["000000"]},
        {"train": ["000000", "000001", "000002", "000003", "000009"]},
        {"train": ["000000"]},
        {"training": ["000000", "000001", "000002", "000003"]},
    ],
    ids=["twice", "unknown id", "id in no split", "unknown split"],
)
def test_bad_splits(tmp_path: Path, splits: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidOptionError):
        write_dataset(tmp_path / "set", make_clips(), splits)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_vectors_are_not_written(tmp_path: Path, value: float) -> None:
    clip = make_clips(1)[0]
    clip.vectors[3, 4] = value
    with pytest.raises(InvalidMotionError):
        write_dataset(tmp_path / "set", [clip], {"train": [clip.id]})
    assert not list(tmp_path.iterdir())


def test_an_interrupt_between_the_renames_leaves_the_old_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset(tmp_path / "set", make_clips(), SPLITS)
    rename = Path.rename

    def interrupted(path: Path, target: Path) -> Path:
        if path.name.endswith(".new"):
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "set", make_clips(2), {"train": ["000000"], "test": ["000001"]})
    assert len(list((tmp_path / "set/texts").iterdir())) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
