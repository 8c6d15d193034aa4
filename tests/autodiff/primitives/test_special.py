"""The extreme values of the special functions and of the softmax family.

Awkward are 0, infinities, poles, huge and tiny numbers, the ends of domains and, where a derivative is the difference
of large numbers, both sides of the switch to another form. References are from mpmath 1.3 with 50 digits or more.
"""

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
    (special.rgamma,                         [0.0, -1.0, -3.0],       [1, -1, -6]),
    (special.log_ndtr,                       [-1e200, 800.0, 1e200],  [1e200, 0, 0]),
    (special.dawsn,                          [0.0, 1e200, INF],       [1, 0, 0]),
    (special.exprel,                         [0.0, -INF, 800.0],      [0.5, 0, INF]),
    (special.i0e,                            [0.0, INF],              [0, 0]),
    (special.i1e,                            [0.0, 1e200],            [0.5, -1.9947114020071634e-301]),
    (special.ellipk,                         [0.0, 1.0],              [np.pi / 8, INF]),
    (special.spence,                         [0.0, 1.0],              [-INF, -1]),
    (special.expi,                           [0.0, -INF],             [INF, 0]),
    (lambda x: special.expn(0, x),           [0.0, 1.0],              [-INF, -2 / np.e]),
    (lambda x: special.sici(x)[0],           [0.0, 1e-200],           [1, 1]),
    (lambda x: np.real(special.lambertw(x)), [0.0, 1e-200, INF],      [1, 1, 0]),
    (lambda x: special.eval_legendre(3, x),  [-1.0, 1.0],             [6, 6]),
    (lambda x: special.eval_chebyt(0, x),    [-1.0, 1.0, 3.0],        [0, 0, 0]),
    (lambda x: special.gammainc(1.0, x),     [0.0, INF],              [1, 0]),
    (lambda a: special.gammainc(a, 0.0),     [0.5, 2.0],              [0, 0]),
    (lambda a: special.gammainc(a, INF),     [0.5, 2.0],              [0, 0]),
    (lambda a: special.betainc(a, 2.0, 1.0), [0.5, 2.0],              [0, 0]),
    (lambda x: special.betainc(2.0, 1.0, x), [0.0, 0.5, 1.0],         [0, 1, 2]),
    (lambda x: special.stdtr(1.0, x),        [0.0, -1.0, 1e200],      [1 / np.pi, 1 / (2 * np.pi), 0]),
    (lambda x: special.boxcox(x, 0.0),       [2.0, 1e200],            [0.5, 1e-200]),
    (lambda x: special.zeta(2.0, x),         [1.0],                   [-2 * 1.2020569031595942]),
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


@pytest.mark.parametrize("v", [0, 1, 2.5])
@pytest.mark.parametrize("name", ["ive", "kve"])
def test_scaled_bessel_functions_fall_like_the_root_far_out_to_second_order(name, v):
    function, x = getattr(special, name), 1e8  # where the terms of the recurrence agree in eight digits
    value = function(v, x)
    assert gradient(lambda x: function(v, x), [x]) == pytest.approx(-value / (2 * x), rel=1e-7)
    assert gradient(lambda x: function(v, x), [x], order=2) == pytest.approx(3 * value / (4 * x**2), rel=1e-7)


@pytest.mark.parametrize("x", [1e-12, 1e-200, 1e-308, 5e-324])
def test_sinc_has_its_gradient_however_small_the_argument(x):
    # sinc(x) = 1 - (pi x)**2 / 6 + ...
    np.testing.assert_allclose(gradient(np.sinc, [x, -x]), np.array([-x, x]) * (np.pi**2 / 3), rtol=1e-14, atol=5e-324)


