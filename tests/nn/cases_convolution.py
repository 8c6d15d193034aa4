"""Calls of the convolutions, and their layer."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from autodiff.testing.strategies import ConvolutionGeometry, arrays, convolution_geometries
from nn.convolution import conv2d_input, conv2d_output, conv2d_weight
from nn.functional import conv2d
from nn.windows import Slide, Window

from .cases import Call, Layer, Pair

GEOMETRIES = convolution_geometries(max_output=2)


def samples(draw: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape of several samples, of one, or of one without an axis for it."""
    return draw(st.sampled_from([shape, (1, *shape[1:]), shape[1:]]))


@st.composite
def convolutions(draw: Any) -> Call:
    geometry = draw(GEOMETRIES)
    options = {name: getattr(geometry, name) for name in ("stride", "padding", "dilation", "groups")}
    if geometry.stride == (1, 1):
        options["padding"] = draw(st.sampled_from(["same", geometry.padding]))
    if geometry.padding == (0, 0):
        options["padding"] = draw(st.sampled_from(["valid", 0]))
    bias = [draw(arrays((geometry.out_channels,)))] if draw(st.booleans()) else []
    x = draw(arrays(samples(draw, geometry.input_shape)))
    return Call(conv2d, [x, draw(arrays(geometry.weight_shape)), *bias], options)


def window_of(geometry: ConvolutionGeometry) -> Window:
    axes = zip(geometry.kernel, geometry.stride, geometry.padding, geometry.padding, geometry.dilation)
    return Window(tuple(Slide(*settings) for settings in axes))


@st.composite
def of_inputs(draw: Any) -> Call:
    geometry = draw(GEOMETRIES)
    options = {"size": geometry.input, "window": window_of(geometry), "groups": geometry.groups}
    g = draw(arrays(samples(draw, geometry.output_shape)))
    return Call(conv2d_input, [g, draw(arrays(geometry.weight_shape))], options)


@st.composite
def of_weights(draw: Any) -> Call:
    geometry = draw(GEOMETRIES)
    x = draw(arrays(samples(draw, geometry.input_shape)))
    g = draw(arrays((*x.shape[:-3], *geometry.output_shape[1:])))
    return Call(conv2d_weight, [x, g], {"window": window_of(geometry), "groups": geometry.groups})


def settings_of(window: Window, groups: int) -> list[Any]:
    """What PyTorch takes for a window: stride, padding, dilation, groups."""
    stride, padding, dilation = ([getattr(a, name) for a in window.axes] for name in ("stride", "before", "dilation"))
    return [stride, padding, dilation, groups]


def input_by_pytorch(torch: Any, g: Any, weight: Any, *, size: tuple, window: Window, groups: int) -> Any:
    shape = (*g.shape[:-3], groups * weight.shape[1], *size)
    found = torch.nn.grad.conv2d_input(
        (1, *shape)[-4:], weight, g.reshape(-1, *g.shape[-3:]), *settings_of(window, groups)
    )
    return found.reshape(shape)


def weight_by_pytorch(torch: Any, x: Any, g: Any, *, window: Window, groups: int) -> Any:
    shape = (g.shape[-3], x.shape[-3] // groups, *window.kernel)
    x, g = (a.reshape(-1, *a.shape[-3:]) for a in (x, g))
    return torch.nn.grad.conv2d_weight(x, shape, g, *settings_of(window, groups))


PAIRS = {
    conv2d_output: Pair(convolutions()),
    conv2d_input: Pair(of_inputs(), peer=input_by_pytorch),
    conv2d_weight: Pair(of_weights(), peer=weight_by_pytorch),
}

LAYERS = [
    Layer("Conv2d(2, 3, 3)", (2, 2, 4, 5)),
    Layer("Conv2d(2, 4, (2, 1), stride=2, padding=(1, 0), groups=2, bias=False)", (2, 3, 3)),
    Layer("Conv2d(1, 2, 3, padding='same', dilation=(2, 1))", (2, 1, 3, 2)),
    Layer("Conv2d(1, 2, 3, padding=1, padding_mode='reflect')", (2, 1, 3, 2)),
    Layer("Conv2d(1, 2, 3, 2, (1, 2), padding_mode='replicate')", (2, 1, 3, 2)),
    Layer("Conv2d(1, 1, (2, 3), padding='same', padding_mode='circular')", (2, 1, 3, 2)),
]
