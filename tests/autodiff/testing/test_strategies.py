"""Strategies give what they promise, and all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from autodiff.testing.strategies import (
    arrays,
    axes,
    broadcastable_shapes,
    distinct_arrays,
    indices,
    lattice,
    layouts,
    shapes,
)

DEEPER = settings(max_examples=500, database=None, derandomize=True, phases=[Phase.generate])


def comes_up(strategy: st.SearchStrategy, condition: Callable[[Any], bool]) -> bool:
    find(strategy, condition, settings=DEEPER)  # raises if nothing is found
    return True


@given(lattice(), lattice(-0.5, 3), lattice(2), lattice(maximum=-7), lattice(nonzero=True))
def test_lattices_keep_their_bounds_and_their_step(free, between, above, below, nonzero) -> None:
    assert abs(free) <= 30 and -0.5 <= between <= 3 and above >= 2 and below <= -7 and nonzero != 0
    for value in (free, between, above, below, nonzero):
        assert (value * 64).is_integer()


@pytest.mark.parametrize("stress", [0.0, 1.0, -1.0, 30.0, -30.0])
def test_points_of_stress_come_up(stress: float) -> None:
    assert comes_up(lattice(), lambda value: value == stress)


def test_an_empty_lattice_is_refused() -> None:
    for bounds in (dict(minimum=0.001, maximum=0.002), dict(minimum=0, maximum=0, nonzero=True)):
        with pytest.raises(ValueError, match="no multiple of 1/64"):
            lattice(**bounds)


@given(broadcastable_shapes(3))
def test_broadcastable_shapes_broadcast(drawn) -> None:
    assert len(np.broadcast_shapes(*drawn)) <= 3


def test_shapes_of_every_kind_come_up() -> None:
    assert comes_up(shapes(), lambda shape: shape == ())
    assert comes_up(shapes(), lambda shape: 0 in shape and len(shape) == 3)
    assert comes_up(broadcastable_shapes(2), lambda drawn: drawn[0] == drawn[1] and len(drawn[0]) == 2)
    assert comes_up(broadcastable_shapes(2), lambda drawn: 1 in drawn[0] and len(drawn[1]) > len(drawn[0]))


@given(distinct_arrays(shapes(min_side=1)))
def test_distinct_arrays_have_no_ties(x) -> None:
    assert np.diff(np.sort(x, axis=None)).min(initial=1) >= 1 / 64


@given(st.data())
def test_layouts_change_the_memory_and_nothing_else(data) -> None:
    x = data.draw(arrays(shapes()))
    y = data.draw(layouts(x))
    assert isinstance(y, np.ndarray) and not np.shares_memory(x, y)
    np.testing.assert_array_equal(x, y, strict=True)


def test_every_layout_comes_up() -> None:
    some = layouts(np.ones((3, 2), np.float32))
    assert comes_up(some, lambda x: x.flags.c_contiguous and x.flags.writeable)
    assert comes_up(some, lambda x: x.flags.f_contiguous)
    assert comes_up(some, lambda x: x.strides[1] == 2 * x.itemsize)
    assert comes_up(some, lambda x: max(x.strides) < 0)
    assert comes_up(some, lambda x: not x.flags.writeable)


@given(st.data())
def test_axes_are_what_a_reduction_takes(data) -> None:
    x = data.draw(arrays(shapes()))
    x.sum(axis=data.draw(axes(x.ndim)))


def test_every_kind_of_axis_comes_up() -> None:
    for kind in (None, 1, -2, (), (0, -1)):
        assert comes_up(axes(2), lambda axis, kind=kind: axis == kind and type(axis) is type(kind))


@given(st.data())
def test_indices_are_in_bounds(data) -> None:
    shape = data.draw(shapes())
    np.zeros(shape)[data.draw(indices(shape))]


# fmt: off
KINDS = {
    "integer":       lambda i: type(i) is int,
    "negative":      lambda i: type(i) is int and i < 0,
    "slice":         lambda i: isinstance(i, slice) and i.step not in (None, 1),
    "backwards":     lambda i: isinstance(i, slice) and (i.step or 1) < 0,
    "ellipsis":      lambda i: i is Ellipsis,
    "newaxis":       lambda i: i is None,
    "list":          lambda i: isinstance(i, list),
    "integers":      lambda i: isinstance(i, np.ndarray) and i.dtype.kind == "i" and i.ndim == 2,
    "repeated":      lambda i: isinstance(i, np.ndarray) and i.dtype.kind == "i" and np.unique(i).size < i.size,
    "mask":          lambda i: isinstance(i, np.ndarray) and i.dtype == bool and i.ndim == 1,
    "mask of two":   lambda i: isinstance(i, np.ndarray) and i.dtype == bool and i.ndim == 2,
    "boolean":       lambda i: i is True,
}
# fmt: on


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_index_comes_up_alone_and_with_others(kind: str) -> None:
    is_kind = KINDS[kind]
    assert comes_up(indices((3, 2)), lambda i: any(map(is_kind, i)) if isinstance(i, tuple) else is_kind(i))
    if kind != "mask of two":
        assert comes_up(indices((3, 2)), lambda i: isinstance(i, tuple) and len(i) > 1 and any(map(is_kind, i)))


def test_arrays_apart_from_each_other_are_among_the_indices() -> None:
    def apart(index: Any) -> bool:
        if not isinstance(index, tuple):
            return False
        kinds = ["a" if isinstance(i, (np.ndarray, list)) else "s" if isinstance(i, slice) else "" for i in index]
        return "asa" in "".join(kinds)

    assert comes_up(indices((2, 3, 2)), apart)
