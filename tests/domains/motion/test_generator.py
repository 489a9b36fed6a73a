from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import domains.motion.denoiser
from dataset.humanml3d import MotionItem
from domains.motion.captioned import sample_ids
from domains.motion.files import MotionBatch
from domains.motion.generator import MotionGenerator, in_whole_epochs
from domains.motion.presets import CORRECTED, FAITHFUL
from domains.motion.training_loss import FILE
from loop.errors import CorruptFileError, MissingAssetError, RunStateError
from loop.interfaces import Mixture
from loop.presets import with_changes
from loop.rng import Stream
from model.checkpoint import load_checkpoint

ALL = slice(None)


@pytest.fixture
def make(make_denoiser, real, preset):
    def generator(protocol=CORRECTED, **changes) -> MotionGenerator:
        return MotionGenerator(
            make_denoiser(protocol), real, with_changes(preset, **changes), protocol, seed=1
        )

    return generator


@pytest.fixture
def training_set(real) -> Mixture[MotionBatch]:
    return Mixture(MotionBatch(real.items), (), ALL, ())


def test_samples_bear_the_ids_captions_and_lengths_of_different_whole_clips(make, real) -> None:
    batch = make().synthesise(6, Stream(1))
    clips = {item.id: item for item in real.items if item.name == item.id}
    assert len({item.id for item in batch.items}) == 6
    for item in batch.items:
        assert item.captions[0] in clips[item.id].captions and len(item.captions) == 1
        assert len(item.vectors) == min(len(clips[item.id].vectors), 16) // 4 * 4


def test_noise_does_not_repeat_in_the_corrected_mode(make) -> None:
    first, second = (make().synthesise(8, Stream(s)).items for s in (1, 2))
    same = [np.array_equal(a.vectors, b.vectors) for a, b in zip(first, second, strict=True)]
    assert not any(same)


def test_more_samples_than_clips_prompt_every_clip_again(make, real) -> None:
    """lambda = 2.5 on eight clips: two permutations and a half."""
    items = make().synthesise(20, Stream(1)).items
    clips = {item.id: item for item in real.items if item.name == item.id}
    turns = [items[:8], items[8:16], items[16:]]
    for number, turn in enumerate(turns, start=1):
        sources = [item.id.removesuffix(f"_{number}") for item in turn]
        assert len(set(sources)) == len(turn) and set(sources) <= set(clips)
        for item, source in zip(turn, sources, strict=True):
            assert item.name == item.id and item.captions[0] in clips[source].captions
    assert len({item.id for item in items}) == 20
    fewer = make().synthesise(8, Stream(1)).items  # one turn draws what it always drew
    assert [(i.id, i.captions) for i in fewer] == [(i.id, i.captions) for i in items[:8]]


@given(st.lists(st.text("_1a", min_size=1, max_size=5), unique=True, min_size=1), st.data())
def test_numbered_samples_are_never_named_like_others(ids: list[str], data: st.DataObject) -> None:
    clips = [MotionItem(name, name, np.zeros((4, 263)), ()) for name in ids]
    sources = data.draw(st.lists(st.sampled_from(clips), max_size=30))
    names = sample_ids(sources, clips)
    assert len(set(names)) == len(names)
    for name, clip in zip(names, sources, strict=True):
        assert name.startswith(clip.id) and (name == clip.id or name not in ids)


def test_a_saved_generator_goes_on_like_the_original(make, training_set, tmp_path: Path) -> None:
    original = make()
    original.fit(training_set, 0, Stream(1), None)
    assert original.save(tmp_path) == "model000000012.pt"
    copy = make()
    assert copy.load(tmp_path) == "model000000012.pt"
    for generator in (original, copy):
        generator.fit(training_set, 1, Stream(2), None)
    first, second = (g.synthesise(3, Stream(3)).items for g in (original, copy))
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.vectors, b.vectors)
    assert copy.save(tmp_path) == "model000000006.pt"


def test_the_model_file_holds_what_motions_are_drawn_with(make, training_set, tmp_path) -> None:
    generator = make()
    generator.fit(training_set, 0, Stream(1), None)
    stored = load_checkpoint(tmp_path / generator.save(tmp_path))
    assert not np.array_equal(
        stored["embed_text.weight"].numpy(),
        generator.denoiser.network.embed_text.weight.detach().numpy(),
    )
    with generator.denoiser._averaged_weights():
        for name, parameter in generator.denoiser.network.named_parameters():
            assert np.array_equal(stored[name].numpy(), parameter.detach().numpy())


def test_the_training_loss_stands_beside_the_weights_of_its_training(
    make, training_set, tmp_path: Path
) -> None:
    generator, folders = make(), [tmp_path / str(number) for number in range(3)]
    for generation, folder in enumerate(folders[:2]):
        generator.fit(training_set, generation, Stream(generation), None)
        folder.mkdir()
        generator.save(folder)
    rows = [list(csv.reader((folder / FILE).open())) for folder in folders[:2]]
    assert [len(each) for each in rows] == [1 + 12, 1 + 6] and rows[0][1] != rows[1][1]
    folders[2].mkdir()
    copy = make()
    copy.load(folders[1])
    copy.save(folders[2])
    assert not (folders[2] / FILE).exists(), "it was not trained here"


