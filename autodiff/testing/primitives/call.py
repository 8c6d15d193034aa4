"""A call to check, and the call on the tape: what the properties of a primitive are stated with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from warnings import catch_warnings, simplefilter

import numpy as np

from ...dispatch import qualified_name
from ...primitive import Primitive, Pullback
from ...tensor import Tensor
from ...tree import flatten
from ..literals import array_literal
from ..pulled_back import normal, pulled_back

ROUNDINGS = 100
"""How many units in the last place two ways of computing one gradient may differ, relative to the largest of its
entries and the cotangent's: a rule rounds a few dozen times, and where it uses the output (``1 - out * out``) it does
so relative to 1 rather than to its result."""

SHOWN = 100
"""Up to how many numbers of an array are shown."""

ENTRIES = 64
"""Up to how many entries of a Jacobian are computed one by one."""


class Call(NamedTuple):
    """A call to check: a function of floating-point arrays, and the arrays.

    Attributes:
        function: takes arrays or tensors; static parameters are part of it.
        args: the arrays.
        plain: what gives the values to expect from arrays, if not ``function`` itself.
        names: of the arguments.
        source: the call as Python source, with ``{}`` in place of each array.
        seed: of the cotangents.
    """

    function: Callable
    args: Sequence[np.ndarray]
    plain: Callable | None = None
    names: tuple[str, ...] = ()
    source: str = ""
    seed: int = 0

    def __repr__(self) -> str:
        return (self.source or f"{self.name}({', '.join(['{}'] * len(self.args))})").format(*map(literal, self.args))

    @property
    def name(self) -> str:
        """What is called."""
        if self.source:
            return self.source.partition("(")[0]
        function = getattr(self.function, "__wrapped__", self.function)
        code = getattr(function, "__code__", None)
        if getattr(function, "__name__", "<lambda>").startswith("<") and code is not None:
            return f"<function of line {code.co_firstlineno} of {Path(code.co_filename).name}>"
        return qualified_name(function).replace("numpy.", "np.")

    def label(self, i: int) -> str:
        """What to call an argument."""
        return self.names[i] if i < len(self.names) else f"argument {i}"

    def value(self, args: Sequence[np.ndarray]) -> Any:
        """What is expected from arrays."""
        return (self.plain or self.function)(*args)

    def defined(self, args: Sequence[np.ndarray]) -> bool:
        """Whether the values there are finite numbers, without an error or a warning."""
        try:
            with catch_warnings():
                simplefilter("error")
                values, _ = flatten(self.value([x.copy() for x in args]))
        except Exception:
            return False
        arrays = [np.asarray(value.data if isinstance(value, Tensor) else value) for value in values]
        return all(array.dtype.kind not in "fc" or bool(np.isfinite(array).all()) for array in arrays)


def literal(array: np.ndarray) -> str:
    """An array as Python source, or what it is like if that would be long."""
    return array_literal(array) if array.size <= SHOWN else f"<array of shape {array.shape}, {array.dtype}>"


class Recorded:
    """A call on the tape: its inputs, and those outputs that can have a cotangent.

    Args:
        call: what to call.
        args: the arrays to call it with, if not its own.
        tracked: which of them require a gradient, if not all.
    """

    def __init__(
        self, call: Call, args: Sequence[np.ndarray] | None = None, tracked: Sequence[int] | None = None
    ) -> None:
        arrays = call.args if args is None else args
        self.inputs = [Tensor(x, requires_grad=tracked is None or i in tracked) for i, x in enumerate(arrays)]
        self.sources = [t for t in self.inputs if t.requires_grad]
        self.results, _ = flatten(call.function(*self.inputs))
        self.outputs = [y for y in self.results if isinstance(y, Tensor) and y.dtype.kind in "fc"]

    @property
    def primitive(self) -> Primitive | None:
        """The primitive that the call records, if it is a single one with one output, of all the arguments."""
        node: Any = self.outputs[0]._node if len(self.results) == len(self.outputs) == 1 else None
        pullback = getattr(node, "pullback", None)
        if isinstance(pullback, Pullback) and {*map(id, node.parents)} == {id(t._node) for t in self.inputs}:
            return pullback.primitive
        return None

    def cotangents(self, seed: int = 0) -> list[np.ndarray]:
        """Normally distributed numbers in the form of each output."""
        rng = np.random.default_rng(seed)
        return [normal(rng, y.data) for y in self.outputs]

    def pull(self, cotangents: Sequence[Any], create_graph: bool = False) -> list[np.ndarray]:
        """The gradients of the tracked inputs, zeros where the tape has no way; a cotangent may be None."""
        return [g.data for g in pulled_back(self.outputs, cotangents, self.sources, create_graph)]


def jacobian_by_rows(at: Recorded) -> list[np.ndarray]:
    """The derivatives of the entries of the only output, along the first axis, by the entries of each argument."""
    (out,) = at.outputs
    rows = []
    for k in np.ndindex(out.shape):
        unit = np.zeros(out.shape, out.dtype)
        unit[k] = 1
        rows.append(at.pull([unit]))
    return [np.array([row[i].ravel() for row in rows]).reshape(len(rows), x.size) for i, x in enumerate(at.inputs)]


def assert_close(
    what: str, found: np.ndarray, expected: np.ndarray, size: float = 0.0, tolerance: float | None = None
) -> None:
    """Assert that gradients are equal but for rounding, relative to ``size`` or their largest entry, and as finite."""
    finite = np.isfinite(expected)
    if not np.array_equal(np.isfinite(found), finite):
        raise AssertionError(f"{what} is {found}, but {expected}")
    if tolerance is None:
        tolerance = ROUNDINGS * float(np.finfo(found.dtype).eps)
    size = max(size, float(np.abs(expected[finite]).max(initial=0)))
    off = np.where(finite, np.abs(np.where(finite, found, 0) - np.where(finite, expected, 0)), 0)
    if off.max(initial=0) > tolerance * size:
        entry = tuple(int(k) for k in np.unravel_index(int(np.argmax(off)), off.shape))
        raise AssertionError(f"{what} is {found[entry]!r} at entry {entry}, but {expected[entry]!r}")


def largest(arrays: Sequence[np.ndarray]) -> float:
    """The absolute value of the largest finite entry."""
    return max((float(np.abs(x[np.isfinite(x)]).max(initial=0)) for x in arrays), default=0.0)
