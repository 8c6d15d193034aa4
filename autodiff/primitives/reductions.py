"""Reductions: sums, products, extrema, moments, with and without NaN, and the methods ``reduce`` of ufuncs.

Conventions: equal extrema of a reduction share its cotangent equally, and so does ``initial=`` if it equals them; an
extremum that is NaN sends its cotangent to the NaNs; the deviation of a constant has gradient 0. What a function skips
(NaN, ``where=``) has gradient 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..broadcasting import Axes, expand, keep_axes, normalize_axes, repeated, unbroadcast
from ..dispatch import unwrap
from ..primitive import Primitive, Pullback, defvjp, implements
from ..support import Support
from ..tape import Node

Shape = tuple[int, ...]
NO_VALUE = np._NoValue  # type: ignore[attr-defined]  # NumPy's mark for "not given", where None means something


# The signatures are those of NumPy's functions and of ndarray's methods, so that a positional argument means the same.


def check(a: Any, dtype: Any, out: Any) -> None:
    """Refuse what could not be recorded: an array to write to, and a dtype that rounds each entry."""
    if out is not None:
        raise TypeError("out= is not supported with tensors; use the returned tensor")
    if dtype is not None and np.asarray(a).dtype.kind in "fc" and np.dtype(dtype).kind not in "fc":
        raise TypeError(f"dtype={np.dtype(dtype)} would round each entry, which has no gradient; leave it out")


def _summing(reduce: Callable, initial: int) -> Callable:
    """``numpy.sum`` or ``numpy.prod`` by the method of the ufunc, which is half of its time for a small array."""

    def function(
        a: Any,
        axis: Axes = None,
        dtype: Any = None,
        out: None = None,
        keepdims: Any = False,
        initial: Any = initial,
        where: Any = True,
    ) -> Any:
        if dtype is not None or out is not None:
            check(a, dtype, out)
        return reduce(a, axis, dtype, None, keepdims, initial, where)

    return function


def _mean(function: Callable) -> Callable:
    def mean(
        a: Any, axis: Axes = None, dtype: Any = None, out: None = None, keepdims: Any = False, *, where: Any = True
    ) -> Any:
        check(a, dtype, out)
        return function(a, axis, dtype, None, keepdims, where=where)

    return mean


def _extremum(reduce: Callable) -> Callable:
    def extremum(
        a: Any,
        axis: Axes = None,
        out: None = None,
        keepdims: Any = False,
        initial: Any = NO_VALUE,
        where: Any = True,
    ) -> Any:
        if out is not None:
            check(a, None, out)
        return reduce(a, axis, None, None, keepdims, initial, where)

    return extremum


def _nan_extremum(function: Callable) -> Callable:
    return _extremum(lambda a, axis, dtype, out, *others: function(a, axis, out, *others))


def _moment(function: Callable) -> Callable:
    def moment(
        a: Any,
        axis: Axes = None,
        dtype: Any = None,
        out: None = None,
        ddof: float = 0,
        keepdims: Any = False,
        *,
        where: Any = True,
        mean: Any = None,
        correction: Any = NO_VALUE,
    ) -> Any:
        check(a, dtype, out)
        mean = NO_VALUE if mean is None else mean
        return function(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)

    return moment


def reduce_method(ufunc: Any) -> Callable:
    """The method ``reduce`` of a ufunc."""

    def reduce(
        a: Any,
        axis: Axes = 0,
        dtype: Any = None,
        out: None = None,
        keepdims: Any = False,
        initial: Any = NO_VALUE,
        where: Any = True,
    ) -> Any:
        check(a, dtype, out)
        return ufunc.reduce(a, axis, dtype, None, keepdims, initial, where)

    return reduce


class MaskedPullback(Pullback):
    """Of a reduction: what it was told to leave out with ``where=`` is not selected."""

    def __init__(self, primitive: Primitive, arguments: tuple[str, ...]) -> None:
        super().__init__(primitive, arguments)
        self.selects = True
        self._where = self.needs.index("where")

    def mask(self, saved: tuple) -> Any:
        """Which entries took part; True if all did."""
        return saved[self._where]

    def run_supported(self, g: Any, saved: tuple, node: Node, support: Support | None) -> tuple[Sequence, list]:
        mask = self.mask(node.saved)  # type: ignore[arg-type]
        if mask is True:
            return super().run_supported(g, saved, node, support)
        pairs = self.run(g, saved, node.parents)
        if self.primitive.kind == "linear":
            return pairs, self.moved(support, node)
        return pairs, [
            None if argument == "mean" else Support((), np.broadcast_to, mask, parent.shape)
            for argument, parent in zip(self.arguments, node.parents)
        ]


class NumbersPullback(MaskedPullback):
    """Of a reduction that leaves out NaN."""

    def mask(self, saved: tuple) -> Any:
        return numbers(saved[self.needs.index("a")], saved[self._where])


def only_where(g: Any, where: Any) -> Any:
    """``g`` for the entries that took part in a reduction."""
    return g if where is True else np.where(where, g, 0)


def numbers(a: Any, where: Any = True) -> Any:
    """Which entries take part in a reduction that skips NaN."""
    return ~np.isnan(a) & where


def count_along(shape: Shape, axis: Axes, where: Any = True) -> Any:
    """How many entries each output of a reduction was made from, with the reduced axes kept."""
    if where is not True:
        return np.count_nonzero(np.broadcast_to(where, shape), normalize_axes(axis, len(shape)), keepdims=True)
    count = 1
    for i in normalize_axes(axis, len(shape)):
        count *= shape[i]
    return count


def as_float(count: Any, dtype: Any) -> Any:
    """Counts to divide a cotangent by; float16 has no numbers above 65504."""
    return np.asarray(count, np.promote_types(dtype, np.float32))


def sum_vjp(g: Any, a_shape: Shape, axis: Axes, keepdims: Any, where: Any) -> Any:
    return only_where(expand(g, a_shape, axis, keepdims), where)


def mean_vjp(g: Any, a_shape: Shape, axis: Axes, keepdims: Any, where: Any) -> Any:
    counts = as_float(count_along(a_shape, axis, where), g.dtype)
    return only_where(repeated(keep_axes(g, a_shape, axis, keepdims) / counts, a_shape), where)


def share_among(g: Any, a: Any, level: Any, axis: Axes, where: Any = True, initial: Any = NO_VALUE) -> Any:
    """``g`` in equal shares, that sum to 1, to the entries of ``a`` equal to ``level``, to the NaNs if that is NaN.

    An ``initial`` value equal to the level keeps a share for itself.
    """
    winners = a == level
    if (level != level).any():
        winners = winners | (a != a) & (level != level)
    if where is not True:
        winners = winners & where
    counts = np.count_nonzero(winners, normalize_axes(axis, a.ndim), keepdims=True)
    if initial is not NO_VALUE and initial is not None:
        counts = counts + (level == initial)
    share = g / as_float(np.maximum(counts, 1), g.dtype)
    if type(share) is not np.ndarray or type(winners) is not np.ndarray:
        return np.where(winners, share, 0)
    gradient = np.zeros(a.shape, share.dtype)  # which costs nothing where there is no winner, as numpy.where does
    np.copyto(gradient, share, where=winners)
    return gradient


def extremum_vjp(g: Any, a: Any, axis: Axes, keepdims: Any, initial: Any, where: Any, out: Any) -> Any:
    level, g = keep_axes(out, a.shape, axis, keepdims), keep_axes(g, a.shape, axis, keepdims)
    return share_among(g, a, level, axis, where, initial)


def nan_extremum_vjp(g: Any, a: Any, axis: Axes, keepdims: Any, initial: Any, where: Any, out: Any) -> Any:
    return extremum_vjp(g, a, axis, keepdims, initial, numbers(a, where), out)


def products_of_others(a: Any, axis: Axes) -> Any:
    """For each entry, the product of all the others along the axes: right with any number of zeros.

    The products of all before and of all after an entry are cumulative products, so nothing is divided.
    """
    reduced = normalize_axes(axis, a.ndim)
    kept = tuple(i for i in range(a.ndim) if i not in reduced)
    order = kept + reduced
    rows = np.transpose(a, order).reshape([*(a.shape[i] for i in kept), count_along(a.shape, axis)])
    ones = np.ones((*rows.shape[:-1], 1), rows.dtype)
    before = np.concatenate([ones, np.cumprod(rows[..., :-1], axis=-1)], axis=-1)
    after = np.concatenate([np.flip(np.cumprod(np.flip(rows[..., 1:], -1), axis=-1), -1), ones], axis=-1)
    others = (before * after)[..., : rows.shape[-1]].reshape([a.shape[i] for i in order])
    return np.transpose(others, np.argsort(order))


def prod_vjp(g: Any, a: Any, axis: Axes, keepdims: Any, initial: Any, where: Any, out: Any) -> Any:
    """Each entry's cotangent is g times the product of all the others.

    That is ``g * out / a`` where both products are normal numbers, for then no factor is 0; not so in a pass that is
    recorded itself, for there the derivative by the same entry would be a difference of roundings.
    """
    g, level = keep_axes(g, a.shape, axis, keepdims), keep_axes(out, a.shape, axis, keepdims)
    if type(a) is np.ndarray:
        scaled = g * level
        if _all_normal(level) and _all_normal(np.where(g == 0, 1, scaled)):
            return only_where(scaled / a, where)
    others = products_of_others(a if where is True else np.where(where, a, 1), axis)
    return only_where(g * others if initial is NO_VALUE else g * initial * others, where)


def _all_normal(x: np.ndarray) -> bool:
    limits = np.finfo(x.dtype)
    size = np.abs(x)
    return bool(((size >= limits.tiny) & (size <= limits.max)).all())


def freedom(shape: Shape, axis: Axes, where: Any, ddof: float, correction: Any, dtype: Any) -> Any:
    """What a variance divides the sum of the squares by."""
    less = ddof if correction is NO_VALUE else correction
    return as_float(np.maximum(count_along(shape, axis, where) - less, 0), dtype)


def center(a: Any, axis: Axes, where: Any, mean: Any) -> Any:
    return np.mean(a, axis, keepdims=True, where=where) if mean is None else mean


def var_vjp(
    g: Any, a: Any, axis: Axes, ddof: float, keepdims: Any, where: Any, mean: Any, correction: Any, out: Any
) -> Any:
    """``2 (a - mean) / (N - ddof) * g``; the mean's own share is zero, for the deviations sum to zero."""
    deviations = a - center(a, axis, where, mean)
    scale = keep_axes(g, a.shape, axis, keepdims) * 2 / freedom(a.shape, axis, where, ddof, correction, g.dtype)
    return only_where(scale * (np.conjugate(deviations) if np.iscomplexobj(a) else deviations), where)


