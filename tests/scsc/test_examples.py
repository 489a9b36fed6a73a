"""The examples run as their docstrings say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from dataset.humanml3d import MotionItem
from domains.motion.files import MotionBatch
from examples.own_correction import Smooth


def test_the_domain_collapses_raw_and_holds_corrected(repository: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, str(repository / "examples" / "own_domain.py")],
        cwd=tmp_path, env=environment, text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    curves = {
        line.split()[0]: [float(word) for word in line.split()[1:]]
        for line in done.stdout.splitlines()
        if re.match(r"\s*(raw|corrected) ", line)
    }
    assert curves["raw"][0] == curves["corrected"][0]
    assert curves["raw"][-1] > 0.3 and max(curves["corrected"]) < 0.1
    assert (tmp_path / "exp_outputs" / "own_domain.png").stat().st_size > 10_000


def test_the_correction_smooths_and_changes_nothing_else() -> None:
    rng = np.random.default_rng(0)
    item = MotionItem("000001", "000001", rng.normal(size=(60, 263)).astype(np.float32), ())
    corrected = Smooth().correct(MotionBatch((item,)), None)
    (smooth,) = corrected.batch.items
    assert smooth.id == item.id and smooth.vectors.shape == item.vectors.shape
    shake, before = (np.diff(i.vectors, 2, axis=0).std() for i in (smooth, item))
    assert shake < before / 3
