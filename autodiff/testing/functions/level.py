"""A function and its gradients at one order: the verdict on what they say of a move of the arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...tensor import Tensor
from ..differences.complex_step import complex_step, is_analytic
from ..differences.finite_difference import STEP, Derivative, Line, along_jointly, scale_of, unit
from ..differences.kinks import Sides, is_sum, one_kind
from ..differences.verdict import Verdict, at_kink, compare, tolerance_of
from ..pulled_back import plain

JOINTLY = 32
"""Up to how many entries that move together are looked at one by one, to tell a kink from a wrong gradient."""

ATTEMPTS = 4
"""How many random samples of more entries are looked at."""

Move = Mapping[int, np.ndarray]
"""How arrays move, each along its direction, by position."""


@dataclass
class Level:
    """A function of several arrays and its gradients, weighted with cotangents: what can be asked about them."""

    function: Callable[[Sequence[Tensor]], list[Any]]
    arrays: list[np.ndarray]
    outputs: list[Any]
    cotangents: list[np.ndarray]
    gradients: list[np.ndarray]
    rng: np.random.Generator
    below: Level | None = None

    def values(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        return [plain(output) for output in self.function([Tensor(array) for array in arrays])]

    def line(self, move: Move) -> Line:
        return along_jointly(self.values, self.arrays, move)

    def claim(self, move: Move) -> tuple[float, float]:
        """What the gradients say of a move, and the size of the terms; what stays may have an infinite gradient."""
        terms = np.concatenate([(self.gradients[i] * d)[d != 0] for i, d in move.items()])
        return float(terms.sum().real), float(np.abs(terms).sum())

    @cached_property
    def analytic(self) -> bool:
        """Whether everything recorded is analytic, also on the way to what is constant by now: at lower orders."""
        real = all(x.dtype.kind == "f" for x in (*self.arrays, *self.cotangents))
        return real and is_analytic(self.outputs) and (self.below is None or self.below.analytic)

    def complex_step(self, move: Move) -> Derivative | None:
        """The derivative along a move by a complex step; None where there is none."""
        if not self.analytic:
            return None

        def at(t: complex) -> list[np.ndarray]:
            return self.values([x + t * move[i] if i in move else x + 0j for i, x in enumerate(self.arrays)])

        try:
            return complex_step(at, self.line(move).step / STEP, self.cotangents)
        except (TypeError, ValueError):  # code may insist on real numbers
            return None

    def verdict(self, move: Move) -> Verdict:
        """What differences along the line of a move say of the gradients."""
        return compare(
            self.line(move), self.cotangents, *self.claim(move), _count(move) == 1, lambda: self.complex_step(move)
        )

    def settled(self, move: Move, found: Verdict) -> Verdict:
        """The verdict on a move, given that along its line; it may be inconclusive where the function is not smooth."""
        if _count(move) > 1 and (found.kink or found.kind == "wrong"):
            return found if self._keeps_ties(move) else self._settled_jointly(move, found)
        if found.kind == "wrong" and self._interacts(move, one_kind if found.kink else is_sum):
            return _no_derivative(found)
        return found

    def _keeps_ties(self, move: Move) -> bool:
        """Whether everything moves by the same and the function is smooth along it, as most are that have only ties.

        Then the gradient must say so, whatever the shares are that the tied entries have in it.
        """
        if any(np.any(move.get(i, 0) != equal_direction(x)) for i, x in enumerate(self.arrays)):
            return False
        sides = self._sides(move)
        return sides.known and not sides.kinked

    def _settled_jointly(self, move: Move, found: Verdict) -> Verdict:
        """The same for a move of several entries, which disagreed with differences or met a kink.

        Of many entries, random ones are looked at.
        """
        smooth = []
        few = _count(move) <= JOINTLY
        for parts in [_parts(move)] if few else [_parts(move, self.rng) for _ in range(ATTEMPTS)]:
            together = _together(parts)
            whole, each = self._sides(together), [self._sides(part) for part in parts]
            known = all(sides.known for sides in (whole, *each))
            smooth.append(known and not any(s.kinked for s in (whole, *each)) and is_sum(whole, *each))
            if known and not smooth[-1] and one_kind(whole, *each):
                claimed, size = self.claim(together)
                verdict = at_kink(whole, claimed, tolerance_of(self.line(together), self.cotangents, size))
                if verdict.kind == "wrong" or few:
                    return verdict
        if few and any(self.settled(part, self.verdict(part)).kink for part in parts):
            return _no_derivative(found)
        return found if all(smooth) else _no_derivative(found)

    def _sides(self, move: Move) -> Sides:
        return Sides.of(self.line(move), self.cotangents)

    def _interacts(self, move: Move, regular: Callable[..., bool]) -> bool:
        """Whether the effect of one entry's move depends on small moves of others, as it does only at some kinks.

        So it is with the middle one of three equal numbers, which no number alone can move. The others are those of the
        same value; they move further than the entry, some of them up and some down, in every proportion.
        """
        ((i, direction),) = move.items()
        value = self.arrays[i][direction != 0].item()
        few = sum(x.size for x in self.arrays) <= JOINTLY
        others = [
            (j, entry)
            for j, x in enumerate(self.arrays)
            for entry in map(tuple, np.argwhere(np.full(x.shape, few) | (x == value)))
            if j != i or not direction[entry]
        ]
        if not others:
            return False
        others = [others[k] for k in self.rng.permutation(len(others))[:JOINTLY]]
        alone = self._sides(move)
        for downwards in range(len(others) + 1):
            rest: dict[int, np.ndarray] = {}
            for k, (j, entry) in enumerate(others):
                length = self.rng.integers(96, 129) / 64
                rest.setdefault(j, np.zeros(self.arrays[j].shape))[entry] = -length if k < downwards else length
            sides, whole = self._sides(rest), self._sides(_together([move, rest]))
            if alone.known and sides.known and whole.known and not regular(whole, alone, sides):
                return True
        return False


def _count(move: Move) -> int:
    """How many entries move."""
    return sum(int(np.count_nonzero(direction)) for direction in move.values())


def _parts(move: Move, rng: np.random.Generator | None = None) -> list[Move]:
    """The moves of single entries that a move consists of; or with a generator, ``JOINTLY`` of them at random."""
    places = [(i, tuple(entry)) for i, direction in move.items() for entry in np.argwhere(direction)]
    if rng is not None:
        places = [places[k] for k in rng.choice(len(places), JOINTLY, replace=False)]
    return [{i: move[i][entry] * unit(move[i].shape, entry)} for i, entry in places]


def _no_derivative(found: Verdict) -> Verdict:
    return Verdict("inconclusive", f"the function has no derivative here; {found.reason}", kink=True)


def _together(moves: Sequence[Move]) -> Move:
    total: dict[int, np.ndarray] = {}
    for move in moves:
        for i, direction in move.items():
            total[i] = total[i] + direction if i in total else direction
    return total


def equal_direction(x: np.ndarray) -> np.ndarray:
    """1 for all entries, but for those that are infinite or not a number: they stay where they are."""
    return np.isfinite(x).astype(float)


def random_directions(rng: np.random.Generator, move: Mapping[int, np.ndarray]) -> Move:
    """Random multiples of 1/64 between 1/2 and 1, which move a lattice exactly; less for entries that are smaller.

    Those that are infinite or not a number stay where they are.
    """
    sizes = {i: scale_of(np.maximum(np.abs(np.where(np.isfinite(x), x, 0)), 1)) for i, x in move.items()}
    largest = max(float(size.max(initial=1)) for size in sizes.values())
    directions = {}
    for i, x in move.items():
        signs = [1.0, -1.0, 1j, -1j] if x.dtype.kind == "c" else [1.0, -1.0]
        lengths = rng.integers(32, 65, x.shape) / 64 * (sizes[i] / largest)
        directions[i] = np.where(np.isfinite(x), lengths * rng.choice(signs, x.shape), 0)
    return directions
