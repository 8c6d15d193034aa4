"""A call of a function on tensors of its own, between which and its outputs gradients are pulled back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from contextvars import ContextVar
from math import prod
from typing import Any

import numpy as np

from .backward import pull
from .batching import Batch, spread
from .recorder import make_node, wrap
from .support import Support
from .tape import Node, current, next_position, recording
from .tensor import Tensor

ENTRIES_AT_ONCE = 2**18
"""How many entries the cotangents of one array may have in all when they are pulled back together: 2 MB of float64."""

FEW = 8
"""Rows that must fit in for it to be worth it."""

_depth: ContextVar[int] = ContextVar("depth", default=0)
"""How many transforms are at work around this code."""


class Opaque:
    """A pull-back whose rule drops structural zeros and saves nothing that depends on a tracked value."""

    selects = writes = False

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, g: Any, saved: Any, parents: tuple) -> Sequence:
        """The cotangent itself, for every parent."""
        return [(parent, g) for parent in parents]

    def run_supported(self, g: Any, saved: Any, node: Node, support: Support | None) -> tuple[Sequence, list]:
        return self.run(g, saved, node.parents), [None] * len(node.parents)

    def lift(self, node: Node) -> Any:
        return node.saved


_INPUT = Opaque("input")


class Call:
    """A call of a function on boundary tensors, one for each leaf of its differentiable arguments."""

    def __init__(self, run: Callable[[list[Tensor]], Any], values: Sequence[Any], what: str) -> None:
        self.plain = [not isinstance(value, Tensor) for value in values]
        self.numbers = [isinstance(value, (float, complex, np.generic)) for value in values]
        self.position = next_position()
        inputs = [self._boundary(value, what) for value in values]
        self.nodes = [t._node for t in inputs]
        self.shapes = [(t.shape, t.dtype) for t in inputs]
        self.what = what
        mode, depth = recording.get(), _depth.get()
        recording.set(current.get())
        _depth.set(depth + 1)
        try:
            self.result = run(inputs)
        finally:
            recording.set(mode)
            _depth.set(depth)

    def _boundary(self, value: Any, what: str) -> Tensor:
        data = value._data if isinstance(value, Tensor) else np.asarray(value)
        if data.dtype.kind not in "fc":
            raise TypeError(
                f"{what}: an argument of type {data.dtype} cannot be differentiated; write 3.0 for 3, or use argnums "
                "to choose the arguments that matter"
            )
        outer = value._node if isinstance(value, Tensor) else None
        node = make_node(_INPUT, () if outer is None else (outer,), (), data, data.shape, data.dtype, 5)
        node.position = self.position
        return wrap(data, node)

    @property
    def nested(self) -> bool:
        """Whether somebody may want to differentiate the results."""
        return _depth.get() > 0 or not all(self.plain)

    def pull(self, outputs: Sequence[Any], gradients: Sequence[Any], retain_graph: bool = False) -> list[Any]:
        """The cotangents of the inputs, given those of outputs; plain for plain inputs unless nested."""
        tracked = [(t, g) for t, g in zip(outputs, gradients, strict=True) if reaches(t, self.position)]
        found: dict[Any, Any] = {}
        if tracked:
            found = pull(
                [t for t, _ in tracked],
                [g for _, g in tracked],
                floor=self.position,
                retain_graph=retain_graph,
                create_graph=self.nested,
                what=self.what,
            )
        return [self._present(i, found.get(node)) for i, node in enumerate(self.nodes)]

    def pull_rows(self, output: Tensor) -> list[np.ndarray]:
        """The Jacobian of an output with respect to each input, its rows along one axis; for plain results only.

        The rows are pulled back side by side, as many at a time as fit into a cache. Where a rule needs a real array,
        or only a few rows fit, each has a pass of its own; so it has where a rule fails, which then raises its error.
        """
        size = output.size
        at_once = min(ENTRIES_AT_ONCE // max(self._largest(output), 1), size)
        if at_once >= min(FEW, size):
            with suppress(Exception):  # of a rule that is given a batch; of one that fails, the passes below raise it
                parts = [self._pull_units(output, range(i, min(i + at_once, size))) for i in range(0, size, at_once)]
                return [np.concatenate(column) for column in zip(*parts, strict=True)]
        rows = [self.pull([output], [unit], retain_graph=True) for unit in units(output)]
        return [np.stack(column) for column in zip(*rows, strict=True)]

    def _largest(self, output: Tensor) -> int:
        """The number of entries of the largest array between the inputs and an output."""
        pending, met, largest = [output._node], {output._node}, 0
        while pending:
            node = pending.pop()
            sizes = node.shape if node.shape and isinstance(node.shape[0], tuple) else (node.shape,)
            largest = max(largest, *map(prod, sizes))
            if node.position > self.position:
                fresh = [parent for parent in node.parents if parent not in met]
                met.update(fresh)
                pending += fresh
        return largest

    def _pull_units(self, output: Tensor, rows: range) -> list[np.ndarray]:
        count = len(rows)
        units = np.zeros((count, output.size), output.dtype)
        units[np.arange(count), rows] = 1
        batch = Batch(units.reshape(count, *output.shape))
        found = pull([output], [batch], floor=self.position, retain_graph=True, what=self.what)
        columns = zip(self.nodes, self.shapes, strict=True)
        return [spread(found.get(node, np.zeros((), dtype)), count, shape) for node, (shape, dtype) in columns]

    def _present(self, i: int, gradient: Any) -> Any:
        if gradient is None:
            gradient = np.zeros(*self.shapes[i])
        if self.nested:
            return wrap(gradient, None)
        gradient = np.array(gradient)
        return gradient[()] if self.numbers[i] else gradient

    def show(self, output: Any) -> Any:
        """An output as the caller should see it."""
        if not isinstance(output, Tensor) or self.nested:
            return output
        return output._data[()] if output.ndim == 0 else output._data


def units(output: Tensor) -> Iterator[np.ndarray]:
    """For each entry of an output, the cotangent that is 1 there and 0 elsewhere."""
    for index in np.ndindex(output.shape):
        unit = np.zeros(output.shape, output.dtype)
        unit[index] = 1
        yield unit


def reaches(output: Any, position: int) -> bool:
    return isinstance(output, Tensor) and output._node is not None and output._node.position >= position
