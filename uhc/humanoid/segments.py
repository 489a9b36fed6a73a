"""The parts a simulated body is made of: masses, capsules, feet, joints, and the floor under it.

Everything is in metres and kilograms, z up, in the rest pose of a skeleton.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from body_models.arrays import Array
from loop.errors import InvalidOptionError
from translation.rotations import qmul, qrot
from uhc.humanoid.body import GRAVITY
from uhc.humanoid.untyped import mujoco

TOTAL_MASS_KG = 73.4
TIMESTEP_S = 1.0 / 240.0
ARMATURE = 0.01
JOINT_DAMPING = 3.0
SOLE_BELOW_TOE_M = 0.025
"""Height of the toe joint above the floor when the foot stands flat on it."""
FOOT_SIZE_M = (0.24, 0.08, 0.04)
FOOT_DROP_M = 0.045
"""Height of the ankle above the toe joint of a flat foot (median of HumanML3D's resting feet)."""
HEEL_BEHIND_ANKLE_M = 0.06

ANKLES = (7, 8)
LEAVES = (10, 11, 15, 20, 21)
"""Joints without a body of their own: toes, head, wrists move with the body before them."""

# Segment masses as fractions of the whole (Winter, Biomechanics and Motor Control of Human
# Movement, table 4.1: head and neck .081, trunk .497, thigh .1, shank .0465, foot .0145, upper arm
# .028, forearm and hand .022), the trunk split over its joints and the two collars.
MASS_FRACTION = {
    0: 0.142, 1: 0.1, 2: 0.1, 3: 0.07, 4: 0.0465, 5: 0.0465, 6: 0.069, 7: 0.0145, 8: 0.0145,
    9: 0.196, 12: 0.081, 13: 0.01, 14: 0.01, 16: 0.028, 17: 0.028, 18: 0.022, 19: 0.022,
}  # fmt: skip
CAPSULE_RADIUS_M = {
    0: 0.09, 1: 0.07, 2: 0.07, 3: 0.09, 4: 0.05, 5: 0.05, 6: 0.09,
    9: 0.09, 12: 0.07, 13: 0.05, 14: 0.05, 16: 0.045, 17: 0.045, 18: 0.035, 19: 0.035,
}  # fmt: skip
# Where a body that is not on its feet meets the floor: joint whose body it is on, skeleton joint
# about which it lies, and its radius. Capsules do not touch the floor where these do.
SPHERES = (
    (4, 4, 0.05), (5, 5, 0.05),  # knees
    (18, 18, 0.035), (19, 19, 0.035),  # elbows
    (18, 20, 0.035), (19, 21, 0.035),  # hands
    (0, 0, 0.09), (9, 9, 0.09), (12, 15, 0.07),  # pelvis, upper back, head
    (1, 1, 0.09), (2, 2, 0.09),  # hips
)  # fmt: skip
# Four times the torque limits of UHC (protocol section 5), the stronger side on both sides.
TORQUE_LIMIT_NM = {
    1: 2000, 2: 2000, 3: 2000, 4: 2000, 5: 2000, 6: 2000, 7: 2000, 8: 2000, 9: 2000,
    12: 1000, 13: 2000, 14: 2000, 16: 2000, 17: 2000, 18: 600, 19: 600,
}  # fmt: skip


def base_spec() -> Any:
    """Build a `MjSpec` with the solver's settings and a floor at height 0 for all bodies."""
    spec = mujoco.MjSpec()
    spec.modelname = "scsc_humanoid"
    spec.option.timestep = TIMESTEP_S
    spec.option.gravity = [0.0, 0.0, -GRAVITY]
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.solver = mujoco.mjtSolver.mjSOL_NEWTON
    spec.option.impratio = 10.0
    spec.option.jacobian = mujoco.mjtJacobian.mjJAC_SPARSE  # a sixth of a step less than dense
    # One body is one island; looking for more takes a seventh of a step and changes nothing.
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_ISLAND)
    # A diverged state has to be seen, not silently replaced by the rest pose.
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
    spec.option.iterations = 50
    spec.option.ls_iterations = 50  # 10 breaks the elliptic cone: bounces, then NaN
    spec.nuserdata = 1  # address of what `uhc.control.stepping` needs
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0, 0, 1],
        contype=1,
        conaffinity=2,
        friction=[1.0, 0.005, 0.0001],
    )
    return spec


