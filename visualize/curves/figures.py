"""Figures as files."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from loop.rundir.files import make_folder, write_bytes


def svg(figure: Figure) -> bytes:
    """Draw a figure as SVG with a transparent background; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "scsc", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


def write_png(figure: Figure, path: Path, dpi: int) -> Path:
    """Write a figure as a PNG alone; returns its path.

    Raises:
        StorageError: it cannot be written.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    write_bytes(path, buffer.getvalue())
    return path


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write `<stem>.png` (200 dpi) and `<stem>.pdf`; the same figure gives the same bytes.

    Raises:
        StorageError: the folder cannot be written.
    """
    make_folder(stem.parent)
    document = io.BytesIO()
    # Not with_suffix: a name may contain a dot.
    image = write_png(figure, stem.with_name(f"{stem.name}.png"), 200)
    with matplotlib.rc_context({"pdf.fonttype": 42}):  # real text: searchable, editable
        figure.savefig(document, format="pdf", metadata={"CreationDate": None})
    path = stem.with_name(f"{stem.name}.pdf")
    write_bytes(path, document.getvalue())
    return [image, path]
