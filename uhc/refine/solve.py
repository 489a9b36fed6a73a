"""Kinodynamic refinement: the nearest motion that contacts with the floor can explain.

A clip from cameras or from a network asks for forces that nothing exerts: feet sink and slide, and
the body accelerates without anything to push against. `refine` moves all poses of the clip
together, by Gauss-Newton on `uhc.refine.objective`, until friction forces nearly explain it, at
the soles or wherever the humanoid's contacts are.
Related: contact-invariant optimisation (Mordatch et al. 2012), PhysCap (Shimada et al. 2020).

Nothing is simulated here and no force is applied: what contacts do not explain is reported, in body
weights (BW), frame by frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from body_models.arrays import Array
from loop.errors import InvalidMotionError, SimulationError
from uhc.humanoid.body import Humanoid
from uhc.humanoid.kinematics import BodyTree, checked_qpos
from uhc.humanoid.poses import qpos_integrate, steady_qpos
from uhc.refine.banded import PentadiagonalBlocks
from uhc.refine.objective import Evaluation, Objective, Weights

SOFT_START = {"effort": 4.0, "slip": 0.1, "height": 0.3}
"""Factors on the weights of the soft iterations: forces spread, contacts are still negotiable."""


DIAGNOSIS = Weights(
    effort=0.05, effort_height=0.02, effort_speed=0.5, slip=3.0, creep=0.0, height=100.0
)
"""How `unexplained_force` weighs contacts: cheap forces, but only of feet that stand still."""


STEADY_S = 0.03
"""Width of the Gaussian that a motion is smoothed by, for the purpose of asking for its forces."""


@dataclass(frozen=True)
class RefineOptions:
    """How far and how long to refine."""

    weights: Weights = field(default_factory=Weights)
    soft_iterations: int = 4
    """Steps with `SOFT_START`, which decide who stands on what; the rest uses the weights as given.
    A quarter less objective at the end than with firm contacts from the beginning."""
    max_iterations: int = 12
    """All steps, the soft ones included."""
    tolerance: float = 1e-3
    """Stop when a firm step lowers the objective by less than this share."""
    damping: float = 1e-4
    """Levenberg's term, to begin with."""
    steady_s: float = STEADY_S
    """Contacts have to explain the motion smoothed by this, seconds, and not what is faster: that
    moves no body far, and a refinement that takes it away smooths real motion."""


NEAR = RefineOptions(Weights(wrench=0.4, slip=5.0, height=125.0))
"""Asks less of the motion: what is refined stays nearer to what was given, with the same slide, and
most motions that stand or walk can be tracked."""
FIRM = RefineOptions(
    Weights(effort=0.2, effort_height=0.02, effort_speed=0.5, slip=3.0, creep=0.0, height=100.0),
    steady_s=0.0,
)
"""Contacts have to explain all of the motion, and are dear: see `refine_firmly`."""


@dataclass(frozen=True)
class Step:
    """One accepted step: the objective it lowered, before and after, and how far it went (0..1]."""

    before: float
    after: float
    length: float


@dataclass(frozen=True)
class RefinedMotion:
    """A refined clip.

    `qpos` (F, nq) at the input's rate; `contact_forces` (F, C, 3) N in the world frame at the
    humanoid's contacts, foot corners first, by which it was refined; `unexplained_force_bw` (F,) as
    `unexplained_force` finds it; `steps` what each accepted step did. Between two steps the
    objective itself may change: soft becomes firm, and swing labels are renewed.
    """

    qpos: Array
    contact_forces: Array
    unexplained_force_bw: Array
    iterations: int
    converged: bool
    steps: tuple[Step, ...]


def refine(
    humanoid: Humanoid,
    qpos: NDArray[np.floating],
    fps: float = 20.0,
    options: RefineOptions | None = None,
) -> RefinedMotion:
    """Refine a cleaned motion (F, nq), z up, at `fps` frames a second, all frames at once.

    Contacts are decided frame by frame, so a motion interpolated to 40 fps is refined at 40 fps; it
    costs twice as much and gained nothing that could be measured over 20.

    Deterministic and single-threaded, whatever BLAS is allowed elsewhere. A clip of fewer than
    three frames has no accelerations and comes back as it is.

    Raises:
        InvalidMotionError: a shape that does not fit, or values that are not finite.
        SimulationError: the optimisation met values that are not finite (with the frame).
    """
    options = RefineOptions() if options is None else options
    qpos = checked_qpos(humanoid, qpos, fps)
    if len(qpos) < 3:
        still = np.zeros((len(qpos), len(humanoid.contact_bodies), 3))
        return RefinedMotion(qpos, still, np.zeros(len(qpos)), 0, True, ())
    steady = steady_qpos(qpos, options.steady_s * fps) if options.steady_s > 0 else None
    tree = BodyTree.from_humanoid(humanoid)
    objective = Objective(tree, qpos, 1.0 / fps, options.weights, steady)
    # BLAS threads would change the last bits, and lose more than they win on blocks of 54.
    with threadpool_limits(1, user_api="blas"):
        best, steps, converged = _minimise(objective, options)
    refined = qpos_integrate(qpos, best.deviation)
    return RefinedMotion(
        qpos=refined,
        contact_forces=_with_ends(best.contact.points) * humanoid.body_weight,
        unexplained_force_bw=unexplained_force(humanoid, refined, fps),
        iterations=len(steps),
        converged=converged,
        steps=tuple(steps),
    )


