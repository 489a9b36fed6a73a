"""The looks of a motion: `skeleton` (needs no OpenGL), `simulator` (humanoid), `body` (skin)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loop.errors import InvalidOptionError
from loop.progress import track
from visualize.video.camera import VIEWS
from visualize.video.encode import write_video
from visualize.video.sheet import Clip
from visualize.video.skeleton import PANEL_PX, skeleton_frames

Look = Literal["skeleton", "simulator", "body"]
ViewName = Literal["side", "a", "b"]


def look_frames(
    clips: Sequence[Clip],
    look: Look = "skeleton",
    fps: float = 20.0,
    size: int = PANEL_PX,
    view: ViewName = "side",
    columns: int | None = None,
    forces: bool = False,
) -> Iterator[NDArray[np.uint8]]:
    """Draw frames (H, W, 3) of `clips` beside each other in a look, each followed by a camera.

    Args:
        clips: the motions, at `fps`.
        look: how bodies are drawn.
        fps: frames a second of the motions.
        size: pixels of a panel.
        view: `side` (ours), or the published cameras `a` and `b`.
        columns: panels in a row; None for at most four, in rows of about equal length.
        forces: correct each motion anew in the simulator, as its `request` says, and draw the
            forces (look `simulator`).

    Raises InvalidMotionError for a bad motion, InvalidOptionError for options that do not fit,
    MissingAssetError without OpenGL or a body.
    """
    if forces and look != "simulator":
        raise InvalidOptionError(
            "only the simulator knows forces", found=f"--look {look}", expected="--look simulator"
        )
    if columns is not None and columns < 1:
        raise InvalidOptionError("too few panels in a row", found=columns, expected="--columns 1")
    if look == "skeleton":
        return skeleton_frames(clips, fps, size, VIEWS[view], columns)
    if look == "simulator":
        from visualize.video.simulator import simulator_frames  # OpenGL only where it is needed

        return simulator_frames(clips, fps, size, VIEWS[view], columns, forces)
    from visualize.video.skinned import skinned_frames

    return skinned_frames(clips, fps, size, VIEWS[view], columns)


def render(
    clips: Sequence[Clip],
    out: Path,
    look: Look = "skeleton",
    fps: float = 20.0,
    size: int = PANEL_PX,
    view: ViewName = "side",
    columns: int | None = None,
    forces: bool = False,
) -> None:
    """Write `look_frames` as a video (.mp4 or .gif), which plays as fast as the motion."""
    frames = look_frames(clips, look, fps, size, view, columns, forces)
    count = max((len(np.asarray(clip.joints)) for clip in clips), default=0)
    write_video(track(frames, f"drawing {out.name}", count), out, fps)
