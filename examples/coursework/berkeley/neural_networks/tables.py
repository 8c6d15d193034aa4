"""What the exercise calls by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def look_up(kind: str, table: Mapping[str, T], name: str) -> T:
    """An entry of a table.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in table:
        raise ValueError(f"there is no {kind} {name!r}, only {', '.join(table)}")
    return table[name]
