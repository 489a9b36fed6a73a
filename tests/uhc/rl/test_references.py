"""References: one body, upright clips, kept in a file."""

from __future__ import annotations

import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from loop.errors import CorruptFileError, MissingAssetError
from uhc.clips import MotionClip, upright
from uhc.rl.references import build_references, load_references, save_references, shared_body


@pytest.fixture(scope="module")
def clip():
    joints = np.repeat(DEFAULT_SKELETON.rest_joints[None].astype(np.float32), 24, axis=0)
    joints[..., 1] -= joints[..., 1].min()
    return MotionClip("000001", joints)


def test_upright_tells_floor_work(clip):
    assert upright(clip.joints)
    crouching = clip.joints.copy()
    crouching[:, 0, 1] -= np.float32(0.5)
    assert not upright(crouching)


def test_build_save_load(clip, tmp_path, caplog):
    body = shared_body([clip])
    broken = MotionClip("000002", np.full((24, 22, 3), np.nan, np.float32))
    references = build_references([clip, broken], body, noisy=1, workers=1)
    assert [r.name for r in references] == ["000001~clean", "000001~0"]
    assert "no reference of 000002~clean" in caplog.text
    assert references[0].qpos.shape == (24, body.humanoid().nq)
    assert np.abs(references[0].qpos - references[1].qpos).max() > 1e-3
    path = tmp_path / "references.npz"
    save_references(path, references, body)
    back, same = load_references(path)
    assert same.foot_drop == body.foot_drop
    np.testing.assert_allclose(back[1].qpos, references[1].qpos, atol=1e-6)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CorruptFileError):
        load_references(path)
    with pytest.raises(MissingAssetError):
        load_references(tmp_path / "none.npz")
