"""Sums by BLAS: as products with vectors of ones, in a third of the time of ``np.add.reduce``, and more accurate."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .derived import on_arrays


@lru_cache(maxsize=32)
def ones(n: int, dtype: np.dtype) -> np.ndarray:
    """A vector for sums by BLAS; shared, so it cannot be written to."""
    vector = np.ones(n, dtype)
    vector.flags.writeable = False
    return vector


def _sum_of_rows_on_arrays(matrix: Any) -> Any:
    if matrix.dtype.char in "fd":
        return ones(len(matrix), matrix.dtype).dot(matrix)
    return np.add.reduce(matrix, 0)


@on_arrays(_sum_of_rows_on_arrays)
def sum_of_rows(matrix: Any) -> Any:
    """``matrix.sum(axis=0)``.

    >>> sum_of_rows(np.ones((3, 2)))
    array([3., 3.])
    """
    return np.add.reduce(matrix, 0)