def test_moments_are_carried_only_in_corrected_mode(make, training_set) -> None:
    for protocol, carried in ((CORRECTED, 12 + 6), (FAITHFUL, 8)):
        generator = make(protocol)
        generator.fit(training_set, 0, Stream(1), None)
        generator.fit(training_set, 1, Stream(2), None)
        steps = {int(s["step"]) for s in generator._optimizer.state.values()}
        assert steps == {carried}


def test_broken_generation_folders_are_reported(make, training_set, tmp_path: Path) -> None:
    generator = make()
    with pytest.raises(MissingAssetError, match="expected one checkpoint"):
        generator.load(tmp_path)
    generator.fit(training_set, 0, Stream(1), None)
    generator.save(tmp_path)
    optimizer_file = tmp_path / "opt000000012.pt"
    whole = optimizer_file.read_bytes()
    optimizer_file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptFileError, match="opt000000012"):
        make().load(tmp_path)
    optimizer_file.unlink()
    with pytest.raises(MissingAssetError, match="opt000000012"):
        make().load(tmp_path)


def test_a_checkpoint_of_another_size_is_refused(make, training_set, real, tmp_path) -> None:
    from domains.motion.denoiser import new_denoiser

    generator = make()
    generator.fit(training_set, 0, Stream(1), None)
    generator.save(tmp_path)
    wide = with_changes(generator._preset, latent_dim=32)
    old = generator.denoiser
    other = new_denoiser(wide, CORRECTED, old.encoder, (real.mean, real.std), 1, old.device)
    with pytest.raises(RunStateError, match="does not fit"):
        MotionGenerator(other, real, wide, CORRECTED, 1).load(tmp_path)


def test_a_loaded_optimiser_takes_the_rates_of_this_run(make, training_set, tmp_path: Path) -> None:
    first = make()
    first.fit(training_set, 0, Stream(1), None)
    first.save(tmp_path)
    second = make(learning_rate=0.0)  # with no rate and no decay, nothing may move
    second.load(tmp_path)
    before = {n: p.detach().clone() for n, p in second.denoiser.network.named_parameters()}
    second.fit(training_set, 1, Stream(2), None)
    assert all((p == before[n]).all() for n, p in second.denoiser.network.named_parameters())
    group = second._optimizer.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (0.0, 0.0)


def test_weight_decay_makes_weights_smaller(make, training_set) -> None:
    sizes = []
    for decay in (0.0, 10.0):
        generator = make(weight_decay=decay, learning_rate=1e-3)
        generator.fit(training_set, 0, Stream(1), None)
        sizes.append(float(generator.denoiser.network.embed_text.weight.norm()))
    assert sizes[1] < 0.95 * sizes[0]  # (1 - 1e-3 * 10) ** 12 = 0.89


def test_reset_brings_back_the_untrained_model(make, training_set) -> None:
    fresh, used = make(), make()
    used.fit(training_set, 0, Stream(1), None)
    used.reset()
    for generator in (fresh, used):
        generator.fit(training_set, 0, Stream(2), None)
    first, second = (g.synthesise(2, Stream(3)).items for g in (fresh, used))
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.vectors, b.vectors)


def test_an_interrupted_synthesis_goes_on_with_the_batches_it_had_drawn(
    make, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(domains.motion.denoiser, "SAMPLE_BATCH", 3)
    drawn: list[int] = []
    draw = domains.motion.denoiser.Denoiser._sample_batch

    def fragile(self, captions, lengths, seeds):
        if len(drawn) == 2:
            raise KeyboardInterrupt
        drawn.append(len(captions))
        return draw(self, captions, lengths, seeds)

    unbroken = make().synthesise(8, Stream(3)).items
    with monkeypatch.context() as patch:
        patch.setattr(domains.motion.denoiser.Denoiser, "_sample_batch", fragile)
        with pytest.raises(KeyboardInterrupt):
            make().synthesise(8, Stream(3), tmp_path)
        drawn.clear()
        resumed = make().synthesise(8, Stream(3), tmp_path).items
    assert drawn == [2]  # two batches of three were there
    for a, b in zip(unbroken, resumed, strict=True):
        assert np.array_equal(a.vectors, b.vectors)


@pytest.mark.parametrize(
    ("steps", "items", "expected"),
    [(1000, 64, 1001), (1000, 128, 1002), (1000, 200, 1002), (1000, 256, 1004), (1000, 60, 1001),
     (40_000, 2600, 40_040)],
)  # fmt: skip
def test_published_generations_take_whole_epochs(steps: int, items: int, expected: int) -> None:
    """The published checkpoints' names: model000001001.pt for one batch an epoch, and so on."""
    assert in_whole_epochs(steps, items, 64) == expected


def test_only_faithful_generations_after_the_first_overshoot(make, training_set, tmp_path) -> None:
    for protocol, later in ((FAITHFUL, "model000000008.pt"), (CORRECTED, "model000000006.pt")):
        generator = make(protocol)  # nine items, four a batch: two batches an epoch
        generator.fit(training_set, 0, Stream(1), None)
        assert generator.save(tmp_path) == "model000000012.pt"
        generator.fit(training_set, 1, Stream(2), None)
        assert generator.save(tmp_path) == later
