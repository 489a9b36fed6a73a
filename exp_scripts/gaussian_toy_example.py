"""The Gaussian experiment of the paper: `python exp_scripts/gaussian_toy_example.py`.

Writes exp_outputs/gaussian_toy_example.{png,pdf,csv,json}; with --map, the stability map
exp_outputs/gaussian_stability_map.{png,pdf,csv,json}.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import tyro

from domains.gaussian.domain import GaussianSettings, run_gaussian
from domains.gaussian.results import write_map, write_result
from domains.gaussian.theory import measure_contraction, stability_map, well_apart
from loop.errors import ScscError
from loop.progress import setup_logging
from loop.rundir.files import make_folder

logger = logging.getLogger("scsc")


@dataclass(frozen=True)
class Options:
    """The defaults reproduce the published protocol, at 32 seeds instead of one."""

    settings: tyro.conf.OmitArgPrefixes[GaussianSettings] = field(default_factory=GaussianSettings)
    map: bool = False
    """Draw the stability map over its own grid of lambda and gamma instead, in the theorem's
    setting and in the one given; at most 200 generations and 16 seeds."""
    out: Path = Path("exp_outputs")
    """Folder for the results."""


def main(options: Options) -> list[Path]:
    """Run, draw, and return the paths of what was written."""
    settings = options.settings
    if settings.correction == "none":  # then all correction strengths are one
        settings = replace(settings, gammas=(0.0,))
    make_folder(options.out)
    if options.map:
        return draw_map(settings, options.out / "gaussian_stability_map")
    return draw_example(settings, options.out / "gaussian_toy_example")


def draw_example(settings: GaussianSettings, stem: Path) -> list[Path]:
    """Draw distance over generations, and contraction against theory."""
    from visualize.curves.figures import save_figure
    from visualize.curves.gaussian import draw_experiment

    result = run_gaussian(settings)
    contraction = measure_contraction(
        well_apart(settings.gammas),
        dimension=settings.dimension,
        seeds=settings.seeds,
        seed=settings.seed,
    )
    written = save_figure(draw_experiment(result, contraction), stem)
    return written + write_result(stem, result, contraction)


def draw_map(settings: GaussianSettings, stem: Path) -> list[Path]:
    """Draw the final distance over lambda and gamma."""
    from visualize.curves.figures import save_figure
    from visualize.curves.gaussian_map import draw_maps

    settings = replace(
        settings, generations=min(settings.generations, 200), seeds=min(settings.seeds, 16)
    )
    theorem = replace(settings, mixing="latest", correction="exact")
    maps = [stability_map(each) for each in dict.fromkeys((theorem, settings))]
    return save_figure(draw_maps(maps), stem) + write_map(stem, maps)


if __name__ == "__main__":
    setup_logging()
    logging.getLogger("scsc.loop").setLevel(logging.WARNING)  # hundreds of generations a second
    try:
        for path in main(tyro.cli(Options, description=__doc__)):
            logger.info("wrote %s", path)
    except ScscError as error:
        sys.exit(f"error: {error}")
