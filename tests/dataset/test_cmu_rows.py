"""People's captions joined to CMU takes; the words are ours, in both published formats."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dataset.cmu import build
from dataset.cmu_rows import Row, humanml3d_rows, kit_rows, place_row
from dataset.cmu_takes import ReadTake, Take, read_take
from dataset.doctor import examine
from dataset.humanml3d import read_captions, read_ids
from dataset.humanml3d_index import PublicFiles
from dataset.tagging import tag
from dataset.windows import whole
from loop.errors import CorruptFileError, InvalidMotionError, InvalidOptionError, MissingAssetError
from tests.dataset.test_cmu import walking
from tests.translation.acclaim import motionbuilder

SHORT = ("07_01", "08_01", "13_11", "14_05")
TEXT = (
    "a person steps to the {0}.#a/DET person/NOUN step/VERB to/ADP the/DET {0}/NOUN#0.0#0.0\n"
    "they stop.#they/PRON stop/VERB#1.5#3.0\n"
)


def texts_of(clips: list[str]) -> dict[str, str]:
    pairs = [(f"{m}{clip}", side) for clip in clips for m, side in (("", "left"), ("M", "right"))]
    return {name: TEXT.format(side) for name, side in pairs}


def write_repository(shared: Path, folder: Path) -> Path:
    """What HumanML3D's repository holds, with captions of our own for the rows on CMU takes."""
    sample = shared / "data/humanml3d_sample"
    folder.mkdir()
    for name in ("index.csv", "train.txt", "val.txt", "test.txt"):
        shutil.copy(sample / name, folder)
    rows = csv.DictReader((sample / "index.csv").read_text().splitlines())
    clips = [row["new_name"][:6] for row in rows if "/CMU/" in row["source_path"]]
    with zipfile.ZipFile(folder / "texts.zip", "w") as archive:
        for name, text in texts_of(clips).items():
            archive.writestr(f"texts/{name}.txt", text)
    return folder


