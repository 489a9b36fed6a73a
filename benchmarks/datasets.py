"""How long do the builders of data sets take? `python -m benchmarks.datasets`.

Takes at hand are read, encoded and written, and the seconds of processor time a second of motion
extrapolated to all of CMU (2,548 takes, 9 hours) and of HumanML3D's index (14,616 rows, 28.6 hours
with mirror images made, on AMASS files that our own inverse kinematics makes of one take).
"""

from __future__ import annotations

import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from benchmarks.bodies import body_content, write_npz
from body_models.smpl import load_body_model
from dataset.build_humanml3d import Task, make
from dataset.cmu import build
from dataset.cmu_captions import Take
from dataset.cmu_takes import read_take
from dataset.humanml3d_index import IndexRow
from dataset.humanml3d_takes import Sources
from translation.amass import write_amass
from translation.humanml import joints_to_vectors
from translation.ik import IKResult, solve_ik

CMU_HOURS, ROWS, ROW_S = 9.0, 14_616, 7.04
VERTICES = 6_890
"""Of SMPL-H: the regressor of its joints costs time once a take."""


@dataclass
class Options:
    bvh_dir: Path
    """Folder with CMU takes and CMU-INDEX.txt."""
    rows: int = 40
    """Rows of HumanML3D's pipeline to make."""


def report(what: str, spent: float, share: float, unit: str) -> None:
    print(f"{what:24s}{spent:8.1f} s here, {spent / share / 60:6.1f} min of one core for {unit}")


def cmu(options: Options, folder: Path) -> None:
    start = time.process_time()
    build(options.bvh_dir, folder / "cmu")
    spent = time.process_time() - start
    vectors = [np.load(path) for path in (folder / "cmu/new_joint_vecs").glob("[0-9]*.npy")]
    hours = sum(map(len, vectors)) / 20 / 3600
    report(f"dataset.cmu, {60 * hours:.0f} min", spent, hours / CMU_HOURS, "9 hours")


def humanml3d(options: Options, folder: Path) -> None:
    path = next(iter(sorted(options.bvh_dir.rglob("02_05.bvh*"))))
    take = read_take(path, Take("02_05", 2, "", ""), None, "y")
    assert take.joints is not None
    for gender in ("male", "female"):
        body_file = folder / "smplh" / gender / "model.npz"
        write_npz(body_file, body_content("smplh", vertices=VERTICES, betas=16))
    body = load_body_model(body_file)
    (slow,) = solve_ik([take.joints[:142]], skeleton=body.skeleton(np.zeros(16)), threads=1)
    fast = IKResult(
        np.repeat(slow.root_position, 6, axis=0),
        np.repeat(slow.local_quat_wxyz, 6, axis=0),
        slow.joints, 0.0, 0.0, slow.skeleton,
    )  # fmt: skip
    (folder / "amass/CMU").mkdir(parents=True)
    write_amass(folder / "amass/CMU/a_poses.npz", fast, 120.0, body)
    for name in ("new_joint_vecs", "new_joints", "texts"):
        (folder / "out" / name).mkdir(parents=True)
    sources = Sources(folder / "amass", folder / "smplh", None, "published")
    start = time.process_time()
    for number in range(options.rows):
        row = IndexRow(f"{number:06d}", "./pose_data/CMU/a_poses.npy", 0, round(ROW_S * 20))
        texts = {row.clip: "a#a/DET#0.0#0.0\n", f"M{row.clip}": "a#a/DET#0.0#0.0\n"}
        make(Task(row.source_path, (row,), texts), sources, folder / "out")
    spent = time.process_time() - start
    report(f"build_humanml3d, {options.rows} rows", spent, options.rows / ROWS, f"{ROWS:,} rows")
    clip = take.joints[:120].astype(np.float64)
    start = time.process_time()
    for _ in range(100):
        joints_to_vectors(clip)
    print(f"joints_to_vectors       {100 * 120 / (time.process_time() - start):,.0f} frames/s")


def main(options: Options) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cmu(options, Path(folder))
        humanml3d(options, Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"largest memory          {peak:.0f} MiB")


if __name__ == "__main__":
    main(tyro.cli(Options))
