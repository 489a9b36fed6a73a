"""The inner loops of the correction, and plain versions of them that give the same numbers.

Kinematics a body at a time in numpy, contact forces by scipy's NNLS, a frame at a time, the control
step called from Python at every physics step.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from benchmarks.render import walking
from benchmarks.turns import Work
from body_models.arrays import Array
from translation.humanml import FPS
from translation.rotations import qmul, qrot
from uhc.control.computed_torque import computed_torque, desired_acceleration, yields
from uhc.control.reference import build_reference
from uhc.control.simulation import Simulation
from uhc.controllers.tracker import Tracker
from uhc.humanoid.body import Humanoid
from uhc.humanoid.fitting import fit_motion
from uhc.humanoid.poses import forward_kinematics
from uhc.humanoid.untyped import mujoco
from uhc.refine.contact_forces import generator_wrenches, solve_contact_forces

FRICTION, TORQUE = 0.8, 4.0


def plain_kinematics(body: Humanoid, qpos: Array) -> tuple[Array, Array]:
    """Compute positions (F, 17, 3) and rotations (F, 17, 4) of the bodies."""
    local = qpos[:, 3:].reshape(len(qpos), -1, 4)
    positions, quats = np.empty((*local.shape[:2], 3)), local.copy()
    positions[:, 0] = qpos[:, :3]
    for b in range(1, local.shape[1]):
        above = body.body_parents[b]
        bone = qrot(quats[:, above], body.body_offsets[b])
        positions[:, b] = positions[:, above] + bone
        quats[:, b] = qmul(quats[:, above], local[:, b])
    return positions, quats


def plain_contact_forces(wrench: Array, arms: Array, effort: Array, charge: Array) -> Array:
    """Solve the problem of `solve_contact_forces` frame by frame: unexplained wrenches (F, 6)."""
    weights = np.array([1.0, 1.0, 1.0, TORQUE, TORQUE, TORQUE])
    columns = generator_wrenches(arms, FRICTION)
    out = np.empty_like(wrench)
    for f, matrix in enumerate(columns):
        root = np.sqrt(np.repeat(effort[f], 4))
        system = np.vstack([weights[:, None] * matrix, np.diag(root)])
        target = np.concatenate([weights * wrench[f], -np.repeat(charge[f], 4) / root])
        out[f] = wrench[f] - matrix @ nnls(system, target)[0]
    return out


def plain_advance(body: Humanoid, simulation: Simulation, steps: int) -> None:
    """Simulate as `Simulation.advance`, with Python between the physics steps."""
    data, reference, gains = simulation.data, simulation.reference, Tracker().gains
    model, mass, dual = body.model, np.zeros((body.nv, body.nv)), np.zeros(6)
    implicit, readiness = model.opt.timestep * model.dof_damping, yields(gains, body.nv)
    shift = np.zeros(2)
    for step in range(steps):
        mujoco.mj_step1(model, data)
        mujoco.mj_fullM(model, data, mass)
        goal = reference.qpos[step].copy()
        shift += gains.anchor * model.opt.timestep * (data.qpos[:2] - goal[:2] - shift)
        goal[:2] += shift
        places = data.site_xpos[body.contact_sites]
        places[:, 2] -= body.contact_radii
        want = desired_acceleration(
            data.qpos, data.qvel, goal, reference.qvel[step], reference.qacc[step], gains
        )
        data.qfrc_applied[:], dual = computed_torque(
            want, mass, implicit, data.qfrc_bias, data.qfrc_passive, data.xpos[1:], data.xmat[1:],
            places, body.contact_bodies, body.body_parents, body.torque_limits, body.body_weight,
            simulation.clamp, readiness, dual,
        )  # fmt: skip
        mujoco.mj_step2(model, data)


def loops() -> dict[str, dict[str, Work]]:
    """Return both ways of each loop, on a motion of three seconds."""
    clip = fit_motion(walking(60), contacts="feet")
    body, qpos = clip.humanoid, clip.qpos
    rng = np.random.default_rng(0)
    wrench, arms = rng.normal(size=(len(qpos), 6)), rng.normal(size=(len(qpos), 8, 3))
    effort, charge = rng.uniform(0.1, 1.0, (2, len(qpos), 8))
    reference = build_reference(qpos, FPS)
    steps = 20 * reference.stride

    def simulate(plainly: bool) -> None:
        simulation = Simulation(body, reference, 100.0, Tracker().gains)
        if plainly:
            simulation.data.userdata[0] = 0.0  # no callback
            plain_advance(body, simulation, steps)
        else:
            simulation.advance(0, steps)

    return {
        "kinematics of 3 s": {
            "plain": lambda: plain_kinematics(body, qpos),
            "ours": lambda: forward_kinematics(body, qpos),
        },
        "contact forces of 3 s": {
            "plain": lambda: plain_contact_forces(wrench, arms, effort, charge),
            "ours": lambda: solve_contact_forces(
                wrench, arms, effort, charge, friction=FRICTION, torque_weight=TORQUE
            ),
        },
        "simulation of 1 s": {
            "plain": lambda: simulate(True),
            "ours": lambda: simulate(False),
        },
    }
