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
from functools import partial
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table

from loop.errors import InvalidOptionError

logger = logging.getLogger("scsc")


@dataclass(frozen=True)
class Answer:
    """What becomes of an option.

    Attributes:
        kind: supported, means here what it means there; implied, changes nothing, because it is
            always so or no result depends on it; mapped, is said here in other words; rejected,
            would have to change something that is not here.
        why: what to know about it.
        ours: value -> our options; None where any value will do.
    """

    kind: Literal["supported", "implied", "mapped", "rejected"]
    why: str = ""
    ours: Mapping[str, tuple[str, ...]] | None = None


TRUE, FALSE = ("True", "true", "1", ""), ("False", "false", "0")
Supported, Mapped = partial(Answer, "supported"), partial(Answer, "mapped")
Rejected = partial(Answer, "rejected")


def Implied(why: str, *values: str) -> Answer:
    """Answer an option that changes nothing, with one of `values` where there are any."""
    return Answer("implied", why, dict.fromkeys(values, ()) or None)


def _switch(why: str, *options: str, when: tuple[str, ...] = TRUE) -> Answer:
    """Answer a switch that says `options` when it is on (or off), and nothing else."""
    return Mapped(why, dict.fromkeys(TRUE + FALSE, ()) | dict.fromkeys(when, options))


_SAMPLING = Rejected(
    "`python -m sample.generate` draws motions for texts; --help lists its options"
)
_DEAD = Rejected("it belongs to code that no published script runs")
_STAGES = Rejected("one process makes all stages of all generations, and keeps each that is done")
_GEOMETRY = Implied("the loss is that of the motion vectors alone", "", "0", "0.0")
_ENCODER = "the loop trains the transformer encoder of the paper"
_SHOWN = Implied("progress is shown all the time")

FLAGS: Mapping[str, Answer] = {
    # base
    "cuda": _switch("a GPU is used where there is one", "--device", "cpu", when=FALSE),
    "is_self_consuming": Implied("the loop consumes its own samples", *TRUE),
    "device": Supported("the number of a GPU, or cpu, cuda, auto"),
    "seed": Supported(),
    "no_fixseed": Rejected("a run is fixed by its seed, or it could not be resumed; vary --seed"),
    "batch_size": Supported(),
    "use_wandb": _switch(
        "eval_dict.json has the metrics, and this copies them", "--loggers", "wandb"
    ),
    "filter_dataset_by_keyword": Implied(
        "nothing is filtered; `exp_scripts/filter_dataset.py --ids` makes a data set of some clips",
        *("NOKEYWORD", ""),
    ),
    # dataset
    "dataset": Implied("data sets are in HumanML3D layout (--mini_dataset_dir)", "humanml"),
    "data_dir": Rejected("--mini_dataset_dir names the data set, and no other one is read"),
    # model
    "arch": Implied(_ENCODER, "trans_enc"),
    "emb_trans_dec": Implied(_ENCODER, *FALSE),
    "layers": Supported(),
    "latent_dim": Supported(),
    "cond_mask_prob": Supported(),
    **dict.fromkeys(("lambda_rcxyz", "lambda_vel", "lambda_fc"), _GEOMETRY),
    "unconstrained": Rejected("motions are drawn for texts, in the loop and in its metrics"),
    # diffusion
    "noise_schedule": Supported(),
    "diffusion_steps": Supported(),
    "sigma_small": Implied("the reverse steps have the variance of the posterior", *TRUE),
    # training
    "save_dir": Supported(),
    "overwrite": Implied("a folder that exists is gone on with; what is finished is never redone"),
    "train_platform_type": Mapped(
        "metrics are the eval_dict.json of each generation; --loggers tensorboard copies them",
        {"NoPlatform": (), "TensorboardPlatform": ("--loggers", "tensorboard")},
    ),
    "lr": Supported(),
    "weight_decay": Supported(),
    "lr_anneal_steps": Supported("counted from the start of each generation, as published"),
    "eval_batch_size": Implied("R-precision ranks among 32, and no result depends on more", "32"),
    "eval_split": Supported(),
    "eval_during_training": Implied("every generation is evaluated", *TRUE),
    "eval_rep_times": Supported("metrics are means over the repetitions"),
    "eval_num_samples": Supported(),
    "log_interval": _SHOWN,
    "log_interval_wandb": _SHOWN,
    "save_interval": Implied("training is saved by the clock; a generation keeps its last model"),
    "num_steps": Supported("of generation 0 where --num_generations is 0, else of every later one"),
    "num_frames": Implied("motions have their own lengths, as published for HumanML3D"),
    "resume_checkpoint": Rejected("a run goes on by itself; --start_from names a generation 0"),
    # proof_of_concept
    "synthetic_data_dir": Rejected("synthetic motions are those of the run, in its generations"),
    "synthetic_augmentation_percent": Supported(),
    "augmentation_type": Supported(),
    "nearest_neighbor_POC_type": _DEAD,
    # autophagous
    "save_generated_path": _DEAD,
    "percent_samples_to_replace_per_epoch": _DEAD,
    "wandb_project_name": Rejected("the environment variable WANDB_PROJECT names the project"),
    "wandb_exp_name": Rejected("a run has the name of its arm there, so that it can go on"),
    "self_consuming_loop_freq": _DEAD,
    "synthetic_data_dir_parent": Rejected("synthetic motions are those of the run"),
    "uhc_model_option": Rejected("--correction chooses how samples are corrected"),
    "num_generations": Supported("published, but read by nobody there"),
    "start_at_generation": Supported("a check: what comes before has to be finished"),
    "generation": _STAGES,
    "is_fully_synthetic": Mapped(
        "fine-tunes on the synthetic motions alone (published: a misprint leaves nothing)",
        dict.fromkeys(TRUE, ("--mixing", "replace")),
    ),
    "mini_dataset_dir": Supported(),
    "ONLY_SYNTHESIZE_EXAMPLES": _STAGES,
    # the sampler, which parses the same command line once more
    **dict.fromkeys(("model_path", "output_dir", "num_samples", "num_repetitions"), _SAMPLING),
    "guidance_param": Supported("published, but it never reaches the sampler in the loop"),
    **dict.fromkeys(("motion_length", "input_text", "action_file", "text_prompt"), _SAMPLING),
    **dict.fromkeys(("action_name", "is_generate_POC_samples"), _SAMPLING),
    "is_generate_batched_text_prompt_samples": _SAMPLING,
}


def translate(arguments: Sequence[str]) -> list[str]:
    """Say a published command line in our words; what is not on the list is left as it is.

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
    """Say one option in our words."""
    value = " ".join(values)
    if answer.kind == "supported":
        return [f"--{name}", *values]
    if answer.kind == "implied" and (answer.ours is None or value in answer.ours):
        logger.info("--%s changes nothing: %s", name, answer.why)
        return []
    if answer.kind == "mapped" and value in (answer.ours or {}):
        return list((answer.ours or {})[value])
    raise InvalidOptionError(
        "this option of the published trainer does not exist here, or has one value only",
        found=f"--{name} {value}".rstrip(),
        remedy=answer.why,
    )


def listing() -> Table:
    """Tabulate every published option and what becomes of it."""
    table = Table("option", "here", "", box=box.SIMPLE_HEAD, padding=(0, 1))
    for name, answer in FLAGS.items():
        table.add_row(f"--{name}", answer.kind, answer.why)
    return table


if __name__ == "__main__":
    Console().print(listing())
