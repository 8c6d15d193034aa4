"""Module: what layers and models have in common."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from autodiff import Tensor

from .derived import by_expression
from .parameter import Parameter


class Module:
    """A function with parameters. A subclass sets attributes in ``__init__`` and computes in ``forward``.

    Parameters and modules are found where they are: in attributes, also inside lists, tuples and dicts.

    >>> class Scale(Module):
    ...     def __init__(self, factor):
    ...         self.factor = factor
    ...         self.weight = Parameter([1.0])
    ...
    ...     def forward(self, x):
    ...         return self.factor * self.weight * x
    >>> Scale(2.0), list(Scale(2.0).named_parameters())
    (Scale(factor=2.0), [('weight', Parameter([1.], dtype=float32, requires_grad=True))])
    """

    training: bool = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The value of the module; every subclass has its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.forward(*args, **kwargs)
        except LayerError as error:
            error.raised_in(self)
            raise
        except ValueError as error:
            raise LayerError(self, args, error) from error

    def by_expression(self, *args: Any, **kwargs: Any) -> Any:
        """The same value, recorded primitive by primitive: its gradient is the tape's, not the one derived by hand."""
        with by_expression():
            return self(*args, **kwargs)

    def named_entries(self) -> Iterator[tuple[str, Any]]:
        """The module's own parameters and members with their names, those in lists and dicts as ``layers.0``."""
        for name, value in vars(self).items():
            yield from _entries(name, value)

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all below it, each once, with their paths (this one's is the empty ``prefix``)."""
        yield from self._walk(prefix, set())

    def _walk(self, path: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
        if id(self) not in seen:
            seen.add(id(self))
            yield path, self
            for name, member in self.named_entries():
                if isinstance(member, Module):
                    yield from member._walk(_join(path, name), seen)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their paths (``0.weight``), each once even where it is shared."""
        seen = set()
        for path, module in self.named_modules():
            for name, value in module.named_entries():
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield _join(path, name), value

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def train(self, mode: bool = True) -> Self:
        """Set every module's ``training``, which dropout and batch norm look at; returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """``train(False)``."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def state_dict(self) -> dict[str, np.ndarray]:
        """The values of all parameters by path, as read-only arrays that later training does not change."""
        state = {}
        for name, parameter in self.named_parameters():
            state[name] = parameter.data.view()
            state[name].flags.writeable = False
        return state

    def load_state_dict(self, state: Mapping[str, ArrayLike | Tensor], strict: bool = True) -> None:
        """Copy values into the parameters, by path; all of them, or none if anything is wrong.

        Args:
            state: arrays by path, as ``state_dict`` gives them; they are cast to the parameters' dtypes.
            strict: whether paths that are missing, or that the module does not have, are errors.

        Raises:
            ValueError: lists every problem; nothing has changed then.
        """
        parameters = dict(self.named_parameters())
        problems = [f"{name} is missing" for name in parameters if strict and name not in state]
        problems += [f"{name} is not in the module" for name in state if strict and name not in parameters]
        values = {}
        for name in parameters.keys() & state.keys():
            given, own = state[name], parameters[name]
            array = given.data if isinstance(given, Tensor) else np.asarray(given)
            if array.shape != own.shape:
                problems.append(f"{name} has shape {array.shape}, not {own.shape}")
            elif not np.can_cast(array.dtype, own.dtype, "same_kind"):
                problems.append(f"{name} has dtype {array.dtype}, which is not cast to {own.dtype}")
            else:
                values[name] = np.array(array, dtype=own.dtype)
        if problems:
            raise ValueError(f"load_state_dict of {type(self).__name__}: " + "; ".join(sorted(problems)))
        for name, value in values.items():
            parameters[name].data = value

    def arguments(self) -> str:
        """The arguments of the constructor that are not its defaults, as far as attributes tell them."""
        shown = []
        for name, parameter in inspect.signature(type(self)).parameters.items():
            value = vars(self).get(name, parameter.default)
            if isinstance(parameter.default, bool):  # ``bias=True`` becomes a parameter or None
                value = value is not None and value is not False
            if value is parameter.default or isinstance(value, (Module, Tensor, list, tuple, dict)):
                continue
            if value != parameter.default:
                shown.append(f"{name}={value!r}")
        return ", ".join(shown)

    def __repr__(self) -> str:
        members = [f"{n}={m!r}" for n, m in self.named_entries() if isinstance(m, Module)]
        if not members:
            return f"{type(self).__name__}({self.arguments()})"
        body = ",\n".join(filter(None, [self.arguments(), *members])).replace("\n", "\n    ")
        return f"{type(self).__name__}(\n    {body},\n)"


class LayerError(ValueError):
    """A ValueError from inside a layer, with the layer's path and what it was given."""

    def __init__(self, layer: Module, given: tuple, cause: ValueError) -> None:
        self.layer = layer
        self.outermost = layer
        self.path: list[str] = []
        self.given = ", ".join(str(np.shape(value)) for value in given)
        super().__init__(str(cause))

    def raised_in(self, module: Module) -> None:
        """Note the name that ``module`` has for the member the error came through."""
        names = (name for name, member in module.named_entries() if member is self.outermost)
        self.path.insert(0, next(names, type(self.outermost).__name__))
        self.outermost = module

    def __str__(self) -> str:
        path = f"{'.'.join(self.path)}: " if self.path else ""
        layer = f"{type(self.layer).__name__}({self.layer.arguments()})"
        return f"{path}{layer} was given {self.given}: {self.args[0]}"


def _entries(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (Parameter, Module)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _entries(f"{name}.{i}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _entries(f"{name}.{key}", item)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