# fmt: off
SECOND = [
    (special.log_ndtr,                       [-1e200, 800.0, 1e200],  [-1, 0, 0]),
    (special.rgamma,                         [0.0, 1e-200],           [2 * np.euler_gamma, 2 * np.euler_gamma]),
    (special.exprel,                         [0.0, -INF],             [1 / 3, 0]),
    (special.i1e,                            [0.0, 1e200],            [0, 0]),
    (special.i0,                             [0.0],                   [0.5]),
    (special.spence,                         [1.0],                   [0.5]),
    (lambda x: special.jv(0, x),             [0.0],                   [-0.5]),
    (lambda x: special.jv(1, x),             [0.0],                   [0]),
    (lambda x: special.jv(-2, x),            [0.0],                   [0.25]),
    (lambda x: special.iv(2, x),             [0.0],                   [0.25]),
    (lambda x: special.sici(x)[0],           [0.0, 1e-100],           [0, -1e-100 / 3]),
    (lambda x: np.real(special.lambertw(x)), [0.0, 1e-200],           [-2, -2]),
    (lambda x: special.eval_legendre(3, x),  [-1.0, 1.0],             [-15, 15]),
    (lambda x: special.gammainc(2.0, x),     [0.0, INF],              [1, 0]),
    (lambda x: special.betainc(2.0, 1.0, x), [0.0, 1.0],              [2, 2]),
    (lambda r: special.huber(1.0, r),        [-1.0, 1.0, 1.5],        [1, 1, 0]),
    (lambda r: special.pseudo_huber(1e200, r), [0.0, 1.0],            [1, 1]),
]

REFERENCES = [
    (special.erfcx,    -2.0,     -436.8919967270074,      1965.4497956879856),
    (special.erfcx,    6.0,      -0.015060353489052321,   0.0048288937324488541),
    (special.erfcx,    30.0,     -0.00062583541050748407, 4.1653092384458876e-5),
    (special.dawsn,    5.0,      -0.021340744242768354,   0.009139293579129873),
    (special.dawsn,    -7.0,     -0.010533645215308088,   -0.0031090836978406534),
    (special.dawsn,    40.0,     -0.00031279342751785595, 1.5654365740529386e-5),
    (special.i0e,      0.5,      -0.48861446726427837,    0.66438732815881335),
    (special.i0e,      50.0,     -0.00056850275455879289, 1.7143031259677779e-5),
    (special.i0e,      1e4,      -1.9947862106984188e-7,  2.9922541317535869e-11),
    (special.i1e,      0.5,      0.17577286089453498,     -0.39024983720839651),
    (special.i1e,      50.0,     -0.00055135972329911511, 1.6281412763462683e-5),
    (special.i1e,      1e4,      -1.9944869852852435e-7,  2.9915060495153188e-11),
    (special.exprel,   -800.0,   1.5625e-6,               3.90625e-9),
    (special.exprel,   -1e-8,    0.49999999666666668,     0.33333333083333334),
    (special.exprel,   40.0,     5737515879152362.1,      5597755876967881.5),
    (special.ellipk,   -1e3,     6.0676903231656356e-5,   8.3074075543875796e-8),
    (special.ellipk,   1e-10,    0.3926990817429028,      0.44178646700310352),
    (special.ellipk,   0.99,     49.446321787642642,      4988.0105750138599),
    (special.ellipe,   -1e3,     -0.01577708735936138,    -7.8582052280648621e-6),
    (special.ellipe,   1e-10,    -0.39269908171345037,    -0.14726215565542933),
    (special.ellipe,   0.99,     -1.3533554636185103,     -24.289376931325319),
    (special.log_ndtr, -40.0,    40.024968847207264,      -0.99937733162140861),
    (special.log_ndtr, -3.0,     3.2830986549304365,      -0.92944081321473188),
    (special.log_ndtr, 5.0,      1.4867199409049057e-6,   -7.4336019148607112e-6),
    (special.spence,   0.01,     -4.6516870565536276,     96.311427215602394),
    (special.spence,   1.0001,   -0.99995000333308336,    0.49993334083253342),
    (special.spence,   30.0,     -0.11728266833317777,    0.0028948046551670496),
    (special.rgamma,   -2.9999,  -5.9984925302963586,     15.075981674576028),
    (special.rgamma,   1e-4,     1.0001154234564702,      1.154037797923168),
]

