"""Names of experiments, and what follows from them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import tyro

from domains.motion.arguments import Arguments
from domains.motion.experiments import ARMS, experiment_named, recorded_experiment
from domains.motion.presets import PRESETS
from domains.motion.registries import CORRECTIONS
from loop.errors import InvalidOptionError, MissingAssetError
from loop.rundir.layout import parse_arm
from tests.runs import write_settings
from visualize.arms import arm_title

ARM = "synthetic_percent_{}_iterative_finetuning"


@pytest.mark.parametrize(
    ("name", "dataset", "runs", "preset"),
    [
        ("0064", "dataset/HumanML3D_subset_0064", "exp_outputs/dataset_0064", "0064"),
        ("2794", "dataset/HumanML3D_subset_2794", "exp_outputs/dataset_2794", "2794"),
        ("demo", "dataset/demo", "exp_outputs/dataset_demo", "demo"),
        ("cmu_0128", "dataset/cmu_0128", "exp_outputs/dataset_cmu_0128", "0128"),
        ("cmu_max", "dataset/cmu_max", "exp_outputs/dataset_cmu_max", "cmu"),
    ],
)
def test_names(name: str, dataset: str, runs: str, preset: str) -> None:
    experiment = experiment_named(name)
    assert (experiment.dataset, experiment.runs) == (Path(dataset), Path(runs))
    assert experiment.preset.name == preset
    assert experiment.generation_0 == Path(runs) / "generation_0" / "generation_0"
    assert experiment.with_seed(10).runs == Path(f"{runs}_seed_10")


def test_a_name_without_numbers_needs_a_preset() -> None:
    with pytest.raises(InvalidOptionError, match="--preset"):
        experiment_named("mine")
    assert experiment_named("mine", "0256").preset.name == "0256"
    assert experiment_named("demo", "smoke").preset.name == "smoke"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("2974", "say 2794"),
        ("64", "no such published size"),
        ("dataset/demo", "not the name"),
        ("../x", "not the name"),
        ("", "not the name"),
        ("0064_seed_10", "--seeds"),
        ("a_0064_0128", "which numbers"),
    ],
)
def test_what_is_no_name_is_answered_in_words(name: str, answer: str) -> None:
    with pytest.raises(InvalidOptionError, match=answer):
        experiment_named(name)


def test_published_arms() -> None:
    small, large = (experiment_named(name).arms() for name in ("0064", "2794"))
    assert [arm.name for arm in small[:3]] == [
        "baseline", ARM.format("025"), ARM.format("025") + "_with_correction",
    ]  # fmt: skip
    assert [arm.ratio for arm in small] == [0.0, *(r for r in (0.25, 0.5, 0.75, 1.0) for _ in "ab")]
    assert {arm.name for arm in large} == {"baseline"} | {
        ARM.format(digits) + tail
        for digits in ("05", "10", "15", "20", "25")
        for tail in ("", "_with_correction")
    }


def test_controls_have_names_of_their_own_that_graphs_read() -> None:
    """What is published first, then the controls, in any order of the words."""
    arms = experiment_named("cmu_0064").arms(("nearest", "filter", "kinematic", "refined", "raw"))
    full = [arm for arm in arms if arm.ratio == 1.0]
    tails = ("", "_kinematic", "_refined", "_filter", "_nearest")
    assert [arm.name for arm in full] == [ARM.format("100") + tail for tail in tails]
    for arm in full:
        name = parse_arm(arm.name)
        assert name is not None and name.percent == 100
        assert arm_title(name.kind, 100) in (f"{arm.kind} 100%", "fine-tuned 100%")
    assert len({parse_arm(arm.name).kind for arm in full}) == 5  # type: ignore[union-attr]
    with pytest.raises(InvalidOptionError, match="baseline raw corrected kinematic"):
        experiment_named("cmu_0064").arms(("raw", "oracle"))


@pytest.mark.parametrize("kind", ARMS)
def test_the_trainer_understands_the_options_of_every_kind_of_arm(
    kind: str, tmp_path: Path
) -> None:
    words = [] if kind == "baseline" else experiment_named("0064").arm("200", kind).options()
    line = ["--save_dir", str(tmp_path), "--mini_dataset_dir", str(tmp_path), *words]
    options = tyro.cli(Arguments, args=line, use_underscores=True)
    assert options.synthetic_augmentation_percent == (0.0 if kind == "baseline" else 2.0)
    assert (options.augmentation_type == "filter") == (kind == "filter")
    if kind in CORRECTIONS.names:
        assert options.correction == kind and options.augmentation_type == "imitation_output"


def test_an_arm_of_any_percentage() -> None:
    for spelled in ("33", "033"):
        arm = experiment_named("0064").arm(spelled, "corrected")
        assert arm.name == ARM.format("033") + "_with_correction"
        assert arm.ratio == 0.33 and arm.kind == "corrected"
        assert arm.options() == [
            "--synthetic_augmentation_percent", "0.33", "--augmentation_type", "imitation_output",
        ]  # fmt: skip
    assert experiment_named("2794").arm("5", "raw").name == ARM.format("05")
    assert experiment_named("2794").arm("100", "raw").name == ARM.format("100")


@pytest.mark.parametrize("percent", ["0", "000", "-5", "0.25", "1000", "x", "", "25%"])
def test_nonsense_is_no_percentage(percent: str) -> None:
    with pytest.raises(InvalidOptionError, match="05 10 15 20 25"):
        experiment_named("2794").arm(percent, "raw")


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("0064", "prepare/extract_humanml_3d.sh --check"),
        ("2794", "prepare/extract_humanml_3d.sh --check"),
        ("demo", "dataset.demo_clips --out dataset/demo"),
        ("cmu_0064", "dataset.cmu --bvh_dir BVH_FOLDER --size 64 --out dataset/cmu_0064"),
        ("cmu_2794", "--size 2794 --out"),
    ],
)
def test_a_missing_data_set_names_its_folder_and_the_command_that_makes_it(
    name: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = experiment_named(name)
    with pytest.raises(MissingAssetError) as caught:
        experiment.require_dataset()
    assert command in str(caught.value) and str(experiment.dataset) in str(caught.value)
    experiment.dataset.mkdir(parents=True)
    (experiment.dataset / "train.txt").write_text("")
    experiment.require_dataset()


@pytest.mark.parametrize(
    ("there", "name", "command"),
    [
        ("HumanML3D", "2794", "python exp_scripts/filter_dataset.py"),
        ("HumanML3D_subset_2794", "0064", "python exp_scripts/filter_dataset.py --size 64"),
        (
            "HumanML3D",
            "0128",
            "python exp_scripts/filter_dataset.py && "
            "python exp_scripts/filter_dataset.py --size 128",
        ),
    ],
)
def test_the_next_step_is_one_that_can_be_taken(
    there: str, name: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dataset" / there).mkdir(parents=True)
    (tmp_path / "dataset" / there / "train.txt").touch()
    with pytest.raises(MissingAssetError) as caught:
        experiment_named(name).require_dataset()
    assert caught.value.remedy == command


def test_a_ratio_that_was_not_published_is_said(caplog: pytest.LogCaptureFixture) -> None:
    experiment_named("2794").arm("25", "raw")
    assert not caplog.records
    experiment_named("2794").arm("050", "raw")
    assert "no ratio of this size" in caplog.text


def test_guidance_needs_hidden_texts(tmp_path: Path) -> None:
    options = {"save_dir": tmp_path, "mini_dataset_dir": tmp_path, "cond_mask_prob": 0.0}
    with pytest.raises(InvalidOptionError, match="--guidance_param 1"):
        Arguments(**options, guidance_param=2.5).protocol()
    assert Arguments(**options).protocol().guidance == 1.0


def test_sampler_and_steps(tmp_path: Path) -> None:
    given = Arguments(save_dir=tmp_path / "arm", mini_dataset_dir=tmp_path, preset="demo")

    def drawn(**options) -> tuple[str, int | None]:
        protocol = dataclasses.replace(given, **options).protocol()
        return protocol.sampler, protocol.sampling_steps

    assert drawn() == ("dpmpp", 12)
    assert drawn(preset="smoke") == ("dpmpp", 5), "its chain is no longer"
    assert drawn(faithful=True) == ("ddpm", None)
    assert drawn(faithful=True, sampler="dpmpp") == ("dpmpp", 12)
    assert drawn(sampler="ddim") == ("ddim", None)
    assert drawn(sampler="ddim", sampling_steps=7) == ("ddim", 7)
    for wrong in (0, 51):
        with pytest.raises(InvalidOptionError, match="1 to 50"):
            drawn(sampling_steps=wrong)


def test_an_arm_samples_as_it_or_its_generation_0_began(tmp_path: Path) -> None:
    started = tmp_path / "generation_0" / "generation_0"
    write_settings(started.parent, {"protocol": {"guidance": 2.5}})  # by an older version
    given = Arguments(
        save_dir=tmp_path / "arm", mini_dataset_dir=tmp_path, preset="demo", start_from=started
    )
    found = given.continued().protocol()
    assert (found.guidance, found.sampler, found.sampling_steps) == (2.5, "ddpm", None)
    asked = dataclasses.replace(given, guidance_param=1.0, sampling_steps=8)
    assert asked.continued().protocol() == asked.protocol()
    began = {"guidance": 1.0, "sampler": "ddim", "sampling_steps": 9}
    write_settings(given.save_dir, {"protocol": began})
    found = given.continued().protocol()
    assert (found.guidance, found.sampler, found.sampling_steps) == tuple(began.values())


@pytest.mark.parametrize(
    ("recorded", "given", "expected"),
    [
        ({}, None, "0064"),
        ({"baseline": {"preset": {"name": "smoke"}}}, None, "smoke"),
        ({"a": {"preset": {}}, "b": {"preset": {"name": "demo"}}}, None, "demo"),
        ({"baseline": {"preset": {"name": "smoke"}}}, "demo", "demo"),
        ({"baseline": {"preset": {"name": "of another version"}}}, None, "0064"),
        ({"baseline": ["settings of no arm"]}, None, "0064"),
    ],
)
def test_runs_tell_their_preset(
    recorded: dict, given: str | None, expected: str, tmp_path: Path, monkeypatch
) -> None:
    """Else a finished demo is asked for generation 50 (prep_for_visualization.py, status)."""
    monkeypatch.setattr("domains.motion.experiments.OUTPUTS", tmp_path)
    for arm, settings in recorded.items():
        write_settings(tmp_path / "dataset_0064" / arm, settings)
    found = recorded_experiment("0064", given)
    assert found.preset == PRESETS[expected] and found.runs == tmp_path / "dataset_0064"
