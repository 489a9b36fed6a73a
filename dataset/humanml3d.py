"""Read motion datasets in the published HumanML3D layout.

A dataset is a folder with `new_joint_vecs/ID.npy` (F, 263), `new_joints/ID.npy` (F, 22, 3),
`texts/ID.txt`, the split lists `train.txt val.txt test.txt train_val.txt` (one id a line) and
`Mean.npy Std.npy` (263,). Ids may hold folders; motions run at 20 fps.
Bad files are errors, not gaps: a dataset that silently shrinks gives numbers nobody can compare.
Who wants them skipped, as the published loader does, has to say so, and is told what was skipped.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from body_models.damage import DAMAGE
from dataset.captions import Caption, caption_text, parse_captions, read_captions
from dataset.packed import Clip, open_packed
from loop.errors import CorruptFileError, InvalidMotionError, MissingAssetError, ScscError
from translation.layout import HOW_TO_GET, how_to_mend, read_ids
from translation.units import is_normalised

__all__ = [
    "FPS",
    "MOTION_DIM",
    "POOL",
    "SPLITS",
    "Caption",
    "MotionItem",
    "MotionSet",
    "Prompt",
    "load_split",
    "published_prompts",
    "read_captions",
    "read_ids",
    "read_motion",
    "read_statistics",
]

FPS = 20
MOTION_DIM = 263
MIN_FRAMES, LONGEST_FRAMES = 40, 196
"""Shortest clip that is loaded, and longest motion that is drawn (published)."""
SPLITS = ("train", "val", "test", "train_val")
POOL = "pool"
"""Optional list of all motions that the training part was drawn from; the evaluator learns them."""
_REBUILD = "restore the file, or rebuild the dataset"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MotionItem:
    """What one draw of the loader is about: a clip, or the segment of a clip that captions name.

    Attributes:
        id: id of the clip in the split list (`000021`, `M000021`).
        name: unique name of the item; the id for a whole clip, `md5_id` for a segment.
        vectors: (F, 263) float32, 20 fps, not normalised.
        captions: every caption of this item, at least one.
    """

    id: str
    name: str
    vectors: np.ndarray
    captions: tuple[Caption, ...]


@dataclass(frozen=True)
class MotionSet:
    """The items of one split with the statistics that normalise them.

    Attributes:
        items: in the order of the split list, a clip's segments before the whole clip.
        mean: (263,) float32.
        std: (263,) float32, positive.
        root: the dataset folder.
        split: name of the split.
    """

    items: tuple[MotionItem, ...]
    mean: np.ndarray
    std: np.ndarray
    root: Path
    split: str


def load_split(
    root: Path | str,
    split: str,
    *,
    min_frames: int = MIN_FRAMES,
    max_frames: int = 200,
    skip_damaged: bool = False,
) -> MotionSet:
    """Load all items of one split, with the published rules of the HumanML3D loader.

    A caption with a time span makes the frames [int(20 start), int(20 end)) an item of its own; the
    captions of the whole clip share one item. Items with fewer than `min_frames` frames, or
    `max_frames` and more, are left out; so are the segments of a clip of such a length. Unlike the
    published loader, a segment never changes the name of the items after it, so that none is lost.

    Args:
        root: the dataset folder.
        split: train, val, test, train_val or pool.
        min_frames, max_frames: the length window.
        skip_damaged: leave a clip out whose files are missing or damaged (published, silently
            there); a warning names all of them.

    Raises:
        MissingAssetError: the folder, the split list, the statistics or a listed motion is missing.
        InvalidMotionError, CorruptFileError: see `read_motion`; also when no item is left.
        InvalidCaptionError: see `read_captions`.
    """
    root = Path(root)
    mean, std = read_statistics(root)
    items: dict[str, MotionItem] = {}
    clips, skipped, odd = read_ids(root, split), list[str](), list[str]()
    pack = open_packed(root, lambda clip: _sound(root, clip), MOTION_DIM)
    for clip in clips:
        try:
            found = None if pack is None else pack.get(clip)
            vectors, text, normalised = _read_clip(root, clip) if found is None else found
            captions = parse_captions(text, root / "texts" / f"{clip}.txt")
        except ScscError:
            if not skip_damaged:
                raise
            skipped.append(clip)
            continue
        if normalised:
            odd.append(clip)
        if min_frames <= len(vectors) < max_frames:
            for item in _items_of_clip(clip, vectors, captions):
                if min_frames <= len(item.vectors) < max_frames:
                    items[item.name] = item
    if skipped:
        names = " ".join(skipped)
        logger.warning("%s, split %s: %d clips skipped: %s", root, split, len(skipped), names)
    if odd:
        logger.warning(
            "%s, split %s: %d clips look as if they were normalised already (%s, ...); "
            "`python -m dataset.doctor %s` tells more",
            *(root, split, len(odd), odd[0], root),
        )
    if not items:
        raise InvalidMotionError(
            f"No motion of split {split!r} has a usable length.",
            path=root,
            found=f"{len(clips)} clips listed",
            expected=f"clips of {min_frames} to {max_frames - 1} frames",
            remedy="choose another dataset or other length limits",
        )
    logger.info("%s, split %s: %d items from %d clips", root, split, len(items), len(clips))
    return MotionSet(tuple(items.values()), mean, std, root, split)


def _read_clip(root: Path, clip: str) -> Clip:
    vectors = read_motion(root / "new_joint_vecs" / f"{clip}.npy")
    return vectors, caption_text(root / "texts" / f"{clip}.txt"), is_normalised(vectors)


def _sound(root: Path, clip: str) -> Clip | None:
    """Read a clip to be packed; None for a damaged one, which is named when it is asked for."""
    try:
        return _read_clip(root, clip)
    except ScscError:
        return None


def _items_of_clip(
    clip: str, vectors: np.ndarray, captions: list[tuple[Caption, float, float]]
) -> list[MotionItem]:
    items, whole = [], []
    for caption, start, end in captions:
        if start == end == 0.0:
            whole.append(caption)
            continue
        digest = hashlib.md5(f"{start}_{end}_{clip}_{caption.text}".encode()).hexdigest()
        segment = vectors[int(start * FPS) : int(end * FPS)]
        items.append(MotionItem(clip, f"{digest}_{clip}", segment, (caption,)))
    if whole:
        items.append(MotionItem(clip, clip, vectors, tuple(whole)))
    return items


@dataclass(frozen=True)
class Prompt:
    """What the published code draws a motion for.

    Attributes:
        id: a listed clip.
        caption: the first line of its caption file, even if that describes a segment only.
        frames: its length, bounded to what the loop draws.
        captions: those that a sample is trained with: all of the whole clip, where it is loaded.
    """

    id: str
    caption: Caption
    frames: int
    captions: tuple[Caption, ...]


def published_prompts(loaded: MotionSet) -> list[Prompt]:
    """Return a prompt for every listed clip, in file order, those of unusable length included.

    A clip whose files are missing or damaged, at which the published code stops, is left out.

    Raises:
        MissingAssetError: there is no list of the split.
    """
    whole = {item.id: item.captions for item in loaded.items if item.name == item.id}
    prompts = []
    for clip in read_ids(loaded.root, loaded.split):
        try:
            motion = _load_array(loaded.root / "new_joint_vecs" / f"{clip}.npy", "Motion")
            first = read_captions(loaded.root / "texts" / f"{clip}.txt")[0][0]
        except ScscError:
            continue  # `load_split` has named it
        frames = len(motion) if motion.ndim else 0
        bounded = min(max(frames, MIN_FRAMES), LONGEST_FRAMES)
        prompts.append(Prompt(clip, first, bounded, whole.get(clip, (first,))))
    return prompts


def read_motion(path: Path | str) -> np.ndarray:
    """Read a motion file: (F, 263) float32 HumanML3D vectors, 20 fps, all finite, F >= 1.

    Raises:
        MissingAssetError: the file is not there.
        CorruptFileError: it is no readable .npy file.
        InvalidMotionError: wrong shape, no frame, or values that are not finite.
    """
    vectors = _load_array(Path(path), "Motion")
    if vectors.ndim != 2 or vectors.shape[1] != MOTION_DIM or len(vectors) == 0:
        raise InvalidMotionError(
            "Motion has the wrong shape.",
            path=path,
            found=f"shape {vectors.shape}",
            expected=f"(frames, {MOTION_DIM})",
            remedy=how_to_mend(path),
        )
    with np.errstate(invalid="ignore", over="ignore"):
        vectors = vectors.astype(np.float32, copy=False)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise InvalidMotionError(
            "Motion holds values that are not finite.",
            path=path,
            found=f"{np.count_nonzero(~finite)} bad frames, the first is {int(np.argmin(finite))}",
            expected="finite numbers",
            remedy=how_to_mend(path),
        )
    return vectors


def read_statistics(root: Path | str) -> tuple[np.ndarray, np.ndarray]:
    """Read mean and standard deviation of a dataset, each (263,) float32.

    Raises:
        MissingAssetError, CorruptFileError: a file is missing or unreadable.
        InvalidMotionError: wrong shape, not finite, or a deviation that is not positive.
    """
    mean, std = (_load_array(Path(root) / f"{name}.npy", "Statistics") for name in ("Mean", "Std"))
    for name, value in (("Mean", mean), ("Std", std)):
        if value.shape != (MOTION_DIM,) or not np.isfinite(value).all():
            raise InvalidMotionError(
                "Statistics have the wrong shape or are not finite.",
                path=Path(root) / f"{name}.npy",
                found=f"shape {value.shape}",
                expected=f"{MOTION_DIM} finite numbers",
                remedy=_REBUILD,
            )
    if std.min() <= 0:
        raise InvalidMotionError(
            "A standard deviation is not positive, so motions cannot be normalised.",
            path=Path(root) / "Std.npy",
            found=f"{std.min()} in dimension {int(std.argmin())}",
            remedy=_REBUILD,
        )
    return mean.astype(np.float32), std.astype(np.float32)


def _load_array(path: Path, what: str) -> np.ndarray:
    def remedy() -> str:
        if what == "Motion":
            return how_to_mend(path)
        return _REBUILD if path.parent.is_dir() else HOW_TO_GET

    if not path.is_file():
        raise MissingAssetError(f"{what} file is missing.", path=path, remedy=remedy())
    try:
        array = np.load(path, allow_pickle=False)
    except DAMAGE as error:
        raise CorruptFileError(
            f"{what} file cannot be read.",
            path=path,
            found=error,
            expected="a NumPy .npy file",
            remedy=remedy(),
        ) from error
    if not np.issubdtype(array.dtype, np.number):
        raise CorruptFileError(f"{what} file holds no numbers.", path=path, found=array.dtype)
    return array