GAMMA_BY_A = [
    (0.001,  1e-200, -290.37075342317919,     133552.50743333167),
    (0.5,    0.1,    -0.82293609697959875,    1.6586313062993034),
    (1.0,    3.0,    -0.096482941991346353,   -0.10741699767681666),
    (10.0,   9.5,    -0.12882764167930821,    0.0067725259856961539),
    (10.0,   10.5,   -0.12264418627727564,    -0.0059306534076009209),
    (100.0,  3.0,    -9.9509819025036289e-112, 3.4918202481643335e-111),
    (100.0,  250.0,  -1.0889885815308713e-27, -9.9864269888824966e-28),
    (1000.0, 1003.0, -0.012541376448260509,   -3.7569891548691785e-5),
]

BETA_BY_A_AND_B = [
    (0.01,  0.02,  1e-100, -17.576316219009595,     1.1125271057637561),
    (0.5,   0.5,   0.3,    -0.64281148115728385,    0.46874458391550545),
    (3.0,   7.0,   0.01,   -0.00029013184624180031, 2.9826374141940248e-5),
    (3.0,   7.0,   0.99,   -4.6698519834807309e-13, 1.5455701395492049e-12),
    (40.0,  0.5,   0.9375, -0.0017476091219183231,  0.073767890945661511),
    (500.0, 300.0, 0.625,  -0.010929962364726869,   0.018220652708851338),
    (1e4,   1.0,   0.9999, -3.6787944071154703e-5,  0.43170069893163473),
]
# fmt: on


@pytest.mark.parametrize(("f", "x", "expected"), SECOND)
def test_special_values_of_second_derivatives(f, x, expected):
    np.testing.assert_allclose(gradient(f, x, 2), expected, rtol=1e-13)


@pytest.mark.parametrize(("f", "x", "first", "second"), REFERENCES)
def test_derivatives_keep_their_digits_where_simpler_formulas_cancel(f, x, first, second):
    np.testing.assert_allclose(gradient(f, x), first, rtol=1e-13)
    np.testing.assert_allclose(gradient(f, x, 2), second, rtol=2e-12)


@pytest.mark.parametrize(("a", "x", "first", "second"), GAMMA_BY_A)
def test_the_incomplete_gamma_function_has_derivatives_by_its_parameter(a, x, first, second):
    np.testing.assert_allclose(gradient(lambda a: special.gammainc(a, x), a), first, rtol=2e-12)
    np.testing.assert_allclose(gradient(lambda a: special.gammainc(a, x), a, 2), second, rtol=1e-11)
    np.testing.assert_allclose(gradient(lambda a: special.gammaincc(a, x), a), -first, rtol=2e-12)


@pytest.mark.parametrize(("a", "b", "x", "by_a", "by_b"), BETA_BY_A_AND_B)
def test_the_incomplete_beta_function_has_derivatives_by_its_parameters(a, b, x, by_a, by_b):
    found = gradients(lambda a, b: special.betainc(a, b, x), a, b)
    np.testing.assert_allclose(found, [by_a, by_b], rtol=2e-12)
    swapped = gradients(lambda a, b: special.betaincc(a, b, x), a, b)
    np.testing.assert_allclose(swapped, [-by_a, -by_b], rtol=2e-12)


def test_incomplete_functions_outside_of_their_domain_have_no_number_for_a_gradient():
    assert np.isnan(gradient(lambda a: special.gammainc(a, 1.0), [-1.0, 0.0])).all()
    assert np.isnan(gradient(lambda a: special.betainc(a, 1.0, 0.5), [-1.0, 0.0])).all()


def test_many_entries_of_the_incomplete_functions_are_those_of_each_alone():
    x = np.linspace(0.1, 5, 2500)
    found = gradient(lambda a: special.gammainc(a, x), np.full(2500, 1.5))
    some = [0, 1023, 1024, 2499]
    alone = [gradient(lambda a, x=x[i]: special.gammainc(a, x), 1.5) for i in some]
    np.testing.assert_allclose(found[some], alone, rtol=1e-13)


