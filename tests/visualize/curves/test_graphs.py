"""Graphs of whole folders of runs: names, contents, and folders that are not complete."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from loop.errors import MissingAssetError
from visualize.curves.motion import (
    PLAUSIBILITY_PANELS,
    PUBLISHED_PANELS,
    draw_figure,
    draw_graphs,
    published_figures,
)
from visualize.curves.records import read_folder, read_runs

ARM = "synthetic_percent_{}_iterative_finetuning"


def names(paths: list[Path]) -> set[str]:
    return {path.name for path in paths}


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_published_names_for_each_percentage(runs) -> None:
    runs.fill_all(1, "025")
    runs.fill_all(1, "100")
    written = draw_graphs([runs.folder])
    assert names(written) == {
        f"0064_{digits}_iterative_finetuning_{figure}.{kind}"
        for digits in ("025", "100")
        for figure in ("graphs", "distance_graphs", "plausibility_graphs")
        for kind in ("png", "pdf")
    }
    assert {path.parent for path in written} == {runs.folder / "graphs"}
    for path in written:
        if path.suffix == ".png":
            assert picture(path).std() > 10
        else:
            assert path.read_bytes().startswith(b"%PDF")


def test_missing_arms_and_generations_still_give_a_graph(runs, tmp_path: Path) -> None:
    runs.fill("baseline", 4)
    alone = published_figures(read_folder(runs.folder), "0064")
    assert "0064_000_iterative_finetuning_graphs" in alone
    runs.fill(ARM.format("100"), 3)
    shutil.rmtree(runs.folder / ARM.format("100") / "generation_1")
    shutil.rmtree(runs.folder / "baseline")
    written = draw_graphs([runs.folder], out=tmp_path / "elsewhere" / "deep")
    assert "0064_100_iterative_finetuning_graphs.png" in names(written)
    assert all(path.parent == tmp_path / "elsewhere" / "deep" for path in written)


def test_the_arms_of_another_percentage_stay_out(runs) -> None:
    runs.fill_all(2, "100")
    runs.fill(ARM.format("050"), 9)
    figures = published_figures(read_folder(runs.folder), "0064")
    for digits, percent, last in (("050", "50%", 9), ("100", "100%", 2)):
        figure = figures[f"0064_{digits}_iterative_finetuning_graphs"]
        text = [entry.get_text() for entry in figure.legends[0].get_texts()]
        assert f"Iterative fine-tuning, {percent}" in text
        assert sum("Iterative fine-tuning, " in label for label in text) == 1
        assert figure.get_suptitle() == (
            "Human Motion Generation Results: Dataset Size 64, "
            f"with {percent} Synthetic Augmentation"
        )
        assert last <= figure.axes[0].get_xlim()[1] < last + 1


def test_the_same_runs_give_the_same_bytes_and_other_runs_do_not(runs, tmp_path: Path) -> None:
    runs.fill_all(2)
    first = [path.read_bytes() for path in draw_graphs([runs.folder], tmp_path / "a")]
    assert first == [path.read_bytes() for path in draw_graphs([runs.folder], tmp_path / "b")]
    runs.fill_all(2, seed=1)
    changed = [path.read_bytes() for path in draw_graphs([runs.folder], tmp_path / "c")]
    assert changed[0] != first[0]


def test_panels_and_legend_say_what_is_shown(runs) -> None:
    runs.fill_all(2)
    records = read_folder(runs.folder)
    for panels in (PUBLISHED_PANELS, PLAUSIBILITY_PANELS):
        figure = draw_figure(records, panels, "a title")
        assert len(figure.axes) == len(panels)
        assert all(axes.lines for axes in figure.axes)
        labels = [text.get_text() for text in figure.legends[0].get_texts()]
        assert labels[:3] == [
            "Baseline (continue training on gt data), 0%",
            "Iterative fine-tuning, 100%",
            "Iterative fine-tuning with self-correction, 100%",
        ]
    assert [axes.get_title().split("  ")[0] for axes in draw_figure(
        records, PUBLISHED_PANELS, "").axes] == ["FID", "Diversity", "Matching Score"]  # fmt: skip


def test_several_seeds_say_that_the_band_is_an_interval(runs, tmp_path: Path) -> None:
    folders = []
    for seed in (1, 2, 3):
        other = type(runs)(tmp_path / f"dataset_0064_seed_{seed}")
        other.fill_all(2, seed=seed)
        folders.append(other.folder)
    figure = draw_figure(read_runs(folders), PUBLISHED_PANELS, "")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "95% interval of the mean of 3 seeds" in labels
    assert all(axes.collections for axes in figure.axes)


def test_command_line_and_no_pyplot(runs, repository: Path) -> None:
    runs.fill_all(1)
    code = (
        "import sys, pathlib; from visualize.curves.graphs import main;"
        "main([pathlib.Path(sys.argv[1])]);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(runs.folder)], check=True, cwd=repository)
    assert (runs.folder / "graphs" / "0064_100_iterative_finetuning_graphs.png").is_file()


def test_nothing_to_draw_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError):
        draw_graphs([tmp_path])
    assert not (tmp_path / "graphs").exists()
