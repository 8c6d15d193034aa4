"""Scans: cumulative sums, products, extrema and log-sum-exps, most of them methods ``accumulate`` of ufuncs.

Their rules are a linear recurrence run backwards, ``y[i] = terms[i] + factors[i] y[i + 1]`` (Horner's scheme). It
divides by nothing, so zeros need no care, and it is a primitive, so that the rules are differentiable themselves.
Entries equal to a running extremum share its cotangent equally, as those of a reduction do.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from scipy.linalg.lapack import get_lapack_funcs

from ..broadcasting import Axes, keep_axes
from ..dispatch import unwrap
from ..primitive import defvjp, implements
from .indexing import scatter
from .reductions import MASKED, NO_VALUE, check, only_where, reduce_method

Shape = tuple[int, ...]

SLICES_PER_ROW = 16
"""Steps over whole slices that take as long as arranging for a row of its own."""


def _recurrence(factors: Any, terms: Any) -> Any:
    """``y[..., i] = terms[..., i] + factors[..., i] * y[..., i + 1]``, from the end; boolean factors select.

    The step is made for all rows at once, or, where there are few but long rows, row by row in LAPACK: it is the
    solution of a bidiagonal system.
    """
    length, rows = terms.shape[-1], prod(terms.shape[:-1])
    chooses = factors.dtype == np.bool_
    dtype = np.dtype(np.float32) if terms.dtype == np.float16 else np.result_type(factors, terms)
    out = np.array(terms, dtype)
    if length < 2 or not rows:
        return out.astype(terms.dtype, copy=False)
    if SLICES_PER_ROW * rows < length and dtype.char in "fdFD" and not (chooses and not np.isfinite(out).all()):
        (solve,) = get_lapack_funcs(("tbtrs",), dtype=dtype)
        band = np.ones((2, length), dtype, order="F")
        for row in np.ndindex(terms.shape[:-1]):
            np.negative(factors[row].astype(dtype, copy=False), out=band[0, 1:])
            out[row] = solve(band, out[row].reshape(-1, 1))[0].reshape(-1)
    else:
        steps, going = np.moveaxis(out, -1, 0), np.moveaxis(factors, -1, 0)
        for i in range(length - 2, -1, -1):
            steps[i] += np.where(going[i], steps[i + 1], 0) if chooses else going[i] * steps[i + 1]
    return out.astype(np.result_type(factors, terms), copy=False)


def backwards(recur: Callable, factors: Any, terms: Any) -> Any:
    """The recurrence that runs from the start: ``y[i] = terms[i] + factors[i - 1] y[i - 1]``, the adjoint."""
    return np.flip(recur(np.flip(factors, -1), np.flip(terms, -1)), -1)


_recurrence.__name__ = "recurrence"
recurrence: Callable = defvjp(
    _recurrence,
    factors=lambda g, factors, out: backwards(recurrence, factors, g)[..., :-1] * out[..., 1:],
    terms=lambda g, factors: backwards(recurrence, factors, g),
)


def in_rows(x: Any, axis: int | None) -> Any:
    """The array with the axis of a scan last."""
    return x.reshape(-1) if axis is None or x.ndim < 2 else np.moveaxis(x, axis, -1)


def from_rows(rows: Any, axis: int | None, shape: Shape) -> Any:
    return rows.reshape(shape) if axis is None or rows.ndim < 2 else np.moveaxis(rows, -1, axis)


def _scan(function: Callable) -> Callable:
    def scan(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
        check(a, dtype, out)
        return function(a, axis, dtype)

    return scan


def _accumulate(ufunc: np.ufunc) -> Callable:
    def accumulate(a: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
        check(a, dtype, out)
        return ufunc.accumulate(a, axis, dtype)

    return accumulate


def _reduceat(a: Any, indices: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
    check(a, dtype, out)
    return np.add.reduceat(a, indices, axis, dtype)


def cumsum_vjp(g: Any, a_shape: Shape, axis: int | None) -> Any:
    along = 0 if axis is None else axis
    accumulator = np.float32 if g.dtype == np.float16 else None
    return np.flip(np.cumsum(np.flip(g, along), axis=along, dtype=accumulator), along).reshape(a_shape)


def cumprod_vjp(g: Any, a: Any, axis: int | None) -> Any:
    """``sum over j >= i`` of ``g[j]`` times the product of ``a[:j + 1]`` without ``a[i]``: right with any zeros.

    From the end, ``s[i] = g[i] + a[i + 1] s[i + 1]``, and the gradient is ``s[i] prod(a[:i])``.
    """
    rows = in_rows(a, axis)
    sums = recurrence(rows[..., 1:], in_rows(g, axis))
    before = np.concatenate([np.ones_like(rows[..., :1]), np.cumprod(rows[..., :-1], axis=-1)], axis=-1)
    return from_rows(sums * before, axis, a.shape)


def same(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where two arrays are equal, or both NaN."""
    return (x == y) | (x != x) & (y != y)


