"""Finite differences that know their own error.

Ridders' method: central differences at shrinking steps, extrapolated to step 0 (Neville's tableau), of which the entry
with the smallest estimated error is taken. C. J. F. Ridders, Advances in Engineering Software 4 (1982), 75-76.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

EPS = float(np.finfo(float).eps)
SHRINK = 2.0
ROWS = 9


class Derivative(NamedTuple):
    """A derivative and an estimate of its error; ``inf`` if there is no telling."""

    value: float
    error: float


def extrapolate(difference: Callable[[float], tuple[float, float]], step: float, power: int) -> Derivative:
    """The limit of a difference quotient at step 0.

    Args:
        difference: gives the quotient at a step, and its rounding error.
        step: the largest step.
        power: the quotient's error is a series in ``step**power``: 2 for central differences, 1 for one-sided ones.
    """
    best = Derivative(np.nan, np.inf)
    previous: list[float] = []
    for k in range(ROWS):
        h = step / SHRINK**k
        quotient, rounding = difference(h)
        if not np.isfinite(quotient):
            previous = []
            continue
        row, factor = [quotient], 1.0
        for j, earlier in enumerate(previous):
            factor *= SHRINK**power
            row.append(row[j] + (row[j] - earlier) / (factor - 1.0))
            spread = max(abs(row[j + 1] - row[j]), abs(row[j + 1] - earlier))
            error = spread + 2.0 * rounding
            if error < best.error:
                best = Derivative(row[j + 1], error)
        previous = row
    return best


def directional(f: Callable[[np.ndarray], float], x: np.ndarray, v: np.ndarray, step: float = 1 / 128) -> Derivative:
    """The derivative of a scalar function at ``x`` along ``v``, by central differences.

    ``step`` is relative to the size of ``x``, and starts below the distance of the lattice's points, so that a kink
    is met only at ``x`` itself.
    """
    h = step * _scale(x, v)

    def central(t: float) -> tuple[float, float]:
        above, below = f(x + t * v), f(x - t * v)
        return (above - below) / (2 * t), EPS * (abs(above) + abs(below)) / t

    return extrapolate(central, h, 2)


def one_sided(
    f: Callable[[np.ndarray], float], x: np.ndarray, v: np.ndarray, step: float = 1 / 128
) -> tuple[Derivative, Derivative]:
    """The derivatives along ``v`` from the left and from the right; at a kink they differ."""
    h, here = step * _scale(x, v), f(x)

    def side(sign: float) -> Derivative:
        def quotient(t: float) -> tuple[float, float]:
            there = f(x + sign * t * v)
            return sign * (there - here) / t, 2 * EPS * (abs(there) + abs(here)) / t

        return extrapolate(quotient, h, 1)

    return side(-1.0), side(1.0)


def _scale(x: np.ndarray, v: np.ndarray) -> float:
    """The length of a step along ``v`` that changes the entries of ``x`` it moves by about their own size."""
    moved = np.abs(v) > 0
    if not moved.any():
        return 1.0
    sizes = np.abs(x[moved])
    typical = float(np.median(sizes[sizes > 0])) if (sizes > 0).any() else 1.0
    return min(typical, 1.0) / float(np.abs(v).max()) if typical < 1e-3 else 1.0 / float(np.abs(v).max())


def finite_difference(f: Callable[[np.ndarray], float], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of a scalar function of an array by differences, and the estimated error of each entry.

    >>> gradient, error = finite_difference(lambda x: float((x**3).sum()), np.array([1.0, 2.0]))
    >>> bool(np.all(np.abs(gradient - [3.0, 12.0]) <= error))
    True
    """
    x = np.asarray(x, dtype=float)
    gradient, error = np.empty(x.shape), np.empty(x.shape)
    for i in np.ndindex(x.shape):
        direction = np.zeros(x.shape)
        direction[i] = 1.0
        gradient[i], error[i] = directional(f, x, direction)
    return gradient, error
