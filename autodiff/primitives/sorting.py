"""Sorting: the same entries in another order, so the gradients are the cotangents in the order from before.

Equal entries keep their order, as in a stable sort; ``unique`` keeps the first of those that are equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dispatch import unwrap
from ..primitive import defvjp, implements


def _sort(a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    return np.sort(a, axis, kind, order, stable=stable)


def _partition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Any:
    return np.partition(a, kth, axis, kind, order)


def put_back(g: Any, a: Any, axis: int | None, order: np.ndarray) -> Any:
    """The cotangent of ``a`` given that of its entries in an order along an axis."""
    along = 0 if axis is None else axis
    positions = np.arange(order.shape[along]).reshape([-1 if i == along % order.ndim else 1 for i in range(order.ndim)])
    inverse = np.empty_like(order)
    np.put_along_axis(inverse, order, positions, along)
    return np.take_along_axis(g, inverse, along).reshape(a.shape)


def sort_vjp(g: Any, a: Any, axis: int | None) -> Any:
    return put_back(g, a, axis, np.argsort(unwrap(a), axis, kind="stable"))


def partition_vjp(g: Any, a: Any, axis: int | None, out: Any) -> Any:
    """The order within the parts is NumPy's affair: the k-th largest entry of ``out`` is that of ``a``."""
    along = -1 if axis is None else axis
    ranked = np.take_along_axis(g, np.argsort(unwrap(out), along, kind="stable"), along)
    return sort_vjp(ranked, a, axis)


defvjp(np.sort, forward=_sort, kind="linear", a=sort_vjp)
defvjp(np.partition, forward=_partition, kind="linear", a=partition_vjp)


@implements(np.sort_complex)
def _sort_complex(a: Any) -> Any:
    ordered = np.sort(a, axis=-1)
    return np.astype(ordered, np.sort_complex(np.empty(0, ordered.dtype)).dtype)


@implements(np.unique)
def _unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    _, first, inverse, counts = np.unique(unwrap(ar), True, True, True, axis, equal_nan=equal_nan)
    values = np.take(ar, first, axis)
    wanted = [(first, return_index), (inverse, return_inverse), (counts, return_counts)]
    others = [array for array, asked in wanted if asked]
    return (values, *others) if others else values


@implements(np.unique_values)
def _unique_values(x: Any) -> Any:
    return np.unique(x, equal_nan=False)


def _with_values(function: Callable) -> None:
    """The values of ``unique`` next to what a function of the array API finds with them."""

    @implements(function)
    def found(x: Any) -> Any:
        return function(unwrap(x))._replace(values=np.unique(x, equal_nan=False))


_with_values(np.unique_all)
_with_values(np.unique_counts)
_with_values(np.unique_inverse)


@implements(np.union1d)
def _union1d(ar1: Any, ar2: Any) -> Any:
    return np.unique(np.concatenate((ar1, ar2), axis=None))
