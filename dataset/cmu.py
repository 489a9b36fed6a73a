"""Build a dataset from CMU motion capture: open data, no licence to sign.

`python -m dataset.cmu --bvh_dir DIR --size 64|128|256|max --out DIR` reads the takes (`13_29.bvh`
of the "Daz-friendly" or "MotionBuilder-friendly" release, or the original `13_29.amc` with
`13.asf`; all may be gzipped) and `CMU-INDEX.txt` beside them, brings them to 22 joints, a level
floor and 20 fps, cuts windows of 2 to 9.8 s, mirrors each, and writes the HumanML3D layout and
`clips.json`, which tells what became of every take.

`--split windows` deals windows of about 3 s, which do not overlap, alternately to train and test
(`dataset.splits`); `takes` deals whole takes. `subjects` has windows of about 5 s that overlap: of
subjects with the same title in the index ("walk", "various everyday behaviors") every second one
tests, so that what is tested was trained, on other people; the training subject with the fewest
windows validates. Sizes below max are a seeded sample of the training items, mirrored ones
included; validation, test, statistics and the pool that the evaluator learns (`pool.txt`: all
training items) are those of max.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from dataset.captions import Caption
from dataset.cmu_captions import Take, captions_of, read_index, reason_to_exclude
from dataset.frame_rates import Rate, decide_rate
from dataset.splits import Split, deal, write_card
from dataset.tagging import mirror_caption
from dataset.writer import DatasetClip, Moments, check_replaceable, staged_folder, write_layout
from loop.cli import command
from loop.errors import InvalidMotionError, InvalidOptionError, MissingAssetError
from loop.progress import track
from translation.asf_amc import FPS as AMC_FPS
from translation.asf_amc import Asf, bone_ends, read_asf
from translation.bvh import read_bvh
from translation.cmu import check_speed, cmu_joints, is_motionbuilder, motionbuilder_joints
from translation.daz import daz_joints
from translation.floor import level_floor
from translation.humanml import (
    FPS,
    face_forward,
    joints_to_vectors,
    mirror_joints,
    start_at_origin,
)
from translation.resample import resample_joints
from translation.units import TO_Y_UP, Axis, check_body

SHORTEST, LONGEST, USUAL = 40, 196, 100
"""Vectors of a window: 2 to 9.8 s; where a take gives several, they last about 5 s."""
USUAL_APART = 60
"""And about 3 s where they do not overlap: as many as possible, none longer than 89 vectors."""
DEEPEST_M = 0.3
"""A joint this far below the resting feet means that the root of the take is broken."""
SEED = 20240207
INDEX = "CMU-INDEX.txt"

Size = Literal["64", "128", "256", "max"]
logger = logging.getLogger(__name__)


def cmu_clips(bvh_dir: Path | str) -> Iterator[tuple[str, np.ndarray, str]]:
    """The usable takes of a folder in order of name: (name, joints, description).

    Joints are (F, 22, 3) float32 metres at 20 fps, y up, floor at 0, from the origin, facing +z.
    What is left out is logged with the reason.

    Raises:
        MissingAssetError: no motion file, no skeleton for one, or no index.
        CorruptFileError: a file cannot be read.
    """
    for take, result, _ in _takes(Path(bvh_dir)):
        if isinstance(result, str):
            logger.info("%s (%s) is left out: %s", take.name, take.description, result)
        else:
            yield take.name, result, take.description


def _takes(
    bvh_dir: Path, fps: float | None = None, up: Axis = "y"
) -> Iterator[tuple[Take, np.ndarray | str, Rate | None]]:
    """Every take with its joints, or with the reason why it is left out, and with its rate.

    What lies there both as BVH and as AMC is read from its AMC, the original.
    """
    paths = {
        path.name.split(".")[0]: path
        for pattern in ("*.bvh", "*.bvh.gz", "*.amc", "*.amc.gz")
        for path in sorted(bvh_dir.rglob(pattern))
    }
    if not paths:
        raise MissingAssetError(
            "There are no motion capture files.",
            path=bvh_dir,
            expected="files such as 13_29.bvh(.gz), or 13_29.amc(.gz) with 13.asf(.gz)",
            remedy="bash prepare/download_cmu.sh fetches them",
        )
    index = read_index(next(iter(sorted(bvh_dir.rglob(INDEX))), bvh_dir / INDEX))
    skeletons = {path.name.split(".")[0]: path for path in sorted(bvh_dir.rglob("*.asf*"))}
    read = lru_cache(maxsize=1)(read_asf)  # takes of a subject follow each other
    for name in sorted(paths):
        take = index.get(name, Take(name, 0, "", ""))
        if reason := reason_to_exclude(take):
            yield take, reason, None
        elif ".amc" in paths[name].suffixes:
            subject = name.split("_")[0]
            if subject not in skeletons:
                raise MissingAssetError(
                    "The skeleton of a take is missing.",
                    path=paths[name],
                    expected=f"{subject}.asf in the same folder",
                )
            yield take, *_joints(paths[name], name, fps, up, read(skeletons[subject]))
        else:
            yield take, *_joints(paths[name], name, fps, up)


def _joints(
    path: Path, name: str, given: float | None, up: Axis, skeleton: Asf | None = None
) -> tuple[np.ndarray | str, Rate | None]:
    rate = None
    try:
        if skeleton is None:
            bvh = read_bvh(path)
            fps = bvh.fps
            raw = motionbuilder_joints(bvh) if is_motionbuilder(bvh) else daz_joints(bvh)
        else:
            fps, raw = AMC_FPS, cmu_joints(bone_ends(path, skeleton))
        raw = raw @ TO_Y_UP[up].T
        check_body(raw, path)
        rate = decide_rate(name, raw, fps, given)
        if rate.source not in ("header", "option"):
            logger.info("%s: %.4g fps (%s), not %.4g", name, rate.fps, rate.source, fps)
        if rate.doubt:
            hint = f"--fps {fps / 2:.4g} reads it at half the speed"
            logger.warning("%s at %.4g fps %s: %s", name, rate.fps, rate.doubt, hint)
        check_speed(raw, rate.fps)
        joints = level_floor(resample_joints(raw, rate.fps, FPS), FPS)
    except InvalidMotionError as error:
        return str(error).replace("\n", ","), rate
    if (lowest := float(joints[..., 1].min())) < -DEEPEST_M:
        return f"a joint is {-lowest:.1f} m below the floor: the capture is broken", rate
    return face_forward(start_at_origin(joints)).astype(np.float32), rate


def windows_of(frames: int, *, overlap: bool = True) -> list[tuple[int, int]]:
    """(start, end) of the windows of a take of `frames` joint frames; none if it is too short.

    They divide the take into equal parts; overlapping ones add one more across each border. A
    window of n joint frames gives n - 1 vectors, so that neighbours share a joint frame, but no
    vector.
    """
    steps = frames - 1
    if steps < SHORTEST:
        return []
    parts = max(-(-steps // LONGEST), round(steps / (USUAL if overlap else USUAL_APART)), 1)
    edges = [round(half * steps / (2 * parts)) for half in range(2 * parts + 1)]
    step = 1 if overlap else 2
    starts, ends = edges[:-2:step], edges[2::step]
    return [(start, end + 1) for start, end in zip(starts, ends, strict=True)]


def assign_splits(titles: Mapping[int, str], windows: Mapping[int, int]) -> dict[int, str]:
    """Split of each subject, by the rule of this module's docstring.

    Where no title repeats, the subject with the fewest windows tests.

    Raises:
        InvalidOptionError: fewer than three subjects.
    """
    if len(windows) < 3:
        raise InvalidOptionError(
            "A split by subject needs at least three subjects.",
            found=f"subjects {sorted(windows)} with usable takes",
            remedy="add takes of other subjects",
        )
    seen: dict[str, int] = defaultdict(int)
    splits = {}
    for subject in sorted(windows):
        title = titles[subject]
        splits[subject] = "test" if seen[title] % 2 else "train"
        seen[title] += 1
    if "test" not in splits.values():
        splits[_smallest(splits, windows)] = "test"
    splits[_smallest(splits, windows)] = "val"
    return splits


def _smallest(splits: Mapping[int, str], windows: Mapping[int, int]) -> int:
    training = [subject for subject, split in splits.items() if split == "train"]
    return min(training, key=lambda subject: (windows[subject], subject))


def build(
    bvh_dir: Path | str,
    out: Path | str,
    size: Size = "max",
    fps: float | None = None,
    up: Axis = "y",
    split: Split = "windows",
) -> dict[str, int]:
    """Make the dataset; returns the number of items by split.

    `fps` takes the place of what the files, their length and their physics say about their rate.

    Raises:
        InvalidOptionError: `out` holds something else, too few subjects, or fewer training items
            than `size`.
        MissingAssetError, CorruptFileError: see `cmu_clips`.
    """
    out = Path(out)
    check_replaceable(out)
    takes, report = _read_all(Path(bvh_dir), fps, up)
    splits = _plan(takes, report, split)
    chosen = dict(splits)
    if size != "max":
        chosen["train"] = _sample(splits["train"], int(size))
    moments, made = Moments(), []
    for take, joints in takes:
        windows = windows_of(len(joints), overlap=split == "subjects")
        for clip in _clips(take, joints, windows, report[take.name]["ids"]):
            moments.add(clip.vectors)
            made.append(clip)
    with staged_folder(out, {"dataset": "cmu", "size": size, "split": split}) as folder:
        write_layout(folder, made, chosen, moments, pool=splits["train"])
        write_card(folder, f"CMU motion capture, {len(chosen['train'])} training motions", split)
        (folder / "clips.json").write_text(json.dumps(report, indent=1) + "\n")
    counts = {name: len(ids) for name, ids in chosen.items()}
    _tell(report)
    logger.info("made %s: %s", out, ", ".join(f"{n} {name}" for name, n in counts.items()))
    return counts


def _read_all(
    bvh_dir: Path, fps: float | None, up: Axis
) -> tuple[list[tuple[Take, np.ndarray]], dict[str, dict]]:
    takes, report = [], {}
    for take, result, rate in track(_takes(bvh_dir, fps, up), "reading takes"):
        entry: dict = {"description": take.description, "subject": take.subject}
        if rate is not None:
            entry["rate"] = asdict(rate)
        if not isinstance(result, str) and not windows_of(len(result)):
            result = f"{len(result)} frames at 20 fps are fewer than {SHORTEST + 1}"
        if isinstance(result, str):
            entry["excluded"] = result
            logger.info("%s (%s) is left out: %s", take.name, take.description, result)
        else:
            entry["frames"] = len(result)
            takes.append((take, result))
        report[take.name] = entry
    return takes, report


def _tell(report: dict[str, dict]) -> None:
    """Log how many takes were read, and how many were left out for which reason."""
    reasons = Counter(
        re.split(r"[(:,]|\d", entry["excluded"])[0].strip()
        for entry in report.values()
        if "excluded" in entry
    )
    left_out = "".join(f"; {count} left out: {why}" for why, count in reasons.most_common())
    logger.warning("%d of %d takes read%s", len(report) - reasons.total(), len(report), left_out)


def _plan(
    takes: list[tuple[Take, np.ndarray]], report: dict[str, dict], split: Split
) -> dict[str, list[str]]:
    """Ids of each split; the report gets the ids of each take, and their splits."""
    counts = [len(windows_of(len(joints), overlap=split == "subjects")) for _, joints in takes]
    if split == "subjects":
        windows: dict[int, int] = defaultdict(int)
        for (take, _), count in zip(takes, counts, strict=True):
            windows[take.subject] += count
        of_subject = assign_splits({take.subject: take.title for take, _ in takes}, windows)
        parts = zip(takes, counts, strict=True)
        dealt = [[of_subject[take.subject]] * count for (take, _), count in parts]
    else:
        shown = [take.description.lower() for take, _ in takes]
        dealt = deal(list(zip(shown, counts, strict=True)), split)
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    number = 0
    for (take, _), parts in zip(takes, dealt, strict=True):
        entry = report[take.name]
        entry |= {"ids": [], "splits": {}}
        for part in parts:
            ids = [f"{number:06d}", f"M{number:06d}"]
            splits[part] += ids
            entry["ids"] += ids
            entry["splits"].setdefault(part, []).extend(ids)
            number += 1
    return splits


def _sample(ids: list[str], size: int) -> list[str]:
    if len(ids) < size:
        fitting = [name for name in get_args(Size) if name != "max" and int(name) <= len(ids)]
        raise InvalidOptionError(
            "There are fewer training items than the size asks for.",
            found=f"{len(ids)} training items in these takes",
            expected=f"at least {size}",
            remedy=f"--size max trains on all {len(ids)}"
            + "".join(f"; --size {name} fits, too" for name in fitting[-1:])
            + "; more takes: bash prepare/download_cmu.sh",
        )
    chosen = np.random.default_rng([SEED, size]).choice(len(ids), size, replace=False)
    return [ids[i] for i in sorted(chosen)]


def _clips(
    take: Take, joints: np.ndarray, windows: list[tuple[int, int]], ids: list[str]
) -> Iterator[DatasetClip]:
    captions = captions_of(take.description)
    mirrored = [mirror_caption(caption) for caption in captions]
    for k, (start, end) in enumerate(windows):
        window = face_forward(start_at_origin(joints[start:end]))
        yield _clip(ids[2 * k], window, captions)
        yield _clip(ids[2 * k + 1], mirror_joints(window), mirrored)


def _clip(name: str, joints: np.ndarray, captions: list[Caption]) -> DatasetClip:
    vectors = joints_to_vectors(joints, placed=True)
    return DatasetClip(name, vectors, [(caption, 0.0, 0.0) for caption in captions])


@command()
def main(
    bvh_dir: Path,
    out: Path,
    size: Size = "max",
    fps: float | None = None,
    up: Axis = "y",
    split: Split = "windows",
) -> None:
    """Build a dataset in HumanML3D layout from CMU takes in BVH or ASF/AMC files.

    Args:
        bvh_dir: folder with the takes and CMU-INDEX.txt.
        out: folder to make.
        size: number of training items; validation, test and pool stay the same.
        fps: frames a second of all takes; default: decided for each, as clips.json tells.
        up: axis of the files that points up.
        split: what is dealt out to train and test: windows (for the loop), whole takes, or
            subjects (both for generalisation).
    """
    build(bvh_dir, out, size, fps, up, split)


if __name__ == "__main__":
    import tyro

    tyro.cli(main)
