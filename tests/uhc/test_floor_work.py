"""Bodies that bear load on hands, knees and trunk: statics, simulation, search, and the choice."""

from __future__ import annotations

from dataclasses import asdict, replace

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from loop.errors import InvalidOptionError
from uhc.controllers.base import TrackingRequest
from uhc.controllers.search import Search
from uhc.controllers.tracker import Tracker
from uhc.humanoid.cleanup import clean, lowest_point, on_feet
from uhc.humanoid.fitting import foot_drop
from uhc.humanoid.model import Humanoid, qpos_to_joints, qpos_to_joints_zup, qpos_to_spheres
from uhc.humanoid.segments import FOOT_DROP_M
from uhc.options import CorrectionOptions
from uhc.pipeline import correct_clip
from uhc.refine.solve import refine, unexplained_force
from uhc.rl.environment import ACTION, EnvOptions, ReferenceClip, TrackingEnv
from uhc.rl.observation import SIZE

Array = NDArray[np.float64]
STRICT = Tracker(levels_n=(0.0,))
KNEES, HANDS, TRUNK = [8, 9], [12, 13], [14, 15, 17, 18]
"""Rows of a body's contacts: after the 8 corners, in the order of
`uhc.humanoid.segments.SPHERES`."""


def test_spheres_add_contacts_and_no_mass(
    body_humanoid: Humanoid, symmetric_humanoid: Humanoid
) -> None:
    ours, feet = body_humanoid.model, symmetric_humanoid.model
    assert (body_humanoid.contacts, symmetric_humanoid.contacts) == ("body", "feet")
    assert len(symmetric_humanoid.contact_bodies) == 8 and len(body_humanoid.contact_bodies) == 19
    np.testing.assert_allclose(ours.body_mass, feet.body_mass, atol=1e-12)
    np.testing.assert_allclose(ours.body_inertia, feet.body_inertia, atol=1e-12)
    touching = np.flatnonzero(ours.geom_contype == 2)
    kinds = ours.geom_type[touching]
    assert np.sum(kinds == mujoco.mjtGeom.mjGEOM_SPHERE) == 11
    assert np.sum(kinds == mujoco.mjtGeom.mjGEOM_BOX) == 2 and len(touching) == 13


def test_spheres_are_where_mujoco_has_them(body_humanoid: Humanoid, on_all_fours: Array) -> None:
    data = mujoco.MjData(body_humanoid.model)
    data.qpos[:] = on_all_fours[0]
    mujoco.mj_kinematics(body_humanoid.model, data)
    spheres = [body_humanoid.model.geom(f"sphere_{s}").id for s in range(11)]
    lowest = data.geom_xpos[spheres] - body_humanoid.model.geom_size[spheres, :1] * [0, 0, 1.0]
    np.testing.assert_allclose(
        qpos_to_spheres(body_humanoid, on_all_fours[:1])[0], lowest, atol=1e-12
    )
    sites = data.site_xpos[body_humanoid.contact_sites[8:]]
    np.testing.assert_allclose(sites, data.geom_xpos[spheres], atol=1e-12)


def test_in_a_standing_pose_no_sphere_is_near_the_floor(
    body_humanoid: Humanoid, standing: Array
) -> None:
    assert qpos_to_spheres(body_humanoid, standing[:1])[..., 2].min() > 0.3


def test_who_lies_is_borne_by_the_back(
    body_humanoid: Humanoid, symmetric_humanoid: Humanoid, lying: Array
) -> None:
    """Forces add up to the weight, and their moments about the centre of mass to nothing."""
    assert unexplained_force(symmetric_humanoid, lying).min() > 0.9
    assert unexplained_force(body_humanoid, lying).max() < 0.01
    out = refine(body_humanoid, lying[:20])
    force = out.contact_forces[10] / body_humanoid.body_weight
    assert out.unexplained_force_bw.max() < 0.01
    np.testing.assert_allclose(force.sum(0), [0.0, 0.0, 1.0], atol=0.01)
    assert force[TRUNK, 2].sum() > 0.35  # pelvis and back; what heels bear depends on the weights
    data = mujoco.MjData(body_humanoid.model)
    data.qpos[:] = out.qpos[10]
    mujoco.mj_forward(body_humanoid.model, data)
    at = data.site_xpos[body_humanoid.contact_sites]
    at = at - body_humanoid.contact_radii[:, None] * [0.0, 0.0, 1.0]
    np.testing.assert_allclose(at[force[:, 2] > 0.02, 2], 0.0, atol=0.01)
    moment = np.cross(at - data.subtree_com[1], force).sum(0)
    np.testing.assert_allclose(moment, 0.0, atol=0.005)  # body weights times metres


