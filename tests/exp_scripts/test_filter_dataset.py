from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from tests.commands import typed


def run(repository: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Type the documented command in `folder`."""
    return typed(folder, str(repository / "exp_scripts" / "filter_dataset.py"), *options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with HumanML3D of 140 clips and one v3d file, where the README puts them."""
    root = tmp_path / "dataset" / "HumanML3D"
    for name in ("new_joint_vecs", "texts"):
        (root / name).mkdir(parents=True)
    lines = ["source_path,start_frame,end_frame,new_name"]
    for number in range(140):
        take = f"./pose_data/BMLmovi/Subject_7_F_MoSh/Subject_7_F_{number + 1}_poses.npy"
        lines.append(f"{take},0,60,{number:06d}.npy")
        for clip in (f"{number:06d}", f"M{number:06d}"):
            vectors = np.random.default_rng(number).normal(size=(40 + number % 20, 263))
            np.save(root / "new_joint_vecs" / f"{clip}.npy", vectors.astype(np.float32))
            (root / "texts" / f"{clip}.txt").write_text("walk#walk/VERB#0.0#0.0\n")
    (root / "index.csv").write_text("\n".join(lines) + "\n")
    for split, numbers in (
        ("train", range(136)),
        ("val", range(136, 138)),
        ("test", range(138, 140)),
    ):
        ids = [clip for n in numbers for clip in (f"{n:06d}", f"M{n:06d}")]
        (root / f"{split}.txt").write_text("".join(f"{clip}\n" for clip in ids))
    train, val = ((root / f"{name}.txt").read_text() for name in ("train", "val"))
    (root / "train_val.txt").write_text(train + val)
    motions = np.array(["walking", "sitting_down", *["other"] * 38], dtype=object)
    (tmp_path / "dataset" / "F_Subjects_1_90").mkdir()
    savemat(
        tmp_path / "dataset" / "F_Subjects_1_90" / "F_v3d_Subject_7.mat",
        {"Subject_7_F": {"id": "Subject_7_F", "move": {"motions_list": motions}}},
    )
    return tmp_path


def test_the_documented_commands_make_the_datasets_of_the_paper(
    repository: Path, folder: Path
) -> None:
    first = run(repository, folder)
    assert first.returncode == 0, first.stderr
    parent = folder / "dataset" / "HumanML3D_subset_2794"
    assert len((parent / "train.txt").read_text().split()) == 270
    assert not (parent / "texts" / "M000001.txt").exists()
    for size in (64, 128, 256):
        drawn = (folder / f"dataset/HumanML3D_subset_{size:04d}/train.txt").read_text().split()
        assert len(drawn) == size
    second = run(repository, folder, "--size", "64", "--seed", "3")
    assert second.returncode == 0, second.stderr
    small = folder / "dataset" / "HumanML3D_subset_0064"
    drawn = (small / "train.txt").read_text().split()
    assert len(drawn) == 64 and set(drawn) < set((parent / "train.txt").read_text().split())
    assert (small / "test.txt").read_bytes() == (parent / "test.txt").read_bytes()
    assert (small / "Std.npy").read_bytes() == (parent / "Std.npy").read_bytes()
    made_from = json.loads((small / "dataset.json").read_text())
    assert made_from["size"] == 64 and made_from["seed"] == 3


def test_lists_of_the_authors(repository: Path, folder: Path) -> None:
    (folder / "0064_train.txt").write_text("M000005\n000009\n")
    options = ["--source", "dataset/HumanML3D", "--ids", "0064_train.txt"]
    refused = run(repository, folder, *options)
    assert refused.returncode == 1 and "--ids needs --out" in refused.stderr
    done = run(repository, folder, *options, "--out", "mine")
    assert done.returncode == 0, done.stderr
    assert (folder / "mine" / "train.txt").read_text() == "M000005\n000009\n"


def test_what_is_missing_is_told_without_a_traceback(repository: Path, tmp_path: Path) -> None:
    done = run(repository, tmp_path)
    assert done.returncode == 1
    assert "extract_humanml_3d.sh --check" in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
    both = run(repository, tmp_path, "--size", "64", "--ids", "some.txt")
    assert both.returncode == 1 and "one of --size and --ids" in both.stderr
