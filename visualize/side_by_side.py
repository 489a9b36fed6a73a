"""Motions beside each other in one video.

python -m visualize.side_by_side --panel "before=raw.npy" --panel "after=corrected.npy" --out x.mp4
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import NDArray

from loop.cli import command
from loop.errors import CorruptFileError, InvalidMotionError, InvalidOptionError, MissingAssetError
from translation.humanml import VECTOR_SIZE, vectors_to_joints
from visualize.video.skeleton import render_side_by_side

logger = logging.getLogger("scsc")


def read_joints(path: Path, *, append_next: bool = False) -> NDArray[np.float32]:
    """Joints (F, 22, 3) in metres, y up, of a .npy file with joints or HumanML3D vectors (F, 263).

    `append_next` adds the frame F + 1 that vectors lead to, which the correction sees as well.
    Raises MissingAssetError, CorruptFileError or InvalidMotionError, each with the path.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise MissingAssetError("no such motion file", path=path) from error
    except (ValueError, EOFError, OSError) as error:
        raise CorruptFileError(
            "not a readable .npy file", path=path, found=error, expected="an array of numbers"
        ) from error
    if array.ndim == 2 and array.shape[1] == VECTOR_SIZE:
        return vectors_to_joints(array, append_next=append_next)
    if array.ndim == 3 and array.shape[1:] == (22, 3):
        return array.astype(np.float32)
    raise InvalidMotionError(
        "not a motion", path=path, found=array.shape, expected="(F, 22, 3) or (F, 263)"
    )


def parse_panel(text: str) -> tuple[str, Path]:
    """("before", Path("raw.npy")) of "before=raw.npy"; a bare path is titled by its file name.

    Raises InvalidOptionError for an empty path.
    """
    title, mark, path = text.partition("=")
    if not mark:
        title, path = Path(text).stem, text
    if not path:
        raise InvalidOptionError("panel without a file", found=text, expected="TITLE=FILE.npy")
    return title, Path(path)


@command()
def main(
    panel: Annotated[tyro.conf.UseAppendAction[list[str]], tyro.conf.arg(metavar="TITLE=FILE")],
    out: Path,
    fps: float = 20.0,
) -> None:
    """Draw motions beside each other.

    Args:
        panel: title and .npy file of a motion, joints (F, 22, 3) or vectors (F, 263); repeat it.
        out: the video, .mp4 or .gif.
        fps: frames a second of the motions and of the video.
    """
    named = [parse_panel(text) for text in panel]
    render_side_by_side([(title, read_joints(path)) for title, path in named], out, fps)
    logger.info("wrote %s", out)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m visualize.side_by_side")
