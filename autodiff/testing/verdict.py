"""The verdict on a claimed derivative: right, wrong, or inconclusive, by what finite differences say and how surely."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .finite_difference import STEP, Derivative, Line, central, one_sided
from .kinks import Sides

SAFETY = 10.0
"""How many times its estimate the error of a difference may be before a gradient is called wrong."""

CONCLUSIVE = 3e-8
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
    """``right``, ``wrong`` or ``inconclusive``, and why; ``kink``: whether the function has no derivative
    there."""

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
        exact: where the differences alone cannot decide, it may give a derivative that knows more digits than they do,
            the complex step; None if there is none.
    """

    def against(found: Derivative, what: str = "differences") -> Verdict:
        reason = f"the tape says {claimed!r}, {what} {found.value!r} +- {found.error:.1e}"
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

    def sharpened(found: Derivative) -> Verdict | None:
        """The verdict of the complex step, if it contradicts the differences no more than they allow."""
        sharper = exact() if exact is not None and np.isfinite(found.error) else None
        if sharper is None or not abs(sharper.value - found.value) <= SAFETY * found.error:
            return None
        return against(sharper, "the complex step")

    found = central(line, weights)
    others: list[Derivative] = []
    for factor in (None, *OPINIONS):
        opinion = found if factor is None else central(line._replace(step=factor * line.step), weights)
        if agrees(opinion):
            verdict = against(opinion)
            return verdict if verdict.kind == "right" else sharpened(opinion) or verdict
        others.append(opinion)
    sides = [side for side in one_sided(line, weights) if np.isfinite(side.error)]
    if len(sides) == 1:  # the end of the domain
        return against(sides[0])
    if not sides or not np.isfinite(found.error):
        return Verdict("inconclusive", "the function has no finite values around")
    differing = [abs(found.value - other.value) - other.error for other in others[1:] if np.isfinite(other.error)]
    unexplained = max(differing, default=0.0)
    left, right = sides
    bent = abs(left.value - right.value) > SAFETY * (left.error + right.error)
    if not bent and (sharper := sharpened(found)) is not None:
        return sharper
    if abs(claimed - found.value) <= SAFETY * (found.error + max(unexplained, 0.0)):
        values = ", ".join(repr(opinion.value) for opinion in others)
        return Verdict("inconclusive", f"differences contradict each other: {values}")
    each = Sides.of(line, weights)
    if each.known and each.kinked:
        return at_kink(each, claimed, single)
    return Verdict("inconclusive", "one-sided derivatives differ", kink=True) if bent else against(found)


def at_kink(sides: Sides, claimed: float, single: bool = True) -> Verdict:
    """The verdict at a kink: a gradient must lie between the one-sided derivatives."""
    reason = f"the tape says {claimed!r}, one-sided derivatives are {sides.low!r} and {sides.high!r}"
    if not sides.contains(claimed):
        return Verdict("wrong" if single else "inconclusive", reason, kink=True)
    exact = float(sides.error.sum()) <= CONCLUSIVE * float(np.maximum(abs(sides.left), abs(sides.right)).sum())
    return Verdict("right" if exact and single else "inconclusive", reason, kink=True)


def _size_around(line: Line, weights: Sequence[np.ndarray]) -> float:
    """The size of a function's values, per unit of a step: how exactly a derivative of zero can be told from others."""
    sizes = []
    for t in (-line.step, 0.0, line.step):
        sizes.append(sum(float(np.abs(w * y).sum()) for w, y in zip(weights, line.at(t), strict=True)))
    return STEP / line.step * max(filter(np.isfinite, sizes), default=0.0)