@pytest.mark.parametrize("f", [special.boxcox, special.boxcox1p], ids=lambda f: f.__name__)
@pytest.mark.parametrize("lmbda", [0.0, 1e-200, -1e-9])
def test_box_cox_has_the_limit_of_its_gradient_where_lambda_vanishes(f, lmbda):
    x = 1.5
    log = np.log(x) if f is special.boxcox else np.log1p(x)
    np.testing.assert_allclose(gradient(lambda power: f(x, power), lmbda), log**2 / 2, rtol=1e-8)
    np.testing.assert_allclose(gradient(lambda power: f(x, power), lmbda, 2), log**3 / 3, rtol=1e-8)


def test_box_cox_of_zero_has_a_gradient_by_a_positive_lambda():
    assert gradient(lambda lmbda: special.boxcox(0.0, lmbda), 0.5) == 4


@pytest.mark.parametrize("f", [special.huber, special.pseudo_huber], ids=lambda f: f.__name__)
def test_huber_losses_of_no_width_and_of_negative_width(f):
    assert gradients(f, 0.0, -2.0) == [2, 0]
    assert gradients(f, 0.0, 0.0) == [0, 0]
    assert np.isnan(gradients(f, -1.0, 1.0)).all()


def test_the_sign_of_a_log_sum_exp_and_its_gradient():
    a, b = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[1.0, -1.0], [1.0, -1.0]])
    out, sign = special.logsumexp(Tensor(a), axis=1, b=b, return_sign=True)
    expected, signs = scipys.logsumexp(a, axis=1, b=b, return_sign=True)
    np.testing.assert_allclose(out.data, expected, rtol=1e-15)
    np.testing.assert_array_equal(sign, signs)
    found = gradient(lambda a: special.logsumexp(a, b=[1.0, -1.0], return_sign=True)[0], a[0])
    np.testing.assert_allclose(found, [1 / (1 - np.e), np.e / (np.e - 1)], rtol=1e-14)


REFUSED = ["jv", "yv", "yn", "iv", "kv", "ive", "kve", "expn", "polygamma", "stdtr", "zeta", "eval_legendre",
           "eval_chebyt", "eval_hermite", "spherical_jn"]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_tracked_order_is_refused_by_name(name):
    with pytest.raises(TypeError, match=f"{name} has no gradient with respect to (v|n|x|df)"):
        getattr(special, name)(Tensor(2.0, requires_grad=True), np.array(1.5))


def test_riemanns_zeta_takes_constants_only():
    assert special.zeta(2.0) == np.pi**2 / 6
    with pytest.raises(TypeError, match="zeta has no gradient with respect to x"):
        special.zeta(Tensor(2.0, requires_grad=True))


PAIRS = {"beta", "betaln", "boxcox", "boxcox1p", "gammainc", "gammaincc", "huber", "kl_div", "poch", "pseudo_huber",
         "rel_entr", "xlog1py", "xlogy"}  # fmt: skip


def arguments(name: str, x: Tensor) -> tuple:
    """A call of any function of the module at 0.4, the last argument tracked."""
    if name in PAIRS:
        return x, x
    if name.startswith("betainc"):
        return x, x, x
    if name == "multigammaln":
        return x + 1, 2
    if name == "eval_gegenbauer":
        return 2, 1.5, x
    return (2, x) if name in REFUSED or name == "jn" else (x,)


@pytest.mark.parametrize("name", [name for name in special.__all__ if name != "gammasgn"])
def test_every_function_of_the_module_records(name):
    out = getattr(special, name)(*arguments(name, Tensor([0.4], requires_grad=True)))
    for tensor in out if isinstance(out, tuple) else (out,):
        assert tensor.requires_grad


def test_the_sign_of_gamma_is_a_plain_array():
    np.testing.assert_array_equal(special.gammasgn(Tensor([-0.5, 2.0], requires_grad=True)), [-1, 1])
