"""Geometries of convolutions are valid, and of every awkward kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from autodiff.testing.strategies import ConvolutionGeometry, convolution_geometries

from .drawing import comes_up


def places(geometry: ConvolutionGeometry) -> tuple[int, ...]:
    """How many places the kernel has along each axis, by laying it on a padded array."""
    x = np.pad(np.zeros(geometry.input), [(pad, pad) for pad in geometry.padding])
    spans = tuple(gap * (k - 1) + 1 for gap, k in zip(geometry.dilation, geometry.kernel, strict=True))
    windows = sliding_window_view(x, spans)[tuple(slice(None, None, step) for step in geometry.stride)]
    return windows.shape[: len(spans)]


@given(convolution_geometries(st.integers(1, 3)))
def test_a_geometry_has_a_result_of_the_shape_that_it_states(geometry: Any) -> None:
    assert places(geometry) == geometry.output and min(geometry.output) >= 1
    assert geometry.output_shape == (geometry.batch, geometry.out_channels, *geometry.output)
    assert geometry.in_channels % geometry.groups == geometry.out_channels % geometry.groups == 0
    assert geometry.weight_shape[1] * geometry.groups == geometry.input_shape[1]
    assert min(geometry.input) >= 1 and min(geometry.padding) >= 0
    assert max(geometry.output) <= 3 and max(geometry.kernel) <= 3


# fmt: off
KINDS: dict[str, Callable] = {
    "plain":                         lambda g: g.stride == g.dilation == (1, 1) and g.padding == (0, 0),
    "stride":                        lambda g: g.stride[0] > 1 < g.output[0],
    "different along the axes":      lambda g: g.stride[0] != g.stride[1] and g.kernel[0] != g.kernel[1],
    "padding":                       lambda g: min(g.padding) > 0,
    "padding wider than the kernel": lambda g: g.padding[0] >= g.kernel[0],
    "dilation":                      lambda g: g.dilation[1] > 1 < g.kernel[1],
    "kernel wider than the input":   lambda g: g.kernel[0] > g.input[0],
    "stride wider than the kernel":  lambda g: g.stride[0] > g.kernel[0] and g.output[0] > 1,
    "entries left over":             lambda g: (g.input[0] + 2 * g.padding[0] - g.dilation[0] * (g.kernel[0] - 1) - 1)
                                               % g.stride[0] > 0,
    "groups":                        lambda g: g.groups > 1 and g.in_channels > g.groups != g.out_channels,
    "depthwise":                     lambda g: 1 < g.groups == g.in_channels,
    "several inputs":                lambda g: g.batch > 1,
}
# fmt: on


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_geometry_comes_up(kind: str) -> None:
    assert comes_up(convolution_geometries(), KINDS[kind])
