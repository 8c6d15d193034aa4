"""The complex step is exact for analytic functions, and the tape says which are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autodiff import Tensor, checkpoint, custom_gradient
from autodiff.scipy import special
from autodiff.testing.differences.complex_step import ANALYTIC, complex_step, is_analytic

POINTS = np.array([0.25, 0.5, 0.75])

DERIVATIVES = {
    np.exp: np.exp,
    np.sqrt: lambda x: 0.5 / np.sqrt(x),
    np.log1p: lambda x: 1 / (1 + x),
    np.tanh: lambda x: 1 / np.cosh(x) ** 2,
    np.arccos: lambda x: -1 / np.sqrt(1 - x * x),
    special.erf: lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x),
    np.reciprocal: lambda x: -1 / x**2,
}


def line(f: Callable, x: np.ndarray) -> Callable:
    return lambda t: [np.asarray(f(x + t))]


@pytest.mark.parametrize("f", DERIVATIVES, ids=lambda f: f.__name__)
def test_the_complex_step_is_exact_to_rounding(f: Callable) -> None:
    weights = np.array([1.0, -2.0, 0.5])
    found = complex_step(line(f, POINTS), 1.0, [weights])
    np.testing.assert_allclose(found.value, np.sum(weights * DERIVATIVES[f](POINTS)), rtol=1e-14)
    assert found.error <= 1e-8 * found.size


def test_an_offset_costs_no_digits() -> None:
    found = complex_step(line(lambda x: 1e15 + np.sin(x), POINTS), 1.0, [np.ones(3)])
    np.testing.assert_allclose(found.value, np.sum(np.cos(POINTS)), rtol=1e-14)


def test_where_two_steps_contradict_each_other_there_is_none() -> None:
    negative_cubes = line(
        lambda x: np.exp(3.0 * np.log(x)), -POINTS
    )  # the branch of log leaves rounding, over the step
    assert complex_step(negative_cubes, 1.0, [np.ones(3)]) is None
    with np.errstate(all="ignore"):
        assert complex_step(line(lambda x: np.exp(1e3 * x), POINTS * 10), 1.0, [np.ones(3)]) is None


def recorded(f: Callable) -> list[Any]:
    return [f(Tensor(POINTS, requires_grad=True))]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sin(x) * x + np.sum(x**2),
        lambda x: np.concatenate([x, x[::-1]]).reshape(2, 3) @ x,
        lambda x: np.where(POINTS > 0.3, np.exp(x), 1.0),
        lambda x: np.linalg.solve(np.eye(3) + x[:, None] * x, x),
        lambda x: 3.0,
    ],
)
def test_what_is_made_of_analytic_functions_is_analytic(f: Callable) -> None:
    assert is_analytic(recorded(f))


@pytest.mark.parametrize(
    "f",
    [
        np.abs,
        lambda x: np.maximum(x, 0.5),
        lambda x: np.exp(x) + np.real(x),
        lambda x: np.linalg.norm(x),
        lambda x: checkpoint(np.exp)(x),
        custom_gradient(lambda x: (np.exp(x), lambda g: g * np.exp(x))),
    ],
    ids=["abs", "maximum", "real", "norm", "unknown inside a checkpoint", "unknown inside a custom gradient"],
)
def test_what_is_not_or_not_known_to_be_is_not(f: Callable) -> None:
    assert not is_analytic(recorded(f))


@pytest.mark.parametrize("f", [f for f in ANALYTIC if isinstance(f, np.ufunc) and f.nin == 1], ids=lambda f: f.__name__)
def test_every_elementwise_analytic_function_satisfies_the_cauchy_riemann_equations(f: Callable) -> None:
    z, h = POINTS + 0.3j, 1e-6
    by_real, by_imaginary = (f(z + h) - f(z - h)) / (2 * h), (f(z + 1j * h) - f(z - 1j * h)) / (2j * h)
    np.testing.assert_allclose(by_real, by_imaginary, rtol=1e-7)
