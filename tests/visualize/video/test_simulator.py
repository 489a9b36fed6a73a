"""Forces in films: an arrow wherever the floor pushes, and nothing where it does not."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from loop.errors import InvalidOptionError, MissingAssetError
from tests.uhc.bodies import all_fours, held, symmetric_body
from tests.uhc.test_recording import swaying
from uhc.controllers.faithful.controller import Faithful
from uhc.humanoid.model import qpos_to_joints, zup_to_yup
from uhc.options import CorrectionOptions
from uhc.recording import Recording, record
from visualize.video import offscreen
from visualize.video.camera import VIEWS, follow_each
from visualize.video.labels import TITLE_HEIGHT
from visualize.video.looks import look_frames, render
from visualize.video.sheet import Clip
from visualize.video.simulator import CONTACT, METRES_PER_BODY_WEIGHT, _arrows

SIZE, FRAME = 160, 8
HANDS_AND_KNEES = (20, 21, 4, 5)


def crawler() -> np.ndarray:
    body = symmetric_body("body")
    return qpos_to_joints(body, held(body, all_fours())[:10])


@pytest.fixture(scope="module")
def crawling() -> Recording:
    return record(crawler())


@pytest.fixture
def opengl() -> None:
    try:
        offscreen.open_context(16, 16).free()
    except MissingAssetError as error:
        pytest.skip(f"SKIPPED LOUDLY: {error}")


def test_arrows_stand_under_hands_and_knees(crawling: Recording) -> None:
    arrows = _arrows(crawling, FRAME)
    joints = qpos_to_joints(crawling.humanoid, crawling.qpos)[FRAME]
    starts = np.array([zup_to_yup(arrow.start) for arrow in arrows])
    assert all(arrow.colour == CONTACT for arrow in arrows)
    for joint in HANDS_AND_KNEES:
        assert np.linalg.norm((starts - joints[joint])[:, [0, 2]], axis=1).min() < 0.03
    height = sum(arrow.vector[2] for arrow in arrows)
    assert abs(height - METRES_PER_BODY_WEIGHT) < 0.1 * METRES_PER_BODY_WEIGHT


def test_a_film_of_floor_work_shows_them(opengl, crawling: Recording, tmp_path: Path) -> None:
    out = tmp_path / "crawl.gif"
    render([Clip("crawl", crawler())], out, "simulator", size=SIZE, forces=True)
    film = iio.imread(out)
    assert len(film) == len(crawling.qpos)
    picture = film[FRAME][TITLE_HEIGHT : TITLE_HEIGHT + SIZE].astype(int)
    red = np.argwhere(picture[..., 0] - picture[..., 1:].mean(axis=-1) > 20)[:, ::-1]
    joints = qpos_to_joints(crawling.humanoid, crawling.qpos)
    camera = follow_each([joints.astype(np.float64)], SIZE, VIEWS["side"])[0]
    arrows = _arrows(crawling, FRAME)
    assert len(arrows) >= 4
    for arrow in arrows:
        middle = camera.project(zup_to_yup(arrow.start + 0.5 * arrow.vector), FRAME)[0]
        assert np.linalg.norm(red - middle, axis=1).min() < 4, arrow
    still = next(look_frames([Clip("crawl", crawler())], "simulator", size=SIZE))
    bare = still[TITLE_HEIGHT : TITLE_HEIGHT + SIZE].astype(int)
    assert not (bare[..., 0] - bare[..., 1:].mean(axis=-1) > 20).any()


def test_each_clip_is_corrected_as_its_request_says(opengl) -> None:
    nobody = Clip(
        "published", swaying(8), None, CorrectionOptions(controller=Faithful.__new__(Faithful))
    )
    with pytest.raises(InvalidOptionError, match="forces are not recorded"):
        look_frames([Clip("a", swaying(8)), nobody], "simulator", size=64, forces=True).__next__()
