"""Windows that slide over the last axes: what convolution and pooling have in common."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Pair = tuple[int, int]
Index = tuple[Any, ...]

BLOCK = 1 << 20
"""Bytes that kernels work on at a time, as far as they can choose: so much stays in the cache."""


def pair(function: str, name: str, value: Any, least: int) -> Pair:
    """A setting for both axes: a number stands for two of it.

    >>> pair("conv2d", "stride", 2, least=1)
    (2, 2)

    Raises:
        ValueError: it is neither an integer nor two of them, or one is less than ``least``.
    """
    both = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    integers = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in both)
    if len(both) != 2 or not integers or min(both) < least:
        raise ValueError(f"{function}: {name} is an integer or a pair of them, each at least {least}, not {value!r}")
    return int(both[0]), int(both[1])


def blocks(count: int, size: int) -> Iterator[slice]:
    """Slices of as many of ``count`` things as fit into ``BLOCK``, given the size of one in bytes; at least one."""
    step = max(1, min(count, BLOCK // max(1, size)))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


@dataclass(frozen=True)
class Slide:
    """How a window slides along one axis: its entry u at place i is entry ``stride*i + dilation*u - before`` there.

    Entries before the first and after the last of the axis, so many as ``before`` and ``after`` say, are padding; where
    these are negative, entries of the axis are left out instead.
    """

    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    @property
    def span(self) -> int:
        """How many entries the dilated window extends over."""
        return self.dilation * (self.kernel - 1) + 1

    def places(self, length: int) -> int:
        """How many places the window has on an axis of this length; not positive if it does not fit."""
        return (length + self.before + self.after - self.span) // self.stride + 1

    def slabs(self, length: int) -> list[tuple[int, slice, slice]]:
        """For each entry u of the window: the places where it is not padding, and the entries of the axis there."""
        found = []
        for u in range(self.kernel):
            offset = self.dilation * u - self.before
            first = max(0, -(offset // self.stride))
            end = min(self.places(length), (length - 1 - offset) // self.stride + 1)
            if first < end:
                start, last = self.stride * first + offset, self.stride * (end - 1) + offset
                found.append((u, slice(first, end), slice(start, last + 1, self.stride)))
        return found

    def part(self, places: slice, length: int) -> Slide:
        """The same window, but with just these places on an axis of this length."""
        before = self.before - self.stride * places.start
        reach = self.stride * (places.stop - places.start - 1) + self.span
        return replace(self, before=before, after=reach - before - length)

    def reduce(self, function: np.ufunc, x: np.ndarray, k: int, start: float) -> np.ndarray:
        """``function`` of the entries of each window along axis k that are not padding; ``start`` if there are none."""
        before, slabs, places = (slice(None),) * k, self.slabs(x.shape[k]), self.places(x.shape[k])
        if all(where == slice(0, places) for _, where, _ in slabs) and slabs:
            return functools.reduce(function, [x[(*before, entries)] for _, _, entries in slabs])
        y = np.full((*x.shape[:k], places, *x.shape[k + 1 :]), start, x.dtype)
        for _, where, entries in slabs:
            part = y[(*before, where)]
            function(part, x[(*before, entries)], out=part)
        return y

    def spread(self, y: np.ndarray, k: int, length: int) -> np.ndarray:
        """The sum over the places that each entry of axis k is in, for entries of y along it: the gradient of a sum."""
        before = (slice(None),) * k
        x = np.zeros((*y.shape[:k], length, *y.shape[k + 1 :]), y.dtype)
        for _, where, entries in self.slabs(length):
            if self.span <= self.stride:  # no entry is in two windows
                x[(*before, entries)] = y[(*before, where)]
            else:
                x[(*before, entries)] += y[(*before, where)]
        return x

    def incidence(self, length: int, dtype: np.dtype) -> np.ndarray:
        """1 where entry u of the window at place i is entry p of the axis, of shape (entries, places, kernel)."""
        p, i, u = np.ogrid[:length, : self.places(length), : self.kernel]
        return (p == self.stride * i + self.dilation * u - self.before).astype(dtype)


@dataclass(frozen=True)
class Window:
    """A window that slides along each of the last axes."""

    axes: tuple[Slide, ...]

    @property
    def kernel(self) -> tuple[int, ...]:
        """How many entries it has, along each axis."""
        return tuple(axis.kernel for axis in self.axes)

    @property
    def span(self) -> tuple[int, ...]:
        """How many entries it extends over, along each axis."""
        return tuple(axis.span for axis in self.axes)

    @property
    def is_disjoint(self) -> bool:
        """Whether no entry is in two windows."""
        return all(axis.span <= axis.stride for axis in self.axes)

    @property
    def is_point(self) -> bool:
        """Whether the windows are just the entries."""
        return all(axis == Slide(kernel=1) for axis in self.axes)

    def places(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """How many places it has in an input of a size, along each axis; not positive if it does not fit."""
        return tuple(axis.places(length) for axis, length in zip(self.axes, size, strict=True))

    def over(self, x: Any, fill: float = 0.0) -> Any:
        """The windows themselves, of shape ``(..., *places, *kernel)``; a view of the padded x."""
        n = len(self.axes)
        widths = [(axis.before, axis.after) for axis in self.axes]
        padded = np.pad(x, [(0, 0)] * (x.ndim - n) + widths, constant_values=fill) if any(map(any, widths)) else x
        windows = sliding_window_view(padded, self.span, axis=tuple(range(-n, 0)))
        steps = [axis.stride for axis in self.axes] + [axis.dilation for axis in self.axes]
        index: Index = (..., *[slice(None, None, step) for step in steps])
        return windows[index]

    def slabs(self, size: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Index, Index]]:
        """For each entry of the window: where it is not padding, and what it is there, each as one index.

        So ``windows[places][..., u, v]`` is ``x[entries]`` for the windows of ``over``.

        >>> window = Window((Slide(kernel=1), Slide(kernel=2, before=1)))
        >>> for entry, (_, _, places), (_, _, entries) in window.slabs((1, 3)):
        ...     print(entry, places, entries)
        (0, 0) slice(1, 3, None) slice(0, 2, 1)
        (0, 1) slice(0, 3, None) slice(0, 3, 1)
        """
        for slabs in product(*[axis.slabs(length) for axis, length in zip(self.axes, size, strict=True)]):
            entry, places, entries = zip(*slabs, strict=True)
            yield entry, (..., *places), (..., *entries)

    def reduce(self, function: np.ufunc, x: np.ndarray, start: float) -> np.ndarray:
        """``function`` of the entries of each window that are not padding, of shape ``(..., *places)``.

        It is taken along one axis after the other, as ``max`` and ``sum`` can be, which takes as many passes as
        the window is high and wide rather than large, the first of them over whole rows.
        """
        planes = x.reshape(-1, *x.shape[-len(self.axes) :])
        y = np.empty((len(planes), *self.places(planes.shape[1:])), x.dtype)
        for block in blocks(len(planes), math.prod(planes.shape[1:]) * x.itemsize):
            part = planes[block]
            for k, axis in enumerate(self.axes, start=1):
                part = axis.reduce(function, part, k, start)
            y[block] = part
        return y.reshape(*x.shape[: -len(self.axes)], *y.shape[1:])

    def spread(self, y: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
        """The sum over the windows that each entry of an input of this size is in, for y of shape ``(..., *places)``.

        This is the gradient of ``reduce`` with ``np.add``, and goes the same way back.
        """
        planes = y.reshape(-1, *y.shape[-len(self.axes) :])
        x = np.empty((len(planes), *size), y.dtype)
        for block in blocks(len(planes), math.prod(size) * y.itemsize):
            part = planes[block]
            for k in range(len(self.axes), 0, -1):
                part = self.axes[k - 1].spread(part, k, size[k - 1])
            x[block] = part
        return x.reshape(*y.shape[: -len(self.axes)], *size)
