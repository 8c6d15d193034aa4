"""Finite differences are right to within the error that they claim, and do not claim too much or too little."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from autodiff.testing import finite_difference

# fmt: off
FUNCTIONS = [
    (np.sin,                              np.cos,                                          (-30.0, 30.0)),
    (np.exp,                              np.exp,                                          (-700.0, 700.0)),
    (np.log,                              lambda x: 1 / x,                                 (1e-6, 1e6)),
    (np.sqrt,                             lambda x: 0.5 / np.sqrt(x),                      (1e-6, 1e6)),
    (np.square,                           lambda x: 2 * x,                                 (-1e6, 1e6)),
    (lambda x: 1 / x,                     lambda x: -1 / x**2,                             (1e-6, 1e6)),
    (np.tanh,                             lambda x: 1 / np.cosh(x)**2,                     (-15.0, 15.0)),
    (scipy.special.gamma,                 lambda x: scipy.special.gamma(x) * scipy.special.digamma(x), (0.1, 20.0)),
    (lambda x: np.sin(1e6 * x),           lambda x: 1e6 * np.cos(1e6 * x),                 (-1e-6, 1e-6)),
    (lambda x: np.sin(1e-6 * x),          lambda x: 1e-6 * np.cos(1e-6 * x),               (-1e6, 1e6)),
    (lambda x: x * 0 + 5.0,               lambda x: x * 0,                                 (-1e6, 1e6)),
    (lambda x: 1e6 + x,                   lambda x: x * 0 + 1,                             (-1.0, 1.0)),
]
# fmt: on


@pytest.mark.parametrize(("f", "derivative", "domain"), FUNCTIONS)
@given(data=st.data())
def test_the_error_is_within_ten_times_its_estimate(f: Callable, derivative: Callable, domain: tuple, data) -> None:
    x = data.draw(st.floats(*domain))
    found, error = finite_difference(f, x)
    assert abs(found - derivative(x)) <= 10 * error


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("f", [np.log, np.square, np.sqrt, lambda x: 1 / x, lambda x: x**3 + x])
def test_the_estimate_is_small_at_every_scale_of_the_argument(f: Callable, scale: float) -> None:
    found, error = finite_difference(lambda x: f(x / scale), 1.3 * scale)
    assert error <= 1e-9 * abs(found)


def test_a_gradient_has_the_shape_of_its_argument() -> None:
    x = np.arange(6.0).reshape(2, 3)
    gradient, error = finite_difference(lambda x: np.sum(x**2), x)
    assert gradient.shape == error.shape == (2, 3)
    np.testing.assert_allclose(gradient, 2 * x, atol=1e-9)


def test_a_derivative_along_a_direction_has_the_shape_of_the_value() -> None:
    x, direction = np.array([0.5, 1.0, 2.0]), np.array([1.0, -2.0, 0.5])
    found, error = finite_difference(lambda x: np.outer(x, np.sin(x)), x, direction)
    expected = np.outer(direction, np.sin(x)) + np.outer(x, np.cos(x) * direction)
    assert np.all(np.abs(found - expected) <= 10 * error) and error.max() < 1e-8


def test_entries_of_very_different_size_each_have_an_error_of_their_own_size() -> None:
    x = np.array([-30.0, 0.0, 30.0])
    found, error = finite_difference(np.exp, x, np.ones(3))
    assert np.all(error <= 1e-9 * found)


def test_a_jump_has_an_error_as_large_as_its_derivative() -> None:
    found, error = finite_difference(np.sign, 0.0)
    assert error >= 0.1 * abs(found) > 1


def test_a_value_that_was_computed_in_float32_has_the_error_of_float32() -> None:
    found, error = finite_difference(lambda x: np.sin(x).astype(np.float32), 1.0)
    assert abs(found - np.cos(1.0)) <= 10 * error and error > 1e-7


def test_a_kink_next_to_the_argument_is_noticed() -> None:
    for distance in (1e-2, 1e-3, 1e-5):
        found, error = finite_difference(lambda x, kink=1 - distance: np.maximum(np.sin(x), np.sin(kink)), 1.0)
        assert abs(found - np.cos(1.0)) <= 10 * error and error < 1e-6


def test_the_end_of_the_domain_gives_no_number_and_no_warning() -> None:
    found, error = finite_difference(np.sqrt, 0.0)
    assert np.isnan(found) and error == np.inf


def test_an_empty_argument_has_an_empty_gradient() -> None:
    gradient, error = finite_difference(np.sum, np.zeros((0, 3)))
    assert gradient.shape == error.shape == (0, 3)


def test_an_array_without_a_direction_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\), not a number; sum it, or pass direction="):
        finite_difference(np.sin, np.ones(2))
    with pytest.raises(ValueError, match=r"a direction of shape \(3,\) for x of shape \(2,\)"):
        finite_difference(np.sin, np.ones(2), np.ones(3))
