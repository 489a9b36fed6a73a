"""One page about a folder of runs: `python -m visualize.report exp_outputs/dataset_0064`.

Reads whatever is there, also while it still runs, and says what is missing. Knows the runs of human
motion, of MNIST, and the Gaussian experiment.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from loop.cli import command
from loop.errors import MissingAssetError
from loop.rundir.files import prepare_file, write_bytes
from loop.rundir.layout import NUMBERED
from loop.rundir.read import find_arms
from visualize.report.page import render_page

logger = logging.getLogger("scsc")


@dataclass(frozen=True)
class ReportOptions:
    """How much the page may carry."""

    motions: int = 12
    """most motions shown of a generation: two thirds those that broke physics most, the rest drawn
    at random"""
    megabytes: float = 12.0
    """what motions or sample sheets may take in the page; shows fewer where all would not fit"""


def make_report(
    folders: Sequence[Path], out: Path | None = None, options: ReportOptions | None = None
) -> Path:
    """Write the page about folders of runs that differ in the seed; returns its path.

    Args:
        folders: size folders such as exp_outputs/dataset_demo; exp_outputs/mnist; or the Gaussian
            experiment's JSON file, or the folder it lies in.
        out: the HTML file; default report.html in the first folder, beside the JSON file its name
            with .html.
        options: how much to show.

    Raises:
        MissingAssetError: none of these is there.
        CorruptFileError: a file that was written by a run does not read as one.
        StorageError: `out` cannot be written.
    """
    options = options or ReportOptions()
    from visualize.report.gaussian import gaussian_report, gaussian_result  # matplotlib
    from visualize.report.mnist import mnist_report
    from visualize.report.motion import motion_report

    first, budget = folders[0], 1e6 * options.megabytes
    arms = [arm for folder in folders for arm in find_arms(folder)]
    if any(arm.layout == NUMBERED for arm in arms):
        page = mnist_report(folders, budget)
    elif arms:
        page = motion_report(folders, options.motions, budget)
    elif (result := gaussian_result(first)) is not None:
        first, page = result.parent, gaussian_report(result)
        out = out or result.with_suffix(".html")
    else:
        raise MissingAssetError(
            "there is no run to report on",
            path=first,
            expected="a folder of arms, such as exp_outputs/dataset_demo or exp_outputs/mnist, or "
            "gaussian_toy_example.json",
            remedy="start a run first; a report can be made while it still runs",
        )
    out = out or first / "report.html"
    prepare_file(out)
    write_bytes(out, render_page(page).encode())
    return out


@command()
def main(
    runs_dirs: Annotated[tyro.conf.Positional[list[Path]], tyro.conf.arg(metavar="RUNS")],
    out: Path | None = None,
    options: tyro.conf.OmitArgPrefixes[ReportOptions] = ReportOptions(),
) -> None:
    """Write one HTML page that needs no network: what was run, curves, table, motions.

    Args:
        runs_dirs: a folder of runs such as exp_outputs/dataset_demo or exp_outputs/mnist, or
            exp_outputs/gaussian_toy_example.json; several that differ in the seed are averaged.
        out: the page; default <first folder>/report.html.
        options: how much the page may carry.
    """
    path = make_report(runs_dirs, out, options)
    logger.info("wrote %s (%.1f MB)", path, path.stat().st_size / 1e6)
