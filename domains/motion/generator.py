"""The motion generator of the loop: a denoiser with its optimiser, in the loop's terms."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dataset.batches import TrainingBatches
from dataset.humanml3d import MotionItem, MotionSet, published_prompts
from domains.motion.captioned import CaptionedGenerator
from domains.motion.denoiser import UNIT, Denoiser
from domains.motion.distributed import TorchDistributed
from domains.motion.drawn_once import parts_folder
from domains.motion.files import MotionBatch
from domains.motion.presets import MotionPreset, Protocol
from domains.motion.training import fit, restore_training, training_state
from domains.motion.training_loss import Losses, write_losses
from loop.errors import InvalidOptionError, MissingAssetError
from loop.interfaces import Mixture
from loop.rng import Stream, generation_of, integer_seed
from model.checkpoint import load_checkpoint, save_checkpoint


class MotionGenerator(CaptionedGenerator):
    """Draws motions for the captions of training clips, and is fine-tuned on mixtures.

    Args:
        denoiser: the model.
        real: the training set.
        preset: numbers of steps, rates, sizes.
        protocol: published or corrected behaviour.
        seed: the run's seed.
        distributed: the processes that train together; by default this one is alone.
        start: weights of generation 0, which is then not trained.
        shared: folder for motions that other arms draw alike (`domains.motion.drawn_once`).
    """

    def __init__(
        self,
        denoiser: Denoiser,
        real: MotionSet,
        preset: MotionPreset,
        protocol: Protocol,
        seed: int,
        distributed: TorchDistributed | None = None,
        start: Mapping[str, Tensor] | None = None,
        shared: Path | None = None,
    ) -> None:
        super().__init__(real, preset.max_frames)
        self.denoiser, self._start, self._shared = denoiser, start, shared
        self._distributed = distributed
        self._real, self._preset, self._protocol, self._seed = real, preset, protocol, seed
        self._optimizer = self._new_optimizer()
        self._steps = 0
        self._losses: Losses = ()
        self._untrained = copy.deepcopy(training_state(denoiser, self._optimizer))

    def _new_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self.denoiser.network.parameters(),
            lr=self._preset.rate_of(0),
            weight_decay=self._preset.weight_decay,
            fused=True,
        )

    def draw(
        self,
        captions: Sequence[str],
        frames: Sequence[int],
        stream: Stream,
        scratch: Path | None = None,
    ) -> list[np.ndarray]:
        """Draw one motion a caption, as `Denoiser.sample` does."""
        return self.denoiser.sample(captions, frames, stream, "evaluate", scratch)

    def synthesise(self, count: int, stream: Stream, scratch: Path | None = None) -> MotionBatch:
        """Draw `count` motions, each for a caption and of the length of another training clip.

        Raises:
            InvalidOptionError: published prompts, and more motions than listed clips.
        """
        if self._protocol.first_caption_only:
            return self._synthesise_published(count, stream, scratch)
        return super().synthesise(count, stream, scratch)

    def _synthesise_published(
        self, count: int, stream: Stream, scratch: Path | None
    ) -> MotionBatch:
        """Draw for the first captions of listed ids, chosen by seed and generation alone.

        Equal in every arm, as published: each process there starts from the same seed.
        """
        listed = published_prompts(self._real)
        if count > len(listed):
            raise InvalidOptionError(
                "published prompts are different clips: there cannot be more motions than clips",
                found=count,
                expected=f"at most {len(listed)}",
                remedy="choose a synthetic_augmentation_percent of at most 1, or leave --faithful "
                "out",
            )
        chosen = random.Random(generation_of(stream) * self._seed).sample(listed, count)
        texts, frames = [p.caption.text for p in chosen], [p.frames for p in chosen]
        motions = self._draw_prompted(texts, frames, stream, stream, scratch)
        pairs = zip(chosen, motions, strict=True)
        return MotionBatch(tuple(MotionItem(p.id, p.id, m, p.captions) for p, m in pairs))

    def _draw_prompted(
        self,
        texts: Sequence[str],
        frames: Sequence[int],
        stream: Stream,
        noise: Stream,
        scratch: Path | None,
    ) -> list[np.ndarray]:
        """Draw in the folder that arms share; published lengths are no multiples of four."""
        noise = self._noise(noise)
        unit = 1 if self._protocol.first_caption_only else UNIT
        place = parts_folder(self._shared, scratch, self.denoiser, texts, frames, stream, noise)
        with place as parts:
            return self.denoiser.sample(texts, frames, noise, "synthesise", parts, unit)

    def _noise(self, stream: Stream) -> Stream:
        """Choose the noise: published processes all start from the seed, so that it repeats."""
        return Stream(self._seed) if self._protocol.repeat_noise else stream

    def fit(
        self,
        training_set: Mixture[MotionBatch],
        generation: int,
        stream: Stream,
        scratch: Path | None,
    ) -> None:
        """Train on the real and synthetic motions of `training_set` for the preset's steps.

        Generation 0 takes the weights that it was given, if any: the live ones and their average
        alike, with an optimiser that knows no step.
        """
        preset = self._preset
        if generation == 0 and self._start is not None:
            self._steps = preset.generation_0_steps
            self.denoiser.adopt(self._start)
            return
        if generation > 0 and not self._protocol.carry_optimizer:
            self._optimizer = self._new_optimizer()
        for group in self._optimizer.param_groups:  # a stored optimiser brings those of its run
            group["lr"], group["weight_decay"] = preset.rate_of(generation), preset.weight_decay
        self._steps = preset.steps_per_generation if generation else preset.generation_0_steps
        items = [item for part in training_set.parts() for item in part.items]
        if self._protocol.first_caption_only:
            items = _with_partner(items, training_set)
        if generation and self._protocol.whole_epochs:
            self._steps = in_whole_epochs(self._steps, len(items), preset.batch_size)
        batches = TrainingBatches(
            items,
            self.denoiser.mean,
            self.denoiser.std,
            preset.batch_size,
            preset.max_frames,
            integer_seed(self._noise(stream)),
            UNIT,
            drop_incomplete=self._protocol.whole_epochs,
        )
        self._losses = fit(
            self.denoiser,
            self._optimizer,
            batches,
            self._steps,
            preset.condition_dropout,
            None if scratch is None else scratch / "training.pt",
            preset.lr_anneal_steps,
            self._distributed,
        )

    def reset(self) -> None:
        """Become untrained again, with the weights of the beginning and a fresh optimiser."""
        restore_training(self.denoiser, self._optimizer, self._untrained, Path("untrained"))

    def save(self, folder: Path) -> str:
        """Write `model<steps>.pt`, the weights one samples with, and `opt<steps>.pt`, the rest.

        Beside them `training_loss.csv`, where this process trained them.
        """
        rest = training_state(self.denoiser, self._optimizer)
        drawn_with = dict(rest["network"])
        if self.denoiser.ema is None:
            del rest["network"]
        else:
            drawn_with |= rest["ema"].pop("average")
        name = f"model{self._steps:09d}.pt"
        save_checkpoint(folder / name, drawn_with)
        save_checkpoint(folder / f"opt{self._steps:09d}.pt", rest)
        write_losses(self._losses, folder)
        return name

    def load(self, folder: Path) -> str:
        """Become what `save` wrote.

        Raises:
            MissingAssetError: a file is missing.
            CorruptFileError: a file is damaged.
            RunStateError: the files belong to a network of other sizes.
        """
        model = model_file(folder)
        path = _optimizer_file(model)
        drawn_with, rest = (load_checkpoint(file, self.denoiser.device) for file in (model, path))
        if self.denoiser.ema is None:
            rest["network"] = drawn_with
        else:
            names = self.denoiser.ema.state_dict()["average"].keys() & drawn_with.keys()
            rest["ema"]["average"] = {name: drawn_with[name] for name in names}
        restore_training(self.denoiser, self._optimizer, rest, path)
        self._losses = ()
        self._steps = int(model.stem.removeprefix("model"))
        return model.name


def read_checkpoints(folder: Path, training: bool = True) -> None:
    """Read the checkpoints of a generation, to see whether they are whole.

    Args:
        folder: of the generation.
        training: also what only further training needs.

    Raises:
        MissingAssetError: a file is missing.
        CorruptFileError: a file is damaged.
    """
    model = model_file(folder)
    load_checkpoint(model)
    if training:
        load_checkpoint(_optimizer_file(model))


def _optimizer_file(model: Path) -> Path:
    path = model.with_name(f"opt{model.stem.removeprefix('model')}.pt")
    if not path.is_file():
        raise MissingAssetError(
            "what training needs to go on from this generation is missing",
            path=path,
            remedy="restore it. Arms run with --keep last let go of it when they are finished: "
            "to make more generations, move its folder away and run the arm again with "
            "--keep every:N or all",
        )
    return path


def _with_partner(items: list[MotionItem], training_set: Mixture[MotionBatch]) -> list[MotionItem]:
    """Leave out what the published loader adds to no clip: samples whose clip is not trained on."""
    reserve = () if training_set.reserve is None else training_set.reserve.items
    clips = {item.id for item in (*training_set.real.items, *reserve) if item.name == item.id}
    return [item for item in items if item.name != item.id or item.id in clips]


def in_whole_epochs(steps: int, items: int, batch_size: int) -> int:
    """Count the steps of the published trainer where `steps` are asked for: (steps // L + 1) L.

    L is the number of full batches of an epoch; where there is none, which the published trainer
    cannot divide by, a batch counts as an epoch.
    """
    batches = max(1, items // batch_size)
    return (steps // batches + 1) * batches


def model_file(generation: Path) -> Path:
    """Find the checkpoint `model<steps>.pt` of a generation.

    Raises:
        MissingAssetError: there is none, or more than one.
    """
    models = [path for path in generation.glob("model*.pt") if path.stem[5:].isdigit()]
    if len(models) != 1:
        raise MissingAssetError(
            "expected one checkpoint in this generation",
            path=generation,
            found=sorted(path.name for path in models),
            expected="one model<steps>.pt",
            remedy="name a generation that has one (--keep says which do); or restore it; or "
            "remove this folder and the later ones to compute them again",
        )
    return models[0]
