"""Values keep to the lattice and their bounds; ties are there or are not, as promised."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given

from autodiff.testing.strategies import FAR, STRESS, arrays, distinct_arrays, lattice, shapes, tied_arrays

from .drawing import comes_up


@given(lattice(), lattice(-0.5, 3), lattice(2), lattice(maximum=-7), lattice(nonzero=True))
def test_lattices_keep_their_bounds_and_their_step(free, between, above, below, nonzero) -> None:
    assert abs(free) <= 30 and -0.5 <= between <= 3 and above >= 2 and below <= -7 and nonzero != 0
    for value in (free, between, above, below, nonzero):
        assert (value * 64).is_integer()


@pytest.mark.parametrize("point", STRESS)
def test_points_of_stress_come_up(point: float) -> None:
    assert comes_up(lattice(), lambda value: value == point)


@pytest.mark.parametrize("point", STRESS + FAR)
def test_points_far_out_come_up_if_asked_for(point: float) -> None:
    assert comes_up(lattice(stress=STRESS + FAR), lambda value: value == point)


@given(lattice(minimum=-40, maximum=900, stress=STRESS + FAR), lattice(nonzero=True, stress=()))
def test_points_of_stress_keep_to_the_bounds(far: float, none: float) -> None:
    assert -40 <= far <= 900
    assert 0 < abs(none) <= 4


def test_a_point_of_stress_off_the_lattice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0.1\] are no multiples of 1/64"):
        lattice(stress=(1.0, 0.1))


def test_an_empty_lattice_is_refused() -> None:
    for bounds in (dict(minimum=0.001, maximum=0.002), dict(minimum=0, maximum=0, nonzero=True)):
        with pytest.raises(ValueError, match="no multiple of 1/64"):
            lattice(**bounds)


@given(arrays(shapes(), lattice(-1, 1)))
def test_arrays_have_the_entries_that_are_asked_for(x: np.ndarray) -> None:
    assert isinstance(x, np.ndarray) and x.dtype == np.float64
    assert np.all(np.abs(x) <= 1) and np.array_equal(x * 64, np.round(x * 64))


@given(distinct_arrays(shapes(min_side=1)))
def test_distinct_arrays_have_no_ties(x) -> None:
    assert np.diff(np.sort(x, axis=None)).min(initial=1) >= 1 / 64


@given(distinct_arrays((1000,)))
def test_there_is_no_limit_to_the_size_of_distinct_arrays(x: np.ndarray) -> None:
    assert len(np.unique(x)) == 1000


@given(tied_arrays((5, 3)))
def test_any_three_entries_of_a_tied_array_have_a_tie(x: np.ndarray) -> None:
    pairs = [x[i] == x[j] for i in range(5) for j in range(i)]
    assert np.all(np.sum(pairs, axis=0) >= comb(3, 2) + comb(2, 2)) and len(np.unique(x)) <= 2


def test_ties_of_all_and_of_some_come_up_at_the_maximum_and_elsewhere() -> None:
    assert comes_up(tied_arrays((4,)), lambda x: np.sum(x == x.max()) == 2)
    assert comes_up(tied_arrays((4,)), lambda x: np.sum(x == x.max()) == 1)
    assert comes_up(tied_arrays((4,)), lambda x: len(set(x)) == 1)
    assert comes_up(tied_arrays((4,)), lambda x: set(x) == {0, 1})
    assert comes_up(tied_arrays(shapes()), lambda x: x.ndim == 0)
