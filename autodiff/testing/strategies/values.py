"""Values: the points of a lattice, and arrays of them, without ties and with many."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor, prod
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .shapes import Shape

PER_UNIT = 64
"""The points of the lattice in a unit: a power of two, so that they and sums of a few are exact in every dtype."""

STRESS = (0.0, 1.0, -1.0, 30.0, -30.0)
"""Where functions are special, and far enough out for many to saturate."""

FAR = (800.0, -800.0, 1e6, -1e6)
"""Where ``exp`` overflows or is 0, squares swamp what they are added to, and little but the stable formula is right."""


def lattice(
    minimum: float | None = None, maximum: float | None = None, nonzero: bool = False, stress: Iterable[float] = STRESS
) -> SearchStrategy[float]:
    """Multiples of 1/64 within the bounds, and points of stress (0, 1, -1, 30, -30) more often, if the bounds allow.

    Two of them are equal or at least 1/64 apart: a tie is a tie, and no small step of a finite difference straddles a
    kink. Without bounds those that are no points of stress lie within [-4, 4]; with one bound, within 8 of it at least.

    >>> from hypothesis import find
    >>> (find(lattice(1.5, 2.0), lambda value: value > 1.75) * 64).is_integer()
    True
    >>> abs(find(lattice(stress=STRESS + FAR), lambda value: abs(value) > 30)) in (800, 1e6)  # to stay stable there
    True

    Args:
        minimum, maximum: bounds of all values.
        nonzero: leave out 0.
        stress: the points to draw more often.

    Raises:
        ValueError: there is no such number, or a point of stress is no multiple of 1/64.
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
    special = list(filter(allowed, stress))
    if off := [value for value in special if not float(value * PER_UNIT).is_integer()]:
        raise ValueError(f"lattice: the points of stress {off} are no multiples of 1/{PER_UNIT}")
    return (points.filter(allowed) if nonzero else points) | (st.sampled_from(special) if special else st.nothing())


@st.composite
def arrays(draw: Any, shape: Shape | SearchStrategy[Shape], values: SearchStrategy[float] | None = None) -> np.ndarray:
    """Arrays of float64 of a shape, with independent entries from ``values`` (``lattice()`` by default).

    >>> from hypothesis import find
    >>> find(arrays((2, 2), lattice(-1, 1)), lambda x: x.sum() == 4)
    array([[1., 1.],
           [1., 1.]])
    """
    shape = draw(shape) if isinstance(shape, SearchStrategy) else shape
    size = prod(shape)
    entries = draw(st.lists(lattice() if values is None else values, min_size=size, max_size=size))
    return np.array(entries, dtype=float).reshape(shape)


@st.composite
def distinct_arrays(draw: Any, shape: Shape | SearchStrategy[Shape]) -> np.ndarray:
    """Arrays of float64 without ties: the entries, in any order, are at least 1/64 apart.

    >>> from hypothesis import find
    >>> find(distinct_arrays((3, 2)), lambda x: np.diff(np.sort(x, axis=None)).min() >= 1 / 64).shape
    (3, 2)
    """
    shape = draw(shape) if isinstance(shape, SearchStrategy) else shape
    size = prod(shape)
    reach = max(256, size)
    entries = draw(st.lists(st.integers(-reach, reach), min_size=size, max_size=size, unique=True))
    return np.array(entries, dtype=float).reshape(shape) / PER_UNIT


@st.composite
def tied_arrays(
    draw: Any, shape: Shape | SearchStrategy[Shape], values: SearchStrategy[float] | None = None
) -> np.ndarray:
    """Arrays of float64 of at most two different values: any three entries, along whichever axis, have a tie.

    For sorting, ``max``, ``median``, ``unique``, ranks: what is symmetric in tied entries has a convention to keep.

    >>> from hypothesis import find
    >>> find(tied_arrays((3, 4)), lambda x: len(np.unique(x)) == 2).shape
    (3, 4)

    Args:
        shape: of the arrays, or a strategy for it.
        values: what the two are drawn from, ``lattice()`` by default.
    """
    values = lattice() if values is None else values
    return draw(arrays(shape, st.sampled_from([draw(values), draw(values)])))
