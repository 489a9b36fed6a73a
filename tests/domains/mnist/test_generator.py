from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.mnist import Digits
from domains.mnist import training as mnist_fitting
from domains.mnist.denoiser import DigitDenoiser
from domains.mnist.files import CorrectionFiles, SampleFiles, read_digits, write_digits
from domains.mnist.generator import MnistGenerator
from domains.mnist.presets import CORRECTED, FAITHFUL, MnistPreset, preset_named
from domains.mnist.training import Course
from loop.errors import CorruptFileError, InvalidSamplesError, MissingAssetError, RunStateError
from loop.interfaces import Corrected, Mixture
from loop.presets import with_changes
from loop.rng import Stream
from model.checkpoint import load_checkpoint

PRESET = with_changes(
    preset_named("smoke"), batch_size=8, epochs=2, eval_samples=50, fine_tune_rate=1e-3
)


def digits(count: int, seed: int = 0) -> Digits:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    return Digits(images, np.arange(count, dtype=np.int64) % 10)


def mixture(real: int, synthetic: int = 0) -> Mixture[Digits]:
    sets = (digits(synthetic, 1),) if synthetic else ()
    return Mixture(digits(real), sets, slice(None), [slice(None)] * len(sets))


def make(protocol=CORRECTED, preset: MnistPreset = PRESET, **options) -> MnistGenerator:
    return MnistGenerator(preset, protocol, 1, torch.device("cpu"), **options)


def steps_of(generator: MnistGenerator) -> int:
    """Steps that Adam has taken since its moments were zero."""
    return int(next(iter(generator._optimizer.state.values()))["step"])


def test_an_epoch_sees_every_digit_once_in_a_new_order() -> None:
    course = Course(steps=9, batch_size=8, rate=1e-3, decay=True, class_dropout=0.1, seed=5)
    epochs = [[course.rows(3 * e + place, 20) for place in range(3)] for e in range(3)]
    for batches in epochs:
        assert [len(rows) for rows in batches] == [8, 8, 4]
        assert sorted(np.concatenate(batches)) == list(range(20))
    assert not np.array_equal(epochs[0][0], epochs[1][0])
    # lr (1 - epoch / epochs): published, never zero
    assert [course.rate_at(step, 20) for step in (0, 2, 3, 8)] == pytest.approx(
        [1e-3, 1e-3, 2e-3 / 3, 1e-3 / 3]
    )


def test_published_arms_differ_in_steps_and_ours_do_not() -> None:
    for protocol, expected in ((FAITHFUL, {0: 3, 30: 7}), (CORRECTED, {0: 3, 30: 3})):
        for synthetic, steps in expected.items():
            generator = make(protocol)
            generator.fit(mixture(20, synthetic), 1, Stream(1), None)
            assert steps_of(generator) == steps


def test_a_faithful_generation_is_one_epoch_at_the_published_rate() -> None:
    published = preset_named("published")
    assert published.fine_tuning_rate() == pytest.approx(2.5e-7)
    course = make(FAITHFUL, published)._course(1, 12_000 + 18_000, 0)
    assert (course.steps, course.rate, course.decay) == (118, published.fine_tuning_rate(), False)
    first = make(FAITHFUL, published)._course(0, 12_000, 0)
    assert (first.steps, first.rate, first.decay) == (20 * 47, 1e-4, True)


def test_moments_start_anew_only_where_the_published_process_lost_them() -> None:
    generator = make(fresh_at=(1, 3))
    taken = []
    for generation in range(4):
        generator.fit(mixture(20), generation, Stream(generation), None)
        taken.append(steps_of(generator))
    assert taken == [6, 3, 6, 3]


@pytest.mark.parametrize("protocol", [FAITHFUL, CORRECTED])
def test_noise_never_repeats(protocol) -> None:
    """The published MNIST scripts set no seed at all: every generation and arm has its own."""
    drawn = []
    for seed in (1, 2):
        generator = make(protocol)
        generator.fit(mixture(20), 0, Stream(seed), None)
        drawn.append(generator.synthesise(10, Stream(seed)).images)
    assert not np.array_equal(*drawn)


def test_what_is_measured_is_what_is_trained_on_next_but_not_in_faithful_mode() -> None:
    for protocol, shared in ((CORRECTED, True), (FAITHFUL, False)):
        generator = make(protocol)
        generator.fit(mixture(20), 0, Stream(1), None)
        measured, trained = (generator.synthesise(60, Stream(s)).images for s in (2, 3))
        assert np.array_equal(measured, trained) == shared


def test_a_killed_fit_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(mnist_fitting, "CHECKPOINT_INTERVAL_S", 0.0)
    unbroken, broken, resumed = make(), make(), make()
    unbroken.fit(mixture(20), 0, Stream(1), None)
    loss, calls = mnist_fitting._loss, []

    def failing(*arguments):
        calls.append(arguments[3])
        if len(calls) == 5:
            raise KeyboardInterrupt
        return loss(*arguments)

    monkeypatch.setattr(mnist_fitting, "_loss", failing)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(mixture(20), 0, Stream(1), tmp_path)
    resumed.fit(mixture(20), 0, Stream(1), tmp_path)
    assert calls == [0, 1, 2, 3, 4, 4, 5]  # the four finished steps were not taken again
    folders = [tmp_path / name for name in ("a", "b")]
    for generator, folder in zip((unbroken, resumed), folders, strict=True):
        folder.mkdir()
        generator.save(folder)
    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes()


