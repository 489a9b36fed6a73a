"""The complete list of the published trainer's options, typed in a second time, walked through."""

from __future__ import annotations

import dataclasses
import io
import logging

import pytest
from rich.console import Console

from domains.motion.arguments import Arguments
from loop.errors import InvalidOptionError
from train.published_flags import FLAGS, listing, translate


def words(text: str) -> list[str]:
    return text.split()


PUBLISHED = words("""
cuda is_self_consuming device seed no_fixseed batch_size use_wandb filter_dataset_by_keyword
dataset data_dir
arch emb_trans_dec layers latent_dim cond_mask_prob lambda_rcxyz lambda_vel lambda_fc unconstrained
noise_schedule diffusion_steps sigma_small
save_dir overwrite train_platform_type lr weight_decay lr_anneal_steps eval_batch_size eval_split
eval_during_training eval_rep_times eval_num_samples log_interval log_interval_wandb save_interval
num_steps num_frames resume_checkpoint
synthetic_data_dir synthetic_augmentation_percent augmentation_type nearest_neighbor_POC_type
save_generated_path percent_samples_to_replace_per_epoch wandb_project_name wandb_exp_name
self_consuming_loop_freq synthetic_data_dir_parent uhc_model_option num_generations
start_at_generation generation is_fully_synthetic mini_dataset_dir ONLY_SYNTHESIZE_EXAMPLES
model_path output_dir num_samples num_repetitions guidance_param motion_length input_text
action_file text_prompt action_name is_generate_POC_samples is_generate_batched_text_prompt_samples
""")
OURS = {field.name for field in dataclasses.fields(Arguments)}
NAMES = {
    kind: [name for name, answer in FLAGS.items() if answer.kind == kind]
    for kind in ("supported", "implied", "mapped", "rejected")
}


def test_the_list_is_complete() -> None:
    assert list(FLAGS) == PUBLISHED


@pytest.mark.parametrize("name", NAMES["supported"])
def test_what_works_is_an_option_of_the_trainer(name: str) -> None:
    assert name in OURS
    assert translate([f"--{name}", "3"]) == [f"--{name}", "3"]
    assert translate([f"--{name}=3"]) == [f"--{name}", "3"]


@pytest.mark.parametrize("name", NAMES["implied"])
def test_what_is_always_so_is_said_and_left_out(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = FLAGS[name]
    assert answer.why and name not in OURS
    with caplog.at_level(logging.INFO, "scsc"):
        for value in [value for value in answer.ours or () if value] or ["17"]:
            assert translate(["--seed", "1", f"--{name}", value, "--lr", "2"]) == [
                "--seed", "1", "--lr", "2",
            ]  # fmt: skip
            assert answer.why in caplog.text
    if answer.ours:
        with pytest.raises(InvalidOptionError, match=name):
            translate([f"--{name}", "otherwise"])


@pytest.mark.parametrize("name", NAMES["mapped"])
def test_what_has_other_words_becomes_options_of_the_trainer(name: str) -> None:
    answer = FLAGS[name]
    assert name not in OURS and answer.ours
    for value, options in answer.ours.items():
        said = [f"--{name}", value] if value else [f"--{name}"]
        assert translate(said) == list(options)
        assert {option.removeprefix("--") for option in options[::2]} <= OURS
    with pytest.raises(InvalidOptionError, match=name):
        translate([f"--{name}", "otherwise"])


@pytest.mark.parametrize("name", NAMES["rejected"])
def test_what_is_refused_is_refused_with_a_sentence(name: str) -> None:
    assert name not in OURS
    for said in ([f"--{name}"], [f"--{name}", "x"], [f"--{name}=x"], ["--lr", "1", f"--{name}"]):
        with pytest.raises(InvalidOptionError) as caught:
            translate(said)
        remedy = caught.value.remedy or ""
        assert len(remedy.split()) > 5 and name in str(caught.value)


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_empty_value_leaves_an_option_unset(name: str) -> None:
    assert translate([f"--{name}", "", "--lr", "1"]) == ["--lr", "1"]


def test_a_published_command_line_word_by_word() -> None:
    said = words("""
        --save_dir runs/baseline --overwrite --eval_during_training --eval_rep_times 1
        --eval_num_samples 546 --dataset humanml --mini_dataset_dir dataset/HumanML3D_subset_0064
        --filter_dataset_by_keyword NOKEYWORD --is_self_consuming True --device 0 --seed 42
        --num_steps 1000 --save_interval 2000 --cuda True --is_fully_synthetic
    """)
    meant = words("""
        --save_dir runs/baseline --eval_rep_times 1
        --eval_num_samples 546 --mini_dataset_dir dataset/HumanML3D_subset_0064
        --device 0 --seed 42 --num_steps 1000 --mixing replace
    """)
    assert translate(said) == meant


def test_our_own_options_and_hyphens_pass() -> None:
    said = ["--faithful", "--correction", "kinematic", "--start-from", "x", "--workers=2"]
    assert translate(said) == said
    assert translate(["--batch-size", "8"]) == ["--batch_size", "8"]
    with pytest.raises(InvalidOptionError, match="model_path"):
        translate(["--model-path", "x"])


def test_the_listing_names_every_option() -> None:
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(listing())
    text = console.export_text()
    assert all(f"--{name} " in text for name in PUBLISHED)
