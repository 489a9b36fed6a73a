"""Frames to MP4 or GIF with the ffmpeg that comes inside the package imageio-ffmpeg."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from loop.errors import InvalidOptionError, MissingAssetError, StorageError
from loop.rundir.files import prepare_file, storage

logger = logging.getLogger(__name__)

_OWN = "IMAGEIO_FFMPEG_EXE"
"""Variable with which a user names another ffmpeg."""
_PALETTE = "split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none"
# yuv420p and the header in front: plays in browsers, on phones and in slides
_PLAYABLE = ("-pix_fmt", "yuv420p", "-movflags", "+faststart")
_FORMATS: dict[str, dict[str, tuple[str, ...]]] = {
    ".mp4": {
        "libx264": (*_PLAYABLE, "-crf", "20", "-preset", "veryfast"),
        "libopenh264": (*_PLAYABLE, "-b:v", "4M"),
        "libvpx-vp9": (*_PLAYABLE, "-crf", "24", "-b:v", "0"),
        "mpeg4": (*_PLAYABLE, "-q:v", "3"),
    },
    ".gif": {"gif": ("-pix_fmt", "pal8", "-vf", _PALETTE)},
}
"""File ending -> encoder, the best one first -> options of ffmpeg."""


def write_video(frames: Iterable[NDArray[np.uint8]], out: Path, fps: float) -> None:
    """Write frames (H, W, 3), H and W even, to `out` (.mp4 or .gif): the whole file or none.

    Without the usual encoder the best one that this ffmpeg has is used, with a warning.

    Raises:
        InvalidOptionError: another file ending, or no frames.
        MissingAssetError: no ffmpeg, or none that can encode this format.
        StorageError: the file cannot be written.
    """
    if out.suffix not in _FORMATS:
        raise InvalidOptionError(
            "unknown video format", path=out, found=out.suffix, expected=" or ".join(_FORMATS)
        )
    program = _ffmpeg()
    codec = _codec(program, out.suffix)
    temporary = out.with_name(f".{out.stem}.{os.getpid()}{out.suffix}")
    prepare_file(out)
    with storage(out):
        temporary.touch()  # ffmpeg may fail before it makes a file
        try:
            _encode(frames, [program, codec, *_FORMATS[out.suffix][codec]], temporary, out, fps)
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)


def _encode(
    frames: Iterable[NDArray[np.uint8]], call: list[str], path: Path, out: Path, fps: float
) -> None:
    """Feed the frames to ffmpeg, named with its encoder and options, which writes `path`."""
    program, codec, *options = call
    process: subprocess.Popen[bytes] | None = None
    with tempfile.TemporaryFile() as log:
        try:
            for frame in frames:
                if process is None:
                    size = f"{frame.shape[1]}x{frame.shape[0]}"
                    line = [program, "-y", "-loglevel", "error", "-f", "rawvideo"]
                    line += ["-pix_fmt", "rgb24", "-s", size, "-r", f"{fps:.6f}", "-i", "-", "-an"]
                    line += ["-c:v", codec, *options, str(path)]
                    process = subprocess.Popen(line, stdin=subprocess.PIPE, stderr=log, stdout=log)
                assert process.stdin is not None
                try:
                    process.stdin.write(np.ascontiguousarray(frame).data)
                except BrokenPipeError:
                    break
            if process is None:
                raise InvalidOptionError("a video needs at least one frame", path=out)
            try:
                process.communicate()
            except BrokenPipeError:  # what was still in the buffer
                process.wait()
            if process.returncode or not path.stat().st_size:
                log.seek(0)
                said = log.read().decode(errors="replace").strip().splitlines()
                raise _failure(out, program, codec, process.returncode, said)
        finally:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def _failure(out: Path, program: str, codec: str, status: int, said: list[str]) -> StorageError:
    full = any("No space left" in line or "quota exceeded" in line for line in said)
    reason = "the disk is full" if full else "; ".join(said[-2:]) or "it left no video"
    remedy = "free some space and repeat the command" if full else _other_program()
    if status == -signal.SIGXFSZ:
        reason = "files may not grow so large here (ulimit -f)"
        remedy = "raise the limit and repeat the command"
    return StorageError(
        "ffmpeg could not write the film",
        path=out,
        found=f"{program} with {codec} ended with {status}: {reason}",
        remedy=remedy,
    )


def _other_program() -> str:
    if _OWN in os.environ:
        return f"unset {_OWN}"
    return "pip install --force-reinstall imageio-ffmpeg"


def _ffmpeg() -> str:
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise MissingAssetError(
            "no ffmpeg found", found=str(error), remedy=_other_program()
        ) from error


@cache
def _encoders(program: str) -> frozenset[str]:
    """List the encoders that an ffmpeg was built with."""
    try:
        done = subprocess.run(
            [program, "-hide_banner", "-encoders"], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise MissingAssetError(
            "ffmpeg cannot be started",
            path=program,
            found=os.strerror(error.errno or 0),
            remedy=_other_program(),
        ) from error
    rows = [line.split() for line in done.stdout.splitlines()]
    return frozenset(row[1] for row in rows if len(row) > 1 and row[0].startswith("V"))


def _codec(program: str, ending: str) -> str:
    """Choose the best encoder for a file ending that this ffmpeg has."""
    known, has = list(_FORMATS[ending]), _encoders(program)
    found = next((name for name in known if name in has), None)
    if found is None:
        others = [e for e, names in _FORMATS.items() if has & set(names)]
        raise MissingAssetError(
            f"this ffmpeg cannot encode {ending} files",
            path=program,
            found=f"no encoder {', no '.join(known)}",
            remedy=" or ".join([_other_program(), *(f"--out film{e}" for e in others)]),
        )
    if found != known[0]:
        said = "%s has no encoder %s; the film is encoded with %s, which fewer players know"
        logger.warning(said, program, known[0], found)
    return found
