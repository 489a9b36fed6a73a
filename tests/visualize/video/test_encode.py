"""The encoder: whole files or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from loop.errors import InvalidOptionError, MissingAssetError, StorageError
from visualize.video import encode as video
from visualize.video.encode import write_video


def grey(count: int) -> Iterator[np.ndarray]:
    for index in range(count):
        yield np.full((64, 96, 3), 20 * index % 256, dtype=np.uint8)


def test_an_interrupted_video_leaves_nothing_and_keeps_the_old_one(tmp_path: Path) -> None:
    out = tmp_path / "x.mp4"
    write_video(grey(3), out, 20)
    before = out.read_bytes()

    def interrupted() -> Iterator[np.ndarray]:
        yield from grey(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(interrupted(), out, 20)
    assert out.read_bytes() == before
    assert list(tmp_path.iterdir()) == [out]


def test_no_frames_and_unknown_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="at least one frame"):
        write_video(grey(0), tmp_path / "x.mp4", 20)
    with pytest.raises(InvalidOptionError, match=r"\.mp4 or \.gif"):
        write_video(grey(2), tmp_path / "x.webm", 20)


def test_an_encoder_that_dies_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = video._FORMATS[".mp4"] | {"output_params": ["-fs", "nonsense"]}
    monkeypatch.setitem(video._FORMATS, ".mp4", broken)
    with pytest.raises(StorageError, match="ffmpeg"):
        write_video(grey(100), tmp_path / "x.mp4", 20)
    assert not list(tmp_path.iterdir())


def test_missing_ffmpeg_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)
    with pytest.raises(MissingAssetError, match="imageio-ffmpeg"):
        write_video(grey(2), tmp_path / "x.mp4", 20)
