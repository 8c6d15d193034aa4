"""The awkward inputs of polynomials: zero coefficients, constants, multiple and complex roots."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff import Tensor
from autodiff.testing import check_grads

from .derivatives import gradient, gradients


def test_a_polynomial_at_zero_has_its_lowest_coefficients_as_derivatives():
    p = [2.0, 3.0, 4.0]
    assert gradient(lambda x: np.polyval(p, x), 0.0) == 3
    assert gradient(lambda x: np.polyval(p, x), 0.0, order=2) == 4
    np.testing.assert_array_equal(gradient(lambda p: np.polyval(p, 0.0), p), [0, 0, 1])


def test_leading_zeros_are_left_out_of_a_product_and_have_no_gradient():
    p, q = gradients(np.polymul, [0.0, 0.0, 2.0, 3.0], [1.0, 1.0])
    np.testing.assert_array_equal(p, [0, 0, 2, 2])
    np.testing.assert_array_equal(q, [5, 5])
    assert np.polymul(Tensor([0.0, 0.0]), [1.0, 2.0]).shape == np.polymul([0.0, 0.0], [1.0, 2.0]).shape


def test_a_division_without_remainder_leaves_one_coefficient():
    quotient, remainder = np.polydiv(Tensor([1.0, -3.0, 2.0], requires_grad=True), [1.0, -1.0])
    np.testing.assert_array_equal(quotient.data, [1, -2])
    np.testing.assert_array_equal(remainder.data, [0])


def test_roots_move_with_the_coefficients():
    p = np.poly([1.0, -2.0, 4.0])
    check_grads(np.roots, p, order=2)
    check_grads(lambda p: np.abs(np.roots(p)), np.array([1.0, 2.0, 5.0]), order=1)  # a complex pair
    check_grads(np.roots, np.array([1.0, 2.0]), order=2)


def test_a_root_at_zero_moves_with_the_lowest_coefficient_alone():
    np.testing.assert_array_equal(gradient(lambda p: np.roots(p)[-1], [1.0, 2.0, 0.0]), [0, 0, -0.5])


def test_a_multiple_root_has_no_finite_gradient():
    assert not np.isfinite(gradient(np.roots, [1.0, 0.0, 0.0])).all()


def test_constants_of_integration_have_gradients():
    p, k = gradients(lambda p, k: np.polyint(p, 2, k), [6.0], [1.0, 2.0])
    assert (p.tolist(), k.tolist()) == ([0.5], [1, 1])
    assert gradients(lambda p, k: np.polyint(p, 3, k), [6.0], 1.0)[1] == 1 / 2 + 1 + 1


def test_bad_input_gets_the_error_of_numpy():
    p = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match="Order of derivative must be positive"):
        np.polyder(p, -1)
    with pytest.raises(ValueError, match="Order of integral must be positive"):
        np.polyint(p, -1)
    with pytest.raises(ValueError, match="k must be a scalar"):
        np.polyint(p, 3, [1.0, 2.0])
    with pytest.raises(ValueError, match="rank-1 array"):
        np.roots(Tensor(np.ones((2, 2)), requires_grad=True))
