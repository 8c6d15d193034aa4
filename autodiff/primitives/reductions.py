"""Reductions and scans: sums, extrema, products, moments."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..broadcasting import Axes, expand, keep_axes, normalize_axes
from ..primitive import defvjp, implements

Shape = tuple[int, ...]
add_reduce, multiply_reduce = np.add.reduce, np.multiply.reduce
maximum_reduce, minimum_reduce = np.maximum.reduce, np.minimum.reduce
NO_VALUE = np._NoValue  # type: ignore[attr-defined]  # NumPy's mark for "not given", where None means something


# The signatures are those of numpy.sum and its kin, and of ndarray's methods, without out=.


def _sum(
    a: Any, axis: Axes = None, dtype: Any = None, keepdims: Any = False, initial: Any = 0, where: Any = True
) -> Any:
    return add_reduce(a, axis, dtype, None, keepdims, initial, where)


def _prod(
    a: Any, axis: Axes = None, dtype: Any = None, keepdims: Any = False, initial: Any = 1, where: Any = True
) -> Any:
    return multiply_reduce(a, axis, dtype, None, keepdims, initial, where)


def _max(a: Any, axis: Axes = None, keepdims: Any = False, initial: Any = NO_VALUE, where: Any = True) -> Any:
    return maximum_reduce(a, axis, None, None, keepdims, initial, where)


def _min(a: Any, axis: Axes = None, keepdims: Any = False, initial: Any = NO_VALUE, where: Any = True) -> Any:
    return minimum_reduce(a, axis, None, None, keepdims, initial, where)


def _mean(a: Any, axis: Axes = None, dtype: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    return np.mean(a, axis, dtype, None, keepdims, where=where)


def _var(
    a: Any, axis: Axes = None, dtype: Any = None, ddof: float = 0, keepdims: Any = False, *, where: Any = True
) -> Any:
    return np.var(a, axis, dtype, None, ddof, keepdims, where=where)


def _std(
    a: Any, axis: Axes = None, dtype: Any = None, ddof: float = 0, keepdims: Any = False, *, where: Any = True
) -> Any:
    return np.std(a, axis, dtype, None, ddof, keepdims, where=where)


def _cumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    return np.cumsum(a, axis, dtype)


def _cumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    return np.cumprod(a, axis, dtype)


def only_where(g: Any, where: Any) -> Any:
    """``g`` for the entries that took part in a reduction."""
    return g if where is True else np.where(where, g, 0)


def count_along(shape: Shape, axis: Axes, where: Any = True) -> Any:
    """How many entries each output of a reduction was made from, with the reduced axes kept."""
    if where is not True:
        return add_reduce(np.broadcast_to(where, shape), axis, None, None, True)
    count = 1
    for i in normalize_axes(axis, len(shape)):
        count *= shape[i]
    return count


def sum_vjp(g: Any, a_shape: Shape, axis: Axes, keepdims: Any, where: Any) -> Any:
    return only_where(expand(g, a_shape, axis, keepdims), where)


def mean_vjp(g: Any, a_shape: Shape, axis: Axes, keepdims: Any, where: Any) -> Any:
    share = keep_axes(g, a_shape, axis, keepdims) / count_along(a_shape, axis, where)
    return only_where(np.broadcast_to(share, a_shape), where)


def extremum_vjp(g: Any, a: Any, axis: Axes, keepdims: Any, where: Any, out: Any) -> Any:
    """The cotangent goes to the entries equal to the extremum, in equal shares that sum to 1; to none of a NaN."""
    winners = only_where(a == keep_axes(out, a.shape, axis, keepdims), where)
    counts = np.maximum(add_reduce(winners, axis, None, None, True), 1)
    return np.where(winners, keep_axes(g, a.shape, axis, keepdims) / counts.astype(g.dtype), 0)


def prod_vjp(g: Any, a: Any, axis: Axes, keepdims: Any, initial: Any, where: Any) -> Any:
    """Each entry's cotangent is g times the product of all the others: right with any number of zeros.

    The products of all before and of all after an entry are cumulative products, so nothing is divided.
    """
    reduced = normalize_axes(axis, a.ndim)
    kept = tuple(i for i in range(a.ndim) if i not in reduced)
    order = kept + reduced
    factors = a if where is True else np.where(where, a, 1)
    rows = np.transpose(factors, order).reshape([*(a.shape[i] for i in kept), count_along(a.shape, axis)])
    ones = np.ones((*rows.shape[:-1], 1), rows.dtype)
    before = np.concatenate([ones, np.cumprod(rows[..., :-1], axis=-1)], axis=-1)
    after = np.concatenate([np.flip(np.cumprod(np.flip(rows[..., 1:], -1), axis=-1), -1), ones], axis=-1)
    others = (before * after)[..., : rows.shape[-1]].reshape([a.shape[i] for i in order])
    others = np.transpose(others, np.argsort(order))
    scaled = keep_axes(g, a.shape, axis, keepdims)
    if not (isinstance(initial, (int, float)) and initial == 1):
        scaled = scaled * initial
    return only_where(scaled * others, where)


def deviations(a: Any, axis: Axes, where: Any) -> Any:
    """``a`` less its mean along the axes."""
    return a - np.mean(a, axis, keepdims=True, where=where)


def var_vjp(g: Any, a: Any, axis: Axes, ddof: float, keepdims: Any, where: Any) -> Any:
    """``2 (a - mean) / (N - ddof) * g``; the mean's own share is zero, for the deviations sum to zero."""
    freedom = np.maximum(count_along(a.shape, axis, where) - ddof, 0)
    scale = keep_axes(g, a.shape, axis, keepdims) * 2 / freedom
    if np.iscomplexobj(a):
        return only_where(scale * np.conjugate(deviations(a, axis, where)), where)
    return only_where(scale * deviations(a, axis, where), where)


