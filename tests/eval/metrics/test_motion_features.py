"""Features against fairmotion's definition, written frame by frame, and against closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from eval.metrics.motion_features import geometric_features, kinetic_features
from loop.errors import InvalidMotionError

ORDER = """root lhip rhip belly lknee rknee spine lankle rankle chest ltoes rtoes neck linshoulder
rinshoulder head lshoulder rshoulder lelbow relbow lwrist rwrist"""
NAMES = ORDER.split()
HUMERUS = np.linalg.norm([0.255331905, -0.015649, -0.02294664])
SHOULDERS = np.linalg.norm([0.390805825, -0.00012192, -0.0057647])
HIPS = np.linalg.norm([0.118891075, 0.008233285, -0.004130333])
FPS = 20.0


@pytest.fixture(scope="module")
def joints() -> np.ndarray:
    """A body of about human size whose joints wander."""
    rng = np.random.default_rng(0)
    rest = rng.normal([0, 1, 0], 0.4, size=(22, 3))
    return rest + np.cumsum(0.05 * rng.normal(size=(30, 22, 3)), axis=0)


def window_mean(x: np.ndarray, i: int, step: Callable[[int], np.ndarray], last: int) -> np.ndarray:
    chosen = [step(i + j) for j in range(-2, 3) if i + j - 1 >= 0 and i + j + last < len(x)]
    return np.mean(chosen, axis=0)


def test_kinetic_features_frame_by_frame(joints: np.ndarray) -> None:
    expected = []
    for joint in range(22):
        x = joints[:, joint]
        speeds = [
            window_mean(x, i, lambda k, x=x: (x[k] - x[k - 1]) * FPS, 0) for i in range(1, 30)
        ]
        pulls = [
            window_mean(x, i, lambda k, x=x: (x[k + 1] - 2 * x[k] + x[k - 1]) * FPS**2, 1)
            for i in range(1, 30)
        ]
        expected += [
            np.mean([v[0] ** 2 + v[2] ** 2 for v in speeds]),
            np.mean([v[1] ** 2 for v in speeds]),
            np.mean([np.linalg.norm(a) for a in pulls]),
        ]
    np.testing.assert_allclose(kinetic_features(joints, FPS), expected, rtol=1e-9)


def test_kinetic_features_of_a_throw() -> None:
    time = np.arange(12)[:, None, None] / FPS
    joints = np.zeros((12, 22, 3)) + time * [3.0, 0.0, 4.0] + time**2 * [0.0, -4.9, 0.0]
    found = kinetic_features(joints, FPS).reshape(22, 3)
    np.testing.assert_allclose(found[:, 0], 25.0)
    np.testing.assert_allclose(found[:, 2], 9.8)


def by_frames(x: np.ndarray) -> np.ndarray:
    """The 32 relations with names, vectors and thresholds as in fairmotion, at the true rate."""
    rows = []
    for f in range(1, len(x)):
        p = dict(zip(NAMES, x[f], strict=True)) | {"zero": np.zeros(3)}
        p |= {"up": np.array([0.0, 1, 0]), "down": np.array([0.0, -1, 0])}
        p["floor"] = np.array([0, x[f, :, 1].min(), 0])
        v = dict(zip(NAMES, (x[f] - x[f - 1]) * FPS, strict=True))

        def unit(a, b, p=p):
            return (p[b] - p[a]) / np.linalg.norm(p[b] - p[a])

        def normal(a, b, c, p=p):
            n = np.cross(p[c] - p[a], p[b] - p[a])
            return n / np.linalg.norm(n)

        def move(a, b, c, t, v=v, unit=unit):
            return (v[c] - v[a]) @ unit(a, b) > t * HUMERUS

        def nmove(a, b, c, d, t, v=v, normal=normal):
            return (v[d] - v[a]) @ normal(a, b, c) > t * HUMERUS

        def nplane(a, b, c, d, t, p=p, unit=unit):
            return (p[d] - p[c]) @ unit(a, b) > t

        def plane(a, b, c, d, t, p=p, normal=normal):
            return (p[d] - p[a]) @ normal(a, b, c) > t * HUMERUS

        def angle(a, b, c, d, low, high, unit=unit):
            return low < np.degrees(np.arccos(unit(a, b) @ unit(c, d))) < high

        def fast(a, t, v=v):
            return np.linalg.norm(v[a]) > t * HUMERUS

        rows.append(
            [
                nmove("neck", "rhip", "lhip", "rwrist", 1.8),
                nmove("neck", "lhip", "rhip", "lwrist", 1.8),
                nplane("chest", "neck", "neck", "rwrist", 0.2 * HUMERUS),
                nplane("chest", "neck", "neck", "lwrist", 0.2 * HUMERUS),
                move("belly", "chest", "chest", 1.8),
                move("belly", "chest", "chest", 1.8),
                angle("relbow", "rshoulder", "relbow", "rwrist", 0, 110),
                angle("lelbow", "lshoulder", "lelbow", "lwrist", 0, 110),
                nplane("lshoulder", "rshoulder", "lwrist", "rwrist", 2.5 * SHOULDERS),
                move("lwrist", "rwrist", "rwrist", 1.4),
                move("rwrist", "root", "lwrist", 1.4),
                move("lwrist", "root", "rwrist", 1.4),
                fast("rwrist", 2.5),
                fast("lwrist", 2.5),
                plane("root", "lhip", "ltoes", "rankle", 0.38),
                plane("root", "rhip", "rtoes", "lankle", 0.38),
                nplane("zero", "up", "floor", "rankle", 1.2 * HUMERUS),
                nplane("zero", "up", "floor", "lankle", 1.2 * HUMERUS),
                nplane("lhip", "rhip", "lankle", "rankle", 2.1 * HIPS),
                angle("rknee", "rhip", "rknee", "rankle", 0, 110),
                angle("lknee", "lhip", "lknee", "lankle", 0, 110),
                fast("rankle", 2.5),
                fast("lankle", 2.5),
                angle("neck", "root", "rshoulder", "relbow", 25, 180),
                angle("neck", "root", "lshoulder", "lelbow", 25, 180),
                angle("neck", "root", "rhip", "rknee", 50, 180),
                angle("neck", "root", "lhip", "lknee", 50, 180),
                plane("rankle", "neck", "lankle", "root", 0.5),
                angle("neck", "root", "zero", "up", 70, 110),
                nplane("zero", "down", "floor", "rwrist", -1.2 * HUMERUS),
                nplane("zero", "down", "floor", "lwrist", -1.2 * HUMERUS),
                fast("root", 2.3),
            ]
        )
    return np.mean(rows, axis=0)


def test_geometric_features_frame_by_frame(joints: np.ndarray) -> None:
    np.testing.assert_allclose(geometric_features(joints, FPS), by_frames(joints), atol=1e-12)


def test_bad_joints_are_named() -> None:
    with pytest.raises(InvalidMotionError):
        kinetic_features(np.zeros((3, 22, 3)))
    with pytest.raises(InvalidMotionError):
        geometric_features(np.zeros((9, 21, 3)))
