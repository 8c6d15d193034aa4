"""What goes wrong inside a layer, told with the path of the layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

SHAPE_ERRORS = (ValueError, np.exceptions.AxisError)
"""What becomes a LayerError. Other kinds of ValueError, LinAlgError say, may be waited for by their own names."""


class Trail:
    """The way that an error takes from a layer outwards.

    ``path`` has the names of the members it came through, from the outermost module inwards.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = self._outermost = layer
        self.path: list[str] = []
        self.note = ""

    def lead_through(self, module: Any) -> None:
        """Note the name that ``module`` has for the member the error came through."""
        if module is not self._outermost:
            names = (name for name, member in module.named_entries() if member is self._outermost)
            self.path.insert(0, next(names, type(self._outermost).__name__))
            self._outermost = module

    def __reduce__(self) -> Any:
        return Trail, (None,)  # an error is pickled without the model


class LayerError(ValueError):
    """A ValueError from inside a layer, with the layer's path, what it expects and what it was given.

    ``layer`` is the layer itself; it is None in an error that came out of a pickle.
    """

    layer: Any = None

    def __init__(
        self, layer: Any, args: tuple, kwargs: Mapping[str, Any], cause: ValueError, *, expects: str = ""
    ) -> None:
        self.layer = layer
        self._trail = Trail(layer)
        self.path = self._trail.path
        given = [*map(_form, args), *(f"{name}={_form(value)}" for name, value in kwargs.items())]
        expected = f"expects {expects}, " if expects else ""
        self.message = f"{_called(layer)} {expected}was given {', '.join(given) or 'nothing'}: {cause}"
        super().__init__(self.message)

    def raised_in(self, module: Any) -> None:
        """Note that ``module`` is what the error came through next."""
        self._trail.lead_through(module)

    def __str__(self) -> str:
        return _located(self.path, self.message)

    def __reduce__(self) -> Any:
        return _restored, (type(self), self.path, self.message)


def _restored(cls: type[LayerError], path: list[str], message: str) -> LayerError:
    error = cls.__new__(cls, message)
    error.path, error.message = path, message
    return error


def note_layer(error: TypeError, module: Any) -> None:
    """Have a note of the error tell the path of the layer that it came from, as seen from ``module``."""
    trail = vars(error).setdefault("layer_trail", Trail(module))
    trail.lead_through(module)
    if trail.note:
        error.__notes__.remove(trail.note)
    trail.note = f"in {_located(trail.path, _called(trail.layer))}"
    error.add_note(trail.note)


def _called(layer: Any) -> str:
    return f"{type(layer).__name__}({layer.arguments()})"


def _located(path: list[str], what: str) -> str:
    return ": ".join(filter(None, [".".join(path), what]))


def _form(value: Any) -> str:
    """The shape of an array or tensor, or of a list that makes one; else the value in short."""
    try:
        shape = np.shape(value)
    except ValueError:  # a ragged list
        return type(value).__name__
    return str(shape) if shape or hasattr(value, "shape") else repr(value)
