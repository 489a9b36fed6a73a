"""All speeds in one table: `python -m benchmarks` writes results/performance.md.

Each part takes turns with its plain reference in this process and is timed in processor seconds of
one thread. Ratios are of medians. Goals are those of the project's performance notes.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
import tyro
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import gaussian, ik, load, mdm_step, mnist_ddpm, scale
from benchmarks.turns import HEAD, Row, machine, timed
from domains.gaussian.domain import PUBLISHED_GAMMAS, GaussianSettings, run_gaussian
from loop.cli import command
from loop.rng import Stream
from loop.rundir.files import prepare_file, write_bytes
from model.compiled import can_compile
from model.precision import bfloat16_pays

DEVICE = torch.device("cpu")
Part = Callable[[int], Iterator[Row]]


def gaussian_rows(turns: int) -> Iterator[Row]:
    """Measure the whole experiment of one seed."""
    settings = GaussianSettings(seeds=1)
    logging.getLogger("scsc.loop").setLevel(logging.WARNING)  # 500 generations a gamma
    plain = timed(
        {"plain": lambda: [gaussian.reference_curve(settings, g, 0) for g in PUBLISHED_GAMMAS]},
        1,
        warm=False,
    )
    ours = timed({"ours": lambda: run_gaussian(settings)}, turns)
    yield Row(
        f"Gaussian, {settings.generations} generations, {len(PUBLISHED_GAMMAS)} gammas",
        plain["plain"], ours["ours"], goal=100, note="the plain one once",
    )  # fmt: skip


def mnist_rows(turns: int) -> Iterator[Row]:
    """Measure the published U-Net: a guided step of 10 images, a training step of 16."""
    half, compiled = bfloat16_pays("cpu"), can_compile()
    guided = mnist_ddpm.sampling(128, 10, half, compiled)
    training = mnist_ddpm.training(128, 16, half)
    way = "bfloat16, channels last" if half else "float32"
    for kind, steps, name, goal in (
        ("guided sampling, 10 images", guided, way + ", compiled" * (half and compiled), 7.0),
        ("training, batch 16", training, way, 3.5),
    ):
        found = timed({"plain": steps["plain"], "ours": steps["ours"]}, turns)
        note = f"{name}; {roofline(steps['float32'], found, half)}"
        yield Row(f"MNIST {kind}", found["plain"], found["ours"], goal=goal, note=note)


def roofline(step: Callable[[], object], found: dict[str, list[float]], half: bool) -> str:
    """Say what would be gained if all our work ran as fast as products of matrices do here."""
    with FlopCounterMode(display=False) as counter:
        step()
    work = counter.get_total_flops()
    products = timed(mnist_ddpm.products(), 5)
    peak = {name: 2 * 1024**3 / min(seconds) for name, seconds in products.items()}
    best = peak["bfloat16"] if half else peak["float32"]
    reached, allowed = work / median(found["ours"]), median(found["plain"]) * best / work
    return (
        f"{work / 1e9:.0f} GFLOP at {reached / 1e9:.0f} GFLOP/s; products of matrices: "
        f"{peak['float32'] / 1e9:.0f} in float32, {peak['bfloat16'] / 1e9:.0f} in bfloat16, at "
        f"which it would be {allowed:.1f} x"
    )


def mdm_rows(turns: int) -> Iterator[Row]:
    """Measure the demo network: a training step, a step of sampling, and a whole draw."""
    for kind, ways in mdm_step.pairs(mdm_step.DEMO, 64).items():
        found = timed(ways, turns)
        yield Row(f"MDM {kind}", found["plain"], found["ours"])
    from sample.models import SHIPPED, load_model

    plain = load_model(SHIPPED, DEVICE, guidance=2.5).with_sampling("ddpm", 50)
    loop = replace(plain, guidance=1.0).with_sampling("dpmpp", 12)
    texts, frames = ["a person walks"] * 16, [100] * 16
    ways = {
        name: lambda one=one: one.sample(texts, frames, Stream(0), "draw")
        for name, one in (("plain", plain), ("ours", loop))
    }
    found = timed(ways, min(turns, 3))
    yield Row(
        "MDM, 16 motions of 5 s drawn", found["plain"], found["ours"], goal=4,
        note="50 steps of DDPM with guidance 2.5, as the loop did; 12 of DPM-Solver++ without",
    )  # fmt: skip


def geometry_rows(turns: int) -> Iterator[Row]:
    """Measure inverse kinematics beside scipy; BVH and the encoding."""
    from translation.bvh import read_bvh
    from translation.bvh_export import write_bvh
    from translation.humanml import joints_to_vectors, vectors_to_joints
    from translation.ik import IKSettings, solve_ik

    clip = ik.random_clip()
    frames = len(clip)
    (solved,) = solve_ik([clip], threads=1)
    rest = IKSettings().rest
    found = timed(
        {
            "plain": lambda: [
                ik.scipy_frame(clip[f], solved.skeleton, rest) for f in range(0, frames, 40)
            ],
            "ours": lambda: solve_ik([clip], threads=1),
        },
        turns,
    )
    plain = [seconds * 40 for seconds in found["plain"]]
    yield Row(
        "inverse kinematics, 200 frames", plain, found["ours"], note="plain: every 40th frame"
    )
    vectors = joints_to_vectors(clip)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.bvh"
        write_bvh(path, solved, 20.0)
        single = {
            "BVH written": lambda: write_bvh(path, solved, 20.0),
            "BVH read": lambda: read_bvh(path),
            "joints to vectors": lambda: joints_to_vectors(clip),
            "vectors to joints": lambda: vectors_to_joints(vectors),
        }
        for name, seconds in timed(single, turns).items():
            yield Row(name, [], seconds, frames, "frames")


def correction_rows(turns: int) -> Iterator[Row]:
    """Measure the correction of motions of the shipped weights, as drawn and as simulated."""
    from benchmarks.generation_cost import TEXTS
    from sample.models import SHIPPED, load_model
    from uhc.correct import correct_motions
    from uhc.options import CorrectionOptions, Method

    texts = list(TEXTS) * 2
    model = load_model(SHIPPED, DEVICE, guidance=1.0)
    drawn = model.sample(texts, [60] * len(texts), Stream(0), "draw")
    correct_motions(drawn[:1], workers=1)  # compiles
    motions = {"generated": drawn}
    goals: dict[tuple[str, Method], float] = {
        ("generated", "kinematic"): 50,
        ("generated", "refined"): 6,
        ("generated", "simulated"): 10,
        ("clean", "simulated"): 25,
    }
    for (kind, method), goal in goals.items():
        options, begin = CorrectionOptions(method), time.process_time()
        results = correct_motions(motions[kind], options, workers=1)
        spent = time.process_time() - begin
        length = sum(len(one) for one in motions[kind]) / 20
        motions["clean"] = [one.vectors for one in results if one.vectors is not None]
        note = "clips that were corrected once already" if kind == "clean" else ""
        yield Row(f"correction: {method}, {kind}", [], [spent], length, "s of motion", goal, note)


def process_rows(turns: int) -> Iterator[Row]:
    """Measure what motions cost by the number of processes that correct them together."""
    from benchmarks.generation_cost import TEXTS
    from sample.models import SHIPPED, load_model
    from uhc.correct import correct_motions

    def spent(motions: list[np.ndarray], processes: int) -> float:
        before = os.times()
        correct_motions(motions, workers=processes)
        return sum(os.times()[:4]) - sum(before[:4])  # of this process and of those that ended

    texts = list(TEXTS) * 8
    drawn = load_model(SHIPPED, DEVICE, guidance=1.0).sample(
        texts, [60] * len(texts), Stream(0), "draw"
    )
    correct_motions(drawn[:1], workers=1)  # compiles
    for processes in (1, 2, 4, 8, 16):
        start = spent([one[:8] for one in drawn[:processes]], processes) if processes > 1 else 0.0
        rest = spent(drawn, processes) - start
        note = f"besides {start / processes:.2g} s to start each of them" if start else ""
        yield Row(
            f"correction, processes: {processes}", [], [rest], 3 * len(drawn), "s of motion",
            note=note,
        )  # fmt: skip


def loop_rows(turns: int) -> Iterator[Row]:
    """Measure the inner loops of the correction beside plain versions that give the same."""
    from benchmarks.correction import loops

    for part, ways in loops().items():
        found = timed(ways, turns)
        yield Row(part, found["plain"], found["ours"])


def load_rows(turns: int) -> Iterator[Row]:
    """Measure loading of random numbers in the size of HumanML3D with its mirror images."""
    with tempfile.TemporaryDirectory() as folder:
        load.write(Path(folder) / "data", load.ITEMS)
        for way, (count, cpu, wall, memory) in load.measure(Path(folder) / "data").items():
            note = f"{wall:.1f} s by the clock, {memory:.0f} MB of its own"
            goal = load.ITEMS / 10 if way == "packed" else None
            if goal:
                note += "; goal of memory 1000 MB: " + ("met" if memory < 1000 else "**not met**")
            yield Row(f"load {count} items, {way}", [], [cpu], count, "items", goal, note)


def scale_rows(turns: int) -> Iterator[Row]:
    """Measure the training set after 1, 10 and 50 generations, by mixing policy."""
    for policy, row in scale.measure(256, (1, 10, 50)).items():
        note = ", ".join(f"{count} rows {memory:.0f} MB" for count, _, memory in row)
        spent = "/".join(f"{1e3 * seconds:.0f}" for _, seconds, _ in row)
        yield Row(
            f"mixing {policy}, n = 256, 20 batches", [], [row[-1][1]], 20, "batches",
            note=f"after 1/10/50 generations {spent} CPU ms; {note}",
        )  # fmt: skip


def generation_rows(turns: int) -> Iterator[Row]:
    """Measure a corrected generation by stage, for sizes up to the paper's largest."""
    from benchmarks import generation_cost

    yield from generation_cost.rows()


