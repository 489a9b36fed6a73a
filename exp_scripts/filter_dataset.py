"""Make the data sets of the paper out of HumanML3D: `python exp_scripts/filter_dataset.py`.

Without options all four: dataset/HumanML3D_subset_2794, from dataset/HumanML3D (with its index.csv)
and the v3d files of BMLmovi, and 0064, 0128, 0256 out of that. With --size, or --ids for lists of
the authors, one training set out of that or any other folder in HumanML3D layout, such as one of
CMU takes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from dataset.subsets import draw_training_clips, write_2794, write_small
from domains.motion.experiments import COMPLETE, DATASETS, PARENT, PUBLISHED_SIZES, how_to_filter
from loop.cli import command
from loop.errors import InvalidOptionError, MissingAssetError
from loop.text import read_lines

SMALL_SIZES = tuple(int(size) for size in PUBLISHED_SIZES if size != "2794")


@dataclass(frozen=True)
class Options:
    """Filter a dataset."""

    source: Path | None = None
    """dataset in HumanML3D layout; default: dataset/HumanML3D, with --size or --ids
    dataset/HumanML3D_subset_2794"""
    v3d: Path = DATASETS / "F_Subjects_1_90"
    """folder with BMLmovi's v3d files; not read with --size or --ids"""
    size: int | None = None
    """number of training clips to draw: 64, 128 or 256 in the paper"""
    ids: Path | None = None
    """file with the training ids to take, one a line, such as the authors' 0064_train.txt"""
    seed: int = 0
    """of the draw"""
    out: Path | None = None
    """folder to make (without --size and --ids: of the 2794 alone); default:
    dataset/HumanML3D_subset_<size>; needed with --ids"""


def filter_dataset(options: Options) -> dict[str, int]:
    """Make the dataset that the options name; returns the clips of each split.

    Raises:
        ScscError: options that do not fit together, files missing or damaged.
    """
    if options.size is not None and options.ids is not None:
        raise InvalidOptionError("choose one of --size and --ids")
    small = options.ids is not None or options.size is not None
    source = options.source or (PARENT if small else COMPLETE)
    _require(source)
    if options.ids is not None:
        if options.out is None:
            raise InvalidOptionError("--ids needs --out", expected="the folder to make")
        chosen = read_lines(options.ids, "list of ids")
        made_from = {"ids": options.ids.name}
        return write_small(source, options.out, chosen, made_from)
    if options.size is not None:
        out = options.out or DATASETS / f"HumanML3D_subset_{options.size:04d}"
        chosen = draw_training_clips(source, options.size, options.seed)
        made_from = {"size": options.size, "seed": options.seed}
        return write_small(source, out, chosen, made_from)
    parent = options.out or PARENT
    counts = write_2794(source, options.v3d, parent)
    if options.out is None:
        for size in SMALL_SIZES:
            filter_dataset(replace(options, source=parent, size=size))
    return counts


def _require(source: Path) -> None:
    """Raise MissingAssetError with the next step that can be taken, where `source` is missing."""
    if (source / "train.txt").is_file():
        return
    remedy = "name a folder in HumanML3D layout with --source"
    if source in (PARENT, COMPLETE):
        remedy = how_to_filter("")
    raise MissingAssetError(
        "the dataset to take clips from is missing",
        path=source,
        expected="new_joint_vecs/ texts/ train.txt val.txt test.txt",
        remedy=remedy,
    )


def main() -> None:
    """Run the command line."""
    options = tyro.cli(Options, description=__doc__)
    with command():
        filter_dataset(options)


if __name__ == "__main__":
    main()
