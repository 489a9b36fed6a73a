"""Every look draws the body where it is, upright, on the floor, in its arm's colour."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from loop.errors import InvalidOptionError, MissingAssetError
from visualize.arms import BODY_COLOURS
from visualize.video import offscreen
from visualize.video.camera import VIEWS, Camera, follow_each
from visualize.video.labels import TITLE_HEIGHT
from visualize.video.looks import look_frames, render
from visualize.video.sheet import Clip
from visualize.video.skinned_source import CACHE, load_mesh


def standing(frames: int = 4) -> np.ndarray:
    """Arms hang; toe joints rest 1 cm above the floor, as HumanML3D has them."""
    joints = DEFAULT_SKELETON.rest_joints.copy()
    for shoulder, elbow, wrist in ((16, 18, 20), (17, 19, 21)):
        for joint, parent in ((elbow, shoulder), (wrist, elbow)):
            joints[joint] = joints[parent] - [0, DEFAULT_SKELETON.lengths[joint], 0]
    return np.repeat((joints - [0, joints[:, 1].min() - 0.01, 0])[None], frames, axis=0)


@pytest.fixture
def opengl() -> None:
    try:
        offscreen.open_context(16, 16).free()
    except MissingAssetError as error:
        pytest.skip(f"SKIPPED LOUDLY: {error}")


def blue(picture: np.ndarray) -> np.ndarray:
    """(rows, columns) of pixels that are much more blue than red."""
    pixels = np.asarray(picture).astype(int)
    return np.argwhere(pixels[..., 2] - pixels[..., 0] > 60)


@pytest.mark.parametrize("look", ["skeleton", "simulator", "body"])
def test_body_stands_on_the_floor_in_its_colour(opengl, look) -> None:
    if look == "body":
        pytest.importorskip("anny")
    size = 240
    clip = Clip("corrected", standing(2), BODY_COLOURS["corrected"])
    frames = list(look_frames([clip], look, size=size, view="b"))
    assert len(frames) == 2
    seen = blue(frames[0][TITLE_HEIGHT : TITLE_HEIGHT + size])
    assert len(seen) > 300
    camera = follow_each([standing(2)], size, VIEWS["b"])[0]
    # The floor under the pelvis, and the crown of a head, seen by the pinhole camera.
    ground = camera.project(standing()[0, 0] * [1, 0, 1], 0)[0][1]
    crown = camera.project(standing()[0, 15] + [0, 0.1, 0], 0)[0][1]
    assert abs(seen[:, 0].max() - ground) < 9
    assert abs(seen[:, 0].min() - crown) < 14


def test_stage_agrees_with_the_pinhole_camera(opengl) -> None:
    import mujoco

    from visualize.video.stage import Arrow, Shape, Stage

    camera = Camera(np.array([[0.3, 0.8, -0.2]]), 4.0, 240, VIEWS["side"])
    point = np.array([0.5, 1.1, 0.3])  # y up; z up: (x, -z, y)
    zup = np.array([point[0], -point[2], point[1]])
    ball = Shape(mujoco.mjtGeom.mjGEOM_SPHERE, np.array([0.05, 0, 0]), zup, np.eye(3), (0, 0, 255))
    stage = Stage(240)
    seen = blue(stage.picture(camera, 0, point, [ball]))
    np.testing.assert_allclose(seen.mean(axis=0)[::-1] + 0.5, camera.project(point, 0)[0], atol=1.5)
    arrow = Arrow(zup, np.array([0.0, 0.0, 0.5]), (0, 0, 255))
    seen = blue(stage.picture(camera, 0, point, [arrow]))
    top = camera.project(point + np.array([0, 0.5, 0]), 0)[0]
    assert abs(seen[:, 0].min() - top[1]) < 4


def test_films_play_at_the_rate_of_the_motion(tmp_path: Path) -> None:
    out = tmp_path / "film.gif"
    render([Clip("a", standing(3))], out, size=64)
    assert iio.immeta(out)["duration"] == 50  # milliseconds a frame: 20 a second


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="only the simulator"):
        look_frames([Clip("a", standing())], "skeleton", forces=True)
    with pytest.raises(InvalidOptionError, match="nothing to draw"):
        look_frames([])
    for columns in (0, -1):
        with pytest.raises(InvalidOptionError, match="--columns"):
            look_frames([Clip("a", standing())], columns=columns)


def test_without_opengl_the_message_says_what_to_install(monkeypatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.delenv("PYOPENGL_PLATFORM", raising=False)
    monkeypatch.setattr(offscreen, "find_library", lambda _: None)
    with pytest.raises(MissingAssetError, match="apt-get install libegl1"):
        offscreen.open_context(8, 8)
    monkeypatch.setattr(offscreen, "find_library", lambda name: "x" if name == "OSMesa" else None)
    assert offscreen._backend() == "osmesa"


def test_without_a_body_the_message_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "anny", None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingAssetError, match=r"\[body\]"):
        load_mesh(tmp_path / CACHE)
