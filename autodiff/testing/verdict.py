"""The verdict on a claimed derivative: right, wrong, or inconclusive, by what finite differences say and how surely."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .finite_difference import STEP, Derivative, Line, central, one_sided

SAFETY = 10.0
"""How many times its estimate the error of a difference may be before a gradient is called wrong."""

CONCLUSIVE = 1e-7
"""How small the error estimate must be, relative to the derivative's terms, for an agreement to count: with ``SAFETY``,
a gradient that is off by a millionth is told from a right one."""

CONVERGED = 1e-3
"""How small it must be for a disagreement to count."""

NOISE = 1e-14
"""What cancellation inside a function of numbers of order 1 leaves: a smaller disagreement decides nothing."""

OPINIONS = (0.61, 0.37, 0.61 * 2.0**-10)
"""The first steps of further differences that a disagreement is confirmed with, relative to the usual one: some so
close that rounding shows that the error estimate does not know of, one far smaller since a derivative is about that."""

DIGITS = 64 * float(np.finfo(float).eps)
"""What rounding leaves of terms that cancel, relative to the size of everything that was computed with."""


class Verdict(NamedTuple):
    """``right``, ``wrong`` or ``inconclusive``, and why."""

    kind: str
    reason: str = ""


def compare(line: Line, weights: list[np.ndarray], claimed: float, size: float, single: bool) -> Verdict:
    """Compare what the tape claims to be the derivative along a line with differences.

    ``size`` is that of the terms of the claim; ``single``: the line moves one entry alone.
    """

    def against(found: Derivative) -> Verdict:
        reason = f"the tape says {claimed!r}, differences {found.value!r} +- {found.error:.1e}"
        scale = max(size, found.size) if np.isfinite(size) else found.size
        if not abs(claimed - found.value) <= SAFETY * found.error:  # so too if the claim is NaN
            noticeable = not abs(claimed - found.value) <= max(DIGITS * _size_around(line, weights), NOISE)
            converged = found.error <= CONVERGED * scale
            return Verdict("wrong" if noticeable and converged else "inconclusive", reason)
        if claimed == size == 0:
            scale = _size_around(line, weights)
        return Verdict("right" if found.error <= CONCLUSIVE * scale else "inconclusive", reason)

    def agrees(found: Derivative) -> bool:
        return abs(claimed - found.value) <= SAFETY * found.error < np.inf

    found = central(line, weights)
    if agrees(found):
        return against(found)
    others = [central(line._replace(step=factor * line.step), weights) for factor in OPINIONS]
    for other in others:
        if agrees(other):
            return against(other)
    sides = [side for side in one_sided(line, weights) if np.isfinite(side.error)]
    if len(sides) == 1:  # the end of the domain
        return against(sides[0])
    if not sides or not np.isfinite(found.error):
        return Verdict("inconclusive", "the function has no finite values around")
    differing = [abs(found.value - other.value) - other.error for other in others if np.isfinite(other.error)]
    unexplained = max(differing, default=0.0)
    if abs(claimed - found.value) <= SAFETY * (found.error + max(unexplained, 0.0)):
        values = ", ".join(repr(opinion.value) for opinion in (found, *others))
        return Verdict("inconclusive", f"differences contradict each other: {values}")
    left, right = sides
    if abs(left.value - right.value) > SAFETY * (left.error + right.error):
        return _at_kink(claimed, left, right, single)
    return against(found)


def _size_around(line: Line, weights: list[np.ndarray]) -> float:
    """The size of a function's values, per unit of a step: how exactly a derivative of zero can be told from others."""
    sizes = []
    for t in (-line.step, 0.0, line.step):
        sizes.append(sum(float(np.abs(w * y).sum()) for w, y in zip(weights, line.at(t), strict=True)))
    return STEP / line.step * max(filter(np.isfinite, sizes), default=0.0)


def _at_kink(claimed: float, left: Derivative, right: Derivative, single: bool) -> Verdict:
    """At a kink a gradient is a matter of convention, but lies between the one-sided derivatives."""
    if not single:
        return Verdict("inconclusive", "a kink, where only the derivatives of single entries tell right from wrong")
    low, high = sorted((left.value, right.value))
    slack = SAFETY * (left.error + right.error)
    reason = f"the tape says {claimed!r}, one-sided derivatives are {low!r} and {high!r}"
    if not low - slack <= claimed <= high + slack:
        return Verdict("wrong", reason)
    exact = left.error + right.error <= CONCLUSIVE * max(left.size, right.size)
    return Verdict("right" if exact else "inconclusive", reason)
