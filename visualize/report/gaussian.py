"""The report of the Gaussian experiment: distances over generations, contraction beside theory."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loop.errors import CorruptFileError, MissingAssetError
from loop.rundir.files import read_json
from visualize.curves.gaussian import gamma_colors, gamma_label
from visualize.report.curves import number
from visualize.report.page import Section, cards, details, paragraph, rounded, table, widget
from visualize.report.runs import flatten, versions_section

GAMMA = "\N{GREEK SMALL LETTER GAMMA}"
RESULT = "gaussian_toy_example.json"
MARKERS = "os^DvP"
MOST_POINTS = 126
"""Generations of a curve that the page carries."""
Page = tuple[str, str, list[Section]]


def gaussian_result(path: Path) -> Path | None:
    """The JSON file of the experiment that `path` is, or that lies in it; None without one."""
    found = path / RESULT if path.is_dir() else path
    return found if found.suffix == ".json" and found.is_file() else None


def gaussian_report(path: Path) -> Page:
    """The page about a result of exp_scripts/gaussian_toy_example.py and the CSV file beside it.

    Raises MissingAssetError without the CSV file, CorruptFileError where either does not read.
    """
    result = read_json(path)
    rows = _read_curves(path.with_suffix(".csv"))
    try:
        sections = _sections(result, rows)
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(
            "not a result of the Gaussian experiment",
            path=path,
            found=repr(error),
            remedy="run exp_scripts/gaussian_toy_example.py again",
        ) from error
    used = result["settings"]
    lead = (
        f"{used['n']} real points in {used['dimension']} dimensions, {used['generations']} "
        f"generations, {used['seeds']} seeds, correction {used['correction']}, "
        f"mixing {used['mixing']}."
    )
    return "Self-consuming loop: the Gaussian experiment", lead, sections


def _sections(result: dict[str, Any], rows: Sequence[dict[str, float]]) -> list[Section]:
    gammas = sorted({row["gamma"] for row in rows})
    # The contraction is measured for some of them, in the same colours.
    colors = gamma_colors(gammas)
    final = {float(entry["gamma"]): entry for entry in result["final_w2"]}
    distance = (
        "Wasserstein distance between the model and the target, for each strength "
        f"{GAMMA} of the correction."
    )
    contraction = (
        "How much of an error is left after a generation, against λ, synthetic points per "
        "real point: measured (dots, 95 % interval), the Gaussian's own factor (line), and the "
        "bound of the theorem (dashed, where it applies)."
    )
    headings = [GAMMA, "final W₂", "95 % interval"]
    table_rows = [
        [gamma_label(gamma), number(e["mean"]), f"{number(e['low'])} to {number(e['high'])}"]
        for gamma, e in final.items()
    ]
    entries = [
        (
            f"{GAMMA} = {gamma_label(gamma)}",
            number(final[gamma]["mean"]),
            "final W₂, lower is better",
        )
        for gamma in (gammas[0], gammas[-1])
    ]
    settings = [[name, value] for name, value in flatten(result["settings"]).items()]
    return [
        Section("outcome", "Where it ended", cards(entries)),
        Section(
            "curves",
            "Over the generations",
            paragraph(distance) + widget("charts", "distance"),
            {"distance": _distance_data(rows, colors, result["settings"]["seeds"])},
        ),
        Section(
            "contraction",
            "Contraction and theory",
            paragraph(contraction) + widget("charts", "contraction"),
            {"contraction": _contraction_data(result["contraction"], colors)},
        ),
        Section("table", "Final values", table(headings, table_rows, str(result["final_w2_is"]))),
        Section(
            "run",
            "What was run",
            details("Settings", table(["setting", "value"], settings, text=True), unfolded=True)
            + versions_section([]),
        ),
    ]


def _distance_data(
    rows: Sequence[dict[str, float]], colors: Mapping[float, str], seeds: int
) -> dict[str, Any]:
    charts = []
    for title, column, bounds in (
        ("Distance W₂", "w2_median", ("w2_low", "w2_high")),
        ("Part of the mean", "mean_part_median", None),
        ("Part of the covariance", "covariance_part_median", None),
    ):
        series = []
        for gamma in colors:
            mine = [row for row in rows if row["gamma"] == gamma]
            mine = mine[:: max(1, math.ceil(len(mine) / MOST_POINTS))]
            x = [int(row["generation"]) for row in mine]
            edges = bounds and ([row[bounds[0]] for row in mine], [row[bounds[1]] for row in mine])
            series.append(_series(gamma, "line", x, [row[column] for row in mine], edges))
        charts.append(_chart(title, "lower is better", "generation", series))
    note = (
        f"Medians over {seeds} seeds, bands: 95 % of the seeds. Move over a chart to read values."
    )
    return _charts(colors, note, charts)


def _contraction_data(
    entries: Sequence[dict[str, Any]], colors: Mapping[float, str]
) -> dict[str, Any]:
    gammas = sorted({float(entry["gamma"]) for entry in entries})
    series = []
    for gamma in gammas:
        mine = sorted(
            (e for e in entries if float(e["gamma"]) == gamma), key=lambda entry: entry["lambda"]
        )
        x = [entry["lambda"] for entry in mine]
        own = [entry["gaussian_factor"] for entry in mine]
        bound = [
            (entry["lambda"], float(entry["theorem_bound"]))
            for entry in mine
            if entry["theorem_applies"]
        ]
        measured = [entry["measured"] for entry in mine]
        mean, low, high = ([m[name] for m in measured] for name in ("mean", "low", "high"))
        series += [
            _series(gamma, "line", x, own, silent=True),
            _series(gamma, "points", x, mean, (low, high)),
        ]
        if bound:
            series.append(_series(gamma, "dashed", [x for x, _ in bound], [y for _, y in bound]))
    chart = _chart("Error after / before a generation", "lower is better", "λ", series)
    return _charts(
        {gamma: colors[gamma] for gamma in gammas}, "", [chart | {"yMax": 1.0, "xFrom": 0}]
    )


def _charts(colors: Mapping[float, str], note: str, charts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "arms": [
            {
                "key": str(gamma),
                "label": f"{GAMMA} = {gamma_label(gamma)}",
                "short": f"{GAMMA} = {gamma_label(gamma)}",
                "color": colors[gamma],
                "marker": MARKERS[place % len(MARKERS)],
            }
            for place, gamma in enumerate(colors)
        ],
        "shares": [],
        "shareLabel": "",
        "references": [],
        "note": note,
        "groups": [{"title": "", "folded": False, "charts": charts}],
    }


def _chart(title: str, better: str, x: str, series: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "title": title,
        "better": better,
        "xLabel": x,
        "fromZero": True,
        "references": [],
        "series": series,
    }


def _series(
    gamma: float,
    kind: str,
    x: Sequence[float],
    y: Sequence[float],
    bounds: tuple[Sequence[float], Sequence[float]] | None = None,
    silent: bool = False,
) -> dict[str, Any]:
    values = [rounded(value) for value in y]
    low, high = bounds or (y, y)
    return {
        "arm": str(gamma),
        "percent": None,
        "kind": kind,
        "silent": silent,
        "x": list(x),
        "y": values,
        "trend": values,
        "low": [rounded(value) for value in low],
        "high": [rounded(value) for value in high],
        "raw": [[at, value] for at, value in zip(x, values, strict=True)]
        if kind == "points"
        else [],
    }


def _read_curves(path: Path) -> list[dict[str, float]]:
    try:
        with path.open(newline="") as file:
            rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    except FileNotFoundError as error:
        raise MissingAssetError("the curves are missing", path=path) from error
    except (TypeError, ValueError) as error:
        raise CorruptFileError("not a table of numbers", path=path, found=error) from error
    if not rows:
        raise CorruptFileError("no curves in this file", path=path)
    return rows
