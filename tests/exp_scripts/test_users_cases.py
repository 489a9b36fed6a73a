"""Cases of users, from their file to the command, and each remedy as it is printed."""

from __future__ import annotations

import csv
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dataset.captions import Caption
from dataset.doctor import examine
from dataset.subsets import write_small
from dataset.writer import DatasetClip
from tests.commands import typed
from tests.dataset.test_spoiled_inputs import walking
from tests.dataset.writing import write_dataset
from translation.bvh import read_bvh
from translation.humanml import joints_to_vectors


def run(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Type a command in the checkout."""
    return subprocess.run(
        [sys.executable, *words], cwd=repository, capture_output=True, text=True, check=False
    )


def remedy_of(text: str) -> list[str]:
    """The last remedy that was printed."""
    line = next(line for line in reversed(text.splitlines()) if "what to do:" in line)
    return shlex.split(line.partition("what to do: ")[2])


def dataset_of(root: Path, ids: dict[str, list[str]]) -> Path:
    """A data set of walks under these ids, by split."""
    vectors = joints_to_vectors(walking(45))
    vectors += np.random.default_rng(0).normal(0, 1e-3, vectors.shape).astype(np.float32)
    listed = [clip for split in ids.values() for clip in split]
    captions = [(Caption("a person walks", ("person/NOUN", "walk/VERB")), 0.0, 0.0)]
    write_dataset(root, [DatasetClip(clip, vectors, captions) for clip in listed], ids)
    return root


def test_export_follows_its_own_remedy(repository: Path, tmp_path: Path) -> None:
    """Case 04: first told, then converted; the thigh is 39 cm in both."""
    stored = walking(20)[..., [0, 2, 1]] * [1, -1, 1] * 100  # centimetres, z up
    np.save(tmp_path / "a.npy", stored)
    words = ["-m", "translation.export", "--motions", str(tmp_path / "a.npy")]
    words += ["--out", str(tmp_path / "out")]
    refused = typed(repository, *words)
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    options = shlex.split(refused.stderr.partition("what to do: add ")[2].splitlines()[0])
    assert options == ["--units", "cm", "--up", "z"]
    done = run(repository, *words, *options, "--fps", "30")
    assert done.returncode == 0, done.stderr
    bvh = read_bvh(tmp_path / "out" / "a.bvh")
    assert bvh.fps == pytest.approx(30)
    thigh = np.linalg.norm(bvh.offsets[bvh.names.index("left_knee")])
    assert thigh == pytest.approx(39.4, abs=0.2)


def test_evaluate_reads_what_mdm_writes_and_refuses_other_axes(
    repository: Path, tmp_path: Path
) -> None:
    clip = np.moveaxis(walking(20), 0, -1)
    content = {"motion": np.stack([clip, clip]), "text": ["a", "b"], "lengths": np.array([20, 12])}
    np.save(tmp_path / "results.npy", np.array(content), allow_pickle=True)
    np.save(tmp_path / "z_up.npy", walking(20)[..., [0, 2, 1]] * [1, -1, 1])
    out = tmp_path / "x.csv"
    words = ["-m", "uhc.evaluate", "--motions", str(tmp_path), "--method", "none"]
    done = run(repository, *words, "--out", str(out), "--workers", "1")
    assert done.returncode == 0, done.stderr
    rows = {row["id"]: row for row in csv.DictReader(out.open())}
    assert [rows[f"results#{k}"]["frames"] for k in (0, 1)] == ["20", "12"]
    assert "axes" in rows["z_up"]["reason"] and "--up z" in done.stderr
    (tmp_path / "results.npy").unlink()
    none = typed(repository, *words, "--out", str(out), "--workers", "1")
    assert none.returncode == 1 and "Traceback" not in none.stderr


def test_ids_with_folders_keep_them(tmp_path: Path) -> None:
    """Case 13: two clips of one name in two folders stay two."""
    ids = [f"aist/subset_{k}/Dance_1" for k in range(3)]
    root = tmp_path / "nested"
    flat = dataset_of(tmp_path / "flat", {"train": ["0", "1", "2"], "val": ["3"], "test": ["4"]})
    for folder, ending in (("new_joint_vecs", "npy"), ("new_joints", "npy"), ("texts", "txt")):
        for number, clip in enumerate([*ids, "music/a", "music/b"]):
            target = root / folder / f"{clip}.{ending}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(flat / folder / f"{number}.{ending}", target)
    for name, listed in (("train", ids), ("val", ["music/a"]), ("test", ["music/b"])):
        (root / f"{name}.txt").write_text("\n".join(listed))
    (root / "train_val.txt").write_text("\n".join([*ids, "music/a"]))
    for name in ("Mean.npy", "Std.npy"):
        shutil.copy(flat / name, root)
    assert not [finding for finding in examine(root) if finding.fault]
    write_small(root, tmp_path / "subset", ids[:2], {})
    assert not [finding for finding in examine(tmp_path / "subset") if finding.fault]
    assert (tmp_path / "subset" / "texts" / f"{ids[0]}.txt").is_file()


def test_lists_of_windows_in_three_commands(repository: Path, tmp_path: Path) -> None:
    """Case 08: a list in UTF-16, and one that no encoding explains."""
    ids = {"train": ["000000", "000001"], "val": ["000002"], "test": ["000003"]}
    root = dataset_of(tmp_path / "d", ids)
    commands = [
        ["-m", "dataset.doctor", str(root)],
        ["exp_scripts/filter_dataset.py", "--source", str(root), "--size", "2"],
        ["-m", "uhc.evaluate", "--motions", str(root), "--split", "train"],
    ]
    commands[1] += ["--out", str(tmp_path / "s")]
    commands[2] += ["--method", "none", "--out", str(tmp_path / "x.csv"), "--workers", "1"]
    (root / "train.txt").write_bytes("000000\r\n000001\r\n".encode("utf-16"))
    for words in commands:
        done = typed(repository, *words)
        assert done.returncode == 0, done.stderr + done.stdout
    (root / "train.txt").write_bytes(b"000000\r\n00000\xe9\r\n")
    for words in commands:
        refused = typed(repository, *words)
        assert refused.returncode == 1 and "Traceback" not in refused.stderr, refused.stderr
        assert "0xe9" in refused.stderr + refused.stdout


def test_the_remedy_for_a_missing_dataset_leads_on(repository: Path, tmp_path: Path) -> None:
    """Case 10: train_generation_0.sh names filter_dataset.py, that a check and another way."""
    script = str(repository / "exp_scripts" / "filter_dataset.py")
    refused = typed(tmp_path, script, "--size", "64")
    words = " ".join(remedy_of(refused.stderr))
    check, _, other = words.partition(" tells how to get HumanML3D; without any licence, ")
    done = subprocess.run(shlex.split(check), cwd=repository, capture_output=True, text=True)
    assert "MISSING" in done.stdout + done.stderr or done.returncode == 0
    other = other.partition(": ")[2]
    help_ = typed(repository, *shlex.split(other)[1:3], "--help")
    assert help_.returncode == 0 and "demo" in help_.stdout


def test_a_summary_ends_a_batch(repository: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "good.npy", walking(20))
    np.save(tmp_path / "bad.npy", np.zeros((5, 7)))
    words = ["-m", "translation.export", "--motions", str(tmp_path), "--out", str(tmp_path / "o")]
    done = typed(repository, *words)
    assert done.returncode == 0 and "1 motions written" in done.stderr
    assert "1 of 2 files left out" in done.stderr
    (tmp_path / "good.npy").unlink()
    none = typed(repository, *words)
    assert none.returncode == 1 and "no motion could be used" in none.stderr


def test_the_check_of_body_models_tells_of_amass(repository: Path) -> None:
    """AMASS is listed, not fetched; the command that it names explains the way by hand."""
    script = ["bash", str(repository / "get_smpl_data.sh"), "--check"]
    table = subprocess.run(script, capture_output=True, text=True, check=False).stdout
    row = next(line for line in table.splitlines() if "amass_data/ACCAD" in line)
    assert "not fetched here" in row
    named = row.partition("by hand; ")[2].rpartition(" says how")[0]
    shown = subprocess.run(shlex.split(named), cwd=repository, capture_output=True, text=True)
    assert shown.returncode == 0 and "https://amass.is.tue.mpg.de" in shown.stdout
