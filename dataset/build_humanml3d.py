"""Build HumanML3D from AMASS in one command that goes on where it stopped.

`python -m dataset.build_humanml3d --amass DIR --smplh DIR --humanact12 FILE --humanml3d DIR --out
dataset/HumanML3D` follows the published notebooks: joints of SMPL+H motions (the body of the
gender, neutral as female; 10 betas; DMPLs, which move no joint, are not read) at every
int(fps / 20)-th frame, axes (x, z, y) with x negated, what is cut from the start of five archives,
the rows of `index.csv`, their mirror images, the uniform skeleton, 263-d vectors, Mean and Std.

Finished rows lie in `OUT.partial` until all are; a row that cannot be made costs nothing else, and
the table at the end says why. An archive that is missing does, too, and with how many rows.
"""

from __future__ import annotations

import io
import json
import logging
import multiprocessing
import os
import shlex
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body_models.npy import read_npy
from body_models.skeleton import DEFAULT_SKELETON
from dataset.captions import format_captions
from dataset.humanml3d import SPLITS, read_motion
from dataset.humanml3d_index import IndexRow, PublicFiles
from dataset.humanml3d_takes import HUMANACT12, Resample, Sources, body_of, span_of, take_joints
from dataset.published_humanml3d import LISTED
from dataset.windows import Window, clips_of
from dataset.writer import Moments, check_replaceable
from loop.cli import command
from loop.errors import (
    CorruptFileError,
    InvalidMotionError,
    InvalidOptionError,
    MissingAssetError,
    ScscError,
)
from loop.progress import track
from loop.rundir.files import make_folder, read_json, storage, write_bytes
from translation.humanml import vectors_to_joints
from translation.layout import MARKER

CHECK_CLIP = "012314"
"""The clip whose vectors HumanML3D's repository holds, to compare with."""
CHECK_M = 1e-3
"""Rounding of single precision stays below."""
NOTE = "build.json"
"""What a build was begun with, beside its finished rows."""
FOLDERS = ("new_joint_vecs", "new_joints", "texts")
_IN_FLIGHT = 4

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """The rows of one take, with the text of their caption files by id."""

    source_path: str
    rows: tuple[IndexRow, ...]
    texts: Mapping[str, str]


def build(
    amass: Path | str,
    smplh: Path | str,
    humanact12: Path | str | None,
    humanml3d: Path | str,
    out: Path | str,
    workers: int = 1,
    resample: Resample = "published",
) -> dict[str, str]:
    """Build the data set; returns the rows that could not be made, with the reason.

    Args:
        amass: folder with the archives' folders (`CMU/80/80_63_poses.npz`).
        smplh: folder with `male/model.npz` and `female/model.npz`, or the body models' folder.
        humanact12: `humanact12.zip` of HumanML3D's repository, or its unpacked folder.
        humanml3d: folder or zip with index.csv, texts.zip and the split lists.
        out: folder to make.
        workers: processes.
        resample: every int(fps / 20)-th frame as published, or exactly 20 a second.

    Raises:
        MissingAssetError: public files, or a body model.
        InvalidOptionError: `out` holds something else, or was begun with other options or other
            files.
        InvalidMotionError: no row could be made.
    """
    out = Path(out)
    check_replaceable(out)
    sources = Sources(
        Path(amass), Path(smplh), None if humanact12 is None else Path(humanact12), resample
    )
    for gender in ("male", "female"):
        body_of(sources.smplh, gender)
    files = PublicFiles(humanml3d)
    rows = files.rows()
    partial = out.with_name(f"{out.name}.partial")
    _begin(partial, _begun_with(sources, humanml3d))
    failed = _missing_archives(rows, sources)
    left = [row for row in rows if row.clip not in failed and not _is_made(partial, row.clip)]
    logger.info("%d of %d rows are left to make", len(left), len(rows))
    tasks = _tasks(left, files, failed)
    for reasons in track(_run(tasks, sources, partial, workers), "making takes", _takes(left)):
        failed |= reasons
    made = [row.clip for row in rows if row.clip not in failed]
    _tell(rows, failed)
    if not made:
        raise InvalidMotionError(
            "no row of HumanML3D could be made", path=amass, remedy="mend what the table names"
        )
    _finish(partial, out, made, files, {"source": "AMASS", **_options(sources)})
    _compare(out, files, made)
    return failed


def _options(sources: Sources) -> dict[str, str]:
    return {key: str(value) for key, value in asdict(sources).items()}


