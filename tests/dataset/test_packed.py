"""The packed file gives what the files give, and follows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import dataset.humanml3d
from dataset.humanml3d import MotionSet, load_split
from dataset.packed import NAME, open_packed
from loop.errors import CorruptFileError, MissingAssetError

CLIPS = {"000000": 50, "folder/M000001": 60, "000002": 45, "000003": 41}
TEXT = "he walks#he/PRON walk/VERB#0.0#0.0\nhe waits#he/PRON wait/VERB#0.2#2.3\n"


@pytest.fixture
def data(tiny: Callable[..., Path]) -> Path:
    return tiny(CLIPS, dict.fromkeys(CLIPS, TEXT))


@pytest.fixture
def packed(data: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., MotionSet]:
    """Load the data set as if it were large."""

    def load(**options) -> MotionSet:
        with monkeypatch.context() as patch:
            patch.setattr(dataset.humanml3d, "open_packed", lambda *a: open_packed(*a, least=2))
            return load_split(data, "train", **options)

    return load


def assert_same(ours: MotionSet, theirs: MotionSet) -> None:
    assert len(ours.items) == len(theirs.items)
    for a, b in zip(ours.items, theirs.items, strict=True):
        assert (a.id, a.name, a.captions) == (b.id, b.name, b.captions)
        np.testing.assert_array_equal(a.vectors, b.vectors)


def test_packed_items_are_those_of_the_files(packed, data: Path) -> None:
    plain = load_split(data, "train")
    assert len(plain.items) == 7 and not (data / NAME).exists()
    for _ in range(2):  # written, then found
        found = packed()
        assert_same(found, plain)
    base = found.items[0].vectors
    assert not base.flags.writeable
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)


def test_it_is_written_anew_when_the_data_change_and_only_then(packed, data: Path) -> None:
    packed()
    written = (data / NAME).stat().st_mtime_ns
    packed()
    assert (data / NAME).stat().st_mtime_ns == written
    path = data / "new_joint_vecs" / "000002.npy"
    np.save(path, np.load(path) + 1)
    assert_same(packed(), load_split(data, "train"))
    (data / "texts" / "000003.txt").write_text("a person waits#a/DET#0.0#0.0\n")
    assert_same(packed(), load_split(data, "train"))
    path.unlink()
    (data / "train.txt").write_text("000000\n000003\n")
    assert_same(packed(), load_split(data, "train"))


@pytest.mark.parametrize("damage", [lambda d: d[:-5], lambda d: b"", lambda d: d + bytes(16)])
def test_a_file_that_is_not_whole_is_written_anew(packed, data: Path, damage) -> None:
    packed()
    (data / NAME).write_bytes(damage((data / NAME).read_bytes()))
    assert_same(packed(), load_split(data, "train"))


def test_damaged_clips_are_named_as_ever(packed, data: Path) -> None:
    (data / "new_joint_vecs" / "000002.npy").write_bytes(b"nothing")
    with pytest.raises(CorruptFileError, match="000002"):
        packed()
    left = packed(skip_damaged=True)
    assert {item.id for item in left.items} == CLIPS.keys() - {"000002"}


def test_where_nothing_can_be_written_the_files_are_read(packed, data: Path, monkeypatch) -> None:
    monkeypatch.setattr("dataset.packed.FileLock", _refuses)
    assert_same(packed(), load_split(data, "train"))
    assert not (data / NAME).exists()


def _refuses(path: Path) -> None:
    raise PermissionError(13, "read-only", str(path))


@pytest.mark.parametrize("target", ["gone", "unlisted"])
@pytest.mark.parametrize("name", ["new_joint_vecs/unlisted", "texts/unlisted"])
def test_a_dangling_link_that_no_list_names_is_passed_over(
    packed, data: Path, name: str, target: str
) -> None:
    plain = load_split(data, "train")
    suffix = ".npy" if "vecs" in name else ".txt"
    (data / f"{name}{suffix}").symlink_to(f"{target}{suffix}")
    assert_same(load_split(data, "train"), plain)
    assert_same(packed(), plain)


def test_a_listed_dangling_link_is_a_missing_motion(packed, data: Path, tmp_path: Path) -> None:
    path = data / "new_joint_vecs" / "000002.npy"
    path.unlink()
    path.symlink_to(tmp_path / "gone")
    with pytest.raises(MissingAssetError, match="000002"):
        packed()
    left = packed(skip_damaged=True)
    assert {item.id for item in left.items} == CLIPS.keys() - {"000002"}
