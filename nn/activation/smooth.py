"""Smooth activations. Far out, where little but an exponential tells a value from 0, 1 or x, no digits of it are lost.

The expressions are the formulas; what runs on plain arrays gives the limits at infinity too, where formulas say
0 * inf. Where a derivative shares most of its work with the value, it is computed along, as the residual ``slope``:
the backward pass is then one product, and nothing else is kept for it.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from scipy.special import expit, ndtr

from ..arguments import array
from ..derived import derived, on_arrays
from .kernels import FAR, in_pieces, log_one_plus_exp, logistic, normal_cdf
from .options import axis_of, floating, number

_sigmoid_on_arrays = in_pieces()(logistic)


@derived(kind="elementwise", forward=_sigmoid_on_arrays)
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``.

    With ``s = 1 / (1 + e)`` and ``e = exp(-x)``: ``s' = e / (1 + e)**2 = s (1 - s)``.
    """
    return expit(x)


sigmoid.gradient(x=lambda g, out: g * (out * (1 - out)))


@derived(kind="elementwise", forward=lambda x: np.tanh(floating(x)))
def tanh(x: Any) -> Any:
    """The hyperbolic tangent, the derivative of which is ``1 - tanh(x)**2``."""
    return np.tanh(x)


tanh.gradient(x=lambda g, out: g * (1 - out * out))


def _tanhshrink_on_arrays(x: Any) -> tuple[Any, Any]:
    x = floating(x)
    t = np.tanh(x)
    return x - t, t


@derived(kind="elementwise", forward=_tanhshrink_on_arrays, residuals=("t",))
def tanhshrink(x: Any) -> Any:
    """``x - tanh(x)``, the derivative of which is ``1 - (1 - tanh(x)**2) = tanh(x)**2``."""
    t = np.tanh(x)
    return x - t, t


tanhshrink.gradient(x=lambda g, t: g * (t * t))


def _softsign_on_arrays(x: Any) -> Any:
    """With the largest number for an infinite one, or the ratio would be inf / inf."""
    x = floating(x)
    if x.dtype.kind == "f":
        largest = np.finfo(x.dtype).max
        x = np.clip(x, -largest, largest)
    return x / (1 + np.abs(x))


@derived(kind="elementwise", forward=_softsign_on_arrays)
def softsign(x: Any) -> Any:
    """``x / (1 + |x|)``.

    The derivative is ``(1 + |x| - x sign(x)) / (1 + |x|)**2 = 1 / (1 + |x|)**2``, also at 0.
    """
    return x / (1 + np.abs(x))


def _softsign_vjp(g: Any, x: Any) -> Any:
    a = 1 + np.abs(x)
    return g / a / a  # a * a would overflow


softsign.gradient(x=_softsign_vjp)


@in_pieces()
def _logsigmoid_on_arrays(x: np.ndarray, out: np.ndarray) -> None:
    log_one_plus_exp(-x, out)
    np.negative(out, out=out)


