"""The softmax family of ``scipy.special``, which SciPy does not dispatch.

An entry of -inf takes no part: its weight and its gradient are 0. Where a whole row is -inf, so that SciPy's softmax
is NaN, ``softmax`` gives 0 and the other two -inf, with gradient 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from ..broadcasting import Axes, keep_axes, unbroadcast
from ..dispatch import unwrap
from ..primitive import defvjp

Shape = tuple[int, ...]


def _shifted_exp(x: Any, axis: Axes) -> tuple[Any, Any, Any]:
    """``exp(x - shift)`` with its sum and the shift: the largest entry, so that nothing overflows (0 if not finite)."""
    shift = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(shift), shift, 0)
    exp = np.exp(x - shift)
    return exp, _sum(exp, axis), shift


def _sum(x: Any, axis: Axes) -> Any:
    """The sum over ``axis``, which stays with length 1; float16 is added up in float32."""
    return np.sum(x, axis=axis, keepdims=True, dtype=np.float32 if x.dtype == np.float16 else None)


def _as_floats(x: Any) -> np.ndarray:
    array = np.asarray(x)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _logsumexp(a: Any, axis: Axes = None, b: Any = None, keepdims: bool = False) -> Any:
    """``log(sum(b * exp(a)))`` over an axis, several or all, as ``scipy.special.logsumexp``.

    Weights ``b`` broadcast against ``a``; where one is 0 the entry of ``a`` may be anything.
    """
    a = _as_floats(a)
    if b is not None:
        a, b = np.broadcast_arrays(a, b)
        a = np.where(b == 0, -np.inf, a)
    exp, total, shift = _shifted_exp(a, axis)
    if b is not None:
        total = _sum(b * exp, axis)
    with np.errstate(divide="ignore"):  # the logarithm of an empty sum is -inf
        out = (np.log(total) + shift).astype(total.dtype if b is not None else a.dtype, copy=False)
    return out if keepdims else np.squeeze(out, tuple(range(a.ndim)) if axis is None else axis)


def _softmax(x: Any, axis: Axes = None) -> Any:
    """``exp(x) / sum(exp(x))`` over an axis, several or all, as ``scipy.special.softmax``; 0 in a row of -inf."""
    x = _as_floats(x)
    exp, total, _ = _shifted_exp(x, axis)
    exp /= np.where(total == 0, 1, total)
    return exp


def _log_softmax(x: Any, axis: Axes = None) -> Any:
    """``x - logsumexp(x)`` over an axis, several or all, as ``scipy.special.log_softmax``; -inf in a row of -inf."""
    x = _as_floats(x)
    _, total, shift = _shifted_exp(x, axis)
    return (x - shift) - np.log(np.where(total == 0, 1, total)).astype(x.dtype, copy=False)


_logsumexp.__name__, _softmax.__name__, _log_softmax.__name__ = "logsumexp", "softmax", "log_softmax"


def exp_minus_logsumexp(out: Any, a: Any, axis: Axes, b: Any) -> Any:
    """``exp(a - out)`` for ``out = logsumexp(a, axis, b, keepdims=True)``; 0 where that is -inf.

    Both are shifted by the integer below ``out`` first, or large logits would lose the digits that matter.
    """
    if b is None:
        return softmax(a, axis)
    shift = np.floor(np.where(np.isfinite(out), out, 0))
    near = a - shift
    return np.where(out == -np.inf, 0, np.exp(near - log_sum_exp(near, axis, b, keepdims=True)))


def logsumexp_vjp(g: Any, a: Any, axis: Axes, b: Any, keepdims: bool, out: Any, a_shape: Shape) -> Any:
    shape = a_shape if b is None else np.broadcast_shapes(a_shape, np.shape(b))
    g, out = (keep_axes(value, shape, axis, keepdims) for value in (g, out))
    weight = exp_minus_logsumexp(out, a, axis, b)
    if b is None:
        return g * weight
    hidden = (b == 0) & ~np.isfinite(weight)  # an entry too large for its weight of 0 to be told from 0 * inf
    return unbroadcast(np.where(hidden, 0, g * b * weight), a_shape)


def logsumexp_weights_vjp(g: Any, a: Any, axis: Axes, b: Any, keepdims: bool, out: Any, b_shape: Shape) -> Any:
    shape = np.broadcast_shapes(np.shape(a), b_shape)
    g, out = (keep_axes(value, shape, axis, keepdims) for value in (g, out))
    return unbroadcast(np.broadcast_to(g * exp_minus_logsumexp(out, a, axis, b), shape), b_shape)


def softmax_vjp(g: Any, axis: Axes, out: Any) -> Any:
    weighted = g * out
    return weighted - out * np.sum(weighted, axis=axis, keepdims=True)


def log_softmax_vjp(g: Any, axis: Axes, out: Any) -> Any:
    gradient = g - np.exp(out) * np.sum(g, axis=axis, keepdims=True)
    empty = (out == -np.inf).all(axis=axis, keepdims=True)
    return np.where(empty, 0, gradient) if empty.any() else gradient


log_sum_exp = defvjp(_logsumexp, a=logsumexp_vjp, b=logsumexp_weights_vjp)
softmax = defvjp(_softmax, x=softmax_vjp)
log_softmax = defvjp(_log_softmax, x=log_softmax_vjp)


def logsumexp(a: Any, axis: Axes = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """``log(sum(b * exp(a)))`` over an axis, several or all, as ``scipy.special.logsumexp``.

    With ``return_sign``, ``(log(abs(sum)), sign(sum))``: the sign, a plain array, is multiplied into the weights.
    """
    if not return_sign:
        return log_sum_exp(a, axis, b, keepdims)
    plain, weights = unwrap(a), unwrap(b)
    _, sign = special.logsumexp(plain, axis=axis, b=weights, keepdims=True, return_sign=True)
    out = log_sum_exp(a, axis, sign if b is None else b * sign, keepdims)
    return out, sign if keepdims else np.squeeze(sign, tuple(range(sign.ndim)) if axis is None else axis)