def film_rows(turns: int) -> Iterator[Row]:
    """Measure the drawing of frames of the films."""
    from benchmarks.render import TARGETS, walking
    from loop.errors import MissingAssetError
    from visualize.video.looks import look_frames
    from visualize.video.sheet import Clip

    for look, goal in TARGETS.items():
        try:
            pictures = look_frames([Clip("benchmark", walking(40))], look)
            next(pictures)
        except MissingAssetError:
            continue  # the skin is each user's own
        seconds = timed({"ours": lambda pictures=pictures: list(pictures)}, 1, warm=False)["ours"]
        yield Row(f"film, {look}", [], seconds, 39, "frames", goal)


PARTS: dict[str, Part] = {
    "gaussian": gaussian_rows,
    "mnist": mnist_rows,
    "mdm": mdm_rows,
    "geometry": geometry_rows,
    "correction": correction_rows,
    "processes": process_rows,
    "loops": loop_rows,
    "film": film_rows,
    "scale": scale_rows,
    "generations": generation_rows,
    "load": load_rows,
}


def main(
    out: Path | None = None,
    turns: int = 5,
    parts: tuple[str, ...] = tuple(PARTS),
) -> None:
    """Measure all parts and write the table.

    Args:
        out: the table; default: results/performance.md, of some parts none.
        turns: how often each way runs.
        parts: which of them.
    """
    if out is None and set(parts) == set(PARTS):
        out = Path("results/performance.md")
    if out is not None:
        prepare_file(out)
    torch.set_num_threads(1)
    start, lines = time.perf_counter(), [f"- {fact}" for fact in machine()]
    rows: list[Row] = []
    for name in parts:
        began = time.process_time()
        for row in PARTS[name](turns):
            rows.append(row)
            print(row.markdown(), flush=True)
        print(f"{name}: {time.process_time() - began:.0f} CPU s", flush=True)
    minutes = (time.perf_counter() - start) / 60
    judged = [row for row in rows if row.goal is not None]
    met = sum(row.reached >= row.goal for row in judged if row.goal is not None)
    text = [
        "# Speed, beside plain references",
        "",
        f"Written by `python -m benchmarks` in {minutes:.0f} minutes. Processor seconds of one "
        "thread: median, least and most of the turns; ratios are of medians. "
        f"{met} of {len(judged)} goals are met here.",
        "",
        *lines,
        "",
        HEAD,
        *(row.markdown() for row in rows),
        "",
    ]
    if out is not None:
        write_bytes(out, "\n".join(text).encode())


if __name__ == "__main__":
    with command():
        tyro.cli(main, prog="python -m benchmarks", description=__doc__)