@in_pieces(inputs=2)
def _logsigmoid_vjp_on_arrays(g: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    logistic(-x, out)
    out *= g


@derived(kind="elementwise", forward=_logsigmoid_on_arrays)
def logsigmoid(x: Any) -> Any:
    """``log(sigmoid(x)) = -log(1 + exp(-x))``.

    The derivative is ``exp(-x) / (1 + exp(-x)) = sigmoid(-x)``.
    """
    return -np.logaddexp(0, -x)


@on_arrays(_logsigmoid_vjp_on_arrays)
def _logsigmoid_vjp(g: Any, x: Any) -> Any:
    return g * expit(-x)


logsigmoid.gradient(x=_logsigmoid_vjp)


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """``log(1 + exp(beta * x)) / beta``, or ``x`` where ``beta * x > threshold``.

    >>> softplus(np.array([0.0, 100.0]))
    array([  0.69314718, 100.        ])

    Raises:
        ValueError: ``beta`` is 0.
    """
    beta = number("softplus", "beta", beta)
    if beta == 0:
        raise ValueError("softplus: beta=0 leaves nothing to divide by")
    return smooth_ramp(x, beta, number("softplus", "threshold", threshold))


@in_pieces()
def _smooth_ramp_on_arrays(x: np.ndarray, out: np.ndarray, beta: float, threshold: float) -> None:
    z = beta * x
    log_one_plus_exp(z, out)
    out /= beta
    np.copyto(out, x, where=z > threshold)


@in_pieces(inputs=2)
def _smooth_ramp_vjp_on_arrays(g: np.ndarray, x: np.ndarray, out: np.ndarray, beta: float, threshold: float) -> None:
    z = beta * x
    logistic(z, out)
    np.copyto(out, 1, where=z > threshold)
    out *= g


@derived(kind="elementwise", forward=_smooth_ramp_on_arrays)
def smooth_ramp(x: Any, beta: Any, threshold: Any) -> Any:
    """The derivative is ``exp(beta x) / (1 + exp(beta x)) = sigmoid(beta x)``, or 1 beyond the threshold."""
    z = beta * x
    return np.where(z > threshold, x, np.logaddexp(0, z) / beta)


@on_arrays(_smooth_ramp_vjp_on_arrays)
def _smooth_ramp_vjp(g: Any, x: Any, beta: Any, threshold: Any) -> Any:
    z = beta * x
    return g * np.where(z > threshold, 1, expit(z))


smooth_ramp.gradient(x=_smooth_ramp_vjp)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """``x`` where it is positive, else ``alpha * (exp(x) - 1)``; the derivative at 0 is ``alpha``.

    Clevert, Unterthiner and Hochreiter 2016, arXiv:1511.07289.
    """
    return exponential_linear(x, number("elu", "alpha", alpha), 1.0, 1.0)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """``x`` where it is positive, else ``alpha * (exp(x / alpha) - 1)`` (Barron 2017, arXiv:1704.07483).

    Raises:
        ValueError: ``alpha`` is 0.
    """
    alpha = number("celu", "alpha", alpha)
    if alpha == 0:
        raise ValueError("celu: alpha=0 leaves nothing to divide by")
    return exponential_linear(x, alpha, 1 / alpha, 1.0)


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
"""With these selu keeps mean 0 and variance 1 (Klambauer et al. 2017, arXiv:1706.02515)."""


def selu(x: Any) -> Any:
    """``scale * x`` where it is positive, else ``scale * alpha * (exp(x) - 1)``, for two constants.

    They make mean 0 and variance 1 a fixed point (Klambauer et al. 2017, arXiv:1706.02515). The derivative at 0 is
    ``scale * alpha``.
    """
    return exponential_linear(x, SELU_SCALE * SELU_ALPHA, 1.0, SELU_SCALE)


@in_pieces()
def _exponential_linear_on_arrays(x: np.ndarray, out: np.ndarray, alpha: float, rate: float, slope: float) -> None:
    np.clip(x, -np.inf, 0, out=out)
    out *= rate
    np.expm1(out, out=out)
    out *= alpha
    out += slope * np.clip(x, 0, np.inf)


@in_pieces(inputs=2)
def _exponential_linear_vjp_on_arrays(
    g: np.ndarray, x: np.ndarray, out: np.ndarray, alpha: float, rate: float, slope: float
) -> None:
    np.clip(x, -np.inf, 0, out=out)
    out *= rate
    np.exp(out, out=out)
    out *= alpha * rate
    if alpha * rate != slope:
        positive = x > 0
        out *= ~positive
        out += slope * positive.astype(out.dtype)
    out *= g


@derived(kind="elementwise", forward=_exponential_linear_on_arrays)
def exponential_linear(x: Any, alpha: Any, rate: Any, slope: Any) -> Any:
    """``slope * x`` where it is positive, else ``alpha * (exp(rate * x) - 1)``.

    The derivative is ``slope`` there, else ``alpha * rate * exp(rate * x)``.
    """
    negative = np.where(x > 0, 0, x)  # or the exponential would overflow where it is not wanted
    return np.where(x > 0, slope * x, alpha * np.expm1(rate * negative))


@on_arrays(_exponential_linear_vjp_on_arrays)
def _exponential_linear_vjp(g: Any, x: Any, alpha: Any, rate: Any, slope: Any) -> Any:
    negative = np.where(x > 0, 0, x)
    return g * np.where(x > 0, slope, alpha * rate * np.exp(rate * negative))


exponential_linear.gradient(x=_exponential_linear_vjp)


@in_pieces(outputs=2)
def _silu_on_arrays(x: np.ndarray, out: np.ndarray, slope: np.ndarray) -> None:
    """``e / (1 + e)`` for ``e = exp(x)``; from 45 on that is 1 in any precision."""
    near = np.clip(x, -FAR, 45)
    np.exp(near, out=slope)
    total = slope + 1
    slope /= total
    np.clip(x, -FAR, np.inf, out=out)
    out *= slope
    near /= total
    near += 1
    slope *= near


@derived(kind="elementwise", forward=_silu_on_arrays, residuals=("slope",))
def silu(x: Any) -> Any:
    """``x * sigmoid(x)`` (Hendrycks and Gimpel 2016, arXiv:1606.08415), also known as swish.

    For ``s = sigmoid(x)``, ``s' = s (1 - s)``: the derivative is ``s + x s (1 - s)``.
    """
    s = expit(x)
    return x * s, s * (1 + x * (1 - s))


silu.gradient(x=lambda g, slope: g * slope)


@in_pieces(outputs=2)
def _mish_on_arrays(x: np.ndarray, out: np.ndarray, slope: np.ndarray) -> None:
    """With ``e = exp(x)``, ``n = e (e + 2)``: ``t = n / (n + 2)``, ``t' = 4 e (e + 1) / (n + 2)**2``.

    One exponential instead of three; from 25 on t is 1 in any precision.
    """
    near = np.clip(x, -FAR, 25)
    np.exp(near, out=slope)
    t = slope + 2
    t *= slope
    total = t + 2
    t /= total
    np.clip(x, -FAR, np.inf, out=out)
    out *= t
    near *= slope
    slope += 1
    slope *= near
    slope /= total
    slope /= total
    slope *= 4
    slope += t


@derived(kind="elementwise", forward=_mish_on_arrays, residuals=("slope",))
def mish(x: Any) -> Any:
    """``x * tanh(softplus(x))`` (Misra 2019, arXiv:1908.08681).

    For ``t = tanh(softplus(x))``: ``t' = (1 - t**2) sigmoid(x)``, so the derivative is ``t + x (1 - t**2) sigmoid(x)``.
    """
    t = np.tanh(np.logaddexp(0, x))
    return x * t, t + x * (1 - t * t) * expit(x)


mish.gradient(x=lambda g, slope: g * slope)


def gelu(x: Any, approximate: Literal["none", "tanh"] = "none") -> Any:
    """``x * P(Z <= x)`` for a standard normal Z (Hendrycks and Gimpel 2016, arXiv:1606.08415).

    Args:
        x: an array or tensor of any shape.
        approximate: "none" for the exact function, "tanh" for the paper's faster approximation.

    Raises:
        ValueError: ``approximate`` is neither.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}")
    return gelu_exact(x) if approximate == "none" else gelu_tanh(x)


ROOT_2PI = math.sqrt(2 * math.pi)


@in_pieces(outputs=2)
def _gelu_exact_on_arrays(x: np.ndarray, out: np.ndarray, slope: np.ndarray) -> None:
    near = np.clip(x, -FAR, FAR)
    np.multiply(near, near, out=slope)
    slope *= -0.5
    np.exp(slope, out=slope)
    cdf = normal_cdf(x, slope)
    near *= 1 / ROOT_2PI
    slope *= near
    slope += cdf
    np.clip(x, -FAR, np.inf, out=out)
    out *= cdf


@derived(kind="elementwise", forward=_gelu_exact_on_arrays, residuals=("slope",))
def gelu_exact(x: Any) -> Any:
    """``x * cdf(x)``, the derivative of which is ``cdf(x) + x * exp(-x**2 / 2) / sqrt(2 pi)``."""
    cdf = ndtr(x)
    return x * cdf, cdf + x * np.exp(-0.5 * x * x) / ROOT_2PI


gelu_exact.gradient(x=lambda g, slope: g * slope)

CUBIC = 0.044715
RATE = 2 * math.sqrt(2 / math.pi)


@in_pieces(outputs=2)
def _gelu_tanh_on_arrays(x: np.ndarray, out: np.ndarray, slope: np.ndarray) -> None:
    """``e / (1 + e)`` for ``e = exp(2 u)``; from x = 8 on that is 1 in any precision."""
    near = np.clip(x, -FAR, 8)
    rate = near * near
    np.multiply(rate, RATE * CUBIC, out=slope)
    slope += RATE
    slope *= near
    np.exp(slope, out=slope)
    total = slope + 1
    slope /= total
    np.clip(x, -FAR, np.inf, out=out)
    out *= slope
    rate *= 3 * RATE * CUBIC
    rate += RATE
    rate *= near
    rate /= total
    rate += 1
    slope *= rate


@derived(kind="elementwise", forward=_gelu_tanh_on_arrays, residuals=("slope",))
def gelu_tanh(x: Any) -> Any:
    """``0.5 x (1 + tanh(u))`` for ``u = sqrt(2 / pi) (x + 0.044715 x**3)``.

    That is ``x * sigmoid(2 u)``, which loses no digits far below 0. With ``s = sigmoid(2 u)`` the derivative is
    ``s + x s (1 - s) 2 u'``, where ``2 u' = 2 sqrt(2 / pi) (1 + 3 * 0.044715 x**2)``.
    """
    near = np.clip(x, -FAR, FAR)  # the cube would overflow
    s = expit(RATE * (near + CUBIC * near**3))
    return x * s, s * (1 + near * (1 - s) * (RATE * (1 + 3 * CUBIC * near**2)))


gelu_tanh.gradient(x=lambda g, slope: g * slope)


def glu(x: Any, dim: int = -1) -> Any:
    """``a * sigmoid(b)`` for the halves a and b of x along an axis (Dauphin et al. 2017, arXiv:1612.08083).

    >>> glu(np.array([[2.0, 3.0, 0.0, 100.0]]))
    array([[1., 3.]])

    Raises:
        ValueError: the axis cannot be halved, or there is no such axis.
    """
    x = array(x)
    axis = axis_of("glu", x, dim)
    if not x.shape or x.shape[axis] % 2:
        raise ValueError(f"glu: axis {dim} of an array of shape {x.shape} cannot be halved")
    return gated(x, axis)


def _halves(x: Any, axis: int) -> tuple[Any, Any]:
    before, half = (slice(None),) * axis, np.shape(x)[axis] // 2
    return x[*before, :half], x[*before, half:]


def _gated_on_arrays(x: Any, axis: int) -> tuple[Any, Any]:
    a, b = _halves(x, axis)
    s = _sigmoid_on_arrays(b)
    return a * s, s


def _gated_vjp_on_arrays(g: Any, x: Any, axis: int, s: Any) -> Any:
    a, _ = _halves(x, axis)
    gradient = np.empty(x.shape, np.result_type(g, x))
    of_a, of_b = _halves(gradient, axis)
    np.multiply(g, s, out=of_a)
    np.subtract(1, s, out=of_b)
    of_b *= of_a
    of_b *= a
    return gradient


@derived(forward=_gated_on_arrays, residuals=("s",))
def gated(x: Any, axis: Any) -> Any:
    """For ``y = a s`` with ``s = sigmoid(b)`` the gradients of a and b are ``g s`` and ``g a s (1 - s)``."""
    a, b = _halves(x, axis)
    s = expit(b)
    return a * s, s


@on_arrays(_gated_vjp_on_arrays)
def _gated_vjp(g: Any, x: Any, axis: Any, s: Any) -> Any:
    a, _ = _halves(x, axis)
    return np.concatenate([g * s, g * a * s * (1 - s)], axis=axis)


gated.gradient(x=_gated_vjp)
