"""A program to test the tape with: a function's source text, and the arrays to call it on."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from ..functional import stop_gradient
from ..recompute import checkpoint
from ..tape import no_grad
from .literals import array_literal

NAMES = {
    "np": np,
    "special": special,
    "no_grad": no_grad,
    "stop_gradient": stop_gradient,
    "checkpoint": checkpoint,
}
"""What the source of a program may use."""

IMPORTS = {"np": "import numpy as np", "special": "from scipy import special"}
"""How a script comes by a name; the others are this library's."""


@dataclass(frozen=True, repr=False, eq=False)
class Program:
    """A Python function ``program(x0, x1, ...)`` as text, and the arrays to call it on.

    It is printed as a script that can be pasted and run. Called, it computes in whatever it is given: arrays, tensors.

    >>> program = Program("def program(x0):\\n    return np.sin(x0) * 2", (np.array([0.5, 1.0]),))
    >>> program
    import numpy as np
    <BLANKLINE>
    def program(x0):
        return np.sin(x0) * 2
    <BLANKLINE>
    result = program(np.array([0.5, 1.0]))
    >>> from autodiff import grad
    >>> grad(lambda x: program(x).sum())(*program.arrays)
    array([1.75516512, 1.08060461])

    Attributes:
        source: the function's definition. It may use ``NAMES``; under ``no_grad()`` each line is ``name = expression``.
        arrays: the arguments.
    """

    source: str
    arrays: tuple[np.ndarray, ...]

    def function(self, **names: Any) -> Callable:
        """The function; ``names`` replace what its source means, as in ``function(np=jax.numpy)``."""
        namespace: dict[str, Any] = {**NAMES, **names}
        exec(self.source, namespace)
        return namespace["program"]

    def __call__(self, *inputs: Any) -> Any:
        """What the function returns for ``inputs``; for ``arrays``, if there are none."""
        return self.function()(*(inputs or self.arrays))

    def frozen(self) -> Callable:
        """The function in which what carries no gradient is a constant, as it is for ``arrays``.

        Its finite differences are what the gradient of the program is to be compared with.
        """
        source = re.sub(r"^( {8}\w+) = (.*)$", r"\1 = stop_gradient(\2)", self.source, flags=re.MULTILINE)
        stopped = Program(source, self.arrays)
        constants: list[np.ndarray] = []

        def keep(value: Any) -> Any:
            constants.append(np.copy(value))
            return value

        with np.errstate(all="ignore"):
            stopped.function(no_grad=nullcontext, stop_gradient=keep)(*self.arrays)

        def program(*inputs: Any) -> Any:
            kept = iter(constants)
            return stopped.function(no_grad=nullcontext, stop_gradient=lambda value: next(kept))(*inputs)

        return program

    def __repr__(self) -> str:
        """A script that calls the function on the arrays."""
        needed = [name for name in NAMES if name == "np" or re.search(rf"\b{name}\b", self.source)]
        imports = [IMPORTS.get(name, f"from autodiff import {name}") for name in needed]
        arguments = ", ".join(map(array_literal, self.arrays))
        return "\n".join([*imports, "", self.source.rstrip(), "", f"result = program({arguments})"])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What Hypothesis prints of a failing example: the script, on lines of its own."""
        printer.text(f"\n{self!r}\n")
