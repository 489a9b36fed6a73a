"""The camera: what it promises to keep in the picture, and that picture and floor agree."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from body_models.skeleton import DEFAULT_SKELETON
from visualize.video.camera import MARGIN, follow


def walk(frames: int = 30, speed: float = 0.05, turn: float = 0.4) -> np.ndarray:
    """The T-pose (F, 22, 3) shifted along a straight line, toes on the floor."""
    pose = DEFAULT_SKELETON.rest_joints - [0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0]
    path = np.outer(np.arange(frames) * speed, [np.sin(turn), 0.0, np.cos(turn)])
    return pose + path[:, None]


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), speed=st.floats(0, 0.4), turn=st.floats(-np.pi, np.pi),
    jump=st.floats(0, 1.5),
)  # fmt: skip
def test_every_joint_of_every_clip_stays_in_the_picture(
    seed: int, speed: float, turn: float, jump: float
) -> None:
    rng = np.random.default_rng(seed)
    first = walk(20, speed, turn)
    first[..., 1] += jump * np.abs(np.sin(np.arange(20)))[:, None]
    second = walk(20, speed, turn) + rng.normal(size=3) * [1.0, 0.0, 1.0]
    camera = follow([first, second], 480)
    for clip in (first, second):
        for frame in range(20):
            pixels, depth = camera.project(clip[frame], frame)
            assert np.abs(pixels - 240).max() <= 240 * MARGIN + 1e-6
            assert depth.min() > 0.3


def test_up_is_up_near_is_large_and_the_persons_left_is_on_the_right() -> None:
    clip = walk(5, 0.0)
    camera = follow([clip], 480)
    pixels, depth = camera.project(clip[0], 0)
    assert pixels[15, 1] < pixels[0, 1] < pixels[10, 1]  # head above pelvis above toe
    assert pixels[20, 0] > pixels[21, 0]  # facing us, the left wrist is on the right
    assert depth[10] < depth[7]  # toes point to the camera
    height = [camera.project(clip[0][[15, 10]] + [0, 0, dz], 0)[0] for dz in (-1.0, 1.0)]
    assert np.ptp(height[1][:, 1]) > np.ptp(height[0][:, 1])


def test_floor_pixels_project_back_onto_themselves() -> None:
    camera = follow([walk(40)], 200)
    view = camera.floor_view
    for frame in (0, 17, 39):
        for row, column in ((199, 0), (150, 120), (view.first_row + 3, 199)):
            x, z = (axis[row - view.first_row, column] for axis in (view.x, view.z))
            point = camera.targets[frame] * [1.0, 0.0, 1.0] + [x, 0.0, z]
            pixels, depth = camera.project(point, frame)
            np.testing.assert_allclose(pixels, [column + 0.5, row + 0.5], atol=0.02)
            seen = view.distance[row - view.first_row, column]
            eye = camera.targets[frame] + camera.distance * camera.axes[2]
            np.testing.assert_allclose(np.linalg.norm(point - eye), seen, rtol=1e-4)
            assert depth > 0


def test_camera_follows_smoothly_and_at_one_height() -> None:
    clip = walk(60, 0.06, 0.0)
    rng = np.random.default_rng(0)
    shaken = clip + 0.05 * rng.normal(size=(60, 1, 3)) * [1.0, 0.0, 1.0]
    targets = follow([shaken], 480).targets
    assert np.ptp(targets[:, 1]) == 0
    np.testing.assert_allclose(targets[20:40, [0, 2]], clip[20:40, 0][:, [0, 2]], atol=0.06)
    assert np.abs(np.diff(targets, 2, axis=0)).max() < 0.01


def test_axes_are_a_right_handed_frame() -> None:
    axes = follow([walk(3)], 480).axes
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.cross(axes[0], axes[1]), axes[2], atol=1e-12)
