"""Convolution in two dimensions: three bilinear maps, each of which has the other two as its gradients.

Let A be 1 where entry u of the kernel at place i falls on row p of the input: ``A[p,i,u] = [p == s*i + d*u - b]`` for
the stride s, the dilation d and the padding b before it. Let B be the same for the columns. The sum over all indices

    T = sum(g[n,o,i,j] * w[o,c,u,v] * x[n,c,p,q] * A[p,i,u] * B[q,j,v])

is linear in each of g, w and x. The convolution y of x with w is its derivative with respect to g, so T is ``<g, y>``.
If g is the cotangent of y, the gradient of x is therefore T's derivative with respect to x, and that of w the one with
respect to w. As T treats all three alike, the gradients of these maps are again among them:

    =======================  ========================  ========================
    the derivative of T      has, of its first         and of its second
                             argument, the gradient    argument
    =======================  ========================  ========================
    ``conv2d_output(x, w)``  ``conv2d_input(g, w)``    ``conv2d_weight(x, g)``
    ``conv2d_input(g, w)``   ``conv2d_output(x, w)``   ``conv2d_weight(x, g)``
    ``conv2d_weight(x, g)``  ``conv2d_input(g, w)``    ``conv2d_output(x, w)``
    =======================  ========================  ========================

so gradients of any order need nothing more. What runs on plain arrays is in ``nn.columns``.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from .arguments import array
from .columns import batched, channels_in_groups, gradient_of_input, gradient_of_weight, output, weight_in_groups
from .derived import derived
from .init import draw_uniform
from .module import Module
from .padding import pad
from .parameter import Parameter
from .random import Seed, generator
from .windows import Pair, Slide, Window, pair

Padding = int | Pair | Literal["same", "valid"]


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: int | Pair = 1,
    padding: Padding = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Any:
    """The sum over a sliding window, ``y[n,o,i,j] = bias[o] + sum(weight[o,c,u,v] * x[n,c,s*i+d*u-p,s*j+d*v-p])``.

    s is the stride, d the dilation, p the padding; entries of x outside of it are zeros. (It is a cross-correlation:
    the kernel is not flipped.)

    Args:
        x: of shape (N, C, H, W), or (C, H, W) for a single sample.
        weight: of shape (O, C / groups, kernel height, kernel width).
        bias: of shape (O,), or None.
        stride: the step from place to place, for both axes or one for each.
        padding: how many zeros surround x, for both axes or one for each; "valid" is none, "same" so many that y has
            the height and width of x (if they do not divide evenly, one more comes after x than before).
        dilation: the distance between entries of x under neighbouring entries of the kernel.
        groups: into how many convolutions side by side the channels are divided; with ``groups=C`` each channel has
            kernels of its own (depthwise).

    Returns:
        An array or tensor of shape (N, O, H', W'), or (O, H', W'), where
        ``H' = (H + 2*padding - dilation * (kernel height - 1) - 1) // stride + 1``.

    Raises:
        ValueError: the shapes do not fit, the kernel is larger than the padded x, or a setting is out of range.

    >>> conv2d(np.arange(16.0).reshape(1, 4, 4), np.ones((1, 1, 3, 3)))
    array([[[45., 54.],
            [81., 90.]]])
    """
    x, window = array(x), _window(np.shape(weight)[-2:], stride, padding, dilation)
    _check(x.shape, np.shape(weight), np.shape(bias) if bias is not None else None, window, groups)
    return conv2d_output(x, weight, bias, window=window, groups=groups)


@derived(forward=output)
def conv2d_output(x: Any, weight: Any, bias: Any = None, *, window: Window, groups: int) -> Any:
    """The convolution, ``dT/dg`` in the docstring of this file, and the bias: ``dy/dbias[o]`` is 1 in channel o."""
    windows = window.over(channels_in_groups(x, groups))
    y = np.einsum("...gcijuv,gocuv->...goij", windows, weight_in_groups(weight, groups))
    y = y.reshape(*x.shape[:-3], len(weight), *y.shape[-2:])
    return y if bias is None else y + bias[:, None, None]


@derived(forward=gradient_of_input)
def conv2d_input(g: Any, weight: Any, *, size: Pair, window: Window, groups: int) -> Any:
    """The gradient of an input of that ``size``, given that of the output: ``dT/dx`` in the docstring of this file."""
    a, b = (axis.incidence(length, g.dtype) for axis, length in zip(window.axes, size, strict=True))
    dx = np.einsum(
        "...goij,gocuv,piu,qjv->...gcpq", channels_in_groups(g, groups), weight_in_groups(weight, groups), a, b
    )
    return dx.reshape(*g.shape[:-3], groups * weight.shape[1], *size)


@derived(forward=gradient_of_weight)
def conv2d_weight(x: Any, g: Any, *, window: Window, groups: int) -> Any:
    """The gradient of the weight, given that of the output: ``dT/dw`` in the docstring of this file."""
    windows, cotangents = window.over(channels_in_groups(batched(x), groups)), channels_in_groups(batched(g), groups)
    dw = np.einsum("ngcijuv,ngoij->gocuv", windows, cotangents)
    return dw.reshape(g.shape[-3], *dw.shape[2:])


conv2d_output.gradient(
    x=lambda g, weight, x_shape, window, groups: conv2d_input(
        g, weight, size=x_shape[-2:], window=window, groups=groups
    ),
    weight=lambda g, x, window, groups: conv2d_weight(x, g, window=window, groups=groups),
    bias=lambda g: np.sum(g, axis=(-2, -1)).reshape(-1, g.shape[-3]).sum(axis=0),
)
conv2d_input.gradient(
    g=lambda h, weight, window, groups: conv2d_output(h, weight, window=window, groups=groups),
    weight=lambda h, g, window, groups: conv2d_weight(h, g, window=window, groups=groups),
)
conv2d_weight.gradient(
    x=lambda h, g, x_shape, window, groups: conv2d_input(g, h, size=x_shape[-2:], window=window, groups=groups),
    g=lambda h, x, window, groups: conv2d_output(x, h, window=window, groups=groups),
)


def _window(kernel: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    """The window of a convolution by its settings, each of them checked."""
    steps, gaps = pair("conv2d", "stride", stride, 1), pair("conv2d", "dilation", dilation, 1)
    if not isinstance(padding, str):
        margins = [(n, n) for n in pair("conv2d", "padding", padding, 0)]
    elif padding == "valid":
        margins = [(0, 0), (0, 0)]
    elif padding == "same" and steps == (1, 1):
        totals = [gap * (k - 1) for k, gap in zip(kernel, gaps)]
        margins = [(n // 2, n - n // 2) for n in totals]
    elif padding == "same":
        raise ValueError(f"conv2d: padding='same' needs stride 1, but the stride is {stride}; give a number as padding")
    else:
        raise ValueError(f"conv2d: padding is an integer, a pair, 'same' or 'valid', not {padding!r}")
    return Window(tuple(Slide(k, s, *m, d) for k, s, m, d in zip(kernel, steps, margins, gaps)))


def _check(x: tuple, weight: tuple, bias: tuple | None, window: Window, groups: int) -> None:
    given = f"was given x {x} and weight {weight}" + (f" with groups={groups}" if groups != 1 else "")
    if len(x) not in (3, 4) or len(weight) != 4 or 0 in weight:
        raise ValueError(
            f"conv2d takes x (N, C, H, W) or (C, H, W), and weight (O, C/groups, kernel height, kernel width), none of "
            f"which is 0, but {given}"
        )
    if groups < 1 or weight[0] % groups:
        raise ValueError(f"conv2d: groups divides the channels of the result, weight.shape[0], but it {given}")
    if weight[1] * groups != x[-3]:
        each = f" in each of {groups} groups" if groups != 1 else ""
        raise ValueError(f"conv2d: the weight is for x with {weight[1]} channels{each}, but conv2d {given}")
    if bias is not None and bias != weight[:1]:
        raise ValueError(f"conv2d: bias has shape {weight[:1]}, one entry for each channel of the result, not {bias}")
    if min(window.places(x[-2:])) < 1:
        padded = tuple(n + axis.before + axis.after for n, axis in zip(x[-2:], window.axes))
        raise ValueError(
            f"conv2d: the kernel extends over {window.span}, which is larger than the padded input {padded}: it {given}"
        )


PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
"""By Conv2d's name: what ``nn.functional.pad`` calls it."""


