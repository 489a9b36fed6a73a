"""The doctor finds each fault it names, and lets a sound dataset pass."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dataset.doctor import examine, main
from loop.errors import MissingAssetError


@pytest.fixture
def copy(demo: Path, tmp_path: Path) -> Path:
    shutil.copytree(demo, tmp_path / "demo")
    return tmp_path / "demo"


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def edit(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    np.save(path, change(np.load(path)))


def with_nan(vectors: np.ndarray) -> np.ndarray:
    vectors[3, 3] = np.nan
    return vectors


def test_the_demo_dataset_is_sound(demo: Path) -> None:
    assert examine(demo) == []


CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "nan": (
        lambda root: edit(root / "new_joint_vecs/000001.npy", with_nan),
        "a motion has the wrong shape or is not finite",
    ),
    "shape": (
        lambda root: edit(root / "new_joint_vecs/000001.npy", lambda v: v[:, :262]),
        "a motion has the wrong shape or is not finite",
    ),
    "truncated": (
        lambda root: (root / "new_joint_vecs/000001.npy").write_bytes(b"\x93NUMPY"),
        "a motion cannot be read",
    ),
    "missing motion": (
        lambda root: (root / "new_joint_vecs/000001.npy").unlink(),
        "a listed motion is missing",
    ),
    "missing captions": (
        lambda root: (root / "texts/000001.txt").unlink(),
        "captions are missing or do not parse",
    ),
    "bad caption line": (
        lambda root: append(root / "texts/000001.txt", "no fields\n"),
        "captions are missing or do not parse",
    ),
    "joints of another clip": (
        lambda root: edit(root / "new_joints/000001.npy", lambda j: j[:-3]),
        "joints do not match the vectors",
    ),
    "joints unreadable": (
        lambda root: (root / "new_joints/000001.npy").write_bytes(b""),
        "a joint file cannot be read",
    ),
    "wrong mean": (
        lambda root: edit(root / "Mean.npy", lambda m: m + 1),
        "statistics are not those of the data",
    ),
    "wrong std": (
        lambda root: edit(root / "Std.npy", lambda s: s * 3),
        "statistics are not those of the data",
    ),
    "no std": (
        lambda root: (root / "Std.npy").unlink(),
        "statistics are missing or not usable",
    ),
    "mirror image in another split": (
        lambda root: append(root / "test.txt", "M000001\n"),
        "a clip or its mirror image is in two splits",
    ),
    "listed twice": (
        lambda root: append(root / "train.txt", "000001\n"),
        "an id is listed twice",
    ),
    "train_val differs": (
        lambda root: append(root / "train_val.txt", "000191\n"),
        "train_val is not train and val together",
    ),
    "outside the pool": (
        lambda root: (root / "pool.txt").write_text("000003\n"),
        "a training clip is not in the pool",
    ),
    "tested and in the pool": (
        lambda root: (root / "pool.txt").write_text((root / "train_val.txt").read_text()),
        "a clip of the pool validates or tests",
    ),
    "list missing": (lambda root: (root / "test.txt").unlink(), "a split list is missing"),
    "checksum": (
        lambda root: append(root / "clips.json", " "),
        "a file differs from its checksum",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_fault_is_found(copy: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil, kind = CASES[name]
    spoil(copy)
    findings = examine(copy)
    assert kind in {finding.kind for finding in findings if finding.fault}
    monkeypatch.setattr("dataset.doctor.examine", lambda root: findings)  # once is enough
    with pytest.raises(SystemExit) as exit_status:
        main(copy)
    assert exit_status.value.code == 1


def test_notes_are_no_faults(tiny) -> None:
    line = "a man walks#a/DET#0.0#0.0\n"
    late = "he stops#he/PRON#9.0#12.0\n"
    root = tiny({"000001": 20, "000002": 60}, {"000001": line, "000002": line + late})
    shutil.copy(root / "train.txt", root / "train_val.txt")
    (root / "val.txt").write_text("")
    (root / "test.txt").write_text("000003\n")
    for name in ("new_joint_vecs/{}.npy", "texts/{}.txt"):
        shutil.copy(root / name.format("000002"), root / name.format("000003"))
    np.save(root / "new_joint_vecs/000009.npy", np.zeros((50, 263)))
    notes = {finding.kind for finding in examine(root) if not finding.fault}
    assert {"a segment is empty", "a motion is in no list", "a clip has no joint file"} <= notes
    assert any("the loader leaves it out" in kind for kind in notes)


def test_a_pair_that_lost_one_is_noted(copy: Path) -> None:
    ids = (copy / "train.txt").read_text().split()
    lost = next(clip for clip in ids if clip.startswith("M"))
    (copy / "train.txt").write_text("".join(f"{clip}\n" for clip in ids if clip != lost))
    notes = [finding for finding in examine(copy) if "mirror image is not" in finding.kind]
    assert [(note.where, note.fault) for note in notes] == [(lost[1:], False)]


def test_exit_status_and_table(demo: Path, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_status:
        main(demo)
    assert exit_status.value.code == 0
    assert "84 train" in capsys.readouterr().out
    (copy / "texts/000001.txt").write_text("")
    with pytest.raises(SystemExit):
        main(copy)
    output = capsys.readouterr().out
    assert "FAULT" in output and "000001" in output


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError):
        examine(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["[]", "3", "null", '["a"]'])
def test_checksums_that_are_none_are_a_fault(copy: Path, text: str) -> None:
    (copy / "files.json").write_text(text)
    kinds = {finding.kind for finding in examine(copy) if finding.fault}
    assert kinds == {"the list of checksums cannot be read"}
