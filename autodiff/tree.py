"""Nested containers: lists, tuples, named tuples and dicts with arrays or tensors as leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def flatten(value: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The leaves of nested containers, and a function that builds the same containers around other leaves."""
    leaves: list[Any] = []
    build = _flatten(value, leaves)
    return leaves, lambda others: build(iter(others))


def _flatten(value: Any, leaves: list[Any]) -> Callable[[Any], Any]:
    if isinstance(value, dict):
        kind: Any = type(value)
        parts = {key: _flatten(item, leaves) for key, item in value.items()}
        return lambda others: kind((key, part(others)) for key, part in parts.items())
    if isinstance(value, (list, tuple)):
        kind, items = type(value), [_flatten(item, leaves) for item in value]
        if hasattr(value, "_fields"):
            return lambda others: kind(*[item(others) for item in items])
        return lambda others: kind([item(others) for item in items])
    leaves.append(value)
    return next
