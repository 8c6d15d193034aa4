"""The extreme values of the special functions and of the softmax family."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special as scipys

from autodiff import Tensor
from autodiff.scipy import special
from autodiff.testing import check_grads

from .derivatives import gradient, gradients

INF = np.inf
FAMILY = [special.softmax, special.log_softmax, special.logsumexp]


@pytest.mark.parametrize("f", FAMILY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_scipys(f, axis, dtype):
    x = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(dtype) * 20
    x[0, 1, 1] = -INF
    expected = getattr(scipys, f.__name__)(x, axis=axis)
    for found in (f(x, axis=axis), f(Tensor(x), axis=axis).data):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("keepdims", [False, True])
def test_weights_of_logsumexp_are_scipys(keepdims):
    a, b = np.array([[1.0, 1000.0], [INF, 2.0]]), np.array([[2.0, 0.0], [0.0, 0.5]])
    expected = scipys.logsumexp(a, axis=1, b=b, keepdims=keepdims)
    np.testing.assert_allclose(special.logsumexp(a, 1, b, keepdims), expected, rtol=1e-15)


def test_logsumexp_of_nothing_is_minus_infinity():
    np.testing.assert_array_equal(special.logsumexp(Tensor(np.zeros((2, 0))), axis=1).data, [-INF, -INF])
    assert special.softmax(np.zeros((2, 0)), axis=1).shape == (2, 0)


@pytest.mark.parametrize("size", [1e3, 1e16, 1e300])
def test_any_finite_logits_have_a_right_gradient(size):
    x = np.array([size, size, -size])
    np.testing.assert_array_equal(gradient(special.logsumexp, x), [0.5, 0.5, 0])
    np.testing.assert_array_equal(gradient(lambda x: special.softmax(x)[0], x), [0.25, -0.25, 0])
    np.testing.assert_array_equal(gradient(lambda x: special.log_softmax(x)[0], x), [0.5, -0.5, 0])
    weighted = gradient(lambda x: special.logsumexp(x, b=[1.0, 3.0, 1.0]), x)
    np.testing.assert_allclose(weighted, [0.25, 0.75, 0], rtol=1e-14)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("f", FAMILY, ids=lambda f: f.__name__)
def test_an_entry_of_minus_infinity_leaves_the_others_as_they_are_without_it(f, order):
    def weighted(x: Any) -> Any:
        out = f(x) if f is special.logsumexp else f(x)[:2] * np.array([1.0, 3.0])
        return out * out

    with_it, without = np.array([0.5, 2.0, -INF]), np.array([0.5, 2.0])
    np.testing.assert_allclose(gradient(weighted, with_it, order)[:2], gradient(weighted, without, order), rtol=1e-13)
    assert gradient(weighted, with_it, order)[2] == 0


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("f", FAMILY, ids=lambda f: f.__name__)
def test_rows_of_minus_infinity_have_gradient_zero(f, order):
    x = np.array([[-INF, -INF], [1.0, 2.0]])
    found = gradient(lambda x: f(x, axis=1), x, order)
    np.testing.assert_array_equal(found[0], [0, 0])
    np.testing.assert_allclose(found[1], gradient(f, x[1], order), atol=1e-15)


def test_values_of_rows_of_minus_infinity_raise_no_warning():
    row = [-INF, -INF]
    assert special.softmax(row).tolist() == [0, 0]
    assert special.log_softmax(row).tolist() == row
    assert special.logsumexp(row) == -INF


def test_an_entry_of_weight_zero_may_be_anything_and_has_no_gradient():
    a, b = gradients(lambda a, b: special.logsumexp(a, b=b), [1.0, 2.0, INF, 1e300], [1.0, 1.0, 0.0, 0.0])
    np.testing.assert_array_equal(a[2:], [0, 0])
    np.testing.assert_allclose(a[:2], scipys.softmax([1.0, 2.0]), rtol=1e-15)
    np.testing.assert_allclose(b[:2], scipys.softmax([1.0, 2.0]), rtol=1e-15)


def test_weights_of_zero_and_negative_weights_pass_a_right_gradient_at_second_order_too():
    a, b = np.array([[0.5, 1.0, 2.0], [0.0, 3.0, -1.0]]), np.array([2.0, 0.0, -0.125])
    report = check_grads(lambda a, b: special.logsumexp(a, axis=1, b=b), a, b, order=2)
    assert report.share > 0.8


@pytest.mark.parametrize("f", FAMILY, ids=lambda f: f.__name__)
def test_half_precision_is_summed_in_more(f):
    x = np.zeros(4096, np.float16)
    tensor = Tensor(x, requires_grad=True)
    out = f(tensor)
    (out if f is special.logsumexp else out[0]).backward()
    assert (out.dtype, tensor.grad.dtype) == (np.float16, np.float16)
    np.testing.assert_allclose(out.data, getattr(scipys, f.__name__)(x.astype(float)), rtol=1e-3)
    np.testing.assert_allclose(
        tensor.grad.data[1], {"softmax": 0, "log_softmax": -1 / 4096, "logsumexp": 1 / 4096}[f.__name__], atol=1e-6
    )


# fmt: off
VALUES = [
    (special.erf,                            [1e200, -1e200, 0.0],    [0, 0, 2 / np.sqrt(np.pi)]),
    (special.expit,                          [800.0, -800.0, 0.0],    [0, 0, 0.25]),
    (special.log_expit,                      [800.0, -800.0],         [0, 1]),
    (special.entr,                           [0.0, 1.0],              [INF, -1]),
    (lambda y: special.xlogy(0.0, y),        [0.0, -1.0, 2.0],        [0, 0, 0]),
    (lambda y: special.xlog1py(0.0, y),      [-1.0, -2.0, 2.0],       [0, 0, 0]),
    (lambda x: special.xlogy(x, 0.0),        [0.0],                   [-INF]),
    (lambda y: special.rel_entr(0.0, y),     [1.0, 2.0],              [0, 0]),
    (special.gammaln,                        [1.0, 2.0],              [-np.euler_gamma, 1 - np.euler_gamma]),
    (special.digamma,                        [1.0, -0.5],             [np.pi**2 / 6, np.pi**2 / 2 + 4]),
]
# fmt: on


@pytest.mark.parametrize(("f", "x", "expected"), VALUES)
def test_special_values(f, x, expected):
    np.testing.assert_allclose(gradient(f, x), expected, rtol=1e-14)


@pytest.mark.parametrize("f", [special.xlogy, special.entr, special.gammaln, special.logit], ids=lambda f: f.__name__)
def test_quiet_nans_of_scipy_stay_hidden_where_nothing_selects_them(f):
    call = (lambda x: f(1.0, x)) if f is special.xlogy else f
    for order in (1, 2):
        found = gradient(lambda x: np.where(x > 0, call(x), 0), [-1.0, 0.0, 0.75], order)
        np.testing.assert_array_equal(found[:2], [0, 0])
        assert np.isfinite(found[2])


def test_spherical_bessel_functions_are_right_at_zero_to_any_order():
    # j0(x) = 1 - x**2 / 6 + x**4 / 120 - ...
    found = [gradient(lambda x: special.spherical_jn(0, x), [0.0], order)[0] for order in (1, 2, 3, 4)]
    np.testing.assert_allclose(found, [0, -1 / 3, 0, 1 / 5], atol=1e-15)


def test_every_name_of_the_module_records():
    for name in special.__all__:
        f = getattr(special, name)
        x = Tensor([0.4], requires_grad=True)
        order = (2,) if name in ("polygamma", "spherical_jn") else ()
        args = (x, x) if isinstance(f, np.ufunc) and f.nin == 2 else (x,)
        assert f(*order, *args).requires_grad, name
