"""What is drawn into one panel."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter1d

from loop.rundir.layout import BASELINE, FINETUNING, WITH_CORRECTION
from visualize.arms import arm_label, arm_styles
from visualize.curves.axes import HALVES_LABEL, TRAIN_LABEL, Panel, curve, draw_panel, select
from visualize.curves.motion import DISTANCE_PANELS, PUBLISHED_PANELS
from visualize.curves.records import Record

FID = Panel("FID", "FID_test", ("FID floor", "FID_ground truth"))


def records(values: list[float], arm: str = BASELINE, seed: int = 0, metric: str = "FID_test"):
    percent, digits = (0, "") if arm == BASELINE else (100, "100")
    return [
        Record(arm, percent, digits, seed, generation, metric, value)
        for generation, value in enumerate(values)
    ]


def lines(found: list[Record], panel: Panel = FID) -> dict[str, np.ndarray]:
    """Labelled lines of the panel: label -> (points, 2)."""
    axes = Figure().subplots()
    draw_panel(axes, found, panel)
    return {str(line.get_label()): np.asarray(line.get_xydata()) for line in axes.lines}


def test_published_labels() -> None:
    assert arm_label(BASELINE, 0) == "Baseline (continue training on gt data), 0%"
    assert arm_label(FINETUNING, 25) == "Iterative fine-tuning, 25%"
    assert arm_label(WITH_CORRECTION, 25) == "Iterative fine-tuning with self-correction, 25%"
    other = FINETUNING + "_with_kinematic_correction"
    assert arm_label(other, 5) == "Iterative fine-tuning with kinematic correction, 5%"


def test_every_arm_has_its_own_colour_and_marker() -> None:
    styles = arm_styles([WITH_CORRECTION, "iterative_finetuning_b", BASELINE, FINETUNING, "a"])
    assert list(styles) == [BASELINE, FINETUNING, WITH_CORRECTION, "a", "iterative_finetuning_b"]
    assert len({style.color for style in styles.values()}) == 5
    assert len({style.marker for style in styles.values()}) == 5


def test_what_real_data_read_is_never_cut_off_nor_taken_for_an_arm() -> None:
    found = records([0.06, 0.05], metric="KID_test")
    found += records([-0.02, -0.02], metric="KID train_ground truth")
    axes = Figure().subplots()
    draw_panel(axes, found, Panel("KID", "KID_test"))
    (line,) = (line for line in axes.lines if line.get_label() == TRAIN_LABEL)
    assert axes.get_ylim()[0] < -0.02
    kinds = [BASELINE, FINETUNING, WITH_CORRECTION, "a", "b", "c", "d", "e"]
    assert line.get_color() not in {style.color for style in arm_styles(kinds).values()}


def test_few_generations_are_joined_as_they_are() -> None:
    values = [5.0, 9.0, 4.0, 8.0, 3.0, 7.0, 5.0, 9.0, 4.0, 8.0]
    found = lines(records(values))[arm_label(BASELINE, 0)]
    np.testing.assert_array_equal(found, np.column_stack([range(10), values]))


def test_many_generations_are_smoothed_as_published_and_keep_their_points() -> None:
    values = list(np.random.default_rng(0).normal(size=11) + 5)
    axes = Figure().subplots()
    draw_panel(axes, records(values), FID)
    drawn = [np.asarray(line.get_ydata()) for line in axes.lines if len(line.get_xdata()) == 11]
    assert any(np.allclose(y, values) for y in drawn)
    assert any(np.allclose(y, gaussian_filter1d(values, 2.0, mode="nearest")) for y in drawn)


def test_seeds_become_a_mean_with_an_interval() -> None:
    found = curve(records([1.0, 4.0], seed=1) + records([3.0, 8.0], seed=2))
    np.testing.assert_allclose(found.value, [2.0, 6.0])
    # Student's t of two runs, 95 %: 12.706 standard errors
    np.testing.assert_allclose(found.high - found.value, [12.706, 2 * 12.706], rtol=1e-4)
    np.testing.assert_allclose(found.value - found.low, found.high - found.value)
    assert found.raw.tolist() == [[0, 1], [0, 3], [1, 4], [1, 8]]


def test_generations_that_are_missing_leave_a_gap_in_nothing_else() -> None:
    found = [record for record in records([1.0, 2.0, 3.0, 4.0]) if record.generation != 2]
    assert lines(found)[arm_label(BASELINE, 0)][:, 0].tolist() == [0, 1, 3]


def test_generation_0_and_the_first_known_floor_are_lines_across() -> None:
    found = lines(
        records([7.0, 5.0])
        + records([2.0, 2.0], metric="FID floor")
        + records([0.5, 0.5], metric="FID_ground truth")
    )
    assert set(found["Generation-0"][:, 1]) == {7.0}
    assert set(found["Real data"][:, 1]) == {2.0}
    no_start = [record for record in records([7.0, 5.0]) if record.generation > 0]
    assert "Generation-0" not in lines(no_start)
    assert "Real data" not in lines(no_start)


def test_training_data_and_halves_are_lines_of_their_own() -> None:
    known = {"FID train_ground truth": 3.0, "FID halves_ground truth": 1.5, "KID_ground truth": 0.1}
    found = records([5.0, 6.0]) + [
        Record(BASELINE, 0, "", 0, g, m, v) for g in (0, 1) for m, v in known.items()
    ]
    (fid,) = (panel for panel in PUBLISHED_PANELS if panel.metric == "FID_test")
    drawn = lines(found, fid)
    assert set(drawn[HALVES_LABEL][:, 1]) == {1.5} and set(drawn[TRAIN_LABEL][:, 1]) == {3.0}
    kid = [Record(BASELINE, 0, "", 0, 0, "KID_test", 0.2)]
    (panel,) = (panel for panel in DISTANCE_PANELS if panel.metric == "KID_test")
    assert set(lines(found + kid, panel)[HALVES_LABEL][:, 1]) == {0.1}
    assert TRAIN_LABEL not in lines(found + kid, panel)


def test_failures_are_a_share_of_attempts() -> None:
    panel = Panel("Failed", "failed", per="attempted")
    found = select(
        records([0.0, 3.0, 1.0], WITH_CORRECTION, metric="failed")
        + records([12.0, 12.0, 0.0], WITH_CORRECTION, metric="attempted"),
        panel,
    )
    assert [(r.generation, r.value) for r in found] == [(0, 0.0), (1, pytest.approx(25.0))]


def test_a_metric_nobody_measured_is_said_in_words() -> None:
    axes = Figure().subplots()
    draw_panel(axes, records([1.0]), Panel("Recall", "Recall_test"))
    assert [text.get_text() for text in axes.texts] == ["not measured"]
    assert not axes.lines


def test_where_a_run_is_behind_the_mean_is_dashed_and_has_no_interval() -> None:
    found = records([1.0, 2.0, 3.0, 4.0], seed=1) + records([3.0, 4.0], seed=2)
    assert curve(found).complete == 2
    axes = Figure().subplots()
    draw_panel(axes, found, FID)
    (whole,) = [line for line in axes.lines if line.get_label() == arm_label(BASELINE, 0)]
    assert np.asarray(whole.get_ydata()).tolist() == [2.0, 3.0]
    (ahead,) = [line for line in axes.lines if list(line.get_xdata()) == [2, 3]]  # type: ignore[arg-type]
    assert np.asarray(ahead.get_ydata()).tolist() == [3.0, 4.0] and ahead.is_dashed()
    (band,) = axes.collections
    assert band.get_paths()[0].vertices[:, 0].max() == 1  # type: ignore[index]


def test_an_arm_with_fewer_seeds_says_so() -> None:
    found = records([1.0, 2.0], seed=1) + records([3.0, 4.0], seed=2)
    found += records([1.0, 2.0], WITH_CORRECTION, seed=1)
    assert arm_label(WITH_CORRECTION, 100) + " (1 of 2 seeds)" in lines(found)
    assert arm_label(BASELINE, 0) in lines(found)
