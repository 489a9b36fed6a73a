"""The MNIST generator of the loop: a denoiser of digits with its optimiser, in the loop's terms."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import numpy as np
import torch

from dataset.mnist import Digits, concatenated
from domains.mnist.denoiser import DigitDenoiser, new_denoiser
from domains.mnist.files import SAMPLES, TRAINING, read_digits, write_digits, write_sheet
from domains.mnist.presets import MnistPreset, MnistProtocol
from domains.mnist.training import Course, fit_digits, restore_training, training_state
from loop.errors import MissingAssetError
from loop.interfaces import Generator, Metrics, Mixture
from loop.rng import Stream, integer_seed
from loop.rundir.files import write_json
from loop.rundir.layout import EARLIER
from loop.rundir.partial_results import PartialResults
from model.checkpoint import load_checkpoint, save_checkpoint

Measure = Callable[[Digits, np.random.Generator], Metrics]


class MnistGenerator(Generator[Digits]):
    """Draws digits with cycling labels, and is fine-tuned on mixtures.

    Args:
        preset: sizes, rates, numbers of steps.
        protocol: published or corrected behaviour.
        seed: the run's seed.
        device: where the network runs.
        half: whether it runs in bfloat16.
        compiled: whether it is compiled to draw samples.
        fresh_at: generations that start with Adam's moments at zero.
        measure: the published metrics of drawn digits, which epochs of generation 0 are measured
            by where the protocol asks for it; None leaves them unmeasured.
    """

    def __init__(
        self,
        preset: MnistPreset,
        protocol: MnistProtocol,
        seed: int,
        device: torch.device,
        *,
        half: bool = False,
        compiled: bool = False,
        fresh_at: Collection[int] = (),
        measure: Measure | None = None,
    ) -> None:
        self._preset, self._protocol, self._seed = preset, protocol, seed
        self._fresh_at, self._measure = fresh_at, measure
        self._new = lambda: new_denoiser(
            preset, protocol, seed, device, half=half, compiled=compiled
        )
        self.reset()

    def reset(self) -> None:
        """Become untrained again, with the very weights of the beginning."""
        self.denoiser: DigitDenoiser = self._new()
        self._optimizer = self._new_optimizer()
        self._generation = 0
        self._draws = Stream(self._seed)
        self._pool = concatenated([])
        self._epochs: dict[int, Digits] = {}

    def _new_optimizer(self) -> torch.optim.Optimizer:
        parameters = self.denoiser.network.parameters()
        return torch.optim.Adam(parameters, lr=self._preset.learning_rate, fused=True)

    def synthesise(self, count: int, stream: Stream, scratch: Path | None = None) -> Digits:
        """Draw `count` digits, labels cycling 0 to 9.

        In the corrected protocol a model has one endless row of samples, which depends on its fit
        and not on `stream`: the first ones are measured, and the same ones train its successor.
        """
        if self._protocol.independent_draws:
            return self.denoiser.draw(count, stream, scratch)
        held = len(self._pool)
        if held < count:
            more = self.denoiser.draw(count, self._draws, scratch, first=held)
            self._pool = concatenated([self._pool, more])
        return self._pool.take(slice(count))

    def fit(
        self,
        training_set: Mixture[Digits],
        generation: int,
        stream: Stream,
        scratch: Path | None,
    ) -> None:
        """Train on the real and synthetic digits of `training_set`, as long as the preset says."""
        if generation in self._fresh_at:
            self._optimizer = self._new_optimizer()
        training, drawing = stream.spawn(2)
        digits = concatenated(list(training_set.parts()))
        seen = len(digits if self._protocol.unequal_steps else training_set.real)
        epochs = PartialResults(scratch, "epoch")
        each = self._protocol.epoch_evaluations and generation == 0
        fit_digits(
            self.denoiser,
            self._optimizer,
            digits,
            self._course(generation, seen, integer_seed(training)),
            None if scratch is None else scratch / TRAINING,
            partial(self._draw_epoch, epochs) if each else None,
        )
        self._epochs = {e: Digits(p["images"], p["labels"]) for e, p in epochs.items()}
        self._generation, self._draws, self._pool = generation, _plain(drawing), concatenated([])
        if not self._protocol.independent_draws:
            self._drawn(scratch)

    def _draw_epoch(self, epochs: PartialResults, epoch: int) -> None:
        """Draw what the published evaluation of an epoch sees, with noise of its own."""
        if epoch not in epochs:
            count = max(self._preset.sheet, self._preset.published_samples)
            drawn = self.denoiser.draw(count, Stream([self._seed, epoch]))
            epochs[epoch] = {"images": drawn.images, "labels": drawn.labels}

    def _course(self, generation: int, seen: int, seed: int) -> Course:
        preset = self._preset
        epochs = preset.generation_epochs if generation else preset.epochs
        if not generation:
            steps = epochs * math.ceil(seen / preset.batch_size)
        else:
            steps = math.ceil(epochs * seen / preset.batch_size)
        return Course(
            steps=steps,
            batch_size=preset.batch_size,
            rate=preset.fine_tuning_rate() if generation else preset.learning_rate,
            decay=not generation,
            class_dropout=preset.class_dropout,
            seed=seed,
        )

    def save(self, folder: Path) -> str:
        """Write the weights in the published place, what training needs, and samples to look at."""
        preset, generation = self._preset, self._generation
        title = f"gen{generation}" if generation else f"{preset.epochs - 1}"
        name, state = f"model_{title}.pth", training_state(self.denoiser, self._optimizer)
        more = {"generation": generation, "draws": self._draws.entropy}
        save_checkpoint(folder / name, state["network"])
        save_checkpoint(folder / TRAINING, state | more)
        shown = self._drawn()
        if not self._protocol.independent_draws:
            write_digits(folder / SAMPLES, shown)
        self._write_sheet(folder, title if generation else f"ep{title}", shown)
        self._write_epochs(folder)
        return name

    def _write_epochs(self, folder: Path) -> None:
        """Write what was drawn after the earlier epochs, and what is measured of it."""
        for epoch, drawn in self._epochs.items():
            self._write_sheet(folder, f"ep{epoch}", drawn)
        if self._epochs and self._measure is not None:
            found = {
                str(epoch): dict(self._measure(drawn, np.random.default_rng([self._seed, epoch])))
                for epoch, drawn in self._epochs.items()
            }
            write_json(folder / EARLIER, found)

    def _write_sheet(self, folder: Path, title: str, drawn: Digits) -> None:
        path = folder / f"image_{title}_w{self._preset.guidance_weight}.png"
        write_sheet(path, drawn.take(slice(self._preset.sheet)))

    def load(self, folder: Path) -> str:
        """Become what `save` wrote.

        Raises:
            MissingAssetError: a file is missing.
            CorruptFileError: a file is damaged.
            RunStateError: the files belong to a network of other sizes.
        """
        model = model_file(folder)
        load_checkpoint(model)
        path = _training_file(folder)
        stored = load_checkpoint(path, self.denoiser.device)
        restore_training(self.denoiser, self._optimizer, stored, path)
        self._generation, self._draws = stored["generation"], Stream(stored["draws"])
        independent = self._protocol.independent_draws
        self._pool = concatenated([]) if independent else read_digits(folder / SAMPLES)
        self._epochs = {}
        return model.name

    def _drawn(self, scratch: Path | None = None) -> Digits:
        """Draw this model's first samples: to measure, to train on, at least to fill a sheet."""
        if self._protocol.independent_draws:
            return self.synthesise(self._preset.sheet, self._draws)
        count = max(self._preset.sheet, self._preset.eval_samples)
        return self.synthesise(count, self._draws, scratch)


