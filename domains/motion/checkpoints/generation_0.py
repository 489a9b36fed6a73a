"""Generation 0 that comes along: trained once, used in place of training it again.

`python -m domains.motion.checkpoints.generation_0 GENERATION --out weights/demo` writes what
`domains.motion.checkpoints.shipped` writes, and beside it

    evaluator.safetensors   weights of the evaluator of its pool
    clips.safetensors       (N, 2) mean and spread of every normalised clip of the data and the pool
    training_loss.csv       mean loss over stretches of its steps, where its run recorded it
    training_loss.png       the same, drawn
    curve.csv, curve.png    what its run measured on the way: one row for each generation of it,
                            where it has several
    README.md               the commands that made it, what was measured at its end

Experiments of the name of such a folder start from it (`--from_scratch` trains instead), after a
check that the weights are those of their data, sizes and code.
"""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import safetensors.torch
import torch
import tyro
from torch import Tensor

from dataset.humanml3d import MotionSet, load_split
from dataset.pool import load_pool
from domains.motion.checkpoints.shipped import (
    CONFIG,
    STATISTICS,
    WEIGHTS,
    digest,
    ship,
    stored_weights,
)
from domains.motion.checkpoints.stored import read_weights
from domains.motion.evaluator.choice import EVALUATOR_SEED, shared_evaluators
from domains.motion.evaluator.train import (
    evaluator_file,
    evaluator_fingerprint,
    evaluator_recipe,
    train_or_load_evaluator,
)
from domains.motion.presets import MotionPreset, Protocol
from domains.motion.recorded import RecordedArm
from domains.motion.training_loss import Losses, read_losses, write_losses
from loop.cli import command
from loop.errors import RunStateError
from loop.rundir.files import prepare_file, read_json, write_bytes, write_json
from loop.rundir.layout import Layout, read_metrics
from model.checkpoint import load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

logger = logging.getLogger("scsc")

EVALUATOR, CLIPS, CURVE = "evaluator.safetensors", "clips.safetensors", "curve.csv"
FORMAT = 1
"""Raise it where the meaning of vectors or weights changes: older folders are then refused."""
TOLERANCE = 1e-3
"""Of the means and spreads of normalised clips: machines round the vectors differently."""
SIZES = (
    *("latent_dim", "layers", "heads", "ff_size", "dropout", "max_frames"),
    *("diffusion_steps", "noise_schedule", "generation_0_steps"),
)
"""Numbers of a preset without which its generation 0 is another one."""
BEHAVIOUR = ("mask_padding",)
"""The same of a protocol."""
MEASURED = (
    *("FID", "KID", "FID kinetic", "FID geometric", "Precision", "Recall"),
    *("Penetrate", "Float", "Skate"),
)
"""What the card shows: distances to the test motions, shares, mm."""
DATA, POOL = "training set", "pool of the evaluator"
REMEDY = "--from_scratch trains generation 0 here; or leave the options out that differ"


def starting_weights(
    folder: Path,
    train: MotionSet,
    pool: MotionSet,
    preset: MotionPreset,
    protocol: Protocol,
    encoder: str,
    cache: Path | None,
) -> dict[str, Tensor]:
    """Read the weights of generation 0, and put the evaluator into the cache of an experiment.

    Args:
        folder: as `main` writes it.
        train: training set of the experiment that starts from them.
        pool: what its evaluator learns (`load_pool`).
        preset, protocol: its numbers and behaviour.
        encoder: name of its text encoder.
        cache: where it keeps trained evaluators; None where it brings another one.

    Raises:
        MissingAssetError, CorruptFileError: a file is missing or damaged.
        RunStateError: they are weights of other data, sizes, or code; names what differs.
    """
    config, clips = read_json(folder / CONFIG), read_weights(folder / CLIPS, torch.device("cpu"))
    wanted = _description(preset, protocol, encoder)
    found, expected = _differences(config.get("start", {}), wanted | _names(train, pool))
    for name, motions in ((DATA, train), (POOL, pool)):
        if name not in expected and not _close(clips[name], motions):
            found[f"motions of the {name}"], expected[f"motions of the {name}"] = "others", "these"
    if expected:
        raise RunStateError(
            "the weights that come along are no generation 0 of this experiment",
            path=folder,
            found=found,
            expected=expected,
            remedy=REMEDY,
        )
    if cache is not None:
        fingerprint = evaluator_fingerprint(pool, preset.evaluator, EVALUATOR_SEED)
        _install_evaluator(folder, evaluator_file(cache, fingerprint), fingerprint)
    logger.info(
        "generation 0: the weights in %s (%d steps of our own trainer; without the optimiser's "
        "moments, so generation 1 begins with fresh ones); --from_scratch trains it here",
        folder, config["steps"],
    )  # fmt: skip
    weights = stored_weights(folder, torch.device("cpu"))
    return {name: array for name, array in weights.items() if name not in STATISTICS}


