"""The softmax family along one axis, which must be named.

An entry of -inf has the weight 0. Where all are -inf there is nothing to share out: the weights are 0, their logarithms
-inf, and the gradient is 0, as for ``autodiff.scipy.special.softmax``. (In PyTorch all of these are NaN.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff import Tensor

from ..derived import derived, on_arrays
from ..sums import ones
from .options import axis_of, floating


def _highest(x: Any, axis: int) -> np.ndarray:
    """The largest entries, as constants (what is subtracted from x cancels), and finite where all are -inf."""
    values = x.data if isinstance(x, Tensor) else x
    return np.max(values, axis=axis, keepdims=True, initial=np.finfo(values.dtype).min)


def _sum_on_arrays(x: np.ndarray, axis: int) -> Any:
    """The same, along the last axis by BLAS, in a fifth of the time."""
    if x.ndim and x.dtype.char in "fd" and axis % x.ndim == x.ndim - 1:
        *outer, n = x.shape
        return (x.reshape(math.prod(outer), n) @ ones(n, x.dtype)).reshape(*outer, 1)
    return np.sum(x, axis=axis, keepdims=True, dtype=np.float32 if x.dtype == np.float16 else None)


@on_arrays(_sum_on_arrays)
def _sum(x: Any, axis: int) -> Any:
    """The sum over an axis, which stays with length 1; half precision is added up in single."""
    return np.sum(x, axis=axis, keepdims=True, dtype=np.float32 if x.dtype == np.float16 else None)


def _unless_zero(total: Any) -> Any:
    """1 for a total of 0, which is that of entries that are all -inf."""
    return np.where(total == 0, 1, total)


def _shifted(x: Any, axis: int) -> np.ndarray:
    """``x - max(x)`` in a new array."""
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"a softmax takes real numbers, but was given {x.dtype} of shape {x.shape}")
    x = floating(x)
    return np.subtract(x, _highest(x, axis), out=np.empty_like(x))


def _shares(x: Any, axis: int) -> Any:
    weights = np.exp(x - _highest(x, axis))
    return (weights / _unless_zero(_sum(weights, axis))).astype(x.dtype)


def _shares_on_arrays(x: Any, axis: int) -> np.ndarray:
    weights = _shifted(x, axis)
    np.exp(weights, out=weights)
    weights /= _unless_zero(_sum(weights, axis))
    return weights


def _shares_vjp_on_arrays(g: Any, out: Any, dim: int) -> np.ndarray:
    last = out.ndim > 0 and dim % out.ndim == out.ndim - 1
    gradient = g - (np.vecdot(g, out)[..., None] if last else _sum(g * out, dim))
    gradient *= out
    return gradient


@on_arrays(_shares_vjp_on_arrays)
def _shares_vjp(g: Any, out: Any, dim: int) -> Any:
    return out * (g - _sum(g * out, dim))


def _softmax_on_arrays(x: Any, dim: int | None = None) -> np.ndarray:
    return _shares_on_arrays(x, axis_of("softmax", x, dim))


@derived(forward=_softmax_on_arrays)
def softmax(x: Any, dim: int | None = None) -> Any:
    """``exp(x) / sum(exp(x))`` along the axis ``dim``.

    For ``p = exp(x) / s``, ``s = sum(exp(x))``: ``dp = p dx - p ds / s = p (dx - sum(p dx))``. The sum of ``g dp`` is
    that of ``(g p - p sum(g p)) dx``, so the gradient is ``p (g - sum(g p))``.

    >>> softmax(np.array([0.0, 0.0, -np.inf]), dim=0)
    array([0.5, 0.5, 0. ])

    Raises:
        ValueError: x has no such axis.
        TypeError: ``dim`` is no integer, or not given.
    """
    return _shares(x, axis_of("softmax", x, dim))


softmax.gradient(x=_shares_vjp)


def _softmin_on_arrays(x: Any, dim: int | None = None) -> np.ndarray:
    negative = np.negative(floating(x))  # of unsigned integers there are no negative ones
    return _shares_on_arrays(negative, axis_of("softmin", x, dim))


@derived(forward=_softmin_on_arrays)
def softmin(x: Any, dim: int | None = None) -> Any:
    """``softmax(-x)``, and so with minus its gradient.

    Raises:
        ValueError: x has no such axis.
        TypeError: ``dim`` is no integer, or not given.
    """
    return _shares(-x, axis_of("softmin", x, dim))


softmin.gradient(x=lambda g, out, dim: -_shares_vjp(g, out, dim))


def _log_softmax_on_arrays(x: Any, dim: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    axis = axis_of("log_softmax", x, dim)
    out = _shifted(x, axis)
    weights = np.exp(out)
    total = _sum(weights, axis)
    out -= np.log(_unless_zero(total))
    return out, weights, total


def _log_softmax_vjp_on_arrays(g: Any, dim: int, weights: Any, total: Any) -> np.ndarray:
    gradient = weights * (_sum(g, dim) / -_unless_zero(total))
    gradient += g
    return gradient if total.all() else np.where(total == 0, 0, gradient)


@derived(forward=_log_softmax_on_arrays, residuals=("weights", "total"))
def log_softmax(x: Any, dim: int | None = None) -> Any:
    """``x - log(sum(exp(x)))`` along the axis ``dim``.

    With ``p = softmax(x)``, the derivative of the logarithm by x: ``sum(g (dx - sum(p dx))) = sum((g - p sum(g)) dx)``,
    so the gradient is ``g - p sum(g)``.

    >>> log_softmax(np.array([1000.0, 1000.0, -np.inf]), dim=0)
    array([-0.69314718, -0.69314718,        -inf])

    Raises:
        ValueError: x has no such axis.
        TypeError: ``dim`` is no integer, or not given.
    """
    axis = axis_of("log_softmax", x, dim)
    shifted = x - _highest(x, axis)
    weights = np.exp(shifted)
    total = _sum(weights, axis)
    return (shifted - np.log(_unless_zero(total))).astype(x.dtype), weights, total


@on_arrays(_log_softmax_vjp_on_arrays)
def _log_softmax_vjp(g: Any, dim: int, weights: Any, total: Any) -> Any:
    return np.where(total == 0, 0, g - weights * (_sum(g, dim) / _unless_zero(total)))


log_softmax.gradient(x=_log_softmax_vjp)
