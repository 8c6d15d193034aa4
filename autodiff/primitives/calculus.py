"""Differences, integrals and interpolation on grids, and the grids themselves.

``interp`` has at a node the slope of the segment that begins there, at the last node that of the last segment, and
outside the nodes none.
"""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..dispatch import unwrap
from ..primitive import defvjp, implements
from ..tensor import Tensor
from .indexing import scatter
from .linalg import as_operand
from .reductions import NO_VALUE


def along(x: Any, axis: int, part: Any) -> Any:
    """``x[part]`` on one axis."""
    return x[(slice(None),) * (axis % x.ndim) + (part,)]


def steps(x: Any, axis: int = -1) -> Any:
    """Each entry less the one before it."""
    return along(x, axis, slice(1, None)) - along(x, axis, slice(None, -1))


@implements(np.diff)
def _diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = NO_VALUE, append: Any = NO_VALUE) -> Any:
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    a = as_operand(a)
    if n == 0:
        return a
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = normalize_axis_index(axis, a.ndim)
    parts = [as_operand(x) for x in (prepend, a, append) if x is not NO_VALUE]
    if len(parts) > 1:
        one = tuple(1 if i == axis else length for i, length in enumerate(a.shape))
        a = np.concatenate([x if x.ndim else np.broadcast_to(x, one) for x in parts], axis)
    for _ in range(n):
        a = steps(a, axis)
    return a