def _description(preset: MotionPreset, protocol: Protocol, encoder: str) -> dict[str, Any]:
    """Return what decides whether weights fit, but for the data; as JSON gives it back."""
    numbers, behaviour = asdict(preset), asdict(protocol)
    return {
        "format": FORMAT,
        **{name: numbers[name] for name in SIZES},
        **{name: behaviour[name] for name in BEHAVIOUR},
        "text encoder": encoder,
        "evaluator": evaluator_recipe(preset.evaluator, EVALUATOR_SEED),
    }


def _names(train: MotionSet, pool: MotionSet) -> dict[str, str]:
    return {DATA: _digest(train), POOL: _digest(pool)}


def _differences(
    stored: Mapping[str, Any], wanted: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [name for name in wanted if stored.get(name) != wanted[name]]
    return {name: stored.get(name) for name in names}, {name: wanted[name] for name in names}


def _digest(motions: MotionSet) -> str:
    """Hash names, lengths and captions of the clips."""
    parts = [(item.name, len(item.vectors), item.captions) for item in motions.items]
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def _moments(motions: MotionSet) -> np.ndarray:
    """Return (N, 2) mean and standard deviation of the normalised vectors of each clip."""
    normal = [(item.vectors - motions.mean) / motions.std for item in motions.items]
    return np.array([(each.mean(), each.std()) for each in normal], np.float32)


def _close(stored: Tensor, motions: MotionSet) -> bool:
    here = _moments(motions)
    return stored.shape == here.shape and np.allclose(stored, here, rtol=TOLERANCE, atol=TOLERANCE)


def _install_evaluator(folder: Path, file: Path, fingerprint: str) -> None:
    """Put the evaluator where `train_or_load_evaluator` looks; leave one that is there alone."""
    if file.exists():
        return
    arrays = read_weights(folder / EVALUATOR, torch.device("cpu"))
    network = {name: array.float() for name, array in arrays.items()}
    report = read_json(folder / CONFIG)["evaluator report"]
    prepare_file(file)
    save_checkpoint(file, {"fingerprint": fingerprint, "network": network, "report": report})


def ship_start(generation: Path, out: Path, half: bool = False) -> None:
    """Write the folder out of a finished generation of a run that trained on real data alone.

    Raises:
        MissingAssetError, CorruptFileError, StorageError: a file is missing, damaged, or cannot be
            written.
    """
    ship(generation, out, half=half)
    config, recorded = read_json(out / CONFIG), RecordedArm.read(out / CONFIG)
    preset = replace(recorded.preset, generation_0_steps=config["steps"])
    dataset = recorded.dataset
    train, pool = load_split(dataset, "train"), load_pool(dataset)
    cache = shared_evaluators()
    evaluator = train_or_load_evaluator(dataset, cache, preset.evaluator, EVALUATOR_SEED, pool=pool)
    network = load_checkpoint(evaluator_file(cache, evaluator.fingerprint))["network"]
    if half:
        network = {
            name: array.half() if array.is_floating_point() else array
            for name, array in network.items()
        }
    clips = {name: torch.from_numpy(_moments(s)) for name, s in ((DATA, train), (POOL, pool))}
    write_bytes(out / EVALUATOR, safetensors.torch.save(network))
    write_bytes(out / CLIPS, safetensors.torch.save(clips))
    encoder = recorded.text_encoder["weights"]
    start = _description(preset, recorded.protocol, encoder) | _names(train, pool)
    write_json(out / CONFIG, config | {"start": start, "evaluator report": evaluator.report})
    if config["generation"]:
        _write_curve(generation, config["generation"], recorded.preset, out)
    losses = _all_losses(generation, recorded.preset)
    write_losses(losses, out)
    if losses:
        _draw_losses(losses, out / "training_loss.png")
    _write_card(generation, config, recorded, out, bool(losses))


def _write_curve(generation: Path, last: int, preset: MotionPreset, out: Path) -> None:
    """Write what every generation up to this one measured, against its optimiser steps."""
    layout, rows = Layout(), []
    for number in range(last + 1):
        metrics = read_metrics(generation.parent / layout.name(number))
        numbers = {n: v for n, v in metrics.items() if isinstance(v, int | float)}
        rows.append({"steps": preset.steps_until(number), **numbers})
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(out / CURVE, text.getvalue().encode())
    _draw(rows, out / "curve.png")


def _all_losses(generation: Path, preset: MotionPreset) -> Losses:
    """Join the losses of a run up to a generation, by the steps since its beginning."""
    layout = Layout()
    number = layout.number(generation.name) or 0
    each = {n: read_losses(generation.parent / layout.name(n)) for n in range(number + 1)}
    starts = {n: preset.steps_until(n - 1) if n else 0 for n in each}
    return [(starts[n] + step, loss) for n, losses in each.items() for step, loss in losses]


def _draw_losses(losses: Losses, path: Path) -> None:
    from matplotlib.figure import Figure  # without pyplot: no backend is asked for

    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*losses, strict=True))
    axes.set(xlabel="steps", ylabel="training loss", yscale="log")
    axes.grid(color="0.9")
    _write_picture(figure, path)


