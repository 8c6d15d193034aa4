"""Convolution: hand-made examples, what it keeps and computes, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.signal

import nn
from autodiff import Tape, Tensor
from nn import convolution
from nn.convolution import conv2d_input, conv2d_output, conv2d_weight
from nn.functional import conv2d


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_it_is_scipys_correlation(padding: str) -> None:
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(9, 8)), rng.normal(size=(3, 4))
    expected = scipy.signal.correlate2d(image, kernel, "full")[2:-2, 3:-3] if padding == "valid" else None
    found = conv2d(image[None], kernel[None, None], padding=padding)[0]
    if expected is None:
        expected = scipy.signal.correlate2d(np.pad(image, ((1, 1), (1, 2))), kernel, "valid")
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_gradient_of_data_that_needs_none_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the gradient of the input was computed")

    monkeypatch.setattr(convolution, "conv2d_input", refuse)
    layer = nn.Conv2d(1, 2, 3)
    layer(np.ones((2, 1, 5, 5), np.float32)).sum().backward()
    assert layer.weight.grad is not None
    with pytest.raises(AssertionError, match="was computed"):
        layer(Tensor(np.ones((2, 1, 5, 5), np.float32), requires_grad=True)).sum().backward()


def test_columns_are_not_kept_for_the_backward_pass() -> None:
    x, layer = Tensor(np.ones((2, 8, 16, 16), np.float32), requires_grad=True), nn.Conv2d(8, 8, 3)
    with Tape() as tape:
        y = layer(x)
        (node,) = tape
    kept = [value for value in node.saved if isinstance(value, np.ndarray)]
    assert {id(value) for value in kept} == {id(x.data), id(layer.weight.data)}
    assert y.shape == (2, 8, 14, 14)


def test_sums_of_half_precision_are_computed_in_single_precision() -> None:
    x, weight = np.full((1, 1, 50, 50), 1.0, np.float16), np.full((1, 1, 50, 50), 1 + 2**-10, np.float16)
    y = conv2d(x, weight)
    assert y.dtype == np.float16
    assert y.item() == np.float16(2500 * (1 + 2**-10))


def test_an_empty_batch_has_an_empty_result_and_gradients_of_zeros() -> None:
    x, layer = Tensor(np.ones((0, 2, 5, 5)), requires_grad=True), nn.Conv2d(2, 3, 3, dtype=float)
    for run in (layer, layer.by_expression):
        layer.zero_grad()
        y = run(x)
        y.sum().backward()
        assert y.shape == (0, 3, 3, 3)
        assert x.grad.shape == x.shape
        np.testing.assert_array_equal(layer.weight.grad, np.zeros((3, 2, 3, 3)))


@pytest.mark.parametrize(
    ("x", "weight", "options", "message"),
    [
        ((5, 5), (1, 1, 3, 3), {}, r"takes x \(N, C, H, W\) or \(C, H, W\).*was given x \(5, 5\)"),
        ((1, 3, 5, 5), (4, 2, 3, 3), {}, r"for x with 2 channels, .* x \(1, 3, 5, 5\) and weight \(4, 2, 3, 3\)"),
        ((1, 4, 5, 5), (3, 2, 3, 3), {"groups": 2}, r"groups divides the channels of the result.*groups=2"),
        ((1, 1, 2, 5), (1, 1, 3, 3), {}, r"extends over \(3, 3\).* larger than the padded input \(2, 5\)"),
        ((1, 1, 4, 5), (1, 1, 3, 3), {"dilation": (2, 1)}, r"extends over \(5, 3\)"),
        ((1, 1, 5, 5), (1, 1, 3, 3), {"stride": 0}, "stride is an integer or a pair of them, each at least 1, not 0"),
        ((1, 1, 5, 5), (1, 1, 3, 3), {"stride": 1.5}, "not 1.5"),
        ((1, 1, 5, 5), (1, 1, 3, 3), {"padding": (1, -1)}, r"padding .* at least 0, not \(1, -1\)"),
        ((1, 1, 5, 5), (1, 1, 3, 3), {"padding": "full"}, "'same' or 'valid', not 'full'"),
        ((1, 1, 5, 5), (1, 1, 3, 3), {"padding": "same", "stride": 2}, "'same' needs stride 1, but the stride is 2"),
        ((1, 1, 5, 5), (2, 1, 3, 3), {"bias": np.ones(3)}, r"bias has shape \(2,\).* not \(3,\)"),
    ],
)
def test_what_does_not_fit_is_refused(x: tuple, weight: tuple, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^conv2d.*{message}"):
        conv2d(np.ones(x), np.ones(weight), **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": 2}, "in_channels=3 and out_channels=4 .* groups=2"),
        ({"kernel_size": 0}, "kernel_size .* at least 1, not 0"),
        ({"padding_mode": "mirror"}, "zeros, reflect, replicate, circular, not 'mirror'"),
        ({"stride": -1}, "stride .* not -1"),
    ],
)
def test_a_layer_that_cannot_be_is_refused_when_it_is_made(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.Conv2d(**{"in_channels": 3, "out_channels": 4, "kernel_size": 3, **arguments})


def test_a_wrong_number_of_channels_names_the_layer() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(5, 4, 3))
    with pytest.raises(
        ValueError, match=r"^1: Conv2d\(.*\) expects \(N, 5, H, W\) or \(5, H, W\), was given \(2, 4, 6, 6\)"
    ):
        net(np.ones((2, 3, 8, 8), np.float32))


def test_the_three_maps_are_each_others_gradients() -> None:
    """The inner products <g, y>, <dw, w> and <dx, x> are one number, the trilinear form of the docstring."""
    rng, window = np.random.default_rng(0), convolution._window((3, 2), 2, 1, 1)
    x, w = rng.normal(size=(2, 4, 7, 6)), rng.normal(size=(6, 2, 3, 2))
    y = conv2d_output(x, w, window=window, groups=2)
    g = rng.normal(size=y.shape)
    dx = conv2d_input(g, w, size=(7, 6), window=window, groups=2)
    dw = conv2d_weight(x, g, window=window, groups=2)
    np.testing.assert_allclose([(dx * x).sum(), (dw * w).sum()], (g * y).sum(), rtol=1e-12)
