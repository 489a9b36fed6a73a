"""A folder of runs as the loop leaves it, small and made up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.runs import evaluation_file, finish_generation

RAW = "synthetic_percent_{}_iterative_finetuning"
ARMS = ("baseline", RAW, f"{RAW}_with_correction")


class RunsFolder:
    """Makes arms in a folder of runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, arm: str, generation: int, stored: object) -> Path:
        """Write a file of metrics as it is, also a broken one; returns its path."""
        path = evaluation_file(self.folder / arm, generation)
        path.write_text(stored if isinstance(stored, str) else json.dumps(stored))
        return path

    def fill(self, arm: str, generations: int, seed: int = 0) -> None:
        """Plausible numbers for generations 0 to `generations`."""
        for generation in range(generations + 1):
            rng = np.random.default_rng([seed, generation, len(arm)])
            metrics: dict[str, object] = {
                "FID_test": 10 + 2 * generation + rng.normal(),
                "FID floor": 1.5,
                "FID train_ground truth": 2.25,
                "KID_test": 0.5,
                "KID_ground truth": 0.03,
                "KID train_ground truth": 0.05,
                "FID_test interval": [9.0, 14.0],
                "Diversity_test": 7 - 0.3 * generation + rng.normal(),
                "Diversity_ground truth": 9.0,
                "Matching Score_test": 3.0 + 0.1 * rng.normal(),
                "R_precision_test": [0.4, 0.5, 0.6],
                "Recall_test": 0.4,
                "Phys-Err_test": 14.0,
                "Penetrate_test": 2.0,
                "Float_test": 4.0,
                "Skate_test": 8.0,
            }
            if arm.endswith("_with_correction") and generation > 0:
                metrics |= {
                    "Residual force_correction": 0.1,
                    "Failed imitations_correction": 6.0,
                    "Attempted imitations_correction": 24.0,
                    "MPJPE_correction": None,
                }
            finish_generation(self.folder / arm, generation, metrics)

    def fill_all(self, generations: int, digits: str = "100", seed: int = 0) -> None:
        for arm in ARMS:
            self.fill(arm.format(digits), generations, seed)


@pytest.fixture
def runs(tmp_path: Path) -> RunsFolder:
    """An empty folder of runs of size 0064."""
    folder = tmp_path / "dataset_0064"
    folder.mkdir()
    return RunsFolder(folder)
