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

from ..dispatch import unwrap
from ..primitive import constant, defvjp, implements
from ..tensor import Tensor


def nothing(g: Any) -> Any:
    """Zeros like g, whatever it holds; a tensor if it is one."""
    return np.where(False, g, 0)


def power_base_vjp(g: Any, x: Any, y: Any) -> Any:
    """``g * y * x**(y - 1)``, where ``y = 0`` wins over an infinite power: ``x**0`` is constant."""
    if type(y) in (int, float):
        if y == 2:
            return g * (2 * x)
        return g * (y * x ** (y - 1)) if y else nothing(g)
    power = x ** (y - 1.0)
    return np.where((y == 0) & ~np.isfinite(power), 0, g * (y * power))


def in_double(x: Any) -> Any:
    """``x`` in double precision at least, as ``float_power`` takes it."""
    return np.multiply(x, np.float64(1))


def _power_log(x: Any, y: Any, n: int) -> Any:
    """``x**y * log(x)**n``, the n-th derivative of ``x**y`` by y; 0 where ``x**y`` vanishes with an infinite log(x)."""
    power = np.power(x, y)
    return np.where((power == 0) & (x >= 0), 0, power * np.log(x, dtype=power.dtype) ** n)


def power_log_base_vjp(g: Any, x: Any, y: Any, n: int) -> Any:
    slope = y * power_log(x, y - 1.0, n)
    return g * (slope + n * power_log(x, y - 1.0, n - 1) if n else slope)  # 0 times 1/log(1) is no 0


def absolute_vjp(g: Any, x: Any, out: Any) -> Any:
    """``g * sign(x)``; of a complex x, ``g * conj(x) / |x|``."""
    if np.iscomplexobj(x):
        return np.where(out == 0, 0, g * (np.conjugate(x) / out))
    return g * np.sign(x)


def complex_sign_vjp(g: Any, x: Any, out: Any) -> Any:
    """``ds = (dx - s**2 conj(dx)) / (2 |x|)`` for ``s = x / |x|``: only what turns x counts."""
    return (g - np.conjugate(g * out * out)) / (2 * np.abs(x))


def _cosine(x: Any, y: Any, length: Any) -> Any:
    """``x / length`` for ``length = hypot(x, y)``, and 0 where that is 0; of halves where the length overflows."""
    if (huge := np.isinf(length)).any():
        x, length = np.where(huge, x / 2, x), np.where(huge, np.hypot(x / 2, y / 2), length)
    return np.where(length == 0, 0, x / length)


def cosine_x_vjp(g: Any, x: Any, y: Any) -> Any:
    """``sin(t)**2 / length``, as the derivative of the quotient loses its digits where y is small."""
    length = np.hypot(x, y)
    sine = cosine(y, x, length)
    return np.where(length == 0, 0, g * sine * sine / length)


def cosine_y_vjp(g: Any, x: Any, y: Any) -> Any:
    length = np.hypot(x, y)
    return np.where(length == 0, 0, -g * cosine(x, y, length) * cosine(y, x, length) / length)


def over_square(u: Any, x: Any, y: Any) -> Any:
    """``u / (x**2 + y**2)`` for ``|u| <= hypot(x, y)``, without the squares, which overflow and underflow."""
    length = np.hypot(x, y)
    return u / length / length


def root_one_plus_square(x: Any) -> Any:
    """``sqrt(1 + x**2)`` without the square, which overflows."""
    return np.sqrt(1 + 1j * x) * np.sqrt(1 - 1j * x) if np.iscomplexobj(x) else np.hypot(1, x)


def arctan_vjp(g: Any, x: Any) -> Any:
    if np.iscomplexobj(x):
        return g / (1 + 1j * x) / (1 - 1j * x)
    root = root_one_plus_square(x)
    return g / root / root


def root_one_minus_square(x: Any) -> Any:
    """``sqrt(1 - x**2)``; without the square, which overflows, if x is complex."""
    return np.sqrt(1 - x) * np.sqrt(1 + x) if np.iscomplexobj(x) else np.sqrt(one_minus_square(x))


def arctanh_vjp(g: Any, x: Any) -> Any:
    return g / (1 - x) / (1 + x) if np.iscomplexobj(x) else g / one_minus_square(x)


def logistic_share(g: Any, difference: Any, out: Any) -> Any:
    """``g * exp(x - logaddexp(x, y))`` of ``x - y``, which loses no digits of large x and y; 0 where both are -inf."""
    return np.where(out == -np.inf, 0, g * expit(difference))


def share_ties(g: Any, lost: Any, tied: Any) -> Any:
    """What one of two competitors gets of g: nothing where it lost, half where they tied."""
    share = np.where(lost, 0, g)
    return np.where(tied, share / 2, share) if tied.any() else share


