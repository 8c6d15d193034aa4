"""The conventions and the awkward inputs of statistics: ties, NaN, q = 0 and 1, constants, perfect correlation."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff import Tensor
from autodiff.testing import check_grads

from .derivatives import gradient, gradients
from .rows_statistics import METHODS

NAN = np.nan


@pytest.mark.parametrize("method", METHODS)
def test_the_quantiles_0_and_1_have_the_gradients_of_minimum_and_maximum(method):
    x = [3.0, 1.0, 3.0, 1.0, 2.0]
    np.testing.assert_array_equal(gradient(lambda x: np.quantile(x, 0, method=method), x), gradient(np.min, x))
    np.testing.assert_array_equal(gradient(lambda x: np.quantile(x, 1.0, method=method), x), gradient(np.max, x))


def test_tied_entries_share_the_gradient_of_a_median():
    np.testing.assert_allclose(gradient(np.median, [2.0, 1.0, 2.0, 2.0, 5.0]), [1 / 3, 0, 1 / 3, 1 / 3, 0])
    np.testing.assert_array_equal(gradient(np.median, [1.0, 3.0, 2.0, 9.0]), [0, 0.5, 0.5, 0])
    np.testing.assert_array_equal(gradient(np.median, [1.0, 1.0]), [0.5, 0.5])


@pytest.mark.parametrize("function", [np.median, lambda x: np.quantile(x, 0.3), lambda x: np.percentile(x, 30)])
def test_a_quantile_of_nan_sends_its_gradient_to_the_nans(function):
    np.testing.assert_allclose(gradient(function, [1.0, NAN, 2.0, NAN]), [0, 0.5, 0, 0.5])


def test_a_quantile_that_skips_nan_counts_the_others_in_each_row():
    x = np.array([[1.0, NAN, 2.0, 4.0], [5.0, 6.0, NAN, NAN], [8.0, 7.0, 6.0, 5.0]])
    found = gradient(lambda x: np.nanquantile(x, 0.4, axis=1), x)
    for row, g in zip(x, found, strict=True):
        kept = ~np.isnan(row)
        np.testing.assert_allclose(g[kept], gradient(lambda x: np.quantile(x, 0.4), row[kept]), rtol=1e-14)
        assert np.all(g[~kept] == 0)


@pytest.mark.filterwarnings("ignore:All-NaN slice encountered")
def test_a_row_of_nothing_but_nan_has_gradient_zero():
    np.testing.assert_array_equal(
        gradient(lambda x: np.nanmedian(x, axis=1), [[NAN, NAN], [1.0, 2.0]]), [[0, 0], [0.5, 0.5]]
    )


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_quantiles_of_nothing_have_empty_gradients():
    assert gradient(np.median, np.zeros(0)).shape == (0,)
    assert gradient(lambda x: np.quantile(x, [0.1, 0.5], axis=1), np.zeros((0, 3))).shape == (0, 3)


def test_a_quantile_in_float32_has_numpys_weights():
    x = np.arange(7, dtype=np.float32)
    (g,) = gradients(lambda x: np.quantile(x, 0.3), x)
    assert g.dtype == np.float32
    np.testing.assert_allclose(g @ x, np.quantile(x, 0.3), rtol=1e-6)


def test_a_weighted_quantile_is_an_entry_and_its_weights_have_no_gradient():
    weights = Tensor([1.0, 1.0, 5.0], requires_grad=True)
    x = Tensor([3.0, 1.0, 2.0], requires_grad=True)
    np.quantile(x, 0.5, weights=weights, method="inverted_cdf").backward()
    np.testing.assert_array_equal(x.grad.data, [0, 0, 1])
    assert weights.grad is None


def test_a_quantile_at_a_tracked_q_is_refused_by_name():
    with pytest.raises(TypeError, match=r"quantile.*\bq\b"):
        np.quantile(Tensor([1.0, 2.0]), Tensor(0.5, requires_grad=True))


def test_what_a_median_does_not_select_has_gradient_zero_whatever_the_derivative_there():
    np.testing.assert_array_equal(gradient(lambda x: np.median(np.sqrt(x)), [0.0, 4.0, 9.0]), [0, 0.25, 0])


def test_infinite_entries_do_not_disturb_a_median():
    np.testing.assert_array_equal(gradient(np.median, [-np.inf, 1.0, np.inf]), [0, 1, 0])


def test_weights_of_an_average_have_a_gradient():
    x, weights = gradients(lambda x, w: np.average(x, weights=w), [1.0, 2.0, 4.0], [1.0, 1.0, 2.0])
    np.testing.assert_allclose(x, [0.25, 0.25, 0.5])
    np.testing.assert_allclose(weights, (np.array([1.0, 2.0, 4.0]) - 2.75) / 4)


def test_weights_of_an_average_may_be_those_of_some_axes_in_any_order():
    x, w = np.arange(24.0).reshape(2, 3, 4), np.arange(1.0, 9.0).reshape(4, 2)
    mean, total = np.average(Tensor(x), axis=(2, 0), weights=w, returned=True)
    expected, expected_total = np.average(x, axis=(2, 0), weights=w, returned=True)
    np.testing.assert_array_equal(mean.data, expected)
    np.testing.assert_array_equal(np.asarray(total), expected_total)


def test_weights_of_an_average_that_do_not_fit_are_errors():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(TypeError, match="specify the axis"):
        np.average(x, weights=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"shape \(2,\) do not go with axis 1"):
        np.average(x, axis=1, weights=[1.0, 2.0])
    with pytest.raises(ZeroDivisionError):
        np.average(x, axis=0, weights=[1.0, -1.0])


def test_a_covariance_of_complex_variables_agrees_with_differences():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2, 4)) + 1j * rng.normal(size=(2, 4))
    check_grads(lambda z: np.abs(np.cov(z, aweights=[1, 2, 1, 3])) ** 2, z, order=2)


def test_a_perfect_correlation_is_a_maximum_with_its_curvature():
    x = np.array([[1.0, 2.0, 4.0, 3.0], [2.0, 4.0, 8.0, 6.0]])
    assert np.corrcoef(x)[0, 1] == 1
    np.testing.assert_allclose(gradient(lambda x: np.corrcoef(x)[0, 1], x), np.zeros((2, 4)), atol=1e-15)
    bent = gradient(lambda x: np.corrcoef(x)[0, 1] * x[0, 0], x, order=1)
    np.testing.assert_allclose(bent[0, 0], 1)
    check_grads(lambda x: np.corrcoef(x), x, order=2, min_conclusive=0.4)  # the first derivatives are but rounding


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_the_correlation_with_a_constant_is_nan_and_so_is_its_gradient():
    g = gradient(lambda x: np.corrcoef(x)[0, 1], [[1.0, 1.0, 1.0], [1.0, 2.0, 4.0]])
    assert np.isnan(g).all()


def test_float32_observations_have_covariances_of_float64_and_gradients_of_float32():
    x = Tensor(np.arange(6, dtype=np.float32).reshape(2, 3) ** 2, requires_grad=True)
    c = np.cov(x)
    c.sum().backward()
    assert (c.dtype, x.grad.dtype) == (np.float64, np.float32)


def test_counts_without_weights_are_plain_and_with_them_differentiable():
    np.testing.assert_array_equal(np.bincount(Tensor([0, 2, 2])), [1, 0, 2])
    np.testing.assert_array_equal(gradient(lambda w: np.bincount([0, 2, 2], w)[2], [1.0, 1.0, 1.0]), [0, 1, 1])


@pytest.mark.parametrize("function", [np.nanquantile, np.nanpercentile])
def test_quantiles_without_nan_refuse_a_q_of_two_dimensions_over_axes(function):
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(ValueError, match=r"q of shape \(2, 2\) .* pass a q of one dimension"):
        function(x, np.full((2, 2), 0.5), axis=1)
    np.testing.assert_array_equal(gradient(lambda x: function(x, np.full((2, 2), 0.5)), np.ones(2)), [2, 2])
