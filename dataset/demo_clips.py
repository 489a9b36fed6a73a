"""Build the demo dataset: real motion capture for everybody, no account, no licence to sign.

`python -m dataset.demo_clips --out dataset/demo` takes the DeepMimic clips out of the pybullet
wheel, turns them into 22 joints at 20 fps, unrolls loops, cuts windows of 2 to 3 s, mirrors each,
and writes the HumanML3D layout; beside it `clips/NAME.npy` (whole clips), `clips.json` (what became
of which clip) and `source/` (the text files). `--split windows` deals the windows of every clip to
train and test, `takes` whole clips; nothing is known about the subjects.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from body_models import skeleton
from dataset import captions, demo_captions, demo_source, splits, tagging, writer
from dataset.demo_captions import CAPTIONS, CLIPS, DemoClip
from dataset.splits import LOOPS, deal, write_card
from dataset.tagging import mirror_text, tag
from dataset.writer import DatasetClip, staged_folder, write_layout
from loop.cli import command
from loop.errors import CorruptFileError
from translation import deepmimic, humanml, rotations
from translation.humanml import FPS, face_forward, joints_to_vectors, mirror_joints, start_at_origin
from translation.layout import MARKER, read_ids

SHORTEST, LONGEST = 40, 60
"""Frames (vectors) of a window: 2 to 3 s."""
CYCLE_WINDOWS = 5
"""Windows of a loop where windows are dealt out: few, so that a generation takes seconds. They
start at evenly spaced phases, in cycles that repeat; a clip that is no loop holds one window."""
TAKE_WINDOWS = {"train": 3, "val": 3, "test": 10}
"""Windows a clip by its split where takes are dealt out, evenly spaced over one cycle of a loop or
what a clip has room for: enough test windows for a covariance of 32-d features."""
CAPTIONS_A_WINDOW = 4
SEED = 20240207

DemoSplit = Literal["windows", "takes"]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class WholeClip:
    """A source clip as joints.

    Attributes:
        clip: where it comes from.
        joints: (F, 22, 3) float32 metres at 20 fps, y up, floor at 0, starting at the origin and
            facing +z; a loop is unrolled to one cycle and one longest window.
        loop: whether the source is a loop.
        starts: how many frames a window may start at: one cycle of a loop; for others as many as
            leave a shortest window, none if the clip is too short.
        shortest: vectors that a window needs: a cycle of a loop where a window can hold one.
    """

    clip: DemoClip
    joints: np.ndarray
    loop: bool
    starts: int
    shortest: int


def build(
    out: Path | str = "dataset/demo", wheel: Path | None = None, split: DemoSplit = "windows"
) -> dict[str, int]:
    """Make the demo dataset in `out`, or leave it as it is when it is whole and up to date.

    Args:
        out: folder to make; a dataset that an earlier call made there is replaced.
        wheel: a pybullet 3.2.7 wheel on disk; without it pip downloads one, unless the text files
            are still in `out/source`.
        split: what is dealt out to train and test, see `dataset.splits`.

    Returns:
        Number of items by split.

    Raises:
        MissingAssetError, CorruptFileError: the wheel is not to be had, or is another one.
        InvalidOptionError: `out` holds something else.
    """
    out = Path(out)
    if not _is_current(out, split):
        writer.check_replaceable(out)
        source = _source(out, wheel)
        made_from = {"dataset": "demo", "split": split, "recipe": _recipe()}
        with staged_folder(out, made_from) as folder:
            _write(folder, source, split)
            (folder / "files.json").write_text(json.dumps(_hashes(folder), indent=1) + "\n")
        logger.info("made %s", out)
    counts = {name: len(read_ids(out, name)) for name in _SPLITS}
    logger.info("%s holds %s", out, ", ".join(f"{n} {name}" for name, n in counts.items()))
    return counts


_SPLITS = ("train", "val", "test")


def _source(out: Path, wheel: Path | None) -> dict[str, bytes]:
    if wheel is not None:
        return demo_source.read_wheel(wheel)
    kept = {name: out / "source" / name for name in demo_source.FILES}
    if all(path.is_file() for path in kept.values()):
        content = {name: path.read_bytes() for name, path in kept.items()}
        try:
            demo_source.check_content(content, out / "source")
        except CorruptFileError as error:
            logger.warning("%s", error)
        else:
            return content
    return demo_source.download()


def _write(folder: Path, source: dict[str, bytes], split: DemoSplit) -> None:
    for name, data in source.items():
        path = folder / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "clips").mkdir()
    clips = list(read_whole_clips(folder / "source"))
    report, windows = {}, []
    lists: dict[str, list[str]] = {name: [] for name in _SPLITS}
    for number, (whole, parts) in enumerate(zip(clips, _dealt(clips, split), strict=True)):
        np.save(folder / "clips" / f"{whole.clip.name}.npy", whole.joints)
        cut = _windows(whole, number, len(windows) // 2, len(parts))
        windows += cut
        report[whole.clip.name] = entry = _describe(whole, cut, parts)
        for part, ids in entry["splits"].items():
            lists[part] += ids
        if not cut:
            logger.info("%s is left out: %s", whole.clip.name, entry["excluded"])
    write_layout(folder, windows, lists)
    write_card(folder, "Demo: DeepMimic clips from the pybullet wheel", split, LOOPS)
    (folder / "clips.json").write_text(json.dumps(report, indent=1) + "\n")


def _dealt(clips: list[WholeClip], split: DemoSplit) -> list[list[str]]:
    """Deal each window of each clip to a split."""
    if split == "takes":
        counts = (min(TAKE_WINDOWS[whole.clip.split], whole.starts) for whole in clips)
        return [[whole.clip.split] * n for whole, n in zip(clips, counts, strict=True)]
    counts = (min(CYCLE_WINDOWS if whole.loop else 1, whole.starts) for whole in clips)
    return deal([(whole.clip.action, n) for whole, n in zip(clips, counts, strict=True)])


def _describe(whole: WholeClip, windows: list[DatasetClip], parts: list[str]) -> dict[str, Any]:
    frames = len(whole.joints)
    ids = [window.id for window in windows]
    entry: dict[str, Any] = {
        "source": whole.clip.file,
        "loop": whole.loop,
        "frames": frames,
        "ids": ids,
        "splits": {},
    }
    for index, part in enumerate(parts):
        entry["splits"].setdefault(part, []).extend(ids[2 * index : 2 * index + 2])
    if not windows:
        entry["excluded"] = f"no loop, and {frames} frames are fewer than {SHORTEST + 1}"
    return entry


def read_whole_clips(source: Path) -> Iterator[WholeClip]:
    """Yield all clips of a source folder in the order of CLIPS, unrolled and resampled."""
    humanoid = deepmimic.read_humanoid(source / "humanoid.urdf")
    for clip in CLIPS:
        motion = deepmimic.read_motion(source / "motions" / clip.file)
        cycle = motion.times[-1]
        unrolled = deepmimic.unroll(motion, cycle + (LONGEST + 1) / FPS)
        joints = deepmimic.to_joints(unrolled, humanoid, FPS)
        starts = round(cycle * FPS) if motion.loop else max(0, len(joints) - SHORTEST)
        shortest = min(max(SHORTEST, starts), LONGEST) if motion.loop else SHORTEST
        starts = min(starts, clip.starts or starts)
        yield WholeClip(clip, _stand(joints), motion.loop, starts, shortest)


def _stand(joints: np.ndarray) -> np.ndarray:
    """Place a clip at the origin, facing +z; its height stays: the source's floor is known."""
    return face_forward(start_at_origin(joints)).astype(np.float32)


