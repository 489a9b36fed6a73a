"""Motions beside each other in one video.

python -m visualize.side_by_side --panel "before=raw.npy" --panel "after=corrected.npy" --out x.mp4
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import tyro

from loop.cli import command
from loop.errors import InvalidOptionError
from visualize.motions import read_joints
from visualize.video.skeleton import render_side_by_side

logger = logging.getLogger("scsc")


def parse_panel(text: str) -> tuple[str, Path]:
    """Split "before=raw.npy" into title and path; a bare path is titled by its file name.

    Raises:
        InvalidOptionError: the path is empty.
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
