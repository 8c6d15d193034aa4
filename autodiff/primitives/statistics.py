"""Order statistics, averages, covariances.

Tied entries share the cotangent of an order statistic equally, as those of ``max`` and ``min`` do, whose special case
they are. Of the weights of ``average`` there are gradients; weights of a quantile, and of ``cov``, are constants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..broadcasting import Axes, keep_axes, normalize_axes
from ..dispatch import unwrap
from ..primitive import defvjp, implements
from .linalg import as_operand
from .reductions import check, numbers, share_among

Shape = tuple[int, ...]

DISCRETE = frozenset(("inverted_cdf", "closest_observation", "lower", "higher", "nearest"))
"""The methods by which a quantile is one of the entries; weights go with the first of them alone."""


def _median(function: Callable) -> Callable:
    """``function``, which does not overwrite its input whatever it is told."""

    def median(
        a: Any, axis: Axes = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
    ) -> Any:
        check(a, None, out)
        return function(a, axis, keepdims=keepdims)

    return median


def _quantile(function: Callable) -> Callable:
    """``function``, which does not overwrite its input whatever it is told."""

    def quantile(
        a: Any,
        q: Any,
        axis: Axes = None,
        out: None = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: bool = False,
        *,
        weights: Any = None,
    ) -> Any:
        check(a, None, out)
        if np.ndim(q) > 1 and axis is not None and function in (np.nanquantile, np.nanpercentile):
            raise ValueError(
                f"{function.__name__}: q of shape {np.shape(q)} gives axes in another order than "
                f"{function.__name__.removeprefix('nan')} does; pass a q of one dimension, and reshape"
            )
        return function(a, q, axis, method=method, keepdims=keepdims, weights=weights)

    return quantile


def neighbours(a: np.ndarray, q: Any, axis: Axes, method: str, where: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two entries between which a quantile lies, and the weight of the upper one, for one ``q``.

    NumPy's own quantile of 0, 1, 2, ... is the position of the quantile among sorted entries, whatever the method.
    """
    reduced = normalize_axes(axis, a.ndim)
    kept = tuple(i for i in range(a.ndim) if i not in reduced)
    shape = [1 if i in reduced else n for i, n in enumerate(a.shape)]
    rows = np.where(where, a, np.nan).transpose(kept + reduced).reshape([a.shape[i] for i in kept] + [-1])
    counts = (
        np.count_nonzero(~np.isnan(rows), axis=-1) if where is not True else np.full(rows.shape[:-1], rows.shape[-1])
    )
    position = np.zeros(counts.shape)
    for n in np.unique(counts[counts > 0]).tolist():
        position[counts == n] = np.quantile(np.arange(float(n)), q, method=method)
    below = np.floor(position).astype(int)
    above = np.minimum(below + 1, np.maximum(counts - 1, 0))
    rows = np.partition(rows, np.unique([below, above]), axis=-1)
    lower, upper = (np.take_along_axis(rows, k[..., None], -1).reshape(shape) for k in (below, above))
    return lower, upper, (position - below).reshape(shape)


def share_quantile(g: Any, a: Any, q: Any, axis: Axes, method: str, out: Any, where: Any) -> Any:
    """The cotangent of one quantile, in two parts, each to the entries equal to one of its neighbours."""
    if method in DISCRETE:
        return share_among(g, a, out, axis, where)
    lower, upper, weight = neighbours(unwrap(a), q, axis, method, where)
    missing = np.isnan(unwrap(out))
    lower, upper = (np.where(missing, np.nan, value) for value in (lower, upper))
    weight = weight.astype(g.dtype)
    gradient = share_among(g * (1 - weight), a, lower, axis, where)
    return gradient + share_among(g * weight, a, upper, axis, where) if weight.any() else gradient


def share_quantiles(
    g: Any, a: Any, q: Any, axis: Axes, method: str, keepdims: bool, out: Any, where: Any = True
) -> Any:
    """The sum over the quantiles that were asked for."""
    levels = np.asarray(q)
    shape = np.shape(g)[levels.ndim :]
    count = levels.size
    g, out = g.reshape(count, *shape), unwrap(out).reshape(count, *shape)
    total: Any = np.zeros(a.shape, g.dtype)
    for i, level in enumerate(levels.reshape(-1) if a.size else ()):
        g_i, out_i = keep_axes(g[i], a.shape, axis, keepdims), keep_axes(out[i], a.shape, axis, keepdims)
        total = total + share_quantile(g_i, a, level, axis, method, out_i, where)
    return total


def quantile_vjp(g: Any, a: Any, q: Any, axis: Axes, method: str, keepdims: bool, out: Any) -> Any:
    return share_quantiles(g, a, q, axis, method, keepdims, out)


def nanquantile_vjp(g: Any, a: Any, q: Any, axis: Axes, method: str, keepdims: bool, out: Any) -> Any:
    return share_quantiles(g, a, q, axis, method, keepdims, out, numbers(a))


def percentile_vjp(g: Any, a: Any, q: Any, axis: Axes, method: str, keepdims: bool, out: Any) -> Any:
    return share_quantiles(g, a, np.true_divide(q, 100), axis, method, keepdims, out)


def nanpercentile_vjp(g: Any, a: Any, q: Any, axis: Axes, method: str, keepdims: bool, out: Any) -> Any:
    return share_quantiles(g, a, np.true_divide(q, 100), axis, method, keepdims, out, numbers(a))


def median_vjp(g: Any, a: Any, axis: Axes, keepdims: bool, out: Any) -> Any:
    return share_quantiles(g, a, 0.5, axis, "linear", keepdims, out)


