"""Build a dataset from CMU motion capture: open data, no licence to sign.

`python -m dataset.cmu --bvh_dir DIR --size 64|128|256|2794|max --out DIR` reads the takes
(`13_29.bvh` of the "Daz-friendly" or "MotionBuilder-friendly" release, or the original `13_29.amc`
with `13.asf`; all may be gzipped) and `CMU-INDEX.txt` beside them, brings them to 22 joints, a
level floor and 20 fps, cuts windows, mirrors each, and writes the HumanML3D layout and
`clips.json`, which tells what became of every take.

`--captions humanml3d` takes the rows of HumanML3D's public index that lie on CMU takes, with its
ids, captions and splits; `kit` the annotations of KIT-ML; both keep takes with props, as those data
sets do. `index` (the default) makes captions of the keywords of CMU's index, for windows of 2 to
9.8 s.

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
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from dataset.cmu_captions import Take, reason_to_exclude
from dataset.cmu_plan import Plan, Size, plan_rows, plan_takes, sample_of
from dataset.cmu_rows import Row, humanml3d_rows, kit_rows
from dataset.cmu_takes import ReadTake, read_takes
from dataset.humanml3d_index import HOW, PublicFiles
from dataset.splits import Split, write_card
from dataset.windows import SHORTEST, clips_of, windows_of
from dataset.writer import Moments, check_replaceable, staged_folder, write_layout
from loop.cli import command
from loop.errors import InvalidOptionError
from loop.progress import track
from translation.units import Axis

NO_ROW = "no caption is about it"

Captions = Literal["index", "humanml3d", "kit"]
logger = logging.getLogger(__name__)


def build(
    bvh_dir: Path | str,
    out: Path | str,
    size: Size = "max",
    fps: float | None = None,
    up: Axis = "y",
    split: Split = "windows",
    captions: Captions = "index",
    source: Path | str | None = None,
    takes: Path | None = None,
) -> dict[str, int]:
    """Make the dataset; returns the number of items by split.

    `fps` takes the place of what the files, their length and their physics say about their rate;
    `source` is the folder or zip of HumanML3D's public files, or the JSON file of KIT-ML's
    annotations; `takes` lists those to read (`read_takes`).

    Raises:
        InvalidOptionError: `out` holds something else, too few subjects, or fewer training items
            than `size`.
        InvalidMotionError: no take has a caption.
        MissingAssetError, CorruptFileError: see `dataset.cmu_takes`, `dataset.cmu_rows`.
        InvalidCaptionError: a caption file of HumanML3D cannot be read.
    """
    out = Path(out)
    check_replaceable(out)
    files, rows = _rows(captions, source, split)
    reads, report = _read_all(Path(bvh_dir), fps, up, rows, takes)
    plan = plan_takes(reads, split) if rows is None else plan_rows(reads, rows, files, split)
    _complete(report, reads, plan)
    chosen = dict(plan.splits)
    if size != "max":
        chosen["train"] = sample_of(plan, int(size))
    moments, made = Moments(), []
    for read, windows in zip(reads, plan.windows, strict=True):
        assert read.joints is not None
        for clip in clips_of(read.joints, windows):
            moments.add(clip.vectors)
            made.append(clip)
    origin = {"dataset": "cmu", "size": size, "split": split, "captions": captions}
    with staged_folder(out, origin) as folder:
        write_layout(folder, made, chosen, moments, pool=plan.splits["train"])
        title = f"CMU motion capture, {len(chosen['train'])} training motions"
        write_card(folder, title, None if files else split)
        (folder / "clips.json").write_text(json.dumps(report, indent=1) + "\n")
    counts = {name: len(ids) for name, ids in chosen.items()}
    _tell(report, rows, plan)
    logger.info("made %s: %s", out, ", ".join(f"{n} {name}" for name, n in counts.items()))
    return counts


def _rows(
    captions: Captions, source: Path | str | None, split: Split
) -> tuple[PublicFiles | None, list[Row] | None]:
    if captions == "index":
        return None, None
    if source is None:
        raise InvalidOptionError(
            f"--captions {captions} needs its files.",
            remedy=HOW if captions == "humanml3d" else "--kit FILE.json",
        )
    if captions == "kit" and split == "subjects":
        raise InvalidOptionError(
            "Captioned parts are not dealt by subject.", remedy="add --split takes"
        )
    if captions == "kit":
        return None, kit_rows(Path(source))
    files = PublicFiles(source)
    return files, humanml3d_rows(files)


def _read_all(
    bvh_dir: Path,
    fps: float | None,
    up: Axis,
    rows: Sequence[Row] | None,
    only: Path | None,
) -> tuple[list[ReadTake], dict[str, dict]]:
    """Read the usable takes, and what is to be told of all."""
    wanted = None if rows is None else {row.take for row in rows}

    def exclude(take: Take) -> str | None:
        if wanted is None:
            return reason_to_exclude(take)
        return None if take.name in wanted else NO_ROW

    takes, report = [], {}
    reading = read_takes(bvh_dir, fps, up, exclude, on_the_clock=wanted is not None, only=only)
    for read in track(reading, "reading takes"):
        take, reason = read.take, read.reason
        entry: dict = {"description": take.description, "subject": take.subject}
        if read.rate is not None:
            entry["rate"] = asdict(read.rate)
        if wanted is None and read.joints is not None and not windows_of(len(read.joints)):
            reason = f"{len(read.joints)} frames at 20 fps are fewer than {SHORTEST + 1}"
        if reason or read.joints is None:
            entry["excluded"] = reason
            if reason != NO_ROW:
                logger.info("%s (%s) is left out: %s", take.name, take.description, reason)
        else:
            entry["frames"] = len(read.joints)
            takes.append(read)
        report[take.name] = entry
    return takes, report


def _complete(report: dict[str, dict], takes: Sequence[ReadTake], plan: Plan) -> None:
    """Add to the report the ids of each take, and their splits."""
    home = {clip: name for name, ids in plan.splits.items() for clip in ids}
    for read, windows in zip(takes, plan.windows, strict=True):
        entry = report[read.take.name]
        entry |= {"ids": [clip for window in windows for clip in window.ids], "splits": {}}
        for clip in entry["ids"]:
            entry["splits"].setdefault(home[clip], []).append(clip)
    for take, name, reason in plan.left_out:
        report[take].setdefault("rows left out", {})[name] = reason


def _tell(report: dict[str, dict], rows: Sequence[Row] | None, plan: Plan) -> None:
    """Log how many takes or rows were made, and how many were left out for which reason."""
    if rows is None:
        excluded = [entry["excluded"] for entry in report.values() if "excluded" in entry]
        count, what = len(report), "takes read"
    else:
        excluded = [reason for _, _, reason in plan.left_out]
        absent = {"excluded": "its take is not in the folder"}
        whole_takes = (report.get(row.take, absent).get("excluded") for row in rows)
        excluded += [reason for reason in whole_takes if reason]
        count, what = len(rows), "captioned parts made"
    reasons = Counter(_kind(reason) for reason in excluded)
    said = "".join(f"\n{number:8d}  left out: {why}" for why, number in reasons.most_common())
    logger.warning("%d of %d %s%s", count - reasons.total(), count, what, said)


def _kind(reason: str) -> str:
    """Return what reasons of one kind share: no numbers, and no details of an error."""
    said = re.split(r",  | \(", reason)[0]
    return re.sub(r"\d+(\.\d+)?", "N", said).removesuffix(".")


@command()
def main(
    bvh_dir: Path,
    out: Path,
    size: Size = "max",
    fps: float | None = None,
    up: Axis = "y",
    split: Split = "windows",
    captions: Captions = "index",
    humanml3d: Path | None = None,
    kit: Path | None = None,
    takes: Path | None = None,
) -> None:
    """Build a dataset in HumanML3D layout from CMU takes in BVH or ASF/AMC files.

    Args:
        bvh_dir: folder with the takes and CMU-INDEX.txt.
        out: folder to make.
        size: number of training items; validation, test and pool stay the same.
        fps: frames a second of all takes; default: decided for each, as clips.json tells.
        up: axis of the files that points up.
        split: what is dealt out to train and test: windows (for the loop), whole takes, or
            subjects (both for generalisation); with HumanML3D's captions its own lists say it.
        captions: made of CMU's keywords, or written by people: HumanML3D's or KIT-ML's.
        humanml3d: folder or zip with index.csv, texts.zip and the split lists.
        kit: JSON file of KIT-ML's annotations.
        takes: file that lists the takes to read, a name a line; default: all that are there.
    """
    source = kit if captions == "kit" else humanml3d
    build(bvh_dir, out, size, fps, up, split, captions, source, takes)


if __name__ == "__main__":
    import tyro

    tyro.cli(main)
