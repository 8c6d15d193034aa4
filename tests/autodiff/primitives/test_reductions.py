"""The conventions and the awkward inputs of the reductions: ties, NaN, zeros, constants, extreme magnitudes, masks."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff import Tensor
from autodiff.testing import check_grads

from .derivatives import gradient, gradients

NAN, INF = np.nan, np.inf


HIGHEST = [np.max, np.nanmax, np.maximum.reduce, np.fmax.reduce]
LOWEST = [np.min, np.nanmin, np.minimum.reduce, np.fmin.reduce]


@pytest.mark.parametrize("function, sign", [(f, 1) for f in HIGHEST] + [(f, -1) for f in LOWEST])
def test_equal_extrema_share_the_gradient_equally(function, sign):
    np.testing.assert_array_equal(gradient(function, [sign * x for x in (1.0, 3.0, 3.0, 2.0)]), [0, 0.5, 0.5, 0])
    np.testing.assert_array_equal(gradient(lambda x: function(x, axis=0), np.ones((4, 2))), np.full((4, 2), 0.25))


def test_an_initial_value_that_ties_keeps_its_share():
    np.testing.assert_array_equal(gradient(lambda x: np.max(x, initial=3.0), [3.0, 3.0, 1.0]), [1 / 3, 1 / 3, 0])
    np.testing.assert_array_equal(gradient(lambda x: np.min(x, initial=0.0), [3.0, 4.0]), [0, 0])
    np.testing.assert_array_equal(gradient(lambda x: np.maximum(x, 0), [0.0]), [0.5])
    np.testing.assert_array_equal(gradient(lambda x: np.max(x, initial=0), [0.0]), [0.5])


def test_an_extremum_that_is_nan_sends_its_gradient_to_the_nans():
    np.testing.assert_array_equal(gradient(np.max, [1.0, NAN, 2.0]), [0, 1, 0])
    np.testing.assert_array_equal(gradient(np.nanmax, [1.0, NAN, 2.0]), [0, 0, 1])


def test_infinite_extrema_have_their_gradient():
    np.testing.assert_array_equal(gradient(np.max, [1.0, INF, INF]), [0, 0.5, 0.5])
    np.testing.assert_array_equal(gradient(np.min, [-INF, 1.0]), [1, 0])


# fmt: off
PRODUCTS = [
    ([2.0, 3.0, 4.0],          [12, 8, 6]),
    ([2.0, 0.0, 4.0],          [0, 8, 0]),
    ([0.0, 0.0, 4.0],          [0, 0, 0]),
    ([1e200, 1e200, 1e-200],   [1, 1, INF]),
    ([1e-200, 1e-200, 1e200],  [1, 1, 0]),
    ([1e-300, 1e300, 1e5],     [1e305, 1e-295, 1]),
    ([5e-324, 1.0],            [1, 5e-324]),
    ([INF, 2.0],               [2, INF]),
    ([NAN, 2.0],               [2, NAN]),
]
# fmt: on


@pytest.mark.parametrize(("x", "expected"), PRODUCTS)
def test_products_have_the_products_of_the_others_as_gradient(x, expected):
    np.testing.assert_allclose(gradient(np.prod, x), expected, rtol=1e-14)


def test_gradients_of_products_do_not_underflow_or_overflow_on_the_way():
    for factors, g, expected in ([1e-150, 1e-100], 1e-200, [1e-300, 0]), ([1e150, 1e100], 1e200, [1e300, INF]):
        x = Tensor(factors, requires_grad=True)
        np.prod(x).backward(np.array(g))
        np.testing.assert_allclose(x.grad.data, expected, rtol=1e-15)


@pytest.mark.parametrize("x", [[2.0, 3.0, 4.0], [0.0, 3.0, 4.0], [0.0, 0.0, 4.0], [0.0, 0.0, 0.0], [1.0], []])
@pytest.mark.parametrize("function", [np.prod, np.multiply.reduce, np.nanprod])
def test_products_are_right_at_second_order_with_any_number_of_zeros(function, x):
    a = np.array(x)
    expected = [
        sum(np.prod([v for k, v in enumerate(a) if k not in (i, j)]) for j in range(len(a)) if j != i)
        for i in range(len(a))
    ]
    np.testing.assert_allclose(gradient(function, a, order=2), expected, atol=1e-15)


@pytest.mark.parametrize("x", [[2.0, 2.0], [0.1] * 3, [0.1] * 1000, [0.0], [1e200] * 7, [1e-320] * 3])
@pytest.mark.parametrize("function", [np.std, np.nanstd])
def test_the_deviation_of_a_constant_has_gradient_zero(function, x):
    for order in (1, 2):
        np.testing.assert_array_equal(gradient(function, x, order), np.zeros(len(x)))
    np.testing.assert_array_equal(gradient(lambda x: function(x, axis=0), np.stack([x, x], 1)), np.zeros((len(x), 2)))


def test_constant_and_other_rows_go_together():
    g = gradient(lambda x: np.std(x, axis=1), [[1.0, 1.0], [0.0, 2.0]])
    np.testing.assert_allclose(g, [[0, 0], [-0.5, 0.5]])
    g = gradient(lambda x: np.std(x, axis=1, where=[[True, False], [True, True]]), [[1.0, 5.0], [0.0, 2.0]])
    np.testing.assert_allclose(g, [[0, 0], [-0.5, 0.5]])


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-160, 1.0, 1e150, 1e200])
def test_deviations_of_any_magnitude_have_the_gradient_of_those_of_magnitude_one(scale):
    x = np.array([1.0, 2.0, 4.0, -3.0])
    np.testing.assert_allclose(gradient(np.std, scale * x), gradient(np.std, x), atol=1e-16)


def test_a_deviation_too_small_for_its_square_is_right_at_second_order():
    x, tiny = np.array([1.0, 2.0, 4.0]), 1e-100
    curvature = gradient(lambda x: np.sum(np.std(x) * x), x, order=2)
    np.testing.assert_allclose(gradient(lambda x: np.sum(np.std(x) * x), tiny * x, order=2), curvature, rtol=1e-12)


def test_a_given_mean_has_its_own_gradient():
    x = np.array([1.0, 2.0, 6.0])
    whole = gradient(lambda x: np.var(x, mean=np.mean(x, keepdims=True)), x)
    np.testing.assert_allclose(whole, gradient(np.var, x), rtol=1e-14)
    np.testing.assert_allclose(gradient(lambda x: np.std(x, mean=np.zeros(1)), [2.0, 2.0]), [0.5, 0.5])


def test_correction_is_another_name_of_ddof():
    x = np.array([1.0, 2.0, 6.0])
    for function in (np.var, np.std, np.nanvar, np.nanstd):
        g = gradient(lambda x: function(x, correction=1), x)  # noqa: B023
        np.testing.assert_array_equal(g, gradient(lambda x: function(x, ddof=1), x))  # noqa: B023
    with pytest.raises(ValueError, match="ddof and correction"):
        np.var(Tensor(x), ddof=1, correction=1)


@pytest.mark.parametrize("function", [np.nansum, np.nanprod, np.nanmean, np.nanmax, np.nanmin, np.nanvar, np.nanstd])
def test_nan_has_gradient_zero_where_it_is_skipped(function):
    x = np.array([[1.0, NAN, 3.0], [NAN, 5.0, 1.5]])
    g = gradient(lambda x: function(x, axis=1), x)
    assert np.all(g[np.isnan(x)] == 0)
    for row, expected in zip(x, g, strict=True):
        kept = ~np.isnan(row)
        np.testing.assert_allclose(gradient(function, row[kept]), expected[kept], rtol=1e-14)


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@pytest.mark.parametrize("function", [np.nansum, np.nanprod, np.nanmean, np.nanmax, np.nanvar, np.nanstd])
def test_a_slice_of_nothing_but_nan_has_gradient_zero(function):
    x = np.array([[NAN, NAN], [1.0, 2.0]])
    np.testing.assert_array_equal(gradient(lambda x: function(x, axis=1), x)[0], [0, 0])


MASKED = [np.sum, np.mean, np.prod, np.var, np.std, np.add.reduce, np.multiply.reduce, np.logaddexp.reduce]


@pytest.mark.parametrize("function", MASKED)
@pytest.mark.parametrize("order", [1, 2])
def test_what_a_mask_leaves_out_has_gradient_zero_whatever_the_derivative_there(function, order):
    x = np.array([0.0, 1.0, 4.0])
    g = gradient(lambda x: function(np.sqrt(x), where=x > 0), x, order)
    np.testing.assert_allclose(g, [0, *gradient(lambda x: function(np.sqrt(x)), x[1:], order)], rtol=1e-13)


@pytest.mark.parametrize("function", [np.nansum, np.nanprod, np.nanmean, np.nanmax, np.nanvar, np.nanstd])
def test_what_became_nan_and_is_skipped_has_gradient_zero(function):
    g = gradient(lambda x: function(np.sqrt(x)), [-1.0, 1.0, 4.0])
    assert g[0] == 0
    np.testing.assert_allclose(g[1:], gradient(lambda x: function(np.sqrt(x)), [1.0, 4.0]), rtol=1e-14)


def test_a_mask_may_be_a_tensor_and_broadcast():
    mask = Tensor([[True], [False]])
    np.testing.assert_array_equal(gradient(lambda x: np.sum(x, where=mask), np.ones((2, 2))), [[1, 1], [0, 0]])


def test_the_gradient_of_no_entries_is_empty():
    for function in (np.sum, np.prod, np.nansum, lambda x: np.max(x, initial=0.0), lambda x: np.sum(x, axis=0)):
        assert gradient(function, np.zeros((0, 3))).shape == (0, 3)


def test_bad_input_gets_the_error_of_numpy():
    x = Tensor(np.zeros((2, 0)), requires_grad=True)
    with pytest.raises(ValueError, match="zero-size array to reduction operation maximum"):
        np.max(x)
    with pytest.raises(np.exceptions.AxisError):
        np.sum(x, axis=2)
    with pytest.raises(ValueError, match="duplicate value in 'axis'"):
        np.sum(x, axis=(0, 0))


def test_sums_of_float16_are_gradients_of_float16_without_loss():
    x = Tensor(np.ones((4096, 1), np.float16), requires_grad=True)
    row = Tensor(np.ones(1, np.float16), requires_grad=True)
    (x * row).sum(axis=1).sum(dtype=np.float32).backward()
    assert row.grad.dtype == np.float16
    assert row.grad.item() == 4096


def test_counts_beyond_the_range_of_float16_divide_as_they_should():
    for function in (np.mean, np.max):
        g = gradient(lambda x: function(x) * np.float16(1000), np.ones(2**17, np.float16))  # noqa: B023
        np.testing.assert_array_equal(g, np.full(2**17, 1000 / 2**17, np.float16), strict=True)


@pytest.mark.parametrize("function", [np.sum, np.mean, np.prod, np.var, np.std])
def test_complex_reductions_agree_with_differences(function):
    z = np.array([[1 + 2j, 0.5 - 1j], [2j, -1.0 + 0j]])
    check_grads(lambda z: np.abs(function(z, axis=0)) ** 2, z, order=2)


def test_methods_of_ufuncs_reduce_over_the_first_axis():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(gradient(lambda x: np.add.reduce(x)[0], x), [[1, 0], [1, 0]])
    np.testing.assert_array_equal(gradient(lambda x: np.multiply.reduce(x)[1], x), [[0, 4], [0, 2]])
    (g,) = gradients(lambda x: np.add.reduce(x, dtype=np.float64), x.astype(np.float32))
    assert g.dtype == np.float32


@pytest.mark.parametrize(
    "f, expected",
    [
        *[(f, 1) for f in (np.sum, np.max, np.nanmin, np.maximum.reduce, np.multiply.reduce)],
        *[(f, 0) for f in (np.nanvar, np.nanstd, np.ptp)],
    ],
)
@pytest.mark.parametrize("axis", [0, -1, (), None])
def test_a_number_may_be_reduced_along_the_axis_that_numpy_lets_one_say(f, expected, axis):
    assert gradient(lambda x: f(x, axis=axis), 3.0) == expected
