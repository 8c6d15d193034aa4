"""Where the arguments of a function may be: the shapes, domains and static parameters that ``search.py`` tries."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np

Shape = tuple[int, ...]
Shapes = tuple[Shape, ...]

PER_UNIT = 64
"""The points of the lattice of values in a unit, as those that ``strategies.lattice`` draws."""


class Domain(NamedTuple):
    """Where an argument may be: numbers between bounds, and what is made of an array of them.

    Attributes:
        name: for messages.
        low, high: the bounds of the numbers.
        tied: some of these numbers, for arrays of few different ones.
        build: makes an array of the domain from an array of numbers.
        symmetric: whether the function is of the symmetric part of the array alone.
    """

    name: str
    low: float
    high: float
    tied: tuple[float, ...]
    build: Callable[[np.ndarray], np.ndarray] | None = None
    symmetric: bool = False

    def array(self, numbers: Any) -> np.ndarray:
        """The array of the domain that is made of these numbers."""
        numbers = np.asarray(numbers, dtype=float)
        return numbers if self.build is None else self.build(numbers)


def away_from_zero(numbers: np.ndarray) -> np.ndarray:
    return numbers + np.where(numbers < 0, -0.25, 0.25)


def rising(numbers: np.ndarray) -> np.ndarray:
    return np.cumsum(np.abs(numbers) + 0.5, axis=-1) if numbers.ndim else numbers


def distinct(numbers: np.ndarray) -> np.ndarray:
    """Well separated numbers, in the order of those given."""
    ranks = np.argsort(np.argsort(numbers, axis=None, kind="stable"), kind="stable")
    return (ranks.reshape(numbers.shape) - (numbers.size - 1) / 2) * 0.375 + 1 / 16


def close_to_diagonal(numbers: np.ndarray) -> np.ndarray:
    """A matrix, or a stack of them, close to a diagonal one with distinct entries."""
    rows, columns = numbers.shape[-2:]
    return numbers / 8 + np.eye(rows, columns) * (2.0 + np.arange(columns))


def positive_definite(numbers: np.ndarray) -> np.ndarray:
    matrix = close_to_diagonal(numbers)
    return (matrix + matrix.mT) / 2


DOMAINS = (
    Domain("any", -2.0, 2.0, (0.5, 0.0, -1.0)),
    Domain("nonzero", -2.0, 2.0, (0.5, -1.0), away_from_zero),
    Domain("positive", 0.25, 3.0, (0.5, 1.0, 2.0)),
    Domain("within (-1, 1)", -0.75, 0.75, (0.5, 0.0, -0.25)),
    Domain("within (0, 1)", 0.125, 0.875, (0.5, 0.25)),
    Domain("above 1", 1.25, 3.0, (1.5, 2.0)),
    Domain("above 3", 3.25, 6.0, (3.5, 4.0)),
    Domain("symmetric positive definite", -1.0, 1.0, (0.5,), positive_definite, symmetric=True),
    Domain("close to diagonal", -1.0, 1.0, (0.5,), close_to_diagonal),
    Domain("rising", -1.0, 1.0, (0.5,), rising),
    Domain("distinct", -2.0, 2.0, (0.5,), distinct),
)
"""What comes first is preferred: it is wider, or simpler. For steps of differences the bounds leave room."""

ENTRYWISE = (None, away_from_zero)
"""How arrays are built whose entries have nothing to do with each other: any shape will do."""

ONE: tuple[Shape, ...] = ((3,), (), (2, 3), (3, 3), (2, 2, 3), (1,), (2, 3, 3), (2, 2))
"""The shapes of a single array to try."""

TWO: tuple[Shapes, ...] = (
    ((3,), (3,)),
    ((), ()),
    ((2, 3), (3,)),
    ((2, 3), (2, 3)),
    ((3, 3), (3,)),
    ((3, 3), (3, 3)),
    ((2, 3), (3, 2)),
    ((2, 1), (3,)),
    ((3,), ()),
    ((), (3,)),
    ((2, 3, 3), (3, 2)),
    ((2,), (3,)),
)
"""Those of two."""

FURTHER: tuple[Shape, ...] = ((3, 3), (2, 3), *[()] * 8)
"""Those of the others of several, where the first is (2, 2)."""


def shapes_to_try(count: int) -> tuple[Shapes, ...]:
    """The shapes of so many arrays."""
    if count == 2:
        return TWO
    equal = tuple((shape,) * count for shape in ONE)
    if count == 1:
        return equal
    small = [((3,), *[()] * (count - 1)), ((2, 3), *[(3,)] * (count - 1)), ((2, 2), *FURTHER)[:count]]
    return (*equal, *small)


def _axes(shape: Shape) -> list[Any]:
    return [0, -1, None, *range(1, len(shape)), (0, 1)] if shape else []


def _second_axis(shape: Shape) -> list[Any]:
    return [1, -1, 0]


def _numbers(shape: Shape) -> list[Any]:
    return [1, 2, 0, 3, -1]


def _flags(shape: Shape) -> list[Any]:
    return [False, True]


def _shapes(shape: Shape) -> list[Any]:
    return [(-1,), (prod(shape),), (2, *shape), shape[::-1], shape]


def _indices(shape: Shape) -> list[Any]:
    return [0, np.array([0, 1, 0]), [1], -1, slice(None, None, 2)]


def _masks(shape: Shape) -> list[Any]:
    even = np.arange(prod(shape)).reshape(shape) % 2 == 0
    return [even, ~even]


def _types(shape: Shape) -> list[Any]:
    return [np.float64]


STATIC: dict[str, Callable[[Shape], list[Any]]] = {
    **dict.fromkeys(("axis", "axis1", "axes", "source"), _axes),
    **dict.fromkeys(("axis2", "destination"), _second_axis),
    **dict.fromkeys(("n", "k", "m", "N", "d", "deg", "num", "shift", "offset", "repeats", "reps"), _numbers),
    **dict.fromkeys(("keepdims", "lower", "full_matrices", "endpoint", "increasing", "in_place"), _flags),
    **dict.fromkeys(("shape", "newshape", "new_shape"), _shapes),
    **dict.fromkeys(("index", "indices", "obj", "ind"), _indices),
    **dict.fromkeys(("condition", "mask"), _masks),
    "dtype": _types,
}
"""What a static parameter of a conventional name may be, given the shape of the first array."""


def anything(shape: Shape) -> list[Any]:
    """What a static parameter of any other name may be."""
    return [1, 2, 0, 0.5, (1,), [1], True, None]


def labels(shape: Shape) -> list[Any]:
    """What a constant array may be."""
    return [np.arange(prod(shape)).reshape(shape) % 2, *_masks(shape)]


NO_ARRAYS = frozenset(STATIC) - {"m"} | set(
    "func func1d funclist condlist kth q ord sections indices_or_sections pad_width window_shape axisa axisb axisc "
    "mode kind subscripts bins period".split()
)
"""The parameters of NumPy's functions that are no arrays to differentiate; ``m`` is one of ``np.flip`` and others."""

LISTS = frozenset({"arrays", "tup", "choicelist"})
"""Those that are lists of arrays."""
