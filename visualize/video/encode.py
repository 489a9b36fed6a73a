"""Frames to MP4 or GIF with the ffmpeg that comes inside the package imageio-ffmpeg."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from loop.errors import InvalidOptionError, MissingAssetError, StorageError
from loop.rundir.files import storage

_PALETTE = "split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none"
_FORMATS: dict[str, dict[str, Any]] = {
    # yuv420p and the header in front: plays in browsers, on phones and in slides
    ".mp4": {
        "codec": "libx264",
        "pix_fmt_out": "yuv420p",
        "output_params": ["-crf", "20", "-preset", "veryfast", "-movflags", "+faststart"],
    },
    ".gif": {"codec": "gif", "pix_fmt_out": "pal8", "output_params": ["-vf", _PALETTE]},
}


def write_video(frames: Iterable[NDArray[np.uint8]], out: Path, fps: float) -> None:
    """Write frames (H, W, 3), H and W even, to `out` (.mp4 or .gif): the whole file or none.

    Raises InvalidOptionError for another file ending or no frames, MissingAssetError without
    ffmpeg, StorageError when the file cannot be written.
    """
    if out.suffix not in _FORMATS:
        raise InvalidOptionError(
            "unknown video format", path=out, found=out.suffix, expected=" or ".join(_FORMATS)
        )
    temporary = out.with_name(f".{out.stem}.{os.getpid()}{out.suffix}")
    with storage(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            if _encode(frames, temporary, fps) == 0:
                raise InvalidOptionError("a video needs at least one frame", path=out)
            # A full disk may show only here: ffmpeg's exit status is not passed on.
            if not temporary.is_file() or temporary.stat().st_size == 0:
                raise StorageError("ffmpeg left no video", path=out, remedy="is the disk full?")
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)


def _encode(frames: Iterable[NDArray[np.uint8]], path: Path, fps: float) -> int:
    """Feed the frames to ffmpeg; returns how many there were."""
    writer = None
    count = 0
    try:
        for frame in frames:
            if writer is None:
                writer = _open(path, (frame.shape[1], frame.shape[0]), fps)
            try:
                writer.send(np.ascontiguousarray(frame))
            except OSError as error:  # the pipe broke: the message holds ffmpeg's own log
                last = str(error).strip().splitlines()[-1]
                raise StorageError("ffmpeg stopped", path=path, found=last) from error
            count += 1
    finally:
        if writer is not None:
            writer.close()
    return count


def _open(path: Path, size: tuple[int, int], fps: float) -> Generator[None, Any, None]:
    try:
        imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise MissingAssetError(
            "no ffmpeg found",
            found=str(error),
            remedy="pip install --force-reinstall imageio-ffmpeg",
        ) from error
    options = {
        "fps": fps,
        "macro_block_size": 2,
        "ffmpeg_log_level": "error",
        **_FORMATS[path.suffix],
    }
    writer = imageio_ffmpeg.write_frames(path, size, **options)
    writer.send(None)
    return writer