def nanmedian_vjp(g: Any, a: Any, axis: Axes, keepdims: bool, out: Any) -> Any:
    return share_quantiles(g, a, 0.5, axis, "linear", keepdims, out, numbers(a))


def variables(x: Any, transposed: bool) -> Any:
    """The observations of ``cov`` with a row for each variable."""
    x = x.reshape(1, -1) if x.ndim < 2 else x
    return x.T if transposed else x


def _cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    return np.cov(m, y, rowvar, bias, ddof, fweights, aweights, dtype=dtype)


def cov_vjp(
    g: Any, m: Any, y: Any, rowvar: bool, bias: bool, ddof: int | None, fweights: Any, aweights: Any
) -> dict[str, Any]:
    """``(g + g.T) D W / factor`` of the deviations D and weights W; the mean has no share: D W sums to zero.

    The factor is that of NumPy's ``cov``: ``sum(w) - ddof * sum(w * aweights) / sum(w)``.
    """
    turned = {"m": not rowvar and m.ndim == 2, "y": y is not None and not rowvar and y.ndim == 2 and y.shape[0] != 1}
    parts = [variables(m, turned["m"])] + ([] if y is None else [variables(y, turned["y"])])
    rows = np.concatenate(parts, axis=0).astype(g.dtype)
    reliability = np.ones(rows.shape[1]) if aweights is None else np.asarray(aweights, dtype=float)
    weights = reliability if fweights is None else reliability * np.asarray(fweights)
    total = weights.sum()
    ddof = (0 if bias else 1) if ddof is None else ddof
    factor = max(total - ddof * (weights * reliability).sum() / total if ddof else total, 0)
    weights = weights.astype(rows.real.dtype)
    deviations = rows - np.sum(rows * weights, axis=1, keepdims=True) / total.astype(weights.dtype)
    g = g.reshape(len(rows), len(rows))
    gradient = g @ np.conjugate(deviations) + np.conjugate(g.T @ deviations)
    gradient = gradient * (weights / weights.dtype.type(factor))
    first, second = gradient[: parts[0].shape[0]], gradient[parts[0].shape[0] :]
    return {
        "m": lambda: variables(first, turned["m"]).reshape(m.shape),
        "y": lambda: variables(second, turned["y"]).reshape(y.shape),
    }


def _within_one(x: Any) -> Any:
    if np.iscomplexobj(x):
        return np.clip(x.real, -1, 1) + 1j * np.clip(x.imag, -1, 1)
    return np.clip(x, -1, 1)


_within_one.__name__ = "within_one"


def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    return np.bincount(x, weights, minlength)


# fmt: off
SELECTS: dict[str, Any] = dict(kind="select", constants=("weights",))

defvjp(np.median,        forward=_median(np.median),    kind="select",      a=median_vjp)
defvjp(np.nanmedian,     forward=_median(np.nanmedian), kind="select",      a=nanmedian_vjp)
defvjp(np.quantile,      forward=_quantile(np.quantile),              a=quantile_vjp,      **SELECTS)
defvjp(np.nanquantile,   forward=_quantile(np.nanquantile),           a=nanquantile_vjp,   **SELECTS)
defvjp(np.percentile,    forward=_quantile(np.percentile),            a=percentile_vjp,    **SELECTS)
defvjp(np.nanpercentile, forward=_quantile(np.nanpercentile),         a=nanpercentile_vjp, **SELECTS)
defvjp(np.bincount,      forward=_bincount,  kind="linear", constants=("x",), weights=lambda g, x: np.take(g, x))
defvjp(np.cov,           forward=_cov,       joint=cov_vjp, joint_arguments=("m", "y"))
within_one = defvjp(_within_one, kind="elementwise", x=lambda g: g)  # what lies outside does so by rounding alone
# fmt: on


@implements(np.average)
def _average(a: Any, axis: Axes = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    a = as_operand(a)
    if weights is None:
        mean = np.mean(a, axis, keepdims=keepdims)
        total: Any = np.asarray(a.size / mean.size, mean.dtype)
    else:
        weights = spread_weights(as_operand(weights), a.shape, axis)
        if a.dtype.kind in "biu":
            a = np.astype(a, np.float64)
        total = np.sum(weights, axis, np.result_type(a.dtype, weights.dtype), keepdims=keepdims)
        if np.any(total == 0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        mean = np.sum(np.multiply(a, weights), axis, keepdims=keepdims) / total
    return (mean, np.broadcast_to(total, mean.shape)) if returned else mean


def spread_weights(weights: Any, shape: Shape, axis: Axes) -> Any:
    """Weights of an array's shape as they are; those for the given axes alone, so that they broadcast with it."""
    if weights.shape == shape:
        return weights
    if axis is None:
        raise TypeError(
            f"average: weights of shape {weights.shape} for an array of shape {shape}; specify the axis they are for"
        )
    axes = [a % len(shape) for a in (axis if isinstance(axis, (tuple, list)) else (axis,))]
    if weights.shape != tuple(shape[a] for a in axes):
        raise ValueError(
            f"average: weights of shape {weights.shape} do not go with axis {axis} of an array of shape {shape}"
        )
    return np.transpose(weights, np.argsort(axes)).reshape([n if i in axes else 1 for i, n in enumerate(shape)])


@implements(np.corrcoef)
def _corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    covariance = np.cov(x, y, rowvar, dtype=dtype)
    if covariance.ndim == 0:
        return covariance / covariance
    deviations = np.sqrt(np.real(np.diag(covariance)))
    return within_one(covariance / deviations[:, None] / deviations[None, :])