class Conv2d(Module):
    """A convolution with a learnt kernel; see ``nn.functional.conv2d``.

    The parameters ``weight`` (out_channels, in_channels / groups, kernel height, kernel width) and ``bias``
    (out_channels,) start out uniform between -1/sqrt(n) and 1/sqrt(n) for the n = weight[0].size entries that
    an output is a sum over, as in PyTorch (where it is called kaiming_uniform with a=sqrt(5)).

    Args:
        in_channels: C of the input (N, C, H, W) or (C, H, W).
        out_channels: that of the output.
        kernel_size, stride, padding, dilation: a number, or a pair for height and width; padding "same" or "valid" too.
        groups: into how many convolutions side by side the channels are divided.
        bias: whether there is one.
        padding_mode: what is put around the input: "zeros", or values of the input: "reflect" (without repeating those
            at the edge), "replicate" (the edge), "circular" (from the other side).
        dtype: that of the parameters; float32 unless ``set_default_dtype`` says otherwise.
        rng: a generator or seed to draw them from; that of ``manual_seed`` if it is not given.

    Raises:
        ValueError: a setting is out of range, or the channels are not divisible by the groups.

    >>> layer = Conv2d(3, 8, kernel_size=3, stride=2, padding=1)
    >>> layer(np.ones((5, 3, 32, 32), np.float32)).shape
    (5, 8, 16, 16)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: Padding = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: DTypeLike | None = None,
        rng: Seed = None,
    ) -> None:
        kernel = pair("Conv2d", "kernel_size", kernel_size, 1)
        if groups < 1 or min(in_channels, out_channels) < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: in_channels={in_channels} and out_channels={out_channels} are positive and divisible by "
                f"groups={groups}"
            )
        if padding_mode not in PADDING_MODES:
            raise ValueError(f"Conv2d: padding_mode is one of {', '.join(PADDING_MODES)}, not {padding_mode!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.padding_mode = padding_mode
        self.dtype = dtype
        rows, columns = _window(kernel, stride, padding, dilation).axes
        self._margins = (columns.before, columns.after, rows.before, rows.after)
        shape, draw = (out_channels, in_channels // groups, *kernel), generator(rng)
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        self.weight = Parameter(draw_uniform(shape, -bound, bound, draw), dtype=dtype)
        self.bias = Parameter(draw_uniform((out_channels,), -bound, bound, draw), dtype=dtype) if bias else None

    @property
    def expects(self) -> str:
        return f"(N, {self.in_channels}, H, W) or ({self.in_channels}, H, W)"

    def forward(self, x: Any) -> Any:
        if self.padding_mode == "zeros":
            return conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        padded = pad(x, self._margins, PADDING_MODES[self.padding_mode])
        return conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
