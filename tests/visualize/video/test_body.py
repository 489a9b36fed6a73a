"""What is painted where: floor, body, cues."""

from __future__ import annotations

import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from visualize.video.body import BELOW, FLOATING, LEFT, PLANTED, RIGHT, SLIDING, Colour, draw_body
from visualize.video.camera import Camera, follow
from visualize.video.contact import find_cues
from visualize.video.floor import TILE_M, Floor

UP = np.array([0.0, 1.0, 0.0])


@pytest.fixture
def standing() -> np.ndarray:
    pose = DEFAULT_SKELETON.rest_joints - [0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0]
    return np.repeat(pose[None], 3, axis=0)


def draw(joints: np.ndarray, camera: Camera | None = None) -> np.ndarray:
    camera = camera or follow([joints], 240)
    return np.asarray(draw_body(camera, Floor(camera), joints, find_cues(joints, 20), 1))


def count(picture: np.ndarray, colour: Colour) -> int:
    return int((np.abs(picture.astype(int) - colour).max(axis=-1) <= 12).sum())


def test_floor_is_checked_in_tiles_of_the_stated_size(standing: np.ndarray) -> None:
    camera = follow([standing], 240)
    picture = np.asarray(Floor(camera).paint(1, [])).astype(int)
    middles = np.array([[x + 0.5, 0.0, z + 0.5] for x in range(-2, 2) for z in range(-2, 2)])
    pixels, _ = camera.project(middles * TILE_M, 1)
    visible = ((pixels > 0) & (pixels < 240)).all(axis=1)
    assert visible.sum() >= 10
    middles, pixels = middles[visible], pixels[visible]
    seen = [picture[int(y), int(x)].mean() for x, y in pixels]
    even = np.array([int(np.floor(x) + np.floor(z)) % 2 == 0 for x, _, z in middles])
    assert min(np.array(seen)[even]) > max(np.array(seen)[~even]) + 10


def test_floor_stays_while_the_camera_moves() -> None:
    """The same point of the floor has the same brightness wherever the camera stands."""
    clip = np.repeat(DEFAULT_SKELETON.rest_joints[None] + [0, 1.0, 0], 60, axis=0)
    clip = clip + np.outer(np.arange(60) * 0.037, [0.6, 0.0, 0.8])[:, None]
    camera = follow([clip], 240)
    floor = Floor(camera)
    point = camera.targets[30] * [1.0, 0.0, 1.0] + [0.05, 0, 0.05]
    point[[0, 2]] = (np.floor(point[[0, 2]] / TILE_M) + 0.5) * TILE_M
    levels = []
    for frame in (27, 30, 33):
        x, y = camera.project(point, frame)[0]
        levels.append(np.asarray(floor.paint(frame, []))[int(y), int(x)].astype(int).mean())
    assert np.ptp(levels) <= 4


def test_limbs_stand_where_the_joints_are(standing: np.ndarray) -> None:
    camera = follow([standing], 240)
    picture = draw(standing, camera).astype(int)
    for bone, colour in (((1, 4), LEFT), ((18, 20), LEFT), ((2, 5), RIGHT), ((19, 21), RIGHT)):
        middle = standing[1, list(bone)].mean(axis=0)
        x, y = camera.project(middle, 1)[0].astype(int)
        patch = picture[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3)
        hue = patch.mean(axis=0) - patch.mean()
        assert hue @ (np.array(colour) - np.mean(colour)) > 0  # blue, not the grey of the rest
        assert count(picture[y - 8 : y + 8, x - 8 : x + 8], colour) > 3


def test_a_shadow_lies_under_the_body(standing: np.ndarray) -> None:
    standing += UP  # in the air, so that the body does not hide it
    camera = follow([standing], 240)
    bare = np.asarray(Floor(camera).paint(1, [])).astype(int)
    x, y = camera.project(standing[1, 0] * [1.0, 0.0, 1.0], 1)[0].astype(int)
    assert draw(standing, camera)[y, x].astype(int).sum() < 0.8 * bare[y, x].sum()


def test_each_cue_is_drawn_when_and_only_when_it_applies(standing: np.ndarray) -> None:
    def cues(joints: np.ndarray) -> list[bool]:
        picture = draw(joints)
        return [count(picture, colour) > 8 for colour in (PLANTED, SLIDING, BELOW, FLOATING)]

    assert cues(standing) == [True, False, False, False]
    sliding = standing + np.arange(3)[:, None, None] * [0.05, 0.0, 0.0]
    assert cues(sliding) == [False, True, False, False]
    assert cues(standing - 0.1 * UP)[2:] == [True, False]
    assert cues(standing + 0.3 * UP) == [False, False, False, True]


def test_a_body_with_bones_of_no_length_still_draws(standing: np.ndarray) -> None:
    """A collapsed generator can put all joints on one spot: that must show, not crash."""
    point = np.zeros_like(standing) + 0.9 * UP
    assert draw(point).std() > 1
