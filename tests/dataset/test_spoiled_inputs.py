"""Spoil a file of every reader: it reads equal, with a warning, or ends in an error of ours.

Moderate counts run with every test; `-m slow` spoils each file in 240 ways.
"""

from __future__ import annotations

import gzip
import io
import logging
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from benchmarks.bodies import body_content, write_npz
from body_models.skeleton import DEFAULT_SKELETON
from body_models.smpl import load_body_model
from dataset.captions import read_captions
from dataset.cmu_captions import Take, read_index
from dataset.cmu_takes import ReadTake, read_take
from dataset.mnist import read_idx
from loop.errors import ScscError
from loop.text import read_lines
from model.checkpoint import load_checkpoint, save_checkpoint
from model.published import read_published
from tests.dataset.test_mnist import idx
from tests.translation.acclaim import amc, asf, motionbuilder
from translation.amass import read_amass
from translation.humanml import joints_to_vectors
from translation.layout import read_ids
from translation.motion_files import read_motions
from translation.units import LEAST_JUMP_M

TAKE = Take("999_01", 0, "", "")
CLOSE = LEAST_JUMP_M
"""Metres (or what a file holds) that a damaged number may shift in silence. An array of joints has
no checksum: where a bone's length, which the body fixes, changes by less, nothing tells the damage
from the motion. All other readers refuse, warn, or read the very same numbers."""


def walking(frames: int = 60) -> np.ndarray:
    """Somebody who walks a metre a second and swings the arms, joints (F, 22, 3), feet on y = 0."""
    joints = np.tile(DEFAULT_SKELETON.rest_joints, (frames, 1, 1))
    joints[..., 1] -= joints[..., 1].min()
    at = np.arange(frames) / 20
    swing = Rotation.from_rotvec(np.outer(0.5 * np.sin(6 * at), [1.0, 0, 0]))
    for arm in ((16, 18, 20), (17, 19, 21)):
        for joint in arm[1:]:
            offset = joints[:, joint] - joints[:, arm[0]]
            joints[:, joint] = joints[:, arm[0]] + swing.apply(offset)
    joints[..., 2] += at[:, None]
    return joints


def frames_of_cmu(count: int = 40) -> list[dict[str, list[float]]]:
    angle = 20 * np.sin(np.arange(count) / 10)
    return [
        {"root": [0, 18, k / 20, 0, 0, 0], "lfemur": [a, 0, 0], "rfemur": [-a, 0, 0]}
        for k, a in enumerate(angle)
    ]


@dataclass(frozen=True)
class Reader:
    """What a file is, how it is read, and whether its bytes protect themselves."""

    name: str
    content: bytes
    read: Callable[[Path], Any]
    text: bool = False


def _arrays(value: Any) -> list[np.ndarray]:
    """Every number that a reader returned."""
    if isinstance(value, torch.Tensor):
        return [value.numpy()]
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        return [array for key in sorted(value) for array in _arrays(value[key])]
    if isinstance(value, list | tuple):
        return [array for item in value for array in _arrays(item)]
    if isinstance(value, int | float):
        return [np.array([float(value)])]
    return []


def _cmu(path: Path) -> np.ndarray:
    return _taken(read_take(path, TAKE, None, "y"))


def _taken(read: ReadTake) -> np.ndarray:
    if read.joints is None:
        raise ScscError(f"left out: {read.reason}", path="here")
    return read.joints


def _amc(path: Path) -> np.ndarray:
    from translation.asf_amc import read_asf

    skeleton = path.with_name("skeleton.asf")
    skeleton.write_text(asf())
    return _taken(read_take(path, TAKE, None, "y", read_asf(skeleton)))


def _asf(path: Path) -> np.ndarray:
    from translation.asf_amc import read_asf

    motion = path.with_name("motion.amc")
    motion.write_text(amc(frames_of_cmu()))
    return _taken(read_take(motion, TAKE, None, "y", read_asf(path)))


def _motion(path: Path) -> list[np.ndarray]:
    return [motion.joints for motion in read_motions(path)]


def _amass(path: Path) -> list[Any]:
    motion = read_amass(path)
    return [motion.poses, motion.trans, motion.betas, motion.fps]


