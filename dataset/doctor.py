"""Check a dataset in HumanML3D layout: `python -m dataset.doctor DIR`.

Faults (a file is missing, unreadable or contradicts another) end with exit status 1; notes (what
the loader leaves out, what looks unusual) do not. Both are gathered by kind into one table.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from body_models.damage import DAMAGE
from body_models.skeleton import check_joints
from dataset.captions import read_captions
from dataset.findings import Finding
from dataset.humanml3d import FPS, POOL, SPLITS, load_split, read_motion, read_statistics
from dataset.published_humanml3d import published_findings
from dataset.split_distance import WARNING, split_distance
from dataset.writer import STD_GROUPS, Moments
from loop.cli import command
from loop.errors import (
    CorruptFileError,
    InvalidCaptionError,
    InvalidMotionError,
    MissingAssetError,
    ScscError,
)
from loop.progress import track
from translation.humanml import vectors_to_joints
from translation.layout import listed_ids, mirror_partner, mirrored_ids
from translation.units import check_body, check_decoded, check_vectors

MIN_FRAMES, MAX_FRAMES = 40, 200
MEAN_OFF, STD_RATIO = 0.5, 2.0
"""How far Mean (in deviations) and Std (as a factor) may be from the data before they are wrong."""
MEAN_NOTE, STD_NOTE = 0.05, 1.05
PAIRLESS = 0.1
"""Up to this share of a split, clips without their mirror image are worth a note."""
EXAMPLES = 3


def examine(root: Path | str) -> list[Finding]:
    """List everything that is wrong with, or unusual about, the dataset in `root`.

    Raises:
        MissingAssetError: there is no such folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise MissingAssetError("There is no such dataset folder.", path=root)
    lists, findings = _read_lists(root)
    findings += _lists_agree(root, lists)
    moments = Moments()
    ids = list(dict.fromkeys(clip for ids in lists.values() for clip in ids))
    for clip in track(ids, "examining clips"):
        findings += _clip(root, clip, moments)
    findings += _statistics(root, moments)
    findings += _orphans(root, set(ids))
    findings += _checksums(root)
    findings += published_findings(root, ids)
    if not any(finding.fault for finding in findings):
        findings += _splits_compare(root)
    return findings


def _read_lists(root: Path) -> tuple[dict[str, list[str]], list[Finding]]:
    lists, findings = {}, []
    for split in (*SPLITS, *([POOL] if (root / f"{POOL}.txt").is_file() else ())):
        try:
            lists[split] = listed_ids(root, split)
        except MissingAssetError:
            findings.append(Finding("a split list is missing", f"{split}.txt"))
            continue
        except CorruptFileError as error:
            findings.append(
                Finding("a split list cannot be read", f"{split}.txt", str(error.found))
            )
            continue
        for clip, count in Counter(lists[split]).items():
            if count > 1:
                findings.append(Finding("an id is listed twice", f"{split}.txt", clip))
        if not lists[split]:
            findings.append(Finding("a split list is empty", f"{split}.txt", fault=split != "val"))
    return lists, findings


def _lists_agree(root: Path, lists: dict[str, list[str]]) -> Iterator[Finding]:
    """Find clips that are, themselves or their mirror image, in two of train, val and test."""
    home: dict[str, str] = {}
    mirrored = mirrored_ids(root, {clip for ids in lists.values() for clip in ids})
    for split in ("train", "val", "test"):
        for clip in lists.get(split, []):
            original = mirror_partner(clip) if clip in mirrored else None
            other = home.setdefault(original or clip, split)
            if other != split:
                yield Finding(
                    "a clip or its mirror image is in two splits", clip, f"{other}, {split}"
                )
    for split in ("train", "val", "test"):
        listed = set(lists.get(split, ()))
        alone = [c for c in listed if (partner := mirror_partner(c)) and partner not in listed]
        # Drawn subsets hold many without the other; a set of pairs that lacks some is damaged.
        if len(alone) <= PAIRLESS * len(listed):
            for clip in sorted(alone):
                yield Finding("a clip's mirror image is not listed", clip, split, fault=False)
    for clip in sorted(set(lists.get("train", ())) - set(lists.get(POOL, lists.get("train", ())))):
        yield Finding("a training clip is not in the pool", clip)
    for clip in sorted(set(lists.get(POOL, ())) & {*lists.get("val", ()), *lists.get("test", ())}):
        yield Finding("a clip of the pool validates or tests", clip)
    if {"train", "val", "train_val"} <= lists.keys():
        difference = set(lists["train"]) | set(lists["val"])
        difference ^= set(lists["train_val"])
        for clip in sorted(difference):
            yield Finding("train_val is not train and val together", clip)


def _clip(root: Path, clip: str, moments: Moments) -> Iterator[Finding]:
    try:
        vectors = read_motion(root / "new_joint_vecs" / f"{clip}.npy")
    except ScscError as error:
        yield _from_error(error, clip)
        return
    moments.add(vectors)
    try:
        check_vectors(vectors)
        check_decoded(vectors, vectors_to_joints(vectors), clip)
    except InvalidMotionError as error:
        yield Finding("vectors are no human in metres", clip, f"{error.found}")
    if not MIN_FRAMES <= len(vectors) < MAX_FRAMES:
        kind = f"fewer than {MIN_FRAMES} or {MAX_FRAMES} and more frames: the loader leaves it out"
        yield Finding(kind, clip, f"{len(vectors)} frames", fault=False)
    yield from _joints(root, clip, len(vectors))
    try:
        captions = read_captions(root / "texts" / f"{clip}.txt")
    except InvalidCaptionError as error:
        yield _from_error(error, clip)
        return
    for caption, start, end in captions:
        if not caption.tokens:
            yield Finding("a caption has no tokens", clip, caption.text, fault=False)
        if start == end == 0.0:
            continue
        if not 0 <= start < end or int(start * FPS) >= len(vectors):
            span = f"{start} to {end} s of {len(vectors) / FPS} s"
            yield Finding("a segment is empty", clip, span, fault=False)


