"""Geometries of convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .shapes import Shape


@dataclass(frozen=True)
class ConvolutionGeometry:
    """The lengths of a convolution of ``(batch, in_channels, *input)`` with
    ``(out_channels, in_channels / groups, *kernel)``, as deep-learning libraries mean it.

    Attributes:
        batch: how many inputs there are.
        in_channels, out_channels: multiples of ``groups``.
        groups: into how many convolutions side by side the channels are divided.
        input, kernel: the lengths along each axis.
        stride, padding, dilation: one for each axis; as many zeros as ``padding`` are put on either side.
    """

    batch: int
    in_channels: int
    out_channels: int
    groups: int
    input: Shape
    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape

    @property
    def output(self) -> Shape:
        """The lengths of the result: how many places the dilated kernel has in the padded input."""
        lengths = zip(self.input, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        return tuple((n + 2 * pad - gap * (k - 1) - 1) // step + 1 for n, k, step, pad, gap in lengths)

    @property
    def input_shape(self) -> Shape:
        """``(batch, in_channels, *input)``."""
        return (self.batch, self.in_channels, *self.input)

    @property
    def weight_shape(self) -> Shape:
        """``(out_channels, in_channels / groups, *kernel)``."""
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)

    @property
    def output_shape(self) -> Shape:
        """``(batch, out_channels, *output)``."""
        return (self.batch, self.out_channels, *self.output)


@st.composite
def convolution_geometries(
    draw: Any, ndim: int | SearchStrategy[int] = 2, max_output: int = 3, max_kernel: int = 3, max_channels: int = 2
) -> ConvolutionGeometry:
    """Geometries of convolutions over ``ndim`` axes, all of them valid: the result has a place along each axis.

    Those in which the stride leaves entries at the end of the input unread, the padding is wider than the kernel, or
    the kernel wider than the input, come up.

    >>> from hypothesis import find
    >>> geometry = find(convolution_geometries(1), lambda g: g.groups == 2 and g.stride == (2,))
    >>> len(geometry.input_shape), geometry.weight_shape[1] == geometry.input_shape[1] // 2
    (3, True)

    Args:
        ndim: how many axes are convolved over, or a strategy for it.
        max_output: the largest length of the result.
        max_kernel: the largest length of the kernel; the largest stride, padding and dilation too.
        max_channels: how many channels a group has at most, on either side.
    """
    ndim = draw(ndim) if isinstance(ndim, SearchStrategy) else ndim
    sizes, few = st.integers(1, max_kernel), st.integers(1, max_channels)
    groups = draw(st.integers(1, 2))
    columns = []
    for _ in range(ndim):
        kernel, stride, dilation = draw(sizes), draw(sizes), draw(sizes)
        span = dilation * (kernel - 1) + 1
        needed = span + stride * (draw(st.integers(1, max_output)) - 1) + draw(st.integers(0, stride - 1))
        padding = draw(st.integers(0, min(max_kernel, (needed - 1) // 2)))
        columns.append((needed - 2 * padding, kernel, stride, padding, dilation))
    lengths = zip(*columns, strict=True) if columns else [()] * 5
    return ConvolutionGeometry(draw(st.integers(1, 2)), groups * draw(few), groups * draw(few), groups, *lengths)