def _smpl(path: Path) -> list[Any]:
    return list(vars(load_body_model(path)).values())


def _npy(array: np.ndarray, pickled: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=pickled)
    return buffer.getvalue()


def _readers(folder: Path) -> Iterator[Reader]:
    joints = walking().astype(np.float32)
    clips = {"motion": np.moveaxis(joints, 0, -1)[None], "text": ["a walk"], "lengths": [60]}
    poses, trans = np.zeros((40, 52, 3)), np.zeros((40, 3))
    poses[:, 1, 0], trans[:, 1] = 0.3 * np.sin(np.arange(40) / 8), np.arange(40) / 100
    buffer = io.BytesIO()
    np.savez(
        buffer, poses=poses.reshape(40, -1), trans=trans, betas=np.zeros(16), gender="male",
        mocap_framerate=np.array(120.0),
    )  # fmt: skip
    save_checkpoint(folder / "model.pt", {"weights": torch.linspace(0, 1, 300), "step": 7})
    torch.save({"a": torch.linspace(0, 1, 300)}, folder / "published.pt")
    index = "Subject #1 (walk)\n" + "".join(f"01_{k:02d}\twalk {k}\n" for k in range(1, 30))
    caption = "a person walks#a/DET person/NOUN walk/VERB#0.0#0.0\n" * 3
    yield Reader("bvh", motionbuilder(frames_of_cmu()).encode(), _cmu, True)
    yield Reader("amc", amc(frames_of_cmu()).encode(), _amc, True)
    yield Reader("asf", asf().encode(), _asf, True)
    yield Reader("amass", buffer.getvalue(), _amass)
    yield Reader("smpl", write_npz(folder / "b.npz", body_content("smpl")).read_bytes(), _smpl)
    yield Reader("vectors", _npy(joints_to_vectors(walking(61))), _motion)
    yield Reader("joints", _npy(joints), _motion)
    yield Reader("results", _npy(np.array(clips, dtype=object), True), _motion)
    digits = np.random.default_rng(0).integers(0, 256, (30, 28, 28)).astype(np.uint8)
    yield Reader("idx", gzip.compress(idx(digits)), read_idx)
    yield Reader("checkpoint", (folder / "model.pt").read_bytes(), load_checkpoint)
    yield Reader("published", (folder / "published.pt").read_bytes(), read_published)
    yield Reader("captions", caption.encode(), read_captions, True)
    yield Reader("index", index.encode(), read_index, True)
    ids = "".join(f"{k:06d}\n" for k in range(40)).encode()
    yield Reader("ids", ids, lambda path: read_ids(path.parent, path.stem), True)
    yield Reader("prompts", b"a person walks\nsomebody jumps\n", read_lines, True)


MOTIONS = ("bvh", "amc", "asf", "amass", "smpl", "vectors", "joints", "results", "idx")
TEXTS = ("captions", "index", "ids", "prompts")
NAMES = (*MOTIONS, "checkpoint", "published", *TEXTS)


