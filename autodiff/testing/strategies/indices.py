"""Index expressions of every kind."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .shapes import Shape, shapes


@st.composite
def indices(draw: Any, shape: Shape) -> Any:
    """Every kind of index of an array of ``shape``, in bounds, and mixtures of them, with or without a tuple around.

    Integers (Python's, NumPy's and 0-d arrays of them), slices of either direction, Ellipsis, newaxis, arrays and lists
    of integers that broadcast together, repeat themselves and may be empty, boolean masks of one or several axes as
    arrays or lists, and single booleans.

    >>> from hypothesis import find
    >>> index = find(indices((4, 3)), lambda index: isinstance(index, tuple) and len(index) == 3)
    >>> type(np.ones((4, 3))[index]).__module__
    'numpy'
    """
    covered = draw(st.integers(0, len(shape)))
    if draw(st.integers(0, 4)) == 0:
        return draw(_masks(shape[:covered]))
    after = draw(st.integers(0, covered)) if draw(st.booleans()) else None  # how many parts follow an Ellipsis
    sides = shape[:covered] if after is None else shape[: covered - after] + shape[len(shape) - after :]
    parts = draw(_parts(sides))
    if after is not None:
        parts.insert(covered - after, Ellipsis)
    extra = draw(st.sampled_from([(), (), (None,), (None, None), (True,), (np.True_,), (False,)]))
    if extra == (False,) and any(isinstance(part, (list, np.ndarray)) and np.shape(part) for part in parts):
        extra = ()  # which selects nothing, and would have to broadcast with what the arrays select
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
        if sides[first] and draw(st.booleans()):
            parts[first] = parts[first].tolist()
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
        return draw(st.sampled_from([int, int, np.intp, np.int8, np.array]))(draw(position))
    shape = tuple(1 if side and draw(st.integers(0, 3)) == 0 else n for n in common)
    entries = draw(st.lists(position, min_size=prod(shape), max_size=prod(shape)))
    array = np.array(entries, dtype=draw(st.sampled_from([np.intp, np.int8]))).reshape(shape)
    listed = (entries or array.ndim == 1) and draw(st.booleans())  # [] has the shape (0,) only
    return array.tolist() if listed else array


def _masks(shape: Shape) -> SearchStrategy[np.ndarray]:
    size = prod(shape)
    return st.lists(st.booleans(), min_size=size, max_size=size).map(lambda bits: np.array(bits, bool).reshape(shape))
