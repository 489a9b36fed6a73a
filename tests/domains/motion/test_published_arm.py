"""The published physics arm: one whole generation with the published controller's files.

The SMPL body is made up, and the policy random, both in the formats that users bring.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.bodies import write_npz
from body_models.skeleton import DEFAULT_SKELETON
from domains.motion.arguments import Arguments
from domains.motion.arm import run
from tests.body_models.bodies import clouds_content
from tests.uhc.controllers.faithful.test_weights import Network, write, zfilter  # noqa: F401
from translation.humanml import joints_to_vectors
from uhc.controllers.faithful.environment import OBSERVATION


@pytest.fixture
def standing_data(tmp_path: Path) -> Path:
    """People who stand and sway: whatever is drawn near them, a robot may try."""
    root = tmp_path / "standing"
    for name in ("new_joint_vecs", "texts"):
        (root / name).mkdir(parents=True)
    rest = DEFAULT_SKELETON.rest_joints - [0.0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0.0]
    for number in range(48):
        sway = 0.02 * np.sin(np.arange(44 + number % 5)[:, None] * 0.3 + number) * [1.0, 0.0, 0.5]
        vectors = joints_to_vectors(rest + sway[:, None] * (rest[:, 1:2] > 0.5))
        np.save(root / "new_joint_vecs" / f"{number:06d}.npy", vectors)
        line = f"a person stands {number}#a/DET person/NOUN stand/VERB {number}/NUM#0.0#0.0\n"
        (root / "texts" / f"{number:06d}.txt").write_text(line)
    np.save(root / "Mean.npy", vectors.mean(axis=0))
    np.save(root / "Std.npy", np.full(263, 1e-3, np.float32))
    for split, ids in (("train", range(8)), ("test", range(8, 48)), ("val", []), ("train_val", [])):
        (root / f"{split}.txt").write_text("".join(f"{number:06d}\n" for number in ids))
    return root


@pytest.fixture
def policy(tmp_path: Path, zfilter) -> Path:  # noqa: F811
    """Random weights that push hard enough to fail here and there."""
    torch.manual_seed(0)
    samples = np.random.default_rng(0).normal(size=(20, OBSERVATION))
    write(tmp_path / "iter_5000.p", zfilter, Network(), samples)
    return tmp_path / "iter_5000.p"


def test_one_generation_of_the_published_physics_arm(
    tmp_path: Path, standing_data: Path, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_npz(tmp_path / "body_models" / "smpl" / "SMPL_NEUTRAL.npz", clouds_content())
    arm = tmp_path / "synthetic_percent_025_iterative_finetuning_with_correction"
    run(
        Arguments(
            save_dir=arm, mini_dataset_dir=standing_data, preset="smoke", num_generations=1,
            synthetic_augmentation_percent=0.25, augmentation_type="imitation_output",
            controller="faithful", controller_weights=policy, faithful=True,
            workers=1, device="cpu", eval_num_samples=32,
        )
    )  # fmt: skip
    folder = arm / "generation_1" / "synthetic_motions"
    drawn = {path.name.split("-")[0]: len(np.load(path)) for path in folder.glob("*-sampled.npy")}
    imitated = {
        path.name.split("-")[0]: np.load(path) for path in folder.glob("*-sampled_and_imitated.npy")
    }
    assert drawn.keys() == imitated.keys() and len(drawn) == 2  # failed imitations are kept
    assert all(np.isfinite(motion).all() for motion in imitated.values())
    gained = [len(imitated[clip]) - frames for clip, frames in drawn.items()]
    assert min(gained) >= 0 and max(gained) > 0  # a frame a teleport
    settings = json.loads((arm / "args.json").read_text())
    assert settings["protocol"]["playback_rate"] == 1.5
    assert settings["controller"].startswith("faithful ")
    (metrics,) = json.loads((arm / "generation_1" / "eval_dict.json").read_text()).values()
    assert metrics["Attempted imitations_correction"] == 2.0
    assert metrics["Failed imitations_correction"] == sum(gain > 0 for gain in gained)
