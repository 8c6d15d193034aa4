"""Activations that are linear piece by piece. At a kink their derivatives are those that PyTorch chooses.

Where a condition is as random as signs are, ``where`` takes ten times as long as a product with a mask, and
``maximum`` with a number three times as long as ``clip``: what runs on plain arrays is written so. Conditions are
those of what is cut off, so that NaN is let through.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arguments import array
from ..derived import derived, on_arrays
from .kernels import in_pieces
from .options import number

SMALL = 4096
"""Up to so many entries ``maximum`` is faster than ``clip``, which takes longer to start."""


def _relu_on_arrays(x: Any) -> Any:
    x = array(x)
    return np.maximum(x, 0) if x.size <= SMALL or x.dtype.kind != "f" else np.clip(x, 0, np.inf)


@in_pieces(inputs=2)
def _relu_vjp_on_large_arrays(g: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
    np.not_equal(y, 0, out=out)
    out *= g


@derived(kind="elementwise", forward=_relu_on_arrays)
def relu(x: Any) -> Any:
    """``max(x, 0)``, with derivative 0 at 0."""
    return np.where(x <= 0, 0, x)


def _relu_vjp(g: Any, out: Any) -> Any:
    """What is left of x is positive or NaN."""
    if type(out) is np.ndarray and out.size > SMALL and type(g) is np.ndarray:
        return _relu_vjp_on_large_arrays(g, out)
    return g * (out != 0)


relu.gradient(x=_relu_vjp)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """``x`` where it is positive, else ``negative_slope * x``; the derivative at 0 is ``negative_slope``.

    >>> leaky_relu(np.array([-2.0, 3.0]), 0.1)
    array([-0.2,  3. ])
    """
    return two_slopes(array(x), number("leaky_relu", "negative_slope", negative_slope))


def _two_slopes_on_arrays(x: Any, slope: float) -> Any:
    return np.maximum(x, slope * x) if 0 < slope <= 1 else np.where(x > 0, x, slope * x)


@in_pieces(inputs=2)
def _two_slopes_vjp_on_arrays(g: np.ndarray, x: np.ndarray, out: np.ndarray, slope: float) -> None:
    if 0 <= slope <= 1:
        np.clip(np.greater(x, 0, out=out), slope, 1, out=out)
    else:
        out[...] = np.where(x > 0, 1, slope)
    out *= g


@derived(kind="elementwise", forward=_two_slopes_on_arrays)
def two_slopes(x: Any, slope: Any) -> Any:
    """The slope is 1 where x > 0, else ``slope``; and so the gradient."""
    return np.where(x > 0, x, slope * x)


@on_arrays(_two_slopes_vjp_on_arrays)
def _two_slopes_vjp(g: Any, x: Any, slope: Any) -> Any:
    return np.where(x > 0, g, slope * g)


two_slopes.gradient(x=_two_slopes_vjp)


def _per_channel(weight: Any, x: Any) -> Any:
    """The weight so that it broadcasts along axis 1 of x, of which each entry is a channel."""
    shape = np.shape(x)
    if weight.size == 1:
        return weight.reshape(())
    if len(shape) < 2 or np.shape(weight) != shape[1:2]:
        channels = f"{shape[1]} channels (axis 1)" if len(shape) > 1 else "one channel"
        raise ValueError(
            f"prelu: weight is of shape (1,) or has an entry for each channel, but is of shape {np.shape(weight)} for "
            f"x of shape {shape}, which has {channels}"
        )
    return weight.reshape(-1, *[1] * (len(shape) - 2))


def _prelu_on_arrays(x: Any, weight: Any) -> Any:
    return np.clip(x, 0, np.inf) + _per_channel(weight, x) * np.clip(x, -np.inf, 0)


@derived(forward=_prelu_on_arrays)
def prelu(x: Any, weight: Any) -> Any:
    """``x`` where it is positive, else ``weight * x``; the derivative at 0 is ``weight``.

    For ``y[n, c, ...] = w[c] x[n, c, ...]`` where x <= 0, the loss changes by ``sum g w dx + sum g x dw`` over those
    entries: the gradient of x is ``w g`` there, and that of ``w[c]`` the sum of ``g x`` over all that w[c] scales.

    Args:
        x: of shape (N, C, ...), or any shape if there is one weight.
        weight: of shape (1,), or (C,) with the slope of each channel.

    Raises:
        ValueError: the weights are not as many as the channels.
    """
    return np.where(x > 0, x, _per_channel(weight, x) * x)


def _prelu_weight_vjp(g: Any, x: Any, weight_shape: tuple[int, ...]) -> Any:
    product = g * np.where(x > 0, 0, x)
    shared = range(x.ndim) if weight_shape in ((), (1,)) else (axis for axis in range(x.ndim) if axis != 1)
    return np.sum(product, axis=tuple(shared)).reshape(weight_shape)


prelu.gradient(
    x=lambda g, x, weight: np.where(x > 0, g, _per_channel(weight, x) * g),
    weight=_prelu_weight_vjp,
)


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """``x`` cut off at ``min_val`` and ``max_val``; the derivative at either is 0.

    Raises:
        ValueError: ``min_val`` is above ``max_val``.
    """
    low, high = number("hardtanh", "min_val", min_val), number("hardtanh", "max_val", max_val)
    if low > high:
        raise ValueError(f"hardtanh: min_val={low} is above max_val={high}")
    return cut_off(x, low, high)


def relu6(x: Any) -> Any:
    """``min(max(x, 0), 6)``, with derivative 0 at 0 and 6."""
    return cut_off(x, 0.0, 6.0)


@derived(kind="elementwise", forward=np.clip)
def cut_off(x: Any, low: Any, high: Any) -> Any:
    """The slope is 1 strictly between the bounds, else 0."""
    return np.where(x <= low, low, np.where(x >= high, high, x))


cut_off.gradient(x=lambda g, x, low, high: g * ~((x <= low) | (x >= high)))


@derived(kind="elementwise", forward=lambda x: np.clip(np.divide(x, 6) + 0.5, 0, 1))
def hardsigmoid(x: Any) -> Any:
    """``x / 6 + 1/2`` cut off at 0 and 1, with derivative 0 at -3 and 3."""
    return np.where(x <= -3, 0, np.where(x >= 3, 1, x / 6 + 0.5))


hardsigmoid.gradient(x=lambda g, x: g * ~(np.abs(x) >= 3) / 6)


@in_pieces()
def _hardswish_on_arrays(x: np.ndarray, out: np.ndarray) -> None:
    """Half the width of the gate is enough of x where the gate is 0: infinite entries give 0 there."""
    np.clip(x, -3, 3, out=out)
    out += 3
    out *= 1 / 6
    out *= np.clip(x, -3, np.inf)


@in_pieces(inputs=2)
def _hardswish_vjp_on_arrays(g: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    np.clip(x, -3, 3, out=out)
    out /= 3
    out += 0.5
    out *= ~(np.abs(x) >= 3)
    out += x >= 3
    out *= g


@derived(kind="elementwise", forward=_hardswish_on_arrays)
def hardswish(x: Any) -> Any:
    """``x * hardsigmoid(x)`` (Howard et al. 2019, arXiv:1905.02244), with derivative 0 at -3 and 1 at 3.

    Between these ``(x (x/6 + 1/2))' = x/3 + 1/2``.
    """
    return x * np.where(x <= -3, 0, np.where(x >= 3, 1, x / 6 + 0.5))


@on_arrays(_hardswish_vjp_on_arrays)
def _hardswish_vjp(g: Any, x: Any) -> Any:
    return g * np.where(x <= -3, 0, np.where(x >= 3, 1, x / 3 + 0.5))


hardswish.gradient(x=_hardswish_vjp)


def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    """``x`` where ``|x| > lambd``, else 0; the derivative at ``lambd`` and ``-lambd`` is 0."""
    return outside(x, number("hardshrink", "lambd", lambd))


@derived(kind="elementwise", forward=lambda x, bound: x * ~(np.less_equal(-bound, x) & np.less_equal(x, bound)))
def outside(x: Any, bound: Any) -> Any:
    """The slope is 1 strictly outside of the bounds, else 0. (That it jumps there no gradient tells.)"""
    return np.where(np.abs(x) <= bound, 0, x)


outside.gradient(x=lambda g, x, bound: g * ~(np.abs(x) <= bound))


def softshrink(x: Any, lambd: float = 0.5) -> Any:
    """``x`` moved towards 0 by ``lambd``, but not past it; the derivative at ``lambd`` and ``-lambd`` is 0.

    Raises:
        ValueError: ``lambd`` is negative.
    """
    bound = number("softshrink", "lambd", lambd)
    if bound < 0:
        raise ValueError(f"softshrink: lambd={bound} is negative")
    return moved_in(x, bound)


@derived(kind="elementwise", forward=lambda x, bound: x - np.clip(x, -bound, bound))
def moved_in(x: Any, bound: Any) -> Any:
    """The slope is 1 strictly outside of the bounds, else 0."""
    return np.where(np.abs(x) <= bound, 0, x - bound * np.sign(x))


moved_in.gradient(x=lambda g, x, bound: g * ~(np.abs(x) <= bound))


def threshold(x: Any, threshold: float, value: float) -> Any:
    """``x`` where it is above ``threshold``, else ``value``; the derivative at ``threshold`` is 0."""
    return replaced_below(array(x), number("threshold", "threshold", threshold), number("threshold", "value", value))


@derived(kind="elementwise")
def replaced_below(x: Any, bound: Any, value: Any) -> Any:
    """The slope is 1 above the bound, else 0."""
    return np.where(x <= bound, value, x)


replaced_below.gradient(x=lambda g, x, bound: g * ~(x <= bound))
