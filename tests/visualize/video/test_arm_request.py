"""A film of an arm's motion shows the simulation that the arm's correction delivered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from dataset.captions import Caption
from dataset.humanml3d import MotionItem, load_split
from dataset.writer import DatasetClip
from domains.motion.correction import MotionCorrection, body_of
from domains.motion.files import CORRECTED, FOLDER, SAMPLED, MotionBatch
from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError
from loop.rng import Stream
from tests.dataset.writing import write_dataset
from tests.runs import write_settings
from tests.uhc.test_recording import delivered, faint_policy, swaying
from translation.humanml import joints_to_vectors, vectors_to_joints
from translation.units import TO_Y_UP, Convention
from uhc.controllers.cascade import Cascade
from uhc.controllers.policy import PolicyController
from uhc.controllers.registry import create_controller, describe_controller
from uhc.controllers.search import Search
from uhc.controllers.tracker import Tracker
from uhc.options import CorrectionOptions
from uhc.recording import record
from uhc.rl.policy import Policy
from visualize.video.arm_request import request_at, sampled_at
from visualize.visualizer import gather, main

CAPTION = Caption("a person sways", ("a/DET", "person/NOUN", "sway/VERB"))
Arm = Callable[..., Path]


def policy_of(options: CorrectionOptions) -> Policy:
    """The policy in a cascade."""
    assert isinstance(options.controller, Cascade)
    assert isinstance(options.controller.controller, PolicyController)
    return options.controller.controller.policy


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """One clip of a person who is a tenth taller than the samples."""
    vectors = joints_to_vectors(1.1 * swaying(45))
    clip = DatasetClip("000000", vectors, [(CAPTION, 0.0, 0.0)])
    write_dataset(tmp_path / "data", [clip], {"train": ["000000"], "val": [], "test": []})
    np.save(tmp_path / "data" / "Std.npy", np.ones(263, np.float32))  # one clip has too little
    return tmp_path / "data"


@pytest.fixture
def arm(tmp_path: Path, dataset: Path) -> Arm:
    """Makes the folder of an arm with one sample; returns the sample's file."""

    def make(**settings: object) -> Path:
        folder = tmp_path / "synthetic_percent_100_iterative_finetuning_with_correction"
        motions = folder / "generation_1" / FOLDER
        motions.mkdir(parents=True)
        known = {"dataset": str(dataset), "protocol": {"playback_rate": 1.0}}
        known |= {"correction": "simulated", **settings}
        write_settings(folder, known)
        np.save(motions / f"000007{SAMPLED}", joints_to_vectors(swaying(21)))
        return motions / f"000007{SAMPLED}"

    return make


def test_the_film_is_what_the_arm_delivered(arm: Arm, dataset: Path, tmp_path: Path) -> None:
    weights = tmp_path / "policy.safetensors"
    faint_policy().save(weights)
    sample = arm(controller=describe_controller("policy", weights))
    body = body_of(load_split(dataset, "train"))
    controller = create_controller("policy", weights)
    correction = MotionCorrection(CorrectionOptions(controller=controller, skeleton=body), 1)
    batch = MotionBatch((MotionItem("000007", "000007", np.load(sample), (CAPTION,)),))
    corrected = correction.correct(batch, Stream(0)).batch.items[0].vectors
    result = sample.with_name(f"000007{CORRECTED}")
    np.save(result, corrected)
    clips = gather((sample, result), forces=True, weights=weights)
    assert [clip.title for clip in clips] == [sample.stem, result.stem]
    assert np.array_equal(clips[0].joints, clips[1].joints)  # both show what was simulated
    request = clips[1].request
    assert request is not None
    np.testing.assert_array_equal(policy_of(request).weights[0], Policy.load(weights).weights[0])
    for body_of_arm, same in ((request.skeleton, True), (None, False)):
        found = record(np.asarray(clips[1].joints), replace(request, skeleton=body_of_arm))
        shown = delivered(found)[:-1]
        shown -= shown[:1, :1] * [1.0, 0.0, 1.0]  # vectors begin at the origin
        apart = np.abs(shown - vectors_to_joints(corrected)).max()
        assert (apart < 1e-4) == same


def test_each_arm_has_its_own_controller(arm: Arm, dataset: Path, tmp_path: Path) -> None:
    request = request_at(arm(controller="search"))
    assert request.controller == Cascade(Search()) and request.skeleton is not None
    np.testing.assert_allclose(request.skeleton.lengths, 1.1 * DEFAULT_SKELETON.lengths, atol=2e-3)
    outside = tmp_path / "walk.npy"
    assert request_at(outside) == CorrectionOptions()
    assert request_at(outside, "search") == CorrectionOptions(controller=Cascade(Search()))


def test_a_file_of_ones_own_is_in_the_units_that_are_told(tmp_path: Path, arm: Arm) -> None:
    np.save(tmp_path / "own.npy", 100.0 * swaying(5) @ TO_Y_UP["z"])
    sample = arm()
    files = (tmp_path / "own.npy", sample)
    own, of_arm = gather(files, forces=True, convention=Convention("cm", "z"))
    np.testing.assert_allclose(own.joints, swaying(5), atol=1e-5)
    assert own.request == CorrectionOptions()
    assert np.array_equal(of_arm.joints, gather((sample,), forces=True)[0].joints)
    assert len(np.asarray(of_arm.joints)) == len(np.load(sample)) + 1  # what was corrected


def test_an_arm_that_names_no_controller_had_the_tracker(arm: Arm) -> None:
    sample = arm(protocol={"playback_rate": 1.5})
    request = request_at(sample)
    assert request.controller == Tracker() and request.playback_rate == 1.5


def test_a_result_that_was_not_simulated_is_filmed_itself(arm: Arm) -> None:
    sample = arm(correction="refined")
    result = sample.with_name(f"000007{CORRECTED}")
    np.save(result, np.load(sample))
    assert sampled_at(result) == result


def test_other_weights_than_the_arms_are_refused(arm: Arm, tmp_path: Path) -> None:
    sample = arm(controller="policy 0123456789abcdef")
    faint_policy().save(tmp_path / "other.safetensors")
    with pytest.raises(InvalidOptionError, match="--controller-weights"):
        request_at(sample, weights=tmp_path / "other.safetensors")
    with pytest.raises(MissingAssetError):
        request_at(sample, weights=tmp_path / "nowhere.safetensors")
    other = request_at(sample, "policy", tmp_path / "other.safetensors")
    assert isinstance(policy_of(other), Policy)  # who asks for it by name gets it


@pytest.mark.parametrize("controller", ["faithful 0123456789abcdef", "wizard"])
def test_controllers_without_forces(arm: Arm, controller: str) -> None:
    error = InvalidOptionError if controller.startswith("faithful") else CorruptFileError
    with pytest.raises(error, match="tracker"):
        request_at(arm(controller=controller))


def test_without_its_data_set_an_arm_is_filmed_with_a_warning(
    arm: Arm, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert request_at(arm(dataset="gone")).skeleton is None
    assert "gone" in caplog.text


def test_a_controller_without_forces_is_no_film(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", swaying(4))
    with pytest.raises(InvalidOptionError, match="--forces"):
        main((tmp_path / "a.npy",), tmp_path / "a.gif", controller="search")
