"""The command that trains the controller, tiny, end to end."""

from __future__ import annotations

import csv

import numpy as np

from body_models.skeleton import DEFAULT_SKELETON
from train.train_uhc import Arguments, run
from uhc.rl.policy import Policy


def test_trains_resumes_and_judges(tmp_path, caplog):
    joints = np.repeat(DEFAULT_SKELETON.rest_joints[None].astype(np.float32), 30, axis=0)
    joints[..., 1] -= joints[..., 1].min()
    data = tmp_path / "data"
    (data / "new_joints").mkdir(parents=True)
    for name in ("000000", "000001"):
        np.save(data / "new_joints" / f"{name}.npy", joints)
    (data / "train.txt").write_text("000000\n")
    (data / "test.txt").write_text("000001\n")
    out = tmp_path / "out"
    caplog.set_level("INFO")
    for iterations in (1, 2):
        run(Arguments((data,), out, iterations, noisy=0, workers=1, environments=2))
    with (out / "progress.csv").open() as file:
        assert [row["iteration"] for row in csv.DictReader(file)] == ["1", "2"]
    assert len(Policy.load(out / "policy.safetensors").weights) == 3
    for which in ("trained on, clean", "held out"):
        for name in ("tracker, no residual force", "policy"):
            assert f"{which}: {name}: 1 of 1 clips to the end" in caplog.text
    assert "noisy" not in caplog.text  # there are no such copies
