"""How a module reads: like the call of its constructor."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

LONGEST_ARRAY = 32
"""Entries of an array that is shown whole."""


def constructor_arguments(module: Any) -> str:
    """See ``Module.arguments``."""
    shown = []
    for name, parameter in inspect.signature(type(module)).parameters.items():
        default = parameter.default
        value = vars(module).get(name, default)
        if isinstance(default, bool):  # ``bias=True`` becomes a parameter or None
            value = value is not None and value is not False
        if value is default or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        text = plain(np.dtype(value).name if name == "dtype" else value)
        if text is not None and text != plain(default):
            shown.append(f"{name}={text}")
    return ", ".join(shown)


def plain(value: Any) -> str | None:
    """A value as one would write it, if it consists of numbers, strings and the like; else None."""
    if isinstance(value, np.ndarray):
        return f"array({plain(value.tolist()) if value.size <= LONGEST_ARRAY else '...'})"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if value is None or isinstance(value, (bool, int, float, complex, str)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        entries = [text for item in value if (text := plain(item)) is not None]
        if len(entries) < len(value):
            return None
        body = ", ".join(entries)
        return f"[{body}]" if isinstance(value, list) else f"({body}{',' * (len(entries) == 1)})"
    return None


def nested(value: Any) -> str:
    """A module, or a list, tuple or dict that has modules in it somewhere."""
    if isinstance(value, list):
        return enclosed("[", map(nested, value), "]")
    if isinstance(value, tuple):
        return enclosed("(", map(nested, value), ")")
    if isinstance(value, dict):
        return enclosed("{", [f"{key!r}: {nested(item)}" for key, item in value.items()], "}")
    return repr(value)


def enclosed(opening: str, items: Iterable[str], closing: str) -> str:
    """The items on lines of their own; three and more in a row that are alike become one.

    >>> print(enclosed("Sequential(", ["ReLU()", "ReLU()", "ReLU()", "Tanh()"], ")"))
    Sequential(
        *(ReLU() for _ in range(3)),
        Tanh(),
    )
    """
    lines = []
    for item, same in itertools.groupby(items):
        count = len(list(same))
        lines += [f"*({item} for _ in range({count}))"] if count > 2 else [item] * count
    return opening + "".join(f"\n{line},".replace("\n", "\n    ") for line in lines) + "\n" * bool(lines) + closing
