"""The conventions and the awkward inputs of sorting: ties, NaN, signed zeros, no entries."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff import Tensor

from .derivatives import gradient

NAN, INF = np.nan, np.inf


def weighted(function):
    """The sum of the values times 1, 2, 3, ...: the gradient tells where each entry went."""

    def total(x):
        values = function(x)
        return values * np.arange(1.0, values.size + 1).reshape(values.shape)

    return total


def test_equal_entries_keep_their_order():
    np.testing.assert_array_equal(gradient(weighted(np.sort), [2.0, 1.0, 2.0, 1.0]), [3, 1, 4, 2])
    np.testing.assert_array_equal(gradient(weighted(np.sort), [0.0, -0.0, 0.0]), [1, 2, 3])


def test_nan_and_infinities_are_sorted_like_others():
    np.testing.assert_array_equal(gradient(weighted(np.sort), [NAN, INF, 1.0, NAN, -INF]), [4, 3, 2, 5, 1])


def test_every_entry_of_a_partition_gets_the_cotangent_of_where_it_went():
    rng = np.random.default_rng(0)
    for x in (rng.normal(size=500), rng.integers(0, 5, 500) / 4.0):
        t = Tensor(x, requires_grad=True)
        parts = np.partition(t, [30, 400])
        parts.backward(parts.data)  # each entry's cotangent is itself
        np.testing.assert_array_equal(t.grad.data, x)


def test_unique_gives_its_gradient_to_the_first_of_equal_entries():
    np.testing.assert_array_equal(gradient(weighted(np.unique), [2.0, 1.0, 2.0, 1.0, 3.0]), [2, 1, 0, 0, 3])
    np.testing.assert_array_equal(gradient(np.unique, [NAN, 1.0, NAN]), [1, 1, 0])
    np.testing.assert_array_equal(gradient(lambda x: np.unique(x, equal_nan=False), [NAN, 1.0, NAN]), [1, 1, 1])
    np.testing.assert_array_equal(gradient(lambda x: np.unique(x, axis=0), [[1.0, 2.0], [1.0, 2.0]]), [[1, 1], [0, 0]])


def test_positions_and_counts_of_unique_are_plain_arrays():
    values, index, inverse, counts = np.unique(Tensor([2.0, 1.0, 2.0], requires_grad=True), True, True, True)
    assert values.requires_grad
    assert [type(a) for a in (index, inverse, counts)] == [np.ndarray] * 3
    np.testing.assert_array_equal([*index, *inverse, *counts], [1, 0, 1, 0, 1, 1, 2])


def test_what_a_sorted_array_was_not_asked_for_has_gradient_zero_whatever_the_derivative_there():
    np.testing.assert_array_equal(gradient(lambda x: np.sort(np.sqrt(x))[1], [4.0, 0.0]), [0.25, 0])


def test_no_entries_have_an_empty_gradient():
    for function in (np.sort, lambda x: np.sort(x, axis=0), np.unique, lambda x: np.sort(x, axis=None)):
        assert gradient(function, np.zeros((0, 2))).shape == (0, 2)


def test_bad_input_gets_the_error_of_numpy():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(np.exceptions.AxisError):
        np.sort(x, axis=1)
    with pytest.raises(ValueError, match=r"kth\(=5\) out of bounds"):
        np.partition(x, 5)
    with pytest.raises(ValueError, match="fields"):
        np.sort(x, order="name")
