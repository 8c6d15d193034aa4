"""Adjoint pairs of shape: what broadcasting or a reduction did to a shape, undone for a cotangent.

Written with methods that arrays and tensors share, so that the same lines serve gradients of any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

Axes = int | Sequence[int] | None

SMALL = 4096
"""Entries up to which writing them out costs less than ``numpy.broadcast_to`` of them."""


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum a cotangent over the axes along which an array of ``shape`` was broadcast to ``g.shape``.

    Raises ValueError if ``shape`` does not broadcast to ``g.shape``.
    """
    if g.shape == shape:
        return g
    extra = len(g.shape) - len(shape)
    axes = list(range(extra))
    for i, (n, m) in enumerate(zip(shape, g.shape[extra:]), extra):
        if n != m:
            if n != 1:
                extra = -1
                break
            axes.append(i)
    if extra < 0:
        raise ValueError(f"a gradient of shape {g.shape} cannot be that of an argument of shape {shape}")
    accumulator = np.float32 if g.dtype == np.float16 else None
    if type(g) is np.ndarray:
        return np.add.reduce(g, tuple(axes), accumulator, keepdims=True).reshape(shape)
    return g.sum(axis=tuple(axes), dtype=accumulator, keepdims=True).reshape(shape)


def normalize_axes(axis: Axes, ndim: int) -> tuple[int, ...]:
    """The axes of a reduction as a sorted tuple of non-negative integers; all of them for None.

    An array without axes has none to reduce, though NumPy lets one say 0 or -1 of it.
    """
    if axis is None or not ndim:
        return tuple(range(ndim))
    if type(axis) is int:
        return (axis % ndim,)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(sorted([int(a) % ndim for a in axes]))


def keep_axes(g: Any, shape: tuple[int, ...], axis: Axes, keepdims: bool = False) -> Any:
    """Give a reduction's output (or its cotangent) back the axes it lost, with length 1."""
    if keepdims or not shape or axis is None and g.ndim == len(shape):
        return g
    kept = list(shape)
    for i in normalize_axes(axis, len(shape)):
        kept[i] = 1
    return g.reshape(kept)


def repeated(g: Any, shape: tuple[int, ...]) -> Any:
    """``g`` broadcast to ``shape``: written out if that is small, else a view."""
    if type(g) is np.ndarray and prod(shape) <= SMALL:
        out = np.empty(shape, g.dtype)
        out[...] = g
        return out
    return np.broadcast_to(g, shape)


def expand(g: Any, shape: tuple[int, ...], axis: Axes, keepdims: bool = False) -> Any:
    """The adjoint of a sum: the cotangent of a reduction's output, repeated over the axes that were reduced."""
    return repeated(keep_axes(g, shape, axis, keepdims), shape)
