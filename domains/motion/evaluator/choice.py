"""Which evaluator measures motions: our own, trained on the data, or the published one.

Both answer as `domains.motion.evaluator.protocol.Evaluator` does, so that what measures need not
know which it has.
Numbers of the two do not compare: only those of the published one stand beside published tables.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import torch

from dataset.captions import Caption
from domains.motion.evaluator.protocol import Evaluator
from domains.motion.evaluator.published import load_published_evaluator
from domains.motion.evaluator.train import train_or_load_evaluator
from loop.errors import InvalidOptionError

EvaluatorKind = Literal["trained", "published"]
EVALUATOR_SEED = 42
"""Of the trained one, whatever the seed of a run: runs that differ in their seed are averaged, so
one and the same evaluator has to judge them, as the one published evaluator would."""


def shared_evaluators() -> Path:
    """Return the folder of trained evaluators: $SCSC_EVALUATORS, else exp_outputs/evaluators.

    All experiments share it; each evaluator is named by its fingerprint.
    """
    return Path(os.environ.get("SCSC_EVALUATORS", "exp_outputs/evaluators"))


def motion_evaluator(
    kind: EvaluatorKind,
    *,
    trained_on: Path,
    cache: Path,
    preset: str,
    root: Path,
    captions: Iterable[Caption],
    device: torch.device,
    skip_damaged: bool = False,
    own: Path | None = None,
) -> Evaluator:
    """Load or train the evaluator of a motion experiment.

    Args:
        kind: `trained`: ours, read from `cache` or trained now; `published`: the files of Guo et
            al. below `root`.
        trained_on: data set whose pool the trained one learns.
        cache: folder that keeps the trained ones.
        preset: of the trained one.
        root: folder that holds t2m/, glove/ and dataset/t2m_{mean,std}.npy.
        captions: all that will be asked for; the published one reads their tagged words, and the
            trained one embeds them now, unless a run before this one did.
        device: where the published one runs (ours is small and stays on the CPU).
        skip_damaged: train ours without the damaged clips of the pool, if it has any.
        own: folder where an older version kept the one of a run, which is then judged by it.

    Raises:
        InvalidOptionError: no such kind, or no such preset.
        MissingAssetError, CorruptFileError: a file is missing or damaged.
    """
    if kind == "trained":
        evaluator = train_or_load_evaluator(
            trained_on, cache, preset, EVALUATOR_SEED, skip_damaged=skip_damaged, own=own
        )
        evaluator.embed_texts([caption.text for caption in captions])
        return evaluator
    if kind == "published":
        return load_published_evaluator(root, captions, device)
    raise InvalidOptionError("no such evaluator", found=kind, expected="trained | published")