@pytest.mark.parametrize("pose", ["lying", "on_all_fours"])
def test_it_stays_without_help(
    pose: str, body_humanoid: Humanoid, request: pytest.FixtureRequest
) -> None:
    qpos = request.getfixturevalue(pose)
    done = STRICT.track(TrackingRequest(body_humanoid, qpos))
    assert done.success and done.error_m < 0.005
    assert done.force_bw == 0.0 and done.torque_bwm == 0.0
    assert done.contact_bw == pytest.approx(1.0, abs=0.01)


def test_hands_and_knees_share_the_weight(body_humanoid: Humanoid, on_all_fours: Array) -> None:
    out = refine(body_humanoid, on_all_fours[:20])
    load = out.contact_forces[10, :, 2] / body_humanoid.body_weight
    assert out.unexplained_force_bw.max() < 0.01
    assert load[KNEES].min() > 0.1 and load[HANDS].min() > 0.2
    assert load[KNEES].sum() + load[HANDS].sum() + load[:8].sum() == pytest.approx(1.0, abs=0.02)


def test_the_feet_alone_cannot_carry_it(symmetric_humanoid: Humanoid, on_all_fours: Array) -> None:
    assert unexplained_force(symmetric_humanoid, on_all_fours).min() > 0.5
    done = STRICT.track(TrackingRequest(symmetric_humanoid, on_all_fours))
    assert not done.success or done.error_m > 0.02


def test_lowest_points_are_the_spheres(
    body_humanoid: Humanoid, lying: Array, standing: Array
) -> None:
    np.testing.assert_allclose(lowest_point(body_humanoid, lying), 0.0, atol=1e-9)
    sunk = lying - 0.05 * np.eye(body_humanoid.nq)[2]
    np.testing.assert_allclose(clean(body_humanoid, sunk)[:, 2], lying[:, 2], atol=1e-6)
    assert not on_feet(body_humanoid, lying).any() and on_feet(body_humanoid, standing).all()


def test_feet_of_a_lying_body_say_nothing_about_how_they_stand(
    body_humanoid: Humanoid, lying: Array
) -> None:
    joints = qpos_to_joints(body_humanoid, lying).astype(np.float64)
    assert foot_drop(joints) == FOOT_DROP_M


def test_the_whole_chain_on_hands_and_knees(body_humanoid: Humanoid, on_all_fours: Array) -> None:
    joints = qpos_to_joints(body_humanoid, on_all_fours[:24])
    done = correct_clip(joints, CorrectionOptions(controller=STRICT))
    assert done.success and done.contacts == "body"
    assert done.mpjpe_mm < 30.0 and done.residual_force_bw == 0.0
    forced = correct_clip(joints, CorrectionOptions("refined", contacts="feet"))
    own = correct_clip(joints, CorrectionOptions("refined"))
    assert forced.contacts == "feet"
    assert forced.unexplained_force_bw > 10 * own.unexplained_force_bw


def test_an_upright_clip_is_on_its_feet_bit_for_bit(walk: NDArray[np.float32]) -> None:
    chosen, told = (
        correct_clip(walk[:24], CorrectionOptions(contacts=contacts))
        for contacts in ("auto", "feet")
    )
    assert chosen.joints is not None and told.joints is not None
    np.testing.assert_array_equal(chosen.joints, told.joints)
    numbers = [asdict(replace(done, joints=None, seconds=0.0)) for done in (chosen, told)]
    np.testing.assert_equal(numbers[0], numbers[1])  # NaN equals NaN
    assert chosen.contacts == "feet"


def test_search_and_environment_take_such_a_body(
    body_humanoid: Humanoid, on_all_fours: Array
) -> None:
    env = TrackingEnv(body_humanoid, [ReferenceClip("fours", on_all_fours)], EnvOptions())
    seen, _ = env.reset(seed=0)
    assert seen.shape == (SIZE,)
    for _ in range(8):
        seen, reward, failed, _, _ = env.step(np.zeros(ACTION))
        assert np.isfinite(seen).all() and reward > 0.9 and not failed
    options = Search(samples=4, survivors=2)
    found = options.track(TrackingRequest(body_humanoid, on_all_fours[:12]))
    assert found.success and found.force_bw == 0.0
    goals = qpos_to_joints_zup(body_humanoid, on_all_fours[:12])
    assert np.abs(qpos_to_joints_zup(body_humanoid, found.qpos) - goals).max() < 0.05


def test_contacts_that_do_not_exist_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="contacts"):
        CorrectionOptions(contacts="hands")  # type: ignore[arg-type]
