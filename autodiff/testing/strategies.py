"""Hypothesis strategies for arrays: shapes, values that differences can be taken at, memory layouts, axes, indices."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

Shape = tuple[int, ...]

STEPS_PER_UNIT = 64
"""Values are multiples of 1/64: exact in every floating-point type, sums of a few included."""

STRESS = (0.0, 1.0, -1.0, 30.0, -30.0)
"""Where derivatives are special, and far enough out for ``exp`` to saturate what it feeds."""


def shapes(max_dims: int = 3, max_side: int = 4, min_side: int = 0, min_dims: int = 0) -> st.SearchStrategy[Shape]:
    """Shapes of arrays: 0-d, with axes of length 0 and 1 as ``min_side`` allows, up to ``max_side ** max_dims``."""
    return st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def broadcastable_shapes(
    draw: Any, count: int, max_dims: int = 3, max_side: int = 4, min_side: int = 0
) -> tuple[Shape, ...]:
    """``count`` shapes that broadcast together: each lacks some leading axes, and has length 1 in some of the others.

    Often all of them are the whole shape, which then is what they broadcast to.
    """
    whole = draw(shapes(max_dims, max_side, min_side))
    if draw(st.booleans()):
        return (whole,) * count

    def part() -> Shape:
        kept = whole[draw(st.integers(0, len(whole))) :]
        return tuple(1 if side != 1 and draw(st.booleans()) else side for side in kept)

    return tuple(part() for _ in range(count))


def lattice(
    minimum: float | None = None, maximum: float | None = None, nonzero: bool = False
) -> st.SearchStrategy[float]:
    """Float64 scalars from a lattice of step 1/64: two of them are equal, or at least 1/64 apart.

    So a difference quotient with a smaller step never straddles a kink or a tie that it does not start from. Within
    [-2, 2] by default, with 1, -1, 30, -30 and 0 (but for ``nonzero``) more often, where the bounds allow them.

    Raises:
        ValueError: no point of the lattice lies between the bounds.
    """
    low = -2.0 if minimum is None else minimum
    high = 2.0 if maximum is None else maximum
    low, high = min(low, high if minimum is None else low), max(high, low if maximum is None else high)
    first, last = ceil(low * STEPS_PER_UNIT), floor(high * STEPS_PER_UNIT)
    if first > last or nonzero and first == last == 0:
        raise ValueError(f"no {'nonzero ' if nonzero else ''}multiple of 1/{STEPS_PER_UNIT} in [{minimum}, {maximum}]")
    values = st.integers(first, last).map(lambda k: k / STEPS_PER_UNIT)
    special = [
        value
        for value in STRESS
        if (minimum is None or value >= minimum) and (maximum is None or value <= maximum) and (value or not nonzero)
    ]
    if nonzero and first <= 0 <= last:
        values = values.filter(bool)
    return values | st.sampled_from(special) if special else values


def arrays(
    shape: Shape | st.SearchStrategy[Shape], values: st.SearchStrategy[float] | None = None
) -> st.SearchStrategy[np.ndarray]:
    """Float64 arrays of a shape (or of shapes from a strategy) with independent entries, from ``lattice()`` by default.

    Arrays of zeros, of equal entries and of many ties come up by themselves.
    """
    if isinstance(shape, st.SearchStrategy):
        return shape.flatmap(lambda drawn: arrays(drawn, values))
    size = prod(shape)
    entries = st.lists(lattice() if values is None else values, min_size=size, max_size=size)
    return entries.map(lambda drawn: np.array(drawn, dtype=float).reshape(shape))


@st.composite
def distinct_arrays(draw: Any, shape: Shape | st.SearchStrategy[Shape]) -> np.ndarray:
    """Float64 arrays without ties: entries in any order, at least 1/16 apart, around zero."""
    if isinstance(shape, st.SearchStrategy):
        shape = draw(shape)
    size = prod(shape)
    order = draw(st.permutations(range(size)))
    step = draw(st.sampled_from([1 / 16, 1 / 4, 1.0]))
    offset = draw(st.integers(-size, 0))
    return (np.array(order, dtype=float).reshape(shape) + offset) * step


def layouts(array: np.ndarray) -> st.SearchStrategy[np.ndarray]:
    """The same values in other memory: C and Fortran order, spread in a larger buffer, reversed, and read-only."""
    return st.sampled_from([np.ascontiguousarray, np.asfortranarray, spread, backwards, read_only]).map(
        lambda lay_out: lay_out(array).reshape(array.shape)  # ascontiguousarray makes 0-d arrays 1-d
    )


def spread(array: np.ndarray) -> np.ndarray:
    """A view with gaps: every second entry, along each axis, of a larger array that is NaN elsewhere."""
    buffer = np.full([2 * side + 1 for side in array.shape], np.nan, array.dtype)
    view = buffer[(slice(1, None, 2), ...) if array.ndim == 1 else (*[slice(1, None, 2)] * array.ndim, ...)]
    view[...] = array
    return view


def backwards(array: np.ndarray) -> np.ndarray:
    """A view with negative strides along every axis."""
    reverse = (*[slice(None, None, -1)] * array.ndim, ...)
    return array[reverse].copy()[reverse]


def read_only(array: np.ndarray) -> np.ndarray:
    """A copy that nobody can write to."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def axes(ndim: int) -> st.SearchStrategy[None | int | tuple[int, ...]]:
    """What ``axis`` may be for a reduction: None, an integer, or a tuple without duplicates, counted from either end.

    The empty tuple, which reduces nothing, is among them.
    """
    if not ndim:
        return st.sampled_from([None, ()])
    single = st.integers(-ndim, ndim - 1)
    return st.none() | single | st.lists(single, unique_by=lambda axis: axis % ndim).map(tuple)


