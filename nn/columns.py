"""Convolution of plain arrays by products of matrices that have windows of the input as columns.

The idea is that of Chellapilla, Puri and Simard (2006, "High performance convolutional neural networks for document
processing"). Here one copy fills a row of the matrix at all places, for as many samples as fit into the cache. The
columns are not kept for the backward pass, but made again. ``nn.convolution`` says what it is that is computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from .windows import Pair, Slide, Window, blocks

SMALL = 64
"""Places of a sample, below which samples go together into one matrix, since products of small ones are slow."""


def output(x: Any, weight: Any, bias: Any = None, *, window: Window, groups: int) -> np.ndarray:
    """The convolution of x with the weight, plus the bias."""
    samples, dtype = batched(x), np.result_type(x, weight, weight if bias is None else bias)
    y = np.empty((len(samples), len(weight), *window.places(x.shape[-2:])), _working(dtype))
    _correlate(samples, weight_in_groups(weight, groups), bias, window, out=y)
    return y.reshape(*x.shape[:-3], *y.shape[1:]).astype(dtype, copy=False)


def gradient_of_input(g: Any, weight: Any, *, size: Pair, window: Window, groups: int) -> np.ndarray:
    """Convolutions of g: for the entries of x in each phase of the stride one with the entries of the kernel that fall
    on them, last first."""
    samples, kernels, dtype = batched(g), weight_in_groups(weight, groups).swapaxes(1, 2), np.result_type(g, weight)
    dx = np.zeros((len(samples), groups * weight.shape[1], *size), _working(dtype))
    for (p, u, down), (q, v, across) in product(*map(_phases, window.axes, size, g.shape[-2:])):
        _correlate(samples, kernels[:, :, :, u, v], None, Window((down, across)), out=dx[:, :, p, q])
    return dx.reshape(*g.shape[:-3], *dx.shape[1:]).astype(dtype, copy=False)


def gradient_of_weight(x: Any, g: Any, *, window: Window, groups: int) -> np.ndarray:
    """Products of the rows of g with the columns of x, summed over the samples."""
    samples, cotangents, dtype = batched(x), batched(g), np.result_type(x, g)
    channels, outputs = x.shape[-3] // groups, g.shape[-3] // groups
    dw = np.zeros((groups, channels, *window.kernel, outputs), _working(dtype))
    for block in _columns(samples, window, groups, dw.dtype, whole=False):
        rows = _arranged(cotangents[block.samples, :, block.rows], block.together).astype(dw.dtype, copy=False)
        rows = rows.reshape(len(rows), groups, outputs, math.prod(rows.shape[2:]))
        for u, _, columns in block.parts:
            part = dw[:, :, u]
            part += (columns @ rows.swapaxes(2, 3)).sum(axis=0).reshape(part.shape)
    return np.moveaxis(dw, -1, 1).reshape(g.shape[-3], channels, *window.kernel).astype(dtype, copy=False)


def _correlate(x: Any, weight: Any, bias: Any, window: Window, out: np.ndarray) -> None:
    """Put the convolution of samples with a weight in groups into ``out``."""
    groups, outputs, channels, _, across = weight.shape
    height, width = out.shape[2:]
    whole = height * width < SMALL or channels * across < outputs  # more is added, row by row, than had to be copied
    matrices: dict[int, np.ndarray] = {}
    for block in _columns(x, window, groups, out.dtype, whole):
        target = _arranged(out[block.samples, :, block.rows], block.together)
        total = target.reshape(len(target), groups, outputs, math.prod(target.shape[2:]))  # a view, if that can be
        for u, places, columns in block.parts:
            if u.start not in matrices:
                matrices[u.start] = np.ascontiguousarray(weight[:, :, :, u].reshape(groups, outputs, -1), out.dtype)
            if u.start == 0:
                if total.strides[-1] == total.itemsize:
                    np.matmul(matrices[0], columns[..., places], out=total[..., places])
                else:  # NumPy 2.3.0 gives BLAS wrong strides of an ``out`` whose rows are not in one piece
                    total[..., places] = matrices[0] @ columns[..., places]
                total[..., : places.start] = total[..., places.stop :] = 0
            else:
                total[..., places] += matrices[u.start] @ columns[..., places]
        if bias is not None:
            total += bias.reshape(groups, outputs, 1)
        if not np.may_share_memory(total, out):
            target[...] = total.reshape(target.shape)


def _phases(axis: Slide, length: int, places: int) -> Iterator[tuple[slice, slice, Slide]]:
    """How the gradient of the input is a convolution along an axis: for each of the entries ``p, p + stride, ...``,
    these, the kernel's entries that ever fall on them, last first, and how they slide over the output's gradient.

    Entry u falls on p at the place ``i = (p + before - dilation*u) / stride``, if that is an integer.
    """
    step = axis.stride // math.gcd(axis.stride, axis.dilation)  # from one such u to the next
    for p in range(min(axis.stride, length)):
        falling = (u for u in range(axis.kernel) if (p + axis.before - axis.dilation * u) % axis.stride == 0)
        last = max(falling, default=None)
        if last is not None:
            entries, place = slice(p, length, axis.stride), (p + axis.before - axis.dilation * last) // axis.stride
            slide = Slide(last // step + 1, before=-place, dilation=axis.dilation * step // axis.stride)
            yield entries, slice(last, None, -step), slide.part(slice(0, len(range(length)[entries])), places)


class Block(NamedTuple):
    """The windows of some samples at some rows of places, as columns of matrices.

    ``parts`` has one matrix (samples, groups, entries of a window, places) for all rows of the kernel, or one for each,
    after the slice of these rows and that of the places at which they are not in the padding, where there are zeros
    alone. Samples that are ``together`` count as one, with all their places.
    """

    samples: slice
    rows: slice
    together: bool
    parts: list[tuple[slice, slice, np.ndarray]]


def _columns(x: Any, window: Window, groups: int, dtype: np.dtype, whole: bool) -> Iterator[Block]:
    """All the windows, block by block; the memory of each is that of the one before.

    For the kernel as a ``whole`` the windows are copied. Otherwise they are only spread along the rows, into lines one
    below the other: then the matrix for a row of the kernel is some of these lines, that for the next row the same
    memory from a later line on, and nothing is copied twice. (For a stride s the lines of the input are dealt out to s
    such stacks in turn, as a window with a kernel of s entries would.)
    """
    (down, across), size, channels = window.axes, x.shape[2:], x.shape[1] // groups
    height, width = window.places(size)
    together = height * width < SMALL
    dealt = down if whole else replace(down, kernel=down.stride, dilation=1)
    extra = 0 if whole else (down.span - 1) // down.stride
    line_size = x.shape[1] * dealt.kernel * across.kernel * width * dtype.itemsize
    for rows in blocks(height, line_size):
        lines = slice(rows.start, rows.stop + extra)
        part = dealt.part(lines, size[0])
        slabs = list(Window((part, across)).slabs(size))
        buffer = np.empty(0)
        for block in blocks(len(x), line_size * (lines.stop - lines.start)):
            samples = _arranged(x[block], together)
            shape = (len(samples), groups, channels, *samples.shape[2:])
            samples = samples.reshape(shape)
            if window.is_point:
                matrix = samples[:, :, :, rows].reshape(*shape[:3], -1).astype(dtype, copy=False)
                yield Block(block, rows, together, [(slice(0, 1), slice(0, matrix.shape[3]), matrix)])
                continue
            shape = (*shape[:3], dealt.kernel, across.kernel, lines.stop - lines.start, shape[4], width)
            if buffer.shape != shape:
                buffer = _zeros(shape, dtype, whole)
                filled = {stack: (places.start, places.stop) for stack, places, _ in part.slabs(size[0])}
                parts = _parts(buffer, down, rows.stop - rows.start, filled, whole)
            for (u, v), (_, i, j), (_, p, q) in slabs:
                buffer[:, :, :, u, v, i, :, j] = samples[:, :, :, p, :, q]  # elsewhere there are the zeros of padding
            yield Block(block, rows, together, parts)


def _zeros(shape: tuple[int, ...], dtype: np.dtype, whole: bool) -> np.ndarray:
    """Zeros whose memory has the third axis, of channels, next to the fifth, unless the fourth must come with them."""
    if whole:
        return np.zeros(shape, dtype)
    samples, groups, channels, stacks, *others = shape
    return np.zeros((samples, groups, stacks, channels, *others), dtype).swapaxes(2, 3)


def _parts(
    buffer: np.ndarray, down: Slide, rows: int, filled: dict[int, Pair], whole: bool
) -> list[tuple[slice, slice, np.ndarray]]:
    """The parts of a block: views of the buffer that is still to be filled, at these lines of each stack."""
    samples, groups, _, taps, _, _, together, width = buffer.shape
    shape, per_row = (samples, groups, -1, rows * together * width), together * width
    if whole:
        return [(slice(0, taps), slice(0, shape[3]), buffer.reshape(shape, copy=False))]
    parts = []
    for u in range(down.kernel):
        line, stack = divmod(down.dilation * u, down.stride)
        first, last = (min(max(end - line, 0), rows) for end in filled.get(stack, (0, 0)))
        matrix = buffer[:, :, :, stack, :, line : line + rows].reshape(shape, copy=False)
        parts.append((slice(u, u + 1), slice(first * per_row, last * per_row), matrix))
    return parts


def _arranged(y: Any, together: bool) -> Any:
    """Samples (N, C, H, W) as (N, C, H, 1, W), or all ``together`` as one: (1, C, H, N, W)."""
    return y.transpose(1, 2, 0, 3)[None] if together else y[:, :, :, None]


def _working(dtype: np.dtype) -> np.dtype:
    """What to compute in: float32 for float16."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def batched(x: Any) -> Any:
    """A single sample (C, H, W) as a batch of one."""
    return x if x.ndim == 4 else x[None]


def channels_in_groups(x: Any, groups: int) -> Any:
    """Of shape (..., groups, channels / groups, H, W)."""
    return x.reshape(*x.shape[:-3], groups, x.shape[-3] // groups, *x.shape[-2:])


def weight_in_groups(weight: Any, groups: int) -> Any:
    """Of shape (groups, O / groups, C / groups, kernel height, kernel width)."""
    return weight.reshape(groups, len(weight) // groups, *weight.shape[1:])
