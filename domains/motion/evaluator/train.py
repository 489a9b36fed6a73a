"""Train the text-motion evaluator on the pool of a data set: FID, matching and R-precision use it.

`python -m domains.motion.evaluator.train --data_dir DIR --out DIR [--preset demo]`
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from dataset.humanml3d import MotionSet, load_split
from dataset.pool import load_pool
from domains.motion.evaluator.trained import TrainedEvaluator
from domains.motion.evaluator.training import (
    PRESETS,
    EvaluatorPreset,
    network_config,
    train_network,
)
from eval.metrics.floors import floor_by_resampling
from eval.metrics.matching import match
from loop.errors import InvalidOptionError
from loop.progress import setup_logging
from model.checkpoint import load_checkpoint, load_state, save_checkpoint
from model.motion_evaluator import MotionEvaluator
from model.text_encoder import MiniLMEncoder, TextEncoder
from model.threads import threads

RECIPE = 2
"""Part of the fingerprint: raise it whenever the way of training changes."""
SEED = 0

logger = logging.getLogger(__name__)


def train_or_load_evaluator(
    data_dir: Path | str,
    out: Path | str,
    preset: str = "demo",
    seed: int = SEED,
    encoder: TextEncoder | None = None,
    skip_damaged: bool = False,
) -> TrainedEvaluator:
    """Read the evaluator of a family of data from `out`, or train it on the pool and keep it there.

    Its file `evaluator_FINGERPRINT.pt` is the same for every data set of one pool, so that arms of
    any size and seed can share a folder.

    Args:
        data_dir: dataset in HumanML3D layout; its pool is learnt, its split `test` reported on.
        out: folder of the files; made if it is not there.
        preset: name in `evaluator_training.PRESETS`.
        seed: fixes weights, batches and corrupted copies.
        encoder: gives the token vectors of captions; MiniLM if left out.
        skip_damaged: see `load_split`.

    Raises:
        InvalidOptionError: there is no preset of that name.
        CorruptFileError: the file cannot be read.
        MissingAssetError, InvalidMotionError, InvalidCaptionError: see `load_split`.
    """
    row = _preset_named(preset)
    encoder = MiniLMEncoder() if encoder is None else encoder
    pool = load_pool(data_dir, skip_damaged=skip_damaged)
    fingerprint = _fingerprint(pool, row, seed, encoder)
    file = evaluator_file(Path(out), fingerprint)
    config = network_config(row, encoder)
    if file.exists():
        stored = load_checkpoint(file)
        network = MotionEvaluator(config)
        load_state(network, stored["network"], file)
        return TrainedEvaluator(
            network, encoder, pool.mean, pool.std, stored["report"], fingerprint
        )
    test = load_split(data_dir, "test", skip_damaged=skip_damaged)
    with threads(row.threads):
        network = train_network(pool, row, config, seed, encoder)
        evaluator = TrainedEvaluator(network, encoder, pool.mean, pool.std, {}, fingerprint)
        evaluator.report.update(held_out_report(evaluator, test, seed))
    file.parent.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"fingerprint": fingerprint, "preset": asdict(row)}
    content |= {"network": network.state_dict(), "report": evaluator.report}
    save_checkpoint(file, content)
    logger.info("evaluator: %s; kept in %s", evaluator.report, file)
    return evaluator


def evaluator_fingerprint(
    data_dir: Path | str,
    preset: str,
    seed: int = SEED,
    encoder: TextEncoder | None = None,
    skip_damaged: bool = False,
) -> str:
    """Hash what decides the weights of an evaluator to 32 hexadecimal digits; train nothing.

    Args, Raises: as `train_or_load_evaluator`.
    """
    row = _preset_named(preset)
    pool = load_pool(data_dir, skip_damaged=skip_damaged)
    return _fingerprint(pool, row, seed, MiniLMEncoder() if encoder is None else encoder)


def evaluator_file(folder: Path, fingerprint: str) -> Path:
    """Return where the evaluator of that fingerprint is kept."""
    return folder / f"evaluator_{fingerprint}.pt"


def evaluator_recipe(
    preset: str, seed: int = SEED, encoder: TextEncoder | None = None
) -> dict[str, Any]:
    """Return what decides the weights of an evaluator beside its pool, in terms of JSON."""
    name = (MiniLMEncoder() if encoder is None else encoder).name
    return {"recipe": RECIPE, **asdict(_preset_named(preset)), "seed": seed, "encoder": name}


def _preset_named(name: str) -> EvaluatorPreset:
    if name not in PRESETS:
        raise InvalidOptionError(
            "unknown evaluator preset", found=name, expected=" | ".join(PRESETS)
        )
    return PRESETS[name]


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


def _fingerprint(pool: MotionSet, preset: EvaluatorPreset, seed: int, encoder: TextEncoder) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((RECIPE, preset, seed, encoder.name)).encode())
    digest.update(pool.mean.tobytes() + pool.std.tobytes())
    for item in pool.items:
        digest.update(repr((item.name, item.vectors.shape, item.captions)).encode())
        digest.update(np.ascontiguousarray(item.vectors).tobytes())
    return digest.hexdigest()


def main(data_dir: Path, out: Path, preset: str = "demo", seed: int = SEED) -> None:
    """Train the text-motion evaluator of a dataset, or find that it is trained already.

    Args:
        data_dir: dataset in HumanML3D layout.
        out: folder for evaluator_FINGERPRINT.pt.
        preset: demo, cmu or paper.
        seed: fixes everything.
    """
    setup_logging()
    evaluator = train_or_load_evaluator(data_dir, out, preset, seed)
    logger.info("held-out report: %s", evaluator.report)


if __name__ == "__main__":
    tyro.cli(main)
