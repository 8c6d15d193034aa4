"""A function and its arguments, written as code that makes them again."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
import scipy.special

from autodiff import Tensor
from autodiff.testing.functions.reproduction import code_of, how_to_get
from autodiff.testing.literals import array_literal


@pytest.mark.parametrize("function", [np.multiply, np.linalg.solve, np.fft.fft, scipy.special.gammaln, array_literal])
def test_a_public_function_is_imported_by_name(function: Any) -> None:
    scope: dict[str, Any] = {"np": np}
    exec(how_to_get(function), scope)
    assert scope["f"] is function


def test_a_function_without_a_name_is_referred_to_by_its_place() -> None:
    f = lambda x: x
    assert how_to_get(f) == f"f = ...  # <lambda>, defined in test_reproduction.py, line {f.__code__.co_firstlineno}"
    assert how_to_get(operator.itemgetter(0)).startswith("f = ...  # ")


def test_nested_arguments_are_written_with_the_places_of_their_leaves() -> None:
    value = [dict(w=1.5, n=2), (3.0,), Tensor(np.array([1, 2])), None]
    code = code_of(value, iter(["x[0]", None, "x[1]", None, None]))
    assert code == "[{'w': x[0], 'n': 2}, (x[1],), np.array([1, 2]), None]"