def nan_to_num_vjp(g: Any, x: Any) -> Any:
    if np.iscomplexobj(x):
        return nan_to_num_vjp(np.real(g), np.real(x)) + 1j * nan_to_num_vjp(np.imag(g), np.imag(x))
    return np.where(np.isfinite(x), g, 0)


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


def _one_minus_square(x: Any) -> Any:
    """``1 - x**2`` to the last digit near 1, with a rule that is as exact near 0, as that of the product is not."""
    return (1 - x) * (1 + x)


def _cast(x: Any, dtype: Any, copy: bool = True) -> Any:
    return x.astype(dtype, copy=copy)


def _complex_sign(x: Any) -> Any:
    return np.sign(x)


def _fraction(x: Any) -> Any:
    return np.modf(x)[0]


def _select_from(choices: Any, condlist: Any) -> Any:
    """``np.select`` with the default as the last of the choices."""
    return np.select(condlist, choices[:-1], choices[-1])


def select_vjp(g: Any, i: int, condlist: Any) -> Any:
    """What went to choice ``i``: where its condition holds, and none before it does."""
    taken = np.any(np.broadcast_arrays(False, *condlist[:i]), axis=0)
    return np.where(taken, 0, g) if i == len(condlist) else np.where(condlist[i] & ~taken, g, 0)


def _choose_from(choices: Any, a: Any, mode: Any) -> Any:
    return np.choose(a, choices, mode=mode)


def choose_vjp(g: Any, i: int, choices_shape: Any, a: Any, mode: Any) -> Any:
    return np.where(np.choose(a, list(range(len(choices_shape))), mode=mode) == i, g, 0)


_cosine.__name__, _one_minus_square.__name__ = "cosine", "one_minus_square"
_clip.__name__, _cast.__name__, _power_log.__name__ = "clip", "astype", "power_log"
_select_from.__name__, _choose_from.__name__, _complex_sign.__name__ = "select", "choose", "sign"

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
defvjp(np.float_power, x=lambda g, x, y: power_base_vjp(g, in_double(x), y),
                       y=lambda g, x, y: g * power_log(in_double(x), y, 1))
defvjp(np.positive,    x=lambda g: g)
defvjp(np.negative,    x=lambda g: -g)
defvjp(np.reciprocal,  x=lambda g, out: -g * out * out)
defvjp(np.square,      x=lambda g, x: g * (2 * x))
defvjp(np.sqrt,        x=lambda g, out: g / (2 * out))
defvjp(np.cbrt,        x=lambda g, out: g / (3 * out) / out)
defvjp(np.absolute,    x=absolute_vjp)
defvjp(np.fabs,        x=lambda g, x: g * np.sign(x))
defvjp(np.copysign,    x=lambda g, x, out: g * np.sign(x) * np.sign(out),  y=lambda g: nothing(g))
defvjp(np.nextafter,   x=lambda g: g,                          y=lambda g: nothing(g))
defvjp(np.ldexp,       x=lambda g, y: np.ldexp(g, y),          constants=("y",))
defvjp(np.hypot,       x=lambda g, x, y, out: g * cosine(x, y, out),
                       y=lambda g, x, y, out: g * cosine(y, x, out))
cosine: Any = defvjp(_cosine, kind="elementwise", broadcasts=True, constants=("length",),
                       x=cosine_x_vjp,                         y=cosine_y_vjp)
fraction = defvjp(_fraction, kind="elementwise",               x=lambda g: g)
complex_sign = defvjp(_complex_sign, kind="elementwise",       x=complex_sign_vjp)

# Exponentials and logarithms
defvjp(np.exp,         x=lambda g, out: g * out)
defvjp(np.exp2,        x=lambda g, out: g * (LOG2 * out))
defvjp(np.expm1,       x=lambda g, x: g * np.exp(x))
defvjp(np.log,         x=lambda g, x: g / x)
defvjp(np.log2,        x=lambda g, x: g / LOG2 / x)
defvjp(np.log10,       x=lambda g, x: g / LOG10 / x)
defvjp(np.log1p,       x=lambda g, x: g / (1 + x))
defvjp(np.logaddexp,   x=lambda g, x, y, out: logistic_share(g, x - y, out),
                       y=lambda g, x, y, out: logistic_share(g, y - x, out))
defvjp(np.logaddexp2,  x=lambda g, x, y, out: logistic_share(g, LOG2 * (x - y), out),
                       y=lambda g, x, y, out: logistic_share(g, LOG2 * (y - x), out))

