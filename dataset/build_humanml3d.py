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
import shutil
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from body_models.damage import DAMAGE
from body_models.npy import read_npy
from body_models.skeleton import DEFAULT_SKELETON, JOINT_COUNT
from body_models.smpl import BodyModel, Gender, find_body_model, load_body_model, pose_joints
from dataset.captions import format_captions
from dataset.humanml3d import SPLITS, read_motion
from dataset.humanml3d_index import IndexRow, PublicFiles
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
from loop.rundir.files import storage, write_bytes
from translation.amass import Z_UP_TO_Y_UP, amass_joints, read_amass
from translation.humanml import FPS, vectors_to_joints
from translation.layout import MARKER

CUT_S = {
    "Eyes_Japan_Dataset": 3.0,
    "MPI_HDM05": 3.0,
    "TotalCapture": 1.0,
    "MPI_Limits": 1.0,
    "Transitions_mocap": 0.5,
}
"""What the published pipeline cuts from the start of every take of an archive."""
HUMANACT12 = "humanact12"
BETAS = 10
CHECK_CLIP = "012314"
"""The clip whose vectors HumanML3D's repository holds, to compare with."""
CHECK_M = 1e-3
"""Rounding of single precision stays below."""
FOLDERS = ("new_joint_vecs", "new_joints", "texts")
_IN_FLIGHT = 4

Resample = Literal["published", "exact"]
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sources:
    """Where everything is read from; small, so that every task can hold it."""

    amass: Path
    smplh: Path
    humanact12: Path | None
    resample: Resample


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
        InvalidOptionError: `out` holds something else, or was begun with other options.
        InvalidMotionError: no row could be made.
    """
    out = Path(out)
    check_replaceable(out)
    sources = Sources(
        Path(amass), Path(smplh), None if humanact12 is None else Path(humanact12), resample
    )
    for gender in ("male", "female"):
        _body(sources.smplh, gender)
    files = PublicFiles(humanml3d)
    rows = files.rows()
    partial = out.with_name(f"{out.name}.partial")
    _begin(partial, {"resample": resample})
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


def _begin(partial: Path, options: dict[str, str]) -> None:
    note = partial / "build.json"
    if note.is_file() and json.loads(note.read_text()) != options:
        raise InvalidOptionError(
            "This build was begun with other options.",
            path=note,
            found=note.read_text(),
            expected=json.dumps(options),
            remedy=f"rm -r '{partial}', or choose another --out",
        )
    with storage(partial):
        for name in FOLDERS:
            (partial / name).mkdir(parents=True, exist_ok=True)
    write_bytes(note, json.dumps(options).encode())


def _is_made(partial: Path, clip: str) -> bool:
    return (partial / "new_joint_vecs" / f"M{clip}.npy").is_file()  # written last


def _missing_archives(rows: Sequence[IndexRow], sources: Sources) -> dict[str, str]:
    """Rows of archives that are not there."""
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
    """The rows by take; those without captions go to `failed`."""
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
        part = joints[_span(row, len(joints))]
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


def _span(row: IndexRow, frames: int) -> slice:
    """Frames of a row; HumanAct12's are whole."""
    if row.archive == HUMANACT12:
        return slice(0, frames)
    cut = int(CUT_S.get(row.archive, 0.0) * FPS)
    end = frames if row.end < 0 else min(cut + row.end, frames)
    return slice(cut + row.start, end)


def take_joints(source_path: str, sources: Sources) -> NDArray[np.float64]:
    """Joints (F, 22, 3) of a take at 20 fps, metres, y up, as published.

    Args:
        source_path: of the index (`./pose_data/CMU/80/80_63_poses.npy`).
        sources: where it lies.

    Raises:
        MissingAssetError: it is not there.
        CorruptFileError, InvalidMotionError: it cannot be read.
    """
    inside = PurePosixPath(*PurePosixPath(source_path).parts[1:])
    if inside.parts[0] == HUMANACT12:
        return _humanact12(inside.name, sources.humanact12)
    path = sources.amass / inside.with_suffix(".npz")
    motion = read_amass(path)
    body = _body(sources.smplh, "male" if motion.gender == "male" else "female")
    if sources.resample == "exact":
        return amass_joints(motion, body, FPS).astype(np.float64)
    step = int(motion.fps / FPS)
    if step < 1:
        raise InvalidMotionError(
            "the take has fewer than 20 frames a second", path=path, found=motion.fps
        )
    poses, trans = motion.poses[::step], motion.trans[::step]
    joints = pose_joints(body, poses, motion.betas[:BETAS], trans)[:, :JOINT_COUNT]
    return joints @ Z_UP_TO_Y_UP.T


@lru_cache(maxsize=2)
def _body(folder: Path, gender: Gender) -> BodyModel:
    direct = folder / gender / "model.npz"
    home = folder.parent if folder.name == "smplh" else folder
    path = direct if direct.is_file() else find_body_model("smplh", gender, home)
    return load_body_model(path, BETAS)


def _humanact12(name: str, source: Path | None) -> NDArray[np.float64]:
    """A clip of HumanML3D's copy of HumanAct12: joints as they are, y up."""
    assert source is not None  # its rows were left out
    try:
        if source.is_dir():
            found = next(iter(sorted(source.rglob(name))), source / name)
            array = read_npy(io.BytesIO(found.read_bytes()))
        else:
            members, archive = _archive(source)
            array = read_npy(io.BytesIO(archive.read(members[name])))
        if array.ndim != 3 or array.shape[1] < JOINT_COUNT or array.shape[2] != 3:
            raise ValueError(f"shape {array.shape}")
    except FileNotFoundError as error:
        raise MissingAssetError("a clip of HumanAct12 is missing", path=error.filename) from error
    except DAMAGE as error:
        raise CorruptFileError(
            "a clip of HumanAct12 cannot be read",
            path=source / name,
            found=f"{type(error).__name__}: {error}",
            expected="joints (F, 24, 3)",
        ) from error
    return array[:, :JOINT_COUNT].astype(np.float64)


@lru_cache(maxsize=1)
def _archive(source: Path) -> tuple[dict[str, str], zipfile.ZipFile]:
    archive = zipfile.ZipFile(source)
    return {PurePosixPath(name).name: name for name in archive.namelist()}, archive


def _write(partial: Path, clip: str, joints: NDArray[np.float64], texts: Mapping[str, str]) -> None:
    """Write both images of a row; the vectors of the mirror image last, as a sign of completion."""
    window = Window(clip, 0, len(joints), (), ())
    for each in clips_of(joints, [window], DEFAULT_SKELETON):
        _save(partial / "new_joints" / f"{each.id}.npy", vectors_to_joints(each.vectors))
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
    """Lists and statistics, and the folder gets its name."""
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
        (partial / "build.json").unlink()
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
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