def std_vjp(
    g: Any, a: Any, axis: Axes, ddof: float, keepdims: Any, where: Any, mean: Any, correction: Any, out: Any
) -> Any:
    """``(a - mean) / ((N - ddof) std) * g``, and 0 for a constant.

    Where a deviation is so small or large that its square is not to be trusted, or so small against the mean that it
    may be but rounding, the squares are those of deviations divided by the largest.
    """
    count = freedom(a.shape, axis, where, ddof, correction, g.dtype)
    g, middle = keep_axes(g, a.shape, axis, keepdims), center(a, axis, where, mean)
    level, limits = unwrap(keep_axes(out, a.shape, axis, keepdims)), np.finfo(out.dtype)
    trusted = (level > limits.tiny**0.25) & (level < limits.max**0.25)
    if np.all(trusted & (level > limits.eps**0.5 * np.abs(unwrap(middle)))):
        slopes = (a - middle) * (g / (count * keep_axes(out, a.shape, axis, keepdims)))
        return only_where(np.conjugate(slopes) if np.iscomplexobj(a) else slopes, where)
    deviations = only_where(a - middle, where)
    largest = np.max(np.abs(unwrap(deviations)), axis, keepdims=True, initial=0)
    constant = largest == 0
    if mean is None:
        constant = constant | _is_constant(unwrap(a), axis, where)
    scaled = np.where(constant, 0, deviations / np.where(constant, 1, largest))
    squares = np.real(scaled * np.conjugate(scaled))
    root = np.sqrt(count * np.where(constant, 1, np.sum(squares, axis, keepdims=True)))
    return only_where(g / root * np.conjugate(scaled), where)