@st.composite
def indices(draw: Any, shape: Shape) -> Any:
    """Every kind of index into an array of a shape, in bounds.

    Integers, slices of either direction, Ellipsis, newaxis, lists and arrays of integers that broadcast together,
    boolean masks of one or all axes, scalar booleans, and mixtures, with or without a tuple around them.
    """
    if draw(st.integers(0, 7)) == 0:
        return draw(masks(shape))
    count = draw(st.integers(0, len(shape)))
    ellipsis = count < len(shape) and draw(st.booleans())
    leading = draw(st.integers(0, count)) if ellipsis else count
    sides = (*shape[:leading], *shape[len(shape) - (count - leading) :])
    parts = draw(_parts(sides))
    if ellipsis:
        parts.insert(leading, Ellipsis)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        parts.insert(draw(st.integers(0, len(parts))), None)
    return parts[0] if len(parts) == 1 and draw(st.booleans()) else tuple(parts)


def masks(shape: Shape) -> st.SearchStrategy[np.ndarray]:
    """Boolean arrays of a shape."""
    size = prod(shape)
    return st.lists(st.booleans(), min_size=size, max_size=size).map(lambda bits: np.array(bits, bool).reshape(shape))


@st.composite
def _parts(draw: Any, sides: Sequence[int]) -> list:
    """An index for each axis; those that are arrays broadcast together."""
    whole = draw(shapes(max_dims=2, max_side=3))
    masked = False
    parts: list[Any] = []
    for side in sides:
        kind = draw(st.sampled_from(["integer", "slice", "slice", "array", "array", "mask"]))
        if kind == "mask" and not masked:
            masked = True  # a second one would have to select as many entries as the first
            parts.append(draw(masks((side,))))
            whole = (int(parts[-1].sum()),)
        elif kind == "integer" and side:
            parts.append(draw(st.integers(-side, side - 1)))
        else:
            parts.append(kind if kind == "array" and (side or 0 in whole) else draw(st.slices(side)))
    for i, side in enumerate(sides):
        if isinstance(parts[i], str):
            parts[i] = draw(_positions(side, whole))
    return parts


@st.composite
def _positions(draw: Any, side: int, whole: Shape) -> np.ndarray | list:
    """An array or list of positions on an axis, repeated ones too, whose shape broadcasts to ``whole``."""
    shape = tuple(1 if side and draw(st.integers(0, 3)) == 0 else length for length in whole)
    size = prod(shape)
    entry = st.integers(-side, side - 1) if side else st.nothing()
    drawn = draw(st.lists(entry, min_size=size, max_size=size))
    array = np.array(drawn, dtype=draw(st.sampled_from([np.int64, np.int32]))).reshape(shape)
    return array.tolist() if array.size and array.ndim and draw(st.booleans()) else array
