"""What the motion loop asks of a generator: motions for captions, of given lengths."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dataset.humanml3d import MOTION_DIM, MotionItem, MotionSet
from domains.motion.denoiser import UNIT
from domains.motion.files import MotionBatch
from loop.errors import InvalidOptionError, InvalidSamplesError
from loop.interfaces import Generator
from loop.rng import Stream


class CaptionedGenerator(Generator[MotionBatch]):
    """A generator that draws motions for captions.

    One of your own is a subclass with `fit` and `draw`, and with `save` and `load` where its state
    is not made of arrays (examples/own_generator.py).

    Args:
        real: the training motions, whose captions and lengths prompt the synthetic ones.
        max_frames: longest motion to draw.
    """

    def __init__(self, real: MotionSet | MotionBatch, max_frames: int) -> None:
        self.real, self.max_frames = real, max_frames

    @abstractmethod
    def draw(
        self,
        captions: Sequence[str],
        frames: Sequence[int],
        stream: Stream,
        scratch: Path | None = None,
    ) -> list[np.ndarray]:
        """Draw one motion a caption: HumanML3D vectors (F_i, 263), not normalised.

        Args:
            captions: what the motions show.
            frames: their lengths F_i at 20 frames a second, multiples of four.
            stream: for everything that is drawn at random.
            scratch: see `loop.interfaces.Generator`.
        """
        ...

    def synthesise(self, count: int, stream: Stream, scratch: Path | None = None) -> MotionBatch:
        """Draw `count` motions, each for a caption and of the length of another training clip.

        Where there are more motions than clips, every clip prompts once before any does again.

        Raises:
            InvalidSamplesError: `draw` returned other shapes than it was asked for.
        """
        clips = [item for item in self.real.items if item.name == item.id]
        choice, noise = stream.spawn(2)
        rng = np.random.default_rng(choice)
        sources, prompts = [], []
        while len(sources) < count:
            turn = rng.permutation(len(clips))[: count - len(sources)]
            chosen = [clips[i] for i in np.sort(turn)]
            sources += chosen
            prompts += [item.captions[rng.integers(len(item.captions))] for item in chosen]
        texts = [prompt.text for prompt in prompts]
        frames = [usable_frames(len(item.vectors), self.max_frames) for item in sources]
        motions = self._draw_prompted(texts, frames, stream, noise, scratch)
        parts = zip(sample_ids(sources, clips), prompts, motions, strict=True)
        return MotionBatch(tuple(MotionItem(name, name, m, (prompt,)) for name, prompt, m in parts))

    def _draw_prompted(
        self,
        texts: Sequence[str],
        frames: Sequence[int],
        stream: Stream,
        noise: Stream,
        scratch: Path | None,
    ) -> list[np.ndarray]:
        """Draw what a generation trains on; `stream` is that of the stage, `noise` its part."""
        return drawn(self, texts, frames, noise, scratch)


def usable_frames(frames: int, longest: int) -> int:
    """Bring a length down to one that is drawn: at most `longest`, a multiple of four."""
    return min(frames, longest) // UNIT * UNIT


def require_captioned(generator: Generator[MotionBatch]) -> CaptionedGenerator:
    """Return the generator if it draws motions for captions.

    Raises:
        InvalidOptionError: it does not.
    """
    if not isinstance(generator, CaptionedGenerator):
        raise InvalidOptionError(
            "this generator does not draw motions for captions",
            found=type(generator).__name__,
            expected="a subclass of domains.motion.captioned.CaptionedGenerator",
            remedy="write one, as in examples/own_generator.py, or bring an evaluator of your own",
        )
    return generator


def drawn(
    generator: Generator[MotionBatch],
    captions: Sequence[str],
    frames: Sequence[int],
    stream: Stream,
    scratch: Path | None,
) -> list[np.ndarray]:
    """Draw motions for captions, and check their shapes: (F_i, 263) float32.

    Raises:
        InvalidOptionError: the generator draws for no captions.
        InvalidSamplesError: it drew other shapes.
    """
    asked = require_captioned(generator)
    motions = [
        np.asarray(motion, np.float32) for motion in asked.draw(captions, frames, stream, scratch)
    ]
    wanted = [(count, MOTION_DIM) for count in frames]
    if [motion.shape for motion in motions] != wanted:
        raise InvalidSamplesError(
            f"{type(generator).__name__} drew other motions than it was asked for",
            found=_listed([motion.shape for motion in motions]),
            expected=_listed(wanted),
        )
    return motions


def _listed(shapes: Sequence[tuple[int, ...]]) -> str:
    return f"{len(shapes)} motions of shapes {', '.join(map(str, shapes[:5]))} ..."


def sample_ids(sources: Sequence[MotionItem], clips: Sequence[MotionItem]) -> list[str]:
    """Name the motions that clips prompt: 000021, the second one 000021_2, then 000021_3, ...

    Args:
        sources: the clip of each motion.
        clips: all that can prompt. Where the id of one already ends like a number of ours, `__2`.

    Returns:
        Ids that are all different; a numbered one is no clip's id.
    """
    mark = "_"
    while any(re.search(rf"{mark}\d+$", clip.id) for clip in clips):
        mark += "_"
    turns, names = Counter[str](), []
    for clip in sources:
        turns[clip.id] += 1
        names.append(clip.id if turns[clip.id] == 1 else f"{clip.id}{mark}{turns[clip.id]}")
    return names
