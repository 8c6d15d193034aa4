"""The support of a cotangent: where it may differ from zero, known only when somebody asks.

``where``, indexing, ``maximum`` and their like pass no gradient to what they did not select: those entries are zero by
structure, and stay exactly zero through elementwise rules even where the derivative there is infinite or NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Support:
    """A lazily computed boolean mask: ``transform(*details, *masks)`` of the masks of ``sources``."""

    __slots__ = ("sources", "transform", "details", "_mask")

    def __init__(self, sources: tuple[Support, ...], transform: Callable[..., Any], *details: Any) -> None:
        self.sources = sources
        self.transform = transform
        self.details = details
        self._mask: Any = None

    def mask(self) -> Any:
        """The mask; computed once, without recursion, however long the chain of supports."""
        pending = [self]
        while pending:
            support = pending[-1]
            missing = [source for source in support.sources if source._mask is None]
            if missing:
                pending += missing
                continue
            pending.pop()
            if support._mask is None:
                support._mask = support.transform(*support.details, *[source._mask for source in support.sources])
                support.sources = support.details = ()  # and with them the arrays that they hold
        return self._mask


def join(first: Support, second: Support) -> Support:
    """The support of the sum of two cotangents."""
    return Support((first, second), lambda a, b: a | b)
