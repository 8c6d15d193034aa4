"""Indices are in bounds and of every kind, alone and mixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autodiff.testing.strategies import indices, shapes

from .drawing import comes_up, never_drawn


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
    "list of masks": lambda i: isinstance(i, list) and bool(i) and isinstance(i[0], bool),
    "empty list":    lambda i: isinstance(i, list) and not i,
    "empty array":   lambda i: isinstance(i, np.ndarray) and i.dtype.kind == "i" and i.size == 0,
    "NumPy integer": lambda i: isinstance(i, np.integer),
    "0-d array":     lambda i: isinstance(i, np.ndarray) and i.dtype.kind == "i" and i.ndim == 0,
    "true":          lambda i: i is True,
    "false":         lambda i: i is False,
    "NumPy boolean": lambda i: isinstance(i, np.bool_),
}
# fmt: on


def test_every_kind_of_index_comes_up_alone_and_with_others() -> None:
    def anywhere(is_kind: Callable) -> Callable[[Any], bool]:
        return lambda i: any(map(is_kind, i)) if isinstance(i, tuple) else is_kind(i)

    def with_others(is_kind: Callable) -> Callable[[Any], bool]:
        return lambda i: isinstance(i, tuple) and len(i) > 1 and any(map(is_kind, i))

    wanted = {kind: anywhere(is_kind) for kind, is_kind in KINDS.items()}
    wanted |= {f"{kind} with others": with_others(KINDS[kind]) for kind in KINDS if kind != "mask of two"}
    assert never_drawn(indices((3, 2)), wanted) == []


def test_arrays_apart_from_each_other_are_among_the_indices() -> None:
    def apart(index: Any) -> bool:
        if not isinstance(index, tuple):
            return False
        kinds = ["a" if isinstance(i, (np.ndarray, list)) else "s" if isinstance(i, slice) else "" for i in index]
        return "asa" in "".join(kinds)

    assert comes_up(indices((2, 3, 2)), apart)


def test_newaxis_between_arrays_comes_up() -> None:
    def between(index: Any) -> bool:
        kinds = ["a" if isinstance(i, (np.ndarray, list)) else "n" if i is None else "" for i in index]
        return "ana" in "".join(kinds)

    assert comes_up(indices((2, 3, 2)), lambda index: isinstance(index, tuple) and between(index))


def test_indices_of_a_0d_array_come_up() -> None:
    for expected in [(), Ellipsis, None, (None, Ellipsis), True, False]:
        assert comes_up(
            indices(()), lambda index, expected=expected: type(index) is type(expected) and index == expected
        )