def _is_constant(a: np.ndarray, axis: Axes, where: Any) -> Any:
    """Whether all entries along the axes are the same, which their deviations, rounded, need not tell."""
    if np.iscomplexobj(a):
        return _is_constant(a.real, axis, where) & _is_constant(a.imag, axis, where)
    highest = np.max(a, axis, keepdims=True, initial=-np.inf, where=where)
    return highest == np.min(a, axis, keepdims=True, initial=np.inf, where=where)


def nanmean_vjp(g: Any, a: Any, axis: Axes, keepdims: Any, where: Any) -> Any:
    return mean_vjp(g, a.shape, axis, keepdims, numbers(a, where))


def nanvar_vjp(
    g: Any, a: Any, axis: Axes, ddof: float, keepdims: Any, where: Any, mean: Any, correction: Any, out: Any
) -> Any:
    taking_part = numbers(a, where)
    return var_vjp(g, np.where(taking_part, a, 0), axis, ddof, keepdims, taking_part, mean, correction, out)


def nanstd_vjp(
    g: Any, a: Any, axis: Axes, ddof: float, keepdims: Any, where: Any, mean: Any, correction: Any, out: Any
) -> Any:
    taking_part = numbers(a, where)
    return std_vjp(g, np.where(taking_part, a, 0), axis, ddof, keepdims, taking_part, mean, correction, out)


