"""The recorded training loss: the right means, the same after an interruption, whole on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from domains.motion.training_loss import FILE, LossRecorder, read_losses, write_losses
from loop.errors import CorruptFileError
from model.checkpoint import load_checkpoint, save_checkpoint


def record(recorder: LossRecorder, losses: np.ndarray, first: int, last: int) -> None:
    for step in range(first, last):
        recorder.add(step, torch.tensor(losses[step], requires_grad=True))


@pytest.mark.parametrize(("steps", "stretch"), [(1, 1), (7, 1), (100, 1), (101, 2), (250, 3)])
def test_every_stretch_has_its_mean(steps: int, stretch: int) -> None:
    losses = np.random.default_rng(0).uniform(0.1, 2, steps).astype(np.float32)
    recorder = LossRecorder(steps)
    record(recorder, losses, 0, steps)
    ends = [*range(stretch, steps, stretch), steps]
    assert [step for step, _ in recorder.rows] == ends and len(ends) <= 100
    parts = np.split(losses.astype(np.float64), ends[:-1])
    means = [part.mean() for part in parts]
    assert [loss for _, loss in recorder.rows] == pytest.approx(means, rel=1e-6)


@pytest.mark.parametrize("killed_at", [0, 3, 4, 200, 249])
def test_an_interrupted_recorder_goes_on_to_the_same_numbers(
    tmp_path: Path, killed_at: int
) -> None:
    losses = np.random.default_rng(1).uniform(0.1, 2, 250).astype(np.float32)
    unbroken, begun = LossRecorder(250), LossRecorder(250)
    record(unbroken, losses, 0, 250)
    record(begun, losses, 0, killed_at)
    save_checkpoint(tmp_path / "state.pt", {"losses": begun.state()})
    stored = load_checkpoint(tmp_path / "state.pt")["losses"]
    resumed = LossRecorder(250, killed_at, stored)
    record(resumed, losses, killed_at, 250)
    assert resumed.rows == unbroken.rows


def test_what_was_not_recorded_before_an_interruption_is_not_made_up() -> None:
    recorder = LossRecorder(250, first=100)  # from the checkpoint of an older version
    record(recorder, np.full(250, 2.0, np.float32), 100, 250)
    assert recorder.rows[0] == (102, 2.0) and recorder.rows[-1] == (250, 2.0)


def test_losses_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert read_losses(tmp_path) == ()  # an older run
    write_losses((), tmp_path)
    assert not (tmp_path / FILE).exists()
    write_losses([(3, 1 / 3), (6, 12345678.0), (7, 1e-9)], tmp_path)
    assert (tmp_path / FILE).read_text() == "step,loss\n3,0.333333\n6,1.23457e+07\n7,1e-09\n"
    assert read_losses(tmp_path) == [(3, 0.333333), (6, 12345700.0), (7, 1e-9)]


@pytest.mark.parametrize(
    "text", ["", "step,loss\n1,much\n", "step,loss\n1\n", "epoch,loss\n1,2\n", "\0"]
)
def test_a_damaged_table_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(CorruptFileError, match=FILE):
        read_losses(tmp_path)
