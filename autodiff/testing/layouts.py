"""The same values in other memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def spread(array: np.ndarray) -> np.ndarray:
    """Every second entry, along each axis, of a larger array that is NaN elsewhere."""
    larger = np.full([2 * n + 1 for n in array.shape], np.nan, array.dtype)
    every_second: Any = (*[slice(1, None, 2)] * array.ndim, ...)
    view = larger[every_second]
    view[...] = array
    return view


def backwards(array: np.ndarray) -> np.ndarray:
    """A view with negative strides along every axis."""
    reverse: Any = (*[slice(None, None, -1)] * array.ndim, ...)
    return array[reverse].copy()[reverse]


def read_only(array: np.ndarray) -> np.ndarray:
    """A copy that cannot be written to."""
    copy = np.array(array)
    copy.flags.writeable = False
    return copy


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C order": lambda array: np.array(array, order="C"),
    "Fortran order": lambda array: np.array(array, order="F"),
    "every second entry of a larger array": spread,
    "reversed memory": backwards,
    "read-only memory": read_only,
}
"""How to copy an array into each layout."""
