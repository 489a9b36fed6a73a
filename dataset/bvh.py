"""Build a dataset from anybody's motion capture in BVH: `python -m dataset.bvh`.

Files of any humanoid, also exported from FBX, come onto the 22 joints and the uniform skeleton at
20 fps; unit, up axis, rate and rest pose are found and said for each. Captions come from a CSV file
with the columns file, start, end, text (seconds; start and end may be empty), or from the names of
the files (`names`) or of their folders (`folder`). The layout is HumanML3D's, with `clips.json`.
"""

from __future__ import annotations

import csv
import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body_models.skeleton import DEFAULT_SKELETON
from dataset.captions import Caption
from dataset.frame_rates import decide_rate
from dataset.sides import spelled_out
from dataset.splits import Split, deal, write_card
from dataset.tagging import tag
from dataset.windows import Window, clips_of, mirrored, whole, windows_of
from dataset.writer import Moments, check_replaceable, staged_folder, write_layout
from loop.cli import command
from loop.errors import CorruptFileError, InvalidMotionError, InvalidOptionError, MissingAssetError
from loop.progress import track
from loop.text import read_lines
from translation.bvh import read_bvh
from translation.cmu import check_speed
from translation.floor import level_floor
from translation.humanml import FPS, uniform_skeleton
from translation.motion_files import report_left_out
from translation.resample import resample_joints
from translation.skeletons import recognise, skeleton_joints
from translation.units import check_body

COLUMNS = ("file", "start", "end", "text")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Said:
    """What a CSV file says of a part of a file.

    Attributes:
        start, end: seconds; end None: to its end.
        text: the caption.
    """

    start: float
    end: float | None
    text: str


def build(
    bvh_dir: Path | str,
    out: Path | str,
    captions: str = "names",
    skeleton: str = "auto",
    fps: float | None = None,
    split: Split = "windows",
) -> dict[str, int]:
    """Make the dataset; returns the number of items by split.

    Args:
        bvh_dir: folder with `.bvh` or `.bvh.gz` files, at any depth.
        out: folder to make.
        captions: a CSV file, `names` or `folder`.
        skeleton: name or file of a table (`translation/skeletons.toml`), or `auto`.
        fps: rate of all files; by default decided for each.
        split: windows or takes.

    Raises:
        MissingAssetError: no files, or no CSV file.
        CorruptFileError: the CSV file cannot be read.
        InvalidOptionError: `out` holds something else, or an unknown table.
        InvalidMotionError: no file could be used.
    """
    bvh_dir, out = Path(bvh_dir), Path(out)
    check_replaceable(out)
    if split == "subjects":
        raise InvalidOptionError("These files name no subjects.", remedy="add --split takes")
    paths = sorted(path for p in ("*.bvh", "*.bvh.gz") for path in bvh_dir.rglob(p))
    if not paths:
        raise MissingAssetError("There are no BVH files.", path=bvh_dir, expected=".bvh, .bvh.gz")
    table = None if captions in ("names", "folder") else _read_csv(Path(captions))
    takes, shown, report = [], [], {}
    for path in track(paths, "reading files"):
        name = path.relative_to(bvh_dir).as_posix()
        try:
            joints, entry = read_take(path, skeleton, fps)
            parts = _parts(name, len(joints), captions, table)
            takes.append((name, joints, parts))
            shown.append((parts[0][2][0].text, len(parts)))
        except (InvalidMotionError, CorruptFileError) as error:
            logger.error("%s is left out: %s", name, error)
            entry = {"excluded": str(error)}
        report[name] = entry
    report_left_out(
        [e["excluded"] for e in report.values() if "excluded" in e], len(paths), bvh_dir
    )
    return _write(out, takes, deal(shown, split), report, split)


def read_take(
    path: Path, skeleton: str = "auto", given: float | None = None
) -> tuple[NDArray[np.float32], dict]:
    """Read joints (F, 22, 3) of a file on the uniform skeleton at 20 fps, y up, floor at 0.

    Returns:
        The joints, and what was found: skeleton, up, rest_pose, fps, rate.

    Raises:
        CorruptFileError: no BVH. InvalidMotionError: no human that moves as one.
    """
    bvh = read_bvh(path)
    chosen = recognise(bvh) if skeleton == "auto" else skeleton
    raw, up, rest = skeleton_joints(bvh, chosen)
    check_body(raw, path)
    rate = decide_rate("", raw, bvh.fps, given)
    check_speed(raw, rate.fps)
    joints = uniform_skeleton(resample_joints(raw, rate.fps, FPS), DEFAULT_SKELETON)
    found = {"skeleton": chosen, "up": up, "rest_pose": rest, "fps": rate.fps, "rate": rate.source}
    logger.info("%s: %s", path.name, ", ".join(f"{key} {value}" for key, value in found.items()))
    if rate.doubt:
        logger.warning("%s at %.4g fps %s: --fps gives the rate", path.name, rate.fps, rate.doubt)
    return level_floor(joints, FPS), found


