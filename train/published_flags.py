"""Every option of the published trainer, and what becomes of it here.

The published list holds options that work, options that no script ever set to anything but one
value, and options of code that never runs. `translate` turns a published command line into ours: it
says a word about what changes nothing, and refuses with a sentence what would.

`python -m train.published_flags` prints the list.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from loop.errors import InvalidOptionError

logger = logging.getLogger("scsc")


@dataclass(frozen=True)
class Works:
    """Means here what it means there; `why` tells what to know about it."""

    why: str = ""


@dataclass(frozen=True)
class Always:
    """Changes nothing: it is always so (`values`), or no result depends on it (no values)."""

    why: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Means:
    """Said here in other words: value -> our options."""

    why: str
    options: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Refused:
    """Would have to change something that is not here."""

    why: str


Answer = Works | Always | Means | Refused

TRUE, FALSE, UNSET = ("True", "true", "1", ""), ("False", "false", "0"), ("", "0", "0.0")
_SAMPLING = Refused("`python -m sample.generate` draws motions for texts; --help lists its options")
_DEAD = Refused("it belongs to code that no published script runs")
_STAGES = Refused("one process makes all stages of all generations, and keeps each that is done")
_GEOMETRY = Always("the loss is that of the motion vectors alone", UNSET)
_SHOWN = Always("progress is shown all the time")

FLAGS: Mapping[str, Answer] = {
    # base
    "cuda": Means(
        "a GPU is used where there is one; --device says otherwise",
        dict.fromkeys(TRUE, ()) | dict.fromkeys(FALSE, ("--device", "cpu")),
    ),
    "is_self_consuming": Always("the loop consumes its own samples", TRUE),
    "device": Works("the number of a GPU, or cpu, cuda, auto"),
    "seed": Works(),
    "no_fixseed": Refused("a run is fixed by its seed, or it could not be resumed; vary --seed"),
    "batch_size": Works(),
    "use_wandb": Means(
        "metrics are the eval_dict.json of each generation; --sinks wandb copies them",
        dict.fromkeys(TRUE, ("--sinks", "wandb")) | dict.fromkeys(FALSE, ()),
    ),
    "filter_dataset_by_keyword": Always(
        "nothing is filtered; `exp_scripts/filter_dataset.py --ids` makes a data set of some clips",
        ("NOKEYWORD", ""),
    ),
    # dataset
    "dataset": Always("data sets are in HumanML3D layout (--mini_dataset_dir)", ("humanml",)),
    "data_dir": Refused("--mini_dataset_dir names the data set, and no other one is read"),
    # model
    "arch": Always("the loop trains the transformer encoder of the paper", ("trans_enc",)),
    "emb_trans_dec": Always("the loop trains the transformer encoder of the paper", FALSE),
    "layers": Works(),
    "latent_dim": Works(),
    "cond_mask_prob": Works(),
    "lambda_rcxyz": _GEOMETRY,
    "lambda_vel": _GEOMETRY,
    "lambda_fc": _GEOMETRY,
    "unconstrained": Refused("motions are drawn for texts, in the loop and in its metrics"),
    # diffusion
    "noise_schedule": Works(),
    "diffusion_steps": Works(),
    "sigma_small": Always("the reverse steps have the variance of the posterior", TRUE),
    # training
    "save_dir": Works(),
    "overwrite": Always("a folder that exists is gone on with; what is finished is never redone"),
    "train_platform_type": Means(
        "metrics are the eval_dict.json of each generation; --sinks tensorboard copies them",
        {"NoPlatform": (), "TensorboardPlatform": ("--sinks", "tensorboard")},
    ),
    "lr": Works(),
    "weight_decay": Works(),
    "lr_anneal_steps": Works("counted from the start of each generation, as published"),
    "eval_batch_size": Always("R-precision ranks among 32, and no result depends on more", ("32",)),
    "eval_split": Works(),
    "eval_during_training": Always("every generation is evaluated", TRUE),
    "eval_rep_times": Works("metrics are means over the repetitions"),
    "eval_num_samples": Works(),
    "log_interval": _SHOWN,
    "log_interval_wandb": _SHOWN,
    "save_interval": Always("training is saved by the clock; a generation keeps its last model"),
    "num_steps": Works("of generation 0 where --num_generations is 0, else of every later one"),
    "num_frames": Always("motions have their own lengths, as published for HumanML3D"),
    "resume_checkpoint": Refused("a run goes on by itself; --start_from names a generation 0"),
    # proof_of_concept
    "synthetic_data_dir": Refused("synthetic motions are those of the run, in its generations"),
    "synthetic_augmentation_percent": Works(),
    "augmentation_type": Works(),
    "nearest_neighbor_POC_type": _DEAD,
    # autophagous
    "save_generated_path": _DEAD,
    "percent_samples_to_replace_per_epoch": _DEAD,
    "wandb_project_name": Refused("the environment variable WANDB_PROJECT names the project"),
    "wandb_exp_name": Refused("a run has the name of its arm there, so that it can go on"),
    "self_consuming_loop_freq": _DEAD,
    "synthetic_data_dir_parent": Refused("synthetic motions are those of the run"),
    "uhc_model_option": Refused("--correction chooses how samples are corrected"),
    "num_generations": Works("published, but read by nobody there"),
    "start_at_generation": Works("a check: what comes before has to be finished"),
    "generation": _STAGES,
    "is_fully_synthetic": Means(
        "fine-tunes on the synthetic motions alone (published: a misprint leaves nothing)",
        dict.fromkeys(TRUE, ("--mixing", "replace")),
    ),
    "mini_dataset_dir": Works(),
    "ONLY_SYNTHESIZE_EXAMPLES": _STAGES,
    # the sampler, which parses the same command line once more
    "model_path": _SAMPLING,
    "output_dir": _SAMPLING,
    "num_samples": _SAMPLING,
    "num_repetitions": _SAMPLING,
    "guidance_param": Works("published, but it never reaches the sampler in the loop"),
    "motion_length": _SAMPLING,
    "input_text": _SAMPLING,
    "action_file": _SAMPLING,
    "text_prompt": _SAMPLING,
    "action_name": _SAMPLING,
    "is_generate_POC_samples": _SAMPLING,
    "is_generate_batched_text_prompt_samples": _SAMPLING,
}


def translate(arguments: Sequence[str]) -> list[str]:
    """A published command line in our words; what is not on the list is left as it is.

    An option with an empty value, which is how the published code leaves one unset, is left out.

    Raises:
        InvalidOptionError: an option that would have to change something that is not here.
    """
    ours, rest = [], list(arguments)
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=")
        name = option.removeprefix("--").replace("-", "_")
        if not option.startswith("--") or name not in FLAGS:
            ours.append(word)
            continue
        values = [value] if equals else []
        while rest and not rest[0].startswith("--"):
            values.append(rest.pop(0))
        if values != [""]:
            ours += _answered(name, FLAGS[name], values)
    return ours


def _answered(name: str, answer: Answer, values: list[str]) -> list[str]:
    """One option in our words."""
    value = " ".join(values)
    match answer:
        case Works():
            return [f"--{name}", *values]
        case Always() if not answer.values or value in answer.values:
            logger.info("--%s changes nothing: %s", name, answer.why)
            return []
        case Means() if value in answer.options:
            return list(answer.options[value])
    raise InvalidOptionError(
        "this option of the published trainer does not exist here, or has one value only",
        found=f"--{name} {value}".rstrip(),
        remedy=answer.why,
    )


def listing() -> Table:
    """Every published option and what becomes of it."""
    table = Table("option", "here", "", box=box.SIMPLE_HEAD, padding=(0, 1))
    words = {Works: "works", Always: "always so", Means: "in other words", Refused: "refused"}
    for name, answer in FLAGS.items():
        table.add_row(f"--{name}", words[type(answer)], answer.why)
    return table


if __name__ == "__main__":
    Console().print(listing())