@implements(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    differences = steps(as_operand(ary).reshape(-1))
    parts = [x if x is None else as_operand(x).reshape(-1) for x in (to_begin, to_end)]
    for name, end in zip(("to_begin", "to_end"), parts):
        if end is not None and not np.can_cast(end.dtype, differences.dtype, "same_kind"):
            raise TypeError(f"ediff1d: {name} of {end.dtype} cannot be cast to {differences.dtype}")
    joined = [np.astype(x, differences.dtype) for x in (parts[0], differences, parts[1]) if x is not None]
    return np.concatenate(joined) if len(joined) > 1 else differences


@implements(np.trapezoid)
def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = as_operand(y)
    if x is not None:
        x = as_operand(x)
        if x.ndim == 1:
            shape = [1] * y.ndim
            shape[axis] = x.shape[0] - 1
            dx = steps(x).reshape(shape)
        else:
            dx = steps(x, axis)
    return (dx * (along(y, axis, slice(1, None)) + along(y, axis, slice(None, -1))) / 2.0).sum(axis)


@implements(np.gradient)
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = as_operand(f)
    if f.dtype.kind not in "fc":
        f = np.astype(f, np.float64)
    axes = tuple(range(f.ndim)) if axis is None else normalize_axis_tuple(axis, f.ndim)
    spacings = list(varargs) or [1.0]
    if len(spacings) == 1 and np.ndim(spacings[0]) == 0:
        spacings = spacings * len(axes)
    elif len(spacings) != len(axes):
        raise TypeError("invalid number of arguments")
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    slopes = [slopes_along(f, spacing, i, edge_order) for i, spacing in zip(axes, spacings)]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def slopes_along(f: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    """``gradient`` on one axis: central differences of second order inside, one-sided ones at the edges.

    The weights for unequal steps are those of NumPy's documentation. Coordinates that require grad are always taken as
    unequally spaced, for the derivative by each of them tells them apart.
    """
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(f"gradient: {n} entries along axis {axis}; edge_order={edge_order} needs {edge_order + 1}")
    h = grid_steps(spacing, n)
    before, middle, after = (along(f, axis, part) for part in (slice(-2), slice(1, -1), slice(2, None)))
    if np.ndim(h) == 0:
        inside = (after - before) / (2.0 * h)
        first = last = (h, h)
    else:
        shape = [-1 if i == axis else 1 for i in range(f.ndim)]
        a, b, c = (weight.reshape(shape) for weight in central_weights(h[:-1], h[1:]))
        inside = a * before + b * middle + c * after
        first, last = (h[0], h[1 % len(h)]), (h[-1], h[-2 % len(h)])
    lower = slope_at_edge([along(f, axis, i) for i in range(edge_order + 1)], first, np.ndim(h) == 0, 1)
    upper = slope_at_edge([along(f, axis, -1 - i) for i in range(edge_order + 1)], last, np.ndim(h) == 0, -1)
    slopes = np.concatenate([np.expand_dims(lower, axis), inside, np.expand_dims(upper, axis)], axis)
    return slopes if slopes.dtype == f.dtype else np.astype(slopes, f.dtype)


def grid_steps(spacing: Any, n: int) -> Any:
    """The steps of a grid of n points: one number if they are all the same."""
    if np.ndim(spacing) == 0:
        return spacing
    x = as_operand(spacing)
    if x.ndim != 1:
        raise ValueError("distances must be either scalars or 1d")
    if len(x) != n:
        raise ValueError("when 1d, distances must match the length of the corresponding dimension")
    if x.dtype.kind in "iu":
        x = np.astype(x, np.float64)
    h = steps(x)
    tracked = isinstance(h, Tensor) and h.requires_grad
    return h if tracked or not (h == h[0]).all() else h[0]


def central_weights(h: Any, k: Any) -> tuple[Any, Any, Any]:
    """The weights of the points before, at and after one that is h from the first and k from the last."""
    return -k / (h * (h + k)), (k - h) / (h * k), h / (k * (h + k))


def slope_at_edge(points: list, h: tuple, uniform: bool, sign: int) -> Any:
    """The slope at the first of two or three points, ``h`` apart; at the end of a grid (sign -1) counted from there."""
    if len(points) == 2:
        return (points[1] - points[0] if sign > 0 else points[0] - points[1]) / h[0]
    near, far = h
    weights = -(2.0 * near + far) / (near * (near + far)), (near + far) / (near * far), -near / (far * (near + far))
    if uniform:
        weights = -1.5 / near, 2.0 / near, -0.5 / near
    a, b, c = [sign * weight * point for weight, point in zip(weights, points)][::sign]
    return a + b + c


def segments(x: Any, xp: Any) -> tuple[np.ndarray, np.ndarray]:
    """The nodes on either side of each x; those of the last segment at and after the last node."""
    lower = np.clip(np.searchsorted(unwrap(xp), unwrap(x), side="right") - 1, 0, max(len(xp) - 2, 0))
    return lower, np.minimum(lower + 1, len(xp) - 1)


def _interpolate(x: Any, xp: Any, fp: Any) -> Any:
    return np.interp(x, xp, fp)


def place(x: Any, xp: Any) -> tuple[Any, Any]:
    """Where each x lies within its segment, from 0 to 1, and the segment's length; infinite outside the nodes."""
    lower, upper = segments(x, xp)
    start, length = np.take(xp, lower), np.take(xp, upper) - np.take(xp, lower)
    at = unwrap(x)
    outside = (at < unwrap(xp)[0]) | (at > unwrap(xp)[-1]) | (length == 0)
    length = np.where(outside, np.inf, length)
    return np.where(outside, at >= unwrap(xp)[-1], (x - start) / length), length


def slopes_at(x: Any, xp: Any, fp: Any) -> Any:
    lower, upper = segments(x, xp)
    return (np.take(fp, upper) - np.take(fp, lower)) / place(x, xp)[1]


def interp_fp_vjp(g: Any, x: Any, xp: Any, fp_shape: tuple[int, ...]) -> Any:
    """Each cotangent in two parts, to the nodes on either side."""
    lower, upper = segments(x, xp)
    weight = place(x, xp)[0]
    parts = np.concatenate([(g * (1 - weight)).reshape(-1), (g * weight).reshape(-1)])
    return scatter(parts, np.concatenate([lower.reshape(-1), upper.reshape(-1)]), fp_shape)


def interp_xp_vjp(g: Any, x: Any, xp: Any, fp: Any) -> Any:
    """A node that moves takes the line through it along: its value at a fixed place falls as the line rises."""
    return interp_fp_vjp(-g * slopes_at(x, xp, fp), x, xp, xp.shape)


_interpolate.__name__ = "interp"
interpolate = defvjp(
    _interpolate,
    x=lambda g, x, xp, fp: g * slopes_at(x, xp, fp),
    xp=interp_xp_vjp,
    fp=lambda g, x, xp, fp_shape: interp_fp_vjp(g, x, xp, fp_shape),
)


@implements(np.interp)
def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    x, xp, fp = as_operand(x), as_operand(xp), as_operand(fp)
    np.interp(0.0, unwrap(xp), unwrap(fp), period=period)  # NumPy checks the nodes
    if period is not None:
        period = abs(period)
        x, xp = np.astype(x, np.float64) % period, np.astype(xp, np.float64) % period
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    low, high = unwrap(xp)[0], unwrap(xp)[-1]
    at = unwrap(x)
    y = interpolate(np.where((at < low) | (at > high), at, x), xp, fp)  # what lies outside has no effect
    if left is not None:
        y = np.where(at < low, left, y)
    return y if right is None else np.where(at > high, right, y)


def _unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    return np.unwrap(p, discont, axis, period=period)


defvjp(np.unwrap, forward=_unwrap, kind="elementwise", p=lambda g: g)  # what is added is constant, but at the jumps


@implements(np.linspace)
def _linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    num = index(num)
    np.linspace(0.0, 1.0, num, device=device)  # NumPy checks the number
    kinds = [value if type(value) in (int, float, complex) else as_operand(value).dtype for value in (start, stop)]
    inexact = np.result_type(*kinds, 0.0)
    start, stop = np.astype(as_operand(start), inexact), np.astype(as_operand(stop), inexact)
    difference = stop - start
    count = num - 1 if endpoint else num
    points = np.arange(0, num, dtype=inexact).reshape([-1] + [1] * difference.ndim)
    step = difference / count if count > 0 else np.full(difference.shape, np.nan)
    if count > 0 and not np.any(step == 0):
        y = points * step + start
    else:  # a subnormal difference, divided, may be 0
        y = points / max(count, 1) * difference + start
    if endpoint and num > 1:
        y = np.concatenate([y[:-1], np.broadcast_to(stop, difference.shape).reshape(1, *difference.shape)])
    y = np.moveaxis(y, 0, axis)
    if dtype is not None:
        y = np.astype(np.floor(y) if np.issubdtype(dtype, np.integer) else y, dtype)
    return (y, step) if retstep else y


@implements(np.logspace)
def _logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    if np.ndim(base):
        raise TypeError(
            f"logspace: base of shape {np.shape(base)} has no gradient here; write base ** np.linspace(...)"
        )
    powers = np.power(base, np.linspace(start, stop, num, endpoint, axis=axis))
    return powers if dtype is None else np.astype(powers, dtype)


@implements(np.geomspace)
def _geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    start, stop = as_operand(start), as_operand(stop)
    kind = np.result_type(start.dtype, stop.dtype, np.float64 if dtype is None else dtype, 0.0)
    if kind.kind == "c":
        raise TypeError(
            "geomspace: complex ends have no gradient here; write start * (stop / start) ** np.linspace(0, 1)"
        )
    if np.any(start == 0) or np.any(stop == 0):
        raise ValueError("Geometric sequence cannot include zero")
    sign = np.sign(unwrap(start))
    start, stop = np.astype(start, kind) / sign, np.astype(stop, kind) / sign
    y = np.logspace(np.log10(start), np.log10(stop), num, endpoint)
    first, last = (np.broadcast_to(end, y.shape[1:])[None] for end in (start, stop))
    y = np.concatenate([first, y[1:-1], last] if endpoint and num > 1 else [first[:num], y[1:]])  # free of rounding
    y = np.moveaxis(y * sign, 0, axis)
    return y if dtype is None else np.astype(y, dtype)


@implements(np.cross)
def _cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = as_operand(a), as_operand(b)
    if a.ndim < 1 or b.ndim < 1:
        raise ValueError("At least one array has zero dimension")
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError(
            f"cross: vectors of lengths {a.shape[-1]} and {b.shape[-1]}; both must have length 3 "
            "(in the plane write a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])"
        )
    (a0, a1, a2), (b0, b1, b2) = ([x[..., i] for i in range(3)] for x in (a, b))
    return np.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axisc)


@implements(np.linalg.cross)
def _cross_of_vectors(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    x1, x2 = as_operand(x1), as_operand(x2)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ValueError(
            "Both input arrays must be (arrays of) 3-dimensional vectors, "
            f"but they are {x1.shape[axis]} and {x2.shape[axis]} dimensional instead."
        )
    return np.cross(x1, x2, axis=axis)
