"""A function and its arguments, written as code that makes them again."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
import scipy.special

from autodiff import Tensor
from autodiff.testing.failure import array_literal, code_of, how_to_get

ARRAYS = [
    np.array([0.1, -2.5e-300, 1e300]),
    np.array([[1.0], [-0.0]]),
    np.zeros((2, 3)),
    np.zeros((0, 2)),
    np.array([]),
    np.array(3.25),
    np.zeros(()),
    np.array([1.5, 2.5], np.float32),
    np.zeros(2, np.float32),
    np.array([1 + 2j, 0]),
    np.array([1, 2]),
    np.array([True, False]),
    np.array([np.inf, -np.inf, np.nan]),
]


@pytest.mark.parametrize("array", ARRAYS, ids=array_literal)
def test_an_array_is_made_again_digit_for_digit(array: np.ndarray) -> None:
    again = eval(array_literal(array), {"np": np, "inf": np.inf, "nan": np.nan})
    np.testing.assert_array_equal(again, array, strict=True)
    np.testing.assert_array_equal(np.signbit(again.real), np.signbit(array.real))


@pytest.mark.parametrize("function", [np.multiply, np.linalg.solve, np.fft.fft, scipy.special.gammaln, array_literal])
def test_a_public_function_is_imported_by_name(function: Any) -> None:
    scope: dict[str, Any] = {"np": np}
    exec(how_to_get(function), scope)
    assert scope["f"] is function


def test_a_function_without_a_name_is_referred_to_by_its_place() -> None:
    f = lambda x: x
    assert how_to_get(f) == f"f = ...  # <lambda>, defined in test_failure.py, line {f.__code__.co_firstlineno}"
    assert how_to_get(operator.itemgetter(0)).startswith("f = ...  # ")


def test_nested_arguments_are_written_with_the_places_of_their_leaves() -> None:
    value = [dict(w=1.5, n=2), (3.0,), Tensor(np.array([1, 2])), None]
    code = code_of(value, iter(["x[0]", None, "x[1]", None, None]))
    assert code == "[{'w': x[0], 'n': 2}, (x[1],), np.array([1, 2]), None]"
