"""Indexing: taking entries, putting them back, and assignment.

``gather`` (any index) and ``scatter`` are each other's adjoint, so either is the other's rule, to any order. In a pass
that is not recorded itself, the pull-backs of reading and of assigning write into cotangents that the pass owns: a loop
that reads or fills an array entry by entry costs what it touches, forward and backward.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from scipy.sparse import csc_array

from ..batching import SHIFTED, Batch, is_basic, parts_of
from ..broadcasting import unbroadcast
from ..dispatch import unwrap
from ..primitive import Pullback, defvjp, implements, lent
from ..support import Support
from ..tape import Node

Shape = tuple[int, ...]


def is_mask(index: Any) -> bool:
    return isinstance(index, np.ndarray) and index.dtype == np.bool_ and index.ndim > 0


def repeats(index: Any) -> bool:
    """Whether an index may select an entry more than once."""
    return not (is_basic(index) or is_mask(index))


def flat_positions(index: Any, shape: Shape) -> tuple[np.ndarray, int] | None:
    """For arrays of integers on the leading axes alone: how many axes, and the positions in these, flattened."""
    parts = parts_of(index)
    arrays = [np.asarray(part) for part in parts if isinstance(part, (np.ndarray, list, int, np.integer))]
    if len(arrays) < len(parts) or not arrays or any(array.dtype.kind not in "iu" for array in arrays):
        return None
    flat: Any = 0
    for array, n in zip(arrays, shape):
        flat = flat * n + np.where(array < 0, array + n, array)
    return flat, len(arrays)


SMALL = 256
"""Entries up to which NumPy's ``add.at`` is faster than arranging for something faster."""


def _gather(a: Any, b: Any) -> Any:
    out = a[unwrap(b)]
    if out.base is not None and 8 * out.nbytes <= a.nbytes and out.nbytes <= 2**16:
        return out.copy()[...]  # a view of its own copy: to keep a small part does not keep all of ``a`` from writers
    return out


def _scatter(values: Any, index: Any, shape: Shape) -> Any:
    """Zeros of ``shape`` with ``values`` added in at ``index``; values of repeated indices add up, in order."""
    index = unwrap(index)
    accumulator = np.dtype(np.float32 if values.dtype == np.float16 else values.dtype)
    if not repeats(index):
        out = np.zeros(shape, values.dtype)
        out[index] = values
        return out
    found = flat_positions(index, shape) if values.size > SMALL else None
    if found is None:
        out = np.zeros(shape, accumulator)
        np.add.at(out, index, values)
        return out.astype(values.dtype, copy=False)
    positions, depth = found
    rows, columns = prod(shape[:depth]), prod(shape[depth:])
    if columns > 1:  # the rows add up as a product with a sparse matrix of ones
        count = positions.size
        ones = np.ones(count, accumulator)
        places = csc_array((ones, positions.reshape(-1), np.arange(count + 1)), shape=(rows, count))
        out = places @ values.reshape(count, columns).astype(accumulator, copy=False)
    else:
        out = np.zeros(rows, accumulator)
        np.add.at(out, positions.reshape(-1), values.reshape(-1))
    return out.reshape(shape).astype(values.dtype, copy=False)


def _scatter_batch(values: Batch, index: Any, shape: Shape) -> Batch:
    count, index = len(values.stack), unwrap(index)
    if not repeats(index):
        out = np.zeros((count, *shape), values.dtype)
        out[(slice(None), *parts_of(index))] = values.stack
        return Batch(out)
    positions = np.arange(prod(shape)).reshape(shape)[index].reshape(-1)
    return Batch(_scatter(values.stack.reshape(count, -1).T, positions, (prod(shape), count)).T.reshape(-1, *shape))


def add_at(total: Any, index: Any, values: Any) -> None:
    """Add values in at an index of an array, those of repeated indices each; float16 is added up in float32."""
    if not repeats(index):
        total[index] += values
    elif total.dtype == np.float16:
        total += _scatter(values, index, total.shape)
    else:
        np.add.at(total, index, values)


def _take(a: Any, indices: Any, axis: int | None = None, out: None = None, mode: str = "raise") -> Any:
    return np.take(a, indices, axis, mode=mode)


def take_vjp(g: Any, a_shape: Shape, indices: Any, axis: int | None, mode: str) -> Any:
    shape = (prod(a_shape),) if axis is None or not a_shape else a_shape
    along = 0 if axis is None else axis % len(shape)
    indices = np.asarray(unwrap(indices))
    if mode == "wrap":
        indices = indices % shape[along]
    elif mode == "clip":
        indices = np.clip(indices, 0, shape[along] - 1)
    if along == 0:
        return scatter(g, indices, shape).reshape(a_shape)
    g = np.moveaxis(g.reshape(*shape[:along], indices.size, *shape[along + 1 :]), along, 0)
    moved = scatter(g, indices.reshape(-1), (shape[along], *shape[:along], *shape[along + 1 :]))
    return np.moveaxis(moved, 0, along)


def _assign(x: Any, value: Any, index: Any, in_place: bool) -> Any:
    out = x if in_place else np.array(x)
    out[index] = value
    return out


