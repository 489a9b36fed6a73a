"""What does a generation cost against the number of motions n? `python -m benchmarks.generation`.

Training sets of n motions are clips of a real data set and, beyond those, copies of them with a
little noise. The network is that of the shipped weights; lambda is 1. Every stage of one generation
is run on at most `--part` motions, or steps, and its processor seconds are multiplied up to the
whole; the table says how much was run. Steps a generation grow with n as the published ones do.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import torch
import tyro

from dataset.humanml3d import MotionItem, load_split
from domains.motion.domain import MotionExperiment, build_domain
from domains.motion.files import CorrectionFiles, MotionBatch, SampleFiles
from domains.motion.generator import MotionGenerator
from domains.motion.presets import CORRECTED, MotionPreset, preset_named
from loop.cli import command
from loop.interfaces import Corrected, Mixture
from loop.rng import Stream
from sample.models import SHIPPED, load_model
from translation.layout import read_ids

Value = TypeVar("Value")
NOISE = 0.01
"""Of the deviations of the data set, added to copies of clips."""
DEVICE = torch.device("cpu")
PRESET = preset_named("evidence")
STAGES = ("load", "draw", "correct", "keep", "train", "evaluate")


@dataclass(frozen=True)
class Stage:
    """Processor seconds of a stage: what was run, and that multiplied up to the whole.

    Attributes:
        seconds: of the whole.
        share: part of the whole that was run.
    """

    seconds: float
    share: float = 1.0


def steps_of(n: int, preset: MotionPreset) -> int:
    """Return the steps a generation of n motions: those of the preset up to 256, from there on
    in the ratio of the published ones (a straight line through 1,000 at 256, 40,000 at 2,794)."""
    small, large = preset_named("0256"), preset_named("2794")
    ratio = large.steps_per_generation / small.steps_per_generation
    slope = (ratio - 1) / (int(large.name) - int(small.name))
    return round(preset.steps_per_generation * (1 + slope * max(0, n - int(small.name))))


def enlarge(source: Path, out: Path, n: int) -> Path:
    """Write a copy of a data set whose training part has n clips, and the pool of the source.

    Raises:
        MissingAssetError: `source` is no data set.
    """
    shutil.copytree(source, out, ignore=shutil.ignore_patterns("packed_motions.bin", "cache"))
    clips, pool = read_ids(source, "train"), source / "pool.txt"
    if not pool.is_file():
        shutil.copy(source / "train.txt", out / "pool.txt")
    names, deviation = clips[:n], np.load(source / "Std.npy")
    for number in range(n - len(names)):
        clip, rng = clips[number % len(clips)], np.random.default_rng(number)
        vectors = np.load(source / "new_joint_vecs" / f"{clip}.npy")
        noise = NOISE * deviation * rng.standard_normal(vectors.shape)
        names.append(f"copy{number:06d}")
        np.save(out / f"new_joint_vecs/{names[-1]}.npy", (vectors + noise).astype(np.float32))
        shutil.copy(source / f"texts/{clip}.txt", out / f"texts/{names[-1]}.txt")
    (out / "train.txt").write_text("".join(f"{name}\n" for name in names))
    return out


def timed(work: Callable[[], Value]) -> tuple[Value, float]:
    """Return what `work` returns, and its processor seconds, those of ended children included."""
    before = sum(os.times()[:4])
    value = work()
    return value, sum(os.times()[:4]) - before


def measure(dataset: Path, part: int, preset: MotionPreset, folder: Path) -> dict[str, Stage]:
    """Run the stages of a generation on a data set.

    Args:
        dataset: in HumanML3D layout.
        part: motions, and steps, at most.
        preset: numbers of the experiment.
        folder: for the files of the run.
    """
    n, samples = len(read_ids(dataset, "train")), min(part, preset.eval_samples)
    small = replace(preset, eval_samples=samples)
    experiment = MotionExperiment(dataset, folder / "cache", small, CORRECTED, "simulated", 0)
    build_domain(experiment, 1, DEVICE)  # what arms share: packed data, evaluator, captions
    built, loading = timed(lambda: build_domain(experiment, 1, DEVICE))
    shipped, generator = load_model(SHIPPED, DEVICE), cast(MotionGenerator, built.generator)
    generator.denoiser.adopt(shipped.network.state_dict())
    model = replace(generator.denoiser, mean=shipped.mean, std=shipped.std)
    real = built.real.items[:part]
    texts, frames = [i.captions[0].text for i in real], [len(item.vectors) for item in real]
    model.sample(texts[:1], frames[:1], Stream(0), "warm")
    vectors, drawing = timed(lambda: model.sample(texts, frames, Stream(0), "draw"))
    drawn = MotionBatch(real).with_vectors(vectors)
    built.correction.correct(drawn.take(slice(0, 1)), Stream(0))  # compiles
    corrected, correcting = timed(lambda: built.correction.correct(drawn, Stream(0)))
    whole = _filled(corrected.batch.items or drawn.items, n)
    history, keeping = timed(lambda: _kept(whole, folder))
    mixture = Mixture(built.real, [history], slice(None), [slice(None)])
    steps, few = steps_of(n, preset), max(2, part // 4)
    trainers = [_trainer(generator, dataset, count) for count in (1, few)]
    once, more = (
        timed(lambda one=one: one.fit(mixture, 1, Stream(0), None))[1] for one in trainers
    )
    judged = Corrected(history)
    built.evaluator.evaluate(generator, None, None, Stream(0))  # embeds the captions
    _, judging = timed(lambda: built.evaluator.evaluate(generator, whole, judged, Stream(0)))
    share, each = len(real) / n, drawing / len(real)
    return {
        "load": Stage(loading),
        "draw": Stage(each * n, share),
        "correct": Stage(correcting / share, share),
        "keep": Stage(keeping),
        "train": Stage(once + (more - once) / (few - 1) * (steps - 1), min(1.0, few / steps)),
        "evaluate": Stage(
            judging + each * (preset.eval_samples - samples), samples / preset.eval_samples
        ),
    }


def _filled(items: Sequence[MotionItem], n: int) -> MotionBatch:
    """Repeat motions under new names until there are n."""
    names = [f"{number:06d}" for number in range(n)]
    return MotionBatch(
        tuple(replace(items[k % len(items)], id=name, name=name) for k, name in enumerate(names))
    )


def _kept(batch: MotionBatch, folder: Path) -> MotionBatch:
    """Write a synthetic set as the loop does, and open it again."""
    files = CorrectionFiles()
    SampleFiles().save(batch, folder)
    files.save(Corrected(SampleFiles().load(folder)), folder)
    return files.load(folder).batch


def _trainer(like: MotionGenerator, dataset: Path, steps: int) -> MotionGenerator:
    """Return a generator of the same network that is fine-tuned for so many steps."""
    preset = replace(PRESET, steps_per_generation=steps)
    return MotionGenerator(like.denoiser, load_split(dataset, "train"), preset, CORRECTED, 0)


def straight_line(sizes: Sequence[int], seconds: Sequence[float]) -> tuple[float, float, float]:
    """Fit seconds = a + b n, every size of equal weight in relative terms; returns a, b, and the
    largest relative deviation."""
    n, y = np.asarray(sizes, float), np.asarray(seconds)
    (a, b), *_ = np.linalg.lstsq(np.stack([1 / y, n / y], axis=1), np.ones(len(y)), rcond=None)
    return float(a), float(b), float(np.abs((a + b * n) / y - 1).max())


@command()
def main(
    data: Path = Path("dataset/cmu_0064"),
    sizes: tuple[int, ...] = (64, 128, 256, 1000, 5588),
    part: int = 64,
) -> None:
    """Print processor seconds of a generation of n motions, and the line through them.

    Args:
        data: real clips (`python -m dataset.cmu --size 64 --bvh_dir BVH_FOLDER --out DIR`).
        sizes: numbers n of motions.
        part: motions to draw, correct and evaluate, and a fourth as many steps, at most; the rest
            is multiplied up.
    """
    torch.set_num_threads(1)
    found: dict[int, dict[str, Stage]] = {}
    print(f"| n | steps | {' | '.join(STAGES)} | all but training | a step |")
    print("|" + "---|" * (len(STAGES) + 4))
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            dataset = enlarge(data, Path(folder) / "data", n)
            found[n] = measure(dataset, part, PRESET, Path(folder))
        steps, rest = steps_of(n, PRESET), _rest(found[n])
        cells = (f"{found[n][name].seconds:.3g}{_mark(found[n][name])}" for name in STAGES)
        step = found[n]["train"].seconds / steps
        print(f"| {n} | {steps} | {' | '.join(cells)} | {rest:.3g} | {step:.3g} |", flush=True)
    print("CPU seconds of one core, lambda 1, corrected. In brackets: the part that was run.")
    if len(sizes) > 2:
        a, b, most = straight_line(sizes, [_rest(found[n]) for n in sizes])
        print(f"All but training: {a:.3g} s + {b:.3g} s a motion, within {most:.0%} at every n.")


def _rest(stages: dict[str, Stage]) -> float:
    return sum(stage.seconds for name, stage in stages.items() if name != "train")


def _mark(stage: Stage) -> str:
    return "" if stage.share == 1 else f" ({stage.share:.2g})"


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.generation")