def of_mean(rule: Callable) -> Callable:
    """The rule of a given mean, from that of the array: what shifts all entries by as much shifts the mean back."""

    def vjp(
        g: Any, a: Any, axis: Axes, ddof: float, keepdims: Any, where: Any, mean: Any, correction: Any, out: Any
    ) -> Any:
        return unbroadcast(-rule(g, a, axis, ddof, keepdims, where, mean, correction, out), mean.shape)

    return vjp


# fmt: off
MASKED:  dict[str, Any] = dict(constants=("where",), form=MaskedPullback)
NUMBERS: dict[str, Any] = dict(constants=("where",), form=NumbersPullback)
SELECTS: dict[str, Any] = dict(constants=("where",), kind="select")

defvjp(np.sum,         forward=_summing(np.add.reduce, 0),      a=sum_vjp,          **MASKED, kind="linear")
defvjp(np.mean,        forward=_mean(np.mean),                  a=mean_vjp,         **MASKED, kind="linear")
defvjp(np.prod,        forward=_summing(np.multiply.reduce, 1), a=prod_vjp,         **MASKED)
defvjp(np.max,         forward=_extremum(np.maximum.reduce),    a=extremum_vjp,     **SELECTS)
defvjp(np.min,         forward=_extremum(np.minimum.reduce),    a=extremum_vjp,     **SELECTS)
defvjp(np.var,         forward=_moment(np.var),                 a=var_vjp,          **MASKED, mean=of_mean(var_vjp))
defvjp(np.std,         forward=_moment(np.std),                 a=std_vjp,          **MASKED, mean=of_mean(std_vjp))

defvjp(np.nanmean,     forward=_mean(np.nanmean),               a=nanmean_vjp,      **SELECTS)
defvjp(np.nanmax,      forward=_nan_extremum(np.nanmax),        a=nan_extremum_vjp, **SELECTS)
defvjp(np.nanmin,      forward=_nan_extremum(np.nanmin),        a=nan_extremum_vjp, **SELECTS)
defvjp(np.nanvar,      forward=_moment(np.nanvar),              a=nanvar_vjp,       **NUMBERS, mean=of_mean(nanvar_vjp))
defvjp(np.nanstd,      forward=_moment(np.nanstd),              a=nanstd_vjp,       **NUMBERS, mean=of_mean(nanstd_vjp))
defvjp(np.fmax.reduce, forward=reduce_method(np.fmax),          a=nan_extremum_vjp, **SELECTS)
defvjp(np.fmin.reduce, forward=reduce_method(np.fmin),          a=nan_extremum_vjp, **SELECTS)
# fmt: on

implements(np.amax)(lambda a, *args, **kwargs: np.max(a, *args, **kwargs))
implements(np.amin)(lambda a, *args, **kwargs: np.min(a, *args, **kwargs))


@implements(np.nansum)
def _nansum(a: Any, *args: Any, **kwargs: Any) -> Any:
    return np.sum(np.where(np.isnan(a), 0, a), *args, **kwargs)


@implements(np.nanprod)
def _nanprod(a: Any, *args: Any, **kwargs: Any) -> Any:
    return np.prod(np.where(np.isnan(a), 1, a), *args, **kwargs)


@implements(np.ptp)
def _ptp(a: Any, *args: Any, **kwargs: Any) -> Any:
    return np.max(a, *args, **kwargs) - np.min(a, *args, **kwargs)


def _as_method(function: Callable) -> Callable:
    """A reduction with the signature of the method ``reduce`` of its ufunc."""

    def reduce(array: Any, axis: Axes = 0, dtype: Any = None, *, keepdims: bool = False, **options: Any) -> Any:
        return function(array if dtype is None else np.astype(array, dtype), axis, keepdims=keepdims, **options)

    return reduce


implements(np.add.reduce)(_as_method(np.sum))
implements(np.multiply.reduce)(_as_method(np.prod))
implements(np.maximum.reduce)(_as_method(np.max))
implements(np.minimum.reduce)(_as_method(np.min))
