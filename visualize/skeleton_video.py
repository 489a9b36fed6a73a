"""Videos of 22-joint motions side by side: a body over a visible floor, seen by one camera."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from body_models.skeleton import check_joints
from loop.errors import InvalidOptionError
from loop.progress import track
from visualize.body import BELOW, FLOATING, Colour, draw_body
from visualize.camera import Camera, follow
from visualize.contact import Cues, find_cues
from visualize.floor import Floor
from visualize.labels import INK, LEGEND_HEIGHT, legend_strip, readout, title_strips
from visualize.video import write_video

PANEL_PX = 480
COLUMNS = 4
"""Most panels in a row; more of them make rows of about equal length."""
GAP_PX = 4


def render_side_by_side(
    panels: Sequence[tuple[str, ArrayLike]], out: Path, fps: float = 20.0
) -> None:
    """Write a video (.mp4 or .gif, by the ending of `out`) with one titled panel a motion.

    panels: (title, joints (F, 22, 3) in metres, y up, at `fps`). All panels share one camera,
    which follows the middle of all of them, so that what differs is the motion; a shorter motion
    holds its last frame.
    Raises InvalidMotionError on bad joints, InvalidOptionError without panels or for another
    file ending, StorageError when `out` cannot be written.
    """
    frames = max((len(np.asarray(joints)) for _, joints in panels), default=0)
    write_video(track(render_frames(panels, fps), f"drawing {out.name}", frames), out, fps)


def render_frames(
    panels: Sequence[tuple[str, ArrayLike]], fps: float = 20.0, size: int = PANEL_PX
) -> Iterator[NDArray[np.uint8]]:
    """The pictures (H, W, 3) of `render_side_by_side`, panels of `size` pixels, H and W even.

    Raises InvalidMotionError or InvalidOptionError before the first picture.
    """
    if not panels or fps <= 0 or size < 64 or size % 2:
        raise InvalidOptionError(
            "nothing to draw, or not in this size",
            found=f"{len(panels)} panels, {fps} frames a second, {size} pixels",
            expected="a panel, a positive rate, an even size of 64 or more",
        )
    clips = [check_joints(joints) for _, joints in panels]
    lengths = [len(clip) for clip in clips]
    longest = max(lengths)
    clips = [np.concatenate([clip, clip[[-1] * (longest - len(clip))]]) for clip in clips]
    camera = follow(clips, size)
    cues = [find_cues(clip, fps) for clip in clips]
    titles = title_strips([title for title, _ in panels], size)
    return _frames(camera, clips, cues, titles, lengths, fps)


def _frames(
    camera: Camera,
    clips: list[NDArray[np.float64]],
    cues: list[Cues],
    titles: list[Image.Image],
    lengths: list[int],
    fps: float,
) -> Iterator[NDArray[np.uint8]]:
    floor = Floor(camera)
    rows = -(-len(clips) // COLUMNS)
    columns = -(-len(clips) // rows)
    tall = titles[0].height + camera.size
    width = columns * (camera.size + GAP_PX) - GAP_PX
    height = rows * tall + LEGEND_HEIGHT
    legend = legend_strip(width)
    for frame in range(len(clips[0])):
        sheet = Image.new("RGB", (width, height), (255, 255, 255))
        for place, (clip, cue, title) in enumerate(zip(clips, cues, titles, strict=True)):
            x, y = place % columns * (camera.size + GAP_PX), place // columns * tall
            picture = draw_body(camera, floor, clip, cue, frame)
            _stamp(picture, cue, frame, fps, ended=frame >= lengths[place])
            sheet.paste(title, (x, y))
            sheet.paste(picture, (x, y + title.height))
        sheet.paste(legend, (0, height - LEGEND_HEIGHT))
        yield np.asarray(sheet)


def _stamp(picture: Image.Image, cues: Cues, frame: int, fps: float, ended: bool) -> None:
    """Time at the lower left, height of the lowest joint at the lower right."""
    time = readout("ended" if ended else f"{frame / fps:.1f} s", INK)
    picture.paste(time, (8, picture.height - time.height - 8))
    colour: Colour = BELOW if cues.below[frame] else FLOATING if cues.floating[frame] else INK
    # A minus of typography is as wide as a plus, so the text does not jump.
    words = f"lowest joint {100 * cues.height[frame]:+.1f} cm".replace("-", "−")  # noqa: RUF001
    height = readout(words, colour)
    picture.paste(height, (picture.width - height.width - 8, picture.height - height.height - 8))
