"""Videos of 22-joint motions side by side: a body over a visible floor, seen by one camera."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualize.arms import Colour
from visualize.video.body import BELOW, FLOATING, TRUNK, draw_body
from visualize.video.camera import VIEWS, Camera, View, follow, follow_each
from visualize.video.contact import Cues, find_cues
from visualize.video.floor import Floor
from visualize.video.labels import INK, legend_strip, readout
from visualize.video.sheet import Clip, Painter, Sheet, prepare

PANEL_PX = 480


def render_frames(
    panels: Sequence[tuple[str, ArrayLike]], fps: float = 20.0, size: int = PANEL_PX
) -> Iterator[NDArray[np.uint8]]:
    """Draw pictures (H, W, 3) with one titled panel a motion, of `size` pixels, H and W even.

    panels: (title, joints (F, 22, 3) in metres, y up, at `fps`). All panels share one camera,
    which follows the middle of all of them, so that what differs is the motion; a shorter motion
    holds its last frame.
    Raises InvalidMotionError on bad joints, InvalidOptionError without panels, before the first
    picture.
    """
    clips = [Clip(title, joints) for title, joints in panels]
    return skeleton_frames(clips, fps, size, together=True)


def skeleton_frames(
    clips: Sequence[Clip],
    fps: float = 20.0,
    size: int = PANEL_PX,
    view: View = VIEWS["side"],
    columns: int | None = None,
    together: bool = False,
) -> Iterator[NDArray[np.uint8]]:
    """Draw as `render_frames`, from any side, in any number of columns, in colours of arms.

    `together`: one camera sees all; otherwise each motion is followed, from the same distance.
    """
    motions, lengths = prepare(clips, fps, size)
    if together:
        cameras = [follow(motions, size, view)] * len(motions)
    else:
        cameras = follow_each(motions, size, view)

    def painter(camera: Camera, motion: NDArray[np.float64], colour: Colour) -> Painter:
        floor, cues = Floor(camera), find_cues(motion, fps)

        def paint(frame: int) -> Image.Image:
            picture = draw_body(camera, floor, motion, cues, frame, colour)
            _stamp_height(picture, cues, frame)
            return picture

        return paint

    painters = [
        painter(camera, motion, clip.colour or TRUNK)
        for camera, motion, clip in zip(cameras, motions, clips, strict=True)
    ]
    return Sheet(clips, lengths, fps, size, columns, legend_strip).frames(painters)


def _stamp_height(picture: Image.Image, cues: Cues, frame: int) -> None:
    """Write the height of the lowest joint, at the lower right; a small panel has the number only.

    The other half of the line belongs to the time.
    """
    colour: Colour = BELOW if cues.below[frame] else FLOATING if cues.floating[frame] else INK
    # A minus of typography is as wide as a plus, so the text does not jump.
    words = f"{100 * cues.height[frame]:+.1f} cm".replace("-", "−")  # noqa: RUF001
    height = readout(f"lowest joint {words}", colour)
    if height.width > 0.6 * picture.width:
        height = readout(words, colour)
    picture.paste(height, (picture.width - height.width - 8, picture.height - height.height - 8))