def _add_at(x: Any, value: Any, index: Any, in_place: bool) -> Any:
    out = x if in_place else np.array(x)
    np.add.at(out, index, value)
    return out


def _erase(x: Any, index: Any) -> Any:
    out = np.array(x)
    out[index] = 0
    return out


def written_last(index: Any, shape: Shape) -> Any:
    """Of several values written to one place the last one stays: a mask of those that stay; True if all do."""
    if not repeats(index):
        return True
    found = flat_positions(index, shape)
    if found is None:
        places = np.arange(prod(shape)).reshape(shape)[index]
        block = 0
    else:
        places, block = found[0], len(shape) - found[1]
    last = np.zeros(places.size, bool)
    last[places.size - 1 - np.unique(places.reshape(-1)[::-1], return_index=True)[1]] = True
    return True if last.all() else last.reshape(places.shape + (1,) * block)


def sum_to(g: Any, value_shape: Shape) -> Any:
    """Undo broadcasting of an assigned value, which may have more leading axes of length 1 than its place."""
    if len(value_shape) > g.ndim:
        return unbroadcast(g, value_shape[len(value_shape) - g.ndim :]).reshape(value_shape)
    return unbroadcast(g, value_shape)


def assigned_vjp(g: Any, value_shape: Shape, index: Any) -> Any:
    """What became of each assigned entry: of several written to one place, the last one stayed."""
    stayed = written_last(index, g.shape)
    return sum_to(g[index] if stayed is True else np.where(stayed, g[index], 0), value_shape)


class GatherPullback(Pullback):
    """Adds what was read straight into the source's cotangent, if there is one and the pass owns it."""

    writes = True

    def run_in_place(
        self, g: Any, saved: tuple, node: Node, support: Support | None, own: bool, cotangents: dict, owned: set
    ) -> tuple[Sequence, list]:
        (parent,) = node.parents
        index = unwrap(saved[self.needs.index("b")])
        total = cotangents.get(parent)
        if total is None:
            owned.add(parent)
        elif parent in owned and type(total) is np.ndarray and isinstance(g, (np.ndarray, np.generic)):
            add_at(total, index, g)
            return (), self.moved(support, node)
        return self.run_supported(g, saved, node, support)


class AssignmentPullback(Pullback):
    """Passes the cotangent on to what was there before, with what was assigned erased, in place if the pass owns it."""

    writes = True

    def run_in_place(
        self, g: Any, saved: tuple, node: Node, support: Support | None, own: bool, cotangents: dict, owned: set
    ) -> tuple[Sequence, list]:
        if not isinstance(g, (np.ndarray, np.generic)) or self.arguments[0] != "x":
            return self.run_supported(g, saved, node, support)
        moved = self.moved(support, node)
        index, pairs = saved[self.needs.index("index")], []
        if len(node.parents) == 2:
            value = np.array(assigned_vjp(g, saved[self.needs.index("value_shape")], index))
            pairs.append((node.parents[1], self.fit(value, node.parents[1], "value")))
        before = g if own and type(g) is np.ndarray else np.array(g)
        before[index] = 0
        if node.parents[0] not in cotangents:
            owned.add(node.parents[0])
        return [(node.parents[0], before), *pairs], moved


_gather.__name__, _scatter.__name__, _assign.__name__, _erase.__name__ = "getitem", "scatter", "setitem", "erase"
_add_at.__name__ = "add.at"

defvjp(
    operator.getitem,
    kind="select",
    views=True,
    forward=_gather,
    form=GatherPullback,
    a=lambda g, a_shape, b: scatter(g, b, a_shape),
)
scatter: Callable = defvjp(_scatter, kind="linear", values=lambda g, index: g[index])
SHIFTED[_scatter] = _scatter_batch
defvjp(np.take, kind="select", forward=_take, constants=("indices",), a=take_vjp)
erase: Callable = defvjp(_erase, kind="select", x=lambda g, index: erase(g, index))
defvjp(
    _assign,
    kind="select",
    form=AssignmentPullback,
    x=lambda g, index: erase(g, index),
    value=lambda g, value_shape, index: assigned_vjp(g, value_shape, index),
)
accumulate: Callable = defvjp(
    _add_at, kind="linear", x=lambda g: g, value=lambda g, value_shape, index: sum_to(g[index], value_shape)
)
lent["assign"], lent["add_at"] = _assign, _add_at


def along_axis(shape: Shape, indices: Any, axis: int) -> tuple:
    """The index of ``take_along_axis`` and ``put_along_axis``; NumPy checks the shapes."""
    np.take_along_axis(np.broadcast_to(False, shape), indices, axis)
    places = np.ogrid[tuple(slice(n) for n in shape)]  # which broadcast with the indices
    return tuple(indices if i == axis % len(shape) else p for i, p in enumerate(places))


@implements(np.take_along_axis)
def _take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    indices = unwrap(indices)
    if axis is None:
        return np.reshape(arr, -1)[indices]
    return arr[along_axis(arr.shape, indices, axis)]


@implements(np.compress)
def _compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    return np.take(a, np.flatnonzero(unwrap(condition)), axis)


@implements(np.extract)
def _extract(condition: Any, arr: Any) -> Any:
    return np.reshape(arr, -1)[np.flatnonzero(unwrap(condition))]
