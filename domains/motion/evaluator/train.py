"""Train the text-motion evaluator on real data: FID, matching score and R-precision stand on it.

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

RECIPE = 1
"""Part of the fingerprint: raise it whenever the way of training changes."""
SEED = 0
FILE_NAME = "evaluator.pt"

logger = logging.getLogger(__name__)


def train_or_load_evaluator(
    data_dir: Path | str,
    out: Path | str,
    preset: str = "demo",
    seed: int = SEED,
    encoder: TextEncoder | None = None,
    skip_damaged: bool = False,
) -> TrainedEvaluator:
    """The evaluator of a dataset: read from `out` if it was trained on exactly this, else trained.

    Args:
        data_dir: dataset in HumanML3D layout; its split `train` is learnt, `test` reported on.
        out: folder for `evaluator.pt`; made if it is not there.
        preset: name in `evaluator_training.PRESETS`.
        seed: fixes weights, batches and spoilt copies.
        encoder: gives the token vectors of captions; MiniLM if left out.
        skip_damaged: see `load_split`.

    Raises:
        InvalidOptionError: there is no preset of that name.
        CorruptFileError: `evaluator.pt` cannot be read.
        MissingAssetError, InvalidMotionError, InvalidCaptionError: see `load_split`.
    """
    if preset not in PRESETS:
        raise InvalidOptionError(
            "unknown evaluator preset", found=preset, expected=" | ".join(PRESETS)
        )
    encoder = MiniLMEncoder() if encoder is None else encoder
    file = Path(out) / FILE_NAME
    train, test = (
        load_split(data_dir, split, skip_damaged=skip_damaged) for split in ("train", "test")
    )
    mark = _fingerprint(train, test, PRESETS[preset], seed, encoder)
    config = network_config(PRESETS[preset], encoder)
    if file.exists():
        stored = load_checkpoint(file)
        if stored.get("fingerprint") == mark:
            network = MotionEvaluator(config)
            load_state(network, stored["network"], file)
            return TrainedEvaluator(network, encoder, train.mean, train.std, stored["report"])
        logger.info("data or options of the evaluator changed since %s: training again", file)
    with threads(PRESETS[preset].threads):
        network = train_network(train, PRESETS[preset], config, seed, encoder)
        evaluator = TrainedEvaluator(network, encoder, train.mean, train.std, {})
        evaluator.report.update(held_out_report(evaluator, test, seed))
    file.parent.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"fingerprint": mark, "preset": asdict(PRESETS[preset])}
    content |= {"network": network.state_dict(), "report": evaluator.report}
    save_checkpoint(file, content)
    logger.info("evaluator: %s; kept in %s", evaluator.report, file)
    return evaluator


def held_out_report(evaluator: TrainedEvaluator, test: MotionSet, seed: int) -> dict[str, Any]:
    """How far the evaluator can be trusted, on real motions that it never saw.

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
    train: MotionSet, test: MotionSet, preset: EvaluatorPreset, seed: int, encoder: TextEncoder
) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((RECIPE, preset, seed, encoder.name)).encode())
    for part in (train, test):
        digest.update(part.mean.tobytes() + part.std.tobytes())
        for item in part.items:
            digest.update(repr((item.name, item.vectors.shape, item.captions)).encode())
            digest.update(np.ascontiguousarray(item.vectors).tobytes())
    return digest.hexdigest()


def main(data_dir: Path, out: Path, preset: str = "demo", seed: int = SEED) -> None:
    """Train the text-motion evaluator of a dataset, or find that it is trained already.

    Args:
        data_dir: dataset in HumanML3D layout.
        out: folder for evaluator.pt.
        preset: demo or paper.
        seed: fixes everything.
    """
    setup_logging()
    evaluator = train_or_load_evaluator(data_dir, out, preset, seed)
    logger.info("held-out report: %s", evaluator.report)


if __name__ == "__main__":
    tyro.cli(main)
