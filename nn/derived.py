"""Derive once, use three times: a layer's mathematics beside the gradient that somebody derived by hand.

A ``derived`` function is the pair of both. Called on tensors it is one entry on the tape, whose rule is the derived
gradient; inside ``by_expression()`` its expression is recorded primitive by primitive instead; on plain arrays it
gives plain arrays; and ``by_hand`` chains the gradients without a tape. The tests walk ``DERIVED`` and compare all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import update_wrapper, wraps
from typing import Any, Literal

import numpy as np

from autodiff import Tensor, defvjp
from autodiff.primitive import REGISTRY
from autodiff.recorder import compile_recorder

DERIVED: list[Derived] = []
"""Every derived function, in the order of definition."""

Mode = Callable[["Derived", tuple, dict], Any]
_mode: ContextVar[Mode | None] = ContextVar("mode of derived functions", default=None)
"""What a call of a derived function does in this context; None for the ordinary, one entry on the tape."""


def derived(
    expression: Callable | None = None,
    *,
    forward: Callable | None = None,
    residuals: Sequence[str] = (),
    constants: Sequence[str] = (),
    kind: Literal["elementwise", "linear", "mix"] = "mix",
) -> Any:
    """Declare the decorated tensor expression as one half of a pair; ``gradient`` adds the other.

    >>> import numpy as np
    >>> @derived
    ... def scaled_sine(x, rate):
    ...     return np.sin(rate * x)
    >>> scaled_sine.gradient(
    ...     x=lambda g, x, rate: g * rate * np.cos(rate * x),
    ...     rate=lambda g, x, rate: np.sum(g * x * np.cos(rate * x)),
    ... )
    >>> _ = DERIVED.remove(scaled_sine)

    Args:
        expression: plain NumPy code, in primitives that the tape knows.
        forward: the same value in fewer passes over memory, for plain arrays only.
        residuals: names of intermediate results that the gradient shares with the expression, which then returns
            ``(out, *residuals)``. Callers get ``out`` alone.
        constants: the arguments that a joint gradient leaves out, besides those that can only be given by keyword.
        kind: "elementwise" if entry i of the output depends on entry i of the input alone, so that structural zeros
            (see ``defvjp``) pass through; "linear" if it moves entries about.
    """

    def declare(expression: Callable) -> Derived:
        return Derived(expression, forward, tuple(residuals), tuple(constants), kind)

    return declare if expression is None else declare(expression)


class Derived:
    """A function with its gradient derived by hand; made by the decorator ``derived``."""

    def __init__(
        self,
        expression: Callable,
        forward: Callable | None,
        residuals: tuple,
        constants: tuple,
        kind: Literal["elementwise", "linear", "mix"],
    ) -> None:
        self.expression = expression
        self.forward = on_arrays(forward)(expression) if forward else expression
        self.residuals = residuals
        self.constants = constants
        self.kind = kind
        self.__name__ = expression.__name__
        self.signature = inspect.signature(expression)
        self.rules: dict[str, Callable] = {}
        self.joint: Callable | None = None
        self._record: Callable = self._without_gradient
        update_wrapper(self, expression)
        DERIVED.append(self)

    def gradient(self, joint: Callable | None = None, /, **rules: Callable) -> Callable | None:
        """Add the gradient derived by hand, one rule per argument or one for all.

        ``f.gradient(x=lambda g, out: g * out)`` gives each argument its rule, which names what it needs besides the
        cotangent ``g`` of the output: arguments (``x``), their shapes (``x_shape``), ``out``, residuals. Nothing else
        is kept, and the rule of an argument that needs no gradient is not run.

        ``@f.gradient`` decorates one rule for all arguments, for gradients that share work; it returns a dict by
        argument name, of gradients or of functions without parameters that compute one if it is needed.
        """
        if (joint is None) == (not rules):
            raise TypeError(f"{self.__name__}.gradient takes either one joint rule, or rules by argument name")
        names = [
            p.name
            for p in self.signature.parameters.values()
            if p.kind is not p.KEYWORD_ONLY and p.name not in self.constants
        ]
        shared: dict[str, Any] = dict.fromkeys(names, joint)
        self.joint, self.rules = joint, rules or shared
        options: dict[str, Any] = {"joint": joint, "joint_arguments": names} if joint else rules
        function = self.forward
        defvjp(
            function, kind=self.kind, broadcasts=False, residuals=self.residuals, constants=self.constants, **options
        )
        self._record = self._compile_and_record
        return joint

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        mode = _mode.get()
        if mode is not None:
            return mode(self, args, kwargs)
        for value in args:
            if isinstance(value, Tensor):
                return self._record(*args, **kwargs)
        if any(isinstance(value, Tensor) for value in kwargs.values()):
            return self._record(*args, **kwargs)
        return self.split(self.forward(*args, **kwargs))[0]

    def by_expression(self, *args: Any, **kwargs: Any) -> Any:
        """The same value, recorded primitive by primitive: its gradient is the tape's, not the one derived by hand."""
        with by_expression():
            return self(*args, **kwargs)

    def split(self, result: Any) -> tuple:
        """The output of ``expression`` or ``forward``, and its residuals."""
        return result if self.residuals else (result,)

    def _compile_and_record(self, *args: Any, **kwargs: Any) -> Any:
        """The first call on tensors: importing a library of layers compiles none that is never used."""
        self._record = compile_recorder(REGISTRY[self.forward], depth=2)
        return self._record(*args, **kwargs)

    def _without_gradient(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{self.__name__} has no gradient derived by hand: write it with {self.__name__}.gradient")

    def __reduce__(self) -> str:
        return self.__name__  # by pickle found again by its name in its module; a copy is the object itself

    def __repr__(self) -> str:
        return f"<derived {self.__name__}{self.signature}>"


def on_arrays(kernel: Callable) -> Callable[[Callable], Callable]:
    """Have ``kernel`` stand in for the decorated function where no positional argument is a tensor.

    It computes the same in fewer passes over memory, in code that no tape could record. The function itself is for
    gradients of higher order, where rules and residuals are functions of tensors.
    """

    def declare(function: Callable) -> Callable:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            for value in args:
                if isinstance(value, Tensor):
                    return function(*args, **kwargs)
            return kernel(*args, **kwargs)

        return run

    return declare


@contextmanager
def set_mode(mode: Mode | None) -> Iterator[None]:
    """Have calls of derived functions in this context do what ``mode(derived, args, kwargs)`` does."""
    token = _mode.set(mode)
    try:
        yield
    finally:
        _mode.reset(token)


def by_expression() -> Any:
    """A context in which derived functions are recorded primitive by primitive, without their derived gradients."""
    return set_mode(_record_expression)


def _record_expression(function: Derived, args: tuple, kwargs: dict) -> Any:
    tensors = any(isinstance(value, Tensor) for value in (*args, *kwargs.values()))
    args, kwargs = tuple(map(_unless_tracked, args)), {name: _unless_tracked(value) for name, value in kwargs.items()}
    out = function.split(function.expression(*args, **kwargs))[0]
    return Tensor(out) if tensors and not isinstance(out, Tensor) else out


def _unless_tracked(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) and not value.requires_grad else value


@dataclass(eq=False)
class Application:
    """One call of a derived function on plain arrays, and what its gradient needs of it."""

    function: Derived
    arguments: dict[str, Any]
    out: np.ndarray
    residuals: tuple

    @classmethod
    def of(cls, function: Derived, args: tuple, kwargs: dict) -> Application:
        """Call ``function`` on arrays."""
        bound = function.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        out, *residuals = function.split(function.forward(*args, **kwargs))
        return cls(function, bound.arguments, np.asarray(out), tuple(residuals))

    def gradients(self, g: np.ndarray, wanted: Collection[str]) -> dict[str, np.ndarray]:
        """The gradients of the ``wanted`` arguments for the cotangent ``g`` of the output, by name."""
        function = self.function
        known = {"out": self.out, **dict(zip(function.residuals, self.residuals)), **self.arguments}
        if function.joint is not None:
            rules = self._apply(function.joint, g, known)
        else:
            rules = {name: lambda rule=function.rules[name]: self._apply(rule, g, known) for name in wanted}
        found = {}
        for name in wanted:
            gradient = rules[name]() if callable(rules[name]) else rules[name]
            found[name] = np.asarray(gradient, dtype=self.arguments[name].dtype)
        return found

    @staticmethod
    def _apply(rule: Callable, g: np.ndarray, known: dict[str, Any]) -> Any:
        needs = list(inspect.signature(rule).parameters)[1:]
        return rule(g, *(known[n] if n in known else np.shape(known[n.removesuffix("_shape")]) for n in needs))