def _begun_with(sources: Sources, humanml3d: Path | str) -> dict[str, str]:
    """Return what decides what a row becomes; without HumanAct12 its rows are not made at all."""
    given = {"amass": sources.amass, "smplh": sources.smplh, "humanact12": sources.humanact12}
    places = {**given, "humanml3d": Path(humanml3d)}
    resolved = {name: str(path.resolve()) for name, path in places.items() if path is not None}
    return {"resample": sources.resample, **resolved}


def _begin(partial: Path, options: dict[str, str]) -> None:
    note = partial / NOTE
    begun = read_json(note) if note.is_file() else {}
    if not isinstance(begun, dict):
        raise CorruptFileError(
            "This is no record of a build.",
            path=note,
            found=json.dumps(begun)[:80],
            expected=json.dumps(options),
            remedy=f"rm -r {shlex.quote(str(partial))}, or choose another --out",
        )
    if any(options.get(name) != value for name, value in begun.items()):
        raise InvalidOptionError(
            "This build was begun with other options.",
            path=note,
            found=json.dumps(begun),
            expected=json.dumps(options),
            remedy=f"rm -r {shlex.quote(str(partial))}, or choose another --out, or repeat the "
            "command with the options that it was begun with",
        )
    if (partial / FOLDERS[0]).is_dir() and (added := sorted(options.keys() - begun.keys())):
        logger.warning(
            "%s was begun without a record of %s; from here on %s",
            partial,
            ", ".join(added),
            ", ".join(f"{name} {options[name]}" for name in added),
        )
    for name in FOLDERS:
        make_folder(partial / name)
    write_bytes(note, json.dumps(options).encode())


def _is_made(partial: Path, clip: str) -> bool:
    return (partial / "new_joint_vecs" / f"M{clip}.npy").is_file()  # written last


def _missing_archives(rows: Sequence[IndexRow], sources: Sources) -> dict[str, str]:
    """List the rows of archives that are not there."""
    absent = {
        name: f"archive {name} is missing"
        for name in {row.archive for row in rows} - {HUMANACT12}
        if not (sources.amass / name).is_dir()
    }
    if sources.humanact12 is None or not sources.humanact12.exists():
        absent[HUMANACT12] = f"archive {HUMANACT12} is missing"
    return {row.clip: absent[row.archive] for row in rows if row.archive in absent}


def _takes(rows: Iterable[IndexRow]) -> int:
    return len({row.source_path for row in rows})


def _tasks(rows: Sequence[IndexRow], files: PublicFiles, failed: dict[str, str]) -> Iterator[Task]:
    """Group the rows by take; those without captions go to `failed`."""
    by_take: dict[str, list[IndexRow]] = defaultdict(list)
    for row in rows:
        by_take[row.source_path].append(row)
    for source_path, group in by_take.items():
        texts, complete = {}, []
        for row in group:
            try:
                for clip in (row.clip, f"M{row.clip}"):
                    texts[clip] = format_captions(files.captions(clip))
                complete.append(row)
            except ScscError as error:
                failed[row.clip] = _first_line(error)
        if complete:
            yield Task(source_path, tuple(complete), texts)


def _run(
    tasks: Iterable[Task], sources: Sources, partial: Path, workers: int
) -> Iterator[dict[str, str]]:
    """Make the tasks, a few at a time, so that memory does not grow with their number."""
    if workers == 1:
        for task in tasks:
            yield make(task, sources, partial)
        return
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        pending = set()
        for task in tasks:
            pending.add(pool.submit(make, task, sources, partial))
            if len(pending) >= _IN_FLIGHT * workers:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        yield from (each.result() for each in pending)


def make(task: Task, sources: Sources, partial: Path) -> dict[str, str]:
    """Make the rows of one take; returns those that could not be made, with the reason."""
    try:
        joints = take_joints(task.source_path, sources)
    except (MissingAssetError, CorruptFileError, InvalidMotionError) as error:
        logger.error("%s", error)
        return dict.fromkeys((row.clip for row in task.rows), _first_line(error))
    failed = {}
    for row in task.rows:
        part = joints[span_of(row, len(joints))]
        if len(part) < 2:
            failed[row.clip] = "fewer than two frames, of which no vector can be made"
            continue
        try:
            _write(partial, row.clip, part, task.texts)
        except InvalidMotionError as error:
            failed[row.clip] = _first_line(error)
    return failed


def _first_line(error: ScscError) -> str:
    return str(error).splitlines()[0].rstrip(".")


