"""What goes wrong inside a layer, told with the path of the layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

SHAPE_ERRORS = (ValueError, np.exceptions.AxisError)
"""What becomes a LayerError. Other kinds of ValueError, LinAlgError say, may be waited for by their own names."""


class LayerError(ValueError):
    """A ValueError from inside a layer, with the layer's path, what it expects and what it was given.

    ``layer`` is the layer itself; it is None in an error that came out of a pickle.
    """

    layer: Any = None

    def __init__(self, layer: Any, args: tuple, kwargs: Mapping[str, Any], cause: ValueError) -> None:
        self.layer = self._outermost = layer
        self.path: list[str] = []
        given = [*map(_form, args), *(f"{name}={_form(value)}" for name, value in kwargs.items())]
        expects = f"expects {layer.expects}, " if layer.expects else ""
        self.message = (
            f"{type(layer).__name__}({layer.arguments()}) {expects}was given {', '.join(given) or 'nothing'}: {cause}"
        )
        super().__init__(self.message)

    def raised_in(self, module: Any) -> None:
        """Note the name that ``module`` has for the member the error came through."""
        names = (name for name, member in module.named_entries() if member is self._outermost)
        self.path.insert(0, next(names, type(self._outermost).__name__))
        self._outermost = module

    def __str__(self) -> str:
        return ": ".join(filter(None, [".".join(self.path), self.message]))

    def __reduce__(self) -> Any:
        return _restored, (type(self), self.path, self.message)


def _restored(cls: type[LayerError], path: list[str], message: str) -> LayerError:
    error = cls.__new__(cls, message)
    error.path, error.message = path, message
    return error


def _form(value: Any) -> str:
    """The shape of an array or tensor, or of a list that makes one; else the value in short."""
    try:
        shape = np.shape(value)
    except ValueError:  # a ragged list
        return type(value).__name__
    return str(shape) if shape or hasattr(value, "shape") else repr(value)
