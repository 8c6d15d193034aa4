"""Adjoint pairs of shape: what broadcasting or a reduction did to a shape, undone for a cotangent.

Written with methods that arrays and tensors share, so that the same lines serve gradients of any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Axes = int | Sequence[int] | None


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum a cotangent over the axes along which an array of ``shape`` was broadcast to ``g.shape``.

    Raises ValueError if ``shape`` does not broadcast to ``g.shape``.
    """
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    ones = tuple(i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1) if extra >= 0 else ()
    axes = tuple(range(extra)) + ones
    if extra < 0 or any(n != m and i + extra not in axes for i, (n, m) in enumerate(zip(shape, g.shape[extra:]))):
        raise ValueError(f"a gradient of shape {g.shape} cannot be that of an argument of shape {shape}")
    accumulator = np.float32 if g.dtype == np.float16 else None
    return g.sum(axis=axes, dtype=accumulator, keepdims=True).reshape(shape)


def normalize_axes(axis: Axes, ndim: int) -> tuple[int, ...]:
    """The axes of a reduction as a sorted tuple of non-negative integers; all of them for None."""
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if not isinstance(axis, (tuple, list)) else axis
    return tuple(sorted(int(a) % ndim if ndim else int(a) for a in axes))


def keep_axes(g: Any, shape: tuple[int, ...], axis: Axes, keepdims: bool = False) -> Any:
    """Give a reduction's output (or its cotangent) back the axes it lost, with length 1."""
    if keepdims or axis is None and g.ndim == len(shape):
        return g
    reduced = normalize_axes(axis, len(shape))
    return g.reshape(tuple(1 if i in reduced else n for i, n in enumerate(shape)))


def expand(g: Any, shape: tuple[int, ...], axis: Axes, keepdims: bool = False) -> Any:
    """The adjoint of a sum: the cotangent of a reduction's output, repeated over the axes that were reduced."""
    return np.broadcast_to(keep_axes(g, shape, axis, keepdims), shape)
