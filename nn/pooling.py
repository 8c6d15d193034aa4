"""Pooling: the largest or the mean entry of a window that slides over the last two axes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff import Tensor

from .arguments import array
from .derived import derived, on_arrays
from .module import Module
from .windows import Pair, Slide, Window, blocks, pair


def max_pool2d(
    x: Any,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    ceil_mode: bool = False,
) -> Any:
    """The largest entry of each window, ``y[n,c,i,j] = max over u, v of x[n,c, s*i + d*u - p, s*j + d*v - p]``.

    Padding never wins. NaN does, as in ``np.max``. The gradient goes to the first of several that are largest, row
    by row, as in PyTorch (while ``np.max`` shares it among them).

    Args:
        x: of shape (N, C, H, W), or (C, H, W) for a single sample.
        kernel_size: the height and width of the window, as a number or a pair, as the settings that follow.
        stride: the step from place to place; that of ``kernel_size`` if it is not given, so that windows tile x.
        padding: how much surrounds x, at most half of the window.
        dilation: the distance between neighbouring entries of a window.
        ceil_mode: whether windows may reach past the end, as long as they start before it, so that none of x is left.

    Returns:
        An array or tensor of shape (N, C, H', W') or (C, H', W'), where
        ``H' = (H + 2*padding - dilation * (kernel height - 1) - 1) / stride + 1``, rounded down (up in ``ceil_mode``).

    Raises:
        ValueError: x has another number of axes, the window is larger than it, or a setting is out of range.

    >>> max_pool2d(np.array([[[1.0, 2.0, 5.0, 0.0], [4.0, 3.0, 5.0, 6.0]]]), 2)
    array([[[4., 6.]]])
    """
    x, window = array(x), _window("max_pool2d", kernel_size, stride, padding, dilation)
    return max_pooling(x, window=_fitted("max_pool2d", x.shape, window, ceil_mode))


def _largest(x: Any, *, window: Window) -> np.ndarray:
    return window.reduce(np.maximum, x, start=_lowest(x.dtype))


@derived(forward=_largest)
def max_pooling(x: Any, *, window: Window) -> Any:
    """The largest entry of each window: ``y[i] = x[k(i)]`` for the place k of the first of these, which stays there
    when x changes a little. So ``dx[p]`` is the sum of ``g[i]`` over the windows i with ``k(i) = p``."""
    windows = window.over(x, fill=_lowest(x.dtype))
    windows = windows.reshape(*windows.shape[:-2], math.prod(window.kernel))
    first = np.argmax(windows, axis=-1, keepdims=True)
    return np.take_along_axis(windows, first, axis=-1)[..., 0]


def _max_pooling_vjp_on_arrays(g: Any, x: Any, out: Any, window: Window) -> np.ndarray:
    """The same block by block, and multiplied by 0 or 1 where that is as good, which is much faster than choosing."""
    shape, size = x.shape, x.shape[-2:]
    x, out, g = (a.reshape(-1, *a.shape[-2:]) for a in (x, out, g))
    dx, slabs = np.zeros(x.shape, g.dtype), list(window.slabs(size))
    choose: Any = np.multiply if np.isfinite(g).all() else _chosen
    equal = _equal if np.isnan(out).any() else np.equal
    for block in blocks(len(x), math.prod(size) * x.itemsize):
        entire, largest, cotangent, gradient = x[block], out[block], g[block], dx[block]
        undecided = np.ones(largest.shape, bool)
        for _, places, entries in slabs:
            won = equal(entire[entries], largest[places])
            won &= undecided[places]
            undecided[places] ^= won
            part = choose(cotangent[places], won)
            if window.is_disjoint:
                gradient[entries] = part
            else:
                gradient[entries] += part
    return dx.reshape(shape)


@on_arrays(_max_pooling_vjp_on_arrays)
def _max_pooling_vjp(g: Any, x: Any, out: Any, window: Window) -> Any:
    dx, undecided = _zeros(g, x.shape), np.ones(out.shape, bool)
    for _, places, entries in window.slabs(x.shape[-2:]):
        won = _equal(x[entries], out[places]) & undecided[places]
        undecided[places] ^= won
        dx[entries] = dx[entries] + np.where(won, g[places], 0)
    return dx


max_pooling.gradient(x=_max_pooling_vjp)


def _equal(x: Any, largest: Any) -> np.ndarray:
    return (x == largest) | (x != x)  # NaN is the largest wherever it is


def _chosen(g: np.ndarray, won: np.ndarray) -> np.ndarray:
    """``g * won``, but 0 where g is infinite and has not won."""
    return np.where(won, g, 0)


def _lowest(dtype: np.dtype) -> Any:
    if dtype.kind not in "iuf":
        raise TypeError(f"max_pool2d takes real numbers, but was given {dtype}")
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _zeros(g: Any, shape: tuple[int, ...]) -> Any:
    """Zeros to add parts of the gradient to: a tensor where g is one, so that this is recorded."""
    zeros = np.zeros(shape, g.dtype)
    return Tensor(zeros) if isinstance(g, Tensor) else zeros


def avg_pool2d(
    x: Any,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window, ``y[n,c,i,j] = sum over u, v of x[n,c, s*i + u - p, s*j + v - p] / count[i,j]``.

    Args:
        x: of shape (N, C, H, W), or (C, H, W) for a single sample.
        kernel_size: the height and width of the window, as a number or a pair, as the settings that follow.
        stride: the step from place to place; that of ``kernel_size`` if it is not given, so that windows tile x.
        padding: how many zeros surround x, at most half of the window.
        ceil_mode: whether windows may reach past the end, as long as they start before it, so that none of x is left.
        count_include_pad: whether the padding counts as entries. What ``ceil_mode`` adds to it never does.
        divisor_override: what to divide all sums by instead of the count.

    Returns:
        An array or tensor of shape (N, C, H', W') or (C, H', W') as for ``max_pool2d``.

    Raises:
        ValueError: x has another number of axes, the window is larger than it, or a setting is out of range.

    >>> avg_pool2d(np.array([[[1.0, 2.0, 5.0, 0.0], [4.0, 3.0, 5.0, 6.0]]]), 2)
    array([[[2.5, 4. ]]])
    """
    x, window = array(x), _window("avg_pool2d", kernel_size, stride, padding)
    _check_divisor("avg_pool2d", divisor_override)
    window = _fitted("avg_pool2d", x.shape, window, ceil_mode)
    if divisor_override is not None:
        return avg_pooling(x, window=window, counts=divisor_override)
    margins = pair("avg_pool2d", "padding", padding, 0) if count_include_pad else (0, 0)
    return avg_pooling(x, window=window, counts=_counts(x.shape[-2:], window, margins, x.dtype))


