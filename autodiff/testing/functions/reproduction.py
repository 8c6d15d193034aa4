"""How a failed check tells a person what is wrong: in words, and as a program of NumPy that shows it again."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np

from ...dispatch import qualified_name
from ...tensor import Tensor
from ..literals import array_literal

LITERAL_ENTRIES = 200
"""Up to how many numbers a program spells out; larger arguments are referred to."""


@dataclass
class Reproduction:
    """A function, where it was checked, and the cotangents drawn so far: all that a program needs to check it again.

    ``arguments`` is the argument list as code, in which ``x[0]``, ``x[1]``, ... stand for the ``arrays``; ``outputs``
    are the outputs that a gradient can have, as expressions in the result ``y``.
    """

    function: Callable
    arguments: str
    arrays: Sequence[np.ndarray]
    outputs: Sequence[str] = ()
    cotangents: list[list[np.ndarray]] = field(default_factory=list)

    def program(self, move: Mapping[int, np.ndarray], step: float, sides: bool = False) -> str:
        """A program that prints the derivative along a move of the arrays: the tape's, and that of differences.

        Args:
            move: how the arrays move, by position.
            step: of the differences.
            sides: whether to print those from the left and from the right, as at a kink.
        """
        directions = [move.get(i, np.zeros_like(x)) for i, x in enumerate(self.arrays)]
        last = f"value_{len(self.cotangents)}"
        if sides:
            differences = [
                f'print("from the left: ", (at(0.0) - at({-step!r})) / {step!r})',
                f'print("from the right:", (at({step!r}) - at(0.0)) / {step!r})',
            ]
        else:
            differences = [f'print("differences:   ", (at({step!r}) - at({-step!r})) / {2 * step!r})']
        lines = [
            *self._beginning(),
            "",
            f"move = {_arrays(directions)}",
            "",
            "def at(t):",
            f"    return {last}([Tensor(a + t * d) for a, d in zip(x, move)]).item()",
            "",
            f"found = gradient({last}, [Tensor(a, requires_grad=True) for a in x])",
            'print("the tape:      ", sum(np.sum((g.data * d)[d != 0]).real for g, d in zip(found, move)))',
            *differences,
        ]
        return "\n".join(lines)

    def gradient_program(self, i: int) -> str:
        """A program that prints the gradient of one array."""
        last = f"value_{len(self.cotangents)}"
        call = f"gradient({last}, [Tensor(a, requires_grad=True) for a in x])[{i}].data"
        return "\n".join([*self._beginning(), "", f"print(repr({call}))"])

    def _beginning(self) -> list[str]:
        """The imports, the arrays, and the functions: the weighted value, and above the first order the gradient."""
        lines = ["import numpy as np", "from autodiff import Tensor, gradients"]
        lines += [how_to_get(self.function), "", f"x = {_arrays(self.arrays)}"]
        lines += [f"c_{order} = {_arrays(cs)}" for order, cs in enumerate(self.cotangents, start=1)]
        lines += [
            "",
            "def gradient(value, x):",
            "    found = gradients([value(x)], x, create_graph=True, allow_unused=True)",
            "    return [0 * t if g is None else g for g, t in zip(found, x)]",
        ]
        for order, weights in enumerate(self.cotangents, start=1):
            if order == 1:
                body = [f"    y = f({self.arguments})"]
                terms = [f"np.sum(c_1[{k}] * {output})" for k, output in enumerate(self.outputs)]
            else:
                body = [
                    "    x = [t if t.requires_grad else Tensor(t.data, requires_grad=True) for t in x]",
                    f"    y = gradient(value_{order - 1}, x)",
                ]
                terms = [f"np.sum(c_{order}[{k}] * y[{k}])" for k in range(len(weights))]
            total = " + ".join(terms)
            if any(array.dtype.kind == "c" for array in (*self.arrays, *weights)):
                total = f"np.real({total})"
            lines += ["", f"def value_{order}(x):", *body, f"    return {total}"]
        return lines


def how_to_get(function: Callable) -> str:
    """A line of code that makes ``f`` the function, or says in words which it is."""
    name = qualified_name(function)
    module, _, attribute = name.rpartition(".")
    if name.startswith("numpy.") and _found(np, name.removeprefix("numpy.")) is function:
        return f"f = np{name.removeprefix('numpy')}"
    if module in sys.modules and module != "__main__" and _found(sys.modules[module], attribute) is function:
        return f"from {module} import {attribute} as f"
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return f"f = ...  # {name}"
    return f"f = ...  # {code.co_name}, defined in {Path(code.co_filename).name}, line {code.co_firstlineno}"


def _found(owner: Any, path: str) -> Any:
    for name in path.split("."):
        owner = getattr(owner, name, None)
    return owner


def code_of(value: Any, places: Iterator[str | None]) -> str:
    """Nested arguments as code, in which the next of ``places`` stands for each leaf that has one (not None)."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {code_of(item, places)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(code_of(item, places) for item in value) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(code_of(item, places) for item in value) + ("," if len(value) == 1 else "") + ")"
    place = next(places)
    if place is not None:
        return place
    if isinstance(value, Tensor):
        value = value.data
    return array_literal(value) if isinstance(value, np.ndarray) else repr(value)


def _arrays(arrays: Sequence[np.ndarray]) -> str:
    if sum(array.size for array in arrays) > LITERAL_ENTRIES:
        return f"[...]  # arrays of shape {', '.join(str(array.shape) for array in arrays)}"
    return f"[{', '.join(map(array_literal, arrays))}]"


def message(what: str, broken: str, program: str) -> str:
    """The text of an error: what is wrong, the property that does not hold, and the program that shows it."""
    return f"{what}\nthe property that broke: {broken}\nto see it again:\n{indent(program, '    ')}"
