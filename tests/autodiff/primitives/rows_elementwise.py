"""The elementwise primitives and where each can be differentiated by differences: away from kinks and poles."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from autodiff.primitives.elementwise import (
    cast,
    choose_from,
    clip,
    complex_sign,
    cosine,
    fraction,
    one_minus_square,
    power_log,
    select_from,
)
from autodiff.testing.strategies import arrays, broadcastable_shapes, lattice, shapes


@st.composite
def calls(draw: Any, function: Callable, *domains: st.SearchStrategy) -> tuple[Callable, list[np.ndarray]]:
    """The function, and arrays of shapes that broadcast together with values from these domains."""
    where = draw(broadcastable_shapes(len(domains))) if len(domains) > 1 else [draw(shapes())]
    return function, [draw(arrays(shape, values)) for shape, values in zip(where, domains, strict=True)]


@st.composite
def selections(draw: Any) -> tuple[Callable, list[np.ndarray]]:
    first, second, third = draw(broadcastable_shapes(3))
    condition = draw(arrays(first, any_real)) > 0
    x, y = draw(arrays(second, any_real)), draw(arrays(third, any_real))
    return lambda x, y: np.where(condition, x, y), [x, y]


@st.composite
def scalings(draw: Any) -> tuple[Callable, list[np.ndarray]]:
    exponent = draw(st.integers(-3, 3))
    return lambda x: np.ldexp(x, exponent), [draw(arrays(draw(shapes()), any_real))]


@st.composite
def powers(draw: Any, power: Callable) -> tuple[Callable, list[np.ndarray]]:
    """Tracked exponents of positive numbers, and the exponents of daily life, also of negative ones."""
    if draw(st.booleans()):
        return draw(calls(power, positive, any_real))
    exponent = draw(st.sampled_from([0, 1, 2, 3, 2.0, -1, -2, np.array(3.0), np.array(0)]))
    return lambda x: power(x, exponent), [draw(arrays(draw(shapes()), nonzero))]


@st.composite
def choices(draw: Any, function: Callable) -> tuple[Callable, list[np.ndarray]]:
    """``np.select`` or ``np.choose`` among three, with conditions or an index of the shapes that broadcast too."""
    first, second, *others = draw(broadcastable_shapes(5))
    conditions = [draw(arrays(shape, any_real)) > 0 for shape in (first, second)]
    index = draw(arrays(first, st.integers(-3, 5))).astype(int)
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    if mode == "raise":
        index %= 3
    if draw(st.booleans()):  # each of the three in its turn
        index, others = np.arange(6) % 3, [(6,)] * 3
        conditions = [index == 0, index == 1]
    args = [draw(arrays(shape, any_real)) for shape in others]
    if function is np.select:
        return lambda x, y, z: np.select(conditions, [x, y], z), args
    return lambda x, y, z: np.choose(index, [x, y, z], mode=mode), args


@st.composite
def pieces(draw: Any) -> tuple[Callable, list[np.ndarray]]:
    """Two functions and a number; with a condition for each, or one less."""
    otherwise = draw(st.booleans())

    def function(x: Any) -> Any:
        conditions = [x < 0, x > 1] if otherwise else [x < 0, x > 1, (x >= 0) & (x <= 1)]
        return np.piecewise(x, conditions, [lambda v, a: a * v**2, lambda v, a: np.sqrt(v), 7.0], 3)

    return function, [draw(arrays(draw(shapes()), between))]


@st.composite
def steps(draw: Any) -> tuple[Callable, list[np.ndarray]]:
    first, second = draw(broadcastable_shapes(2))
    x = draw(arrays(first, st.sampled_from([-1.0, 0.0, 1.0])))
    return lambda y: np.heaviside(x, y), [draw(arrays(second, any_real))]


@st.composite
def replacements(draw: Any) -> tuple[Callable, list[np.ndarray]]:
    keywords = draw(st.sampled_from([{}, {"nan": 2.0}, {"posinf": 3.0, "neginf": -1.0}]))
    return lambda x: np.nan_to_num(x, **keywords), [draw(arrays(draw(shapes()), any_real))]


@st.composite
def bounded(draw: Any) -> tuple[Callable, list[np.ndarray]]:
    """``np.clip`` with bounds of every kind, by position and by keyword."""
    first, *others = draw(broadcastable_shapes(3))
    x, low, high = (
        draw(arrays(shape, values))
        for shape, values in zip([first, *others], [between, lattice(-2, 0), lattice(0.5, 2)])
    )
    return draw(
        st.sampled_from(
            [
                (np.clip, [x, low, high]),
                (lambda x, low: np.clip(x, min=low), [x, low]),
                (lambda x, high: np.clip(x, None, high), [x, high]),
                (lambda x: np.clip(x, -1, None), [x]),
                (lambda x: np.clip(x, low, high), [x]),
                (lambda x: np.clip(x, None, None), [x]),
            ]
        )
    )


any_real = lattice(-2, 2)
nonzero = lattice(-2, 2, nonzero=True)
positive = lattice(0.25, 3)
above_one = lattice(1.25, 3)
inside_one = lattice(-0.75, 0.75)
between = any_real.map(lambda value: value + 1 / 128)
"""Never equal to a point of the lattice, nor a multiple of one."""

PHASE = 1 + 2j
"""Makes a real argument complex."""


def parts(z: Any) -> Any:
    """The real and the imaginary parts, one after the other."""
    return np.stack([np.real(z), np.imag(z)])


def of_complex(function: Callable) -> Callable:
    """The function of a complex number as one of its parts."""
    return lambda x, y: parts(function(x + 1j * y))


# fmt: off
ROWS = {
    np.add:         calls(np.add, any_real, any_real),
    np.subtract:    calls(np.subtract, any_real, any_real),
    np.multiply:    calls(np.multiply, any_real, any_real),
    np.divide:      calls(np.divide, any_real, nonzero),
    np.remainder:   calls(np.remainder, between, nonzero),
    np.fmod:        calls(np.fmod, between, nonzero),
    np.power:       powers(operator.pow),
    np.float_power: powers(np.float_power),
    power_log.__wrapped__: calls(lambda x, y: power_log(x, y, 2), positive, any_real),
    np.positive:    calls(np.positive, any_real),
    np.negative:    calls(np.negative, any_real),
    np.reciprocal:  calls(np.reciprocal, nonzero),
    np.square:      calls(np.square, any_real),
    np.sqrt:        calls(np.sqrt, positive),
    np.cbrt:        calls(np.cbrt, nonzero),
    np.absolute:    calls(np.absolute, nonzero),
    np.fabs:        calls(np.fabs, nonzero),
    np.nextafter:   calls(np.nextafter, any_real, nonzero),
    fraction.__wrapped__: calls(fraction, between),
    complex_sign.__wrapped__: calls(of_complex(complex_sign), nonzero, nonzero),
    np.copysign:    calls(np.copysign, nonzero, nonzero),
    np.ldexp:       scalings(),
    np.hypot:       calls(np.hypot, nonzero, any_real),
    cosine.__wrapped__: calls(lambda x, y: cosine(x, y, np.hypot(x, y)), nonzero, any_real),
    np.exp:         calls(np.exp, any_real),
    np.exp2:        calls(np.exp2, any_real),
    np.expm1:       calls(np.expm1, any_real),
    np.log:         calls(np.log, positive),
    np.log2:        calls(np.log2, positive),
    np.log10:       calls(np.log10, positive),
    np.log1p:       calls(np.log1p, inside_one),
    np.logaddexp:   calls(np.logaddexp, any_real, any_real),
    np.logaddexp2:  calls(np.logaddexp2, any_real, any_real),
    np.sin:         calls(np.sin, any_real),
    np.cos:         calls(np.cos, any_real),
    np.tan:         calls(np.tan, inside_one),
    np.arcsin:      calls(np.arcsin, inside_one),
    np.arccos:      calls(np.arccos, inside_one),
    one_minus_square.__wrapped__: calls(one_minus_square, any_real),
    np.arctan:      calls(np.arctan, any_real),
    np.arctan2:     calls(np.arctan2, any_real, positive) | calls(np.arctan2, nonzero, any_real),
    np.sinh:        calls(np.sinh, any_real),
    np.cosh:        calls(np.cosh, any_real),
    np.tanh:        calls(np.tanh, any_real),
    np.arcsinh:     calls(np.arcsinh, any_real),
    np.arccosh:     calls(np.arccosh, above_one),
    np.arctanh:     calls(np.arctanh, inside_one),
    np.deg2rad:     calls(np.deg2rad, any_real),
    np.radians:     calls(np.radians, any_real),
    np.rad2deg:     calls(np.rad2deg, any_real),
    np.degrees:     calls(np.degrees, any_real),
    np.maximum:     calls(np.maximum, between, any_real),
    np.minimum:     calls(np.minimum, between, any_real),
    np.fmax:        calls(np.fmax, between, any_real),
    np.fmin:        calls(np.fmin, between, any_real),
    np.where:       selections(),
    clip.__wrapped__: calls(clip, between, lattice(-2, 0), lattice(0.5, 2)),
    np.nan_to_num:  replacements(),
    select_from.__wrapped__: choices(np.select),
    choose_from.__wrapped__: choices(np.choose),
    np.copy:        calls(np.copy, any_real),
    cast.__wrapped__: calls(lambda x: cast(x, np.float64), any_real),
    np.conjugate:   calls(lambda x: np.real(np.conjugate(x * PHASE) * PHASE), any_real),
    np.real:        calls(lambda x: np.real(x * PHASE), any_real),
    np.imag:        calls(lambda x: np.imag(x * PHASE), any_real),
    np.clip:        bounded() | st.just((np.clip, [np.array([-5.0, 0.5, 5.0]), np.full(3, -2.0), np.full(3, 2.0)])),
    np.astype:      calls(lambda x: np.astype(x, np.float64), any_real),
    np.angle:       calls(lambda x: np.angle(x * PHASE + 1, deg=True), any_real),
    np.divmod:      calls(lambda x, y: np.divmod(x, y)[1], between, nonzero),
    np.sign:        calls(of_complex(np.sign), nonzero, nonzero),
    np.heaviside:   steps(),
    np.real_if_close: calls(lambda x: np.real_if_close(x * (1 + 1e-20j)), any_real),
    np.select:      choices(np.select),
    np.choose:      choices(np.choose),
    np.piecewise:   pieces(),
    np.frexp:       calls(lambda x: np.frexp(x)[0], positive.map(lambda value: value + 1 / 128)),
    np.full_like:   calls(lambda x: np.full_like(x, np.sum(x)), any_real),
    np.modf:        calls(lambda x: np.modf(x)[0], between),
}
# fmt: on
