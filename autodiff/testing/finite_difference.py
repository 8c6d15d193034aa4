"""Finite differences that know their own error.

Difference quotients at steps that halve are extrapolated to step 0 by Neville's tableau. The differences of its entries
show how far that has converged, and the size of the function's values how many digits rounding has cost; the entry with
the smallest sum of the two is taken (C. J. F. Ridders, Advances in Engineering Software 4 (1982), 75-76).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

STEP = 1 / 128
"""The first step, relative to the argument (or to 1, if that is smaller): below half the distance of the points that
``strategies.lattice`` draws, so that within [-1, 1] no step reaches a kink that it does not start from."""

HALVINGS = 30
"""Down to steps of 1e-11, for functions with a scale of 1e-6."""

RESOLUTION = 1e-10
"""No result claims more digits than this: of the many entries of a tableau, the one that looks best flatters."""

AMPLIFICATION = {1: 8.0, 2: 2.0}
"""What the extrapolation makes of rounding errors: products of (2**pj + 1) / (2**pj - 1), j = 1, 2, ..."""


class Derivative(NamedTuple):
    """A derivative, an estimate of its error (infinite if there is no telling), and the size of its terms.

    ``size`` sums the absolute values of what ``value`` sums: where those cancel, digits are lost.
    """

    value: float
    error: float
    size: float


class Line(NamedTuple):
    """A function along a line: its values at a parameter, the first step, and the rounding error of every step."""

    at: Callable[[float], Sequence[np.ndarray]]
    step: float
    slip: float


def along(f: Callable[[np.ndarray], Sequence[np.ndarray]], x: np.ndarray, direction: np.ndarray) -> Line:
    """The line of ``f(x + t * direction)``, with steps of a size that suits ``x``."""
    return along_jointly(lambda arrays: f(arrays[0]), [x], {0: direction})


def along_jointly(
    f: Callable[[list[np.ndarray]], Sequence[np.ndarray]], arrays: list[np.ndarray], move: Mapping[int, np.ndarray]
) -> Line:
    """The line on which several arrays move at once, each along its direction, by position; the others stay."""
    scales, slip = [], 0.0
    for i, direction in move.items():
        length = float(np.abs(direction).max(initial=0)) or 1.0
        largest = float(np.abs(arrays[i][direction != 0]).max(initial=0))
        scales.append(scale_of(largest / length, 1 / length))
        slip = max(slip, float(np.finfo(arrays[i].dtype).eps) * largest / length)

    def at(t: float) -> Sequence[np.ndarray]:
        return f([np.asarray(x + t * move[i]) if i in move else x for i, x in enumerate(arrays)])

    return Line(at, STEP * min(scales), slip)


def scale_of(largest: float, least: float = 1.0) -> float:
    """The power of two (which moves lattices exactly) below a size, or below ``least`` if that is larger."""
    return 2.0 ** float(np.floor(np.log2(max(largest, least))))


def central(line: Line, weights: Sequence[Any]) -> Derivative:
    """The derivative at 0 of the sum of ``weights * values`` (of its real part), by central differences."""

    def quotient(t: float) -> tuple[float, float, float]:
        return _quotient(line.at(t), line.at(-t), 2 * t, weights, line.slip)

    return _extrapolate(quotient, line.step, power=2)


def one_sided(line: Line, weights: Sequence[Any]) -> tuple[Derivative, Derivative]:
    """The same from the left and from the right; they differ at a kink, and the end of a domain has only one."""
    here = line.at(0.0)

    def side(sign: int) -> Derivative:
        return _extrapolate(lambda t: _quotient(line.at(sign * t), here, sign * t, weights, line.slip), line.step, 1)

    return side(-1), side(+1)


def _quotient(
    values: Sequence[np.ndarray], others: Sequence[np.ndarray], distance: float, weights: Sequence[Any], slip: float
) -> tuple[float, float, float]:
    """A difference quotient, an estimate of its rounding error, and the size of its terms.

    Values that the step does not change bring no rounding error along, unless it changes none: then they may have
    changed by less than their last digit.
    """
    change = size = moving = resting = 0.0
    for a, b, w in zip(values, others, weights, strict=True):
        terms = w * (a - b)
        sizes = np.abs(terms)
        digits = np.finfo(a.dtype).eps * np.abs(w * a)
        change += float(terms.sum().real)
        size += float(sizes.sum())
        moving += float(digits[sizes > 0].sum())
        resting += float(digits.sum())
    length = abs(distance)
    return change / distance, (2 * (moving or resting) + size * slip / length) / length, size / length


def _extrapolate(quotient: Callable[[float], tuple[float, float, float]], step: float, power: int) -> Derivative:
    """The limit at step 0 of a quotient that is a series in ``step**power``."""
    best, last_size = Derivative(np.nan, np.inf, np.nan), np.inf
    row: list[float] = []
    for _ in range(HALVINGS):
        value, rounding, size = quotient(step)
        step /= 2
        if not np.isfinite(value):
            row = []  # the step reached beyond the domain: start again within it
            continue
        rounding *= AMPLIFICATION[power]
        if rounding > best.error:
            break
        previous, row = row, [value]
        for j, earlier in enumerate(previous, start=1):
            row.append(row[-1] + (row[-1] - earlier) / (2 ** (power * j) - 1))
            error = max(abs(row[-1] - row[-2]), abs(row[-1] - earlier)) + rounding
            if error < best.error:
                best = Derivative(row[-1], error, size)
        settled = size >= last_size / 2  # far out, higher powers of the step may dwarf the derivative
        if settled and best.error <= RESOLUTION * size:
            break
        last_size = size
    return best._replace(error=best.error + RESOLUTION * best.size) if np.isfinite(best.error) else best


def finite_difference(f: Callable[[np.ndarray], Any], x: Any, direction: Any = None) -> tuple[Any, Any]:
    """The gradient of ``f`` at ``x`` by differences, or its derivative along a direction; and the errors to expect.

    >>> gradient, error = finite_difference(lambda x: (x**3).sum(), np.array([1.0, 2.0]))
    >>> bool(np.all(np.abs(gradient - [3.0, 12.0]) <= error))
    True

    Args:
        f: a function of a real array; its values are numbers, or with a direction also arrays.
        x: where; taken as float64.
        direction: an array of the shape of ``x``.

    Returns:
        The gradient, of the shape of ``x``, or the derivative, of that of ``f(x)``; and an estimate of the absolute
        error of each entry: infinite, with the value NaN, where the function has no finite values around ``x``.

    Raises:
        ValueError: without a direction ``f`` gives an array; or the direction has another shape than ``x``.
    """
    x = np.asarray(x, dtype=float)

    def values(x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):  # steps may leave the domain
            y = np.asarray(f(x))
        return y if y.dtype.kind in "fc" else y.astype(float)

    if direction is None:
        shape = x.shape
        if values(x).shape:
            raise ValueError(
                f"finite_difference: f gives shape {values(x).shape}, not a number; sum it, or pass direction="
            )
        found = [central(along(lambda x: [values(x)], x, unit(shape, i)), [1.0]) for i in np.ndindex(shape)]
    else:
        if np.shape(direction) != x.shape:
            raise ValueError(f"finite_difference: a direction of shape {np.shape(direction)} for x of shape {x.shape}")
        line = along(lambda x: [values(x)], x, np.asarray(direction, dtype=float))
        at = cache(line.at)  # the entries of the value meet at the same points
        shape = at(0.0)[0].shape

        def entry(i: tuple[int, ...]) -> Callable[[float], list[np.ndarray]]:
            return lambda t: [at(t)[0][i]]

        found = [central(line._replace(at=entry(i)), [1.0]) for i in np.ndindex(shape)]
    derivative = np.array([entry.value for entry in found]).reshape(shape)
    return derivative[()], np.array([entry.error for entry in found]).reshape(shape)[()]


def unit(shape: tuple[int, ...], index: tuple[int, ...]) -> np.ndarray:
    """Zeros, and a 1 at the index."""
    array = np.zeros(shape)
    array[index] = 1.0
    return array
