"""Corrected sets before training: read from a baseline, measured as the loop measures."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from dataset.mnist_source import FILES
from domains.mnist.arguments import MnistArguments
from domains.mnist.arm import run
from loop.errors import MissingAssetError
from loop.rundir.read import read_arm
from results.mnist.corrected_sets import METRICS, measure, read_rows, table, write_rows


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("raw"), np.random.default_rng(0)
    for name, count in zip(FILES, (200, 200, 120, 120), strict=True):
        labels = np.arange(count) % 10
        content = 20 * labels[:, None, None] + rng.integers(0, 50, (count, 28, 28))
        array = (content if "images" in name else labels).astype(np.uint8)
        head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (folder / name).write_bytes(head + array.tobytes())
    return folder


def test_every_correction_of_generation_0(data_dir: Path, tmp_path: Path) -> None:
    run(
        MnistArguments(
            "baseline", tmp_path, preset="smoke", data_dir=data_dir, num_generations=0, seed=3
        )
    )
    rows = measure(tmp_path, data_dir, tmp_path)
    found = {(row.correction, row.metric): row.value for row in rows}
    assert {row.seed for row in rows} == {3} and {row.metric for row in rows} == set(METRICS)
    stored = read_arm(tmp_path / "baseline_0.2").metrics(0)
    raw = "none (raw samples)"
    assert found[raw, "FID"] == pytest.approx(stored["FID_all"], rel=1e-9)
    assert found[raw, "Recall"] == stored["Recall"]
    assert found["nearest (oracle: copies)", "Copies"] == 1.0
    assert found["local_pca", "Copies"] == found["local_convex, move = 1", "Copies"] == 0.0
    write_rows(rows, tmp_path / "out" / "sets.csv")
    again = read_rows(tmp_path / "out" / "sets.csv")
    assert [row[:3] for row in again] == [row[:3] for row in rows]
    assert [row.value for row in again] == pytest.approx([row.value for row in rows], rel=1e-5)
    again = [row._replace(seed=4, value=row.value + 2) for row in rows]
    half = 12.706 * np.sqrt(2) / np.sqrt(2)  # Student's t with one degree of freedom
    expected = f"{found[raw, 'FID'] + 1:.1f} ± {half:.1f}"
    lines = table([*rows, *again]).splitlines()
    assert len(lines) == 2 + len({row.correction for row in rows})
    assert lines[2].startswith(f"| {raw} | {expected} | ")


def test_a_folder_without_generation_0_is_named(data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match="no generation 0"):
        measure(tmp_path, data_dir, tmp_path)
