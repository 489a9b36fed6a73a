"""Train the text-motion evaluator on the pool of a data set: FID, matching and R-precision use it.

`python -m domains.motion.evaluator.train --data_dir DIR --out DIR [--preset demo]`
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from filelock import FileLock
from torch import Tensor

from dataset.humanml3d import MotionSet, load_split
from dataset.pool import load_pool
from domains.motion.evaluator.body_features import BodySpace
from domains.motion.evaluator.trained import TrainedEvaluator
from domains.motion.evaluator.training import (
    PRESETS,
    EvaluatorPreset,
    network_config,
    train_network,
)
from eval.metrics.floors import floor_by_resampling
from eval.metrics.matching import match
from loop.cli import command
from loop.errors import CorruptFileError
from loop.rundir.files import make_folder
from model.checkpoint import load_checkpoint, load_state, save_checkpoint
from model.motion_evaluator import MotionEvaluator
from model.text_encoder import MiniLMEncoder, TextEncoder
from model.threads import threads

RECIPE, OLDER = 3, 2
"""Part of the fingerprint: raise it whenever the way of training changes. The one before had no
body features; its files can still be read."""
LEARNED_VARIANCE = 8.0
"""Total variance of the learned coordinates over the pool; the measured ones have 2."""
SEED = 0

logger = logging.getLogger(__name__)


def train_or_load_evaluator(
    data_dir: Path | str,
    out: Path | str,
    preset: str = "demo",
    seed: int = SEED,
    encoder: TextEncoder | None = None,
    skip_damaged: bool = False,
    own: Path | None = None,
    pool: MotionSet | None = None,
) -> TrainedEvaluator:
    """Read the evaluator of a family of data from `out`, or train it on the pool and keep it there.

    Its file `evaluator_FINGERPRINT.pt` is the same for every data set of one pool, so that arms of
    any size and seed share it. Processes that start at once wait for the first.

    Args:
        data_dir: dataset in HumanML3D layout; its pool is learnt, its split `test` reported on.
        out: folder of the files; made if it is not there.
        preset: name in `domains.motion.evaluator.training.PRESETS`.
        seed: fixes weights and batches.
        encoder: gives the token vectors of captions; MiniLM if left out.
        skip_damaged: see `load_split`.
        own: folder where an older version kept the evaluator of a run; where there is one of this
            pool, it judges the run to its end.
        pool: `load_pool(data_dir)` where that is done already.

    Raises:
        InvalidOptionError: there is no preset of that name.
        CorruptFileError: the file cannot be read.
        StorageError: the folder cannot be written.
        MissingAssetError, InvalidMotionError, InvalidCaptionError: see `load_split`.
    """
    row = PRESETS.named(preset, "evaluator preset")
    encoder = MiniLMEncoder() if encoder is None else encoder
    pool = load_pool(data_dir, skip_damaged=skip_damaged) if pool is None else pool
    fingerprint_of = functools.cache(functools.partial(_fingerprint, pool, seed, encoder))
    for older in sorted(own.glob("evaluator_*.pt")) if own is not None else ():
        found = _loaded(older, pool, row, encoder, fingerprint_of)
        if found is not None:
            return found
    file = evaluator_file(Path(out), fingerprint_of(row, RECIPE))
    make_folder(file.parent)
    with FileLock(file.with_suffix(".lock")):
        if not file.exists():
            test = load_split(data_dir, "test", skip_damaged=skip_damaged)
            _train(file, pool, test, row, seed, encoder)
    found = _loaded(file, pool, row, encoder, fingerprint_of)
    if found is None:
        raise CorruptFileError(
            "evaluator is another one than its name says", path=file, remedy=f"remove {file}"
        )
    return found


def _train(
    file: Path,
    pool: MotionSet,
    test: MotionSet,
    row: EvaluatorPreset,
    seed: int,
    encoder: TextEncoder,
) -> None:
    """Train an evaluator, measure it on held-out motions, and write it."""
    motions = [item.vectors for item in pool.items]
    body = BodySpace.of(motions)
    with threads(row.threads):
        network = train_network(pool, row, seed, encoder, body)
        evaluator = TrainedEvaluator(network, encoder, pool.mean, pool.std, body, {})
        learned = evaluator.embed_motions(motions)[:, : row.embedding].var(axis=0).sum()
        network.rescale(float(np.sqrt(LEARNED_VARIANCE / learned)) if learned else 1.0)
        report = held_out_report(evaluator, test, seed)
    content: dict[str, Any] = {"fingerprint": _fingerprint(pool, seed, encoder, row)}
    content |= {"preset": asdict(row), "network": network.state_dict(), "report": report}
    save_checkpoint(file, content)
    logger.info("evaluator: %s; kept in %s", report, file)


def _loaded(
    file: Path,
    pool: MotionSet,
    row: EvaluatorPreset,
    encoder: TextEncoder,
    fingerprint_of: Callable[[EvaluatorPreset, int], str],
) -> TrainedEvaluator | None:
    """Read an evaluator; None if its fingerprint is not one of this pool, seed and encoder."""
    stored = load_checkpoint(file)
    try:
        own = EvaluatorPreset(**stored["preset"]) if "preset" in stored else row
        fingerprint, weights, report = (stored[n] for n in ("fingerprint", "network", "report"))
    except (KeyError, TypeError) as error:
        raise CorruptFileError(
            "evaluator cannot be read", path=file, found=repr(error), remedy=f"remove {file}"
        ) from error
    config, body = network_config(own, encoder), None
    if replace(own, embedding=row.embedding) != row:  # the one number that recipe 3 changed
        return None
    if fingerprint == fingerprint_of(own, RECIPE):
        body = BodySpace.of([item.vectors for item in pool.items])
    elif fingerprint == fingerprint_of(own, OLDER):
        config = replace(config, told=0)
    else:
        return None
    network = MotionEvaluator(config)
    load_state(network, weights, file)
    return TrainedEvaluator(
        network, encoder, pool.mean, pool.std, body, report, fingerprint,
        captions=file.with_name(f"{file.stem}_captions_{_digest(weights)}.safetensors"),
    )  # fmt: skip


def _digest(weights: Mapping[str, Tensor]) -> str:
    """Hash weights: those of one fingerprint differ in their last bits between machines."""
    digest = hashlib.blake2b(digest_size=8)
    for name, array in sorted(weights.items()):
        digest.update(name.encode() + array.cpu().numpy().tobytes())
    return digest.hexdigest()


def evaluator_fingerprint(
    pool: MotionSet, preset: str, seed: int = SEED, encoder: TextEncoder | None = None
) -> str:
    """Hash what decides the weights of an evaluator to 32 hexadecimal digits; train nothing.

    Args:
        pool: all motions that it learns (`load_pool`).
        preset, seed, encoder: as `train_or_load_evaluator` has them.

    Raises:
        InvalidOptionError: there is no preset of that name.
    """
    encoder = MiniLMEncoder() if encoder is None else encoder
    return _fingerprint(pool, seed, encoder, PRESETS.named(preset, "evaluator preset"))


def evaluator_file(folder: Path, fingerprint: str) -> Path:
    """Return where the evaluator of that fingerprint is kept."""
    return folder / f"evaluator_{fingerprint}.pt"


def evaluator_recipe(
    preset: str, seed: int = SEED, encoder: TextEncoder | None = None
) -> dict[str, Any]:
    """Return what decides the weights of an evaluator beside its pool, in terms of JSON."""
    name = (MiniLMEncoder() if encoder is None else encoder).name
    return {
        "recipe": RECIPE,
        **asdict(PRESETS.named(preset, "evaluator preset")),
        "seed": seed,
        "encoder": name,
    }


def held_out_report(evaluator: TrainedEvaluator, test: MotionSet, seed: int) -> dict[str, Any]:
    """Measure how far the evaluator can be trusted, on real motions that it never saw.

    Returns:
        `r_precision`: top-1 to 3 among 32, where only its own motion is right for a caption;
        `r_precision_same_caption`: motions prompted by the same words are right, too;
        `matching_score`: mean distance of pairs;
        `fid_floor`: FID of two resamples of the test set.
    """
    rng = np.random.default_rng(seed)
    items = [test.items[row] for row in rng.permutation(len(test.items))]
    captions = [item.captions[rng.integers(len(item.captions))].text for item in items]
    texts = evaluator.embed_texts(captions)
    motions = evaluator.embed_motions([item.vectors for item in items])
    own = match(texts, motions)
    shared = match(texts, motions, captions=captions)
    return {
        "r_precision": list(own.r_precision),
        "r_precision_same_caption": list(shared.r_precision),
        "matching_score": own.matching_score,
        "fid_floor": floor_by_resampling(motions, rng).value,
    }


def _fingerprint(
    pool: MotionSet, seed: int, encoder: TextEncoder, preset: EvaluatorPreset, recipe: int = RECIPE
) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((recipe, preset, seed, encoder.name)).encode())
    digest.update(pool.mean.tobytes() + pool.std.tobytes())
    for item in pool.items:
        digest.update(repr((item.name, item.vectors.shape, item.captions)).encode())
        digest.update(np.ascontiguousarray(item.vectors).tobytes())
    return digest.hexdigest()


@command()
def main(data_dir: Path, out: Path, preset: str = "demo", seed: int = SEED) -> None:
    """Train the text-motion evaluator of a dataset, or find that it is trained already.

    Args:
        data_dir: dataset in HumanML3D layout.
        out: folder for evaluator_FINGERPRINT.pt.
        preset: demo, cmu or paper.
        seed: fixes everything.
    """
    evaluator = train_or_load_evaluator(data_dir, out, preset, seed)
    logger.info("held-out report: %s", evaluator.report)


if __name__ == "__main__":
    tyro.cli(main)
