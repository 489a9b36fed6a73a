"""Install weights: `python exp_scripts/download_weights.py FOLDER|ZIP|URL [--sha256 ...]`."""

from __future__ import annotations

import os
from pathlib import Path

import tyro

from loop.cli import command
from sample.install import install


def main(
    source: tyro.conf.Positional[str],
    sha256: str | None = None,
    out: Path = Path("weights"),
    name: str | None = None,
) -> None:
    """Install weights that `python -m domains.motion.checkpoints.shipped` wrote, also zipped.

    Args:
        source: folder, .zip file, or https:// address of a .zip file.
        sha256: checksum of the zip file; an address needs one.
        out: the folder of all weights.
        name: of these; default: that of the source.
    """
    folder = install(source, out, name, sha256)
    print(f"next: python -m sample.generate --model_path {folder} --text_prompt '...'")


if __name__ == "__main__":
    os.chdir(Path(__file__).absolute().parents[1])
    with command():
        tyro.cli(main, prog="python exp_scripts/download_weights.py")
