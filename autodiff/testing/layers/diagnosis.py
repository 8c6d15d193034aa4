"""Which simple relation explains a wrong gradient: transposed, not summed over the batch, off by a factor of N, ...

Each relation is verified on all entries, to six digits; where none holds, nothing is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, permutations
from typing import Any

import numpy as np

PRECISION = 1e-6
"""How exactly a relation must hold, relative to the largest entry."""

EXPLAINED = 1e-3
"""What share of the difference between found and right a relation may leave unexplained."""

SINGLE = 1e-6
"""The error of what was computed in float32, relative to the largest entry."""

ROWS = 3
"""How many rows a relation per column takes before it says anything: it always holds for one, and often for two."""


@dataclass(frozen=True)
class Context:
    """What a wrong gradient may be related to: the arrays of the layer it is of, all optional.

    Attributes:
        value: the argument whose gradient it is, and ``name``, what it is called.
        cotangent: that of the output, which backward was given.
        output: what forward returned.
        inputs, parameters: by name.
        others: the right gradients of the other arguments, by what they are called.
        precision: how exactly a relation must hold: ``PRECISION``, or more where found and right differ by little.
    """

    name: str = "x"
    value: np.ndarray | None = None
    cotangent: np.ndarray | None = None
    output: np.ndarray | None = None
    inputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    parameters: Mapping[str, np.ndarray] = field(default_factory=dict)
    others: Mapping[str, np.ndarray] = field(default_factory=dict)
    precision: float = PRECISION

    @property
    def sizes(self) -> dict[str, int]:
        """N, how many rows the first input has, and C, how many columns."""
        first = next(iter(self.inputs.values()), np.zeros(()))
        sizes = {"N": first.shape[0]} if first.ndim else {}
        return {**sizes, "C": first.shape[-1]} if first.ndim > 1 else sizes


def explain(found: Any, true: Any, context: Context = Context()) -> str | None:
    """A predicate for the gradient ``found`` where ``true`` is right, such as "is transposed"; None if none is known.

    >>> true = np.array([[1.0, 2.0, 3.0], [5.0, 7.0, 11.0]])
    >>> explain(true.T, true), explain(-true, true)
    ('is transposed', 'has the wrong sign')
    """
    found, true = np.asarray(found, dtype=float), np.asarray(true, dtype=float)
    if found.size == 0 or not np.isfinite(true).all():
        return None
    if not np.isfinite(found).all():
        return f"is not finite in {np.count_nonzero(~np.isfinite(found))} of {found.size} entries"
    relations: tuple[Relation, ...] = (_reshaped, _elsewhere)
    if found.shape == true.shape:
        relations = (_elsewhere, _rearranged, *_OF_VALUES)
        difference = _size(found - true) / (_size(true) or 1.0)
        context = replace(context, precision=min(PRECISION, EXPLAINED * difference))
    for relation in relations:
        phrase = relation(found, true, context)
        if phrase is not None:
            return phrase
    return None


def _equal(a: Any, b: Any, precision: float, scale: float | None = None) -> bool:
    """Whether two arrays of one shape agree, relative to the largest entry of the second, or to ``scale``."""
    return np.shape(a) == np.shape(b) and bool(
        np.all(np.abs(a - b) <= precision * (_size(b) if scale is None else scale))
    )


def _size(a: np.ndarray) -> float:
    return float(np.abs(a).max(initial=0))


def _reshaped(found: np.ndarray, true: np.ndarray, context: Context) -> str | None:
    """For another shape than the right one: which change of shape, up to a constant factor, leads to it."""
    known = [*_arrangements(found, true), *_sums(found, true)]
    for phrase, candidate in known:
        if _equal(candidate, true, context.precision):
            return phrase
    for phrase, candidate in known:
        factor = _factor(candidate, true, context)
        if factor is not None:
            return f"{phrase}, and {factor}"
    return None


def _arrangements(found: np.ndarray, true: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Arrays of the right shape with the entries of the wrong one."""
    if found.ndim == true.ndim == 2 and found.T.shape == true.shape and 1 not in true.shape:
        yield "is transposed", found.T
    elif 2 < found.ndim == true.ndim <= 5:
        for axes in permutations(range(found.ndim)):
            if found.transpose(axes).shape == true.shape and axes != tuple(range(found.ndim)):
                order = ", ".join(map(str, axes))
                yield f"has its axes in the wrong order: transpose({order}) would be right", found.transpose(axes)
    if found.size == true.size and found.shape != true.shape:
        yield "has the right entries in the wrong shape", found.reshape(true.shape)


