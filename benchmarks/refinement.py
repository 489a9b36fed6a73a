"""What does each stage of the correction buy? `python -m benchmarks.refinement --clips DIR`.

Clips (F, 22, 3) at 20 fps, metres, y up, are corrupted and corrected in stages: raw inverse
kinematics, `kin` (clean-up), `KD` (kinodynamic refinement), `KD>CT` and `kin>CT` (each tracked in
simulation). Distances are to the *clean* clip standing on the same floor. One line a corruption and
stage: means over clips and seeds, the median in brackets. Times are processor seconds of one thread
a second of motion; run it with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray

from body_models.skeleton import Skeleton
from translation.humanml import FPS
from uhc.humanoid.body import Humanoid
from uhc.measure.corruptions import KINDS, UP, WITHOUT_DRAWS, corrupt
from uhc.measure.plausibility import jitter_mm, mpjpe_mm, skate_mm

Array = NDArray[np.float64]


@dataclass
class Options:
    clips: Path
    """A folder of (F, 22, 3) .npy, or one such file."""
    names: tuple[str, ...] = ()
    """Which clips of the folder, by stem; all without it."""
    corruptions: tuple[str, ...] = KINDS
    seeds: int = 3
    """Draws of a corruption that draws."""
    simulate: bool = True
    """Also track kin and KD in simulation."""


def measure(body: Humanoid, qpos: Array, truth: Array) -> dict[str, float]:
    from uhc.humanoid.model import qpos_to_corners, qpos_to_joints  # after --help: MuJoCo
    from uhc.humanoid.segments import SOLE_BELOW_TOE_M
    from uhc.refine.solve import unexplained_force

    joints = qpos_to_joints(body, qpos)
    on_floor = joints - SOLE_BELOW_TOE_M * UP
    depth = np.maximum(-qpos_to_corners(body, qpos)[..., 2].min(1), 0.0)
    return {
        "global": mpjpe_mm(joints, truth),
        "aligned": mpjpe_mm(joints, truth, root_aligned=True),
        "slide": skate_mm(on_floor, variant="toe_15mm"),
        "sink": 1e3 * float(depth.mean()),
        "unexplained": float(unexplained_force(body, qpos, FPS).mean()),
        "jitter": jitter_mm(joints),
    }


def stages(body: Humanoid, raw: Array, truth: Array, simulate: bool) -> Iterator[tuple[str, dict]]:
    from uhc.controllers.base import TrackingRequest
    from uhc.controllers.tracker import Tracker
    from uhc.humanoid.cleanup import clean
    from uhc.refine.solve import refine

    yield "raw", measure(body, raw, truth)
    kin = clean(body, raw, FPS)
    yield "kin", measure(body, kin, truth)
    started = time.process_time()
    refined = refine(body, kin, FPS).qpos
    seconds = (time.process_time() - started) * FPS / len(raw)
    yield "KD", measure(body, refined, truth) | {"s/s": seconds}
    for name, reference in (("KD>CT", refined), ("kin>CT", kin)) if simulate else ():
        tracked = Tracker().track(TrackingRequest(body, reference))
        row = measure(body, tracked.qpos, truth) if tracked.success else {}
        force = {"applied": tracked.force_bw, "clamp": tracked.clamp_n}
        yield name, row | {"success": float(tracked.success)} | (force if row else {})


def rows(path: Path, options: Options) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Yield (corruption, stage, columns) for every draw of one clip."""
    from translation.ik import solve_ik
    from uhc.humanoid.cleanup import clean
    from uhc.humanoid.model import build_humanoid, pose_to_qpos

    joints = np.load(path).astype(np.float64)
    body = build_humanoid(Skeleton.from_joints(joints))

    def to_qpos(motion: Array) -> Array:
        solution = solve_ik([motion], Skeleton.from_joints(joints), threads=1)[0]
        return pose_to_qpos(body, solution.root_position, solution.local_quat_wxyz)

    exact = to_qpos(joints)
    lift = float(np.median(clean(body, exact, FPS, sigma_frames=0.0)[:, 2] - exact[:, 2]))
    truth = joints + lift * UP
    for kind in options.corruptions:
        for seed in range(1 if kind in WITHOUT_DRAWS else options.seeds):
            raw = to_qpos(corrupt(joints, kind, seed))
            for stage, columns in stages(body, raw, truth, options.simulate):
                yield kind, stage, columns


def main(options: Options) -> None:
    files = sorted(options.clips.glob("*.npy")) if options.clips.is_dir() else [options.clips]
    table: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for path in files:
        if not options.names or path.stem in options.names:
            for kind, stage, columns in rows(path, options):
                table[kind, stage].append(columns)
    for (kind, stage), found in table.items():
        line = f"{kind:7s}{stage:7s}"
        for name in dict.fromkeys(key for columns in found for key in columns):
            values = [columns[name] for columns in found if name in columns]
            line += f" {name} {np.nanmean(values):.3g} ({np.nanmedian(values):.3g})"
        print(line)


if __name__ == "__main__":
    main(tyro.cli(Options))