@pytest.fixture(scope="module")
def repository(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_repository(shared, tmp_path_factory.mktemp("hml") / "HumanML3D")


def test_a_folder_and_github_s_zip_hold_the_same(repository: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in repository.iterdir():
            inside = "" if path.suffix == ".csv" else "HumanML3D/"
            archive.write(path, f"HumanML3D-main/{inside}{path.name}")
    (tmp_path / "main.zip").write_bytes(buffer.getvalue())
    folder, zipped = PublicFiles(repository), PublicFiles(tmp_path / "main.zip")
    rows = humanml3d_rows(folder)
    assert rows == humanml3d_rows(zipped)
    assert len(rows) == 2913
    hours = sum(row.end - row.start for row in rows) / 20 / 3600
    assert hours == pytest.approx(6.4, abs=0.05)
    assert folder.split("test") == zipped.split("test")
    assert rows[0].captions[1][1:] == (1.5, 3.0)
    assert rows[0].mirrored[0][0].tokens[-1] == "right/NOUN"


@pytest.mark.usefixtures("each_take_read_once")
def test_rows_of_the_takes_at_hand(shared: Path, repository: Path, tmp_path: Path, caplog) -> None:
    counts = build(
        shared / "data/cmu_bvh", tmp_path / "hml", captions="humanml3d", source=repository
    )
    rows = [row for row in PublicFiles(repository).rows() if row.archive == "CMU"]
    there = {path.name.split(".")[0] for path in (shared / "data/cmu_bvh").glob("*.bvh.gz")}
    at_hand = {row.clip: row for row in rows if row.take in there}
    made = {p.stem for p in (tmp_path / "hml/new_joint_vecs").glob("[0-9]*.npy")}
    report = json.loads((tmp_path / "hml/clips.json").read_text())
    left_out = {clip for entry in report.values() for clip in entry.get("rows left out", {})}
    assert len(at_hand) == 111 and made | left_out < set(at_hand) and not made & left_out
    whole_takes = {clip for clip, row in at_hand.items() if "excluded" in report[row.take]}
    assert made | left_out | whole_takes == set(at_hand)
    assert len(made) == 101 and sum(counts.values()) == 2 * 101
    for clip in made:  # a row's length, but for what the conversion smeared at the start
        row, frames = at_hand[clip], len(np.load(tmp_path / f"hml/new_joint_vecs/{clip}.npy")) + 1
        assert 0 <= row.end - row.start - frames <= 3 + 0.02 * row.end, row
    for split in ("train", "val", "test"):
        published = PublicFiles(repository).split(split)
        assert read_ids(tmp_path / "hml", split) == [c for c in published if c.lstrip("M") in made]
    clip = min(made)
    for name, text in texts_of([clip]).items():
        assert (tmp_path / f"hml/texts/{name}.txt").read_text() == text
    assert "101 of 2913 captioned parts made" in caplog.text
    assert "2802  left out: its take is not in the folder" in caplog.text
    assert not [finding for finding in examine(tmp_path / "hml") if finding.fault]
    build(
        shared / "data/cmu_bvh",
        tmp_path / "64",
        size="64",
        captions="humanml3d",
        source=repository,
    )
    assert len(read_ids(tmp_path / "64", "train")) == 64
    assert read_ids(tmp_path / "64", "test") == read_ids(tmp_path / "hml", "test")


def test_frames_are_counted_from_the_first_of_the_capture(tmp_path: Path) -> None:
    """Both the rest pose before a take and its loss leave frame k of a row at k / 20 s."""
    (tmp_path / "07_01.bvh").write_text(motionbuilder([{}, *walking(20.0)]))
    take = Take("07_01", 7, "", "walk")
    read = read_take(tmp_path / "07_01.bvh", take, 120.0, "y", on_the_clock=True)
    assert read.joints is not None and read.first == 0 and len(read.joints) == 80
    late = ReadTake(take, read.joints[2:], first=2)
    row = Row("000001", "07_01", 10, 60, [], [])
    (a,), (b,) = place_row(row, read, 0), place_row(row, late, 0)
    assert not isinstance(a, str) and not isinstance(b, str)
    np.testing.assert_array_equal(
        read.joints[a.start : a.end],
        late.joints[b.start : b.end],  # type: ignore[index]
    )


def test_the_daz_conversion_loses_two_frames(shared: Path) -> None:
    take = Take("07_01", 7, "", "walk")
    read = read_take(shared / "data/cmu_bvh/07_01.bvh.gz", take, None, "y", on_the_clock=True)
    assert read.joints is not None
    assert read.first == 2  # 8 of 120 a second after the rest pose
    assert len(read.joints) == (316 - 12 - 1) // 6 + 1


def test_a_take_of_half_its_rate_gets_its_rows(
    shared: Path, repository: Path, tmp_path: Path
) -> None:
    """Every second frame of a take whose header still says 120: as CMU's mirror has 525."""
    head, _, motion = (
        gzip.decompress((shared / "data/cmu_bvh/02_03.bvh.gz").read_bytes())
        .decode()
        .partition("Frame Time:")
    )
    lines = motion.splitlines()
    kept = [lines[1], *lines[2::2]]  # the rest pose, then every second frame of the capture
    half, _, _ = head.partition("Frames:")
    (tmp_path / "in").mkdir()
    text = f"{half}Frames: {len(kept)}\nFrame Time:{lines[0]}\n" + "\n".join(kept)
    (tmp_path / "in/02_03.bvh").write_text(text + "\n")
    shutil.copy(shared / "data/cmu_bvh/CMU-INDEX.txt", tmp_path / "in")
    build(tmp_path / "in", tmp_path / "60", captions="humanml3d", source=repository)
    entry = json.loads((tmp_path / "60/clips.json").read_text())["02_03"]
    assert entry["rate"]["fps"] == pytest.approx(60, abs=0.1) and entry["ids"]
    with pytest.raises(InvalidMotionError, match="no captioned part"):
        build(tmp_path / "in", tmp_path / "120", fps=120.0, captions="humanml3d", source=repository)


def test_reasons_of_rows() -> None:
    read = ReadTake(
        Take("1_1", 1, "", ""), np.zeros((100, 22, 3), np.float32), first=2, jumps=(50,)
    )

    def place(clip: str, start: int, end: int) -> object:
        return place_row(Row(clip, "1_1", start, end, [], []), read, 7)

    assert "ends 38 frames before" in str(place("000001", 0, 140))
    assert "jumps" in str(place("000001", 40, 80)) and "jumps" in str(place("000001", 0, -1))
    assert "fewer than two frames" in str(place("000001", 0, 3))
    assert "shorter than 2 seconds" in str(place("", 60, 90))
    (window,) = place("000001", 60, 104)  # type: ignore[misc]
    assert (window.start, window.end, window.ids) == (58, 100, ["000001", "M000001"])
    (cut,) = place("", 55, 101)  # type: ignore[misc]
    assert (cut.clip, cut.start, cut.end) == ("000007", 53, 99)


@pytest.mark.parametrize("form", ["dictionary", "list"])
def test_annotations_of_kit(shared: Path, tmp_path: Path, form: str) -> None:
    said = [("walks to the left", 0.5, 2.75), ("strolls left", 0.5, 2.75), ("stops", 0.0, 0.6)]
    annotations = [{"seg_id": "x", "text": t, "start": a, "end": b} for t, a, b in said]
    content: object = {
        "00001": {"path": "CMU/07/07_01_poses", "duration": 2.6, "annotations": annotations},
        "00002": {"path": "KIT/3/kick_poses", "annotations": annotations},
        "00003": {
            "path": "CMU/08/08_01_poses",
            "annotations": [{"text": "walks to the left", "start": 0.0, "end": 2.2}],
        },
    }
    if form == "list":
        takes = (
            ("CMU/07/07_01_poses.npz", said),
            ("CMU/08/08_01_poses.npz", [(said[0][0], 0.0, 2.2)]),
        )
        content = [
            {"path": path, "text": t, "start": a, "end": b}
            for path, each in takes
            for t, a, b in each
        ]
    (tmp_path / "kit.json").write_text(json.dumps(content))
    rows = kit_rows(tmp_path / "kit.json")
    assert [(row.take, row.start, row.end) for row in rows] == [
        ("07_01", 10, 55),
        ("07_01", 0, 12),
        ("08_01", 0, 44),
    ]
    build(shared / "data/cmu_bvh", tmp_path / "kit", captions="kit", source=tmp_path / "kit.json")
    ids = [*read_ids(tmp_path / "kit", "train"), *read_ids(tmp_path / "kit", "test")]
    assert sorted(ids) == ["000000", "000001", "M000000", "M000001"]
    captions = read_captions(tmp_path / "kit/texts/M000000.txt")
    assert [c.text for c, _, _ in captions] == ["walks to the right", "strolls right"]
    assert whole([tag("walks to the right")]) == captions[:1]


def test_what_is_missing_or_damaged(shared: Path, repository: Path, tmp_path: Path) -> None:
    bvh = shared / "data/cmu_bvh"
    with pytest.raises(InvalidOptionError, match="download_humanml3d_texts"):
        build(bvh, tmp_path / "out", captions="humanml3d")
    with pytest.raises(MissingAssetError, match="download_humanml3d_texts"):
        build(bvh, tmp_path / "out", captions="humanml3d", source=tmp_path / "absent")
    with pytest.raises(MissingAssetError, match=r"kitml\.json"):
        build(bvh, tmp_path / "out", captions="kit", source=tmp_path / "absent.json")
    (tmp_path / "kit.json").write_text('{"1": {"path": "CMU/1/1_1", "annotations": [{"text": 3}]}}')
    with pytest.raises(CorruptFileError, match="unified form"):
        kit_rows(tmp_path / "kit.json")
    damaged = shutil.copytree(repository, tmp_path / "damaged")
    (damaged / "texts.zip").write_bytes((repository / "texts.zip").read_bytes()[:5000])
    with pytest.raises(CorruptFileError, match="zip file"):
        PublicFiles(damaged)
    (damaged / "texts.zip").unlink()
    with pytest.raises(MissingAssetError, match=r"texts\.zip"):
        humanml3d_rows(PublicFiles(damaged))
    assert not (tmp_path / "out").exists()
