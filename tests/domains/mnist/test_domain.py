from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import domains.mnist.domain
import domains.mnist.precision
from dataset.mnist import Digits
from domains.mnist.arguments import MnistArguments
from domains.mnist.arm import mnist_layout, run
from domains.mnist.evaluation import MnistEvaluation
from domains.mnist.experiment import experiment_of
from domains.mnist.files import read_digits
from domains.mnist.generator import MnistGenerator
from domains.mnist.precision import threads_of
from domains.mnist.presets import CORRECTED, FAITHFUL, preset_named
from domains.mnist.real import real_and_reserve, real_subset, synthetic_count
from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError, RunStateError
from loop.presets import with_changes
from loop.rundir.layout import read_metrics
from tests.domains.mnist.digits import digits

CORRECTION = "iterative_finetuning_with_correction"


def results(folder: Path) -> dict[str, bytes]:
    """All files that are part of the result, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("times.csv", ".lock", "versions.json")
    }


@pytest.mark.parametrize("pays", [False, True])
def test_a_probe_decides_how_an_experiment_computes_once(
    options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pays: bool
) -> None:
    """Timed on a busy processor it may answer otherwise: the arms and the rest follow the start."""
    monkeypatch.setattr(domains.mnist.precision, "bfloat16_pays", lambda kind: pays)
    run(options(precision="auto", num_generations=0))
    monkeypatch.setattr(domains.mnist.precision, "bfloat16_pays", lambda kind: not pays)
    for train_type, generations in (("baseline", 1), ("iterative_finetuning", 1)):
        run(options(train_type, precision="auto", num_generations=generations))
    recorded = {
        json.loads(path.read_text())["precision"] for path in tmp_path.glob("mnist/*/args.json")
    }
    assert recorded == {"bf16" if pays else "fp32"}


def test_arms_have_the_published_folders_files_and_keys(options, tmp_path: Path) -> None:
    run(options())
    run(options(CORRECTION, correction="kmeans"))
    parent = tmp_path / "mnist"
    baseline, arm = parent / "baseline_0.2", parent / f"{CORRECTION}_0.5"
    assert [p.name for p in sorted(baseline.iterdir()) if p.is_dir()] == ["00", "01", "02"]
    assert results(baseline / "00") == results(arm / "00")  # handed over
    assert (arm / "digit_clusters.png").is_file() and not (baseline / "digit_clusters.png").exists()
    for folder in (baseline, arm):
        for generation, model, sheet in (
            ("00", "model_0.pth", "image_ep0_w0.5.png"),
            ("02", "model_gen2.pth", "image_gen2_w0.5.png"),
        ):
            assert (folder / generation / model).is_file()
            assert (folder / generation / sheet).is_file()
            found = json.loads((folder / generation / "eval_dict.json").read_text())
            found = found["0"]["0"] if generation == "00" else found["0"]
            assert found["FID"] > 0 and found["Diversity"] > 0
    assert not (baseline / "01" / "synthetic.npz").exists()
    assert (arm / "01" / "synthetic.npz").is_file() and (arm / "01" / "corrected.npz").is_file()


def test_faithful_epochs_are_measured_as_published(options, tmp_path: Path) -> None:
    """Its learning rate falls, but the first epoch of two is the only one of one."""
    for epochs in (1, 2):
        more = {"n_epoch_for_training_from_scratch": epochs, "num_generations": 1}
        run(options(parent=f"{epochs}", faithful=True, **more))
    one, two = (tmp_path / f"{epochs}" / "baseline_0.2" for epochs in (1, 2))
    first, both = (json.loads((arm / "00" / "eval_dict.json").read_text()) for arm in (one, two))
    assert list(both) == ["0"] and list(both["0"]) == ["0", "1"]
    assert set(both["0"]["0"]) == {"FID", "Diversity"} < set(both["0"]["1"])
    # The same weights, measured on other noise: published processes set no seed.
    assert both["0"]["0"]["FID"] == pytest.approx(first["0"]["0"]["FID"], rel=0.05)
    assert both["0"]["0"]["FID"] != pytest.approx(both["0"]["1"]["FID"], rel=1e-3)
    sheets = sorted(path.name for path in (two / "00").glob("*.png"))
    assert sheets == ["image_ep0_w0.5.png", "image_ep1_w0.5.png"]
    drawn = [(two / "00" / f"image_ep{epoch}_w0.5.png").read_bytes() for epoch in (0, 1)]
    assert drawn[0] != drawn[1]
    assert read_metrics(two / "00") == both["0"]["1"]
    assert list(json.loads((two / "01" / "eval_dict.json").read_text())) == ["0"]


@pytest.mark.parametrize("faithful", [False, True])
def test_an_arm_killed_anywhere_ends_with_the_same_bytes(
    options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faithful: bool
) -> None:
    """Killed in the evaluation of every generation, and in every correction."""
    for parent in ("unbroken", "broken"):
        run(options(parent=parent, num_generations=0, faithful=faithful))
    arm = options("iterative_finetuning", "unbroken", faithful=faithful)
    run(arm)
    measure, drawn = MnistEvaluation.evaluate, []

    def dying(self, *arguments, **more):
        drawn.append(1)
        if len(drawn) % 2:
            raise KeyboardInterrupt
        return measure(self, *arguments, **more)

    monkeypatch.setattr(MnistEvaluation, "evaluate", dying)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(dataclasses.replace(arm, save_dir_parent=tmp_path / "broken"))
    run(dataclasses.replace(arm, save_dir_parent=tmp_path / "broken"))
    assert len(drawn) == 4
    folder = "iterative_finetuning_0.5"
    assert results(tmp_path / "broken" / folder) == results(tmp_path / "unbroken" / folder)


def test_a_damaged_generation_is_set_aside_when_the_user_says_so(options, tmp_path: Path) -> None:
    run(options(num_generations=1))
    folder = tmp_path / "mnist" / "baseline_0.2"
    whole = results(folder / "01")
    path = folder / "01" / "training.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CorruptFileError, match="--discard_damaged"):
        run(options(num_generations=1))
    assert path.stat().st_size == 1000  # nothing was done behind the user's back
    run(options(num_generations=1, discard_damaged=True))
    assert results(folder / "01") == whole
    assert (folder / "01.damaged" / "training.pt").stat().st_size == 1000


def test_what_is_kept_is_no_setting_and_leaves_a_start_for_other_arms(
    options, tmp_path: Path
) -> None:
    raw = "iterative_finetuning"
    run(options(keep="last"))
    run(options(raw, num_generations=1))
    run(options(raw, keep="last"))

    def holding(arm: str, pattern: str) -> list[str]:
        return sorted(path.parent.name for path in (tmp_path / "mnist" / arm).glob(f"*/{pattern}"))

    for arm, more in (("baseline_0.2", ["00"]), (f"{raw}_0.5", [])):
        assert holding(arm, "model_*.pth") == holding(arm, "samples.npz") == [*more, "02"]
        assert holding(arm, "training.pt") == more
        assert holding(arm, "eval_dict.json") == ["00", "01", "02"]
    whole = results(tmp_path / "mnist" / f"{raw}_0.5")
    for discard in (False, True):
        with pytest.raises((CorruptFileError, MissingAssetError), match="--keep"):
            run(options(raw, num_generations=3, discard_damaged=discard))
    assert results(tmp_path / "mnist" / f"{raw}_0.5") == whole


def test_fresh_data_are_images_that_no_earlier_generation_saw(
    options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, fit = [], MnistGenerator.fit

    def noting(self, training_set, *rest):
        parts = list(training_set.parts())
        seen.append([{image.tobytes() for image in part.images} for part in parts])
        fit(self, training_set, *rest)

    monkeypatch.setattr(MnistGenerator, "fit", noting)
    run(options(num_generations=0))
    run(options("iterative_finetuning", mixing="fresh_data"))
    real, synthetic = [parts[0] for parts in seen], [parts[1] for parts in seen[1:]]
    assert [len(images) for images in real] == [100, 100, 100]
    assert len(set.union(*real)) == 300, "an image was dealt out twice"
    assert [len(images) for images in synthetic] == [50, 50]
    with pytest.raises(InvalidOptionError, match=r"(?s)200.*3 generations x 100 = 300"):
        run(options("iterative_finetuning", mixing="fresh_data", num_generations=3))


def test_a_narrow_network_has_one_thread_however_many_there_are(
    options, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, fit = [], MnistGenerator.fit

    def noting(self, *rest):
        seen.append(torch.get_num_threads())
        fit(self, *rest)

    monkeypatch.setattr(MnistGenerator, "fit", noting)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        run(options(num_generations=0))
        assert seen == [1] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threads_of(preset_named("published").n_feat) is None


def test_an_arm_without_generation_0_leaves_nothing_behind(options, tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match="--train_type baseline first"):
        run(options("iterative_finetuning"))
    assert not (tmp_path / "mnist").exists()


def test_a_finished_arm_says_so_without_looking_at_data(
    options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "mnist" / "baseline_0.2"
    caplog.set_level("INFO", "scsc")
    run(options(num_generations=1))
    whole = results(folder)
    monkeypatch.setattr(
        domains.mnist.domain, "load_mnist", lambda _: pytest.fail("loaded the digits")
    )
    run(options(num_generations=1))
    assert f"nothing to do: {folder} has generation 1" in caplog.text
    with pytest.raises(RunStateError, match="seed"):
        run(options(num_generations=1, seed=7))
    with pytest.raises(InvalidOptionError, match="generation 4"):
        run(options(num_generations=1, resume_starting_at_generation=5))
    run(options(num_generations=1, keep="last"))  # lets go of what is no longer kept
    assert not (folder / "01" / "training.pt").exists() and (folder / "00" / "training.pt").exists()
    assert results(folder).keys() == whole.keys() - {"01/training.pt"}
    monkeypatch.undo()
    (folder / "01" / "model_gen1.pth").write_bytes(b"short")
    with pytest.raises(CorruptFileError, match="--discard_damaged"):
        run(options(num_generations=1))


def test_a_run_goes_on_only_with_its_own_settings(options) -> None:
    run(options(num_generations=0))
    with pytest.raises(RunStateError, match="seed"):
        run(options(num_generations=0, seed=7))
    with pytest.raises(InvalidOptionError, match="generation 4"):
        run(options(resume_starting_at_generation=5))
    run(options(num_generations=1, resume_starting_at_generation=1))


def test_the_published_command_means_the_published_numbers() -> None:
    found = experiment_of(
        MnistArguments(
            "iterative_finetuning",
            n_epoch_for_training_from_scratch=20,
            synth_aug_percent=0.2,
            fraction_of_train_set_to_train_on=0.2,
            n_clusters_per_digit=16,
            lr_divisor=20,
            faithful=True,
        )
    )
    assert found.preset == dataclasses.replace(preset_named("published"))
    assert found.protocol == FAITHFUL and found.fresh_at == (1,) and not found.half
    assert found.preset.fine_tuning_rate() == pytest.approx(1e-4 / (20 * 20))
    demo = MnistArguments("baseline", preset="demo", lr_divisor=20)
    assert experiment_of(demo).preset.fine_tune_rate is None  # the option wins over the row


def test_adam_starts_anew_where_the_published_process_did() -> None:
    def fresh(train_type, **changes) -> tuple[int, ...]:
        return experiment_of(MnistArguments(train_type, **changes)).fresh_at

    assert fresh("baseline", faithful=True) == ()
    assert fresh("baseline_copy", faithful=True) == (1,)
    assert fresh(CORRECTION, faithful=True, resume_starting_at_generation=7) == (1, 7)
    assert fresh(CORRECTION, resume_starting_at_generation=7) == ()


def test_the_first_images_or_a_balanced_draw() -> None:
    train = digits(300, 1)
    preset = with_changes(preset_named("smoke"), real_images=105)
    published = real_subset(train, preset, FAITHFUL, 1)
    assert np.array_equal(published.images, train.images[:105])
    drawn = real_subset(train, preset, CORRECTED, 1)
    assert set(np.bincount(drawn.labels).tolist()) == {10, 11}
    assert len({image.tobytes() for image in drawn.images}) == 105
    same, reserve = real_and_reserve(train, preset, CORRECTED, 1)
    assert np.array_equal(same.images, drawn.images)
    assert set(np.bincount(reserve.take(slice(105)).labels).tolist()) == {10, 11}
    assert not {i.tobytes() for i in reserve.images} & {i.tobytes() for i in drawn.images}
    again, other = (real_subset(train, preset, CORRECTED, seed) for seed in (1, 2))
    assert np.array_equal(drawn.images, again.images)
    assert not np.array_equal(drawn.images, other.images)
    every = real_subset(train, with_changes(preset, real_images=300), CORRECTED, 1)
    assert sorted(i.tobytes() for i in every.images) == sorted(i.tobytes() for i in train.images)
    with pytest.raises(InvalidOptionError, match="1 to 300"):
        real_subset(train, with_changes(preset, real_images=301), CORRECTED, 1)


def test_synthetic_images_are_counted_as_published() -> None:
    real = digits(300, 1)
    assert [synthetic_count(r, real) for r in (0.0, 0.2, 0.501, 1.5)] == [0, 60, 151, 450]
    twelve_thousand = Digits(np.zeros((12_000, 28, 28), np.uint8), np.zeros(12_000, np.int64))
    assert synthetic_count(0.2, twelve_thousand) == 2_400  # in floating point, a little more
    for bad in (-0.1, float("nan"), float("inf")):
        with pytest.raises(InvalidOptionError):
            synthetic_count(bad, real)


def test_options_that_are_missing_or_impossible_are_named() -> None:
    with pytest.raises(InvalidOptionError, match="--synth_aug_percent"):
        run(MnistArguments("iterative_finetuning"))
    with pytest.raises(InvalidOptionError, match="published"):
        run(MnistArguments("baseline", preset="nonsense"))
    with pytest.raises(InvalidOptionError, match="--device cpu"):
        run(MnistArguments("baseline", device="nonsense"))
    assert mnist_layout().name(7) == "07"


def test_a_run_that_recorded_its_step_as_gamma_goes_on(options, tmp_path: Path) -> None:
    """Older versions called the step of the pixels gamma; now that is another option."""
    run(options())
    run(options(CORRECTION, move=1.0, num_generations=1))
    settings = tmp_path / "mnist" / f"{CORRECTION}_0.5" / "args.json"
    stored = json.loads(settings.read_text())
    assert stored["move"] == 1.0 and "gamma" not in stored
    older = {"gamma" if name == "move" else name: value for name, value in stored.items()}
    settings.write_text(json.dumps(older))
    for other in ({"gamma": 1.0}, {"move": 2.0}, {"gamma": 1.0, "move": 1.0}):
        with pytest.raises(RunStateError, match="other settings"):
            run(options(CORRECTION, **other))
    run(options(CORRECTION, move=1.0, num_generations=2))


def test_a_strength_replaces_a_share_of_the_digits(options, tmp_path: Path) -> None:
    run(options())
    run(options(CORRECTION, gamma=1.0, num_generations=1))
    first = tmp_path / "mnist" / f"{CORRECTION}_0.5" / "01"
    drawn, mixed = (read_digits(first / name).images for name in ("synthetic.npz", "corrected.npz"))
    changed = float((drawn != mixed).any(axis=(1, 2)).sum())
    assert 0.3 < changed / len(drawn) < 0.7
    assert read_metrics(first)["Replaced_correction"] == changed
