"""Hypothesis strategies for the arrays that gradients are tested on: shapes, values, memory layouts, axes, indices.

Values come from a lattice: two of them are equal or at least 1/64 apart, so a tie is a tie, and no small step of a
finite difference straddles a kink. Needs the package ``hypothesis``, alone in this library.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor, prod
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Shape = tuple[int, ...]

PER_UNIT = 64
"""The points of the lattice in a unit: a power of two, so that they and sums of a few are exact in every dtype."""

STRESS = (0.0, 1.0, -1.0, 30.0, -30.0)
"""Where functions are special, and far enough out for many to saturate."""


def lattice(minimum: float | None = None, maximum: float | None = None, nonzero: bool = False) -> SearchStrategy[float]:
    """Multiples of 1/64 within the bounds; 0, 1, -1, 30 and -30 more often, where the bounds allow them.

    Without bounds the others lie within [-4, 4]; with one of them, within 8 of it at least.

    Raises:
        ValueError: there is no such number.
    """

    def allowed(value: float) -> bool:
        within = (minimum is None or value >= minimum) and (maximum is None or value <= maximum)
        return within and (value != 0 or not nonzero)

    low, high = minimum, maximum
    if low is None:
        low = -4.0 if high is None else min(-4.0, high - 8.0)
    if high is None:
        high = max(4.0, low + 8.0)
    first, last = ceil(low * PER_UNIT), floor(high * PER_UNIT)
    if not any(map(allowed, (first / PER_UNIT, last / PER_UNIT))):
        raise ValueError(f"lattice: no multiple of 1/{PER_UNIT} lies within [{minimum}, {maximum}]")
    points = st.integers(first, last).map(lambda k: k / PER_UNIT)
    special = list(filter(allowed, STRESS))
    return (points.filter(allowed) if nonzero else points) | (st.sampled_from(special) if special else st.nothing())


def shapes(max_dims: int = 3, max_side: int = 3, min_side: int = 0, min_dims: int = 0) -> SearchStrategy[Shape]:
    """Shapes of arrays; 0-d ones too, and sides of length 0 and 1 as often as others."""
    return st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def broadcastable_shapes(
    draw: Any, count: int = 2, max_dims: int = 3, max_side: int = 3, min_side: int = 0
) -> tuple[Shape, ...]:
    """Shapes that broadcast together: a common one, often itself, or without leading axes and with some of length 1."""
    common = draw(shapes(max_dims, max_side, min_side))
    found = []
    for _ in range(count):
        broadcast = draw(st.booleans())
        start = draw(st.integers(0, len(common))) if broadcast else 0
        found.append(tuple(1 if broadcast and draw(st.booleans()) else n for n in common[start:]))
    return tuple(found)


@st.composite
def arrays(draw: Any, shape: Shape | SearchStrategy[Shape], values: SearchStrategy[float] | None = None) -> np.ndarray:
    """Arrays of float64 of a shape, with independent entries from ``values`` (``lattice()`` by default)."""
    shape = draw(shape) if isinstance(shape, SearchStrategy) else shape
    size = prod(shape)
    entries = draw(st.lists(lattice() if values is None else values, min_size=size, max_size=size))
    return np.array(entries, dtype=float).reshape(shape)


@st.composite
def distinct_arrays(draw: Any, shape: Shape | SearchStrategy[Shape]) -> np.ndarray:
    """Arrays of float64 without ties: the entries, in any order, are at least 1/64 apart."""
    shape = draw(shape) if isinstance(shape, SearchStrategy) else shape
    size = prod(shape)
    reach = max(256, size)
    entries = draw(st.lists(st.integers(-reach, reach), min_size=size, max_size=size, unique=True))
    return np.array(entries, dtype=float).reshape(shape) / PER_UNIT


def layouts(array: np.ndarray) -> SearchStrategy[np.ndarray]:
    """The same values in other memory: C or Fortran order, spread in a larger array, reversed, or read-only."""
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


def axes(ndim: int) -> SearchStrategy[int | tuple[int, ...] | None]:
    """What a reduction takes as ``axis``: None, an integer of either sign, or a tuple (also ()) without repeats."""
    if ndim == 0:
        return st.sampled_from([None, ()])
    axis = st.integers(-ndim, ndim - 1)
    return st.none() | axis | st.lists(axis, unique_by=lambda a: a % ndim).map(tuple)


@st.composite
def indices(draw: Any, shape: Shape) -> Any:
    """Every kind of index of an array of ``shape``, in bounds, and mixtures of them, with or without a tuple around.

    Integers, slices of either direction, Ellipsis, newaxis, arrays and lists of integers that broadcast together (and
    repeat themselves), boolean masks of one or several axes, and single booleans.
    """
    covered = draw(st.integers(0, len(shape)))
    if draw(st.integers(0, 4)) == 0:
        return draw(_masks(shape[:covered]))
    after = draw(st.integers(0, covered)) if draw(st.booleans()) else None  # how many parts follow an Ellipsis
    sides = shape[:covered] if after is None else shape[: covered - after] + shape[len(shape) - after :]
    parts = draw(_parts(sides))
    if after is not None:
        parts.insert(covered - after, Ellipsis)
    extra = draw(st.sampled_from([(), (), (None,), (None, None), (True,)]))
    for part in extra:
        parts.insert(draw(st.integers(0, len(parts))), part)
    return parts[0] if len(parts) == 1 and draw(st.booleans()) else tuple(parts)


@st.composite
def _parts(draw: Any, sides: Shape) -> list[Any]:
    """An index for each axis, of which those that are arrays broadcast together."""
    kinds = [draw(st.sampled_from(["integer", "slice", "slice", "integers", "mask"])) for _ in sides]
    common = draw(shapes(max_dims=2, max_side=3))
    parts: list[Any] = [None] * len(sides)
    if "mask" in kinds:  # the first one says how many entries the arrays select; a second might disagree
        first = kinds.index("mask")
        parts[first] = draw(_masks(sides[first : first + 1]))
        common = (int(parts[first].sum()),)
    for i, (kind, side) in enumerate(zip(kinds, sides, strict=True)):
        if parts[i] is None:
            possible = kind in ("integer", "integers") and (side or kind == "integers" and 0 in common)
            parts[i] = draw(_positions(side, common if kind == "integers" else ()) if possible else st.slices(side))
    return parts


@st.composite
def _positions(draw: Any, side: int, common: Shape) -> Any:
    """Positions on an axis: an integer, or an array or list of them of a shape that broadcasts to ``common``."""
    position = st.integers(-side, side - 1) if side else st.nothing()
    if not common:
        return draw(position)
    shape = tuple(1 if side and draw(st.integers(0, 3)) == 0 else n for n in common)
    entries = draw(st.lists(position, min_size=prod(shape), max_size=prod(shape)))
    array = np.array(entries, dtype=draw(st.sampled_from([np.intp, np.int8]))).reshape(shape)
    return array.tolist() if entries and draw(st.booleans()) else array


def _masks(shape: Shape) -> SearchStrategy[np.ndarray]:
    size = prod(shape)
    return st.lists(st.booleans(), min_size=size, max_size=size).map(lambda bits: np.array(bits, bool).reshape(shape))
