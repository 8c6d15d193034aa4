"""Activations where the generic tests do not go: at kinks and jumps, far out, at infinity, and in large arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special as sp

import nn
import nn.functional as F
from autodiff import Tensor
from nn.activation.kernels import PIECE, UPPER_TAIL, in_pieces, normal_cdf

INF, NAN = math.inf, math.nan
SMOOTH = (
    F.silu,
    F.mish,
    F.gelu,
    F.sigmoid,
    F.logsigmoid,
    F.softplus,
    F.softsign,
    F.tanh,
    F.tanhshrink,
    F.elu,
    F.selu,
    F.celu,
)
PIECEWISE = (F.relu, F.leaky_relu, F.relu6, F.hardtanh, F.hardsigmoid, F.hardswish, F.hardshrink, F.softshrink)


def value_and_slope(
    function: Callable, x: Any, dtype: type = np.float64, **options: Any
) -> tuple[np.ndarray, np.ndarray]:
    tensor = Tensor(np.asarray(x, dtype), requires_grad=True)
    out = function(tensor, **options)
    out.backward(np.ones(out.shape, dtype))
    assert out.dtype == tensor.grad.dtype == dtype
    return out.data, tensor.grad.data


def name_of(value: Any) -> str | None:
    """The name of a test case: that of its function."""
    return getattr(value, "__name__", None)


# function, options, points, values and slopes there
KINKS = [
    (F.relu, {}, [0.0, NAN], [0.0, NAN], [0.0, 1.0]),
    (F.relu6, {}, [0.0, 6.0, NAN], [0.0, 6.0, NAN], [0.0, 0.0, 1.0]),
    (F.leaky_relu, {"negative_slope": 0.25}, [0.0, -0.0, NAN], [0.0, 0.0, NAN], [0.25, 0.25, 0.25]),
    (F.leaky_relu, {"negative_slope": -2.0}, [0.0, -1.0], [0.0, 2.0], [-2.0, -2.0]),
    (F.elu, {"alpha": 2.0}, [0.0, -INF], [0.0, -2.0], [2.0, 0.0]),
    (F.celu, {"alpha": 2.0}, [0.0], [0.0], [1.0]),
    (F.selu, {}, [0.0], [0.0], [1.0507009873554805 * 1.6732632423543772]),
    (F.hardtanh, {}, [-1.0, 1.0, NAN], [-1.0, 1.0, NAN], [0.0, 0.0, 1.0]),
    (F.hardtanh, {"min_val": 1.0, "max_val": 1.0}, [0.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
    (F.hardsigmoid, {}, [-3.0, 3.0, 0.0], [0.0, 1.0, 0.5], [0.0, 0.0, 1 / 6]),
    (F.hardswish, {}, [-3.0, 3.0, NAN], [0.0, 3.0, NAN], [0.0, 1.0, NAN]),
    (F.hardshrink, {}, [-0.5, 0.5, NAN], [0.0, 0.0, NAN], [0.0, 0.0, 1.0]),
    (F.hardshrink, {"lambd": 0.0}, [0.0], [0.0], [0.0]),
    (F.hardshrink, {"lambd": -1.0}, [0.0, -1.0], [0.0, -1.0], [1.0, 1.0]),
    (F.softshrink, {}, [-0.5, 0.5, NAN], [0.0, 0.0, NAN], [0.0, 0.0, 1.0]),
    (F.softshrink, {"lambd": 0.0}, [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]),
    (F.threshold, {"threshold": 0.5, "value": 7.0}, [0.5, 0.6, NAN], [7.0, 0.6, NAN], [0.0, 1.0, 1.0]),
    (F.softplus, {"beta": 2.0, "threshold": 2.0}, [1.0, 1.5], [math.log1p(math.e**2) / 2, 1.5], [sp.expit(2.0), 1.0]),
    (F.softsign, {}, [0.0], [0.0], [1.0]),
]


@pytest.mark.parametrize("function, options, x, values, slopes", KINKS, ids=name_of)
def test_at_kinks_and_jumps_derivatives_are_those_of_pytorch(
    function: Callable, options: dict, x: list, values: list, slopes: list
) -> None:
    found, slope = value_and_slope(function, x, **options)
    np.testing.assert_allclose(found, values, rtol=1e-15)
    np.testing.assert_allclose(slope, slopes, rtol=1e-15)
    with nn.by_expression():
        expressed, tape = value_and_slope(function, x, **options)
    finite = np.isfinite(x)
    np.testing.assert_allclose(expressed[finite], found[finite], rtol=1e-15)
    np.testing.assert_allclose(tape[finite], slope[finite], rtol=1e-15)


@pytest.mark.parametrize("function, options, x, values, slopes", KINKS, ids=name_of)
def test_pytorch_has_the_same_values_and_derivatives_there(
    function: Callable, options: dict, x: list, values: list, slopes: list
) -> None:
    torch = pytest.importorskip("torch")
    peer = torch.tensor(x, requires_grad=True, dtype=torch.float32)
    theirs = getattr(torch.nn.functional, function.__name__)(peer, **options)
    theirs.sum().backward()
    here = np.isfinite(x)  # for NaN not all of PyTorch's choices are worth following
    np.testing.assert_allclose(theirs.detach().numpy()[here], np.array(values)[here], rtol=1e-6)
    np.testing.assert_allclose(peer.grad.numpy()[here], np.array(slopes)[here], rtol=1e-6)


@pytest.mark.parametrize("shape", [(6,), (2, 3), (2, 3, 2)])
def test_prelu_at_zero_has_the_slope_of_its_weight_and_a_weight_gradient_of_zero(shape: tuple) -> None:
    x, weight = Tensor(np.zeros(shape), requires_grad=True), Tensor([0.25], requires_grad=True)
    F.prelu(x, weight).backward(np.ones(shape))
    np.testing.assert_array_equal(x.grad.data, np.full(shape, 0.25))
    np.testing.assert_array_equal(weight.grad.data, [0.0])


FAR_OUT = np.array([-1e6, -800.0, -80.0, -30.0, -12.0, 12.0, 30.0, 80.0, 800.0, 1e6])
UPPER = FAR_OUT > 0
SIGMOID = np.exp(np.minimum(FAR_OUT, 0)) / (1 + np.exp(-np.abs(FAR_OUT)))
RATE = 2 * math.sqrt(2 / math.pi)
CUBIC = RATE * (FAR_OUT + 0.044715 * FAR_OUT**3)
GATE = np.tanh(np.log1p(np.exp(np.minimum(FAR_OUT, 45))))
GELU_TANH_SLOPE = np.where(UPPER, 1, sp.expit(CUBIC) * (1 + 3 * CUBIC - 2 * RATE * FAR_OUT))
DENSITY = np.exp(-0.5 * FAR_OUT**2) / math.sqrt(2 * math.pi)

# function, options, values and slopes at FAR_OUT by formulas that lose no digits there
TAILS = [
    (F.silu, {}, FAR_OUT * SIGMOID, SIGMOID * (1 + FAR_OUT * SIGMOID[::-1])),
    (F.logsigmoid, {}, np.minimum(FAR_OUT, 0) - np.log1p(np.exp(-np.abs(FAR_OUT))), SIGMOID[::-1]),
    (F.softplus, {"threshold": 1e9}, np.maximum(FAR_OUT, 0) + np.log1p(np.exp(-np.abs(FAR_OUT))), SIGMOID),
    (F.mish, {}, FAR_OUT * GATE, GATE + FAR_OUT * SIGMOID * (1 - GATE**2)),
    (F.gelu, {}, FAR_OUT * sp.ndtr(FAR_OUT), sp.ndtr(FAR_OUT) + FAR_OUT * DENSITY),
    (
        F.gelu,
        {"approximate": "tanh"},
        FAR_OUT * sp.expit(CUBIC),
        GELU_TANH_SLOPE,
    ),
    (F.elu, {}, np.where(UPPER, FAR_OUT, np.expm1(np.minimum(FAR_OUT, 0))), np.exp(np.minimum(FAR_OUT, 0))),
    (F.softsign, {}, FAR_OUT / (1 + np.abs(FAR_OUT)), (1 + np.abs(FAR_OUT)) ** -2),
]


@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-12), (np.float32, 2e-5)])
@pytest.mark.parametrize("function, options, values, slopes", TAILS, ids=name_of)
def test_far_out_no_digits_are_lost_and_nothing_overflows(
    function: Callable, options: dict, values: np.ndarray, slopes: np.ndarray, dtype: type, rtol: float
) -> None:
    smallest = np.finfo(dtype).tiny  # what is nearer 0 has fewer digits
    found, slope = value_and_slope(function, FAR_OUT, dtype, **options)
    np.testing.assert_allclose(found, values, rtol=rtol, atol=smallest)
    np.testing.assert_allclose(slope, slopes, rtol=rtol, atol=smallest)


@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_the_slope_of_sigmoid_is_as_exact_as_its_distance_from_one(dtype: type, rtol: float) -> None:
    found, slope = value_and_slope(F.sigmoid, FAR_OUT, dtype)
    np.testing.assert_allclose(found, SIGMOID, rtol=rtol, atol=np.finfo(dtype).tiny)
    exact = SIGMOID * SIGMOID[::-1]
    np.testing.assert_allclose(slope[~UPPER], exact[~UPPER], rtol=rtol, atol=np.finfo(dtype).tiny)
    np.testing.assert_allclose(slope[UPPER], exact[UPPER], rtol=0, atol=np.finfo(dtype).eps)


# function, options, values and slopes at -inf and inf
LIMITS = [
    (F.relu, {}, (0, INF), (0, 1)),
    (F.leaky_relu, {"negative_slope": 0.1}, (-INF, INF), (0.1, 1)),
    (F.relu6, {}, (0, 6), (0, 0)),
    (F.hardtanh, {}, (-1, 1), (0, 0)),
    (F.hardsigmoid, {}, (0, 1), (0, 0)),
    (F.hardswish, {}, (0, INF), (0, 1)),
    (F.hardshrink, {}, (-INF, INF), (1, 1)),
    (F.softshrink, {}, (-INF, INF), (1, 1)),
    (F.elu, {"alpha": 2.0}, (-2, INF), (0, 1)),
    (F.celu, {"alpha": 2.0}, (-2, INF), (0, 1)),
    (F.sigmoid, {}, (0, 1), (0, 0)),
    (F.tanh, {}, (-1, 1), (0, 0)),
    (F.tanhshrink, {}, (-INF, INF), (1, 1)),
    (F.softsign, {}, (-1, 1), (0, 0)),
    (F.logsigmoid, {}, (-INF, 0), (1, 0)),
    (F.softplus, {}, (0, INF), (0, 1)),
    (F.silu, {}, (0, INF), (0, 1)),
    (F.mish, {}, (0, INF), (0, 1)),
    (F.gelu, {}, (0, INF), (0, 1)),
    (F.gelu, {"approximate": "tanh"}, (0, INF), (0, 1)),
]


@pytest.mark.parametrize("function, options, values, slopes", LIMITS, ids=name_of)
def test_at_infinity_and_at_the_largest_numbers_values_and_derivatives_are_the_limits(
    function: Callable, options: dict, values: tuple, slopes: tuple
) -> None:
    for dtype in (np.float32, np.float64):
        found, slope = value_and_slope(function, [-INF, INF], dtype, **options)
        np.testing.assert_allclose(found, np.array(values, dtype), rtol=1e-6)
        smallest, largest = np.finfo(dtype).tiny, np.finfo(dtype).max / 4
        np.testing.assert_allclose(slope, np.array(slopes, dtype), rtol=1e-6, atol=smallest)
        found, slope = value_and_slope(function, [-largest, largest], dtype, **options)
        np.testing.assert_allclose(
            np.clip(found, -1e30, 1e30), np.clip(np.array(values, dtype), -1e30, 1e30), rtol=1e-6
        )
        np.testing.assert_allclose(slope, np.array(slopes, dtype), rtol=1e-6, atol=smallest)


def test_the_normal_distribution_in_single_precision_has_the_digits_that_single_precision_leaves() -> None:
    x = np.linspace(-12.8, 14, 50_001, dtype=np.float32)  # below, the probability is no normal number any more
    found = normal_cdf(x, np.exp(-0.5 * x * x))
    exact = sp.ndtr(x.astype(float))
    units = np.abs(found - exact) / (exact * np.finfo(np.float32).eps)
    assert (units <= 6 + 0.5 * np.where(x < 0, x, 0).astype(float) ** 2).all()  # x**2 is rounded
    u = 1 / (1 + 0.3 * np.abs(np.linspace(-14.5, 0, 10_001)))
    polynomial = u * np.polynomial.Polynomial(UPPER_TAIL)(u)
    tail = 0.5 * sp.erfcx(np.linspace(14.5, 0, 10_001) / math.sqrt(2))
    assert np.abs(polynomial / tail - 1).max() < 2e-7


LARGE = [
    *[(function, {}) for function in (*SMOOTH, *PIECEWISE)],
    (F.leaky_relu, {"negative_slope": 3.0}),
    (F.elu, {"alpha": 0.3}),
    (F.gelu, {"approximate": "tanh"}),
    (F.softplus, {"beta": 2.0, "threshold": 3.0}),
]


@pytest.mark.parametrize("function, options", LARGE, ids=name_of)
def test_large_arrays_of_any_layout_give_what_their_entries_give(function: Callable, options: dict) -> None:
    values = np.random.default_rng(0).normal(size=(3, PIECE // 3 + 7))
    some = (slice(None), slice(None, None, 9973))
    few = value_and_slope(function, values[some], **options)
    rows = zip(*[value_and_slope(function, row, **options) for row in values], strict=True)
    for found, expected in zip(value_and_slope(function, values, **options), rows, strict=True):
        np.testing.assert_array_equal(found, expected)
    for x in (values, np.asfortranarray(values), np.repeat(values, 2, axis=1)[:, ::2]):
        found = value_and_slope(function, x, **options)
        for a, b in zip(found, few, strict=True):
            np.testing.assert_allclose(a[some], b, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("function", [*SMOOTH, *PIECEWISE], ids=lambda function: function.__name__)
def test_numbers_integers_and_half_precision_are_taken_as_numpy_takes_them(function: Callable) -> None:
    x = np.array([-2, 0, 3])
    exact = function(x.astype(float))
    np.testing.assert_allclose(function(x), exact, rtol=1e-15)
    assert function(3.0) == exact[2]
    half, slope = value_and_slope(function, x, np.float16)
    np.testing.assert_allclose(half, exact, rtol=2e-3, atol=1e-3)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("function, option", [(F.elu, "alpha"), (F.leaky_relu, "negative_slope"), (F.softplus, "beta")])
def test_options_leave_the_dtype_alone_and_are_not_differentiated(function: Callable, option: str) -> None:
    x = np.ones(3, np.float32)
    assert function(x, np.float64(0.5)).dtype == np.float32
    assert function(Tensor(x, requires_grad=True), np.float64(0.5)).dtype == np.float32
    for arguments in ((x,), (Tensor(x, requires_grad=True),)):
        with pytest.raises(TypeError, match=rf"{function.__name__} has no gradient with respect to {option}; pass"):
            function(*arguments, Tensor(0.5, requires_grad=True))
        with pytest.raises(TypeError, match=rf"{function.__name__}: {option} is a number, not 'steep'"):
            function(*arguments, "steep")


X = np.ones((2, 3))
REFUSED = [
    (lambda: F.hardtanh(X, 2.0, 1.0), "hardtanh: min_val=2.0 is above max_val=1.0"),
    (lambda: F.softshrink(X, -1.0), "softshrink: lambd=-1.0 is negative"),
    (lambda: F.celu(X, 0.0), "celu: alpha=0 leaves nothing to divide by"),
    (lambda: F.softplus(X, 0.0), "softplus: beta=0 leaves nothing to divide by"),
    (lambda: F.gelu(X, "exact"), "gelu: approximate is 'none' or 'tanh', not 'exact'"),
    (lambda: F.glu(X), r"glu: axis -1 of an array of shape \(2, 3\) cannot be halved"),
    (lambda: F.glu(np.array(1.0)), r"glu: axis -1 of an array of shape \(\) cannot be halved"),
    (lambda: F.glu(X, 2), r"glu: dim=2 is no axis of an array of shape \(2, 3\)"),
    (lambda: F.softmax(X, 2), r"softmax: dim=2 is no axis of an array of shape \(2, 3\)"),
    (lambda: F.log_softmax(X, -3), r"log_softmax: dim=-3 is no axis"),
    (lambda: F.softmin(np.array(1.0), 1), r"softmin: dim=1 is no axis of an array of shape \(\)"),
    (lambda: F.prelu(X, np.ones(2)), r"shape \(2,\) for x of shape \(2, 3\), which has 3 channels \(axis 1\)"),
    (lambda: F.prelu(np.ones(3), np.ones(3)), r"shape \(3,\) for x of shape \(3,\), which has one channel"),
    (lambda: nn.Softmax2d()(X), r"Softmax2d\(\) expects \(N, C, H, W\) or \(C, H, W\), was given \(2, 3\)"),
    (lambda: nn.PReLU(4)(X), r"PReLU\(num_parameters=4\) expects \(N, 4, ...\), was given \(2, 3\)"),
    (lambda: nn.PReLU(0), "PReLU: num_parameters=0 is not positive"),
    (lambda: nn.Softmax(dim=2)(X), r"softmax: dim=2 is no axis"),
]


@pytest.mark.parametrize("call, message", REFUSED, ids=range(len(REFUSED)))
def test_what_makes_no_sense_is_refused(call: Callable, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("layer", [nn.Softmax, nn.LogSoftmax, nn.Softmin])
def test_the_axis_of_a_softmax_must_be_given(layer: type[nn.Module]) -> None:
    with pytest.raises(TypeError, match="dim"):
        layer()
    with pytest.raises(TypeError, match="dim is the integer of an axis, not None"):
        layer(None)(X)


def test_a_softmax_sums_to_one_and_is_stable_for_any_finite_logits_and_for_impossible_ones() -> None:
    x = np.array([[1e307, 1e307, -1e307], [0.0, -INF, 0.0], [-800.0, -800.0, -1600.0]])
    expected = [[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]
    np.testing.assert_array_equal(F.softmax(x, 1), expected)
    np.testing.assert_array_equal(F.softmin(-x, 1), expected)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(F.log_softmax(x[1:], 1)[0], np.log(expected[1]))
    assert value_and_slope(F.log_softmax, x[2:], dim=1)[0][0, 2] == -800 - math.log(2)
    for function in (F.softmax, F.log_softmax):
        assert np.isfinite(value_and_slope(function, x, dim=1)[1]).all()


@pytest.mark.parametrize("dim", [0, 1])
def test_where_every_logit_is_minus_infinity_nothing_is_shared_out_and_the_gradient_is_zero(dim: int) -> None:
    x = np.zeros((2, 2))
    x[(0, slice(None)) if dim == 1 else (slice(None), 0)] = -INF
    for function, sign, value in ((F.softmax, 1, 0.0), (F.log_softmax, 1, -INF), (F.softmin, -1, 0.0)):
        for recorded in (False, True):
            tensor = Tensor(sign * x, requires_grad=True)
            out = function(tensor, dim)
            out.backward(np.array([[1.0, 2.0], [3.0, 5.0]]), create_graph=recorded)
            empty = x == -INF
            assert (out.data[empty] == value).all() and np.isfinite(out.data[~empty]).all()
            assert (tensor.grad.data[empty] == 0).all() and tensor.grad.data[~empty].all()


def test_half_precision_adds_up_more_than_half_precision_can_hold() -> None:
    x = np.zeros((1, 70_000), np.float16)
    assert F.log_softmax(x, 1)[0, 0] == np.float16(-math.log(70_000))
    _, gradient = value_and_slope(F.log_softmax, x[:, :5000], np.float16, dim=1)
    assert np.abs(gradient).max() < 2e-3


def test_a_kernel_is_given_its_inputs_by_name_too_and_nothing_else() -> None:
    @in_pieces(inputs=2)
    def scaled_sum(x: np.ndarray, y: np.ndarray, out: np.ndarray, factor: float) -> None:
        np.add(x, y, out=out)
        out *= factor

    np.testing.assert_array_equal(scaled_sum(np.ones(2), factor=3, y=np.ones(2)), [6, 6])
    with pytest.raises(TypeError, match="unexpected keyword argument 'out'"):
        scaled_sum(np.ones(2), np.ones(2), 3, out=np.ones(2))


@pytest.mark.parametrize("layer", [nn.Softmin(0), nn.Softsign(), nn.Hardshrink(), nn.Softmax(0), nn.SiLU()], ids=repr)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_integers_do_not_wrap_around(layer: nn.Module, dtype: type) -> None:
    x = np.array([np.iinfo(dtype).min, 0, 1, np.iinfo(dtype).max], dtype)
    np.testing.assert_allclose(layer(x), layer(x.astype(float)))


@pytest.mark.parametrize("layer", [nn.SiLU(), nn.ELU(), nn.GELU(), nn.Softmax(0), nn.LogSoftmax(0)], ids=repr)
@pytest.mark.parametrize("x", [None, 1j])
def test_what_is_no_real_number_is_refused(layer: nn.Module, x: Any) -> None:
    with pytest.raises(TypeError, match="takes real numbers, but was given"):
        layer(x)


SETTINGS = [
    (lambda: nn.GELU("erf"), "gelu: approximate is"),
    (lambda: nn.Softplus(beta=0), "softplus: beta=0"),
    (lambda: nn.CELU(0), "celu: alpha=0"),
    (lambda: nn.Hardtanh(2, 1), "hardtanh: min_val=2.0"),
    (lambda: nn.Softshrink(-1), "softshrink: lambd=-1.0"),
    (lambda: nn.ELU("a"), "elu: alpha is a number, not 'a'"),
    (lambda: nn.Threshold(None, 0.0), "threshold: threshold is a number, not None"),
    (lambda: nn.Softmax(None), "Softmax: dim is the integer of an axis, not None"),
    (lambda: nn.GLU(0.5), "GLU: dim is the integer of an axis, not 0.5"),
]


@pytest.mark.parametrize("build, message", SETTINGS, ids=range(len(SETTINGS)))
def test_a_layer_refuses_its_settings_before_the_first_call(build: Callable, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        build()


def test_a_subclass_is_made_before_its_forward_can_run() -> None:
    class Scaled(nn.LeakyReLU):
        def __init__(self, factor: float) -> None:
            super().__init__(0.5)
            self.factor = factor

        def forward(self, x: Any) -> Any:
            return self.factor * super().forward(x)

    assert Scaled(3.0)(-1.0) == -1.5


IN_PLACE = [
    *["ReLU(True)", "ReLU6(inplace=True)", "SELU(True)", "SiLU(True)", "Mish(True)", "Hardsigmoid(True)"],
    *["Hardswish(True)", "LeakyReLU(0.2, True)", "ELU(0.5, inplace=True)", "CELU(0.5, True)", "Hardtanh(-1, 2, True)"],
    *["Threshold(0.1, 20, True)", "Dropout(0.5, True)", "Dropout2d(0.5, True)", "AlphaDropout(inplace=True)"],
]


@pytest.mark.parametrize("text", IN_PLACE)
def test_what_overwrites_its_input_in_pytorch_leaves_it_as_it_is(text: str) -> None:
    layer, x = eval(text, vars(nn)), np.linspace(-2, 2, 16).reshape(1, 1, 4, 4)
    before = x.copy()
    layer(x)
    np.testing.assert_array_equal(x, before)
    assert "inplace=True" in repr(layer)
    eval(text, vars(pytest.importorskip("torch").nn))


@pytest.mark.parametrize("function", SMOOTH, ids=lambda function: function.__name__)
@pytest.mark.parametrize("dtype", [bool, np.uint8])
def test_a_smooth_function_of_integers_has_double_precision(function: Callable, dtype: type) -> None:
    assert function(np.array([0, 1], dtype)).dtype == np.float64


@pytest.mark.parametrize("function", [F.softmax, F.softmin, F.log_softmax], ids=lambda function: function.__name__)
def test_a_softmax_that_is_not_given_its_axis_says_so_by_its_name(function: Callable) -> None:
    for x in (X, Tensor(X, requires_grad=True)):
        with pytest.raises(TypeError, match=f"^{function.__name__}: dim is the integer of an axis, not None"):
            function(x)
