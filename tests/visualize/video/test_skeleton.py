"""Whole videos: number of frames, size, contents, and what is refused."""

from __future__ import annotations

import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from loop.errors import InvalidMotionError, InvalidOptionError
from visualize.video.encode import write_video
from visualize.video.labels import legend_strip
from visualize.video.skeleton import render_frames


def marching(frames: int) -> np.ndarray:
    """A T-pose (F, 22, 3) that glides and waves."""
    pose = DEFAULT_SKELETON.rest_joints - [0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0]
    joints = np.repeat(pose[None], frames, axis=0)
    joints[:, [20, 21], 1] += 0.3 * np.sin(np.arange(frames))[:, None]
    return joints + np.arange(frames)[:, None, None] * [0.0, 0.0, 0.03]


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_video_decodes_to_the_frames_that_were_drawn(tmp_path: Path, suffix: str) -> None:
    panels = [("before", marching(12)), ("after", marching(9))]
    out = tmp_path / "new" / f"video{suffix}"
    write_video(render_frames(panels), out, 20.0)
    decoded = iio.imread(out)[..., :3]
    drawn = np.stack(list(render_frames(panels)))
    assert decoded.shape == drawn.shape == (12, 548, 964, 3)
    assert np.abs(decoded.astype(float) - drawn).mean() < 4.0
    assert all(np.abs(a - b).mean() > 0.05 for a, b in zip(drawn[1:], drawn[:-1], strict=True))
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    rate = iio.immeta(out)
    assert rate.get("fps", 0) == 20 or rate.get("duration") == 50


def test_the_same_motion_looks_the_same_in_every_panel_whatever_the_titles() -> None:
    frame = next(render_frames([("a", marching(4)), ("b", marching(4))], size=200))
    np.testing.assert_array_equal(frame[38:238, :200], frame[38:238, 204:404])
    assert (frame[:38, :200] != frame[:38, 204:404]).any()


def test_shorter_motions_hold_their_last_frame_and_say_so() -> None:
    long = marching(10) * [1.0, 1.0, 0.0]  # nobody walks, so that the camera stands still
    frames = list(render_frames([("long", long), ("short", long[:5])], size=200))
    assert len(frames) == 10
    body = (slice(38, 190), slice(204, 404))
    np.testing.assert_array_equal(frames[5][body], frames[9][body])
    assert (frames[3][body] != frames[4][body]).any()
    words = (slice(205, 238), slice(204, 260))
    assert (frames[4][words] != frames[5][words]).any()


def test_many_panels_make_even_rows() -> None:
    frame = next(render_frames([(str(i), marching(1)) for i in range(6)], size=100))
    assert frame.shape == (2 * 138 + 60, 3 * 104 - 4, 3)  # the legend takes two rows here


def test_real_clip_is_fast_and_has_its_feet_on_the_floor(shared: Path) -> None:
    joints = np.load(shared / "data/humanml3d_sample/new_joints/012314.npy")[:60]
    frames = render_frames([("real", joints)])
    next(frames)  # the floor is worked out with the first picture
    start = time.process_time()
    rest = list(frames)
    rate = len(rest) / (time.process_time() - start)
    assert rate > 20  # pictures a second on one core, the promise; about 90 were measured
    green = np.abs(rest[0].astype(int) - (0, 158, 115)).max(axis=-1) < 12
    assert green[38 + 240 : 518].sum() > 20  # the ring of a planted foot, in the lower half


@pytest.mark.parametrize(
    ("joints", "error"),
    [
        (np.zeros((5, 21, 3)), InvalidMotionError),
        (np.zeros((0, 22, 3)), InvalidMotionError),
        (np.full((5, 22, 3), np.nan), InvalidMotionError),
        (np.zeros((5, 263)), InvalidMotionError),
    ],
)
def test_bad_joints_are_refused_and_leave_no_file(
    tmp_path: Path, joints: np.ndarray, error: type[Exception]
) -> None:
    with pytest.raises(error):
        write_video(
            render_frames([("good", marching(3)), ("bad", joints)]), tmp_path / "x.mp4", 20.0
        )
    assert not list(tmp_path.iterdir())


def test_bad_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="nothing to draw"):
        render_frames([])
    with pytest.raises(InvalidOptionError, match="unknown video format"):
        write_video(render_frames([("a", marching(2))]), tmp_path / "x.avi", 20.0)
    for fps, size in ((0.0, 480), (20.0, 481), (20.0, 10)):
        with pytest.raises(InvalidOptionError):
            render_frames([("a", marching(2))], fps, size)


def test_a_narrow_legend_is_wrapped_not_cut() -> None:
    for width in (120, 240, 480, 964):
        strip = np.asarray(legend_strip(width))
        assert strip.shape[1] == width and strip.shape[0] % 2 == 0
        assert (strip[:, [0, 1, -2, -1]] == 255).all()  # nothing runs into the edges