def _means(x: Any, *, window: Window, counts: Any) -> np.ndarray:
    working = {"f": np.promote_types(x.dtype, np.float32), "u": float, "i": float}.get(x.dtype.kind, x.dtype)
    means = window.reduce(np.add, x.astype(working, copy=False), start=0) / counts
    return means.astype(x.dtype) if x.dtype == np.float16 else means


@derived(forward=_means)
def avg_pooling(x: Any, *, window: Window, counts: Any) -> Any:
    """The sum of each window divided by its count. An entry of x has the weight ``1 / counts[i]`` in the windows i that
    it is in, so ``dx[p]`` is the sum of ``g[i] / counts[i]`` over these."""
    return window.over(x).sum(axis=(-2, -1)) / counts


def _spread(g: Any, x_shape: tuple[int, ...], window: Window, counts: Any) -> np.ndarray:
    return window.spread(g / counts, x_shape[-2:])


@on_arrays(_spread)
def _avg_pooling_vjp(g: Any, x_shape: tuple[int, ...], window: Window, counts: Any) -> Any:
    shares, dx = g / counts, _zeros(g, x_shape)
    for _, places, entries in window.slabs(x_shape[-2:]):
        dx[entries] = dx[entries] + shares[places]
    return dx


avg_pooling.gradient(x=_avg_pooling_vjp)


