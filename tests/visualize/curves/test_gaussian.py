from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domains.gaussian.domain import GaussianSettings, run_gaussian
from domains.gaussian.theory import border, measure_contraction, stability_map
from visualize.curves.figures import save_figure
from visualize.curves.gaussian import (
    COLORS,
    draw_experiment,
    gamma_colors,
    gamma_label,
    spread,
)
from visualize.curves.gaussian_map import draw_maps

SETTINGS = GaussianSettings(gammas=(0.0, 1.0, float("inf")), generations=5, seeds=4)


def texts(axes) -> str:
    return "\n".join(text.get_text() for text in axes.texts)


def test_labels_name_strengths_as_published() -> None:
    assert [gamma_label(g) for g in (0.0, 0.01, 5.0, 0.005, np.inf)] == [
        "0.00",
        "0.01",
        "5.00",
        "0.005",
        "∞",
    ]


def test_labels_never_touch() -> None:
    placed = spread([0.5, 0.1, 0.11, 0.12, 0.9], 0.05)
    assert np.diff(np.sort(placed)).min() >= 0.05 - 1e-12
    assert placed[0] == 0.5 and placed[1] == 0.1
    assert np.argsort(placed).tolist() == np.argsort([0.5, 0.1, 0.11, 0.12, 0.9]).tolist()


def test_many_strengths_have_colours_of_their_own() -> None:
    assert gamma_colors([1.0, 0.0]) == {0.0: COLORS[0], 1.0: COLORS[1]}
    many = gamma_colors(np.arange(17.0).tolist())
    assert len(set(many.values())) == 17


def test_the_figure_shows_both_panels(tmp_path: Path) -> None:
    result = run_gaussian(SETTINGS)
    contraction = measure_contraction(SETTINGS.gammas, (0.2, 0.8, 1.5), n=100, seeds=4)
    figure = draw_experiment(result, contraction)
    left, right = figure.axes
    medians = [line for line in left.lines if len(line.get_xdata()) == 6]
    np.testing.assert_allclose(medians[1].get_ydata(), np.median(result.distance[:, 1], axis=1))
    assert "does not cover this panel" in texts(left)
    assert "4 seeds" in texts(left)
    # full dots left of the border of their strength, empty ones beyond
    dots = [line for line in right.lines if line.get_marker() == "o" and len(line.get_xdata())]
    full = [x for dot in dots if dot.get_markerfacecolor() != "white" for x in dot.get_xdata()]
    assert sorted(full) == [0.2, 0.2, 0.2, 0.8]
    crosses = [line.get_xdata() for line in right.lines if line.get_marker() == "X"]
    np.testing.assert_allclose(np.ravel(crosses), border(np.array(SETTINGS.gammas)))
    image, document = save_figure(figure, tmp_path / "deep" / "figure")
    assert image.read_bytes().startswith(b"\x89PNG")
    assert document.read_bytes().startswith(b"%PDF")


def test_the_theorems_own_setting_is_named_as_such() -> None:
    settings = replace(SETTINGS, mixing="latest", correction="exact")
    contraction = measure_contraction(SETTINGS.gammas, (0.5,), n=50, seeds=2)
    left = draw_experiment(run_gaussian(settings), contraction).axes[0]
    assert "The theorem's setting" in texts(left)


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for name in ("a", "b"):
        contraction = measure_contraction(SETTINGS.gammas, (0.5,), n=50, seeds=2)
        figure = draw_experiment(run_gaussian(SETTINGS), contraction)
        written.append([path.read_bytes() for path in save_figure(figure, tmp_path / name)])
    assert written[0] == written[1]


@pytest.mark.parametrize("count", [1, 2])
def test_maps_carry_the_border(count: int, tmp_path: Path) -> None:
    theorem = replace(SETTINGS, mixing="latest", correction="exact")
    maps = [
        stability_map(each, (0.5, 1.0, 2.0), np.linspace(0, 1, 3))
        for each in (theorem, SETTINGS)[:count]
    ]
    figure = draw_maps(maps)
    panels = figure.axes[:count]
    for axes in panels:
        x, t = axes.lines[0].get_xdata(), axes.lines[0].get_ydata()
        inside = (np.asarray(t) >= 0) & (np.asarray(t) < 1)
        gammas = np.asarray(t)[inside] / (1 - np.asarray(t)[inside])
        np.testing.assert_allclose(2.0 ** np.asarray(x)[inside], border(gammas))
    assert [axes.lines[0].get_linestyle() for axes in panels] == ["-", "--"][:count]
    assert save_figure(figure, tmp_path / "map")[0].stat().st_size > 10_000
