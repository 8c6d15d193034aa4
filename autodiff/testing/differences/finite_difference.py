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

SAFETY = 10.0
"""How many times its estimate the error of a difference may be."""

HALVINGS = 30
"""Down to steps of 1e-11, for functions with a scale of 1e-6."""

RESOLUTION = 1e-10
"""No result claims more digits than this: of the many entries of a tableau, the one that looks best flatters."""

AMPLIFICATION = {1: 8.0, 2: 2.0}
"""What the extrapolation makes of rounding errors: products of (2**pj + 1) / (2**pj - 1), j = 1, 2, ..."""


class Derivative(NamedTuple):
    """A derivative, an estimate of its error (infinite if there is no telling), and the size of its terms.

    ``size`` sums the absolute values of what ``value`` sums: where those cancel, digits are lost. ``earlier`` are the
    values, with their errors, that larger steps had converged to before smaller ones seemed to know better.
    """

    value: float
    error: float
    size: float
    earlier: tuple[tuple[float, float], ...] = ()


class Line(NamedTuple):
    """A function along a line: its values at a parameter, the first step, and the rounding error of every step.

    ``noise`` is the rounding error of the (weighted) values, where it is known to be more than their last digits;
    ``largest`` is the size of the largest argument, moved or not, relative to what steps are small parts of.
    """

    at: Callable[[float], Sequence[np.ndarray]]
    step: float
    slip: float
    noise: float = 0.0
    largest: float = 1.0


def along(f: Callable[[np.ndarray], Sequence[np.ndarray]], x: np.ndarray, direction: np.ndarray) -> Line:
    """The line of ``f(x + t * direction)``, with steps of a size that suits ``x``."""
    return along_jointly(lambda arrays: f(arrays[0]), [x], {0: direction})


def along_jointly(
    f: Callable[[list[np.ndarray]], Sequence[np.ndarray]], arrays: list[np.ndarray], move: Mapping[int, np.ndarray]
) -> Line:
    """The line on which several arrays move at once, each along its direction, by position; the others stay.

    A step is a small part of every entry that moves, or of 1 if that is more.
    """
    scale, slip = np.inf, 0.0
    for i, direction in move.items():
        moved = direction != 0
        lengths, sizes = np.abs(direction[moved]), np.abs(arrays[i][moved])
        scale = min(scale, float(scale_of(np.maximum(sizes, 1) / lengths).min(initial=np.inf)))
        slip = max(slip, float(np.finfo(arrays[i].dtype).eps * (sizes / lengths).max(initial=0)))

    def at(t: float) -> Sequence[np.ndarray]:
        return f([np.asarray(x + t * move[i]) if i in move else x for i, x in enumerate(arrays)])

    scale = scale if scale < np.inf else 1.0
    largest = max(float(np.abs(x[np.isfinite(x)]).max(initial=0)) for x in arrays)
    return Line(at, STEP * scale, slip, largest=max(1.0, largest / scale))


def scale_of(sizes: Any) -> Any:
    """The power of two (which moves lattices exactly) below each size."""
    return 2.0 ** np.floor(np.log2(sizes))


def central(line: Line, weights: Sequence[Any]) -> Derivative:
    """The derivative at 0 of the sum of ``weights * values`` (of its real part), by central differences."""
    quotient = _Quotient(weights, line)
    return _extrapolate(lambda t: quotient(line.at(t), line.at(-t), 2 * t), line.step, power=2)


def one_sided(line: Line, weights: Sequence[Any]) -> tuple[Derivative, Derivative]:
    """The same from the left and from the right; they differ at a kink, and the end of a domain has only one."""
    here = line.at(0.0)

    def side(sign: int) -> Derivative:
        quotient = _Quotient(weights, line)
        return _extrapolate(lambda t: quotient(line.at(sign * t), here, sign * t), line.step, power=1)

    return side(-1), side(+1)


class _Quotient:
    """Difference quotients at steps that become smaller.

    Values that no step so far has changed bring no rounding error along, unless this one changes none at all: then they
    may have changed by less than their last digit.
    """

    def __init__(self, weights: Sequence[Any], line: Line) -> None:
        self.weights, self.slip, self.noise = weights, line.slip, line.noise
        self.moved: list[Any] = [False] * len(weights)

    def __call__(
        self, values: Sequence[np.ndarray], others: Sequence[np.ndarray], distance: float
    ) -> tuple[float, float, float]:
        """The quotient, an estimate of its rounding error, and the size of its terms."""
        change = size = moving = resting = 0.0
        for k, (a, b, w) in enumerate(zip(values, others, self.weights, strict=True)):
            terms = w * (a - b)
            sizes = np.abs(terms)
            digits = np.finfo(a.dtype).eps * np.abs(w * a)
            self.moved[k] = self.moved[k] | (sizes > 0)
            change += float(terms.sum().real)
            size += float(sizes.sum())
            moving += float(digits[self.moved[k]].sum())
            resting += float(digits.sum())
        length = abs(distance)
        rounding = 2 * max(moving if size else resting, self.noise) + size * (self.slip / length)
        return change / distance, rounding / length, size / length


def noise_of(line: Line, weights: Sequence[Any]) -> float:
    """How much rounding within the function moves the sum of ``weights * values``, as fourth differences show it.

    They are taken next to 0 on either side, at two scales (no powers of two, which may be exact by luck); a smooth
    function has none to speak of (J. J. More and S. M. Wild, SIAM J. Sci. Comput. 33 (2011), 1292-1314).
    """
    here, found = line.at(0.0), 0.0
    for scale in (0.61 * 2.0**-12, 0.61 * 2.0**-20):
        for sign in (-1, 1):
            points = [line.at(sign * k * scale * line.step) for k in range(1, 10)]
            sums = [sum(np.sum(w * (y - z)).real for w, y, z in zip(weights, p, here, strict=True)) for p in points]
            fourth = float(np.abs(np.diff(sums, 4)).max())
            found = max(found, fourth / 4 if np.isfinite(fourth) else 0.0)
    return found


def _extrapolate(quotient: Callable[[float], tuple[float, float, float]], step: float, power: int) -> Derivative:
    """The limit at step 0 of a quotient that is a series in ``step**power``."""
    best, last_size = Derivative(np.nan, np.inf, np.nan), np.inf
    row: list[float] = []
    for _ in range(HALVINGS):
        value, rounding, size = quotient(step)
        step /= 2
        if not np.isfinite(size):
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
                best = Derivative(row[-1], error, size, (*best.earlier, (best.value, best.error)))
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
