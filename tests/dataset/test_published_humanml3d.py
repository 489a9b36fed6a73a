"""The published HumanML3D is recognised, and what differs from it is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from dataset.humanml3d import SPLITS, read_ids
from dataset.humanml3d_index import read_index
from dataset.published_humanml3d import CLIPS, LISTED, published_findings


@pytest.fixture
def published(shared: Path, tmp_path: Path) -> Path:
    """The lists, index and statistics of HumanML3D's repository."""
    for path in (shared / "data/humanml3d_sample").glob("*.*"):
        shutil.copy(path, tmp_path)
    return tmp_path


def all_ids(root: Path) -> list[str]:
    return list(dict.fromkeys(clip for split in SPLITS for clip in read_ids(root, split)))


def test_the_published_files_are_as_published(published: Path) -> None:
    assert len(all_ids(published)) == LISTED
    assert len(read_index(published / "index.csv")) == CLIPS
    assert list(published_findings(published, all_ids(published))) == []
    for path in published.glob("*.txt"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert list(published_findings(published, all_ids(published))) == []


def test_what_differs_is_named(published: Path) -> None:
    np.save(published / "Mean.npy", np.load(published / "Mean.npy") + 1e-3)
    train = (published / "train.txt").read_text().split()
    (published / "train.txt").write_text("\n".join([*train[:-1], "009707"]) + "\n")
    (published / "train_val.txt").unlink()
    lists = [clip for split in ("train", "val", "test") for clip in read_ids(published, split)]
    findings = list(published_findings(published, lists))
    assert {(f.where, f.fault) for f in findings} == {
        ("Mean.npy", False),
        ("train.txt", False),
        ("009707", True),
    }
    short = list(published_findings(published, lists[:25_000]))
    assert any(
        "not complete" in finding.kind and "25,000 ids" in finding.detail for finding in short
    )


def test_other_data_sets_are_left_alone(tmp_path: Path) -> None:
    assert list(published_findings(tmp_path, ["000000", "009707"])) == []
