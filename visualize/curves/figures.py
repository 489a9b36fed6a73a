"""Figures as files."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from loop.rundir.files import storage, write_bytes


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write `<stem>.png` (200 dpi) and `<stem>.pdf`; the same figure gives the same bytes.

    Raises:
        StorageError: the folder cannot be written.
    """
    with storage(stem.parent):
        stem.parent.mkdir(parents=True, exist_ok=True)
    image, document = io.BytesIO(), io.BytesIO()
    figure.savefig(image, format="png", dpi=200)
    with matplotlib.rc_context({"pdf.fonttype": 42}):  # real text: searchable, editable
        figure.savefig(document, format="pdf", metadata={"CreationDate": None})
    # Not with_suffix: a name may contain a dot.
    written = [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "pdf")]
    for path, buffer in zip(written, (image, document), strict=True):
        write_bytes(path, buffer.getvalue())
    return written
