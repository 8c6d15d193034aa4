"""``check_grads``: is the gradient that the tape finds the derivative that the differences find?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..backward import pull
from ..recorder import wrap
from ..tape import Node
from ..tensor import Tensor
from .finite_difference import Derivative, directional, one_sided

SAFETY = 10.0  # how many times the differences' own estimate their error may be
RELATIVE = 1e-11  # what rounding in the tape's own sums may amount to, relative to the size of their terms
RESOLUTION = 1e-14  # what cancellation inside a function of numbers of order 1 leaves; less than that decides nothing
USEFUL = 1e-5  # a difference whose error is a larger part of the derivative decides nothing


@dataclass
class GradientReport:
    """How many comparisons were made, and how many of them could decide anything."""

    checked: int = 0
    conclusive: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """The share of comparisons that were conclusive; 1 if there was nothing to compare."""
        return self.conclusive / self.checked if self.checked else 1.0


def check_grads(f: Callable, *args: Any, order: int = 2, seed: int = 0, directions: int = 2) -> GradientReport:
    """Check the gradient of ``f`` with respect to every floating-point argument against finite differences.

    ``f`` is called on tensors and returns a tensor; arguments may be nested in lists, tuples and dicts. The output is
    contracted with a random cotangent, and the gradient compared along random directions, and entry by entry for small
    arguments. The differences' own error estimate is the tolerance. At a kink the gradient has to lie between the
    one-sided derivatives. With ``order=2`` the gradient itself is checked in the same way.

    >>> import numpy as np
    >>> check_grads(lambda x, y: np.sin(x) * y, np.array([0.5, 1.0]), np.array(2.0)).share
    1.0

    Returns:
        A report with the share of comparisons that were conclusive.

    Raises:
        AssertionError: a gradient is wrong; says which argument and entry, what the tape and the differences say.
        TypeError: ``f`` does not return a tensor, or no argument can be differentiated.
    """
    rng = np.random.default_rng(seed)
    leaves: list[np.ndarray] = []
    rebuild = _flatten(args, leaves)
    if not leaves:
        raise TypeError("check_grads: no argument is a floating-point array or number; write 3.0 for 3")
    report = GradientReport()

    def on_tensors(tensors: list[Any]) -> Any:
        return f(*rebuild(list(tensors)))

    _check(on_tensors, leaves, order, 1, rng, directions, report)
    return report


def _flatten(value: Any, leaves: list[np.ndarray]) -> Callable[[list], Any]:
    """Collect the floating-point arrays of nested containers; returns what puts a list of tensors in their places."""
    if isinstance(value, (list, tuple)):
        parts = [_flatten(item, leaves) for item in value]
        kind = type(value)
        if hasattr(value, "_fields"):
            return lambda tensors: kind(*[part(tensors) for part in parts])
        return lambda tensors: kind([part(tensors) for part in parts])
    if isinstance(value, dict):
        items = {key: _flatten(item, leaves) for key, item in value.items()}
        return lambda tensors: {key: part(tensors) for key, part in items.items()}
    array = value.data if isinstance(value, Tensor) else value
    if isinstance(array, (float, np.floating)) or (isinstance(array, np.ndarray) and array.dtype.kind == "f"):
        leaves.append(np.array(array, dtype=float))
        return lambda tensors: tensors.pop(0)
    return lambda tensors: value


def _check(
    f: Callable[[list], Any],
    arrays: list[np.ndarray],
    order: int,
    level: int,
    rng: np.random.Generator,
    directions: int,
    report: GradientReport,
) -> None:
    before = [array.copy() for array in arrays]
    inputs = [Tensor(array, requires_grad=True) for array in arrays]
    output = f(inputs)
    if not isinstance(output, Tensor):
        raise TypeError(f"check_grads: the function returned {type(output).__name__}, not a tensor")
    cotangent = rng.normal(size=output.shape)
    if not np.isfinite(output.data).all():
        report.checked += 1
        report.notes.append("the output is not finite")
        return
    gradients = _gradients(output, cotangent, inputs)
    _check_properties(output, cotangent, inputs, gradients)
    for array, copy in zip(arrays, before, strict=True):
        if not np.array_equal(array, copy, equal_nan=True):
            raise AssertionError("check_grads: the function or a rule changed its argument in place")

    for i, array in enumerate(arrays):

        def scalar(x: np.ndarray, i: int = i) -> float:
            tensors = [Tensor(x if j == i else other) for j, other in enumerate(arrays)]
            result = f(tensors)
            return float(np.sum(np.asarray(result.data if isinstance(result, Tensor) else result) * cotangent))

        for direction, entry in _directions(array.shape, rng, directions):
            claimed = float(np.sum(gradients[i].data * direction))
            terms = float(np.sum(np.abs(gradients[i].data * direction)))
            where = f"argument {i}, " + ("a random direction" if entry is None else f"entry {entry}")
            _compare(scalar, array, direction, claimed, terms, f"order {level}, {where}", report)
    if order > level:
        weights = [rng.normal(size=array.shape) for array in arrays]

        def contracted(tensors: list[Any]) -> Any:
            fresh = [t if t.requires_grad else Tensor(t.data, requires_grad=True) for t in tensors]
            result = f(fresh)
            if result._node is None:
                return Tensor(0.0)
            pieces = _gradients(result, cotangent, fresh)
            total = Tensor(0.0)
            for gradient, weight in zip(pieces, weights, strict=True):
                total = total + (gradient * weight).sum()
            return total

        _check(contracted, arrays, order, level + 1, rng, directions, report)


def _gradients(output: Tensor, cotangent: np.ndarray, inputs: list[Tensor]) -> list[Tensor]:
    """Gradients as recorded tensors, without touching any ``.grad``."""
    if output._node is None:
        return [Tensor(np.zeros(t.shape)) for t in inputs]
    nodes = [t._node for t in inputs]
    wanted = frozenset(node for node in nodes if isinstance(node, Node))
    found = pull([output], [cotangent], create_graph=True, wanted=wanted, what="check_grads")
    return [
        wrap(found[node], None) if node in found else Tensor(np.zeros(t.shape))
        for node, t in zip(nodes, inputs, strict=True)
    ]


def _check_properties(output: Tensor, cotangent: np.ndarray, inputs: list[Tensor], gradients: list[Tensor]) -> None:
    """What holds for every vector-Jacobian product, whatever the function."""
    if output._node is None:
        return
    zero = _gradients(output, np.zeros(output.shape), inputs)
    doubled = _gradients(output, 2.0 * cotangent, inputs)
    for i, (t, gradient, none, twice) in enumerate(zip(inputs, gradients, zero, doubled, strict=True)):
        if gradient.shape != t.shape or gradient.dtype != t.dtype:
            raise AssertionError(
                f"argument {i} of shape {t.shape}, {t.dtype} has a gradient of {gradient.shape}, {gradient.dtype}"
            )
        finite = np.isfinite(gradient.data)
        if np.any(none.data[finite] != 0):
            raise AssertionError(f"argument {i}: the cotangent zero gives the gradient {none.data}, not zero")
        if not np.allclose(twice.data[finite], 2.0 * gradient.data[finite], rtol=1e-12, atol=0):
            raise AssertionError(
                f"argument {i}: twice the cotangent gives {twice.data}, not twice the gradient {gradient.data}"
            )


def _directions(shape: tuple, rng: np.random.Generator, count: int) -> list[tuple[np.ndarray, Any]]:
    size = int(np.prod(shape))
    if size == 0:
        return []
    found: list[tuple[np.ndarray, Any]] = []
    for _ in range(count if size > 1 else 0):
        found.append((rng.choice([-1.0, 1.0], size=shape) * rng.uniform(0.5, 1.0, size=shape), None))
    entries = list(np.ndindex(shape))
    if size > 4:
        entries = [entries[k] for k in rng.choice(size, size=4, replace=False)]
    for entry in entries:
        direction = np.zeros(shape)
        direction[entry] = 1.0
        found.append((direction, entry))
    return found


def _compare(
    f: Callable, x: np.ndarray, direction: np.ndarray, claimed: float, terms: float, where: str, report: GradientReport
) -> None:
    report.checked += 1
    with np.errstate(all="ignore"):
        central = directional(f, x, direction)
        if _agrees(claimed, central, terms):
            if central.error <= USEFUL * max(abs(central.value), abs(claimed), 1e-300) or _is_tight(central, terms):
                report.conclusive += 1
            return
        left, right = one_sided(f, x, direction)
    if not (np.isfinite(left.error) and np.isfinite(right.error) and np.isfinite(central.error)):
        report.notes.append(f"{where}: the function has no finite differences there")
        return
    gap = abs(right.value - left.value)
    if gap > SAFETY * (left.error + right.error):
        slack = SAFETY * (left.error + right.error) + RELATIVE * terms
        if min(left.value, right.value) - slack <= claimed <= max(left.value, right.value) + slack:
            report.conclusive += 1
            return
        raise AssertionError(
            f"check_grads, {where}: at a kink the tape says {claimed!r}, which is not between the one-sided "
            f"derivatives {left.value!r} and {right.value!r}"
        )
    if abs(claimed - central.value) <= RESOLUTION:
        report.notes.append(f"{where}: {claimed!r} and {central.value!r} are too small to tell apart")
        return
    if central.error > 1e-2 * max(abs(central.value), abs(claimed)):
        report.notes.append(f"{where}: the differences cannot tell ({central.value!r} +- {central.error:.1e})")
        return
    raise AssertionError(
        f"check_grads, {where}: the tape says {claimed!r}, the differences {central.value!r} +- {central.error:.1e}"
    )


def _agrees(claimed: float, found: Derivative, terms: float) -> bool:
    return abs(claimed - found.value) <= SAFETY * found.error + RELATIVE * terms


def _is_tight(found: Derivative, terms: float) -> bool:
    """Whether a derivative that is (nearly) zero was found so, against the size of the terms that cancel."""
    return found.error <= USEFUL * max(terms, 1.0)
