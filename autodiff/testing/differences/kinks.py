"""Points where a function has no derivative: what may be asked of a gradient there.

At a kink a gradient is a matter of convention, but not of any: what a convex function's gradient says of a direction
lies between the one-sided derivatives along it (it is a subgradient), and so for a concave one. That is asked of every
entry of the outputs by itself, since a sum of both kinds, or one weighted with both signs, may look smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .finite_difference import SAFETY, Line, one_sided

MANY = 2000
"""Up to how many entries of the outputs are looked at one by one."""

COARSE = 1e-3
"""By how much moves must fail to add up, relative to what they do, for it to be a kink and not an inaccuracy."""


class Sides(NamedTuple):
    """The derivatives along a line from the left and from the right, of each entry of the outputs times its weight."""

    left: np.ndarray
    right: np.ndarray
    error: np.ndarray

    @classmethod
    def of(cls, line: Line, weights: Sequence[Any]) -> Sides:
        """The one-sided derivatives; NaN with an infinite error for an entry that has none, or if ``MANY`` change."""
        at = cache(lambda t: [np.ravel(value) for value in line.at(t)])
        here, there, back = at(0.0), at(line.step), at(-line.step)
        found: list[tuple[float, float, float]] = []
        if sum(np.count_nonzero((x != y) | (x != z)) for x, y, z in zip(here, there, back, strict=True)) > MANY:
            return cls(*np.full((3, 1), [[np.nan], [np.nan], [np.inf]]))
        for k, weight in enumerate(map(np.ravel, weights)):
            for i in range(len(weight)):
                if here[k][i] == there[k][i] == back[k][i]:
                    found.append((0.0, 0.0, 0.0))
                    continue

                def entry(t: float, k: int = k, i: int = i) -> list[np.ndarray]:
                    return [at(t)[k][i : i + 1]]

                left, right = one_sided(line._replace(at=entry), [weight[i : i + 1]])
                found.append((left.value, right.value, left.error + right.error))
        return cls(*np.array(found, dtype=float).reshape(-1, 3).T)

    @property
    def known(self) -> bool:
        """Whether every entry has both derivatives."""
        return bool(np.isfinite(self.error).all())

    @property
    def kinked(self) -> bool:
        """Whether they differ for some entry."""
        return bool(np.any(np.abs(self.left - self.right) > SAFETY * self.error))

    @property
    def low(self) -> float:
        """The least that a subgradient or supergradient of each entry may say in sum."""
        return float(np.minimum(self.left, self.right).sum())

    @property
    def high(self) -> float:
        """The most."""
        return float(np.maximum(self.left, self.right).sum())

    @property
    def slack(self) -> float:
        return SAFETY * float(self.error.sum())

    def contains(self, claimed: float, noise: float = 0.0) -> bool:
        """Whether a claimed derivative lies between those from the two sides, but for their error and for noise."""
        slack = self.slack + noise
        return self.low - slack <= claimed <= self.high + slack


def is_sum(whole: Sides, *parts: Sides) -> bool:
    """Whether a joint move changes each output by the sum of what the single moves do, as a derivative does."""
    left, right, slack = _in_sum(whole, parts)
    return bool(np.all(np.abs(whole.left - left) <= slack) and np.all(np.abs(whole.right - right) <= slack))


def one_kind(whole: Sides, *parts: Sides) -> bool:
    """Whether each output is convex or concave along a direction and its parts, as far as these show it."""
    left, right, slack = _in_sum(whole, parts)

    def convex(sign: int) -> np.ndarray:
        bends = [sign * (sides.right - sides.left) >= -slack for sides in (whole, *parts)]
        bounded = (sign * (right - whole.right) >= -slack) & (sign * (whole.left - left) >= -slack)
        return np.logical_and.reduce([*bends, bounded])

    return bool(np.all(convex(+1) | convex(-1)))


def _in_sum(whole: Sides, parts: Sequence[Sides]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the single moves do in sum, from the left and from the right, and how exactly that is known."""
    every = (whole, *parts)
    error = np.sum([sides.error for sides in every], axis=0)
    size = np.sum([np.abs(sides.left) + np.abs(sides.right) for sides in every], axis=0)
    left = np.sum([part.left for part in parts], axis=0)
    right = np.sum([part.right for part in parts], axis=0)
    return left, right, SAFETY * error + COARSE * size
