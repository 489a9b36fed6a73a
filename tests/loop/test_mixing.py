from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.interfaces import Mixture
from loop.mixing import POLICIES, accumulate_subsample, policy_named, triangular
from loop.rng import Stream

sizes_lists = st.lists(st.integers(0, 30), max_size=8)


def chosen(rows, size: int) -> np.ndarray:
    return np.arange(size)[rows]


def counts(name: str, n_real: int, sizes: list[int]) -> list[int]:
    selection = policy_named(name)(n_real, sizes, Stream(0))
    assert len(selection.synthetic) == len(sizes)
    picked = [chosen(r, s) for r, s in zip(selection.synthetic, sizes, strict=True)]
    return [len(chosen(selection.real, n_real)), *map(len, picked)]


def test_each_policy_on_three_sets_of_ten() -> None:
    assert counts("latest", 7, [10, 10, 10]) == [7, 0, 0, 10]
    assert counts("replace", 7, [10, 10, 10]) == [0, 0, 0, 10]
    assert counts("accumulate", 7, [10, 10, 10]) == [7, 10, 10, 10]
    assert counts("triangular", 7, [10, 10, 10]) == [7, 3, 6, 10]
    assert sum(counts("accumulate_subsample", 7, [10, 10, 10])) == 7
    assert counts("fresh_data", 7, [10, 10, 10]) == [0, 0, 0, 10]


@given(st.integers(1, 40))
def test_every_policy_trains_on_real_data_where_nothing_else_exists(n_real: int) -> None:
    for name in POLICIES.names:
        assert counts(name, n_real, []) == [n_real]


@given(st.integers(1, 40), sizes_lists)
def test_subsampling_keeps_the_budget_and_repeats_no_row(n_real: int, sizes: list[int]) -> None:
    selection = accumulate_subsample(n_real, sizes, Stream(1))
    assert sum(counts("accumulate_subsample", n_real, sizes)) == n_real
    for rows, size in zip([selection.real, *selection.synthetic], [n_real, *sizes], strict=True):
        picked = chosen(rows, size)
        assert len(set(picked.tolist())) == len(picked)


def test_subsampling_is_uniform_over_all_rows() -> None:
    hits = np.zeros(30)
    for seed in range(2000):
        selection = accumulate_subsample(10, [10, 10], Stream(seed))
        for offset, rows in zip((0, 10, 20), [selection.real, *selection.synthetic], strict=True):
            hits[offset + np.arange(10)[rows]] += 1
    # 2000 draws with p = 1/3: five standard deviations are 105
    assert np.abs(hits - 2000 / 3).max() < 105


@given(st.integers(1, 60), st.integers(1, 40))
def test_triangular_is_the_published_rule(generations: int, size: int) -> None:
    selection = triangular(50, [size] * generations, Stream(0))
    lengths = [len(chosen(rows, size)) for rows in selection.synthetic]
    assert lengths == [int((j + 1) / generations * size) for j in range(generations)]


@given(st.integers(1, 12), st.integers(1, 30))
def test_sets_chosen_by_slices_fade(size: int, generations: int) -> None:
    for name, policy in ((n, policy_named(n)) for n in POLICIES.names):
        before = np.full(generations, size)
        for total in range(1, generations + 1):
            rows = policy(9, [size] * total, Stream(0)).synthetic
            if not isinstance(rows[-1], slice):
                assert name == "accumulate_subsample"
                continue
            assert all(picked.start in (None, 0) for picked in rows)
            stops = np.array([len(chosen(picked, size)) for picked in rows])
            assert (np.diff(stops) >= 0).all(), f"{name}: an older set keeps more rows"
            assert (stops <= before[:total]).all(), f"{name}: a row came back"
            before[:total] = stops


def test_triangular_looks_up_only_the_sizes_it_is_asked_for() -> None:
    rows = triangular(5, Untouchable([4, 4, 4]), Stream(0)).synthetic
    assert rows[2] == slice(0, 4)
    with pytest.raises(AssertionError, match="old set"):
        rows[0]


class Untouchable(list):
    """A history whose old sets must not be loaded."""

    def __getitem__(self, index):
        assert index == len(self) - 1, "an old set was loaded"
        return super().__getitem__(index)


class Rows:
    def __init__(self, values) -> None:
        self.values = np.asarray(values)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows) -> Rows:
        return Rows(self.values[rows])


def test_a_mixture_loads_only_what_it_uses() -> None:
    history = Untouchable([Rows([1, 2]), Rows([3]), Rows([4, 5, 6])])
    selection = policy_named("latest")(2, [2, 1, 3], Stream(0))
    mixture = Mixture(Rows([9, 9]), history, selection.real, selection.synthetic)
    assert [part.values.tolist() for part in mixture.parts()] == [[9, 9], [4, 5, 6]]


@given(st.integers(1, 20), st.integers(1, 12))
def test_fresh_data_deals_every_row_of_the_reserve_once(n_real: int, generations: int) -> None:
    reserve = np.arange(n_real * generations)
    dealt = [
        reserve[policy_named("fresh_data")(n_real, [3] * g, Stream(g)).reserve]
        for g in range(1, generations + 1)
    ]
    assert [len(rows) for rows in dealt] == [n_real] * generations
    np.testing.assert_array_equal(np.concatenate(dealt), reserve)


def test_only_fresh_data_touches_the_reserve() -> None:
    for name, policy in ((n, policy_named(n)) for n in POLICIES.names):
        rows = policy(5, [4, 4], Stream(0)).reserve
        assert (len(chosen(rows, 50)) > 0) == (name == "fresh_data")


def test_a_mixture_holds_the_fresh_rows_and_the_newest_set() -> None:
    selection = policy_named("fresh_data")(2, [2, 2], Stream(0))
    mixture = Mixture(
        Rows([9, 9]), Untouchable([Rows([1, 2]), Rows([3, 4])]), selection.real,
        selection.synthetic, Rows([10, 11, 12, 13, 14]), selection.reserve,
    )  # fmt: skip
    assert [part.values.tolist() for part in mixture.parts()] == [[12, 13], [3, 4]]
