"""Hypothesis strategies for arrays that gradients can be tested on. Needs ``hypothesis``.

Values come from a lattice: two of them are equal or at least 1/64 apart, so a tie is a tie, and no step of a finite
difference straddles a kink.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Shape = tuple[int, ...]
STRESS = (0.0, 1.0, -1.0, 30.0, -30.0)


def lattice(minimum: float | None = None, maximum: float | None = None, nonzero: bool = False) -> SearchStrategy[float]:
    """Multiples of 1/64, mostly within [-4, 4], and the stress points 0, 1, -1, 30, -30; within the bounds given."""
    low = -4.0 if minimum is None else minimum
    high = max(low, 0.0) + 4.0 if maximum is None else maximum
    low = min(low, high - 8.0) if minimum is None else low
    points = st.integers(int(np.ceil(low * 64)), int(np.floor(high * 64))).map(lambda k: k / 64)
    inside = [x for x in STRESS if (minimum is None or x >= minimum) and (maximum is None or x <= maximum)]
    values = st.one_of(points, st.sampled_from(inside)) if inside else points
    return values.filter(bool) if nonzero else values


def shapes(max_dims: int = 3, max_side: int = 4, min_side: int = 0, min_dims: int = 0) -> SearchStrategy[Shape]:
    """Shapes of arrays; sides of length 0 and 1 are as likely as others."""
    return st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def broadcastable_shapes(
    draw: Any, count: int = 2, max_dims: int = 3, max_side: int = 4, min_side: int = 0
) -> tuple[Shape, ...]:
    """Shapes that broadcast together: each is the common one with leading axes left out and others of length 1."""
    common = draw(shapes(max_dims, max_side, min_side))
    found = []
    for _ in range(count):
        start = draw(st.integers(0, len(common)))
        found.append(tuple(1 if draw(st.booleans()) else n for n in common[start:]))
    return tuple(found)


@st.composite
def arrays(draw: Any, shape: Shape | SearchStrategy[Shape], values: SearchStrategy[float] | None = None) -> np.ndarray:
    """Arrays of float64 of a shape, with entries from ``values`` (the lattice by default)."""
    shape = draw(shape) if isinstance(shape, SearchStrategy) else shape
    values = lattice() if values is None else values
    size = int(np.prod(shape))
    return np.array(draw(st.lists(values, min_size=size, max_size=size)), dtype=float).reshape(shape)


@st.composite
def distinct_arrays(draw: Any, shape: Shape | SearchStrategy[Shape]) -> np.ndarray:
    """Arrays whose entries all differ, by at least 1/64."""
    shape = draw(shape) if isinstance(shape, SearchStrategy) else shape
    size = int(np.prod(shape))
    entries = draw(st.lists(st.integers(-256, 256), min_size=size, max_size=size, unique=True))
    return np.array(entries, dtype=float).reshape(shape) / 64


@st.composite
def axes(draw: Any, ndim: int) -> int | tuple[int, ...] | None:
    """What a reduction takes as ``axis``: None, an integer of either sign, or a tuple without repeats."""
    if ndim == 0:
        return draw(st.sampled_from([None, ()]))
    axis = st.integers(-ndim, ndim - 1)
    several = st.lists(axis, max_size=ndim, unique_by=lambda a: a % ndim).map(tuple)
    return draw(st.one_of(st.none(), axis, several))


@st.composite
def layouts(draw: Any, array: np.ndarray) -> np.ndarray:
    """The same values in other memory: C or Fortran order, strided, with negative strides, or read-only."""
    array = np.asarray(array)
    kind = draw(st.sampled_from(["C", "Fortran", "strided", "reversed", "read-only"]))
    if kind == "Fortran":
        return np.array(array, order="F")
    if kind == "strided" and array.ndim:
        larger = np.full(tuple(2 * n for n in array.shape), np.nan, array.dtype)
        view = larger[tuple(slice(0, 2 * n, 2) for n in array.shape)]
        view[...] = array
        return view
    if kind == "reversed" and array.ndim:
        return np.flip(np.ascontiguousarray(np.flip(array)))
    copy = array.copy()
    copy.flags.writeable = kind != "read-only"
    return copy


@st.composite
def indices(draw: Any, shape: Shape) -> Any:
    """Index expressions of every kind for an array of ``shape``."""
    kinds = ["basic", "mask"] + (["integers", "mixed"] if shape and all(shape) else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "mask":
        covered = draw(st.integers(0, len(shape)))
        size = int(np.prod(shape[:covered]))
        bits = draw(st.lists(st.booleans(), min_size=size, max_size=size))
        return np.array(bits, dtype=bool).reshape(shape[:covered])
    parts: list[Any] = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        options: list[SearchStrategy[Any]] = [st.slices(n)]
        if n:
            options.append(st.integers(-n, n - 1))
        parts.append(draw(st.one_of(options)))
    if kind in ("integers", "mixed") and parts:
        length = draw(st.integers(0, 4))
        for i, n in enumerate(shape[: len(parts)]):
            if kind == "integers" or i == 0 or draw(st.booleans()):
                entries = draw(st.lists(st.integers(-n, n - 1), min_size=length, max_size=length))
                parts[i] = np.array(entries, dtype=np.intp)
    elif draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), None)
    if len(parts) < len(shape) and draw(st.booleans()):
        parts.append(Ellipsis)
    return parts[0] if len(parts) == 1 and draw(st.booleans()) else tuple(parts)
