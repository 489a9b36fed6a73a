from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.humanml3d import Caption, MotionItem
from dataset.mnist import Digits
from domains.gaussian.domain import (
    GaussianSettings,
    gaussian_domain,
    run_gaussian,
)
from domains.motion.files import MotionBatch
from examples.own_domain import mixture
from loop.arm import run_loop
from loop.cycle import LoopSettings
from loop.errors import InvalidOptionError, InvalidSamplesError, RunStateError
from loop.interfaces import Corrected, NoCorrection, take
from loop.rng import Streams
from loop.strength import KEPT, REPLACED, PartialCorrection, with_strength
from tests.loop.toy import Numbers

STREAM = Streams(3).at(1, "correct")


class Negated:
    """Sends x to -x, drops the rows in `dropped`, and draws from the streams it spawns."""

    def __init__(self, dropped: tuple[int, ...] = (), says: bool = True) -> None:
        self.dropped, self.says, self.drawn = dropped, says, 0.0

    def correct(self, batch, stream, scratch: Path | None = None) -> Corrected:
        self.drawn = np.random.default_rng(stream.spawn(1)[0]).random()
        left = np.setdiff1d(np.arange(len(batch)), self.dropped)
        report = {"seen": float(len(batch)), KEPT: float(len(left))}
        return Corrected(-take(batch, left), report, left if self.says else None)


def partly(gamma: float, values: np.ndarray, *dropped: int) -> Corrected[np.ndarray]:
    stream = Streams(3).at(1, "correct")
    return PartialCorrection(Negated(dropped), gamma).correct(values, stream)


def test_the_gaussian_with_a_strength_in_the_loop_follows_the_exact_correction() -> None:
    """64 loops on the correction of infinite strength at gamma = 1 in the loop, against the
    correction that draws from pi_gamma itself; both on the same real points and models."""
    loops, last = 64, 12
    exact = {
        gamma: run_gaussian(GaussianSettings((gamma,), 1.0, generations=last, seeds=512, seed=1,
                                             mixing="latest", correction="exact"))
        for gamma in (1.0, math.inf)
    }  # fmt: skip

    def one(seed: int) -> list[float]:
        settings = GaussianSettings((math.inf,), correction="exact", seeds=1, seed=seed)
        real = np.random.default_rng([7, seed]).standard_normal((1, 50, 2))
        domain = gaussian_domain(settings, real)
        found = run_loop(domain, generations=last, ratio=1.0, seed=seed, gamma=1.0)
        assert {"Replaced_correction"} <= found[-1].keys(), "the loop adds the correction's report"
        return [metrics["distance"][0] for metrics in found]  # type: ignore[index]

    ours = np.array([one(seed) for seed in range(loops)])

    def deviations(gamma: float) -> np.ndarray:
        theirs = exact[gamma].distance[:, 0].T
        error = np.sqrt(ours.var(axis=0) / len(ours) + theirs.var(axis=0) / len(theirs))
        return (ours.mean(axis=0) - theirs.mean(axis=0)) / error

    assert np.abs(deviations(1.0)).max() < 3.5
    assert np.abs(deviations(math.inf)[1:]).max() > 5, "the curves of other strengths lie apart"


@given(st.floats(0, 1e6), st.sets(st.integers(0, 39)))
def test_chosen_samples_are_replaced_or_dropped_and_the_others_stay(
    gamma: float, dropped: set[int]
) -> None:
    values = np.arange(1.0, 41.0)
    whole, found = partly(gamma, values), partly(gamma, values, *dropped)
    chosen = whole.batch < 0
    assert np.array_equal(np.abs(whole.batch), values)
    left = [row for row in range(40) if not (chosen[row] and row in dropped)]
    assert found.rows is not None and found.rows.tolist() == left
    assert np.array_equal(found.batch, whole.batch[left])
    replaced = float((found.batch < 0).sum())
    assert found.report == {"seen": 40.0, KEPT: float(len(left)), REPLACED: replaced}


