from __future__ import annotations

from pathlib import Path

import pytest
import torch

import domains.motion.training
from dataset.batches import TrainingBatches
from diffusion.process import Diffusion
from domains.motion.training import Way, fit, runs_half, training_state
from loop.errors import CorruptFileError

BESIDE = Way(ahead=True)


def prepare(make_denoiser, real):
    denoiser = make_denoiser()
    optimizer = torch.optim.AdamW(denoiser.network.parameters(), lr=1e-3, fused=True)
    return denoiser, optimizer, TrainingBatches(real.items, real.mean, real.std, 4, 16, 7)


def flat(state) -> list:
    """All tensors and numbers of a nested state, in order."""
    if isinstance(state, dict):
        return [x for key in sorted(state, key=str) for x in flat(state[key])]
    if isinstance(state, (list, tuple)):
        return [x for part in state for x in flat(part)]
    return [state.numpy().tobytes() if isinstance(state, torch.Tensor) else state]


class Killed(Exception):
    pass


@pytest.mark.parametrize("killed_at", [0, 1, 7, 11])
def test_a_killed_training_goes_on_to_the_same_bits(
    tmp_path: Path, make_denoiser, real, monkeypatch, killed_at: int
) -> None:
    monkeypatch.setattr(domains.motion.training, "CHECKPOINT_INTERVAL_S", 0.0)
    denoiser, optimizer, batches = prepare(make_denoiser, real)
    losses = fit(denoiser, optimizer, batches, 12, 0.3, None)
    unbroken = flat(training_state(denoiser, optimizer))

    class Fragile(TrainingBatches):
        def batch(self, step: int):
            if step == killed_at:
                raise Killed
            return super().batch(step)

    checkpoint = tmp_path / "training.pt"
    denoiser, optimizer, batches = prepare(make_denoiser, real)
    fragile = Fragile(real.items, real.mean, real.std, 4, 16, 7)
    with pytest.raises(Killed):
        fit(denoiser, optimizer, fragile, 12, 0.3, checkpoint)
    denoiser, optimizer, batches = prepare(make_denoiser, real)
    torch.rand(5)  # what the process drew before must not matter
    assert fit(denoiser, optimizer, batches, 12, 0.3, checkpoint) == losses
    assert flat(training_state(denoiser, optimizer)) == unbroken


def test_the_losses_are_those_of_the_steps(make_denoiser, real, monkeypatch) -> None:
    seen = []
    loss_of = Diffusion.training_loss

    def noting(*given):
        losses = loss_of(*given)
        seen.append(losses.detach().numpy().astype(float).mean())
        return losses

    monkeypatch.setattr(Diffusion, "training_loss", noting)
    denoiser, optimizer, batches = prepare(make_denoiser, real)
    recorded = fit(denoiser, optimizer, batches, 12, 0.3, None)
    assert [step for step, _ in recorded] == list(range(1, 13))
    assert [loss for _, loss in recorded] == pytest.approx(seen, rel=1e-6)


@pytest.mark.parametrize("killed_at", [None, 3])
def test_batches_prepared_beside_give_the_same_bits(
    tmp_path: Path, make_denoiser, real, monkeypatch, killed_at: int | None
) -> None:
    monkeypatch.setattr(domains.motion.training, "CHECKPOINT_INTERVAL_S", 0.0)
    denoiser, optimizer, batches = prepare(make_denoiser, real)
    fit(denoiser, optimizer, batches, 6, 0.3, None)
    plain = flat(training_state(denoiser, optimizer))
    denoiser, optimizer, batches = prepare(make_denoiser, real)
    if killed_at is not None:
        fit(denoiser, optimizer, batches, killed_at, 0.3, tmp_path / "training.pt", way=BESIDE)
        denoiser, optimizer, batches = prepare(make_denoiser, real)
    fit(denoiser, optimizer, batches, 6, 0.3, tmp_path / "training.pt", way=BESIDE)
    assert flat(training_state(denoiser, optimizer)) == plain


