"""Layouts change where values are in memory, not the values."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autodiff.testing.strategies import arrays, layouts, shapes

from .drawing import comes_up


@given(st.data())
def test_layouts_change_the_memory_and_nothing_else(data) -> None:
    x = data.draw(arrays(shapes()))
    y = data.draw(layouts(x))
    assert isinstance(y, np.ndarray) and not np.shares_memory(x, y)
    np.testing.assert_array_equal(x, y, strict=True)


def test_every_layout_comes_up() -> None:
    some = layouts(np.ones((3, 2), np.float32))
    assert comes_up(some, lambda x: x.flags.c_contiguous and x.flags.writeable)
    assert comes_up(some, lambda x: x.flags.f_contiguous)
    assert comes_up(some, lambda x: x.strides[1] == 2 * x.itemsize)
    assert comes_up(some, lambda x: max(x.strides) < 0)
    assert comes_up(some, lambda x: not x.flags.writeable)