def test_the_share_is_that_of_gamma_and_a_larger_one_replaces_the_same_and_more() -> None:
    values = np.ones(20_000)
    chosen = [partly(gamma, values).batch < 0 for gamma in (0.0, 1 / 3, 3.0)]
    assert [part.mean() for part in chosen] == pytest.approx([0.0, 0.25, 0.75], abs=0.01)
    assert not (chosen[1] & ~chosen[2]).any()


def test_the_correction_draws_what_it_draws_alone_and_inf_is_the_correction() -> None:
    alone, inside = Negated((2,)), Negated((2,))
    values = np.arange(5.0)
    result = alone.correct(values, Streams(3).at(1, "correct"))
    PartialCorrection(inside, 1.0).correct(values, Streams(3).at(1, "correct"))
    assert alone.drawn == inside.drawn
    same = partly(math.inf, values, 2)
    assert np.array_equal(same.batch, result.batch) and same.report == result.report


def test_batches_of_every_domain_are_joined() -> None:
    captions = (Caption("a man walks", ("walk/VERB",)),)
    motions = MotionBatch(
        tuple(MotionItem(f"{i}", f"{i}", np.full((4, 263), float(i)), captions) for i in range(9))
    )
    digits = Digits(
        np.arange(9, dtype=np.uint8)[:, None, None].repeat(28, 1).repeat(28, 2),
        np.arange(9, dtype=np.int64),
    )

    class Blank:
        def correct(self, batch, stream, scratch: Path | None = None) -> Corrected:
            rows = np.arange(8, 3, -1)  # reordered, and the first four dropped
            part = take(batch, rows)
            if isinstance(part, Digits):
                return Corrected(Digits(part.images + np.uint8(100), part.labels), {}, rows)
            return Corrected(part.with_vectors([i.vectors + 100 for i in part.items]), {}, rows)

    chosen = partly(1.0, np.arange(1.0, 10.0)).batch < 0
    left = [i for i in range(9) if i > 3 or not chosen[i]]
    values = [float(i + 100 * chosen[i]) for i in left]
    moved = PartialCorrection(Blank(), 1.0).correct(motions, STREAM).batch
    assert [item.id for item in moved.items] == [str(i) for i in left]
    assert [item.vectors[0, 0] for item in moved.items] == values
    drawn = PartialCorrection(Blank(), 1.0).correct(digits, STREAM).batch
    assert drawn.labels.tolist() == left and drawn.images[:, 0, 0].tolist() == values


def test_what_cannot_be_matched_or_joined_is_refused() -> None:
    for gamma in (-1.0, math.nan):
        with pytest.raises(InvalidOptionError, match="negative"):
            LoopSettings(0, "arm", 1, 1.0, gamma=gamma)
    with pytest.raises(InvalidSamplesError, match="rows"):
        PartialCorrection(Negated((1,), says=False), 1.0).correct(np.ones(3), STREAM)

    with pytest.raises(InvalidOptionError, match="Numbers"):
        PartialCorrection(NoCorrection(), 1.0).correct(Numbers(np.ones(3)), STREAM)


def test_only_a_finite_strength_is_a_setting_of_the_run(tmp_path: Path) -> None:
    domain = mixture()
    assert with_strength(domain, math.inf) is domain
    run_loop(domain, generations=1, folder=tmp_path / "older")
    assert "gamma" not in (tmp_path / "older" / "args.json").read_text()
    with pytest.raises(RunStateError, match="gamma"):
        run_loop(domain, generations=2, folder=tmp_path / "older", gamma=1.0)
    found = run_loop(domain, generations=1, folder=tmp_path / "half", gamma=1.0)
    assert '"gamma": 1.0' in (tmp_path / "half" / "args.json").read_text()
    assert found == run_loop(mixture(), generations=1, gamma=1.0)
