"""The conventions and the awkward inputs of the scans: ties, NaN, zeros, infinities, long axes."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff import Tensor
from autodiff.primitives import scans
from autodiff.testing import check_grads

from .derivatives import gradient

NAN, INF = np.nan, np.inf


def last(function):
    return lambda x: function(x)[-1]


@pytest.mark.parametrize("ufunc, sign", [(np.maximum, 1), (np.fmax, 1), (np.minimum, -1), (np.fmin, -1)])
def test_equal_entries_share_the_gradient_of_a_running_extremum(ufunc, sign):
    np.testing.assert_array_equal(gradient(ufunc.accumulate, [sign * x for x in (1.0, 1.0, 0.0, 2.0)]), [2, 1, 0, 1])
    g = gradient(last(ufunc.accumulate), [sign * x for x in (2.0, 2.0, 0.0, 2.0)])
    np.testing.assert_allclose(g, [1 / 3, 1 / 3, 0, 1 / 3])


@pytest.mark.parametrize("pair", [(np.maximum, np.max), (np.minimum, np.min)])
def test_the_last_running_extremum_has_the_gradient_of_the_extremum(pair):
    ufunc, reduction = pair
    for x in ([0.0, 3.0, 3.0, -1.0, 3.0, -1.0], [1.0, NAN, 0.0, NAN], [INF, 2.0, INF], [5.0]):
        g = gradient(last(ufunc.accumulate), x)
        np.testing.assert_allclose(g, gradient(reduction, x), rtol=1e-15)
        assert g.sum() == pytest.approx(1)


def test_running_extrema_skip_nan_only_if_asked_to():
    x = [NAN, 1.0, NAN, 0.0]
    np.testing.assert_array_equal(gradient(np.fmax.accumulate, x), [1, 3, 0, 0])
    np.testing.assert_array_equal(gradient(last(np.maximum.accumulate), x), [0.5, 0, 0.5, 0])


def test_an_infinite_cotangent_stays_in_its_run():
    x = Tensor([1.0, 2.0, 0.0, 3.0], requires_grad=True)
    np.maximum.accumulate(x).backward(np.array([1.0, INF, 1.0, 5.0]))
    np.testing.assert_array_equal(x.grad.data, [1, INF, 0, 5])


def test_what_a_running_maximum_does_not_select_has_gradient_zero_whatever_the_derivative_there():
    np.testing.assert_array_equal(gradient(lambda x: np.maximum.accumulate(np.sqrt(x))[-1], [1.0, 0.0]), [0.5, 0])


def products(a):
    """The gradient of the sum of a cumulative product by its definition."""
    n = len(a)
    return [sum(np.prod([a[k] for k in range(j + 1) if k != i]) for j in range(i, n)) for i in range(n)]


@pytest.mark.parametrize(
    "x", [[2.0, 3.0, 4.0], [2.0, 0.0, 4.0], [0.0, 3.0, 0.0, 2.0], [0.0, 0.0], [1e-200, 1e200, 3.0]]
)
@pytest.mark.parametrize("function", [np.cumprod, np.multiply.accumulate, np.nancumprod])
def test_cumulative_products_are_right_with_any_number_of_zeros(function, x):
    np.testing.assert_allclose(gradient(function, x), products(x), rtol=1e-14)
    if max(x) < 10:
        check_grads(function, np.array(x), order=2)


def test_long_cumulative_products_are_right_however_the_recurrence_is_run():
    x = np.random.default_rng(0).uniform(0.5, 1.5, 200)
    x[[30, 31, 150]] = 0
    for rows in (1, 50):
        g = gradient(lambda x: np.cumprod(x, axis=1), np.tile(x, (rows, 1)))
        np.testing.assert_allclose(g, np.tile(products(x), (rows, 1)), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128])
@pytest.mark.parametrize("rows", [1, 20])
def test_a_recurrence_is_what_it_says_in_every_dtype(dtype, rows):
    rng = np.random.default_rng(0)
    factors, terms = rng.normal(size=(rows, 63)).astype(dtype), rng.normal(size=(rows, 64)).astype(dtype)
    expected = terms.astype(np.result_type(dtype, np.float32))
    for i in range(62, -1, -1):
        expected[:, i] += factors[:, i] * expected[:, i + 1]
    found = scans.recurrence(factors, terms)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e3 * np.finfo(dtype).eps, atol=1e3 * np.finfo(dtype).eps)


def test_sums_of_float16_cotangents_are_not_added_up_in_float16():
    x = Tensor(np.zeros(4096, np.float16), requires_grad=True)
    np.cumsum(x).sum(dtype=np.float32).backward()
    np.testing.assert_array_equal(x.grad.data, np.arange(4096, 0, -1).astype(np.float16))


@pytest.mark.parametrize("function", [np.logaddexp, np.logaddexp2])
def test_log_sums_are_stable_for_large_and_missing_terms(function):
    np.testing.assert_array_equal(gradient(function.reduce, [1000.0, -1000.0, -INF]), [1, 0, 0])
    np.testing.assert_array_equal(gradient(function.reduce, [-INF, -INF]), [0, 0])
    np.testing.assert_array_equal(gradient(function.accumulate, [-INF, 1000.0, -INF, -1000.0]), [0, 3, 0, 0])
    np.testing.assert_array_equal(gradient(function.accumulate, [-INF, -INF]), [0, 0])
    np.testing.assert_array_equal(gradient(function.accumulate, [-INF, 0.0, -INF], order=2), [0, 0, 0])
    np.testing.assert_allclose(gradient(last(function.accumulate), [800.0, 800.0]), [0.5, 0.5])


def test_nan_is_skipped_by_the_scans_that_say_so():
    x = [2.0, NAN, 3.0]
    np.testing.assert_array_equal(gradient(np.nancumsum, x), [3, 0, 1])
    np.testing.assert_array_equal(gradient(np.nancumprod, x), [1 + 1 + 3, 0, 2])
    np.testing.assert_array_equal(gradient(lambda x: np.nancumprod(np.sqrt(x)), [-1.0, 4.0]), [0, 0.25])


def test_segments_may_overlap_be_empty_and_leave_entries_out():
    x = np.arange(5.0)
    np.testing.assert_array_equal(gradient(lambda x: np.add.reduceat(x, [1, 3]), x), [0, 1, 1, 1, 1])
    np.testing.assert_array_equal(gradient(lambda x: np.add.reduceat(x, [0, 3, 1, 2]), x), [1, 2, 2, 2, 1])
    np.testing.assert_array_equal(gradient(lambda x: np.add.reduceat(x, [2, 2]), x), [0, 0, 2, 1, 1])


def test_what_no_segment_holds_has_gradient_zero_whatever_the_derivative_there():
    np.testing.assert_array_equal(gradient(lambda x: np.add.reduceat(np.sqrt(x), [1]), [0.0, 4.0]), [0, 0.25])


def test_scans_of_nothing_have_empty_gradients():
    for function in (np.cumsum, np.cumprod, np.maximum.accumulate, np.add.accumulate, np.subtract.accumulate):
        assert gradient(function, np.zeros((0,))).shape == (0,)
        assert gradient(function, np.zeros((0, 3))).shape == (0, 3)


def test_bad_input_gets_the_error_of_numpy():
    scalar, matrix = Tensor(1.0, requires_grad=True), Tensor(np.zeros((2, 2)), requires_grad=True)
    for ufunc in (np.add, np.maximum, np.subtract):
        with pytest.raises(TypeError, match="cannot accumulate on a scalar"):
            ufunc.accumulate(scalar)
    with pytest.raises(ValueError, match="``axis`` argument is required"):
        np.cumulative_sum(matrix)
    with pytest.raises(ValueError, match="no identity"):
        np.subtract.reduce(matrix[:0])
    with pytest.raises(IndexError, match="index 5 out-of-bounds"):
        np.add.reduceat(matrix, [5])