def _draw(rows: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure  # without pyplot: no backend is asked for

    figure = Figure(figsize=(9, 3), layout="constrained")
    shown = ("FID_test", "Precision_test", "Recall_test", "Skate_test")
    shown = [name for name in shown if name in rows[-1]]
    for axes, name in zip(figure.subplots(1, len(shown)), shown, strict=True):
        axes.plot([row["steps"] for row in rows], [row.get(name) for row in rows], ".-")
        axes.set(xlabel="steps", title=name.removesuffix("_test"), ylim=(0, None))
    _write_picture(figure, path)


def _write_picture(figure: Figure, path: Path) -> None:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100, metadata={"Software": None})
    write_bytes(path, picture.getvalue())


def _write_card(
    generation: Path, config: Mapping[str, Any], recorded: RecordedArm, out: Path, losses: bool
) -> None:
    preset, name = recorded.preset, recorded.preset.name
    train = [
        *("python", "-m", "train.train_mdm_iterative_finetuning", "--preset", name),
        *("--mini_dataset_dir", str(recorded.dataset), "--save_dir", str(generation.parent)),
        *("--seed", str(config["seed"]), "--num_generations", str(config["generation"])),
        *("--generation_0_steps", str(preset.generation_0_steps)),
        *("--num_steps", str(preset.steps_per_generation)),
        *("--layers", str(preset.layers), "--latent_dim", str(preset.latent_dim)),
        *("--lr", str(preset.rate_of(0)), "--batch_size", str(preset.batch_size)),
    ]
    made = ["python", "-m", "domains.motion.checkpoints.generation_0", str(generation)]
    measured = read_metrics(generation)
    course = "A curve of its course was not made: its run measured at the end only."
    if config["generation"]:
        course = "`curve.csv` and `curve.png`: what the run measured every "
        course += f"{preset.steps_per_generation} steps."
    if losses:
        course += " `training_loss.csv` and `training_loss.png`: the mean loss over its steps."
    else:
        course += " Its training loss was not recorded."
    lines = (
        f"# Generation 0 of `{name}`",
        f"The first model of experiment `{name}`, {config['steps']} steps on {recorded.dataset}, "
        "and the evaluator of its pool; made by",
        "```bash",
        shlex.join(train),
        shlex.join([*made, "--out", str(out)]),
        "```",
        "| at its end (`metrics.json`) | model | real training motions |",
        "|---|---|---|",
        *(_measured(measured, name) for name in MEASURED if f"{name}_test" in measured),
        "",
        course,
    )
    write_bytes(out / "README.md", ("\n".join(lines) + "\n").encode())


def _measured(metrics: Mapping[str, Any], name: str) -> str:
    real = metrics.get(f"{name} train_ground truth")
    return f"| {name} | {metrics[f'{name}_test']:.3g} | {'' if real is None else f'{real:.3g}'} |"


@command()
def main(generation: Annotated[Path, tyro.conf.Positional], out: Path, half: bool = False) -> None:
    """Make weights that come along as generation 0 out of a finished generation.

    Args:
        generation: its folder, of a run on real data alone (generation 0, or any of a baseline).
        out: the folder to write, such as weights/demo: its name is that of the experiment.
        half: keep 16 bits of every weight.
    """
    ship_start(generation, out, half)
    logger.info("wrote %s (model %s)", out, digest(out / WEIGHTS)[:12])


if __name__ == "__main__":
    tyro.cli(main, prog="python -m domains.motion.checkpoints.generation_0")