def running_extremum_vjp(g: Any, a: Any, axis: int, out: Any) -> Any:
    """Within a run of equal outputs, each cotangent goes in equal shares to the entries so far that equal it."""
    entries, levels = in_rows(unwrap(a), axis), in_rows(unwrap(out), axis)
    winners, goes_on = same(entries, levels), same(levels[..., 1:], levels[..., :-1])
    counts = backwards(_recurrence, goes_on, winners.astype(float))
    shares = recurrence(goes_on, in_rows(g, axis) / counts.astype(g.dtype))
    return from_rows(np.where(winners, shares, 0), axis, a.shape)


def fraction(x: Any, total: Any, power: Callable) -> Any:
    """``power(x) / power(total)`` for ``x <= total``; 0 of a total of nothing, -inf."""
    return power(np.where(total == -np.inf, -np.inf, x - total))


def logaddexp_reduce_vjp(power: Callable) -> Callable:
    def vjp(g: Any, a: Any, axis: Axes, keepdims: Any, where: Any, out: Any) -> Any:
        level, g = keep_axes(out, a.shape, axis, keepdims), keep_axes(g, a.shape, axis, keepdims)
        return only_where(g * fraction(a, level, power), where)

    return vjp


def hypot_reduce_vjp(g: Any, a: Any, axis: Axes, keepdims: Any, where: Any, out: Any) -> Any:
    """``g * a / out``, and 0 where the length is 0."""
    length, g = keep_axes(out, a.shape, axis, keepdims), keep_axes(g, a.shape, axis, keepdims)
    return only_where(np.where(length == 0, 0, g * (a / length)), where)


def logaddexp_accumulate_vjp(power: Callable) -> Callable:
    """``sum over j >= i`` of ``g[j] exp(a[i] - out[j])``, as a recurrence in which no factor exceeds 1."""

    def vjp(g: Any, a: Any, axis: int, out: Any) -> Any:
        entries, levels = in_rows(a, axis), in_rows(out, axis)
        sums = recurrence(fraction(levels[..., :-1], levels[..., 1:], power), in_rows(g, axis))
        return from_rows(sums * fraction(entries, levels, power), axis, a.shape)

    return vjp


def reduceat_vjp(g: Any, a_shape: Shape, indices: Any, axis: int) -> Any:
    """Each segment's cotangent to its entries; a segment that ends before it starts is its first entry alone."""
    length = a_shape[axis]
    starts = np.asarray(indices) % length
    stops = np.maximum(np.append(starts[1:], length), starts + 1)
    repeated = np.repeat(g, stops - starts, axis)
    places: Any = slice(int(starts[0]), None)
    if np.any(starts[1:] <= starts[:-1]):
        places = np.concatenate([np.arange(start, stop) for start, stop in zip(starts, stops)])
    return scatter(repeated, (slice(None),) * (axis % len(a_shape)) + (places,), a_shape)


