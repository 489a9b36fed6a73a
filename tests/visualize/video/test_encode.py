"""The encoder: whole files or none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import imageio_ffmpeg
import numpy as np
import pytest

from loop.errors import InvalidOptionError, MissingAssetError, StorageError
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


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, encoders: str, then: str) -> Path:
    """An ffmpeg with these encoders; `then` is what it does when it encodes to the file `$out`."""
    real = imageio_ffmpeg.get_ffmpeg_exe()
    program = folder / "ffmpeg"
    listed = "\n".join(f" V..... {name}  x" for name in encoders.split())
    program.write_text(
        f"#!/bin/bash\nreal={real}\nfor out; do :; done\n"
        f'case "$*" in *-encoders*) echo "{listed}"; exit 0;; esac\n{then}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    return program


@pytest.mark.parametrize("codec", ["mpeg4", "libvpx-vp9"])
def test_without_x264_another_encoder_is_used_and_named(
    codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "bin").mkdir()
    stand_in(tmp_path / "bin", monkeypatch, f"gif {codec}", 'exec "$real" "$@"')
    write_video(grey(5), tmp_path / "x.mp4", 20)
    assert "no encoder libx264" in caplog.text and f"encoded with {codec}" in caplog.text
    film = iio.imread(tmp_path / "x.mp4")
    assert film.shape == (5, 64, 96, 3)
    assert np.abs(film.mean((1, 2, 3)) - 20 * np.arange(5)).max() < 3


def test_an_ffmpeg_without_any_encoder_names_itself_and_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    program = stand_in(tmp_path / "bin", monkeypatch, "gif", 'exec "$real" "$@"')
    with pytest.raises(MissingAssetError, match="libx264") as refused:
        write_video(grey(2), tmp_path / "out" / "x.mp4", 20)
    assert str(program) in str(refused.value)
    assert "unset IMAGEIO_FFMPEG_EXE or --out film.gif" in str(refused.value)
    assert not (tmp_path / "out").exists()
    write_video(grey(2), tmp_path / "film.gif", 20)  # both ways lead on
    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE")
    write_video(grey(2), tmp_path / "x.mp4", 20)


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("cat >/dev/null; echo half >$out; echo 'No space left on device' >&2; exit 1", "full"),
        ("head -c 9 >/dev/null; echo half >$out; echo 'Conversion failed!' >&2; exit 3", "Conver"),
        ("cat >/dev/null; exit 0", "no video"),
        ("kill -9 $$", "ended with -9"),
        ("ulimit -f 1; exec yes >$out", "ulimit -f"),
    ],
)
def test_an_encoder_that_fails_leaves_nothing_and_says_why(
    then: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    stand_in(tmp_path / "bin", monkeypatch, "libx264", then)
    out = tmp_path / "out" / "x.mp4"
    with pytest.raises(StorageError, match=said) as refused:
        write_video(grey(100), out, 20)
    assert str(out) in str(refused.value) and "what to do" in str(refused.value)
    assert not list(out.parent.iterdir())


def test_a_target_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.mp4").mkdir()
    read_only = [Path("/sys/x.mp4")] if Path("/sys").is_dir() else []
    long = tmp_path / f"{'x' * 300}.mp4"
    for out in (tmp_path / "file" / "x.mp4", tmp_path / "folder.mp4", long, *read_only):
        with pytest.raises(StorageError, match="choose another"):
            write_video(grey(2), out, 20)
    assert len(list(tmp_path.iterdir())) == 2


def test_missing_ffmpeg_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    with pytest.raises(MissingAssetError, match=r"(?s)/nowhere/ffmpeg.*unset IMAGEIO_FFMPEG_EXE"):
        write_video(grey(2), tmp_path / "x.mp4", 20)

    def missing() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE")
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)
    with pytest.raises(MissingAssetError, match="imageio-ffmpeg"):
        write_video(grey(2), tmp_path / "x.mp4", 20)


def test_case_20(
    shared: Path, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The visualizer with an ffmpeg that was built without x264, and with one that is not there."""
    cases = shared / "cases"
    motion = cases / "04-export-units" / "in" / "metres.npy"
    for program in (cases / "20-ffmpeg-without-x264" / "ffmpeg", Path("/nowhere/ffmpeg")):
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
        call = [sys.executable, "visualize/visualizer.py", str(motion)]
        call += ["--out", str(tmp_path / "x.mp4"), "--size", "64"]
        done = subprocess.run(call, cwd=repository, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert str(program) in done.stderr and "unset IMAGEIO_FFMPEG_EXE" in done.stderr
        assert "libx264" in done.stderr or not program.is_file()
        assert not list(tmp_path.iterdir())
