"""Memory layouts of an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy


def layouts(array: np.ndarray) -> SearchStrategy[np.ndarray]:
    """The same values in other memory: C or Fortran order, spread in a larger array, reversed, or read-only.

    >>> from hypothesis import find
    >>> x = np.arange(6.0).reshape(2, 3)
    >>> y = find(layouts(x), lambda y: y.strides[0] < 0)
    >>> np.array_equal(x, y), np.shares_memory(x, y)
    (True, False)
    """
    copies: list[Callable] = [np.copy, lambda a: np.array(a, order="F"), _spread, _reversed, _read_only]
    return st.sampled_from(copies).map(lambda copy: copy(array))


def _spread(array: np.ndarray) -> np.ndarray:
    """Every second entry, along each axis, of a larger array that is NaN elsewhere."""
    larger = np.full([2 * n + 1 for n in array.shape], np.nan, array.dtype)
    every_second: Any = (*[slice(1, None, 2)] * array.ndim, ...)
    view = larger[every_second]
    view[...] = array
    return view


def _reversed(array: np.ndarray) -> np.ndarray:
    """A view with negative strides along every axis."""
    reverse: Any = (*[slice(None, None, -1)] * array.ndim, ...)
    return array[reverse].copy()[reverse]


def _read_only(array: np.ndarray) -> np.ndarray:
    copy = np.array(array)
    copy.flags.writeable = False
    return copy
