"""What is known of the published HumanML3D, and what is known to go wrong when it is rebuilt.

Checksums and counts are those of the files in its repository (github.com/EricGuo5513/HumanML3D).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

from dataset.findings import Finding

CLIPS, LISTED = 14_616, 29_228
"""Rows of index.csv, and ids in the split lists: each clip and its mirror image, but for two."""
FULL = 20_000
"""A data set that lists this many ids claims to be all of it."""
ONE_FRAME = ("009707", "011059")
"""Cut to a single frame by index.csv, so that no vector can be made of them (issues 120 and 122 of
that repository); its lists leave them and their mirror images out."""

_SHA256 = {
    "index.csv": "80226910d7259655ab5f411fd807b7651037341b4806fde025946a74d62b1065",
    "train.txt": "e3e6975099b19964ee085db3e1d1160365a27e275f4f2b3d37c8ef24cccf4ce9",
    "val.txt": "effa9e866f7c2bd3e5bb518600f95a5fd780a2dcf72c3cdb1e0caf5c93051e17",
    "test.txt": "b89bc7df558df6246840702d0976a5d37ecbc4f055642b5c99e509a2d85ac12e",
    "train_val.txt": "06b58744e90ee63a7b63f175dae4af213d3279e7b1689ad1908fafef13dbede6",
    "all.txt": "49fa084e75a7896dde9f6af735979c9430d19feb84bed2d36a39024baf096663",
    "Mean.npy": "26e136555dab04c94a129d446c26e6b9939cbf045fbf77bcf5462c1fb5a2001c",
    "Std.npy": "6565a65ed9b31e23c328829a309e1c482be8b85fd23b43d65451a9b19a917f40",
}


def published_findings(root: Path, ids: Collection[str]) -> Iterator[Finding]:
    """Tell how a data set with these listed ids differs from the published HumanML3D.

    The one-frame clips are looked for in every data set, the rest only in one that claims to be
    complete.
    """
    for clip in (name for number in ONE_FRAME for name in (number, f"M{number}")):
        if clip in ids and (root / "index.csv").is_file():
            yield Finding("a clip that HumanML3D cuts to one frame is listed", clip)
    if len(ids) < FULL:
        return
    if len(ids) != LISTED:
        detail = f"{len(ids):,} ids, {LISTED:,} in the published lists"
        yield Finding("HumanML3D is not complete, or more than that", root.name, detail, False)
    for name, digest in _SHA256.items():
        path = root / name
        if not path.is_file():
            continue
        # Git may have changed the ends of lines on the way.
        content = path.read_bytes()
        if not name.endswith(".npy"):
            content = content.replace(b"\r\n", b"\n")
        if hashlib.sha256(content).hexdigest() != digest:
            detail = "numbers do not compare with published ones" if name[0] in "MS" else ""
            yield Finding("a file differs from the published HumanML3D", name, detail, False)
