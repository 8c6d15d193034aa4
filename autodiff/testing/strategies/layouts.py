"""Memory layouts of an array."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..layouts import LAYOUTS


def layouts(array: np.ndarray) -> SearchStrategy[np.ndarray]:
    """The same values in other memory: C or Fortran order, spread in a larger array, reversed, or read-only.

    >>> from hypothesis import find
    >>> x = np.arange(6.0).reshape(2, 3)
    >>> y = find(layouts(x), lambda y: y.strides[0] < 0)
    >>> np.array_equal(x, y), np.shares_memory(x, y)
    (True, False)
    """
    return st.sampled_from(list(LAYOUTS.values())).map(lambda copy: copy(array))