def spoiled(data: bytes, number: int) -> bytes:
    """The same file, damaged: cut, empty, flipped, lost, doubled, blanked, exchanged, recoded."""
    rng = np.random.default_rng([number, len(data)])
    raw = bytearray(data)
    if number < 10:
        return bytes(raw[: number * len(raw) // 10])
    low, high = sorted(int(place) for place in rng.integers(0, len(raw), 2))
    middle = (low + high) // 2
    kind = number % 8
    if kind == 0:
        return bytes(raw[:low] + raw[high:])
    if kind == 1:
        return bytes(raw[:high] + raw[low:])
    if kind == 2:
        raw[low:high] = bytes(high - low)
        return bytes(raw)
    if kind == 3:
        return bytes(raw[:low] + raw[middle:high] + raw[low:middle] + raw[high:])
    if kind == 4:
        return bytes(raw) + rng.bytes(1 + number)
    for place in rng.integers(0, len(raw), (1, 4, 16)[kind - 5]):
        raw[place] ^= 1 << int(rng.integers(0, 8))
    return bytes(raw)


def outcome(reader: Reader, path: Path, clean: list[np.ndarray], caplog) -> str:
    """`equal`, `close`, `warned`, `refused`, or what is wrong."""
    caplog.clear()
    try:
        found = _arrays(reader.read(path))
    except ScscError as error:
        return "refused" if error.path is not None else f"no path in {error}"
    if any(record.levelno >= logging.WARNING for record in caplog.records):
        return "warned"
    if [a.shape for a in found] != [a.shape for a in clean]:
        shorter = [a.shape for a in found], [a.shape for a in clean]
        return f"other shapes in silence: {shorter}"
    off = max(
        (float(np.abs(a - b).max(initial=0)) for a, b in zip(found, clean, strict=True)),
        default=0.0,
    )
    return "equal" if off == 0 else "close" if off < CLOSE else f"off by {off:.3g} in silence"


def spoil_all(name: str, count: int, folder: Path, caplog) -> Counter[str]:
    reader = next(r for r in _readers(folder) if r.name == name)
    suffix = {"idx": "train.gz", "ids": "train.txt", "amass": "a.npz", "smpl": "a.npz"}.get(
        name, "a.npy"
    )
    path = folder / suffix
    path.write_bytes(reader.content)
    caplog.clear()
    clean = _arrays(reader.read(path))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    seen: Counter[str] = Counter()
    for number in range(count):
        path.write_bytes(spoiled(reader.content, number))
        result = outcome(reader, path, clean, caplog)
        # Words and names have no redundancy: only motions, weights and pictures must not change.
        if "silence" in result and reader.name in TEXTS:
            result = "other text"
        seen[result] += 1
        assert "silence" not in result and "no path" not in result, f"spoiled {number}: {result}"
    return seen


@pytest.mark.parametrize("name", NAMES)
def test_a_spoiled_file_is_never_another_motion_in_silence(
    name: str, tmp_path: Path, caplog
) -> None:
    seen = spoil_all(name, 48, tmp_path, caplog)
    assert seen["refused"] > 4, seen


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_file_spoiled_in_240_ways(name: str, tmp_path: Path, caplog) -> None:
    print(name, dict(spoil_all(name, 240, tmp_path, caplog)))


SEMANTIC = {
    "float16": lambda j: j.astype(np.float16),
    "big-endian": lambda j: j.astype(">f8"),
    "integers": lambda j: (j * 1000).astype(np.int32),
    "text": lambda j: j.astype(str),
    "complex": lambda j: j.astype(complex),
    "booleans": lambda j: j > 0,
    "Fortran": np.asfortranarray,
    "reversed axes": lambda j: j[..., ::-1],
    "z up": lambda j: j[..., [0, 2, 1]],
    "x up": lambda j: j[..., [1, 0, 2]],
    "y down": lambda j: -j,
    "mirrored": lambda j: j * [-1, 1, 1],
    "centimetres": lambda j: j * 100,
    "feet": lambda j: j / 0.3048,
    "half": lambda j: j / 2,
    "no frame": lambda j: j[:0],
    "not a number": lambda j: np.where(j > 1.2, np.nan, j),
    "infinite": lambda j: np.where(j > 1.2, np.inf, j),
    "enormous": lambda j: j * 1e30,
    "zero": np.zeros_like,
    "other order": lambda j: j[:, ::-1],
    "sides exchanged": lambda j: j[:, [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, *range(12, 22)]],
    "21 joints": lambda j: j[:, :21],
    "four numbers": lambda j: np.concatenate([j, j[..., :1]], axis=-1),
    "scalar": lambda j: np.float64(3),
}
SAME = {"float16", "big-endian", "Fortran"}


@pytest.mark.parametrize("kind", SEMANTIC)
def test_arrays_that_are_no_upright_human_in_metres(kind: str, tmp_path: Path, caplog) -> None:
    np.save(tmp_path / "a.npy", SEMANTIC[kind](walking()))
    reader = Reader(kind, b"", _motion)
    found = outcome(reader, tmp_path / "a.npy", [walking()], caplog)
    assert found == "close" if kind in SAME else found in ("refused", "warned"), (kind, found)


def test_a_zip_that_unpacks_to_other_bytes_is_found_by_its_checksum(tmp_path: Path) -> None:
    """Why archives need no other check: Python compares CRC-32 as it reads."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x", b"abc" * 100)
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    raw[60] ^= 1
    with pytest.raises(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(raw)) as archive:
        archive.read("x")