# Trigonometric and hyperbolic
defvjp(np.sin,         x=lambda g, x: g * np.cos(x))
defvjp(np.cos,         x=lambda g, x: -g * np.sin(x))
defvjp(np.tan,         x=lambda g, out: g + g * out * out)
defvjp(np.arcsin,      x=lambda g, x: g / root_one_minus_square(x))
defvjp(np.arccos,      x=lambda g, x: -g / root_one_minus_square(x))
one_minus_square = defvjp(_one_minus_square, kind="elementwise", x=lambda g, x: g * (-2 * x))
defvjp(np.arctan,      x=arctan_vjp)
defvjp(np.arctan2,     x=lambda g, x, y: g * over_square(y, x, y), y=lambda g, x, y: -g * over_square(x, x, y))
defvjp(np.sinh,        x=lambda g, x: g * np.cosh(x))
defvjp(np.cosh,        x=lambda g, x: g * np.sinh(x))
defvjp(np.tanh,        x=lambda g, out: g * (1 - out * out))
defvjp(np.arcsinh,     x=lambda g, x: g / root_one_plus_square(x))
defvjp(np.arccosh,     x=lambda g, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))
defvjp(np.arctanh,     x=arctanh_vjp)
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
defvjp(np.nan_to_num,  kind="select", forward=_nan_to_num, x=nan_to_num_vjp)
select_from = defvjp(_select_from, kind="select", broadcasts=True, listed="choices", choices=select_vjp)
choose_from = defvjp(_choose_from, kind="select", broadcasts=True, listed="choices", choices=choose_vjp,
                     constants=("a",))

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


@implements(np.divmod)
def _divmod(x: Any, y: Any) -> Any:
    return np.floor_divide(x, y), np.remainder(x, y)


@implements(np.modf)
def _modf(x: Any) -> Any:
    return fraction(x), np.trunc(x)


@implements(np.frexp)
def _frexp(x: Tensor) -> Any:
    exponent = np.frexp(x.data)[1]
    return np.ldexp(x, -exponent), exponent


@implements(np.sign)
def _sign(x: Tensor) -> Any:
    """A plain array of real numbers' signs; ``x / |x|`` of complex numbers, which does change with them."""
    return complex_sign(x) if np.iscomplexobj(x) else np.sign(x.data)


@implements(np.heaviside)
def _heaviside(x1: Any, x2: Any) -> Any:
    """A plain array, unless the value at 0 is a tensor."""
    if isinstance(x2, Tensor):
        return np.where(np.equal(x1, 0), x2, np.heaviside(unwrap(x1), np.zeros((), x2.dtype)))
    return np.heaviside(x1.data, x2)


@implements(np.real_if_close)
def _real_if_close(a: Tensor, tol: float = 100) -> Any:
    close = np.iscomplexobj(a) and not np.iscomplexobj(np.real_if_close(a.data, tol))
    return np.real(a) if close else a


@implements(np.select)
def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    return select_from([*choicelist, default], list(map(unwrap, condlist)))


@implements(np.choose)
def _choose(a: Any, choices: Any, mode: Any = "raise") -> Any:
    return choose_from(list(choices), a, mode)


@implements(np.piecewise)
def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Each function is called on a tensor of the entries that it is for, as NumPy does."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    conditions = unwrap(condlist)
    if np.isscalar(conditions) or not isinstance(conditions[0], (list, np.ndarray)) and x.ndim:
        conditions = [conditions]  # a single one
    conditions = list(np.asarray(conditions, dtype=bool))
    if len(conditions) == len(funclist) - 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(conditions) != len(funclist):
        raise ValueError(
            f"piecewise: {len(conditions)} conditions take as many functions or one more, not {len(funclist)}"
        )
    out = Tensor(np.zeros_like(x.data))
    for condition, function in zip(conditions, funclist):
        if not callable(function):
            out[condition] = function
        elif condition.any():
            out[condition] = function(x[condition], *args, **kw)
    return out


@implements(np.angle)
def _angle(z: Any, deg: bool = False) -> Any:
    """A plain array for real numbers, whose angles are 0 and pi."""
    if not np.iscomplexobj(z):
        return np.angle(z.data, deg)
    radians = np.arctan2(np.imag(z), np.real(z))
    return radians * (180 / math.pi) if deg else radians


# Comparisons, logic and bits
constant(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
constant(np.isclose, np.allclose, np.array_equal, np.array_equiv, np.isin)
constant(*[getattr(np, name) for name in ("in1d",) if hasattr(np, name)])  # gone from NumPy 2.4
constant(np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.any, np.all)
constant(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift, np.bitwise_count)
constant(np.gcd, np.lcm)

# Steps
constant(np.floor, np.ceil, np.rint, np.trunc, np.round, np.around, np.fix, np.floor_divide)
constant(np.signbit, np.spacing)

# Kinds of numbers and types
constant(np.isnan, np.isfinite, np.isinf, np.isposinf, np.isneginf, np.isreal, np.iscomplex)
constant(np.isrealobj, np.iscomplexobj, np.result_type, np.can_cast, np.min_scalar_type, np.common_type)

# Positions and counts
constant(np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.lexsort)
constant(np.nonzero, np.flatnonzero, np.argwhere, np.searchsorted, np.digitize, np.count_nonzero)

# Forms
constant(np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like)
constant(np.shares_memory, np.may_share_memory, np.array2string, np.array_repr, np.array_str)
