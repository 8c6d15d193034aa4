"""Elementwise functions of NumPy: their derivatives, and the list of those that have none.

Where a function has no derivative the table chooses one: |x|' = 0 at 0, and so is the gradient of ``hypot`` at (0, 0);
``maximum``, ``minimum``, ``fmax`` and ``fmin`` share a tie half and half; ``clip`` passes gradient to what lies in the
closed interval, and to a bound where it took an entry's place.

Cotangents of complex values follow HIPS autograd and JAX, so that the rule of a holomorphic f is g * f'(x): a real
loss L changes by Re(g * dx). That is the complex conjugate of PyTorch's gradient.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import expit

from ..primitive import constant, defvjp, implements
from ..tensor import Tensor


def nothing(g: Any) -> Any:
    """Zeros like g, whatever it holds; a tensor if it is one."""
    return np.where(False, g, 0)


def power_base_vjp(g: Any, x: Any, y: Any) -> Any:
    """``g * y * x**(y - 1)``, where at ``0**0`` the factor y wins over the infinity: ``x**0`` is constant."""
    if type(y) in (int, float):
        if y == 2:
            return g * (2 * x)
        return g * (y * x ** (y - 1)) if y else nothing(g)
    return np.where((x == 0) & (y == 0), 0, g * (y * x ** (y - 1.0)))


def _power_log(x: Any, y: Any, n: int) -> Any:
    """``x**y * log(x)**n``, the n-th derivative of ``x**y`` by y, which tends to 0 at ``x = 0 < y``."""
    return np.where((x == 0) & (y > 0), 0, np.power(x, y) * np.log(x) ** n)


def power_log_base_vjp(g: Any, x: Any, y: Any, n: int) -> Any:
    return g * (y * power_log(x, y - 1.0, n) + n * power_log(x, y - 1.0, n - 1))


def absolute_vjp(g: Any, x: Any, out: Any) -> Any:
    """``g * sign(x)``; of a complex x, ``g * conj(x) / |x|``."""
    if np.iscomplexobj(x):
        return np.where(out == 0, 0, g * (np.conjugate(x) / out))
    return g * np.sign(x)


def hypot_vjp(g: Any, x: Any, out: Any) -> Any:
    return np.where(out == 0, 0, g * (x / out))


def over_square(u: Any, x: Any, y: Any) -> Any:
    """``u / (x**2 + y**2)`` for ``|u| <= hypot(x, y)``, without the squares, which overflow and underflow."""
    length = np.hypot(x, y)
    return u / length / length


def root_one_plus_square(x: Any) -> Any:
    """``sqrt(1 + x**2)``; without the square, which overflows, if x is real."""
    return np.sqrt(1 + x * x) if np.iscomplexobj(x) else np.hypot(1, x)


def arctan_vjp(g: Any, x: Any) -> Any:
    root = root_one_plus_square(x)
    return g / root / root


def logistic_share(g: Any, difference: Any, out: Any) -> Any:
    """``g * exp(x - logaddexp(x, y))`` of ``x - y``, which loses no digits of large x and y; 0 where both are -inf."""
    return np.where(out == -np.inf, 0, g * expit(difference))


def share_ties(g: Any, lost: Any, tied: Any) -> Any:
    """What one of two competitors gets of g: nothing where it lost, half where they tied."""
    share = np.where(lost, 0, g)
    return np.where(tied, share / 2, share) if tied.any() else share


def less(x: Any, y: Any) -> Any:
    """``x < y``; False if either is missing."""
    return False if x is None or y is None else x < y


def _where(condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, x, y)


def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


def _copy(a: Any, order: Any = "K", subok: bool = False) -> Any:
    return np.array(a, order=order)


def _clip(a: Any, lower: Any, upper: Any) -> Any:
    return np.clip(a, lower, upper)


def _cast(x: Any, dtype: Any, copy: bool = True) -> Any:
    return x.astype(dtype, copy=copy)


_clip.__name__, _cast.__name__, _power_log.__name__ = "clip", "astype", "power_log"

# fmt: off
LOG2, LOG10 = math.log(2), math.log(10)

# Arithmetic
defvjp(np.add,         x=lambda g: g,                          y=lambda g: g)
defvjp(np.subtract,    x=lambda g: g,                          y=lambda g: -g)
defvjp(np.multiply,    x=lambda g, y: g * y,                   y=lambda g, x: g * x)
defvjp(np.divide,      x=lambda g, y: g / y,                   y=lambda g, y, out: -g * (out / y))
defvjp(np.remainder,   x=lambda g: g,                          y=lambda g, x, y: -g * np.floor_divide(x, y))
defvjp(np.fmod,        x=lambda g: g,                          y=lambda g, x, y, out: -g * np.rint((x - out) / y))
defvjp(np.power,       x=power_base_vjp,                       y=lambda g, x, y: g * power_log(x, y, 1))
power_log: Any = defvjp(_power_log, kind="elementwise", broadcasts=True,
                       x=power_log_base_vjp,                   y=lambda g, x, y, n: g * power_log(x, y, n + 1))
defvjp(np.positive,    x=lambda g: g)
defvjp(np.negative,    x=lambda g: -g)
defvjp(np.reciprocal,  x=lambda g, out: -g * out * out)
defvjp(np.square,      x=lambda g, x: g * (2 * x))
defvjp(np.sqrt,        x=lambda g, out: g / (2 * out))
defvjp(np.cbrt,        x=lambda g, out: g / (3 * out) / out)
defvjp(np.absolute,    x=absolute_vjp)
defvjp(np.fabs,        x=lambda g, x: g * np.sign(x))
defvjp(np.copysign,    x=lambda g, x, out: g * np.sign(x) * np.sign(out),  y=lambda g: nothing(g))
defvjp(np.ldexp,       x=lambda g, y: np.ldexp(g, y),          constants=("y",))
defvjp(np.hypot,       x=hypot_vjp,                            y=lambda g, y, out: hypot_vjp(g, y, out))

# Exponentials and logarithms
defvjp(np.exp,         x=lambda g, out: g * out)
defvjp(np.exp2,        x=lambda g, out: g * (LOG2 * out))
defvjp(np.expm1,       x=lambda g, x: g * np.exp(x))
defvjp(np.log,         x=lambda g, x: g / x)
defvjp(np.log2,        x=lambda g, x: g / (LOG2 * x))
defvjp(np.log10,       x=lambda g, x: g / (LOG10 * x))
defvjp(np.log1p,       x=lambda g, x: g / (1 + x))
defvjp(np.logaddexp,   x=lambda g, x, y, out: logistic_share(g, x - y, out),
                       y=lambda g, x, y, out: logistic_share(g, y - x, out))
defvjp(np.logaddexp2,  x=lambda g, x, y, out: logistic_share(g, LOG2 * (x - y), out),
                       y=lambda g, x, y, out: logistic_share(g, LOG2 * (y - x), out))

# Trigonometric and hyperbolic
defvjp(np.sin,         x=lambda g, x: g * np.cos(x))
defvjp(np.cos,         x=lambda g, x: -g * np.sin(x))
defvjp(np.tan,         x=lambda g, out: g + g * out * out)
defvjp(np.arcsin,      x=lambda g, x: g / np.sqrt((1 - x) * (1 + x)))
defvjp(np.arccos,      x=lambda g, x: -g / np.sqrt((1 - x) * (1 + x)))
defvjp(np.arctan,      x=arctan_vjp)
defvjp(np.arctan2,     x=lambda g, x, y: g * over_square(y, x, y), y=lambda g, x, y: -g * over_square(x, x, y))
defvjp(np.sinh,        x=lambda g, x: g * np.cosh(x))
defvjp(np.cosh,        x=lambda g, x: g * np.sinh(x))
defvjp(np.tanh,        x=lambda g, out: g - g * out * out)
defvjp(np.arcsinh,     x=lambda g, x: g / root_one_plus_square(x))
defvjp(np.arccosh,     x=lambda g, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))
defvjp(np.arctanh,     x=lambda g, x: g / ((1 - x) * (1 + x)))
defvjp(np.deg2rad,     x=lambda g: np.deg2rad(g))
defvjp(np.radians,     x=lambda g: np.radians(g))
defvjp(np.rad2deg,     x=lambda g: np.rad2deg(g))
defvjp(np.degrees,     x=lambda g: np.degrees(g))

# Selection
defvjp(np.maximum,     kind="select", x=lambda g, x, y: share_ties(g, x < y, x == y),
                                      y=lambda g, x, y: share_ties(g, y < x, x == y))
defvjp(np.minimum,     kind="select", x=lambda g, x, y: share_ties(g, x > y, x == y),
                                      y=lambda g, x, y: share_ties(g, y > x, x == y))
defvjp(np.fmax,        kind="select", x=lambda g, x, y: share_ties(g, (x < y) | np.isnan(x), x == y),
                                      y=lambda g, x, y: share_ties(g, (y < x) | np.isnan(y), x == y))
defvjp(np.fmin,        kind="select", x=lambda g, x, y: share_ties(g, (x > y) | np.isnan(x), x == y),
                                      y=lambda g, x, y: share_ties(g, (y > x) | np.isnan(y), x == y))
defvjp(np.where,       kind="select", forward=_where, broadcasts=True, constants=("condition",),
                                      x=lambda g, condition: np.where(condition, g, 0),
                                      y=lambda g, condition: np.where(condition, 0, g))
clip = defvjp(_clip,   kind="select", broadcasts=True,
              a=    lambda g, a, lower, upper: np.where(less(a, lower) | less(upper, a), 0, g),
              lower=lambda g, a, lower, upper: np.where(less(upper, lower), 0, np.where(less(a, lower), g, 0)),
              upper=lambda g, a, lower, upper: np.where(less(upper, a) | less(upper, lower), g, 0))
defvjp(np.nan_to_num,  kind="select", forward=_nan_to_num, x=lambda g, x: np.where(np.isfinite(x), g, 0))

# Copies, parts and types
defvjp(np.copy,        kind="elementwise", forward=_copy, a=lambda g: g)
cast = defvjp(_cast,   kind="elementwise", x=lambda g: g)
defvjp(np.conjugate,   x=lambda g: np.conjugate(g))
defvjp(np.real,        kind="elementwise", views=True, val=lambda g: g)
defvjp(np.imag,        kind="elementwise", views=True, val=lambda g: -1j * g)
# fmt: on


@implements(np.clip)
def _clip_with_keywords(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    if not (a_min is a_max is None or min is max is None):
        raise ValueError("clip: give the bounds as a_min and a_max or as min and max, not both")
    return clip(a, a_min if min is None else min, a_max if max is None else max)


@implements(np.astype)
def _astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    dtype = np.dtype(dtype)
    return cast(x, dtype, copy) if dtype.kind in "fc" else x.data.astype(dtype, copy=copy)


@implements(np.full_like)
def _full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None
) -> Any:
    if not isinstance(fill_value, Tensor):
        return np.full_like(a.data, fill_value, dtype, order, subok, shape)
    ones = np.ones_like(a, dtype, order, subok, shape)
    return (ones * fill_value).astype(ones.dtype)


@implements(np.float_power)
def _float_power(x: Any, y: Any) -> Any:
    return np.power(np.multiply(x, np.float64(1)), y)


@implements(np.divmod)
def _divmod(x: Any, y: Any) -> Any:
    return np.floor_divide(x, y), np.remainder(x, y)


@implements(np.modf)
def _modf(x: Any) -> Any:
    return np.fmod(x, 1), np.trunc(x)


@implements(np.frexp)
def _frexp(x: Tensor) -> Any:
    exponent = np.frexp(x.data)[1]
    return np.ldexp(x, -exponent), exponent


@implements(np.angle)
def _angle(z: Any, deg: bool = False) -> Any:
    radians = np.arctan2(np.imag(z), np.real(z))
    return radians * (180 / math.pi) if deg else radians


# Comparisons, logic and bits
constant(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
constant(np.isclose, np.allclose, np.array_equal, np.array_equiv, np.isin)
constant(np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.any, np.all)
constant(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift, np.bitwise_count)
constant(np.gcd, np.lcm)

# Steps
constant(np.floor, np.ceil, np.rint, np.trunc, np.round, np.around, np.fix, np.floor_divide)
constant(np.sign, np.signbit, np.heaviside, np.nextafter, np.spacing)

# Kinds of numbers and types
constant(np.isnan, np.isfinite, np.isinf, np.isposinf, np.isneginf, np.isreal, np.iscomplex)
constant(np.isrealobj, np.iscomplexobj, np.result_type, np.can_cast, np.min_scalar_type, np.common_type)

# Positions and counts
constant(np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.lexsort)
constant(np.nonzero, np.flatnonzero, np.argwhere, np.searchsorted, np.digitize, np.count_nonzero)

# Forms
constant(np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like)
constant(np.shares_memory, np.may_share_memory, np.array2string, np.array_repr, np.array_str)
