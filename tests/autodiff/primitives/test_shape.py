"""The awkward inputs of the shape functions: repeated places, no entries, values that are tensors; and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from autodiff import Tensor

from .derivatives import gradient, gradients


def matrix():
    return Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)


def test_windows_that_overlap_add_up():
    np.testing.assert_array_equal(gradient(lambda x: sliding_window_view(x, 3), np.zeros(5)), [1, 2, 3, 2, 1])
    g = gradient(lambda x: sliding_window_view(x, (2, 2)), np.zeros((3, 2)))
    np.testing.assert_array_equal(g, [[1, 1], [2, 2], [1, 1]])


def test_windows_are_a_view_that_cannot_be_assigned_to():
    windows = sliding_window_view(matrix(), 2, axis=1)
    assert not windows.data.flags.writeable
    with pytest.raises(RuntimeError, match="view"):
        windows[0] = 1.0


def test_values_inserted_several_times_add_up():
    x, value = gradients(lambda x, v: np.insert(x, [0, 2, 2], v), [1.0, 2.0], 5.0)
    np.testing.assert_array_equal(x, [1, 1])
    assert value == 3


def test_values_are_inserted_in_the_dtype_of_the_array():
    x, value = gradients(lambda x, v: np.insert(x, 1, v), np.ones(2, np.float32), np.float64(2))
    assert (x.dtype, value.dtype) == (np.float32, np.float64)


def test_what_is_deleted_or_trimmed_has_gradient_zero_whatever_the_derivative_there():
    np.testing.assert_array_equal(gradient(lambda x: np.delete(np.sqrt(x), 0), [0.0, 4.0]), [0, 0.25])
    np.testing.assert_array_equal(gradient(lambda x: np.trim_zeros(np.sqrt(x)), [0.0, 4.0, 0.0]), [0, 0.25, 0])


def test_an_array_of_zeros_is_trimmed_to_nothing():
    for shape in ((3,), (2, 3), (0,)):
        assert np.trim_zeros(Tensor(np.zeros(shape), requires_grad=True)).shape == (0,) * len(shape)


def test_resizing_repeats_the_entries_and_adds_up_their_gradients():
    np.testing.assert_array_equal(gradient(lambda x: np.resize(x, (2, 4)), [1.0, 2.0, 3.0]), [3, 3, 2])
    np.testing.assert_array_equal(np.resize(Tensor(np.zeros(0), requires_grad=True), (2, 2)).data, np.zeros((2, 2)))


def test_functions_applied_along_an_axis_are_given_tensors():
    x = matrix()
    sums = np.apply_along_axis(lambda row, power: (row**power).sum(), 1, x, power=2)
    sums.sum().backward()
    np.testing.assert_array_equal(x.grad.data, 2 * x.data)
    with pytest.raises(ValueError, match="any iteration dimensions are 0"):
        np.apply_along_axis(np.sum, 1, x[:0])


def test_powers_of_zero_in_a_vandermonde_matrix_have_their_gradients():
    np.testing.assert_array_equal(gradient(lambda x: np.vander(x, 4), [0.0, 1.0]), [1, 6])
    np.testing.assert_array_equal(gradient(lambda x: np.vander(x, 4), [0.0, 1.0], order=2), [2, 8])


def test_indices_of_a_tensors_shape_are_plain_arrays():
    x = Tensor(np.ones((3, 3)), requires_grad=True)
    for function in (np.tril_indices_from, np.triu_indices_from, np.diag_indices_from):
        assert all(type(index) is np.ndarray for index in function(x))


@pytest.mark.parametrize(
    "function",
    [
        np.ascontiguousarray,
        np.asfortranarray,
        np.asarray_chkfinite,
        np.require,
        np.vectorize(lambda x: 2 * x),
        lambda x: as_strided(x, (2, 2)),
    ],
)
def test_what_does_not_dispatch_refuses_a_tensor_that_requires_grad(function):
    with pytest.raises(TypeError, match="would lose the gradient"):
        function(matrix())


def test_bad_input_gets_the_error_of_numpy():
    x = matrix()
    with pytest.raises(IndexError, match="out of bounds"):
        np.insert(x, 9, 1.0)
    with pytest.raises(IndexError, match="out of bounds"):
        np.delete(x, 9)
    with pytest.raises(ValueError, match="window shape cannot be larger"):
        sliding_window_view(x, (3, 3))
    with pytest.raises(ValueError, match="unexpected character"):
        np.trim_zeros(x, "x")
    with pytest.raises(ValueError, match="one-dimensional"):
        np.vander(x)
