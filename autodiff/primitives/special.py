"""SciPy's special functions: its ufuncs, which record on tensors as they are, and the softmax family.

An entry of -inf takes no part in the softmax family: its weight and its gradient are 0. Where a whole row is -inf, so
that SciPy's softmax is NaN, ``softmax`` gives 0 and the other two -inf, with gradient 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special
from scipy.special import digamma, expit

from ..broadcasting import Axes, keep_axes, unbroadcast
from ..primitive import defvjp

Shape = tuple[int, ...]


def spherical_jn_vjp(g: Any, n: int, z: Any) -> Any:
    """``j0' = -j1`` and ``(2n + 1) jn' = n j[n-1] - (n + 1) j[n+1]`` (DLMF 10.51.2): no division, so right at 0 too."""
    if n == 0:
        return -g * spherical_jn(1, z)
    return g * ((n * spherical_jn(n - 1, z) - (n + 1) * spherical_jn(n + 1, z)) / (2 * n + 1))


def ratio_vjp(g: Any, x: Any, y: Any) -> Any:
    """``g * x / y``, the derivative of ``x log y`` by y, which is 0 for any y where x is 0."""
    return np.where((x == 0) & (y == 0), 0, g * (x / y))


def _spherical_jn(n: int, z: Any) -> Any:
    return special.spherical_jn(n, z)


# fmt: off
ROOT_PI, ROOT_2PI = math.sqrt(math.pi), math.sqrt(2 * math.pi)

defvjp(special.erf,       x=lambda g, x: g * (2 / ROOT_PI * np.exp(-x * x)))
defvjp(special.erfc,      x=lambda g, x: g * (-2 / ROOT_PI * np.exp(-x * x)))
defvjp(special.erfinv,    x=lambda g, out: g * (ROOT_PI / 2 * np.exp(out * out)))
defvjp(special.erfcinv,   x=lambda g, out: g * (-ROOT_PI / 2 * np.exp(out * out)))
defvjp(special.ndtr,      x=lambda g, x: g * (np.exp(-x * x / 2) / ROOT_2PI))
defvjp(special.ndtri,     x=lambda g, out: g * (np.exp(out * out / 2) * ROOT_2PI))
defvjp(special.expit,     x=lambda g, out: g * (out - out * out))
defvjp(special.log_expit, x=lambda g, x: g * expit(-x))
defvjp(special.logit,     x=lambda g, x: g / (x * (1 - x)))
defvjp(special.entr,      x=lambda g, x: -g * (1 + np.log(x)))
defvjp(special.xlogy,     x=lambda g, y: g * np.log(y),                    y=ratio_vjp)
defvjp(special.xlog1py,   x=lambda g, y: g * np.log1p(y),                  y=lambda g, x, y: ratio_vjp(g, x, 1 + y))
defvjp(special.rel_entr,  x=lambda g, x, y: g * (1 + np.log(x) - np.log(y)), y=lambda g, x, y: -ratio_vjp(g, x, y))
defvjp(special.kl_div,    x=lambda g, x, y: g * (np.log(x) - np.log(y)),     y=lambda g, x, y: g - ratio_vjp(g, x, y))
defvjp(special.gamma,     x=lambda g, x, out: g * (out * digamma(x)))
defvjp(special.rgamma,    x=lambda g, x, out: -g * (out * digamma(x)))
defvjp(special.gammaln,   x=lambda g, x: g * digamma(x))
defvjp(special.digamma,   x=lambda g, x: g * polygamma(1, x))
defvjp(special.betaln,    x=lambda g, x, y: g * (digamma(x) - digamma(x + y)),
                          y=lambda g, x, y: g * (digamma(y) - digamma(x + y)))
defvjp(np.sinc,           kind="elementwise", x=lambda g, x: -g * (np.pi * spherical_jn(1, np.pi * x)))

polygamma: Any = defvjp(special.polygamma,       kind="elementwise", x=lambda g, n, x: g * polygamma(n + 1, x))
spherical_jn: Any = defvjp(special.spherical_jn, kind="elementwise", forward=_spherical_jn, z=spherical_jn_vjp)
# fmt: on


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
    return np.where(out == -np.inf, 0, np.exp(near - logsumexp(near, axis, b, keepdims=True)))


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


logsumexp = defvjp(_logsumexp, a=logsumexp_vjp, b=logsumexp_weights_vjp)
softmax = defvjp(_softmax, x=softmax_vjp)
log_softmax = defvjp(_log_softmax, x=log_softmax_vjp)
