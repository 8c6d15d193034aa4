"""Nested states as JSON: an object is ``{kind: content}``, and an array's content is the name of its entry.

``{"w": np.ones(2), "betas": (0.9, 0.999)}`` is ``{"dict": {"w": {"array": "w"}, "betas": {"tuple": [0.9, 0.999]}}}``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from autodiff import Tensor

from .files import CheckpointError, is_entry_name, native, shown

DEEPEST = 64
"""States are nested this deep at most: more is a container that holds itself, or an attack on the stack."""

LARGEST = 10**4000
"""Integers are smaller: Python reads none with more than 4300 digits."""


def describe(value: Any, arrays: dict[str, np.ndarray] | None, root: str = "state", path: tuple[str, ...] = ()) -> Any:
    """The JSON of a value; its arrays are put into ``arrays``, by name and as they are stored.

    Args:
        value: a state or a part of it.
        arrays: None where arrays are not allowed.
        root: what the value is called in errors.
        path: where in it this part is.

    Raises:
        TypeError: a part that cannot be saved, with its path.
        ValueError: two arrays of one name, a name that no entry can have, or too deep nesting.
    """
    if len(path) > DEEPEST:
        raise ValueError(f"nn.save: {'.'.join((root, *path[:4]))}... is nested more than {DEEPEST} deep")
    if value is None or type(value) in (bool, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if type(value) is int and abs(value) < LARGEST:
        return value
    where = f"nn.save: {'.'.join((root, *path))}"
    if isinstance(value, (np.ndarray, np.generic, Tensor)):
        if arrays is None:
            raise TypeError(f"{where} is an array; arrays belong in the state")
        return {"scalar" if isinstance(value, np.generic) else "array": _put(value, where, ".".join(path), arrays)}
    if isinstance(value, Mapping):
        for key in value:
            if type(key) is not str:
                raise TypeError(f"{where} has the key {key!r}; keys are strings")
        return {"dict": {key: describe(item, arrays, root, (*path, key)) for key, item in value.items()}}
    if type(value) in (list, tuple):
        items = [describe(item, arrays, root, (*path, str(i))) for i, item in enumerate(value)]
        return items if type(value) is list else {"tuple": items}
    if type(value) is int:
        raise ValueError(f"{where} is an integer of more than 4000 digits")
    what = f"{type(value).__module__}.{type(value).__qualname__}"
    offer = "save its state_dict()" if hasattr(value, "state_dict") else "arrays, scalars, lists, tuples and dicts can"
    raise TypeError(f"{where} is a {what}, which cannot be saved; {offer}")


def _put(value: Any, where: str, name: str, arrays: dict[str, np.ndarray]) -> str:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{where} is a masked array; save its data and its mask")
    array = value.data if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{where} has dtype {array.dtype}; numbers and booleans can be saved")
    if name in arrays:
        raise ValueError(f"{where}: two arrays would be stored as {name!r}; rename one of them")
    if not is_entry_name(name):
        raise ValueError(f"{where[:100]!r}: this cannot be the name of an entry in a file")
    arrays[name] = native(array)
    return name


def restore(node: Any, arrays: dict[str, np.ndarray], depth: int = 0) -> Any:
    """The value that JSON describes; its arrays are taken out of ``arrays``.

    Raises:
        CheckpointError: ``describe`` does not make such JSON, or an array is not there (any more).
    """
    if depth > DEEPEST:
        raise CheckpointError(f"its document is nested more than {DEEPEST} deep")
    match node:
        case None | bool() | int() | float() | str():
            return node
        case list():
            return [restore(item, arrays, depth + 1) for item in node]
        case {"tuple": list(items), **rest} if not rest:
            return tuple(restore(item, arrays, depth + 1) for item in items)
        case {"dict": dict(items), **rest} if not rest:
            return {key: restore(item, arrays, depth + 1) for key, item in items.items()}
        case {"float": "nan" | "inf" | "-inf" as text, **rest} if not rest:
            return float(text)
        case {"array": str(name), **rest} if not rest and name in arrays:
            return arrays.pop(name)
        case {"scalar": str(name), **rest} if not rest and name in arrays and arrays[name].ndim == 0:
            return arrays.pop(name)[()]
    raise CheckpointError(f"its document has an object of {shown(*node)} that stands for nothing in the file")