def _sums(found: np.ndarray, true: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Arrays of the right shape that are sums of the wrong one over axes, or that it is summed too much for."""
    for count in range(1, found.ndim + 1):
        for axes in combinations(range(found.ndim), count):
            total = found.sum(axis=axes)
            if total.size == true.size:
                where = "the batch" if axes == (0,) else _axes(axes)
                yield f"is not summed over {where}", total.reshape(true.shape)
                yield f"is not averaged over {where}", found.mean(axis=axes).reshape(true.shape)
    for count in range(1, true.ndim + 1):
        for axes in combinations(range(true.ndim), count):
            total = true.sum(axis=axes, keepdims=True)
            if total.size == found.size:
                for phrase, reduced in (("summed", total), ("averaged", true.mean(axis=axes, keepdims=True))):
                    if _equal(found.reshape(total.shape), reduced, PRECISION):
                        yield f"is {phrase} over {_axes(axes)}, which it should not be", true


def _axes(axes: Sequence[int]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"the axes {', '.join(map(str, axes))}"


def _elsewhere(found: np.ndarray, true: np.ndarray, context: Context) -> str | None:
    """A gradient that is right, but of something else; or that is what backward was given."""
    if not found.any() and true.any():
        return "is all zeros"
    for name, other in context.others.items():
        if other.size > 1 and _equal(found, other, context.precision):
            return f"holds the gradient of {name}"
    dy = context.cotangent
    if dy is None or dy.ndim == 0:
        return None
    if _equal(found, dy, context.precision):
        return "is dy unchanged: the layer's own derivative is missing"
    if found.shape == dy.shape == true.shape and _equal(found * dy, true, context.precision):
        return "is not multiplied by dy: the chain rule is missing"
    for right, wrong in permutations(range(dy.ndim), 2):
        if _same_entries(dy.sum(axis=right), true) and _same_entries(dy.sum(axis=wrong), found):
            return f"is summed over the wrong axis: axis {wrong} instead of {right}"
    return None


def _same_entries(a: np.ndarray, b: np.ndarray) -> bool:
    return a.size == b.size and _equal(a.ravel(), b.ravel(), PRECISION)


def _rearranged(found: np.ndarray, true: np.ndarray, context: Context) -> str | None:
    """The right entries at other places."""
    for phrase, candidate in _arrangements(found, true):
        if _equal(candidate, true, context.precision):
            return phrase
    for axis, what in zip(range(found.ndim), ("rows", "columns"), strict=False):
        if found.shape[axis] > 1 and _equal(np.flip(found, axis), true, context.precision):
            return f"has its {'entries' if found.ndim == 1 else what} in reverse order"
    if found.ndim > 1 and _equal(found.reshape(-1).reshape(true.shape, order="F"), true, context.precision):
        return "has its entries in column-major order: reshape them in the order they came from"
    if found.size > 2 and _equal(np.sort(found, axis=None), np.sort(true, axis=None), context.precision):
        return "has the right entries at the wrong places"
    return None


def _factor(found: np.ndarray, true: np.ndarray, context: Context) -> str | None:
    """A constant factor, by every name that it has."""
    square = float(np.vdot(true, true))
    factor = float(np.vdot(true, found)) / square if square else 0.0
    if not factor or not _equal(found, factor * true, context.precision):
        return None
    if abs(factor + 1) <= PRECISION:
        return "has the wrong sign"
    close = [
        [name for name, value in table.items() if math.isclose(abs(factor), value, rel_tol=PRECISION)]
        for table in _named_factors(context.sizes)
    ]
    names = next(filter(None, close), [])
    sign = "has the wrong sign and " if factor < 0 else ""
    if names:
        return f"{sign}is off by a factor of {' or '.join(names)}"
    digits = 6 if abs(abs(factor) - 1) > 1e-4 else 10
    return f"{sign}is off by the constant factor {abs(factor):.{digits}g}" if true.size > 1 else None


def _named_factors(sizes: Mapping[str, int]) -> tuple[dict[str, float], dict[str, float]]:
    """What a factor may be called, and its value: plain numbers and sizes; and, only if none fits, compounds."""
    sizes = {name: size for name, size in sizes.items() if size > 1}
    if len(sizes) == 2:
        sizes["N*C"] = math.prod(sizes.values())
    simple: dict[str, float] = {"2": 2.0, "1/2": 0.5}
    compound: dict[str, float] = {}
    for name, size in sizes.items():
        product = f"({name})" if "*" in name else name
        simple |= {f"{name} = {size}": size, f"1/{product} = 1/{size}": 1 / size}
        compound |= {f"2/{product} = 2/{size}": 2 / size, f"{product}/2 = {size}/2": size / 2}
        compound |= {f"sqrt({name}) = sqrt({size})": math.sqrt(size), f"1/sqrt({name}) = 1/sqrt({size})": size**-0.5}
    n = sizes.get("N", 0)
    for text, ratio in (("N/(N-1)", n / (n - 1)), ("(N-1)/N", (n - 1) / n)) if n > 1 else ():
        compound[f"{text}, as between the biased and the unbiased variance"] = ratio
        compound[f"sqrt({text}), as between the biased and the unbiased deviation"] = math.sqrt(ratio)
    return simple, compound


def _missing_factor(found: np.ndarray, true: np.ndarray, context: Context) -> str | None:
    """An array of the layer that is a factor too few or too many."""
    known = {**context.parameters, **context.inputs}
    if context.output is not None:
        known["the output"] = context.output
    for name, array in known.items():
        for factor in (array, array.reshape(-1)) if array.ndim == 2 and 1 in array.shape else (array,):
            try:
                broadcasts = np.broadcast_shapes(factor.shape, true.shape) == true.shape
            except ValueError:
                broadcasts = False
            if not broadcasts or not factor.any():
                continue
            if _equal(found * factor, true, context.precision):
                return f"lacks the factor {name}"
            if _equal(found, true * factor, context.precision):
                return f"has the factor {name} once too often"
    return None


def _unweighted(found: np.ndarray, true: np.ndarray, context: Context) -> str | None:
    """That of a bias, if nothing came after it."""
    dy = context.cotangent
    if dy is None or dy.ndim < 2 or not _same_entries(dy.sum(axis=tuple(range(dy.ndim - 1))), found):
        return None
    return "is dy summed over the batch: the derivative of what comes after is missing"


def _penalised(found: np.ndarray, true: np.ndarray, context: Context) -> str | None:
    """A multiple of the argument itself, added as weight decay adds it."""
    value = context.value
    if value is None or value.size < 2 or not value.any():
        return None
    difference = found - true
    multiple = float(np.vdot(value, difference) / np.vdot(value, value))
    if not _equal(difference, multiple * value, PRECISION, _size(difference)):
        return None
    return f"contains {multiple:.6g} times {context.name} besides the right gradient"


def _rounded(found: np.ndarray, true: np.ndarray, context: Context) -> str | None:
    """Right to as many digits as float32 has, and in most entries to no more."""
    inexact = np.count_nonzero(np.abs(found - true) > 1e-12 * _size(true))
    if not _equal(found, true, SINGLE) or 2 * inexact < np.count_nonzero(true):
        return None
    return "is right to seven digits only: something is computed in float32"


def _at_a_condition(found: np.ndarray, true: np.ndarray, context: Context) -> str | None:
    """Right but for the entries where the argument fulfils a condition, or for a few."""
    wrong = np.abs(found - true) > context.precision * _size(true)
    count = int(np.count_nonzero(wrong))
    if count == wrong.size:
        return None
    x = context.value
    if x is not None and x.shape == wrong.shape:
        for text, condition in (("<= 0", x <= 0), ("< 0", x < 0), ("> 0", x > 0), (">= 0", x >= 0), ("== 0", x == 0)):
            if np.array_equal(wrong, condition):
                return f"is wrong only where {context.name} {text} ({_count(wrong)})"
    for axis, what in zip(range(wrong.ndim), ("row", "column"), strict=False):
        others = tuple(k for k in range(wrong.ndim) if k != axis)
        lines = np.flatnonzero(wrong.any(axis=others))
        if len(lines) == 1 and wrong.ndim == 2 and wrong.shape[1 - axis] > 1 and wrong.take(lines[0], axis).all():
            return f"is wrong only in {what} {lines[0]} ({_count(wrong)})"
    if 2 * count > wrong.size:
        return None
    places = [str([int(k) for k in place]) for place in np.argwhere(wrong)]
    shown = ", ".join(places[:4]) + (", ..." if count > 4 else "")
    return f"is right but for {_count(wrong)}: {shown}"


def _count(wrong: np.ndarray) -> str:
    return f"{np.count_nonzero(wrong)} of {wrong.size} entries"


def _offset(found: np.ndarray, true: np.ndarray, context: Context) -> str | None:
    """A term that is the same in all entries, or in each column or row; or linear in the input or output there."""
    difference = found - true
    size = _size(difference)
    if true.size >= ROWS and _equal(difference, np.full(true.shape, difference.mean()), PRECISION, size):
        return f"is off by the constant {difference.mean():.6g}, added to every entry"
    if true.ndim < 2:
        return None
    for axis, what in ((0, "column"), (-1, "row")):
        if true.shape[axis] < ROWS:
            continue
        mean = difference.mean(axis=axis, keepdims=True)
        if _equal(difference, np.broadcast_to(mean, true.shape), PRECISION, size):
            return f"is off by a constant in each {what}: a term through the mean is missing"
        y = context.output
        if y is not None and y.shape == true.shape and _multiple(difference, y, axis):
            return f"is off by a multiple of the output in each {what}: the term through the normalising sum is missing"
        x = context.value
        if x is None or x.shape != true.shape:
            continue
        centred = x - x.mean(axis=axis, keepdims=True)
        if _multiple(difference, centred, axis):
            return f"is off by a multiple of {context.name} - mean in each {what}: the variance's term is missing"
        if true.shape[axis] > ROWS and _multiple(difference - mean, centred, axis, size):
            return (
                f"is off by a linear function of {context.name} in each {what}: the terms through the mean and the "
                "variance are missing"
            )
    return None


def _multiple(a: np.ndarray, b: np.ndarray, axis: int, size: float | None = None) -> bool:
    """Whether along an axis ``a`` is a multiple of ``b``."""
    squares = (b * b).sum(axis=axis, keepdims=True)
    if not squares.all():
        return False
    return _equal(a, (a * b).sum(axis=axis, keepdims=True) / squares * b, PRECISION, _size(a) if size is None else size)


def _scaled_by_line(found: np.ndarray, true: np.ndarray, context: Context) -> str | None:
    """A factor of its own in each column or row."""
    if true.ndim < 2:
        return None
    for axis, what in ((0, "column"), (-1, "row")):
        if true.shape[axis] >= ROWS and _multiple(found, true, axis):
            factors = (found * true).sum(axis=axis) / (true * true).sum(axis=axis)
            shown = ", ".join(f"{factor:.4g}" for factor in factors.ravel()[:4]) + (", ..." if factors.size > 4 else "")
            return f"is off by a factor of its own in each {what}: {shown}"
    return None


Relation = Callable[[np.ndarray, np.ndarray, Context], str | None]

_OF_VALUES: tuple[Relation, ...] = (
    _factor,
    _missing_factor,
    _unweighted,
    _penalised,
    _rounded,
    _at_a_condition,
    _offset,
    _scaled_by_line,
)
"""For a gradient of the right shape: what its entries may have to do with the right ones, the most specific first."""
