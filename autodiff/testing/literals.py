"""Arrays as Python source."""

from __future__ import annotations

import re

import numpy as np


def array_literal(array: np.ndarray) -> str:
    """An expression that makes an array again, digit for digit.

    >>> array_literal(np.array([[0.5, np.inf]]))
    'np.array([[0.5, np.inf]])'
    >>> array_literal(np.zeros((2, 3), np.float32))
    'np.zeros((2, 3), np.float32)'
    """
    usual = array.dtype == float or array.size and array.dtype in (complex, np.intp, bool)
    dtype = "" if usual else f", np.{array.dtype.name}"
    if array.dtype.kind in "fc" and array.ndim and not array.any() and not np.signbit(array.real).any():
        shape = array.shape if array.ndim > 1 else len(array)
        return f"np.zeros({shape}, np.complex128)" if array.dtype == complex else f"np.zeros({shape}{dtype})"
    if not array.size:
        return f"np.zeros({array.shape}{dtype})"
    values = re.sub(r"\b(nan|inf)\b", r"np.\1", repr(array.tolist()))
    return f"np.array({values}{dtype})"
