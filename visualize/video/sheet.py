"""Pictures beside each other in one frame of a video: titles above, a legend below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from body_models.skeleton import check_joints
from loop.errors import InvalidOptionError
from visualize.arms import Colour
from visualize.video.labels import INK, readout, title_strips

if TYPE_CHECKING:
    from uhc.options import CorrectionOptions

GAP_PX = 4
COLUMNS = 4
"""Most panels in a row, unless asked for; more of them make rows of about equal length."""

Painter = Callable[[int], Image.Image]
"""The square picture of a frame."""


@dataclass(frozen=True)
class Clip:
    """A motion to draw.

    Attributes:
        title: stands above its picture.
        joints: (F, 22, 3) in metres, y up.
        colour: of its arm, on the title and the body; None for no arm.
        request: how to correct it where forces are drawn; None: by default.
    """

    title: str
    joints: ArrayLike
    colour: Colour | None = None
    request: CorrectionOptions | None = None


def prepare(
    clips: Sequence[Clip], fps: float, size: int
) -> tuple[list[NDArray[np.float64]], list[int]]:
    """Return joints of all clips, held at their last frame up to the longest, and the lengths.

    Raises InvalidMotionError for a bad motion, InvalidOptionError where nothing can be drawn.
    """
    if not clips or fps <= 0 or size < 64 or size % 2:
        raise InvalidOptionError(
            "nothing to draw, or not in this size",
            found=f"{len(clips)} panels, {fps} frames a second, {size} pixels",
            expected="a panel, a positive rate, an even size of 64 or more",
        )
    motions = [check_joints(clip.joints) for clip in clips]
    lengths = [len(motion) for motion in motions]
    return [hold(motion, max(lengths)) for motion in motions], lengths


def hold(rows: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """Extend `rows`, the last of them repeated until there are `frames`."""
    return np.concatenate([rows, rows[[-1] * (frames - len(rows))]])


@dataclass(frozen=True)
class Sheet:
    """Where everything is on a frame.

    Attributes:
        clips: one a panel, row by row.
        lengths: frames of each.
        fps: of the motions.
        size: of a picture, pixels.
        columns: panels in a row; None for at most `COLUMNS`, rows of about equal length.
        legend: strip of the given width below all panels.
    """

    clips: Sequence[Clip]
    lengths: Sequence[int]
    fps: float
    size: int
    columns: int | None = None
    legend: Callable[[int], Image.Image] | None = None

    def frames(self, painters: Sequence[Painter]) -> Iterator[NDArray[np.uint8]]:
        """Draw the frames (H, W, 3), H and W even; `painters` paint the clips' pictures."""
        titles = title_strips(
            [clip.title for clip in self.clips], self.size, [clip.colour for clip in self.clips]
        )
        count = len(self.clips)
        columns = self.columns or -(-count // -(-count // COLUMNS))
        tall = titles[0].height + self.size
        width = columns * (self.size + GAP_PX) - GAP_PX
        legend = None if self.legend is None else self.legend(width)
        rows = -(-count // columns) * tall
        height = rows + (0 if legend is None else legend.height)
        for frame in range(max(self.lengths)):
            sheet = Image.new("RGB", (width, height), (255, 255, 255))
            for place, (title, paint) in enumerate(zip(titles, painters, strict=True)):
                x, y = place % columns * (self.size + GAP_PX), place // columns * tall
                picture = paint(frame)
                self._stamp(picture, frame, ended=frame >= self.lengths[place])
                sheet.paste(title, (x, y))
                sheet.paste(picture, (x, y + title.height))
            if legend is not None:
                sheet.paste(legend, (0, rows))
            yield np.asarray(sheet)

    def _stamp(self, picture: Image.Image, frame: int, ended: bool) -> None:
        """Draw the time at the lower left."""
        time = readout("ended" if ended else f"{frame / self.fps:.1f} s", INK)
        picture.paste(time, (8, picture.height - time.height - 8))
