"""The CMU dataset from a few real takes: shape, splits, sizes, reasons."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.cmu import build
from dataset.cmu_plan import assign_splits
from dataset.cmu_takes import read_takes
from dataset.doctor import examine
from dataset.humanml3d import load_split, read_ids
from dataset.windows import LONGEST, SHORTEST, windows_of
from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError
from tests.translation.acclaim import amc, asf, motionbuilder

TAKES = ("02_05", "06_01", "07_01", "08_01", "09_03", "13_11", "13_33", "14_05", "05_16")


@pytest.fixture(scope="module")
def bvh_dir(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bvh")
    for name in TAKES:
        shutil.copy(shared / f"data/cmu_bvh/{name}.bvh.gz", folder)
    shutil.copy(shared / "data/cmu_bvh/CMU-INDEX.txt", folder)
    return folder


@pytest.fixture(scope="module")
def made(bvh_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "cmu"
    build(bvh_dir, out)
    return out


def test_clips_are_people_on_a_floor(bvh_dir: Path) -> None:
    read = [read for read in read_takes(bvh_dir) if read.joints is not None]
    clips = {take.take.name: take.joints for take in read}
    assert set(clips) == set(TAKES) - {"13_33", "05_16"}
    assert {take.take.name: take.take.description for take in read}["07_01"] == "walk"
    for name, joints in clips.items():
        assert joints.dtype == np.float32 and joints.shape[1:] == (22, 3)
        lowest = joints[..., 1].min(axis=1)
        assert lowest.min() > -0.05 and np.quantile(lowest, 0.2) < 0.03, name
        np.testing.assert_allclose(joints[0, 0, [0, 2]], 0, atol=1e-6)
    assert len(clips["07_01"]) == pytest.approx((317 - 9) / 6, abs=1)


def test_windows_are_dealt_with_their_mirror_images(made: Path) -> None:
    assert not [finding for finding in examine(made) if finding.fault]
    home = {clip: split for split in ("train", "val", "test") for clip in read_ids(made, split)}
    originals = sorted(clip for clip in home if not clip.startswith("M"))
    assert all(home[clip] == home[f"M{clip}"] for clip in originals)
    assert {*home.values()} >= {"train", "test"}
    counts = Counter(home[clip] for clip in originals)
    assert abs(counts["train"] - counts["test"] - counts["val"]) <= 1
    report = json.loads((made / "clips.json").read_text())
    for entry in report.values():
        for split, ids in entry.get("splits", {}).items():
            assert {home[clip] for clip in ids} == {split}
    assert read_ids(made, "pool") == read_ids(made, "train")
    assert "--split windows" in (made / "README.md").read_text()


def test_splits_by_subject(bvh_dir: Path, tmp_path: Path) -> None:
    build(bvh_dir, tmp_path / "cmu", split="subjects")
    report = json.loads((tmp_path / "cmu" / "clips.json").read_text())
    of_subject: dict[int, set[str]] = {}
    for entry in report.values():
        of_subject.setdefault(entry["subject"], set()).update(entry.get("splits", {}))
    assert of_subject[7] in ({"train"}, {"val"})
    assert of_subject[8] == of_subject[14] == {"test"}  # the titles of 7 and 13 again


def test_splits_by_take(bvh_dir: Path, tmp_path: Path) -> None:
    counts = build(bvh_dir, tmp_path / "cmu", split="takes")
    report = json.loads((tmp_path / "cmu" / "clips.json").read_text())
    assert all(len(entry.get("splits", {})) <= 1 for entry in report.values())
    assert counts["train"] and counts["test"]


def test_reasons_are_given(made: Path) -> None:
    report = json.loads((made / "clips.json").read_text())
    assert set(report) == set(TAKES)
    assert "climbs" in report["13_33"]["excluded"]
    assert "jumps" in report["05_16"]["excluded"]
    assert "fewer than 41" in report["09_03"]["excluded"]
    assert "excluded" not in report["07_01"]


def test_items_read_with_the_published_loader(made: Path) -> None:
    for split in ("train", "test"):
        for item in load_split(made, split).items:
            assert SHORTEST <= len(item.vectors) <= LONGEST
            assert len(item.captions) == 4


def test_sizes_are_samples_that_share_the_rest(
    made: Path, bvh_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidOptionError, match=r"(?s)fewer training items.*--size max trains on"):
        build(bvh_dir, tmp_path / "small", size="256")
    build(bvh_dir, tmp_path / "twice")
    assert read_ids(tmp_path / "twice", "train") == read_ids(made, "train")
    (summary,) = [text for text in caplog.messages if "takes read" in text]
    assert set(re.findall(r"left out: *(.*)", summary)) == {
        "climbs on something that is not there",
        "A joint jumps: the capture is broken",
        "N frames at N fps are fewer than N",
    }


@pytest.mark.usefixtures("each_take_read_once")
def test_size_64_of_all_takes_keeps_statistics_test_and_pool(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/cmu_bvh"
    whole, small = tmp_path / "max", tmp_path / "64"
    assert build(source, whole)["train"] >= 200
    assert build(source, small, size="64")["train"] == 64
    for name in ("Mean.npy", "Std.npy", "test.txt", "val.txt", "pool.txt"):
        assert (whole / name).read_bytes() == (small / name).read_bytes()
    assert set(read_ids(small, "train")) < set(read_ids(whole, "train"))
    assert len(load_split(small, "pool").items) == len(read_ids(whole, "train"))
    assert examine(small) == []  # nor does the split differ from the pool's


@given(st.integers(2, 3000))
def test_windows_that_do_not_overlap_cover_a_take(frames: int) -> None:
    windows = windows_of(frames, overlap=False)
    if frames <= SHORTEST:
        assert not windows
        return
    steps = [step for start, end in windows for step in range(start, end - 1)]
    assert steps == list(range(frames - 1))  # each vector in exactly one
    lengths = [end - start - 1 for start, end in windows]
    assert min(lengths) >= SHORTEST and max(lengths) < 90


@given(st.integers(2, 3000))
def test_windows_cover_a_take(frames: int) -> None:
    windows = windows_of(frames)
    if frames <= SHORTEST:
        assert not windows
        return
    assert windows[0][0] == 0 and windows[-1][1] == frames
    for start, end in windows:
        assert SHORTEST <= end - start - 1 <= LONGEST
    for (_, end), (start, _) in itertools.pairwise(windows):
        assert start < end


def test_split_rule() -> None:
    titles = {1: "walk", 2: "run", 3: "walk", 4: "dance", 5: "walk"}
    windows = {1: 9, 2: 2, 3: 9, 4: 5, 5: 9}
    expected = {1: "train", 2: "val", 3: "test", 4: "train", 5: "train"}
    assert assign_splits(titles, windows) == expected
    unlike = assign_splits({1: "a", 2: "b", 3: "c"}, {1: 3, 2: 2, 3: 1})
    assert unlike == {3: "test", 2: "val", 1: "train"}
    with pytest.raises(InvalidOptionError, match="three subjects"):
        assign_splits({1: "a", 2: "b"}, {1: 3, 2: 2})


def test_a_list_of_takes_makes_the_same_of_any_folder_that_has_them(
    bvh_dir: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for name in ("02_05.bvh.gz", "07_01.bvh.gz", "CMU-INDEX.txt"):
        shutil.copy(bvh_dir / name, few)
    listed = tmp_path / "takes.txt"
    listed.write_text("02_05\n07_01\n")
    made = [
        build(folder, tmp_path / name, takes=takes)
        for folder, name, takes in ((few, "alone", None), (bvh_dir, "listed", listed))
    ]
    assert made[0] == made[1]
    alone, chosen = (load_split(tmp_path / name, "train").items for name in ("alone", "listed"))
    assert [item.id for item in alone] == [item.id for item in chosen]
    for one, other in zip(alone, chosen, strict=True):
        np.testing.assert_array_equal(one.vectors, other.vectors)
    listed.write_text("02_05\n99_99\n")
    with pytest.raises(MissingAssetError, match="1 of 2; not 99_99"):
        build(bvh_dir, tmp_path / "more", takes=listed)
    with pytest.raises(MissingAssetError, match="no such list"):
        build(bvh_dir, tmp_path / "more", takes=tmp_path / "nowhere.txt")


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match="no motion capture files"):
        list(read_takes(tmp_path))
    (tmp_path / "07_01.bvh").write_text("HIERARCHY")
    with pytest.raises(MissingAssetError, match="index"):
        list(read_takes(tmp_path))
    (tmp_path / "CMU-INDEX.txt").write_text("Subject #7 (walk)\n07_01  walk\n")
    with pytest.raises(CorruptFileError, match="07_01"):
        list(read_takes(tmp_path))


def test_foreign_folder_is_refused(bvh_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InvalidOptionError):
        build(bvh_dir, tmp_path)


def walking(speed: float) -> list[dict[str, tuple[float, ...]]]:
    """Four seconds at 120 fps, in file units and degrees."""
    frames = []
    for time in np.arange(480) / 120:
        swing = 25 * np.sin(2 * np.pi * time)
        frames.append(
            {
                "root": (0.0, 16.5, round(speed * time, 4), 0.0, 0.0, 0.0),
                "lfemur": (round(-swing, 4), 0.0, 20.0),
                "rfemur": (round(swing, 4), 0.0, -20.0),
                "ltibia": (round(20 + abs(swing), 4),),
                "rtibia": (round(20 + abs(swing), 4),),
            }
        )
    return frames


def test_the_original_files_give_the_same_dataset(tmp_path: Path) -> None:
    original, converted = tmp_path / "asf", tmp_path / "bvh"
    index = "".join(f"Subject #{n} (walk)\n{n:02d}_01  walk\n" for n in (7, 8, 12))
    for folder in (original, converted):
        folder.mkdir()
        (folder / "CMU-INDEX.txt").write_text(index)
    for subject, speed in ((7, 20.0), (8, 22.0), (12, 18.0)):
        take = f"{subject:02d}"
        (original / take).mkdir()
        (original / take / f"{take}.asf").write_text(asf())
        (original / take / f"{take}_01.amc").write_text(amc(walking(speed)))
        (converted / f"{take}_01.bvh").write_text(motionbuilder([{}, *walking(speed)]))
    expected = build(original, tmp_path / "a")
    assert build(converted, tmp_path / "b") == expected and expected["test"] > 0
    for path in sorted((tmp_path / "a/new_joints").iterdir()):
        other = np.load(tmp_path / "b/new_joints" / path.name)
        np.testing.assert_allclose(other, np.load(path), atol=0.01)  # the floor is a fit
    assert not [finding for finding in examine(tmp_path / "a") if finding.fault]
    (original / "12" / "12.asf").unlink()
    with pytest.raises(MissingAssetError, match=r"12\.asf"):
        build(original, tmp_path / "a")