def _joints(root: Path, clip: str, frames: int) -> Iterator[Finding]:
    path = root / "new_joints" / f"{clip}.npy"
    try:
        joints = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        yield Finding("a clip has no joint file", clip, fault=False)
    except DAMAGE as error:
        yield Finding("a joint file cannot be read", clip, str(error))
    else:
        # a vector describes a step, so joints may have one frame more
        if joints.shape not in ((frames, 22, 3), (frames + 1, 22, 3)):
            detail = f"{joints.shape}, {frames} vectors"
            yield Finding("joints do not match the vectors", clip, detail)
            return
        try:
            check_body(check_joints(joints), clip)
        except InvalidMotionError as error:
            yield Finding("joints are no human in metres, y up", clip, f"{error.found}")


def _from_error(error: ScscError, clip: str) -> Finding:
    kinds = {
        MissingAssetError: "a listed motion is missing",
        CorruptFileError: "a motion cannot be read",
        InvalidMotionError: "a motion has the wrong shape or is not finite",
        InvalidCaptionError: "captions are missing or do not parse",
    }
    found = "" if error.found is None else f": {error.found}"
    return Finding(kinds[type(error)], clip, str(error).splitlines()[0] + found)


def _statistics(root: Path, moments: Moments) -> Iterator[Finding]:
    try:
        mean, std = read_statistics(root)
    except ScscError as error:
        name = "" if error.path is None else error.path.name
        yield Finding("statistics are missing or not usable", name, str(error).splitlines()[0])
        return
    for start, end in STD_GROUPS:
        if np.ptp(std[start:end]) > 1e-4 * std[start]:
            kind = "Std is not averaged within its groups"
            yield Finding(kind, "Std.npy", f"features {start}:{end}", fault=False)
    if moments.count == 0:
        return
    off = np.abs(mean - moments.mean()) / std
    ratio = std / np.maximum(moments.std(), 1e-12)
    ratio = np.maximum(ratio, 1 / ratio)
    for name, value, note, limit in (
        ("Mean.npy", off, MEAN_NOTE, MEAN_OFF),
        ("Std.npy", ratio, STD_NOTE, STD_RATIO),
    ):
        worst = int(np.argmax(value))
        detail = f"feature {worst}: {value[worst]:.3g} (limit {limit})"
        if value[worst] > limit:
            yield Finding("statistics are not those of the data", name, detail)
        elif value[worst] > note:
            yield Finding("statistics are of a larger or other set", name, detail, fault=False)


def _orphans(root: Path, listed: set[str]) -> Iterator[Finding]:
    folder = root / "new_joint_vecs"
    for path in sorted(folder.rglob("*.npy")):
        clip = path.relative_to(folder).with_suffix("").as_posix()
        if clip not in listed:
            yield Finding("a motion is in no list", clip, fault=False)


def _splits_compare(root: Path) -> Iterator[Finding]:
    """Warn where distances to the test split cannot show what becomes of a model."""
    train, test = (load_split(root, split).items for split in ("train", "test"))
    if min(len(train), len(test)) < 4:
        return
    found = split_distance(train, test)
    if found.too_far:
        yield Finding(WARNING, "test.txt", str(found), fault=False)


def _checksums(root: Path) -> Iterator[Finding]:
    """Compare files with `files.json`, where our builder left one."""
    try:
        known = json.loads((root / "files.json").read_bytes())
    except FileNotFoundError:
        return
    except ValueError as error:
        yield Finding("the list of checksums cannot be read", "files.json", str(error))
        return
    if not isinstance(known, dict):
        found = f"{str(known)[:80]} instead of {{name: checksum}}"
        yield Finding("the list of checksums cannot be read", "files.json", found)
        return
    for name, digest in known.items():
        path = root / name
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            yield Finding("a file differs from its checksum", name)
        elif not path.is_file():
            yield Finding("a file of the list of checksums is missing", name)


@command()
def main(root: Path) -> None:
    """Check a dataset in HumanML3D layout; exit status 0 when sound, 1 with a table of faults.

    Args:
        root: the dataset folder.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console()
    findings = examine(root)
    counts = ", ".join(f"{len(ids)} {split}" for split, ids in _read_lists(root)[0].items())
    console.print(f"{root}: {counts}")
    table = Table("", "kind", "count", "examples", show_lines=True)
    for fault, kind in sorted({(f.fault, f.kind) for f in findings}, reverse=True):
        group = [finding for finding in findings if finding.kind == kind]
        examples = "\n".join(f"{f.where}  {f.detail}".rstrip() for f in group[:EXAMPLES])
        table.add_row("FAULT" if fault else "note", kind, str(len(group)), examples)
    if findings:
        console.print(table, markup=False)
    faults = sum(finding.fault for finding in findings)
    way_out = "restore these files, or take their ids out of the split lists"
    console.print(f"{faults} faults: {way_out}" if faults else "sound")
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    import tyro

    tyro.cli(main, config=(tyro.conf.PositionalRequiredArgs,))
