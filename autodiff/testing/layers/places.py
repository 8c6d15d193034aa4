"""Where a layer keeps its parameters and their gradients: paths, and the names that courses give them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

PATTERNS = ("dLd{}", "dJd{}", "d{}", "d_{}", "dL_d{}", "{}_grad", "{}_gradient", "grad_{}", "{}grad")
"""What the gradient of a parameter may be called, beside ``weight.grad``."""

GRADIENTS = ("gradients", "grads", "grad")
"""What a dict of gradients may be called, by the names of the parameters or by one of ``PATTERNS``."""

PARAMETERS = ("parameters", "params")
"""What a dict of parameters may be called."""

KNOWN = {"W", "b", "weight", "weights", "bias", "gamma", "beta", "BW", "Bb", "kernel"}
"""What is surely a parameter: to have no gradient for it is a mistake."""

Path = tuple[tuple[str, Any], ...]
"""How to get from a layer to an array: by attributes (".", name) and items ("[", key)."""


def is_layer(value: Any) -> bool:
    """Whether it is an object with a forward and a backward (or the derivative) that somebody derived."""
    return not isinstance(value, type) and is_layer_class(type(value))


def is_layer_class(value: type) -> bool:
    """Whether its objects are."""
    goes_forward = callable(getattr(value, "forward", None)) or any("__call__" in vars(base) for base in value.__mro__)
    return goes_forward and any(callable(getattr(value, name, None)) for name in ("backward", "derivative"))


def arrays_in(layer: Any) -> list[tuple[Path, np.ndarray]]:
    """All numeric arrays in a layer, in its lists and dicts and in the layers within it, with their paths."""
    found: list[tuple[Path, np.ndarray]] = []
    _collect(getattr(layer, "__dict__", {}), (), ".", found, {id(layer)})
    return found


def _collect(items: Mapping, path: Path, kind: str, found: list, seen: set[int]) -> None:
    for key, value in items.items():
        here = (*path, (kind, key))
        if isinstance(value, np.ndarray):
            if value.dtype.kind in "fiu":
                found.append((here, value))
        elif id(value) in seen:
            continue
        elif isinstance(value, (dict, list, tuple)):
            seen.add(id(value))
            _collect(value if isinstance(value, dict) else dict(enumerate(value)), here, "[", found, seen)
        elif is_layer(value):
            seen.add(id(value))
            _collect(getattr(value, "__dict__", {}), here, ".", found, seen)
        elif hasattr(value, "grad") and isinstance(getattr(value, "data", None), np.ndarray):
            found.append(((*here, (".", "data")), value.data))


def partners(path: Path) -> Iterator[Path]:
    """Where the gradient of a parameter may be."""
    if path[-1] == (".", "data"):
        yield (*path[:-1], (".", "grad"))
        return
    place = max(i for i, (_, key) in enumerate(path) if isinstance(key, str))
    owner, (kind, key), rest = path[:place], path[place], path[place + 1 :]
    if kind == "[" and owner[-1][1] in PARAMETERS:
        for holder in GRADIENTS:
            for pattern in ("{}", *PATTERNS):
                yield (*owner[:-1], (".", holder), ("[", pattern.format(key)), *rest)
    elif kind == ".":
        for pattern in PATTERNS:
            yield (*owner, (".", pattern.format(key)), *rest)
        for holder in GRADIENTS:
            for pattern in ("{}", *PATTERNS):
                yield (*owner, (".", holder), ("[", pattern.format(key)), *rest)


def get(layer: Any, path: Path) -> Any:
    """What is at a path."""
    for kind, key in path:
        layer = getattr(layer, key) if kind == "." else layer[key]
    return layer


def look_up(layer: Any, path: Path, default: Any = None) -> Any:
    """The same, or ``default`` if there is nothing."""
    try:
        return get(layer, path)
    except (AttributeError, KeyError, IndexError, TypeError):
        return default


def put(layer: Any, path: Path, value: Any) -> None:
    """Set what is at a path, by every name that it has in the layer."""
    present = get(layer, path)
    if type(value) is type(present) is np.ndarray and present.dtype == value.dtype and present.shape == value.shape:
        present[...] = value
        return
    for place in {path, *(other for other, array in arrays_in(layer) if array is present)}:
        owner, (kind, key) = get(layer, place[:-1]), place[-1]
        if kind == ".":
            setattr(owner, key, value)
        elif isinstance(owner, tuple):
            items = (*owner[:key], value, *owner[key + 1 :])
            put(layer, place[:-1], type(owner)(*items) if hasattr(owner, "_fields") else items)
        else:
            owner[key] = value


def show(path: Path) -> str:
    """``layers[0].W``."""
    return "".join(f".{key}" if kind == "." else f"[{key!r}]" for kind, key in path).removeprefix(".")


def parse(text: str) -> Path:
    """The inverse of ``show``; raises ValueError."""
    tokens = re.findall(r"\.?([A-Za-z_]\w*)|\[(\d+)\]|\[(['\"])(.*?)\3\]", text)
    path = tuple((".", name) if name else ("[", int(index) if index else key) for name, index, _, key in tokens)
    if not path or show(path) != text.replace('"', "'"):
        raise ValueError(f"check_layer: {text!r} is no attribute; write W, layers[0].W or parameters['W']")
    return path