@pytest.mark.parametrize("interval", [0.0, 1e9])
def test_epochs_drawn_before_a_kill_are_not_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval: float
) -> None:
    """Killed in epoch 1 of 3, with a state of that epoch and with none at all."""
    monkeypatch.setattr(mnist_fitting, "CHECKPOINT_INTERVAL_S", interval)
    three = with_changes(PRESET, epochs=3)
    unbroken, broken, resumed = (make(FAITHFUL, three) for _ in range(3))
    unbroken.fit(mixture(20), 0, Stream(1), None)
    loss, draw, drawn = mnist_fitting._loss, DigitDenoiser.draw, []

    def dying(*arguments):
        if arguments[3] == 4:
            raise KeyboardInterrupt
        return loss(*arguments)

    def counting(self, count, *arguments, **more):
        drawn.append(count)
        return draw(self, count, *arguments, **more)

    monkeypatch.setattr(DigitDenoiser, "draw", counting)
    monkeypatch.setattr(mnist_fitting, "_loss", dying)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(mixture(20), 0, Stream(1), tmp_path)
    monkeypatch.setattr(mnist_fitting, "_loss", loss)
    resumed.fit(mixture(20), 0, Stream(1), tmp_path)
    assert drawn == [100, 100]  # epochs 0 and 1; the last one is evaluated by the loop
    for epoch in (0, 1):
        one, two = (g._epochs[epoch].images for g in (unbroken, resumed))
        assert np.array_equal(one, two)
    assert not np.array_equal(unbroken._epochs[0].images, unbroken._epochs[1].images)
    resumed.fit(mixture(20, 10), 1, Stream(2), None)
    assert resumed._epochs == {}


def test_a_saved_generator_goes_on_like_the_original(tmp_path: Path) -> None:
    for protocol in (CORRECTED, FAITHFUL):
        original, copy = make(protocol), make(protocol)
        original.fit(mixture(20), 0, Stream(1), None)
        assert original.save(tmp_path) == "model_1.pth"
        assert copy.load(tmp_path) == "model_1.pth"
        sheets = [f"image_ep{e}_w0.5.png" for e in ((0, 1) if protocol is FAITHFUL else (1,))]
        assert sorted(p.name for p in tmp_path.glob("*.png")) == sheets
        for generator in (original, copy):
            generator.fit(mixture(20, 10), 1, Stream(2), None)
        first, second = (g.synthesise(12, Stream(3)) for g in (original, copy))
        assert np.array_equal(first.images, second.images)
        for path in tmp_path.iterdir():
            path.unlink()
        assert copy.save(tmp_path) == "model_gen1.pth"
        assert (tmp_path / "image_gen1_w0.5.png").is_file()
        weights = load_checkpoint(tmp_path / "model_gen1.pth")
        assert weights.keys() == copy.denoiser.network.state_dict().keys()
        for path in tmp_path.iterdir():
            path.unlink()


def test_reset_gives_the_weights_of_the_beginning() -> None:
    generator, other = make(), make()
    generator.fit(mixture(20), 0, Stream(1), None)
    generator.reset()
    a, b = (g.denoiser.network.state_dict() for g in (generator, other))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_broken_generations_are_reported(tmp_path: Path) -> None:
    generator = make()
    with pytest.raises(MissingAssetError, match="expected one checkpoint"):
        generator.load(tmp_path)
    generator.fit(mixture(20), 0, Stream(1), None)
    generator.save(tmp_path)
    for name in ("training.pt", "model_1.pth", "samples.npz"):
        path = tmp_path / name
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(CorruptFileError, match=name):
            make().load(tmp_path)
        path.write_bytes(whole)
    with pytest.raises(RunStateError, match="does not fit"):
        make(preset=with_changes(PRESET, n_feat=16)).load(tmp_path)


def test_nothing_to_train_on_and_divergence_are_reported() -> None:
    with pytest.raises(InvalidSamplesError, match="nothing to train on"):
        mnist_fitting.fit_digits(
            make().denoiser, make()._optimizer, digits(0), Course(1, 8, 1e-3, False, 0.1, 0), None
        )
    with pytest.raises(InvalidSamplesError, match="diverged"):
        make(preset=with_changes(PRESET, learning_rate=1e20)).fit(mixture(20), 0, Stream(1), None)


def test_digits_survive_the_disk(tmp_path: Path) -> None:
    drawn, changed = digits(12), digits(12, 4)
    SampleFiles().save(drawn, tmp_path)
    assert np.array_equal(SampleFiles().load(tmp_path).images, drawn.images)
    codec = CorrectionFiles()
    codec.save(Corrected(drawn), tmp_path)
    assert not (tmp_path / "corrected.npz").exists()  # the raw arm keeps no second copy
    assert np.array_equal(codec.load(tmp_path).batch.images, drawn.images)
    codec.save(Corrected(drawn, {"moved": 0.0}), tmp_path)
    assert not (tmp_path / "corrected.npz").exists()
    for other in (changed, drawn.take(slice(7)), Digits(drawn.images, (drawn.labels + 1) % 10)):
        codec.save(Corrected(other), tmp_path)  # a correction owes no report
        kept = codec.load(tmp_path).batch
        assert np.array_equal(kept.images, other.images)
        assert np.array_equal(kept.labels, other.labels)
    codec.save(Corrected(changed, {"moved": 1.0}), tmp_path)
    assert np.array_equal(codec.load(tmp_path).batch.images, changed.images)
    assert codec.load(tmp_path).report == {"moved": 1.0}
    (tmp_path / "corrected.npz").write_bytes(b"no archive")
    with pytest.raises(CorruptFileError, match=r"corrected\.npz"):
        codec.load(tmp_path)
    write_digits(tmp_path / "a", drawn)
    first = (tmp_path / "a").read_bytes()
    write_digits(tmp_path / "a", read_digits(tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == first
