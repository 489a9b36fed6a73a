"""A stranger's domain and correction, in a folder outside the repository."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import domains.mnist.precision
from domains.mnist.presets import PRESETS, preset_named
from loop.errors import InvalidOptionError, RunStateError
from loop.presets import with_changes
from scsc import __main__ as front
from tests.domains.mnist.conftest import data_dir

__all__ = ["data_dir"]  # a fixture

STRANGER = '''
import numpy as np

from scsc import Corrected, Domain, Generator, run_loop


class Normal(Generator):
    state = ("mean", "scale")

    def fit(self, training_set, generation, stream, scratch):
        points = training_set.joined()
        self.mean, self.scale = points.mean(axis=0), points.std(axis=0)

    def synthesise(self, count, stream, scratch=None):
        rng = np.random.default_rng(stream)
        return self.mean + self.scale * rng.standard_normal((count, len(self.mean)))


class Spread:
    def evaluate(self, generator, sampled, corrected, stream, scratch=None):
        return {"scale": float(np.mean(generator.scale))}


class MyDomain(Domain):
    def __init__(self, points: int = 40, seed: int = 0):
        real = np.random.default_rng(seed).standard_normal((points, 3))
        super().__init__(real, Normal(), Spread())


class Rescale:
    """Knows the true scale, 1."""

    def correct(self, batch, stream, scratch=None):
        return Corrected(batch / batch.std(axis=0), {"Scaled_correction": 1.0})



class CentreInPlace:
    """Changes the array that it is given."""

    def correct(self, batch, stream, scratch=None):
        batch -= batch.mean(axis=0)
        return Corrected(batch)


class Stepwise(Generator):
    """Goes half of the way to the mean of its training set: what it was before matters."""

    state = ("mean",)

    def __init__(self, more=None):
        self.mean, self.more = np.zeros(3), more

    def fit(self, training_set, generation, stream, scratch):
        self.mean = (self.mean + training_set.joined().mean(axis=0)) / 2

    def synthesise(self, count, stream, scratch=None):
        return self.mean + np.random.default_rng(stream).standard_normal((count, 3))


class Means:
    def evaluate(self, generator, sampled, corrected, stream, scratch=None):
        means = {"mean": generator.mean, "sampled": 0 if sampled is None else sampled.mean()}
        return {name: float(np.mean(value)) for name, value in means.items()}


def Walk(generator, **parts):
    real = 1 + np.random.default_rng(0).standard_normal((40, 3))
    return Domain(real=real, generator=generator, evaluator=Means(), **parts)
'''


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    (tmp_path / "theirs.py").write_text(STRANGER)
    return tmp_path


def command(repository: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    line = [sys.executable, "-m", "scsc", *words]
    return subprocess.run(line, cwd=folder, env=environment, text=True, capture_output=True)


def test_a_strangers_domain_runs_through_run_loop(
    stranger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(stranger)
    import theirs  # pyright: ignore[reportMissingImports]

    from scsc import run_loop

    raw = run_loop(theirs.MyDomain(), generations=30, mixing="replace")
    assert raw[-1]["scale"] < 0.8 * raw[0]["scale"], "a Gaussian loses its variance"
    kept = run_loop(theirs.MyDomain(), generations=4, folder=stranger / "run")
    again = run_loop(theirs.MyDomain(), generations=4, folder=stranger / "run")
    assert kept == again == run_loop(theirs.MyDomain(), generations=4)


def test_a_correction_that_works_in_place_changes_no_sample_but_its_own(
    stranger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(stranger)
    from theirs import CentreInPlace, Stepwise, Walk  # pyright: ignore[reportMissingImports]

    from scsc import run_loop

    raw = run_loop(Walk(Stepwise()), generations=2)
    weak, whole = (
        run_loop(Walk(Stepwise(), correction=CentreInPlace()), 2, gamma=gamma)
        for gamma in (0.0, math.inf)
    )
    assert weak[-1]["mean"] == raw[-1]["mean"]
    assert abs(whole[1]["sampled"]) > 0.1 and whole[1]["sampled"] == raw[1]["sampled"]


@pytest.mark.parametrize("start_weights", ["last", "scratch"])
def test_a_domain_serves_any_number_of_loops_of_a_process(
    stranger: Path, monkeypatch: pytest.MonkeyPatch, start_weights: str
) -> None:
    monkeypatch.syspath_prepend(stranger)
    import theirs  # pyright: ignore[reportMissingImports]

    from scsc import run_loop

    domain = theirs.Walk(theirs.Stepwise())
    whole = run_loop(theirs.Walk(theirs.Stepwise()), 3, start_weights=start_weights)
    assert run_loop(domain, 3, start_weights=start_weights) == whole
    assert run_loop(domain, 3, start_weights=start_weights) == whole
    run_loop(domain, 1, folder=stranger / "run", start_weights=start_weights)
    assert run_loop(domain, 3, folder=stranger / "run", start_weights=start_weights) == whole


def test_a_generator_that_cannot_be_copied_serves_one_loop_that_fine_tunes(
    stranger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(stranger)
    import theirs  # pyright: ignore[reportMissingImports]

    from scsc import run_loop

    domain = theirs.Walk(theirs.Stepwise(more=threading.Lock()))
    run_loop(domain, 1)
    for words in ({}, {"start_weights": "scratch"}):
        with pytest.raises(InvalidOptionError, match="write a method reset"):
            run_loop(domain, 1, **words)


def test_a_strangers_domain_and_correction_run_from_the_command_line(
    repository: Path, stranger: Path
) -> None:
    words = ["--domain", "theirs:MyDomain", "--generations", "3", "--folder", "out"]
    own = ["--mixing", "replace", "--correction", "theirs:Rescale", "--", "--points", "60"]
    done = command(repository, stranger, *words, *own)
    assert done.returncode == 0, done.stderr
    last = json.loads((stranger / "out" / "generation_3" / "eval_dict.json").read_text())
    (metrics,) = last.values()
    assert metrics["scale"] == pytest.approx(1.0, abs=1e-9)
    assert np.load(stranger / "out" / "generation_3" / "corrected.npy").shape == (60, 3)
    assert f"{metrics['scale']:.4g}" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--domain", "theirs"], "module:Name"),
        (["--domain", "theirs:Nobody"], "Nobody"),
        (["--domain", "theirs:MyDomain", "--mixing", "blend"], "accumulate_subsample"),
        (["--domain", "theirs:MyDomain", "--correction", "theirs:Nobody"], "Nobody"),
    ],
)
def test_a_wrong_name_gets_the_list(
    repository: Path, stranger: Path, words: list[str], said: str
) -> None:
    done = command(repository, stranger, *words)
    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr


def test_a_strength_replaces_a_share_of_the_samples(repository: Path, stranger: Path) -> None:
    words = ("--domain", "theirs:MyDomain", "--correction", "theirs:Rescale", "--generations", "1")
    done = command(repository, stranger, *words, "--gamma", "1", "--folder", "half")
    assert done.returncode == 0, done.stderr
    first = stranger / "half" / "generation_1"
    drawn, mixed = (np.load(first / f"{name}.npy") for name in ("synthetic", "corrected"))
    replaced = (mixed == drawn / drawn.std(axis=0)).all(axis=1)
    assert 8 < replaced.sum() < 32 and np.array_equal(mixed[~replaced], drawn[~replaced])
    report = json.loads((first / "correction.json").read_text())["report"]
    assert report == {"Scaled_correction": 1.0, "Replaced_correction": float(replaced.sum())}


def test_what_was_probed_when_a_run_began_holds_when_it_goes_on(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so do the numbers behind the name of the preset."""
    monkeypatch.chdir(tmp_path)
    words = ["--data", str(data_dir), "--preset", "smoke", "--classifier", "lenet"]
    settings = tmp_path / "run" / "args.json"

    def go_on(generations: int, answer: bool) -> None:
        monkeypatch.setattr(domains.mnist.precision, "bfloat16_pays", lambda kind: answer)
        front.run(front.Options("mnist", Path("run"), generations, correction="none"), words)

    go_on(0, False)
    begun = json.loads(settings.read_text())
    assert begun["resolved"] == {"precision": "fp32", "compile": "no"}
    assert begun["numbers"]["epochs"] == 1
    go_on(1, True)
    assert json.loads(settings.read_text()) == begun
    changed = with_changes(preset_named("smoke"), epochs=2)
    monkeypatch.setitem(PRESETS, "smoke", changed)
    with pytest.raises(RunStateError, match=r"(?s)numbers.*another folder"):
        go_on(1, False)