def _windows(whole: WholeClip, number: int, first_id: int, count: int) -> list[DatasetClip]:
    """Cut a clip into windows, each followed by its mirror image.

    All are cut from the first cycles of a loop, as later ones hold the same frames again.
    """
    rng = np.random.default_rng([SEED, number])
    windows = []
    for index in range(count):
        start = index * whole.starts // count
        longest = min(LONGEST, len(whole.joints) - 1 - start)
        frames = int(rng.integers(whole.shortest, longest, endpoint=True))
        joints = whole.joints[start : start + frames + 1]
        texts = CAPTIONS[whole.clip.action]
        chosen = [texts[(index + k) % len(texts)] for k in range(CAPTIONS_A_WINDOW)]
        name = f"{first_id + index:06d}"
        windows.append(_window(name, joints, chosen))
        mirrored = mirror_joints(joints)
        windows.append(_window(f"M{name}", mirrored, [mirror_text(text) for text in chosen]))
    return windows


def _window(name: str, joints: np.ndarray, texts: list[str]) -> DatasetClip:
    vectors = joints_to_vectors(_stand(joints), placed=True)
    return DatasetClip(name, vectors, [(tag(text), 0.0, 0.0) for text in texts])


def _recipe() -> str:
    """Hash the code that decides what the dataset looks like: other code, other dataset."""
    sources = (captions, demo_captions, demo_source, tagging, writer, splits)
    paths = [
        Path(m.__file__ or "") for m in (*sources, deepmimic, humanml, rotations, skeleton)
    ] + [Path(__file__)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name not in (MARKER, "files.json")
    }


def _is_current(out: Path, split: DemoSplit) -> bool:
    try:
        marker = json.loads((out / MARKER).read_bytes())
        files = json.loads((out / "files.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    if not isinstance(marker, dict):
        return False
    made = marker.get("recipe"), marker.get("split")
    return made == (_recipe(), split) and files == _hashes(out)


@command()
def main(
    out: Path = Path("dataset/demo"), wheel: Path | None = None, split: DemoSplit = "windows"
) -> None:
    """Build the demo dataset from the DeepMimic clips in the pybullet wheel.

    Args:
        out: folder to make.
        wheel: a pybullet 3.2.7 wheel on disk, for machines without network.
        split: what is dealt out to train and test: windows (for the loop) or whole takes (for
            generalisation).
    """
    build(out, wheel, split)


if __name__ == "__main__":
    import tyro

    tyro.cli(main)
