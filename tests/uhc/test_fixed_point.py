"""The table of the fixed point: what it says of corrections whose effect is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import welch

from loop.errors import InvalidOptionError, MissingAssetError
from uhc.clips import MotionClip
from uhc.fixed_point import METHODS, REAL, Row, Windows, cut, distances, draw, main
from uhc.measure.corruptions import UP
from uhc.measure.spectra import KINDS, LEAST_FRAMES, band_power, spectrum

Array = NDArray[np.float64]


def stepping(seed: int, frames: int = 60) -> Array:
    """A body that sways and trembles, its hips 1 m over the floor."""
    rng = np.random.default_rng(seed)
    joints = rng.uniform(-0.5, 0.5, (1, 22, 3)) + UP
    slow = gaussian_filter1d(rng.normal(size=(frames, 22, 3)), 5.0, axis=0)
    return joints + rng.uniform(0.2, 0.6) * slow + 0.01 * rng.normal(size=(frames, 22, 3))


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    """A correction that does nothing, one that smooths, and one that raises by 8 mm."""
    real = [stepping(seed) for seed in range(24)]
    joints = {
        REAL: real,
        "kinematic": [joints.copy() for joints in real],
        "refined": [gaussian_filter1d(joints, 1.0, axis=0) for joints in real],
        "simulated": [joints + 0.008 * UP for joints in real],
    }
    windows = Windows(joints, [str(place) for place in range(24)], 0)
    return {str(row["measure"]): row for row in distances(windows)}


def number(row: Row, column: str) -> float:
    value = row[column]
    assert isinstance(value, int | float)
    return float(value)


def test_what_changes_nothing_is_at_the_floor(rows: dict[str, Row]) -> None:
    for measure in ("kinetic Frechet", "kinetic KID", "geometric KID"):
        row = rows[measure]
        assert number(row, "kinematic") == pytest.approx(number(row, "floor"), abs=1e-9)
        assert "kinematic" in str(row["inside"]) and "simulated" in str(row["inside"])
    assert number(rows["acceleration, 5 to 10 Hz, joints of 22 inside"], "kinematic") == 22
    assert number(rows["distance to the input, mm, median"], "kinematic") == 0.0


def test_smoothing_is_seen_where_it_acts(rows: dict[str, Row]) -> None:
    assert "refined" not in str(rows["kinetic Frechet"]["inside"])
    assert number(rows["acceleration, 5 to 10 Hz, joints of 22 inside"], "refined") == 0
    fast = number(rows["acceleration, 5 to 10 Hz, joints of 22 inside"], "refined ratio")
    slow = number(rows["acceleration, 0.3 to 2 Hz, joints of 22 inside"], "refined ratio")
    assert fast < 0.05 < 0.7 < slow


def test_a_raised_body_is_told_in_mm(rows: dict[str, Row]) -> None:
    assert number(rows["root raised, mm, median"], "simulated") == pytest.approx(8.0, abs=1e-6)
    assert number(rows["distance to the input, mm, median"], "simulated") == pytest.approx(8.0)
    assert number(rows["root-aligned, mm, median"], "simulated") == pytest.approx(0.0, abs=1e-6)


def test_spectra_agree_with_scipy() -> None:
    """Whole-length Hann windows, density scaling; scipy's window is periodic, ours is given."""
    joints = stepping(3)
    velocity = np.diff(joints, axis=0) * 20.0
    frequency, power = spectrum(joints, "speed")
    window = np.hanning(len(velocity))
    found = welch(
        velocity, 20.0, window=window, nperseg=len(window), detrend="constant", axis=0
    )  # one segment
    np.testing.assert_allclose(frequency, found[0])
    np.testing.assert_allclose(power[1:-1], found[1].sum(axis=-1)[1:-1], rtol=1e-9)
    assert band_power(joints, "acceleration").shape == (3, 22)


def test_a_window_has_frames_for_every_band(tmp_path: Path) -> None:
    for frames in range(LEAST_FRAMES, 197):
        for kind in KINDS:
            assert np.isfinite(band_power(stepping(0, frames), kind)).all()
    with pytest.raises(InvalidOptionError, match=f"1, {LEAST_FRAMES} and 8 at least"):
        main(tmp_path, tmp_path / "out.csv", frames=LEAST_FRAMES - 1)


def test_windows_are_whole_and_spread_over_the_clips() -> None:
    clips = [MotionClip(f"{k}", np.full((150, 22, 3), k, np.float32)) for k in range(6)]
    windows = cut(clips, 60, 8)
    assert len(windows) == 8 and all(window.joints.shape == (60, 22, 3) for window in windows)
    assert {window.name for window in windows} >= {"0", "5"}
    with pytest.raises(MissingAssetError, match="too few windows"):
        cut(clips, 150, 8)


def test_the_figure_is_a_picture(tmp_path: Path) -> None:
    real = [stepping(seed) for seed in range(2)]
    draw(Windows(dict.fromkeys((REAL, *METHODS), real), ["a", "b"], 0), tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
