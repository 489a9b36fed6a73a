"""The report of the Gaussian experiment: distances over generations, contraction beside theory."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from domains.gaussian.results import Band
from loop.errors import CorruptFileError
from loop.rundir.files import read_json
from loop.text import read_lines
from visualize.curves.gaussian import draw_contraction, draw_distances, gamma_colors, gamma_label
from visualize.report.curves import number, picture_html
from visualize.report.page import Page, Section, cards, details, paragraph, table
from visualize.report.runs import flatten, versions_html

GAMMA = "\N{GREEK SMALL LETTER GAMMA}"
RESULT = "gaussian_toy_example.json"
DISTANCES = (
    ("Distance", ("w2_median", "w2_low", "w2_high")),
    ("Part of the mean", ("mean_part_median",) * 3),
    ("Part of the covariance", ("covariance_part_median",) * 3),
)
"""Titles and columns of the CSV file: median, and bounds where there are any."""

_AGAIN = "python exp_scripts/gaussian_toy_example.py"


def gaussian_result(path: Path) -> Path | None:
    """Find the JSON file of the experiment that `path` is, or that lies in it."""
    found = path / RESULT if path.is_dir() else path
    return found if found.suffix == ".json" and found.is_file() else None


def gaussian_report(path: Path) -> Page:
    """Build the page on a result of exp_scripts/gaussian_toy_example.py.

    path: its JSON file; the CSV file lies beside it.

    Raises:
        MissingAssetError: the CSV file is not there.
        CorruptFileError: either of them does not read.
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
            remedy=_AGAIN,
        ) from error
    used = result["settings"]
    lead = (
        f"{used['n']} real points in {used['dimension']} dimensions, {used['generations']} "
        f"generations, {used['seeds']} seeds, correction {used['correction']}, "
        f"mixing {used['mixing']}."
    )
    return Page("Self-consuming loop: the Gaussian experiment", lead, sections)


def _sections(result: dict[str, Any], rows: Sequence[dict[str, float]]) -> list[Section]:
    gammas = sorted({row["gamma"] for row in rows})
    final = {float(entry["gamma"]): entry for entry in result["final_w2"]}
    curves = (
        "Wasserstein distance (W₂) between the model and the target, for each strength "
        f"{GAMMA} of the correction: medians over {result['settings']['seeds']} seeds, bands: 95 % "
        "of the seeds."
    )
    contraction = (
        "Share of an error that is left after a generation, against λ, synthetic points per real "
        "point: measured (dots, 95 % interval; filled where the theorem applies), the Gaussian's "
        "own factor (line), and the bound of the theorem (dashed) up to its border (cross)."
    )
    ends = [
        (f"{GAMMA} = {gamma_label(g)}", number(final[g]["mean"]), "final W₂, lower is better")
        for g in (gammas[0], gammas[-1])
    ]
    table_rows = [
        [gamma_label(gamma), number(e["mean"]), f"{number(e['low'])} to {number(e['high'])}"]
        for gamma, e in final.items()
    ]
    values = table([GAMMA, "final W₂", "95 % interval"], table_rows, str(result["final_w2_is"]))
    settings = table(
        ["setting", "value"],
        [list(item) for item in flatten(result["settings"]).items()],
        text=True,
    )
    run = details("Settings", settings, unfolded=True) + versions_html([])
    return [
        Section("outcome", "Where it ended", cards(ends)),
        Section("curves", "Over the generations", paragraph(curves) + _distances(rows, gammas)),
        Section(
            "contraction",
            "Contraction and theory",
            paragraph(contraction) + _contraction(result["contraction"], gamma_colors(gammas)),
        ),
        Section("table", "Final values", values),
        Section("run", "What was run", run),
    ]


def _distances(rows: Sequence[dict[str, float]], gammas: Sequence[float]) -> str:
    html = ""
    for title, columns in DISTANCES:
        bands = (
            np.array([[row[column] for row in rows if row["gamma"] == g] for g in gammas]).T
            for column in columns
        )
        figure = Figure(figsize=(4.6, 3.6), layout="constrained")
        draw_distances(figure.subplots(), gammas, Band(*bands), title)
        html += picture_html(figure, f"{title} over the generations for each strength")
    return f'<div class="charts chart">{html}</div>'


def _contraction(entries: Sequence[dict[str, Any]], colors: dict[float, str]) -> str:
    gammas = sorted({float(entry["gamma"]) for entry in entries})
    ratios = sorted({float(entry["lambda"]) for entry in entries})
    found = {(float(e["lambda"]), float(e["gamma"])): e["measured"] for e in entries}
    measured = (
        np.array([[found[ratio, gamma][name] for gamma in gammas] for ratio in ratios])
        for name in ("mean", "low", "high")
    )
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    draw_contraction(figure.subplots(), np.array(ratios), np.array(gammas), Band(*measured), colors)
    html = picture_html(figure, "Contraction over lambda for each strength")
    return f'<div class="chart">{html}</div>'


def _read_curves(path: Path) -> list[dict[str, float]]:
    lines = read_lines(path, "table of curves", _AGAIN)
    try:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(lines)]
    except (TypeError, ValueError, csv.Error) as error:
        raise CorruptFileError("not a table of numbers", path=path, found=error) from error
    if not rows:
        raise CorruptFileError("no curves in this file", path=path)
    return rows
