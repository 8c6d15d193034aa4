"""What the kernels of all normalisations share: blocks that stay in the cache, and accurate moments.

These are moments of deviations from an approximate mean, never ``E[x^2] - E[x]^2``. What a mean in float32 is off by is
not neglected either: to round a mean of 1e4 would shift data with a standard deviation of 1e-2 by a twentieth of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autodiff import Tensor

from ..sums import ones

BLOCK = 1 << 19
"""Bytes of an array that are worked on at a time, so that several such blocks stay in a second-level cache."""


def blocks(matrix: np.ndarray) -> list[slice]:
    """The rows of a matrix in pieces of about ``BLOCK`` bytes; one that is empty if there are no rows."""
    n = len(matrix)
    step = max(1, BLOCK // max(1, matrix.shape[1] * matrix.itemsize))
    return [slice(i, min(i + step, n)) for i in range(0, n, step)] if n > step else [slice(0, n)]


def scratch(matrix: np.ndarray, pieces: list[slice]) -> np.ndarray:
    """Memory for one of the pieces."""
    return np.empty((pieces[0].stop, *matrix.shape[1:]), matrix.dtype)


def in_one_dtype(*arrays: Any) -> tuple:
    """The dtype of the result, and the arrays in the dtype to compute in: float32 or more, the same for all."""
    first = arrays[0].dtype
    if first.char in "fd" and all(a is None or a.dtype == first for a in arrays):
        return (first, *arrays)
    dtype = np.result_type(*[a for a in arrays if a is not None])
    if dtype.kind == "c":
        raise TypeError("a normalisation takes real numbers, but was given complex ones; normalise .real and .imag")
    dtype = dtype if dtype.kind == "f" else np.dtype(float)
    wide = np.result_type(dtype, np.float32)
    return (dtype, *(a if a is None else a.astype(wide, copy=False) for a in arrays))


def check_eps(name: str, eps: float | None) -> None:
    """Raise ValueError for a negative number, of which with a small variance there is no square root."""
    if eps is not None and not eps >= 0:
        raise ValueError(f"{name}: eps is at least 0, not {eps}")


def center_rows(x: np.ndarray, out: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Write the rows without their means to ``out``, up to rounding.

    Returns:
        What was subtracted; what the means are more than that; and the mean squares about the exact means.
    """
    n, one = max(x.shape[1], 1), ones(x.shape[1], x.dtype)
    subtracted = x @ one
    subtracted /= n
    np.subtract(x, subtracted[:, None], out=out)
    rest = out @ one
    rest /= n
    return subtracted, rest, np.maximum(np.vecdot(out, out) / n - rest * rest, 0)


def center_columns(x: np.ndarray, out: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Write the columns to ``out`` without the means of the first block; return the same as ``center_rows``.

    If the array has k blocks, these means are within sqrt(k) standard deviations of all rows', whatever the data:
    so the mean square loses no more than a factor k in accuracy, and one pass over memory is enough.
    """
    n, pieces = len(x), blocks(x)
    first, square = x[pieces[0]], scratch(x, pieces)
    subtracted = ones(len(first), x.dtype).dot(first)
    subtracted /= len(first)
    sums, squares = [], []
    for piece in pieces:
        part = np.subtract(x[piece], subtracted, out[piece])
        one = ones(len(part), x.dtype)
        sums.append(one.dot(part))
        squares.append(one.dot(np.multiply(part, part, square[: len(part)])))
    rest = total(sums) / n
    return subtracted, rest, np.maximum(total(squares) / n - rest * rest, 0)


def total(parts: list[np.ndarray]) -> np.ndarray:
    """The sum of at least one array."""
    return sum(parts[1:], start=parts[0])


def split(mean: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """A mean in float64 as what can be subtracted in ``dtype``, and the rest."""
    rounded = mean.astype(dtype)
    return rounded, (mean - rounded).astype(dtype)


class Channels:
    """How an array (N, C, ...) is a matrix: with a column for each channel, or with rows that lie within one.

    What there is one of for each channel is spread to a vector, or to a matrix with a single column.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.batch, self.channels, *inner = shape
        n = math.prod(inner)
        self.count = self.batch * n
        self.columns = n == 1
        self.shape = (self.batch, self.channels) if self.columns else (self.batch * self.channels, n)
        self.dtype = dtype

    def spread(self, vector: np.ndarray) -> np.ndarray:
        """A vector (C,), or a matrix (N, C) with a number for each row, as it combines with the matrix."""
        vector = vector.astype(self.dtype, copy=False)
        if self.columns:
            return vector
        return np.broadcast_to(vector, (self.batch, self.channels)).reshape(-1, 1)

    def sums(self, g: np.ndarray, x: np.ndarray, mean: np.ndarray, out: np.ndarray | None) -> tuple:
        """``sum(g)`` and ``sum(g * (x - mean))`` of each channel, and what rounding the mean left.

        ``out``, unless it is None, takes ``x - mean`` with this mean rounded.
        """
        rounded, rest = split(mean, self.dtype)
        subtracted = self.spread(rounded)
        pieces = blocks(x)
        centred = scratch(x, pieces) if out is None else out
        product = scratch(x, pieces)
        of_g, of_product = [], []
        for piece in pieces:
            part = g[piece]
            t = np.subtract(x[piece], at(subtracted, piece), centred[: len(part)] if out is None else out[piece])
            if self.columns:
                one = ones(len(part), self.dtype)
                of_g.append(one.dot(part))
                of_product.append(one.dot(np.multiply(part, t, product[: len(part)])))
            else:
                of_g.append(part @ ones(part.shape[1], self.dtype))
                of_product.append(np.vecdot(part, t))
        sum_g, sum_product = self.total(of_g), self.total(of_product)
        return sum_g, sum_product - rest * sum_g, rest

    def total(self, parts: list[np.ndarray]) -> np.ndarray:
        """The sums of the channels, from those of columns in each piece, or of the rows of each piece."""
        if self.columns:
            return total(parts)
        return np.concatenate(parts).reshape(self.batch, self.channels).sum(0)


def at(vector: np.ndarray, piece: slice) -> np.ndarray:
    """What of a spread vector belongs to some of the rows of the matrix."""
    return vector if vector.ndim == 1 else vector[piece]


def on_demand(compute: Callable[[bool], dict[str, np.ndarray]]) -> dict[str, Callable[[], np.ndarray]]:
    """The gradients of x, weight and bias, from ``compute(with_x)`` when one is asked for; all from one run.

    They are asked for in the order of the arguments: if not for ``x`` first, then not at all.
    """
    found: dict[str, np.ndarray] = {}

    def take(name: str) -> np.ndarray:
        if name not in found:
            found.update(compute(name == "x"))
        return found[name]

    return {name: partial(take, name) for name in ("x", "weight", "bias")}


def along(axis: int, vector: Any, ndim: int) -> Any:
    """A vector with axes of length 1 after it, so that it lies along ``axis`` of ``ndim``; None stays None."""
    return vector if vector is None else vector.reshape(vector.shape + (1,) * (ndim - axis - 1))


def affine(x: Any, weight: Any, bias: Any) -> Any:
    """``x * weight + bias``, where either may be None."""
    y = x if weight is None else x * weight
    return y if bias is None else y + bias


def values(x: Any) -> np.ndarray:
    """The array of a tensor, or the array itself."""
    return x.data if isinstance(x, Tensor) else x
