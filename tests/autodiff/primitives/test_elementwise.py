"""The conventions and the extreme values of the elementwise functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autodiff import Tensor, defvjp, grad
from autodiff.primitive import REGISTRY

from .derivatives import gradient, gradients

NAN, INF = np.nan, np.inf


def power(y: Any) -> Callable:
    def to_the_power(x: Any) -> Any:
        return x**y

    return to_the_power


# fmt: off
KINKS = [
    (np.absolute,                 [-2.0, 0.0, 3.0],         [-1, 0, 1]),
    (np.fabs,                     [-2.0, 0.0, 3.0],         [-1, 0, 1]),
    (lambda x: np.copysign(x, 1), [-2.0, 0.0, 3.0],         [-1, 0, 1]),
    (lambda x: np.hypot(x, 0),    [-2.0, 0.0, 3.0],         [-1, 0, 1]),
    (lambda x: np.maximum(x, 0),  [-2.0, 0.0, 3.0],         [0, 0.5, 1]),
    (lambda x: np.minimum(0, x),  [-2.0, 0.0, 3.0],         [1, 0.5, 0]),
    (lambda x: np.fmax(x, 0),     [-2.0, 0.0, 3.0, NAN],    [0, 0.5, 1, 0]),
    (lambda x: np.fmin(0, x),     [-2.0, 0.0, 3.0, NAN],    [1, 0.5, 0, 0]),
    (lambda x: np.maximum(x, x),  [-2.0, 0.0, 3.0],         [1, 1, 1]),
    (lambda x: np.clip(x, 0, 1),  [-2.0, 0.0, 0.5, 1.0, 3], [0, 1, 1, 1, 0]),
    (lambda x: np.clip(x, max=1), [-2.0, 1.0, 3],           [1, 1, 0]),
    (lambda x: np.clip(x, 2, 1),  [-2.0, 1.5, 3],           [0, 0, 0]),
    (np.nan_to_num,               [NAN, 1.0, INF, -INF],    [0, 1, 0, 0]),
    (np.sinc,                     [0.0, 1.0],               [0, -1]),
]
# fmt: on


@pytest.mark.parametrize(("f", "x", "expected"), KINKS)
def test_kinks_have_the_gradient_that_the_conventions_choose(f, x, expected):
    np.testing.assert_allclose(gradient(f, x), expected, atol=1e-15)


def test_tied_arguments_share_the_gradient_half_and_half():
    for f in (np.maximum, np.minimum, np.fmax, np.fmin):
        np.testing.assert_array_equal(gradients(f, [1.0, 2.0], [1.0, 2.0]), [[0.5, 0.5], [0.5, 0.5]])


def test_a_number_wins_over_nan_in_fmax_and_takes_all_of_the_gradient():
    for f in (np.fmax, np.fmin):
        np.testing.assert_array_equal(gradients(f, [NAN, 1.0], [1.0, NAN]), [[0, 1], [1, 0]])


def test_nan_that_maximum_lets_through_keeps_its_gradient():
    np.testing.assert_array_equal(gradient(lambda x: np.maximum(x, 0.0), [NAN, -1.0]), [1, 0])
    np.testing.assert_array_equal(gradient(lambda x: np.clip(x, 0.0, 1.0), [NAN, -1.0]), [1, 0])


def test_clip_passes_gradient_to_the_bound_that_took_an_entrys_place():
    x, lower, upper = gradients(np.clip, [-1.0, 0.0, 0.5, 1.0, 2.0, 0.2], [0, 0, 0, 0, 0, 0.7], [1, 1, 1, 1, 1, 0.3])
    np.testing.assert_array_equal(x, [0, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(lower, [1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(upper, [0, 0, 0, 0, 1, 1])


def test_a_bound_that_broadcasts_against_a_number_is_clipped_into_shape():
    x, lower = gradients(lambda x, lower: np.clip(x, lower, None), 0.5, [0.0, 0.5, 1.0])
    assert x == 2  # a bound that is met lets x through
    np.testing.assert_array_equal(lower, [0, 0, 1])


def test_select_gives_an_entry_to_the_first_condition_that_holds():
    x = np.array([-1.0, 0.5, 2.0, 3.0])
    conditions = [x > 2, x > 0]
    a, b, default = gradients(lambda a, b, d: np.select(conditions, [a, b], d), x, [10.0], 7.0)
    assert (a.tolist(), b.tolist(), default) == ([0, 0, 0, 1], [2], 1)
    with pytest.raises(ValueError, match="list of cases must be same length"):
        np.select(conditions, [Tensor(x, requires_grad=True)])
    with pytest.raises(TypeError, match="should be boolean"):
        np.select([x], [Tensor(x, requires_grad=True)])


def test_choose_gives_an_entry_to_the_choice_that_its_index_names():
    x, y = gradients(lambda x, y: np.choose([0, 1, 1], [x, y]), [1.0, 2.0, 3.0], [4.0])
    assert (x.tolist(), y.tolist()) == ([1, 0, 0], [2])
    np.testing.assert_array_equal(np.choose(Tensor([1, 0]), [[1, 2], [3, 4]]).data, [3, 2])
    rows = gradient(lambda x: np.choose([-1, 0, 5], x, mode="clip"), np.ones((2, 3)))
    assert rows.tolist() == [[1, 1, 0], [0, 0, 1]]
    with pytest.raises(ValueError, match="invalid entry in choice array"):
        np.choose([2], [Tensor([1.0], requires_grad=True)])


def test_piecewise_calls_each_function_on_its_own_entries_only():
    seen = []

    def logarithm(v: Any) -> Any:
        seen.append(v.data)
        return np.log(v)

    x = np.array([-1.0, 0.0, 2.0, 4.0])
    g = gradient(lambda x: np.piecewise(x, [x > 0, x < 0], [logarithm, lambda v: v**2, 5.0]), x)
    np.testing.assert_array_equal(g, [-2, 0, 0.5, 0.25])
    np.testing.assert_array_equal(seen, [[2, 4]])
    assert gradient(lambda x: np.piecewise(x, x > 1, [np.square]), 3.0) == 6
    np.testing.assert_array_equal(np.piecewise([1.0, 3.0], [Tensor([True, False])], [np.negative]).data, [-1, 0])
    with pytest.raises(ValueError, match="2 conditions take as many functions or one more, not 1"):
        np.piecewise(Tensor(x, requires_grad=True), [x > 0, x < 0], [np.square])


def test_the_value_of_the_step_at_zero_gets_the_gradient_of_what_lies_there():
    assert gradient(lambda h: np.heaviside([-1.0, 0.0, 2.0, 0.0, NAN], h), 0.5) == 2


def test_the_fraction_of_a_number_changes_as_the_number():
    np.testing.assert_array_equal(gradient(lambda x: np.modf(x)[0], [-2.5, 0.0, 3.25, INF]), [1, 1, 1, 1])
    x = np.array([INF, -INF, -0.5, 3.25])
    np.testing.assert_array_equal(np.modf(Tensor(x, requires_grad=True))[0].data, np.modf(x)[0])


def test_hypot_keeps_its_direction_where_its_length_overflows():
    np.testing.assert_allclose(gradients(np.hypot, 1.5e308, 1.5e308), 0.5**0.5, rtol=1e-15)
    np.testing.assert_array_equal(gradient(lambda y: np.hypot(INF, y), 1.0), 0)
    assert np.isnan(gradient(lambda x: np.hypot(x, INF), INF))  # which direction that is, nobody knows


def test_clip_takes_its_bounds_under_one_pair_of_names_only():
    with pytest.raises(ValueError, match="not both"):
        np.clip(Tensor([1.0]), 0, max=1)


def test_bounds_of_clip_that_broadcast_collect_their_gradients():
    _, lower, upper = gradients(np.clip, np.array([[-1.0, 5.0], [-1.0, -1.0]]), np.zeros((2, 1)), np.array(1.0))
    np.testing.assert_array_equal(lower, [[1], [2]])
    assert upper == 1


@pytest.mark.parametrize("zero", [0, 0.0, np.array(0), np.array(0, np.uint8), np.zeros(3)])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_to_the_power_zero_has_no_slope_anywhere(zero, order):
    np.testing.assert_array_equal(gradient(power(zero), [0.0, -2.0, 3.0], order), [0, 0, 0])


# fmt: off
POWERS = [
    (1, 1, [1, 1, 1]),    (1.0, 2, [0, 0, 0]),   (np.ones(3), 1, [1, 1, 1]), (np.ones(3), 2, [0, 0, 0]),
    (2, 1, [0, -4, 6]),   (2.0, 2, [2, 2, 2]),   (2, 3, [0, 0, 0]),          (np.full(3, 2), 2, [2, 2, 2]),
    (3, 1, [0, 12, 27]),  (3, 2, [0, -12, 18]),  (3, 3, [6, 6, 6]),          (np.full(3, 3), 3, [6, 6, 6]),
    (3, 4, [0, 0, 0]),    (0.5, 1, [INF, NAN, 0.5 / np.sqrt(3)]),
]
# fmt: on


@pytest.mark.parametrize(("exponent", "order", "expected"), POWERS)
def test_powers_are_right_at_zero_and_at_negative_numbers(exponent, order, expected):
    np.testing.assert_allclose(gradient(power(exponent), [0.0, -2.0, 3.0], order), expected, rtol=1e-15)


def test_powers_of_zero_have_gradient_zero_by_a_positive_exponent():
    np.testing.assert_array_equal(gradient(lambda y: 0.0**y, [0.5, 1.0, 2.0]), [0, 0, 0])
    np.testing.assert_array_equal(gradient(lambda y: np.zeros(3) ** y, [0.5, 1.0, 2.0], order=2), [0, 0, 0])
    assert gradient(lambda y: 0.0**y, [0.0]) == -INF  # 0**0 is 1 and falls to 0 at once


def test_negative_bases_have_no_gradient_by_the_exponent():
    assert np.isnan(gradient(lambda y: (-2.0) ** y, [2.0]))


def test_mixed_derivatives_of_a_power_at_zero_are_right_or_not_finite():
    def mixed(y: float) -> tuple[float, float]:
        x, y = Tensor([0.0], requires_grad=True), Tensor([y], requires_grad=True)
        with np.errstate(all="ignore"):
            (x**y).sum().backward(create_graph=True)
            slope, y.grad = y.grad, None
            slope.sum().backward()
        return y.grad.item(), x.grad.item()

    assert mixed(2.0) == (0, 0)
    assert mixed(1.0)[1] == -INF


def test_float_power_computes_in_double_precision():
    x = Tensor(np.array([3.0], np.float32), requires_grad=True)
    y = np.float_power(x, 60.0)
    y.backward(np.array([1e-28]))
    assert (y.dtype, x.grad.dtype) == (np.float64, np.float32)
    np.testing.assert_allclose(x.grad.data, 60 * 3.0**59 * 1e-28, rtol=1e-6)


# fmt: off
SCALED = [
    (np.divide,   (3, 4), lambda s: (1 / 4 / s, -3 / 16 / s)),
    (np.arctan2,  (3, 4), lambda s: (4 / 25 / s, -3 / 25 / s)),
    (np.hypot,    (3, 4), lambda s: (3 / 5, 4 / 5)),
]
# fmt: on


@pytest.mark.parametrize("scale", [1e200, 1e-200])
@pytest.mark.parametrize(("f", "args", "expected"), SCALED)
def test_gradients_neither_overflow_nor_underflow_where_the_truth_does_not(f, args, expected, scale):
    found = gradients(f, *[np.array(x * scale) for x in args])
    np.testing.assert_allclose(found, expected(scale), rtol=1e-14)


# fmt: off
EXTREMES = [
    (np.arcsinh,    [1e200, -1e200, 1e-200],   [1e-200, 1e-200, 1]),
    (np.arccosh,    [1e200],                   [1e-200]),
    (np.arctan,     [1e120, 1e-200],           [1e-240, 1]),
    (np.tanh,       [400.0, -1e300, INF],      [0, 0, 0]),
    (np.cbrt,       [1e300, 1e-300],           [1e-200 / 3, 1e200 / 3]),
    (np.cosh,       [700.0],                   [np.sinh(700.0)]),
    (np.expm1,      [-50.0],                   [np.exp(-50.0)]),
    (np.reciprocal, [1e150, 1e-150],           [-1e-300, -1e300]),
    (np.absolute,   [1e300, -1e-300],          [1, -1]),
]
# fmt: on


@pytest.mark.parametrize(("f", "x", "expected"), EXTREMES)
def test_extreme_arguments_have_the_gradient_of_the_formula(f, x, expected):
    np.testing.assert_allclose(gradient(f, x), expected, rtol=1e-13)


WIDER = {np.float32: np.float64} | ({np.float64: np.longdouble} if np.finfo(np.longdouble).maxexp > 1024 else {})
"""Floating-point types, and one with at least twice the exponents and some more digits to have the truth in."""

ULPS = 16


def log2(x: Any) -> Any:
    """The natural logarithm of 2, in the type of x."""
    return np.log(x.dtype.type(2))


def log10(x: Any) -> Any:
    return np.log(x.dtype.type(10))


def awkward(dtype: Any) -> np.ndarray:
    """Zeros, subnormal and tiny numbers, neighbours of 1, the usual, what overflows an exponential, huge, infinite."""
    f = np.finfo(dtype)
    near_one = [1 - f.eps / 2, 1 - 1e-4, 1, 1 + f.eps, 1 + 1e-4]
    positive = [f.smallest_subnormal, f.tiny / 4, f.tiny, f.tiny**0.5, 1e-30, f.eps, 1e-5, 0.1, 0.5, *near_one, 2, 3,
                10, 30, 88, 300, 709, 1e4, 1e15, 1e30, f.max**0.5 * 2, f.max / 4, f.max, np.inf, 0.0]  # fmt: skip
    x = np.array(positive, dtype)
    return np.concatenate([x, -x])


# fmt: off
EXACT = [
    ("reciprocal", np.reciprocal, lambda x: -1 / x / x,                   lambda x: 2 / x / x / x),
    ("divide",     lambda x: 3 / x, lambda x: -3 / x / x,                 lambda x: 6 / x / x / x),
    ("square",     np.square,     lambda x: 2 * x,                        lambda x: 2 + 0 * x),
    ("sqrt",       np.sqrt,       lambda x: 1 / (2 * np.sqrt(x)),         lambda x: -1 / (4 * x * np.sqrt(x))),
    ("cbrt",       np.cbrt,       lambda x: 1 / (3 * np.cbrt(x) ** 2),    lambda x: -2 / (9 * np.cbrt(x) ** 5)),
    ("x**3",       power(3),      lambda x: 3 * x * x,                    lambda x: 6 * x),
    ("x**-1",      power(-1),     lambda x: -1 / x / x,                   lambda x: 2 / x / x / x),
    ("x**0.5",     power(0.5),    lambda x: 1 / (2 * np.sqrt(x)),         lambda x: -1 / (4 * x * np.sqrt(x))),
    ("x**2.5",     power(2.5),    lambda x: 2.5 * x * np.sqrt(x),         lambda x: 3.75 * np.sqrt(x)),
    ("x**[3]",     power(np.array([3])), lambda x: 3 * x * x,             lambda x: 6 * x),
    ("x**[1]",     power(np.array([1])), lambda x: 1 + 0 * x,             lambda x: 0 * x),
    ("float_power", lambda x: np.float_power(x, 3), lambda x: 3 * x * x,  lambda x: 6 * x),
    ("2**x",       lambda x: np.float32(2) ** x, lambda x: log2(x) * np.exp2(x), lambda x: log2(x) ** 2 * np.exp2(x)),
    ("exp",        np.exp,        np.exp,                                 np.exp),
    ("exp2",       np.exp2,       lambda x: log2(x) * np.exp2(x),         lambda x: log2(x) ** 2 * np.exp2(x)),
    ("expm1",      np.expm1,      np.exp,                                 np.exp),
    ("log",        np.log,        lambda x: 1 / x,                        lambda x: -1 / x / x),
    ("log2",       np.log2,       lambda x: 1 / x / log2(x),              lambda x: -1 / x / x / log2(x)),
    ("log10",      np.log10,      lambda x: 1 / x / log10(x),             lambda x: -1 / x / x / log10(x)),
    ("log1p",      np.log1p,      lambda x: 1 / (1 + x),                  lambda x: -1 / (1 + x) ** 2),
    ("sin",        np.sin,        np.cos,                                 lambda x: -np.sin(x)),
    ("cos",        np.cos,        lambda x: -np.sin(x),                   lambda x: -np.cos(x)),
    ("tan",        np.tan,        lambda x: 1 / np.cos(x) ** 2,           lambda x: 2 * np.tan(x) / np.cos(x) ** 2),
    ("arcsin",     np.arcsin,     lambda x: (1 - x * x) ** -0.5,          lambda x: x * (1 - x * x) ** -1.5),
    ("arccos",     np.arccos,     lambda x: -((1 - x * x) ** -0.5),       lambda x: -x * (1 - x * x) ** -1.5),
    ("arctan",     np.arctan,     lambda x: 1 / (1 + x * x),              lambda x: -2 * x / (1 + x * x) ** 2),
    ("arctan2(x, 3)", lambda x: np.arctan2(x, 3), lambda x: 3 / (9 + x * x), lambda x: -6 * x / (9 + x * x) ** 2),
    ("arctan2(3, x)", lambda x: np.arctan2(3, x), lambda x: -3 / (9 + x * x), lambda x: 6 * x / (9 + x * x) ** 2),
    ("hypot(x, 1)", lambda x: np.hypot(x, 1), lambda x: x * (1 + x * x) ** -0.5, lambda x: (1 + x * x) ** -1.5),
    ("sinh",       np.sinh,       np.cosh,                                np.sinh),
    ("cosh",       np.cosh,       np.sinh,                                np.cosh),
    ("arcsinh",    np.arcsinh,    lambda x: (1 + x * x) ** -0.5,          lambda x: -x * (1 + x * x) ** -1.5),
    ("arccosh",    np.arccosh,    lambda x: (x * x - 1) ** -0.5,          lambda x: -x * (x * x - 1) ** -1.5),
    ("arctanh",    np.arctanh,    lambda x: 1 / (1 - x * x),              lambda x: 2 * x / (1 - x * x) ** 2),
]
SATURATING = [
    ("tanh",       np.tanh,       lambda x: np.cosh(x) ** -2,             lambda x: -2 * np.tanh(x) * np.cosh(x) ** -2),
    ("logaddexp",  lambda x: np.logaddexp(x, 0), lambda x: 1 / (1 + np.exp(-x)), lambda x: np.cosh(x / 2) ** -2 / 4),
    ("logaddexp2", lambda x: np.logaddexp2(x, 0), lambda x: 1 / (1 + np.exp2(-x)),
                   lambda x: log2(x) * np.cosh(log2(x) * x / 2) ** -2 / 4),
]
# fmt: on


def assert_right_wherever_it_can_be(f: Callable, order: int, truth: Callable, dtype: Any, at_least: float) -> None:
    """A finite derivative is found to 16 units in the last place, of ``at_least`` if it is smaller; no other is finite.

    Where f itself is NaN, or the formula for its derivative, nothing is claimed.
    """
    x = awkward(dtype)
    found = gradient(f, x, order)
    assert found.dtype == dtype
    with np.errstate(all="ignore"):
        exact = truth(x.astype(WIDER[dtype]))
        claimed = ~np.isnan(f(x)) & ~np.isnan(exact)
        finite = np.isfinite(exact.astype(dtype))
        error = np.abs(found - exact)
        size = np.maximum(np.abs(exact), at_least)
        allowed = ULPS * (np.finfo(dtype).eps * size + np.finfo(dtype).smallest_subnormal)
        wrong = claimed & np.where(finite, ~(error <= allowed), np.isfinite(found))
    shown = [f"at {x[i]!r}: {found[i]!r}, in truth {exact[i]!r}" for i in np.flatnonzero(wrong)]
    assert claimed.sum() > 15
    assert not shown, "\n".join(shown)


@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize(("f", "first", "second"), [row[1:] for row in EXACT], ids=[row[0] for row in EXACT])
def test_derivatives_are_right_wherever_a_number_can_hold_them(f, first, second, dtype):
    assert_right_wherever_it_can_be(f, 1, first, dtype, at_least=0)
    assert_right_wherever_it_can_be(f, 2, second, dtype, at_least=0)


@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize(("f", "first", "second"), [row[1:] for row in SATURATING], ids=[row[0] for row in SATURATING])
def test_derivatives_of_saturating_functions_are_right_relative_to_the_steepest_slope(f, first, second, dtype):
    assert_right_wherever_it_can_be(f, 1, first, dtype, at_least=1)
    assert_right_wherever_it_can_be(f, 2, second, dtype, at_least=1)


@pytest.mark.parametrize("slope", [lambda x: 2.00001 * x, lambda x: np.where(x == 0, np.nan, 2 * x)])
def test_the_check_against_a_wider_type_finds_a_wrong_rule(slope):
    square = defvjp(lambda x: x * x, kind="elementwise", x=lambda g, x: g * slope(x))
    try:
        with pytest.raises(AssertionError, match="in truth"):
            assert_right_wherever_it_can_be(square, 1, lambda x: 2 * x, np.float32, at_least=0)
    finally:
        del REGISTRY[square.__wrapped__]


@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2])
def test_logaddexp_keeps_its_digits_at_large_arguments_and_is_flat_at_minus_infinity(f):
    x, y = gradients(f, [1e16, 1e300, -INF, -INF, 5.0], [1e16, 0.0, -INF, 0.0, -INF])
    np.testing.assert_array_equal(x, [0.5, 1, 0, 0, 1])
    np.testing.assert_array_equal(y, [0.5, 0, 0, 1, 0])


def test_second_derivatives_at_zero():
    assert gradient(np.sinc, [0.0], order=2) == pytest.approx(-(np.pi**2) / 3)
    for f in (np.absolute, np.fabs, lambda x: np.hypot(x, 0.0)):
        assert gradient(f, [0.0], order=2) == 0
    assert gradient(np.square, [0.0], order=2) == 2


# fmt: off
HIDDEN = [
    (lambda x: np.where(x > 0, np.log(x), 0),            [0.0, -1.0]),
    (lambda x: np.where(x > 0, np.sqrt(x), 0),           [0.0, -1.0]),
    (lambda x: np.where(x > 0, x**1.5, 0),               [0.0, -1.0]),
    (lambda x: np.where(x > 0, 1 / x, x * 0),            [0.0]),
    (lambda x: np.where(x > 0, np.exp(np.sqrt(x)), 0),   [0.0, -1.0]),
    (lambda x: np.where(x > 0, np.arccosh(1 + x), 0),    [0.0, -1.0, -3.0]),
    (lambda x: np.where(x > 0, np.log(x[:, None]).sum(-1), 0), [0.0, -1.0]),
    (lambda x: np.maximum(np.log(x), -1),                [0.0]),
    (lambda x: np.clip(np.log(x), -1, 1),                [0.0]),
    (lambda x: np.sqrt(np.clip(x, 0, 1)),                [-1.0]),
    (lambda x: np.sqrt(np.maximum(x, 0)),                [-1.0]),
    (lambda x: np.nan_to_num(np.log(x)),                 [0.0, -1.0]),
]
# fmt: on


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("f", "unselected"), HIDDEN)
def test_what_nothing_selected_has_gradient_zero_whatever_its_derivative(f, unselected, order):
    found = gradient(f, [*unselected, 0.75], order)
    np.testing.assert_array_equal(found[:-1], np.zeros(len(unselected)))
    np.testing.assert_allclose(found[-1:], gradient(f, [0.75], order), rtol=1e-15)
    assert np.isfinite(found[-1])


def test_a_zero_that_was_merely_computed_stays_loud():
    assert np.isnan(gradient(lambda x: np.sqrt(x) ** 2, [0.0]))
    assert np.isnan(gradient(lambda x: 0 * np.log(x) + np.sqrt(x) * 0, [0.0]))


def test_a_selected_infinity_stays():
    np.testing.assert_array_equal(gradient(lambda x: np.where(x >= 0, np.sqrt(x), 0), [0.0, -1.0]), [INF, 0])


def test_gradients_of_where_reach_both_branches_and_undo_broadcasting():
    x, y = gradients(lambda x, y: np.where([[True], [False]], x, y), [1.0, 2.0], 3.0)
    np.testing.assert_array_equal(x, [1, 1])
    assert y == 2


def test_gradients_of_half_precision_are_half_precision():
    x = np.array([0.25, 0.5, 0.75], np.float16)
    with np.errstate(all="ignore"):
        for f in (np.sin, np.tanh, np.log2, np.exp2, np.arctan, np.arcsinh, np.sqrt, power(2), power(3.0), np.sinc):
            tensor = Tensor(x, requires_grad=True)
            out = f(tensor)
            out.sum().backward()
            assert (out.dtype, tensor.grad.dtype) == (np.float16, np.float16)
            np.testing.assert_allclose(tensor.grad.data, gradient(f, x.astype(float)), rtol=4e-3)
    np.testing.assert_allclose(gradient(np.arctan, np.array([300], np.float16)), 1 / 300**2, rtol=1e-2)


# fmt: off
HOLOMORPHIC = [
    np.exp, np.log, np.sin, np.tan, np.arctan, np.arcsin, np.arcsinh, np.arccosh, np.sinh, np.tanh, np.sqrt, np.square,
    np.reciprocal, power(3), power(1.5 - 0.5j),
]
# fmt: on


@pytest.mark.parametrize("f", HOLOMORPHIC, ids=lambda f: f.__name__)
def test_holomorphic_functions_have_their_complex_derivative_as_gradient(f):
    z, h = np.array([0.4 + 0.3j, 1.5 - 0.7j]), 1e-6
    found = Tensor(z, requires_grad=True)
    out = f(found)
    out.backward(np.ones(2, complex))
    np.testing.assert_allclose(found.grad.data, (f(z + h) - f(z - h)) / (2 * h), rtol=1e-8)


def test_a_real_loss_of_a_complex_number_changes_by_the_real_part_of_gradient_times_change():
    z, h = np.array([0.4 + 0.3j, 0.0]), 1e-7
    for f in (np.abs, np.real, np.imag, np.angle, lambda z: np.real(np.conjugate(z) * z)):
        g = gradient(f, z[:1])[0]
        for step in (1, 1j):
            assert (f(z[0] + h * step) - f(z[0])) / h == pytest.approx((g * step).real, abs=1e-6)
    assert gradient(np.abs, z[1:]) == 0


def test_real_arguments_of_complex_functions_have_real_gradients():
    x = Tensor([1.0, 2.0], requires_grad=True)
    np.real(np.exp(1j * x)).sum().backward()
    assert x.grad.dtype == np.float64
    np.testing.assert_allclose(x.grad.data, -np.sin([1.0, 2.0]))


def test_astype_casts_the_gradient_back_and_gives_plain_integers():
    x = Tensor(np.array([1.5, 2.5], np.float32), requires_grad=True)
    y = np.astype(x, np.float64)
    y.sum().backward()
    assert (y.dtype, x.grad.dtype) == (np.float64, np.float32)
    assert type(np.astype(x, np.int64)) is np.ndarray


def test_full_like_passes_gradient_to_the_value_it_is_filled_with():
    assert gradient(lambda x: np.full_like(x, x[0]), [2.0, 3.0]).tolist() == [2, 0]
    assert type(np.full_like(Tensor([1.0], requires_grad=True), 2.0)) is np.ndarray


# fmt: off
WITHOUT_DERIVATIVE = [
    lambda x: x > 1, lambda x: np.less(x, 2), np.sign, np.floor, np.ceil, np.rint, np.trunc, np.round, np.fix,
    np.isnan, np.signbit, np.argsort, np.zeros_like, np.ones_like, lambda x: x // 2, lambda x: np.heaviside(x, 0.5),
    lambda x: np.isclose(x, 1), lambda x: np.logical_and(x, 1), lambda x: np.modf(x)[1], lambda x: np.frexp(x)[1],
]
# fmt: on


@pytest.mark.parametrize("f", WITHOUT_DERIVATIVE)
def test_functions_without_a_derivative_give_plain_arrays(f):
    x = np.array([0.5, 1.5])
    found = f(Tensor(x, requires_grad=True))
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, f(x), strict=True)


def test_the_third_mixed_derivative_of_a_power_at_base_1_is_finite():
    def by_base_and_exponent(x, y):
        return grad(grad(grad(np.power, 0), 1), 0)(x, y)

    assert by_base_and_exponent(1.0, 3.0) == 2 * 3.0 - 1  # d/dy of y (y - 1) x**(y - 2)