# fmt: off
defvjp(np.cumsum,                forward=_scan(np.cumsum),     kind="linear", a=cumsum_vjp)
defvjp(np.cumprod,               forward=_scan(np.cumprod),                   a=cumprod_vjp)
defvjp(np.add.reduceat,          forward=_reduceat,   kind="select", a=reduceat_vjp, constants=("indices",))
defvjp(np.maximum.accumulate,    forward=_accumulate(np.maximum), kind="select", a=running_extremum_vjp)
defvjp(np.minimum.accumulate,    forward=_accumulate(np.minimum), kind="select", a=running_extremum_vjp)
defvjp(np.fmax.accumulate,       forward=_accumulate(np.fmax),    kind="select", a=running_extremum_vjp)
defvjp(np.fmin.accumulate,       forward=_accumulate(np.fmin),    kind="select", a=running_extremum_vjp)
defvjp(np.logaddexp.reduce,      forward=reduce_method(np.logaddexp),  a=logaddexp_reduce_vjp(np.exp),  **MASKED)
defvjp(np.logaddexp2.reduce,     forward=reduce_method(np.logaddexp2), a=logaddexp_reduce_vjp(np.exp2), **MASKED)
defvjp(np.hypot.reduce,          forward=reduce_method(np.hypot),      a=hypot_reduce_vjp,              **MASKED)
defvjp(np.logaddexp.accumulate,  forward=_accumulate(np.logaddexp),  a=logaddexp_accumulate_vjp(np.exp))
defvjp(np.logaddexp2.accumulate, forward=_accumulate(np.logaddexp2), a=logaddexp_accumulate_vjp(np.exp2))
# fmt: on


@implements(np.nancumsum)
def _nancumsum(a: Any, *args: Any, **kwargs: Any) -> Any:
    return np.cumsum(np.where(np.isnan(a), 0, a), *args, **kwargs)


@implements(np.nancumprod)
def _nancumprod(a: Any, *args: Any, **kwargs: Any) -> Any:
    return np.cumprod(np.where(np.isnan(a), 1, a), *args, **kwargs)


def _scan_method(function: Callable) -> Callable:
    """A scan with the signature of the method ``accumulate`` of its ufunc."""

    def accumulate(array: Any, axis: int = 0, dtype: Any = None) -> Any:
        if np.ndim(array) == 0:
            raise TypeError("cannot accumulate on a scalar")
        return function(array, axis, dtype)

    return accumulate


implements(np.add.accumulate)(_scan_method(np.cumsum))
implements(np.multiply.accumulate)(_scan_method(np.cumprod))


def _step_by_step(ufunc: np.ufunc) -> None:
    """The methods of a ufunc for which nothing better than a record of each step is known."""

    def running(array: Any, axis: int, dtype: Any, initial: Any = NO_VALUE) -> list:
        if dtype is not None:
            array = np.astype(array, dtype)
        results = [] if initial is NO_VALUE or initial is None else [initial]
        for x in np.unstack(np.atleast_1d(array), axis=axis):
            results.append(ufunc(results[-1], x) if results else x)
        return results

    @implements(ufunc.accumulate)
    @_scan_method
    def accumulate(array: Any, axis: int, dtype: Any) -> Any:
        results = running(array, axis, dtype)
        return np.stack(results, axis) if results else array

    @implements(ufunc.reduce)
    def reduce(array: Any, axis: int = 0, dtype: Any = None, keepdims: bool = False, initial: Any = NO_VALUE) -> Any:
        results = running(array, axis, dtype, initial)
        if not results:
            raise ValueError(f"zero-size array to reduction operation {ufunc.__name__} which has no identity")
        return np.expand_dims(results[-1], axis) if keepdims and np.ndim(array) else results[-1]


_step_by_step(np.subtract)
_step_by_step(np.divide)


def _cumulative(function: Callable, identity: int) -> Callable:
    """A scan along the only axis, or the given one, on request with the identity in front."""

    def cumulative(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
        x = np.atleast_1d(x)
        if axis is None:
            if x.ndim > 1:
                raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
            axis = 0
        scanned = function(x, axis, dtype)
        if not include_initial:
            return scanned
        shape = tuple(1 if i == axis % x.ndim else n for i, n in enumerate(x.shape))
        return np.concatenate([np.full(shape, identity, scanned.dtype), scanned], axis)

    return cumulative


implements(np.cumulative_sum)(_cumulative(np.cumsum, 0))
implements(np.cumulative_prod)(_cumulative(np.cumprod, 1))
