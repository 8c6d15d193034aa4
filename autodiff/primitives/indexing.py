"""Indexing: taking entries, putting them back, and assignment.

``gather`` (any index) and ``scatter`` are each other's adjoint, so either is the other's rule, to any order.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..broadcasting import unbroadcast
from ..dispatch import unwrap
from ..primitive import defvjp, implements, lent

Shape = tuple[int, ...]


def is_basic(index: Any) -> bool:
    """Whether an index selects each entry at most once, by slices and integers alone."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or (isinstance(part, (slice, int, np.integer)) and not isinstance(part, bool))
        for part in parts
    )


def is_mask(index: Any) -> bool:
    return isinstance(index, np.ndarray) and index.dtype == np.bool_ and index.ndim > 0


def _gather(a: Any, b: Any) -> Any:
    return a[unwrap(b)]


def _scatter(values: Any, index: Any, shape: Shape) -> Any:
    """Zeros of ``shape`` with ``values`` added in at ``index``; values of repeated indices add up."""
    index = unwrap(index)
    if is_basic(index) or is_mask(index):
        out = np.zeros(shape, values.dtype)
        out[index] = values
        return out
    out = np.zeros(shape, np.float32 if values.dtype == np.float16 else values.dtype)
    if len(shape) == 1 and values.dtype == np.float64 and isinstance(index, np.ndarray) and index.dtype.kind in "iu":
        flat = np.where(index < 0, index + shape[0], index).reshape(-1)
        return np.bincount(flat, values.reshape(-1), minlength=shape[0]) if flat.size else out
    np.add.at(out, index, values)
    return out.astype(values.dtype, copy=False)


def _take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
    return np.take(a, indices, axis, mode=mode)


def take_vjp(g: Any, a_shape: Shape, indices: Any, axis: int | None, mode: str) -> Any:
    shape = (int(np.prod(a_shape)),) if axis is None else a_shape
    along = 0 if axis is None else axis % len(shape)
    indices = np.asarray(unwrap(indices))
    if mode == "wrap":
        indices = indices % shape[along]
    elif mode == "clip":
        indices = np.clip(indices, 0, shape[along] - 1)
    return scatter(g, (slice(None),) * along + (indices,) if along else indices, shape).reshape(a_shape)


def _assign(x: Any, value: Any, index: Any, in_place: bool) -> Any:
    out = x if in_place else x.copy()
    out[index] = value
    return out


def _erase(x: Any, index: Any) -> Any:
    out = x.copy()
    out[index] = 0
    return out


def assigned_vjp(g: Any, value_shape: Shape, index: Any) -> Any:
    """What became of each assigned entry: of several written to one place, the last one stayed."""
    taken = g[index]
    if not (is_basic(index) or is_mask(index)):
        places = np.arange(int(np.prod(taken.shape))).reshape(taken.shape)
        winner = np.zeros(g.shape, places.dtype)
        winner[index] = places
        taken = np.where(winner[index] == places, taken, 0)
    if len(value_shape) > taken.ndim:  # NumPy lets a value have leading axes of length 1
        return unbroadcast(taken, value_shape[len(value_shape) - taken.ndim :]).reshape(value_shape)
    return unbroadcast(taken, value_shape)


_gather.__name__, _scatter.__name__, _assign.__name__, _erase.__name__ = "getitem", "scatter", "setitem", "erase"

defvjp(operator.getitem, kind="select", views=True, forward=_gather, a=lambda g, a_shape, b: scatter(g, b, a_shape))
scatter: Callable = defvjp(_scatter, kind="linear", values=lambda g, index: g[index])
defvjp(np.take, kind="select", forward=_take, constants=("indices",), a=take_vjp)
erase: Callable = defvjp(_erase, kind="select", x=lambda g, index: erase(g, index))
defvjp(
    _assign,
    kind="select",
    x=lambda g, index: erase(g, index),
    value=lambda g, value_shape, index: assigned_vjp(g, value_shape, index),
)
lent["assign"] = _assign


@implements(np.take_along_axis)
def _take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    indices = unwrap(indices)
    if axis is None:
        return np.reshape(arr, -1)[indices]
    along = axis % arr.ndim
    np.take_along_axis(np.broadcast_to(False, arr.shape), indices, axis)  # NumPy checks the shapes
    places = np.ogrid[tuple(slice(n) for n in indices.shape)]
    chosen = [np.zeros_like(p) if arr.shape[i] == 1 else p for i, p in enumerate(places)]
    return arr[tuple(indices if i == along else p for i, p in enumerate(chosen))]


@implements(np.compress)
def _compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    return np.take(a, np.flatnonzero(unwrap(condition)), axis)


@implements(np.extract)
def _extract(condition: Any, arr: Any) -> Any:
    return np.reshape(arr, -1)[np.flatnonzero(unwrap(condition))]