def add_body(parent: Any, joint: int, offset: Array) -> Any:
    """Add a body to `parent` for a skeleton joint: free for the root, else on a ball joint."""
    if joint == 0:
        body = parent.add_body(name="body_0")
        body.add_freejoint(name="root")
        return body
    body = parent.add_body(name=f"body_{joint}", pos=offset)
    body.add_joint(
        name=f"ball_{joint}",
        type=mujoco.mjtJoint.mjJNT_BALL,
        armature=ARMATURE,
        damping=[JOINT_DAMPING, 0.0, 0.0],
    )
    return body


def add_segment(body: Any, joint: int, ends: list[Array], touches: bool = True) -> None:
    """Add capsules from a joint to its children that share the mass; at most the floor is hit.

    The forearm is made a hand longer than the wrist, the neck's capsule ends in the head.
    """
    for k, end in enumerate(ends):
        reach = 1.35 if joint in (18, 19) else 1.0
        body.add_geom(
            name=f"geom_{joint}_{k}",
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=[0.0, 0.0, 0.0, *(reach * end)],
            size=[CAPSULE_RADIUS_M[joint], 0, 0],
            mass=TOTAL_MASS_KG * MASS_FRACTION[joint] / len(ends),
            contype=2 if touches else 0,
            conaffinity=1 if touches else 0,
        )


def add_sphere(body: Any, name: str, centre: Array, radius: float) -> None:
    """Add a sphere without mass that hits the floor."""
    body.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_SPHERE,
        pos=centre,
        size=[radius, 0, 0],
        mass=0.0,
        contype=2,
        conaffinity=1,
        friction=[1.0, 0.005, 0.0001],
    )


def add_foot(body: Any, joint: int, toe: Array, drop: float) -> Array:
    """Add a foot's box, level when the ankle is `drop` above the toe; return its sole's corners.

    The pitch between the rest pose and the flat foot turns about the foot's lateral axis.
    """
    length = float(np.linalg.norm(toe))
    if not 0.0 <= drop < 0.95 * length:
        raise InvalidOptionError(
            "The ankle of a flat foot cannot be that high above its toe.",
            found=f"{drop} m",
            expected=f"0 to {0.95 * length:.3f} m",
        )
    forward = np.array([toe[0], toe[1], 0.0])
    forward /= np.linalg.norm(forward)
    lateral = np.cross([0.0, 0.0, 1.0], forward)
    pitch = np.arcsin(drop / length) - np.arcsin(np.clip(-toe[2] / length, -1.0, 1.0))
    # Turning the body by +pitch about `lateral` lays the foot flat, so the box is turned by -pitch.
    half = -0.5 * pitch
    quat = np.concatenate([[np.cos(half)], np.sin(half) * lateral])
    flat_toe = np.sqrt(length**2 - drop**2) * forward - [0.0, 0.0, drop]
    half_size = 0.5 * np.array(FOOT_SIZE_M)
    centre = (half_size[0] - HEEL_BEHIND_ANKLE_M) * forward
    centre[2] += flat_toe[2] - SOLE_BELOW_TOE_M + half_size[2]
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], dtype=np.float64)
    corners = centre + (
        signs[:, :1] * half_size[0] * forward
        + signs[:, 1:] * half_size[1] * lateral
        - [0.0, 0.0, half_size[2]]
    )
    heading = np.array([np.cos(0.5 * _yaw(forward)), 0.0, 0.0, np.sin(0.5 * _yaw(forward))])
    body.add_geom(
        name=f"geom_{joint}_0",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=qrot(quat, centre),
        quat=qmul(quat, heading),
        size=half_size,
        mass=TOTAL_MASS_KG * MASS_FRACTION[joint],
        contype=2,
        conaffinity=1,
        friction=[1.0, 0.005, 0.0001],
    )
    return qrot(quat, corners)


def _yaw(forward: Array) -> float:
    return float(np.arctan2(forward[1], forward[0]))
