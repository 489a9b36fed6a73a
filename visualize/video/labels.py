"""Words in the pictures: titles, read-outs, the legend."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from visualize.arms import Colour
from visualize.video.body import BELOW, FLOATING, LEFT, PLANTED, RIGHT, SLIDING

logger = logging.getLogger(__name__)

INK: Colour = (30, 34, 42)
PAPER: Colour = (255, 255, 255)
TITLE_HEIGHT, LEGEND_HEIGHT = 38, 30
_MARGIN = 10
_STRIPE = 6
_SIGN_PX, _SIGN_GAP_PX = 18, 13

Signs = tuple[tuple[str, Colour, bool], ...]
"""Word, colour, and whether the sign is a ring on the floor (or else a filled dot)."""

SKELETON_SIGNS: Signs = (
    ("left", LEFT, False),
    ("right", RIGHT, False),
    ("planted", PLANTED, True),
    ("sliding", SLIDING, True),
    ("below floor", BELOW, False),
    ("floating", FLOATING, True),
)


@cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Load DejaVu Sans, which comes with matplotlib and covers more than Latin letters."""
    return ImageFont.truetype(str(_font_file(bold)), size)


def _font_file(bold: bool) -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"DejaVuSans{'-Bold' * bold}.ttf"


@cache
def _drawable() -> frozenset[int]:
    """List the code points that the font of titles has."""
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(_font_file(bold=True))).get_charmap())


def drawn_title(title: str) -> str:
    """Return what the font can draw of a title, a box for the rest; warns of that."""
    plain = " ".join(unicodedata.normalize("NFC", title).split())
    if missing := sorted(set(plain) - set(map(chr, _drawable()))):
        logger.warning("%.60r: the font of titles cannot draw %s", title, " ".join(missing[:10]))
    return "".join("\N{WHITE SQUARE}" if letter in missing else letter for letter in plain)


def title_strips(
    titles: Sequence[str], width: int, colours: Sequence[Colour | None] | None = None
) -> list[Image.Image]:
    """Draw titles on white strips as wide as their panels, all in the size the longest one needs.

    A colour becomes a bar before its title. What does not even fit in the smallest letters is cut,
    with an ellipsis; what the font cannot draw becomes a box, with a warning.
    """
    titles = [drawn_title(title) for title in titles]
    chosen = [None] * len(titles) if colours is None else colours
    left = _MARGIN + 2 * _STRIPE if any(chosen) else _MARGIN
    room = width - left - _MARGIN
    size = 20
    while size > 12 and any(font(size, True).getlength(title) > room for title in titles):
        size -= 1
    letters = font(size, True)
    strips = []
    for title, colour in zip(titles, chosen, strict=True):
        text = title
        while letters.getlength(text) > room:
            text = text.rstrip("…")[:-1].rstrip() + "…"
        strip = Image.new("RGB", (width, TITLE_HEIGHT), PAPER)
        draw = ImageDraw.Draw(strip)
        draw.text((left, TITLE_HEIGHT / 2), text, fill=INK, font=letters, anchor="lm")
        if colour is not None:
            draw.rectangle((_MARGIN, 7, _MARGIN + _STRIPE, TITLE_HEIGHT - 8), fill=colour)
        strips.append(strip)
    return strips


@cache
def legend_strip(width: int, signs: Signs = SKELETON_SIGNS) -> Image.Image:
    """Draw a legend of the colours on a strip as wide as the video."""
    letters = font(13)
    sizes = [_SIGN_PX + letters.getlength(word) + _SIGN_GAP_PX for word, _, _ in signs]
    rows: list[list[int]] = [[]]
    for index, size in enumerate(sizes):
        if rows[-1] and sum(sizes[i] for i in rows[-1]) + size - _SIGN_GAP_PX > width - 8:
            rows.append([])
        rows[-1].append(index)
    strip = Image.new("RGB", (width, LEGEND_HEIGHT * len(rows)), PAPER)
    draw = ImageDraw.Draw(strip)
    for number, row in enumerate(rows):
        x = max((width - sum(sizes[i] for i in row) + _SIGN_GAP_PX) / 2, 4)
        middle = (number + 0.5) * LEGEND_HEIGHT
        for index in row:
            word, colour, ring = signs[index]
            if ring:
                draw.ellipse((x, middle - 3.5, x + 13, middle + 3.5), outline=colour, width=2)
            else:
                draw.ellipse((x + 2, middle - 5, x + 12, middle + 5), fill=colour)
            draw.text((x + _SIGN_PX, middle), word, fill=INK, font=letters, anchor="lm")
            x += sizes[index]
    return strip


@cache
def readout(text: str, colour: Colour) -> Image.Image:
    """Draw a line of text on a white plate; few different ones exist, so each is drawn once."""
    letters = font(15)
    plate = Image.new("RGB", (int(letters.getlength(text)) + 16, 26), PAPER)
    ImageDraw.Draw(plate).text((8, 13), text, fill=colour, font=letters, anchor="lm")
    return plate
