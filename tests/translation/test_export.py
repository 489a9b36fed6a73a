"""The command that writes motions for Blender."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.bodies import body_content, write_npz
from body_models.skeleton import DEFAULT_SKELETON, JOINT_NAMES
from body_models.smpl import load_body_model
from translation.amass import amass_joints, read_amass
from translation.bvh import read_bvh
from translation.export import main
from translation.humanml import joints_to_vectors
from translation.motion_files import read_motions


def swaying(frames: int = 30) -> np.ndarray:
    joints = np.tile(DEFAULT_SKELETON.rest_joints, (frames, 1, 1))
    joints[..., 0] += 0.1 * np.sin(np.arange(frames) / 4)[:, None]
    joints[..., 1] += 1.0
    return joints.astype(np.float32)


@pytest.fixture
def motions(tmp_path: Path) -> Path:
    folder = tmp_path / "synthetic_motions"
    folder.mkdir()
    np.save(folder / "000001-sampled.npy", joints_to_vectors(swaying()))
    np.save(folder / "000002-sampled.npy", swaying())
    return folder


def test_bvh_of_vectors_and_joints(motions: Path, tmp_path: Path) -> None:
    main(motions, tmp_path / "out")
    for name in ("000001-sampled", "000002-sampled"):
        bvh = read_bvh(tmp_path / "out" / f"{name}.bvh")
        joints = read_motions(motions / f"{name}.npy")[0].joints
        assert bvh.fps == pytest.approx(20)
        np.testing.assert_allclose(bvh.positions(JOINT_NAMES) / 100, joints, atol=0.02)


def test_amass_on_a_body(motions: Path, tmp_path: Path) -> None:
    path = write_npz(tmp_path / "smplh/neutral/model.npz", body_content("smplh", betas=16))
    main(motions / "000002-sampled.npy", tmp_path / "out", "amass", body_models=tmp_path)
    (written,) = (tmp_path / "out").iterdir()
    joints = amass_joints(read_amass(written), load_body_model(path))
    np.testing.assert_allclose(joints, swaying(), atol=0.02)


def test_a_bad_motion_costs_only_itself(motions: Path, tmp_path: Path) -> None:
    np.save(motions / "000000.npy", np.zeros((5, 7)))
    np.save(motions / "000003.npy", np.full((5, 22, 3), np.nan))
    main(motions, tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2
    with pytest.raises(SystemExit) as stopped:
        main(motions / "000003.npy", tmp_path / "none")
    assert stopped.value.code == 1


def test_no_motion_is_replaced_by_its_result(motions: Path, tmp_path: Path, caplog) -> None:
    before = {path: path.read_bytes() for path in sorted(motions.iterdir())}
    (tmp_path / "link").symlink_to(motions)
    for given in (motions, motions / "000002-sampled.npy"):
        with pytest.raises(SystemExit):
            main(given, tmp_path / "link", "npy")
        assert "name another folder with --out" in caplog.text
        caplog.clear()
    assert {path: path.read_bytes() for path in sorted(motions.iterdir())} == before
    np.save(motions / "results.npy", np.stack([swaying()] * 2))
    main(motions / "results.npy", motions, "npy")
    assert len(list(motions.iterdir())) == 5  # its two motions, under their own names


def test_what_is_missing(motions: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(tmp_path / "absent", tmp_path / "out")
    with pytest.raises(SystemExit):
        main(motions, tmp_path / "out", "amass", body_models=tmp_path)
    assert "get_smpl_data.sh" in caplog.text
    assert not (tmp_path / "out").exists()