def _parts(
    name: str, frames: int, captions: str, table: dict[str, list[Said]] | None
) -> list[tuple[int, int, list[Caption]]]:
    """Return (start, end, captions) of the windows of a file."""
    if table is None:
        path = Path(name)
        words = path.parent.name if captions == "folder" else path.name.split(".")[0]
        text = " ".join(spelled_out(words.replace("-", " ")).split())
        spans = {(0, frames): [text]} if text else {}
    else:
        spans = defaultdict(list)
        for said in table.get(name, table.get(Path(name).name, [])):
            end = frames if said.end is None else min(round(said.end * FPS), frames)
            spans[round(said.start * FPS), end].append(said.text)
    parts = [
        (start + a, start + b, [tag(text) for text in texts])
        for (start, end), texts in spans.items()
        for a, b in windows_of(end - start, overlap=False)
    ]
    if not parts:
        raise InvalidMotionError(
            "The file has no captioned part of 2 seconds.", found=f"{frames} frames at 20 fps"
        )
    return parts


def _read_csv(path: Path) -> dict[str, list[Said]]:
    lines = read_lines(path, "captions", "write one, or say --captions names")
    table: dict[str, list[Said]] = defaultdict(list)
    try:
        for row in csv.DictReader(lines, skipinitialspace=True, strict=True):
            start, end = (row.get(key) or "" for key in ("start", "end"))
            said = Said(float(start or 0), float(end) if end else None, row["text"].strip())
            if not said.text or "#" in said.text or not 0 <= said.start < (said.end or np.inf):
                raise ValueError(f"{row}")
            table[row["file"]].append(said)
    except (csv.Error, ValueError, KeyError, AttributeError) as error:
        raise CorruptFileError(
            "The captions cannot be read.", path=path, found=error, expected=",".join(COLUMNS)
        ) from error
    return table


def _write(
    out: Path,
    takes: Sequence[tuple[str, NDArray[np.float32], list[tuple[int, int, list[Caption]]]]],
    dealt: Sequence[Sequence[str]],
    report: dict[str, dict],
    split: Split,
) -> dict[str, int]:
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    made, moments, number = [], Moments(), 0
    for (name, joints, parts), homes in zip(takes, dealt, strict=True):
        windows = []
        for (start, end, said), home in zip(parts, homes, strict=True):
            captions = whole(said)
            windows.append(Window(f"{number:06d}", start, end, captions, mirrored(captions)))
            splits[home] += windows[-1].ids
            number += 1
        report[name]["ids"] = [clip for window in windows for clip in window.ids]
        for clip in clips_of(joints, windows):
            moments.add(clip.vectors)
            made.append(clip)
    with staged_folder(out, {"dataset": "bvh", "split": split}) as folder:
        write_layout(folder, made, splits, moments, pool=splits["train"])
        write_card(folder, f"Motion capture, {len(splits['train'])} training motions", split)
        (folder / "clips.json").write_text(json.dumps(report, indent=1) + "\n")
    counts = {name: len(ids) for name, ids in splits.items()}
    logger.info("made %s: %s", out, ", ".join(f"{n} {name}" for name, n in counts.items()))
    return counts


@command()
def main(
    bvh_dir: Path,
    out: Path,
    captions: str = "names",
    skeleton: str = "auto",
    fps: str = "auto",
    split: Split = "windows",
) -> None:
    """Build a dataset in HumanML3D layout from BVH files of any humanoid.

    Args:
        bvh_dir: folder with .bvh or .bvh.gz files, at any depth.
        out: folder to make.
        captions: a CSV file with the columns file, start, end, text; or names, or folder.
        skeleton: auto, daz, motionbuilder, mixamo, lafan1, 100style, bandai, rokoko, cgspeed, or a
            table of your own (TABLE.toml).
        fps: frames a second of all files, or auto.
        split: windows (for the loop) or takes.
    """
    try:
        rate = None if fps == "auto" else float(fps)
    except ValueError as error:
        raise InvalidOptionError("no rate", found=fps, expected="auto, or a number") from error
    build(bvh_dir, out, captions, skeleton, rate, split)


if __name__ == "__main__":
    import tyro

    tyro.cli(main)
