"""``check_grads``: is the gradient that the tape finds the derivative that finite differences find?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from time import perf_counter
from typing import Any

import numpy as np

from ...tensor import Tensor
from ...tree import flatten
from ..differences.finite_difference import unit
from ..differences.verdict import DIGITS, ROUNDING, Verdict
from ..pulled_back import normal, plain, pulled_back
from ..report import GradientReport, announce
from .level import Level, Move, equal_direction, random_directions
from .reproduction import Reproduction, code_of, message

DERIVATIVE = "a gradient is the derivative of the output, weighted with the cotangent"
SUBGRADIENT = "at a kink a gradient lies between the one-sided derivatives"
SECOND = "the gradient of order {} is the derivative of that of order {}, weighted with a second cotangent"
LINEAR = "a gradient is linear in the cotangent"
ZERO = "the cotangent 0 gives the gradient 0"
RECORDED = "a gradient is the same whether it is itself recorded or not"
FORM = "a gradient has the shape and the dtype of its argument"
UNCHANGED = "computing a gradient changes no array in place"


def check_grads(
    f: Callable,
    *args: Any,
    order: int = 2,
    seed: int = 0,
    directions: int = 2,
    entries: int = 12,
    min_conclusive: float = 0.5,
) -> GradientReport:
    """Check the gradient of ``f`` with respect to every floating-point argument against finite differences.

    The output is contracted with a random cotangent. For each argument the tape's gradient is compared with differences
    for single entries and along random directions; what the differences estimate as their own error is the tolerance.
    At a kink the gradient must lie between the one-sided derivatives, along joint moves of all arguments too; where all
    that was recorded is analytic and differences cannot tell, a complex step may confirm it. Entries that are infinite
    or not a number stay where they are. With ``order=2`` the gradient itself,
    as a function of the arguments, is checked in the same way. Further, a gradient must have its argument's shape and
    dtype, be linear in the cotangent and exactly zero for the cotangent zero, and computing it must change no array in
    place.

    >>> import numpy as np
    >>> check_grads(lambda x, y: np.sin(x) * y, np.array([0.5, 1.0]), np.array(2.0)).share
    1.0

    Args:
        f: takes tensors where ``args`` has floating-point values; returns a tensor, or nested lists, tuples and dicts.
        args: arrays, tensors and numbers, nested too; computed with in float64. No ``.grad`` is touched.
        order: up to which derivative.
        seed: of the cotangents, the directions and the choice of entries.
        directions: how many random directions in each argument.
        entries: how many single entries of each argument; all of them in smaller ones.
        min_conclusive: what share of the comparisons must be conclusive: to have checked nothing is no success.

    Returns:
        A report with the share of comparisons that were conclusive, and notes on those that were not.

    Raises:
        AssertionError: a gradient is wrong; says which argument and entry, what the tape and the differences say, which
            property broke, and gives a program of NumPy that shows it again. Or too few comparisons were conclusive.
        TypeError: no argument can be differentiated, or ``f`` returns no tensor.
    """
    start = perf_counter()
    leaves, build = flatten(args)
    leaves = [leaf.data if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    chosen = [i for i, leaf in enumerate(leaves) if np.asarray(leaf).dtype.kind in "fc"]
    if not chosen:
        raise TypeError("check_grads: no argument is a floating-point array or number; write 3.0 for 3")

    def function(tensors: Sequence[Tensor]) -> list[Any]:
        replaced = dict(zip(chosen, tensors, strict=True))
        y = f(*build([replaced.get(i, leaf) for i, leaf in enumerate(leaves)]))
        outputs, _ = flatten(y)
        if not any(isinstance(output, Tensor) for output in outputs):
            kinds = ", ".join(type(output).__name__ for output in outputs) or "nothing"
            raise TypeError(f"check_grads: the function returned no tensor but {kinds}: the gradient is lost")
        kept = [plain(output).dtype.kind in "fc" for output in outputs]
        if not reproduction.outputs:
            reproduction.outputs = list(compress(_paths(y, "y"), kept))
        return list(compress(outputs, kept))

    names = [path for i, arg in enumerate(args) for path in _paths(arg, f"argument {i}")]
    arrays = [np.array(leaves[i], dtype=np.result_type(leaves[i], np.float64)) for i in chosen]
    places: Iterator[str | None] = (f"x[{chosen.index(i)}]" if i in chosen else None for i in range(len(leaves)))
    reproduction = Reproduction(f, ", ".join(code_of(arg, places) for arg in args), arrays)
    check = _Check([names[i] for i in chosen], np.random.default_rng(seed), directions, entries, reproduction)
    level_function: Callable = function
    with np.errstate(all="ignore"):
        for order_now in range(1, order + 1):
            cotangents = check.level(level_function, arrays, order_now)
            if cotangents is None:
                break
            level_function = _gradient_function(level_function, cotangents)
    report = check.report
    report.what, report.seconds = getattr(f, "__name__", type(f).__name__), perf_counter() - start
    if report.share < min_conclusive:
        raise AssertionError(
            f"check_grads: only {report.conclusive} of {report.checked} comparisons were conclusive; check at other "
            f"points, or pass a lower min_conclusive than {min_conclusive}:\n  " + "\n  ".join(report.notes[:10])
        )
    return announce(report)


def _paths(value: Any, path: str) -> list[str]:
    """What to call each leaf of a nested argument: ``argument 1['weight'][0]``."""
    if isinstance(value, (dict, list, tuple)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for key, item in items for leaf in _paths(item, f"{path}[{key!r}]")]
    return [path]


def _gradient_function(function: Callable, cotangents: list[np.ndarray]) -> Callable[[Sequence[Tensor]], list[Any]]:
    """The gradients of a function, contracted with cotangents, as a function of the same arguments."""

    def gradient(tensors: Sequence[Tensor]) -> list[Any]:
        tracked = any(t.requires_grad for t in tensors)
        inputs = [t if t.requires_grad else Tensor(t.data, requires_grad=True) for t in tensors]
        return pulled_back(function(inputs), cotangents, inputs, create_graph=tracked)

    return gradient


class _Check:
    """One call of ``check_grads``: what it draws at random, and its report."""

    def __init__(
        self,
        names: list[str],
        rng: np.random.Generator,
        directions: int,
        entries: int,
        reproduction: Reproduction,
    ) -> None:
        self.names, self.rng, self.directions, self.entries = names, rng, directions, entries
        self.reproduction = reproduction
        self.report = GradientReport()
        self.last: Level | None = None

    def level(self, function: Callable, arrays: list[np.ndarray], order: int) -> list[np.ndarray] | None:
        """Check the gradients of a function; returns the cotangents used, or None if its value is not finite."""
        inputs = [Tensor(array, requires_grad=True) for array in arrays]
        kept = [array.copy() for array in arrays]
        outputs = function(inputs)
        values = [plain(output) for output in outputs]
        if not all(np.isfinite(value).all() for value in values):
            self.report.checked += 1
            self.report.notes.append(f"order {order}: the value is not finite")
            return None
        cotangents = [normal(self.rng, value) for value in values]
        self.reproduction.cotangents.append(cotangents)
        kept += [array.copy() for array in (*cotangents, *values)]
        found = [g.data for g in pulled_back(outputs, cotangents, inputs)]
        for array, copy in zip((*arrays, *cotangents, *values), kept, strict=True):
            if array.tobytes() != copy.tobytes():
                self._fail(
                    f"the function or a rule changed an argument, a value or its cotangent of shape {array.shape}, "
                    f"order {order}, in place: {copy} became {array}",
                    UNCHANGED,
                    self.reproduction.gradient_program(0),
                )
        for i, gradient in enumerate(found):
            if (gradient.shape, gradient.dtype) != (arrays[i].shape, arrays[i].dtype):
                self._fail(
                    f"{self.names[i]} of shape {arrays[i].shape}, {arrays[i].dtype} has a gradient of "
                    f"shape {gradient.shape}, {gradient.dtype}",
                    FORM,
                    self.reproduction.gradient_program(i),
                )
        if order == 1:
            size = sum(float(np.abs(c * y).sum()) for c, y in zip(cotangents, values, strict=True))
            self._check_linearity(outputs, cotangents, inputs, found, size)
        level = self.last = Level(function, arrays, outputs, cotangents, found, self.rng, self.last)
        for i in range(len(arrays)):
            self._compare_argument(level, i, order)
        if order == 1:
            self._compare_jointly(level)
        return cotangents

    def _fail(self, what: str, broken: str, program: str) -> None:
        raise AssertionError(message(f"check_grads: {what}", broken, program))

    def _check_linearity(
        self,
        outputs: list[Any],
        cotangents: list[np.ndarray],
        inputs: list[Tensor],
        found: list[np.ndarray],
        size: float,
    ) -> None:
        """Check what holds for any vector-Jacobian product; and that on tensors a rule says the same as on arrays.

        ``size`` is that of the values, as the cotangents weigh them.
        """
        others = [normal(self.rng, c) for c in cotangents]
        size += max(float(np.abs(g[np.isfinite(g)]).max(initial=0)) for g in (*found, *cotangents, *others))
        sums = [2.5 * c - d for c, d in zip(cotangents, others, strict=True)]
        recorded = pulled_back(outputs, cotangents, inputs, create_graph=True)
        other, total, zero = (pulled_back(outputs, cs, inputs) for cs in (others, sums, [0 * c for c in cotangents]))
        for i, (g, h, g_h, none, taped) in enumerate(zip(found, other, total, zero, recorded, strict=True)):
            name, program = self.names[i], self.reproduction.gradient_program(i)
            combined = 2.5 * g - h.data
            finite = np.isfinite(g) & np.isfinite(combined) & np.isfinite(g_h.data)
            largest = max(np.abs(g[finite]).max(initial=0), np.abs(h.data[finite]).max(initial=0))
            tolerance = ROUNDING * largest + DIGITS * size
            if np.any(none.data[finite] != 0):
                self._fail(f"the cotangent 0 gives {name} the gradient {none.data}, not zeros", ZERO, program)
            if np.any(np.abs(combined - g_h.data)[finite] > tolerance):
                self._fail(
                    f"the gradient of {name} is not linear in the cotangent: those of c, d and 2.5 c - d "
                    f"are {g}, {h.data} and {g_h.data}",
                    LINEAR,
                    program,
                )
            if np.any(np.abs(taped.data - g)[finite] > tolerance):
                self._fail(
                    f"with create_graph=True the gradient of {name} is {taped.data}, without it {g}", RECORDED, program
                )

    def _compare_argument(self, level: Level, i: int, order: int) -> None:
        """Compare the gradient of one argument with differences, by entries and along random directions."""
        x = level.arrays[i]

        def label(place: str) -> str:
            return f"the gradient of {self.names[i]}, order {order}, at {place} of shape {x.shape}"

        for entry, direction in self._entries(x, self.entries):
            self._judge(level, {i: direction}, label(f"entry {entry}"), order)
        finite = np.count_nonzero(np.isfinite(x))
        if x.size and not finite:
            self.report.checked += 1
            self.report.notes.append(f"no entry of {self.names[i]} is finite")
        elif finite < x.size and order == 1:
            stay = f"{x.size - finite} of {x.size} entries are not finite, and not moved"
            self.report.notes.append(f"{self.names[i]}: {stay}")
        for _ in range(self.directions if finite > 1 else 0):
            move = random_directions(self.rng, {i: x})
            found = level.verdict(move)
            if found.kind == "wrong" and x.size > self.entries:
                for entry, one in self._entries(x, x.size):
                    self._judge(level, {i: one}, label(f"entry {entry}"), order)
            self._judge(level, move, label("the sum over a random direction"), order, found)

    def _compare_jointly(self, level: Level) -> None:
        """Compare the gradients of all arguments with differences as they move together.

        Where all entries move by the same, ties remain ties, and most functions with kinks are smooth: then the shares
        that the tied entries have in the gradient must add up.
        """
        moving = {i: x for i, x in enumerate(level.arrays) if np.isfinite(x).any()}
        moves: dict[str, Move] = {}
        if sum(np.count_nonzero(np.isfinite(x)) for x in moving.values()) > 1:
            moves["all entries move by the same"] = {i: equal_direction(x) for i, x in moving.items()}
        if len(moving) > 1 and self.directions:
            moves["all arguments move at random"] = random_directions(self.rng, moving)
        for place, move in moves.items():
            self._judge(level, move, f"what the gradients say, order 1, where {place},", 1)

    def _judge(self, level: Level, move: Move, label: str, order: int, found: Verdict | None = None) -> None:
        """Enter the verdict on a move into the report, or raise it."""
        found = level.settled(move, found or level.verdict(move))
        if found.kind == "wrong":
            broken = SUBGRADIENT if found.kink else DERIVATIVE if order == 1 else SECOND.format(order, order - 1)
            program = self.reproduction.program(move, level.line(move).step / 64, sides=found.kink)
            self._fail(f"{label} is wrong: {found.reason}", broken, program)
        self.report.checked += 1
        self.report.conclusive += found.kind == "right"
        if found.kind == "inconclusive":
            self.report.notes.append(f"{label}: {found.reason}")

    def _entries(self, x: np.ndarray, count: int) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
        """Unit vectors of finite entries of an array, all of them if that is not more than ``count``, else as many."""
        places = np.flatnonzero(np.isfinite(x))
        if len(places) > count:
            places = np.sort(self.rng.choice(places, count, replace=False))
        for place in places:
            entry = tuple(int(k) for k in np.unravel_index(place, x.shape))
            yield entry, unit(x.shape, entry)
            if x.dtype.kind == "c":
                yield entry, 1j * unit(x.shape, entry)
