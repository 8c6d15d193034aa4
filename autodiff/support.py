"""The support of a cotangent: where it may differ from zero, known only when somebody asks.

``where``, indexing, ``maximum`` and their like pass no gradient to what they did not select: those entries are zero by
structure, and stay exactly zero through elementwise rules even where the derivative there is infinite or NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Support:
    """A lazily computed boolean mask: ``transform`` of the masks of ``sources``."""

    __slots__ = ("sources", "transform", "_mask")

    def __init__(self, sources: tuple[Support, ...], transform: Callable[..., Any]) -> None:
        self.sources = sources
        self.transform = transform
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
                support._mask = support.transform(*(source._mask for source in support.sources))
                support.sources = ()
                del support.transform  # and with it the arrays that it holds
        return self._mask


def join(first: Support, second: Support) -> Support:
    """The support of the sum of two cotangents."""
    return Support((first, second), lambda a, b: a | b)
