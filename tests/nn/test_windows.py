"""Windows: the slices of ``slabs`` and the table of ``incidence`` say the same as the windows themselves."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nn.windows import Slide, Window, blocks

SLIDES = st.builds(
    Slide,
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    before=st.integers(0, 4),
    after=st.integers(0, 4),
    dilation=st.integers(1, 3),
)
LENGTHS = st.integers(1, 9)


def indices(slide: Slide, length: int) -> np.ndarray:
    """Which entry each of the window is at each place, of shape (places, kernel), by the definition."""
    i, u = np.ogrid[: slide.places(length), : slide.kernel]
    return slide.stride * i + slide.dilation * u - slide.before


@given(SLIDES, LENGTHS)
def test_there_are_as_many_places_as_fit_between_the_ends_of_the_padding(slide: Slide, length: int) -> None:
    places, end = slide.places(length), length + slide.after
    if places > 0:
        assert slide.stride * (places - 1) + slide.span - slide.before <= end
    assert slide.stride * max(places, 0) + slide.span - slide.before > end


@given(SLIDES, LENGTHS, st.data())
def test_slabs_incidence_and_parts_are_the_definition(slide: Slide, length: int, data: st.DataObject) -> None:
    count = slide.places(length)
    if count < 1:
        return
    p = indices(slide, length)
    table = np.full(p.shape, -1)
    for u, places, entries in slide.slabs(length):
        table[places, u] = np.arange(length)[entries]
    np.testing.assert_array_equal(table, np.where((p >= 0) & (p < length), p, -1))
    np.testing.assert_array_equal(slide.incidence(length, np.dtype(float)), np.arange(length)[:, None, None] == p)
    start = data.draw(st.integers(0, count - 1))
    some = slice(start, data.draw(st.integers(start + 1, count)))
    part = slide.part(some, length)
    assert part.places(length) == some.stop - some.start
    np.testing.assert_array_equal(indices(part, length), p[some])


@given(SLIDES, SLIDES, LENGTHS, LENGTHS)
def test_windows_are_those_of_the_padded_input(down: Slide, across: Slide, height: int, width: int) -> None:
    window, x = Window((down, across)), np.arange(1.0, height * width + 1).reshape(height, width)
    if min(window.places(x.shape)) < 1:
        return
    expected = np.zeros((*window.places(x.shape), *window.kernel))
    for (u, v), places, entries in window.slabs(x.shape):
        expected[..., u, v][places] = x[entries]
    np.testing.assert_array_equal(window.over(x), expected)
    np.testing.assert_array_equal(window.reduce(np.add, x, start=0), expected.sum(axis=(-2, -1)))
    y = np.arange(1.0, math.prod(expected.shape[:2]) + 1).reshape(expected.shape[:2])
    assert (window.spread(y, x.shape) * x).sum() == (y * expected.sum(axis=(-2, -1))).sum()


@given(st.integers(0, 9), st.sampled_from([0, 1, 1 << 19, 1 << 30]))
def test_blocks_are_everything_once_in_order(count: int, size: int) -> None:
    assert [i for block in blocks(count, size) for i in range(count)[block]] == list(range(count))