def _write(partial: Path, clip: str, joints: NDArray[np.float64], texts: Mapping[str, str]) -> None:
    """Write both images of a row; the vectors of the mirror image last, as a sign of completion."""
    window = Window(clip, 0, len(joints), (), ())
    for each in clips_of(joints, [window], DEFAULT_SKELETON):
        _save(partial / "new_joints" / f"{each.id}.npy", vectors_to_joints(each.vectors))
        with storage(partial):
            (partial / "texts" / f"{each.id}.txt").write_text(texts[each.id], encoding="utf-8")
        _save(partial / "new_joint_vecs" / f"{each.id}.npy", each.vectors)


def _save(path: Path, array: NDArray[np.float32]) -> None:
    """Write a file that is there whole or not at all; a lost one is made anew, so without fsync."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with storage(path):
        with temporary.open("wb") as file:
            np.save(file, array)
        temporary.replace(path)


def _tell(rows: Sequence[IndexRow], failed: Mapping[str, str]) -> None:
    reasons = Counter(failed.values())
    said = "".join(f"\n{count:8d}  rows: {reason}" for reason, count in reasons.most_common())
    logger.warning("%d of %d rows made%s", len(rows) - len(failed), len(rows), said)


def _finish(
    partial: Path, out: Path, made: Sequence[str], files: PublicFiles, origin: dict[str, str]
) -> None:
    """Write lists and statistics, and give the folder its name."""
    there = {clip for number in made for clip in (number, f"M{number}")}
    lists = {name: [c for c in files.split(name) if c in there] for name in SPLITS[:3]}
    lists["train_val"] = [*lists["train"], *lists["val"]]
    moments = Moments()
    for clip in track(sorted(there), "measuring"):
        moments.add(read_motion(partial / "new_joint_vecs" / f"{clip}.npy"))
    with storage(out):
        for name, ids in lists.items():
            (partial / f"{name}.txt").write_text("".join(f"{clip}\n" for clip in ids))
        np.save(partial / "Mean.npy", moments.mean())
        np.save(partial / "Std.npy", moments.std())
        (partial / "index.csv").write_bytes(files.content("index.csv"))
        marker = json.dumps({"made_by": "scsc", **origin}, indent=2)
        (partial / MARKER).write_text(marker + "\n")
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
        (out / NOTE).unlink()  # until here an interrupted build knows what it was begun with
    logger.info("made %s: %s", out, ", ".join(f"{len(v)} {n}" for n, v in lists.items()))


def _compare(out: Path, files: PublicFiles, made: Sequence[str]) -> None:
    """Compare with the published check values, as far as they lie beside the index."""
    published: dict[str, Path] = {}
    if 2 * len(made) == LISTED:
        published = {name: out / name for name in ("Mean.npy", "Std.npy")}
    if CHECK_CLIP in made:
        published[f"{CHECK_CLIP}.npy"] = out / "new_joint_vecs" / f"{CHECK_CLIP}.npy"
    for name, path in published.items():
        folder = "new_joint_vecs/" if name[0].isdigit() else ""
        if not files.has(folder + name):
            logger.info("%s is not beside the index: not compared", folder + name)
            continue
        reference = read_npy(io.BytesIO(files.content(folder + name)))
        ours = np.load(path)
        if reference.shape != ours.shape:
            logger.warning("%s differs: %s, published %s", name, ours.shape, reference.shape)
            continue
        off = float(np.abs(ours - reference).max())
        report = logger.warning if off > CHECK_M else logger.info
        report(
            "%s: at most %.2g from the published (sum %.3g)",
            name,
            off,
            np.abs(ours - reference).sum(),
        )


@command("stopped; the same command goes on")
def main(
    amass: Path,
    smplh: Path,
    humanml3d: Path,
    out: Path = Path("dataset/HumanML3D"),
    humanact12: Path | None = None,
    workers: int = 1,
    resample: Resample = "published",
) -> None:
    """Build HumanML3D from AMASS; the same command goes on where it was stopped.

    Args:
        amass: folder with the 17 archives of AMASS (bash prepare/extract_humanml_3d.sh).
        smplh: folder with male/model.npz and female/model.npz of SMPL-H.
        humanml3d: folder or zip with index.csv, texts.zip and the split lists.
        out: folder to make.
        humanact12: humanact12.zip of HumanML3D's repository (pose_data/), or its folder.
        workers: processes.
        resample: every int(fps / 20)-th frame as published, or exactly 20 frames a second.
    """
    if workers < 1:
        raise InvalidOptionError("There must be a worker.", found=workers, remedy="--workers 1")
    build(amass, smplh, humanact12, humanml3d, out, workers, resample)


if __name__ == "__main__":
    import tyro

    tyro.cli(main)
