"""What classifiers compute with: probability vectors and logits."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .shapes import Shape
from .values import FAR, STRESS, lattice

PARTS = 64
"""The largest weight of an entry before they are divided by their sum."""


@st.composite
def probability_vectors(
    draw: Any, shape: Shape | SearchStrategy[Shape], axis: int = -1, zeros: bool = False
) -> np.ndarray:
    """Arrays of numbers above 0 that sum to 1 along an axis, to rounding.

    >>> from hypothesis import find
    >>> p = find(probability_vectors((4,)), lambda p: p[0] > 2 * p[1])
    >>> bool(np.isclose(p.sum(), 1) and p.min() > 0)
    True
    >>> sorted(find(probability_vectors((3,), zeros=True), lambda p: p.max() == 1).tolist())  # one-hot
    [0.0, 0.0, 1.0]

    Args:
        shape: of the arrays, or a strategy for it.
        axis: along which they sum to 1.
        zeros: whether some entries are exactly 0, up to vectors with a single 1.

    Raises:
        ValueError: the axis has length 0, so that nothing can sum to 1.
    """
    weight = st.integers(1, PARTS)
    kinds = {"dense": weight, "sparse": st.just(0) | weight, "one-hot": st.just(0)}

    def lane(draw: Any, length: int) -> list[int]:
        if not length:
            raise ValueError(f"probability_vectors: nothing sums to 1 along axis {axis} of length 0")
        kind = draw(st.sampled_from(list(kinds))) if zeros else "dense"
        weights = [draw(kinds[kind]) for _ in range(length)]
        if not any(weights):
            weights[draw(st.integers(0, length - 1))] = 1
        return weights

    weights = _lanes(draw, shape, axis, lane)
    return weights / weights.sum(axis, keepdims=True)


@st.composite
def logits(draw: Any, shape: Shape | SearchStrategy[Shape], axis: int = -1, infinite: bool = False) -> np.ndarray:
    """Arrays of a lattice's points, whose lanes along an axis are any, tied, or as large as 800 and 1e6.

    >>> from hypothesis import find
    >>> find(logits((3,)), lambda x: x[0] - x[1] > 1000).shape
    (3,)
    >>> find(logits((2,), infinite=True), lambda x: np.all(x == -np.inf))  # all classes are masked
    array([-inf, -inf])

    Args:
        shape: of the arrays, or a strategy for it.
        axis: along which a softmax would be taken.
        infinite: whether some entries are -inf, or all of a lane.
    """
    kinds = ["any", "tied", "large", *(["masked", "impossible"] if infinite else [])]

    def lane(draw: Any, length: int) -> list[float]:
        kind = draw(st.sampled_from(kinds))
        values = lattice()
        if kind == "tied":
            values = st.sampled_from([draw(values), draw(values)])
        elif kind == "large":
            values = lattice(stress=STRESS + FAR)
        elif kind == "masked":
            values = values | st.just(-np.inf)
        elif kind == "impossible":
            values = st.just(-np.inf)
        return [draw(values) for _ in range(length)]

    return _lanes(draw, shape, axis, lane)


def _lanes(draw: Any, shape: Shape | SearchStrategy[Shape], axis: int, lane: Any) -> np.ndarray:
    """An array each of whose lanes along an axis is drawn by itself."""
    shape = draw(shape) if isinstance(shape, SearchStrategy) else shape
    others = [n for i, n in enumerate(shape) if i != axis % len(shape)]
    lanes: Sequence = [lane(draw, shape[axis]) for _ in range(prod(others))]
    return np.moveaxis(np.array(lanes, dtype=float).reshape(*others, shape[axis]), -1, axis).copy()
