from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from loop.errors import InvalidOptionError
from loop.sweep.plan import Job, Plan, Request, planner_of


def job(name: str, *after: str, ends: tuple[str, ...] = ()) -> Job:
    return Job(name, [name], Path("logs") / name, after=after, after_end=ends)


def test_waves_are_what_can_run_together() -> None:
    jobs = (
        job("g1"),
        job("g2"),
        job("a", "g1"),
        job("b", "g2"),
        job("graphs", "g1", ends=("a", "b")),
    )
    waves = Plan(Path(), jobs).waves()
    assert [[one.name for one in wave] for wave in waves] == [["g1", "g2"], ["a", "b"], ["graphs"]]


def test_a_plan_that_cannot_be_followed_is_a_bug() -> None:
    with pytest.raises(ValueError, match="before"):
        Plan(Path(), (job("a", "b"), job("b")))
    with pytest.raises(ValueError, match="twice"):
        Plan(Path(), (job("a"), job("a")))


def test_seeds_must_differ() -> None:
    for seeds in ((), (1, 1)):
        with pytest.raises(InvalidOptionError):
            Request("0064", seeds)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seeds_have_63_bits(seed: int) -> None:
    with pytest.raises(InvalidOptionError, match=f"not a seed\n  found: {seed}\n"):
        Request("0064", (42, seed))
    assert Request("0064", (0, 2**63 - 1)).seeds[1] > 2**62


def test_generation_0_is_the_least() -> None:
    with pytest.raises(InvalidOptionError, match="--generations -1\n"):
        Request("0064", generations=-1)
    assert Request("0064", generations=0).generations == 0


def test_an_experiment_is_a_module_with_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("cakes")
    monkeypatch.setitem(sys.modules, "cakes", module)
    with pytest.raises(InvalidOptionError, match="plans no sweep"):
        planner_of("cakes")
    module.plan = lambda request: Plan(Path(request.name), ())  # type: ignore[attr-defined]
    assert planner_of("cakes")(Request("here")).folder == Path("here")
    for name in ("train.no_such_thing", "", ".cakes", "..cakes", "cakes."):
        with pytest.raises(InvalidOptionError, match="no module"):
            planner_of(name)


def test_a_module_that_lacks_something_is_no_missing_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for name, lacks in (("needy", "surely_not_installed"), ("needy_too", "needy_")):
        (tmp_path / f"{name}.py").write_text(f"import {lacks}")
        with pytest.raises(ModuleNotFoundError, match=lacks):
            planner_of(name)
