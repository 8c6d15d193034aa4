"""The verdict on a claimed derivative: right, wrong, or inconclusive, by what finite differences say and how surely."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from .finite_difference import SAFETY, STEP, Derivative, Line, central, noise_of, one_sided
from .kinks import Sides

CONCLUSIVE = 3e-8
"""How small the error estimate must be, relative to the derivative's terms, for an agreement to count: with ``SAFETY``,
a gradient that is off by a millionth is told from a right one."""

CONVERGED = 1e-3
"""How small it must be for a disagreement to count."""

OPINIONS = (0.61, 0.37, 0.61 * 2.0**-10, 0.37 * 2.0**-10)
"""The first steps of further differences that a disagreement is confirmed with, relative to the usual one: pairs so
close that rounding shows that the error estimate does not know of, one far smaller since a derivative is about that."""

CLOSER = 0.1
"""How much closer than to what was found differences by larger steps must be to a claim, to bear it out."""

ROUNDING = 1e-9
"""What rounding leaves of a gradient, relative to the terms of the derivative."""

DIGITS = 64 * float(np.finfo(float).eps)
"""What rounding leaves of terms that cancel, relative to the size of what was computed with: of the values, of the
arguments, or to 1."""


class Verdict(NamedTuple):
    """``right``, ``wrong`` or ``inconclusive``, and why; ``kink``: whether the function has no derivative there."""

    kind: str
    reason: str = ""
    kink: bool = False


def compare(
    line: Line,
    weights: Sequence[np.ndarray],
    claimed: float,
    size: float,
    single: bool,
    exact: Callable[[], Derivative | None] | None = None,
) -> Verdict:
    """Compare what is claimed to be the derivative along a line with differences.

    Args:
        line: the function's values along it.
        weights: of the values, the cotangents; the derivative is that of their weighted sum.
        claimed: what the tape says it is.
        size: the sum of the absolute values of the terms of ``claimed``.
        single: whether the line moves one entry alone; what is not smooth is left open otherwise.
        exact: a derivative that knows more digits than differences, the complex step, to confirm a claim where they
            cannot tell; it gives None if there is none.
    """

    def converged(found: Derivative) -> bool:
        own = found.size if np.isfinite(claimed) else abs(found.value)
        return found.size == 0 or found.error <= CONVERGED * max(own, _size_of_moved(line, weights))

    def against(found: Derivative) -> Verdict:
        reason = f"the tape says {claimed:.12g}, differences {found.value:.12g} +- {found.error:.1e}"
        scale = max(size, found.size) if np.isfinite(size) else found.size
        if not abs(claimed - found.value) <= SAFETY * found.error:  # so too if the claim is NaN
            tolerance = tolerance_of(line, weights, size, constant=found.size == 0)
            noticeable = not abs(claimed - found.value) <= tolerance
            return Verdict("wrong" if noticeable and converged(found) else "inconclusive", reason)
        if claimed == size == 0:
            scale = _size_around(line, weights)
        return Verdict("right" if found.error <= CONCLUSIVE * scale else "inconclusive", reason)

    def agrees(found: Derivative) -> bool:
        return abs(claimed - found.value) <= SAFETY * found.error < np.inf

    def confirmed(found: Derivative) -> bool:
        """Whether the complex step agrees with the claim, and with the differences as far as they know.

        It condemns nothing: it is more exact than any gradient that is computed with rounding.
        """
        sharper = exact() if exact is not None and converged(found) else None
        return (
            sharper is not None
            and agrees(sharper)
            and abs(sharper.value - found.value) <= SAFETY * found.error
            and sharper.error <= CONCLUSIVE * max(size, sharper.size)
        )

    if np.isfinite(claimed) and not np.isfinite(size):
        return Verdict("inconclusive", "the terms of the derivative overflow in sum")
    line = _remembering(line)
    opinions: list[Derivative] = []
    for factor in (None, 1.0, *OPINIONS):
        if factor == 1.0:
            line = line._replace(noise=noise_of(line, weights))
        opinion = central(line._replace(step=(factor or 1.0) * line.step), weights)
        if agrees(opinion):
            verdict = against(opinion)
            return Verdict("right") if verdict.kind == "right" or confirmed(opinion) else verdict
        opinions.append(opinion)
    found, *others = opinions[1:]
    if any(_earlier_supports(claimed, opinion) for opinion in opinions):
        return Verdict("inconclusive", "differences with larger steps, which had converged, bear the tape out")
    sides = [side for side in one_sided(line, weights) if np.isfinite(side.error)]
    if len(sides) == 1:  # the end of the domain
        return against(sides[0])
    if not sides or not np.isfinite(found.error):
        return Verdict("inconclusive", "the function has no finite values around")
    doubt = _contradiction(found, others)
    left, right = sides
    bent = abs(left.value - right.value) > SAFETY * (left.error + right.error)
    if not bent and confirmed(found):
        return Verdict("right")
    if abs(claimed - found.value) <= SAFETY * (found.error + doubt):
        values = ", ".join(f"{opinion.value:.12g}" for opinion in (found, *others))
        return Verdict("inconclusive", f"differences contradict each other: {values}")
    each = Sides.of(line, weights)
    if each.known and each.kinked:
        return at_kink(each, claimed, tolerance_of(line, weights, size), single)
    return Verdict("inconclusive", "one-sided derivatives differ", kink=True) if bent else against(found)


def _remembering(line: Line) -> Line:
    """The same line, which keeps the values at 0 and a step away: they are looked at more than once."""
    kept = cache(line.at)
    return line._replace(at=lambda t: kept(t) if abs(t) in (0.0, line.step) else line.at(t))


def _earlier_supports(claimed: float, found: Derivative) -> bool:
    """Whether larger steps contradict what was found, and are far closer to the claim.

    Where a function's rounding makes it a staircase, small steps find the slope of a single stair.
    """
    return any(
        abs(found.value - value) > SAFETY * error and abs(claimed - value) <= CLOSER * abs(found.value - value)
        for value, error in found.earlier
    )


def _contradiction(found: Derivative, others: Sequence[Derivative]) -> float:
    """How far another opinion is, beyond its error; of the last two, by small steps, that is at least what they differ.

    Rounding disturbs those more than they know.
    """
    *_, first, second = others
    apart = abs(first.value - second.value)
    errors = [*(other.error for other in others[:-2]), max(first.error, apart), max(second.error, apart)]
    excess = [abs(found.value - other.value) - error for other, error in zip(others, errors, strict=True)]
    return max(0.0, *(distance for distance in excess if np.isfinite(distance)))


def at_kink(sides: Sides, claimed: float, noise: float, single: bool = True) -> Verdict:
    """The verdict at a kink: a gradient must lie between the one-sided derivatives, but for some noise."""
    reason = f"the tape says {claimed:.12g}, one-sided derivatives are {sides.low:.12g} and {sides.high:.12g}"
    if not sides.contains(claimed):
        wrong = single and not sides.contains(claimed, noise)
        return Verdict("wrong" if wrong else "inconclusive", reason, kink=True)
    exact = float(sides.error.sum()) <= CONCLUSIVE * float(np.maximum(abs(sides.left), abs(sides.right)).sum())
    return Verdict("right" if exact and single else "inconclusive", reason, kink=True)


def tolerance_of(line: Line, weights: Sequence[np.ndarray], size: float, constant: bool = False) -> float:
    """Below which size a disagreement decides nothing; ``size`` is that of the terms of the claim.

    Where the values along the line are ``constant``, changes may have been lost to rounding within the function, in
    numbers that are about as large as its arguments.
    """
    total = sum(float(np.abs(w).sum()) for w in weights)
    noise = DIGITS * max(_size_around(line, weights), total * line.largest)
    if np.isfinite(size):
        noise = max(noise, ROUNDING * size)
    if constant:
        noise = max(noise, max(DIGITS, 64 * line.slip) / STEP * total)
    return noise


def _size_around(line: Line, weights: Sequence[np.ndarray]) -> float:
    """The size of a function's values, per unit of a step: how exactly a derivative of zero can be told from others."""
    sizes = [_size(line.at(k * line.step), weights) for k in (-1, 0, 1)]
    return STEP / line.step * max(filter(np.isfinite, sizes), default=0.0)


def _size_of_moved(line: Line, weights: Sequence[np.ndarray]) -> float:
    """The same, a step away, of the values that the step changes."""
    there, back = line.at(line.step), line.at(-line.step)
    moved = [w * (y != z) for w, y, z in zip(weights, there, back, strict=True)]
    return STEP / line.step * max(filter(np.isfinite, (_size(there, moved), _size(back, moved))), default=0.0)


def _size(values: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> float:
    return sum(float(np.abs(w * y).sum()) for w, y in zip(weights, values, strict=True))