def model_file(generation: Path) -> Path:
    """Find the checkpoint `model_<epoch>.pth` or `model_gen<g>.pth` of a generation.

    Raises:
        MissingAssetError: there is none, or more than one.
    """
    models = sorted(generation.glob("model_*.pth"))
    if len(models) != 1:
        raise MissingAssetError(
            "expected one checkpoint in this generation",
            path=generation,
            found=[path.name for path in models],
            expected="one model_*.pth",
            remedy="restore it, or repeat the command with --discard_damaged",
        )
    return models[0]


def read_checkpoints(folder: Path, training: bool = True) -> None:
    """Read the checkpoints of a generation, to see whether they are whole.

    Args:
        folder: of the generation.
        training: also what only further training needs.

    Raises:
        MissingAssetError: a file is missing.
        CorruptFileError: a file is damaged.
    """
    load_checkpoint(model_file(folder))
    if training:
        load_checkpoint(_training_file(folder))


def _training_file(folder: Path) -> Path:
    path = folder / TRAINING
    if not path.is_file():
        raise MissingAssetError(
            "what training needs to go on from this generation is missing",
            path=path,
            remedy="restore it. Arms run with --keep last let go of it when they are finished: "
            "to make more generations, start anew with --keep every:N or all",
        )
    return path


def _plain(stream: Stream) -> Stream:
    """Make a stream of the same quality that one integer tells."""
    return Stream(integer_seed(stream))