def _counts(size: Pair, window: Window, margins: Pair, dtype: np.dtype) -> Any:
    """How many entries of each window count: those of x, and of its ``margins``; one number where all are alike."""
    rows, columns = (
        _counted(axis, length, margin) for axis, length, margin in zip(window.axes, size, margins, strict=True)
    )
    counts = np.outer(rows, columns)
    return int(counts[0, 0]) if (counts == counts[0, 0]).all() else counts.astype(dtype)


def _counted(axis: Slide, length: int, margin: int) -> np.ndarray:
    start = np.arange(axis.places(length)) * axis.stride - axis.before
    return np.minimum(start + axis.kernel, length + margin) - np.maximum(start, -margin)


def _window(name: str, kernel: Any, stride: Any, padding: Any, dilation: Any = 1) -> Window:
    """The window of a pooling by its settings, each of them checked."""
    kernel = pair(name, "kernel_size", kernel, 1)
    strides = kernel if stride is None else pair(name, "stride", stride, 1)
    margins, gaps = pair(name, "padding", padding, 0), pair(name, "dilation", dilation, 1)
    window = Window(tuple(Slide(k, s, m, m, d) for k, s, m, d in zip(kernel, strides, margins, gaps, strict=True)))
    if any(2 * margin > span for margin, span in zip(margins, window.span, strict=True)):
        raise ValueError(f"{name}: padding is at most half of the window, which spans {window.span}, not {margins}")
    return window


def _check_divisor(name: str, divisor: Any) -> None:
    if divisor is not None and (not isinstance(divisor, (int, np.integer)) or divisor < 1):
        raise ValueError(f"{name}: divisor_override is a positive integer or None, not {divisor!r}")


def _fitted(name: str, shape: tuple[int, ...], window: Window, ceil_mode: bool) -> Window:
    """The window for an input of this shape."""
    if len(shape) not in (3, 4):
        raise ValueError(f"{name} takes x (N, C, H, W) or (C, H, W), but was given {shape}")
    if ceil_mode:
        window = Window(tuple(_completed(axis, n) for axis, n in zip(window.axes, shape[-2:], strict=True)))
    if min(window.places(shape[-2:])) < 1:
        raise ValueError(
            f"{name}: the window spans {window.span}, more than x of shape {shape} with padding "
            f"{tuple(axis.before for axis in window.axes)}; "
            f"take a smaller kernel_size or dilation"
        )
    return window


def _completed(axis: Slide, length: int) -> Slide:
    """With so much more padding that the last entries are in a window too, unless that would start in the padding."""
    beyond = -(length + axis.before + axis.after - axis.span) % axis.stride
    starts_inside = axis.places(length) * axis.stride < length + axis.before
    return replace(axis, after=axis.after + beyond) if starts_inside else axis


class MaxPool2d(Module):
    """The largest entry of each window; see ``nn.functional.max_pool2d``.

    >>> MaxPool2d(2)(np.ones((5, 3, 32, 32))).shape
    (5, 3, 16, 16)
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        ceil_mode: bool = False,
    ) -> None:
        _window("MaxPool2d", kernel_size, stride, padding, dilation)
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode

    @property
    def expects(self) -> str:
        return "(N, C, H, W) or (C, H, W)"

    def forward(self, x: Any) -> Any:
        return max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class AvgPool2d(Module):
    """The mean of each window; see ``nn.functional.avg_pool2d``.

    >>> AvgPool2d(2)(np.ones((5, 3, 32, 32))).shape
    (5, 3, 16, 16)
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        _window("AvgPool2d", kernel_size, stride, padding)
        _check_divisor("AvgPool2d", divisor_override)
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    @property
    def expects(self) -> str:
        return "(N, C, H, W) or (C, H, W)"

    def forward(self, x: Any) -> Any:
        return avg_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )
