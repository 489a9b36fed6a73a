"""Building one HTML file that needs nothing else: no network, no other file.

Whatever comes from data is escaped here, in one place. The page's own policy (CSP) allows the two
blocks of ours by their hashes and nothing else, so that even a caption that looks like a script
stays a caption.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, NamedTuple

ABSENT = "-"
"""Stands in a cell that has no value."""
SCRIPTS = (
    "dom.js",
    "images.js",
    "camera.js",
    "scene.js",
    "gestures.js",
    "canvas.js",
    "timeline.js",
    "motion.js",
    "player.js",
    "start.js",
)
"""In the order in which they need each other."""


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: its anchor.
        title: its heading, plain text.
        html: its content, escaped already (see the builders below).
        data: what the widgets in `html` show, by name.
    """

    name: str
    title: str
    html: str
    data: Mapping[str, Any] = field(default_factory=dict)


class Page(NamedTuple):
    """A page: its title, a sentence below it, and its sections."""

    title: str
    lead: str
    sections: Sequence[Section]


def render_page(page: Page) -> str:
    """Render the whole page as HTML; equal pages give equal text."""
    title, lead, sections = page
    style = _asset("report.css")
    script = "(() => {\n'use strict';\n" + "\n".join(map(_asset, SCRIPTS)) + "\n})();"
    return Template(_asset("report.html")).substitute(
        title=escape(title),
        lead=escape(lead),
        links=" ".join(f'<a href="#{s.name}">{escape(s.title)}</a>' for s in sections),
        sections="\n".join(
            f'<section id="{s.name}"><h2>{escape(s.title)}</h2>\n{s.html}\n</section>'
            for s in sections
        ),
        data="\n".join(_data(name, value) for s in sections for name, value in s.data.items()),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def paragraph(text: str, kind: str = "") -> str:
    """Build a paragraph of plain text; `kind` is a class of report.css."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def warning(title: str, lines: Sequence[str]) -> str:
    """Build a list of what is missing or went wrong; nothing without lines."""
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="warning" role="note">{escape(title)}<ul>{items}</ul></div>'


def table(
    headings: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "", text: bool = False
) -> str:
    """Build a table; the first cell of a row names it. A cell (main, small) has a second line.

    text: cells are words, set to the left, instead of numbers.
    """
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join(
        f'<tr><th scope="row">{_cell(row[0])}</th>'
        + "".join(f"<td>{_cell(value)}</td>" for value in row[1:])
        + "</tr>"
        for row in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    kind = ' class="words"' if text else ""
    return (
        f'<div class="scroll" tabindex="0"><table{kind}>{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def details(summary: str, html: str, unfolded: bool = False) -> str:
    """Build a part that a click unfolds."""
    return f"<details{' open' * unfolded}><summary>{escape(summary)}</summary>{html}</details>"


def cards(entries: Sequence[tuple[str, str, str]]) -> str:
    """Build large figures out of (label, value, remark)."""
    return (
        '<dl class="cards">'
        + "".join(
            f"<div><dt>{escape(label)}</dt><dd>{escape(value)}<small>{escape(remark)}</small></dd>"
            "</div>"
            for label, value, remark in entries
        )
        + "</dl>"
    )


def widget(kind: str, source: str) -> str:
    """Build the place of what the page's script draws; kinds are those of assets/start.js."""
    return f'<div data-widget="{kind}" data-source="{source}"></div>'


def figure(title: str, html: str, remark: str = "", caption: str = "", kind: str = "chart") -> str:
    """Build a figure of class `kind` around html: title and remark above, a caption below."""
    head = f"<strong>{escape(title)}</strong><span>{escape(remark)}</span>"
    below = f'<p class="note">{escape(caption)}</p>' if caption else ""
    return f'<figure class="{kind}"><figcaption>{head}</figcaption>{html}{below}</figure>'


def picture(content: bytes, media: str, alt: str) -> str:
    """Build a picture out of a file of a media type such as image/png."""
    return f'<img alt="{escape(alt)}" src="{data_uri(content, media)}">'


def data_uri(content: bytes, kind: str) -> str:
    """Encode a file as an address inside the page; `kind` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def rounded(value: float) -> float:
    """Round to six significant digits: more than a reader needs, less than a page should carry."""
    return float(f"{value:.6g}")


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return f"{escape(str(value[0]))}<small>{escape(str(value[1]))}</small>"
    return escape(str(value))


def _data(name: str, value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Inside a script element only "</script" and "<!--" mean something.
    text = text.replace("<", "\\u003c")
    return f'<script type="application/json" id="data-{name}">{text}</script>'


def _asset(name: str) -> str:
    return files("visualize.report").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