def std_vjp(g: Any, a: Any, axis: Axes, ddof: float, keepdims: Any, where: Any, out: Any) -> Any:
    """``(a - mean) / ((N - ddof) std) * g``, and 0 where the deviation is 0."""
    constant_rows = out == 0
    safe = np.where(constant_rows, 1, out)
    half = np.where(constant_rows, 0, g) / (2 * safe)
    return var_vjp(half, a, axis, ddof, keepdims, where)


def cumsum_vjp(g: Any, a_shape: Shape, axis: int | None) -> Any:
    along = 0 if axis is None else axis
    return np.flip(np.cumsum(np.flip(g, along), axis=along), along).reshape(a_shape)


def cumprod_vjp(g: Any, a: Any, axis: int | None) -> Any:
    """``sum over j >= i`` of ``g[j]`` times the product of ``a[:j + 1]`` without ``a[i]``: right with any zeros.

    From the end, ``s[i] = g[i] + a[i + 1] s[i + 1]`` (Horner's scheme), and the gradient is ``s[i] prod(a[:i])``.
    """
    along = 0 if axis is None else axis
    rows = a.reshape(-1) if axis is None else a
    g, length = g.reshape(rows.shape), rows.shape[along]
    if length == 0:
        return g.reshape(a.shape)
    factors, sent = np.moveaxis(rows, along, 0), np.moveaxis(g, along, 0)
    sums = [sent[length - 1]]
    for i in range(length - 2, -1, -1):
        sums.append(sent[i] + factors[i + 1] * sums[-1])
    before = np.concatenate([np.ones((1, *factors.shape[1:]), a.dtype), np.cumprod(factors[:-1], axis=0)], axis=0)
    return np.moveaxis(np.stack(sums[::-1]) * before, 0, along).reshape(a.shape)


defvjp(np.sum, forward=_sum, kind="linear", a=sum_vjp)
defvjp(np.mean, forward=_mean, kind="linear", a=mean_vjp)
defvjp(np.max, forward=_max, kind="select", a=extremum_vjp)
defvjp(np.min, forward=_min, kind="select", a=extremum_vjp)
defvjp(np.prod, forward=_prod, a=prod_vjp)
defvjp(np.var, forward=_var, a=var_vjp)
defvjp(np.std, forward=_std, a=std_vjp)
defvjp(np.cumsum, forward=_cumsum, kind="linear", a=cumsum_vjp)
defvjp(np.cumprod, forward=_cumprod, a=cumprod_vjp)


@implements(np.ptp)
def _ptp(a: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    return np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims)


@implements(np.average)
def _average(a: Any, axis: Axes = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    if weights is None:
        mean = np.mean(a, axis, keepdims=keepdims)
        total = np.full(mean.shape, count_along(np.shape(a), axis), mean.dtype)
    else:
        if np.shape(weights) != np.shape(a):
            if not isinstance(axis, int) or np.shape(weights) != (np.shape(a)[axis],):
                raise ValueError(f"average: weights of shape {np.shape(weights)} for an array of shape {np.shape(a)}")
            lengths = [1] * np.ndim(a)
            lengths[axis] = -1
            weights = np.broadcast_to(np.reshape(weights, lengths), np.shape(a))
        total = np.sum(weights, axis, keepdims=keepdims)
        if np.any(total == 0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        mean = np.sum(np.multiply(a, weights), axis, keepdims=keepdims) / total
    return (mean, np.broadcast_to(total, mean.shape)) if returned else mean


@implements(np.nansum)
def _nansum(a: Any, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Any:
    return np.sum(np.where(np.isnan(a), 0, a), axis, dtype, keepdims=keepdims)


@implements(np.nanprod)
def _nanprod(a: Any, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Any:
    return np.prod(np.where(np.isnan(a), 1, a), axis, dtype, keepdims=keepdims)


@implements(np.nanmean)
def _nanmean(a: Any, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Any:
    return np.mean(a, axis, dtype, keepdims=keepdims, where=~np.isnan(a))
