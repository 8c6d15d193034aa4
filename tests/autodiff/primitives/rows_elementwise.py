"""The elementwise primitives and where each can be differentiated by differences: away from kinks and poles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from autodiff.primitives.elementwise import cast, clip, power_log
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
def powers(draw: Any) -> tuple[Callable, list[np.ndarray]]:
    """Tracked exponents of positive numbers, and the exponents of daily life, also of negative ones."""
    if draw(st.booleans()):
        return draw(calls(np.power, positive, any_real))
    exponent = draw(st.sampled_from([0, 1, 2, 3, 2.0, -1, -2, np.array(3.0), np.array(0)]))
    return lambda x: x**exponent, [draw(arrays(draw(shapes()), nonzero))]


any_real = lattice(-2, 2)
nonzero = lattice(-2, 2, nonzero=True)
positive = lattice(0.25, 3)
above_one = lattice(1.25, 3)
inside_one = lattice(-0.75, 0.75)
between = any_real.map(lambda value: value + 1 / 128)
"""Never equal to a point of the lattice, nor a multiple of one."""

PHASE = 1 + 2j
"""Makes a real argument complex."""

# fmt: off
ROWS = {
    np.add:         calls(np.add, any_real, any_real),
    np.subtract:    calls(np.subtract, any_real, any_real),
    np.multiply:    calls(np.multiply, any_real, any_real),
    np.divide:      calls(np.divide, any_real, nonzero),
    np.remainder:   calls(np.remainder, between, nonzero),
    np.fmod:        calls(np.fmod, between, nonzero),
    np.power:       powers(),
    power_log.__wrapped__: calls(lambda x, y: power_log(x, y, 2), positive, any_real),
    np.positive:    calls(np.positive, any_real),
    np.negative:    calls(np.negative, any_real),
    np.reciprocal:  calls(np.reciprocal, nonzero),
    np.square:      calls(np.square, any_real),
    np.sqrt:        calls(np.sqrt, positive),
    np.cbrt:        calls(np.cbrt, nonzero),
    np.absolute:    calls(np.absolute, nonzero),
    np.fabs:        calls(np.fabs, nonzero),
    np.copysign:    calls(np.copysign, nonzero, nonzero),
    np.ldexp:       scalings(),
    np.hypot:       calls(np.hypot, nonzero, any_real),
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
    np.nan_to_num:  calls(np.nan_to_num, any_real),
    np.copy:        calls(np.copy, any_real),
    cast.__wrapped__: calls(lambda x: cast(x, np.float64), any_real),
    np.conjugate:   calls(lambda x: np.real(np.conjugate(x * PHASE) * PHASE), any_real),
    np.real:        calls(lambda x: np.real(x * PHASE), any_real),
    np.imag:        calls(lambda x: np.imag(x * PHASE), any_real),
    np.clip:        calls(np.clip, between, lattice(-2, 0), lattice(0.5, 2)) | calls(
                        lambda x, low: np.clip(x, min=low), between, any_real),
    np.astype:      calls(lambda x: np.astype(x, np.float64), any_real),
    np.angle:       calls(lambda x: np.angle(x * PHASE + 1, deg=True), any_real),
    np.divmod:      calls(lambda x, y: np.divmod(x, y)[1], between, nonzero),
    np.float_power: calls(np.float_power, positive, any_real),
    np.frexp:       calls(lambda x: np.frexp(x)[0], positive.map(lambda value: value + 1 / 128)),
    np.full_like:   calls(lambda x: np.full_like(x, np.sum(x)), any_real),
    np.modf:        calls(lambda x: np.modf(x)[0], between),
}
# fmt: on