@pytest.mark.parametrize(
    ("way", "tolerance"), [(Way(half=True), 0.05), (Way(compiled=True, ahead=True), 1e-4)]
)
def test_the_path_of_a_gpu_trains_as_the_plain_one(
    make_denoiser, real, monkeypatch, way: Way, tolerance: float
) -> None:
    """On the CPU: bfloat16 autocast, and what is compiled, traced but not translated."""
    compiler = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network: compiler(network, backend="aot_eager"))
    moved = []
    for chosen in (Way(), way):
        denoiser, optimizer, batches = prepare(make_denoiser, real)
        start = torch.nn.utils.parameters_to_vector(denoiser.network.parameters()).detach().clone()
        fit(denoiser, optimizer, batches, 4, 0.3, None, way=chosen)
        end = torch.nn.utils.parameters_to_vector(denoiser.network.parameters()).detach()
        moved.append(end - start)
    assert (moved[1] - moved[0]).norm() <= tolerance * moved[0].norm()
    assert moved[0].norm() > 0


def test_bfloat16_is_never_trained_in_on_a_cpu(monkeypatch) -> None:
    monkeypatch.setattr("domains.motion.training.bfloat16_pays", lambda kind: True)
    assert not runs_half(torch.device("cpu")) and runs_half(torch.device("cuda"))


def test_training_learns_its_data(make_denoiser, real) -> None:
    """The denoiser must come closer to the training motions than to shuffled ones."""
    denoiser, optimizer, batches = prepare(make_denoiser, real)

    def loss() -> float:
        denoiser.network.eval()
        batch = batches.batch(1000)
        x0, lengths = torch.from_numpy(batch.vectors), torch.from_numpy(batch.lengths)
        text = denoiser.encoder.encode(batch.captions)
        noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
        t = torch.full((len(x0),), 2)
        valid = torch.arange(x0.shape[1]) < lengths[:, None]
        with torch.no_grad():
            return float(
                denoiser.diffusion.training_loss(
                    lambda x, step: denoiser.network(x, step, text, lengths), x0, t, noise, valid
                ).mean()
            )

    before = loss()
    fit(denoiser, optimizer, batches, 150, 0.1, None)
    assert loss() < 0.7 * before


def test_a_damaged_checkpoint_is_reported(tmp_path: Path, make_denoiser, real) -> None:
    checkpoint = tmp_path / "training.pt"
    checkpoint.write_bytes(b"not a checkpoint")
    denoiser, optimizer, batches = prepare(make_denoiser, real)
    with pytest.raises(CorruptFileError, match=r"training\.pt"):
        fit(denoiser, optimizer, batches, 2, 0.1, checkpoint)


def test_the_global_generator_is_left_alone(make_denoiser, real) -> None:
    denoiser, optimizer, batches = prepare(make_denoiser, real)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    fit(denoiser, optimizer, batches, 2, 0.1, None)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("killed_at", [None, 3])
def test_an_annealed_rate_falls_to_nothing_in_a_straight_line(
    tmp_path: Path, make_denoiser, real, monkeypatch, killed_at: int | None
) -> None:
    monkeypatch.setattr(domains.motion.training, "CHECKPOINT_INTERVAL_S", 0.0)
    rates = []

    class Watching(TrainingBatches):
        def batch(self, step: int):
            if step == killed_at and len(rates) == step:
                raise Killed
            rates.append(optimizer.param_groups[0]["lr"])
            return super().batch(step)

    denoiser, optimizer, _ = prepare(make_denoiser, real)
    batches = Watching(real.items, real.mean, real.std, 4, 16, 7)
    if killed_at is not None:
        with pytest.raises(Killed):
            fit(denoiser, optimizer, batches, 6, 0.1, tmp_path / "training.pt", 4)
        rates.append(-1.0)
        denoiser, optimizer, _ = prepare(make_denoiser, real)
    fit(denoiser, optimizer, batches, 6, 0.1, tmp_path / "training.pt", 4)
    taken = [rate for rate in rates if rate >= 0]
    assert taken == pytest.approx([1e-3, 7.5e-4, 5e-4, 2.5e-4, 0.0, 0.0])
