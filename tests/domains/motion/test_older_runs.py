"""A run that an older version began goes on.

older_run.tar.gz was written by commit 9702bdf, before the rooms were built, on the data set of the
fixture `smooth_data` (samples left out):

    python -m train.train_mdm_iterative_finetuning --mini_dataset_dir data --preset smoke
        --latent_dim 8 --layers 1 --workers 1 --eval_num_samples 40 --num_generations 1
        --synthetic_augmentation_percent 0.25
        --save_dir runs/synthetic_percent_025_iterative_finetuning
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from domains.motion.arguments import Arguments
from domains.motion.arm import run
from loop.rundir.files import read_json

NAME = "synthetic_percent_025_iterative_finetuning"


def test_a_run_of_the_first_build_goes_on(
    smooth_data: Path,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    with tarfile.open(repository / "tests" / "domains" / "motion" / "older_run.tar.gz") as archive:
        archive.extractall(tmp_path / "runs", filter="data")
    (tmp_path / "data").symlink_to(smooth_data)
    arm = Path("runs") / NAME
    caplog.set_level("INFO")
    before = {path: path.read_bytes() for path in arm.glob("generation_*/*") if path.is_file()}
    run(
        Arguments(
            save_dir=arm,
            mini_dataset_dir=Path("data"),
            preset="smoke",
            latent_dim=8,
            layers=1,
            workers=1,
            eval_num_samples=40,
            synthetic_augmentation_percent=0.25,
            num_generations=2,
            keep="all",
            keep_samples="all",
        )
    )
    assert {path: path.read_bytes() for path in before} == before
    (metrics,) = read_json(arm / "generation_2" / "eval_dict.json").values()
    assert metrics["FID_test"] > 0
    assert "older version" in caplog.text and "protocol.keep_heading" in caplog.text
    assert f"sampling as {arm} began: ddpm, all steps, guidance 2.5" in caplog.text
    stored = read_json(arm / "args.json")["protocol"]
    assert (stored["guidance"], "sampler" in stored) == (2.5, False)
    assert "evaluator_fingerprint" in read_json(arm / "args.json")
