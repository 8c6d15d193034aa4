"""Pooling at the edges: ties, NaN, infinities, integers, blocks of work, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autodiff import Tensor
from nn import windows
from nn.functional import avg_pool2d, max_pool2d

from .cases import Call
from .cases_pooling import pooled
from .test_derived import pulled_back


def gradient(x: np.ndarray, g: np.ndarray, *args: int) -> np.ndarray:
    tensor = Tensor(x, requires_grad=True)
    max_pool2d(tensor, *args).backward(g)
    return tensor.grad.data


@given(call=pooled(max_pool2d) | pooled(avg_pool2d), block=st.sampled_from([1, 300]))
def test_however_the_work_is_divided_the_kernels_compute_what_the_expressions_say(call: Call, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "BLOCK", block)
        found = pulled_back(call)
    out, (dx,) = pulled_back(call, context=nn.by_expression())
    np.testing.assert_allclose(found[0], out, rtol=1e-12)
    np.testing.assert_allclose(found[1][0], dx, rtol=1e-12, atol=1e-12)


def test_the_first_of_equal_entries_gets_all_of_the_gradient_row_by_row() -> None:
    x = np.array([[[0.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]])
    g = np.array([[[3.0, 5.0]]])
    np.testing.assert_array_equal(gradient(x, g, 2), [[[0.0, 3.0, 5.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])


def test_an_entry_that_wins_in_several_windows_gets_the_sum() -> None:
    x = np.array([[[0.0, 9.0, 0.0]]])
    np.testing.assert_array_equal(gradient(x, np.array([[[1.0, 2.0]]]), (1, 2), 1), [[[0.0, 3.0, 0.0]]])


def test_nan_wins_and_gets_the_gradient() -> None:
    x = np.array([[[1.0, np.nan, 3.0, 2.0]]])
    np.testing.assert_array_equal(max_pool2d(x, (1, 2)), [[[np.nan, 3.0]]])
    np.testing.assert_array_equal(gradient(x, np.ones((1, 1, 2)), (1, 2)), [[[0.0, 1.0, 1.0, 0.0]]])


def test_padding_never_wins() -> None:
    x = np.array([[[-np.inf, -5.0]]])
    np.testing.assert_array_equal(max_pool2d(x, (1, 2), 2, (0, 1)), [[[-np.inf, -5.0]]])
    np.testing.assert_array_equal(gradient(x, np.array([[[1.0, 2.0]]]), (1, 2), 2, (0, 1)), [[[1.0, 2.0]]])


@pytest.mark.parametrize("stride", [1, 2], ids=["overlapping", "disjoint"])
def test_an_infinite_cotangent_reaches_the_largest_entry_alone(stride: int) -> None:
    x = np.array([[[1.0, 2.0]]])
    np.testing.assert_array_equal(gradient(x, np.array([[[np.inf]]]), (1, 2), stride), [[[0.0, np.inf]]])


def test_integers_are_pooled_too() -> None:
    x = np.array([[[-7, -5], [-9, -6]]])
    assert max_pool2d(x, 2, 1, 1).tolist() == [[[-7, -5, -5], [-7, -5, -5], [-9, -6, -6]]]
    assert avg_pool2d(x, 2).tolist() == [[[-6.75]]]
    assert avg_pool2d(np.full((1, 2, 2), 200, np.uint8), 2).tolist() == [[[200.0]]]


def test_means_of_half_precision_are_summed_in_single_precision() -> None:
    mean = avg_pool2d(np.full((1, 100, 100), 10.0, np.float16), 100)
    assert mean.dtype == np.float16
    assert mean.item() == 10.0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1.0]),
        ({"ceil_mode": True}, [1.0, 1.5]),
        ({"ceil_mode": True, "count_include_pad": False}, [1.5, 3.0]),
        ({"ceil_mode": True, "divisor_override": 1}, [3.0, 3.0]),
    ],
    ids=str,
)
def test_padding_counts_unless_told_otherwise_and_what_ceil_mode_adds_to_it_never(
    options: dict, expected: list
) -> None:
    """The windows are 0 1 2 and 3 0, the latter without the entry that would be past the padding."""
    assert avg_pool2d(np.array([[[1.0, 2.0, 3.0]]]), (1, 3), 3, (0, 1), **options).tolist() == [[expected]]


@pytest.mark.parametrize("function", [max_pool2d, avg_pool2d])
@pytest.mark.parametrize(
    ("shape", "args", "message"),
    [
        ((4, 4), (2,), r"takes x \(N, C, H, W\) or \(C, H, W\), but was given \(4, 4\)"),
        ((1, 2, 4), (3,), r"window spans \(3, 3\), more than x of shape \(1, 2, 4\) with padding \(0, 0\)"),
        ((1, 4, 4), (2, 1, 2), r"padding is at most half of the window, which spans \(2, 2\), not \(2, 2\)"),
        ((1, 4, 4), (0,), "kernel_size .* at least 1, not 0"),
        ((1, 4, 4), (2, 0), "stride .* at least 1, not 0"),
        ((1, 4, 4), ((2, 2, 2),), "kernel_size is an integer or a pair"),
    ],
)
def test_what_does_not_fit_is_refused(function: Callable, shape: tuple, args: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{function.__name__}.*{message}"):
        function(np.ones(shape), *args)


def test_a_divisor_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="divisor_override is a positive integer or None, not 0"):
        avg_pool2d(np.ones((1, 2, 2)), 2, divisor_override=0)


@pytest.mark.parametrize("function", [max_pool2d, avg_pool2d])
def test_an_empty_batch_has_an_empty_result(function: Callable) -> None:
    x = Tensor(np.ones((0, 2, 5, 5)), requires_grad=True)
    for context in (nullcontext(), nn.by_expression()):
        with context:
            y = function(x, 2)
        y.sum().backward()
        assert y.shape == (0, 2, 2, 2)
        assert x.grad.shape == x.shape


@pytest.mark.parametrize("dtype", [bool, complex])
def test_only_real_numbers_have_a_largest(dtype: type) -> None:
    with pytest.raises(TypeError, match="max_pool2d takes real numbers"):
        max_pool2d(np.ones((1, 2, 2), dtype), 2)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: nn.MaxPool2d(0), "MaxPool2d: kernel_size .* at least 1, not 0"),
        (lambda: nn.MaxPool2d(2, stride=0), "MaxPool2d: stride .* at least 1, not 0"),
        (lambda: nn.AvgPool2d(3, padding=2), "AvgPool2d: padding is at most half of the window"),
        (lambda: nn.AvgPool2d(2, divisor_override=0), "AvgPool2d: divisor_override is a positive integer"),
    ],
)
def test_a_layer_refuses_its_settings_before_the_first_call(build: Callable, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
