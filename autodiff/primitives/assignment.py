"""NumPy's functions that write into their first argument: on a tensor, assignments that record.

They change the tensor as ``x[i] = v`` does: earlier uses of it keep their values and their gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..dispatch import on_arrays, unwrap
from ..primitive import implements, lent
from ..tensor import Tensor
from .indexing import along_axis


def writer(function: Callable) -> Callable[[Callable], Callable]:
    """Declare what to call for a function that writes, if what it writes to is a tensor; a plain array forgets."""
    plain = on_arrays(function, "a plain array cannot be on the tape; make it a tensor first, autodiff.tensor(a)")

    def declare(implementation: Callable) -> Callable:
        @implements(function)
        @wraps(implementation)
        def write(a: Any, *args: Any, **kwargs: Any) -> None:
            (implementation if isinstance(a, Tensor) else plain)(a, *args, **kwargs)

        return write

    return declare


def cycled(values: Any, positions: Any) -> Any:
    """``values``, flattened and repeated without end, at these positions."""
    flat = np.reshape(values, -1)
    return flat[np.asarray(positions) % flat.shape[0]] if np.size(positions) else np.zeros(0, flat.dtype)


def write_flat(x: Tensor, positions: np.ndarray, values: Any) -> None:
    """Assign values at positions of the flattened tensor."""
    if x.ndim:
        x[np.unravel_index(positions, x.shape)] = values
    else:
        x[...] = values[-1]


def check(function: Callable, x: Tensor, *args: Any) -> None:
    """Raise what NumPy would, by running its function on another array."""
    function(np.empty_like(x.data), *unwrap(args))


@writer(np.put)
def _put(x: Tensor, ind: Any, v: Any, mode: str = "raise") -> None:
    np.take(np.broadcast_to(False, x.size), unwrap(ind), mode=mode)  # NumPy checks the positions
    places = np.reshape(unwrap(ind), -1)
    if places.size and np.size(v):
        places = np.clip(places, 0, x.size - 1) if mode == "clip" else places % x.size
        write_flat(x, places, cycled(v, np.arange(places.size)))


@writer(np.put_along_axis)
def _put_along_axis(x: Tensor, indices: Any, values: Any, axis: int | None) -> None:
    indices = np.asarray(unwrap(indices))
    if axis is None:
        write_flat(x, np.arange(x.size)[indices], np.broadcast_to(values, indices.shape))
    else:
        x[along_axis(x.shape, indices, axis)] = values


@writer(np.place)
def _place(x: Tensor, mask: Any, vals: Any) -> None:
    check(np.place, x, mask, vals)
    mask = np.reshape(unwrap(mask), x.shape).astype(bool)
    x[mask] = cycled(vals, np.arange(np.count_nonzero(mask)))


@writer(np.putmask)
def _putmask(x: Tensor, mask: Any, values: Any) -> None:
    check(np.putmask, x, mask, values)
    if np.size(values):
        mask = np.reshape(unwrap(mask), x.shape).astype(bool)
        x[mask] = cycled(values, np.flatnonzero(mask))


@writer(np.copyto)
def _copyto(x: Tensor, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    check(np.copyto, x, src, casting, where)
    if where is True:
        x[...] = src
    else:
        chosen = np.broadcast_to(unwrap(where), x.shape)
        x[chosen] = np.broadcast_to(src, x.shape)[chosen]


@writer(np.fill_diagonal)
def _fill_diagonal(x: Tensor, val: Any, wrap: bool = False) -> None:
    check(np.fill_diagonal, x, val, wrap)
    places = np.zeros(x.shape, bool)
    np.fill_diagonal(places, True, wrap)
    x[np.nonzero(places)] = cycled(val, np.arange(np.count_nonzero(places)))


def add_at(x: Tensor, indices: Any, values: Any) -> None:
    x.write(lent["add_at"], indices, values, "numpy.add.at")


writer(np.add.at)(add_at)
writer(np.subtract.at)(lambda x, indices, values: add_at(x, indices, np.negative(values)))