def refine_firmly(
    humanoid: Humanoid, qpos: NDArray[np.floating], fps: float = 20.0
) -> RefinedMotion:
    """Refine a motion (F, nq), steadied by `STEADY_S`, by `FIRM`: less like it, easier to track.

    Agile motions need a quarter less residual force than refined by the defaults. Raises as
    `refine`.
    """
    steady = steady_qpos(checked_qpos(humanoid, qpos, fps), STEADY_S * fps)
    return refine(humanoid, steady, fps, FIRM)


def unexplained_force(humanoid: Humanoid, qpos: NDArray[np.floating], fps: float = 20.0) -> Array:
    """Return the root force (F,) in BW that friction at contacts leaves, of any motion (F, nq).

    The motion is smoothed by `STEADY_S` first: capture shakes at the frame rate. The best forces
    within the friction pyramid are dear far from the floor and on what moves (`DIAGNOSIS`), so that
    a foot in the air cannot carry. First and last frame repeat their neighbour. Raises as `refine`,
    and InvalidMotionError below three frames.
    """
    qpos = checked_qpos(humanoid, qpos, fps)
    if len(qpos) < 3:
        raise InvalidMotionError(
            "A force needs an acceleration, that is three frames.", found=f"{len(qpos)} frames"
        )
    steady = steady_qpos(qpos, STEADY_S * fps)
    objective = Objective(BodyTree.from_humanoid(humanoid), qpos, 1.0 / fps, DIAGNOSIS, steady)
    at = objective.evaluate(np.zeros(objective.shape))
    return _with_ends(np.linalg.norm(at.contact.unexplained[:, :3], axis=-1))


def _minimise(firm: Objective, options: RefineOptions) -> tuple[Evaluation, list[Step], bool]:
    """Minimise by Gauss-Newton with Levenberg damping and a halving line search."""
    soft = firm.reweighted(
        replace(firm.weights, **{n: f * getattr(firm.weights, n) for n, f in SOFT_START.items()})
    )
    objective = soft
    at = soft.evaluate(np.zeros(soft.shape))
    damping = options.damping
    steps: list[Step] = []
    for iteration in range(options.max_iterations):
        if iteration == options.soft_iterations:
            objective = firm
            at = firm.evaluate(at.deviation, start=at.contact.dual)
        at = objective.relabel(at)
        gradient, blocks = objective.linearise(at)
        direction = _solve(blocks, gradient, damping)
        found = _line_search(objective, at, direction, float((direction * gradient).sum()))
        if found is None:
            damping = max(10.0 * damping, 1e-3)
            continue
        trial, length = found
        damping = max(0.3 * damping, 1e-6) if length == 1.0 else damping
        steps.append(Step(at.cost, trial.cost, length))
        settled = at.cost - trial.cost <= options.tolerance * at.cost
        at = trial
        if settled and objective is firm:
            return at, steps, True
    return firm.evaluate(at.deviation, start=at.contact.dual), steps, False


def _line_search(
    objective: Objective, at: Evaluation, step: Array, slope: float
) -> tuple[Evaluation, float] | None:
    """Try 1, 1/2, 1/4, ...: return the first that lowers the objective enough (Armijo), or None."""
    length = 1.0
    while length > 1e-3:
        trial = objective.evaluate(at.deviation + length * step, at.idle, at.contact.dual)
        if trial.cost <= at.cost + 1e-4 * length * slope:
            return trial, length
        length *= 0.5
    return None


def _solve(blocks: PentadiagonalBlocks, gradient: Array, damping: float) -> Array:
    """Return the Gauss-Newton direction (F, nv), checked to be finite."""
    _check_finite(gradient)
    try:
        direction = -blocks.solve(gradient, damping)
    except np.linalg.LinAlgError as error:
        raise SimulationError(
            "The refinement's system of equations is not positive definite",
            found=str(error),
            remedy="look for a motion far from what a body can do, or raise the damping",
        ) from error
    _check_finite(direction)
    return direction


def _check_finite(values: Array) -> None:
    bad = ~np.isfinite(values).all(1)
    if bad.any():
        raise SimulationError(
            f"The refinement is not finite, first in frame {int(np.argmax(bad))}",
            found=f"{int(np.sum(bad))} of {len(values)} frames",
            remedy="look at the motion there: jumps between frames, or a body far from the floor",
        )


def _with_ends(inner: Array) -> Array:
    return np.concatenate([inner[:1], inner, inner[-1:]])
