"""Turns of `python -m benchmarks.correction`: the correction, and plain versions of its loops."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mujoco as _mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from loop.rng import Stream
from translation.humanml import FPS, vectors_to_joints
from translation.rotations import qmul, qrot
from uhc.clips import MotionClip, read_motions
from uhc.control.computed_torque import computed_torque, desired_acceleration, yields
from uhc.control.reference import build_reference
from uhc.control.simulation import Simulation
from uhc.controllers.registry import DEFAULT, create_controller
from uhc.controllers.tracker import Tracker
from uhc.correct import correct_joints
from uhc.humanoid.body import Humanoid
from uhc.humanoid.fitting import fit_motion
from uhc.humanoid.poses import forward_kinematics
from uhc.options import CorrectionOptions, Method
from uhc.pipeline import correct_clip
from uhc.refine.contact_forces import generator_wrenches, solve_contact_forces

Array = NDArray[np.float64]
mujoco: Any = _mujoco  # its compiled parts carry no types
TEXTS = ("a person walks", "a person jumps", "a person dances", "a person boxes")
FRICTION, TORQUE = 0.8, 4.0


def drawn(count: int) -> list[Array]:
    """Draw motions (61, 22, 3)."""
    import torch

    from sample.models import SHIPPED, load_model

    denoiser = load_model(SHIPPED, torch.device("cpu"), 1.0)
    texts = [TEXTS[i % len(TEXTS)] for i in range(count)]
    vectors = denoiser.sample(texts, [60] * count, Stream(42), "draw")
    return [vectors_to_joints(motion, append_next=True).astype(float) for motion in vectors]


def best(call: Callable[[], object], turns: int = 5) -> float:
    """Return the processor seconds of the fastest of several calls."""
    seconds = []
    for _ in range(turns):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


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


def show(name: str, ours: float, plain: float, apart: float) -> None:
    print(
        f"{name:28s} {1e3 * ours:8.2f} ms, plain {1e3 * plain:8.2f} ms: {plain / ours:6.1f} times "
        f"(largest difference {apart:.1g})"
    )


def loops(joints: Array) -> None:
    """Time the inner loops on one motion (F, 22, 3)."""
    clip = fit_motion(joints, contacts="feet")
    body, qpos = clip.humanoid, clip.qpos
    ours, plain = forward_kinematics(body, qpos), plain_kinematics(body, qpos)
    apart = max(float(np.abs(a - b).max()) for a, b in zip(ours, plain, strict=True))
    ours_seconds = best(lambda: forward_kinematics(body, qpos))
    show("kinematics of a clip", ours_seconds, best(lambda: plain_kinematics(body, qpos)), apart)

    rng = np.random.default_rng(0)
    wrench, arms = rng.normal(size=(len(qpos), 6)), rng.normal(size=(len(qpos), 8, 3))
    effort, charge = rng.uniform(0.1, 1.0, (2, len(qpos), 8))

    def forces() -> Array:
        found = solve_contact_forces(
            wrench, arms, effort, charge, friction=FRICTION, torque_weight=TORQUE
        )
        return found.unexplained

    apart = float(np.abs(forces() - plain_contact_forces(wrench, arms, effort, charge)).max())
    plain_seconds = best(lambda: plain_contact_forces(wrench, arms, effort, charge))
    show("contact forces of a clip", best(forces), plain_seconds, apart)

    reference = build_reference(qpos, FPS)
    frames = min(20, len(qpos) - 1)

    def simulate(plainly: bool) -> Array:
        simulation = Simulation(body, reference, 100.0, Tracker().gains)
        if plainly:
            simulation.data.userdata[0] = 0.0  # no callback
            plain_advance(body, simulation, frames * reference.stride)
        else:
            simulation.advance(0, frames * reference.stride)
        return simulation.data.qpos.copy()

    apart = float(np.abs(simulate(True) - simulate(False)).max())
    ours_seconds = best(lambda: simulate(False))
    show("simulation of a second", ours_seconds, best(lambda: simulate(True)), apart)


def stages(clips: Sequence[Array]) -> None:
    """Show how many seconds of motion each method corrects in a processor second."""
    motion = sum(map(len, clips)) / FPS
    methods: tuple[Method, ...] = ("kinematic", "refined", "simulated")
    for method in methods:
        options = CorrectionOptions(method, create_controller(DEFAULT))
        correct_clip(clips[0], options)  # compiles, or reads the compiled code
        start = time.process_time()
        done = [correct_clip(clip, options) for clip in clips]
        speed = motion / (time.process_time() - start)
        print(f"{method:12s} {speed:6.1f} s of motion a CPU second, {_summary(done)}")


def _summary(done: Sequence) -> str:
    forces = [x.residual_force_bw for x in done if np.isfinite(x.residual_force_bw)]
    force = f", {np.mean(forces):.4f} BW of residual force" if forces else ""
    return f"{sum(x.success for x in done)} of {len(done)} clips{force}"


def scaling(clips: Sequence[Array], workers: Sequence[int]) -> None:
    """Show the throughput of several processes beside that of one."""
    options, motion = CorrectionOptions(controller=create_controller(DEFAULT)), sum(map(len, clips))
    for count in workers:
        start = time.perf_counter()
        correct_joints(list(clips) * count, options, workers=count)
        speed = motion * count / FPS / (time.perf_counter() - start)
        print(f"{count:3d} processes {speed:6.1f} s of motion a second, {speed / count:.2f} each")


def run(motions: Path | None, count: int, workers: Sequence[int]) -> None:
    """Print all turns; arguments as `benchmarks.correction.main`."""
    if motions is None:
        clips = drawn(count)
    else:
        found: list[MotionClip] = read_motions(motions)
        clips = [np.asarray(c.joints, float) for c in found if not c.fault][:count]
    with threadpool_limits(1):
        stages(clips)
        loops(clips[0])
    scaling(clips, workers)
