"""Arrays are written as source that makes them again."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff.testing.literals import array_literal

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
    np.array([[1, 2]], np.int8),
    np.array([], int),
    np.array([True, False]),
    np.array([np.inf, -np.inf, np.nan]),
]


@pytest.mark.parametrize("array", ARRAYS, ids=array_literal)
def test_an_array_is_made_again_digit_for_digit(array: np.ndarray) -> None:
    again = eval(array_literal(array), {"np": np})
    np.testing.assert_array_equal(again, array, strict=True)
    np.testing.assert_array_equal(np.signbit(again.real), np.signbit(array.real))
