"""Margins around the last axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .derived import derived

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""By PyTorch's name: what ``numpy.pad`` calls it."""

Widths = tuple[tuple[int, int], ...]


def pad(x: Any, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Any:
    """x with margins around its last axes.

    Args:
        x: an array or tensor.
        pad: the widths before and after, of the last axis first: ``(left, right, top, bottom, ...)``.
        mode: what the margins are: "constant" for ``value``, or entries of x: "reflect" for a mirror at the entry on
            the edge, "replicate" for that entry, "circular" for the entries from the other side.
        value: of a constant margin.

    Raises:
        ValueError: an unknown mode; widths that are negative, not in pairs or of more axes than x has; a reflected
            margin as wide as x, or a circular one that is wider; nothing to replicate.

    >>> pad(np.array([1.0, 2.0, 3.0]), (1, 2), "circular")
    array([3., 1., 2., 3., 1., 2.])
    """
    shape = np.shape(x)
    if mode not in MODES:
        raise ValueError(f"pad: mode is one of {', '.join(MODES)}, not {mode!r}")
    if len(pad) % 2 or len(pad) > 2 * len(shape) or min(pad, default=0) < 0:
        raise ValueError(f"pad takes widths (left, right, top, bottom, ...), not negative, for {shape}, not {pad}")
    pairs = [(int(pad[i]), int(pad[i + 1])) for i in range(0, len(pad), 2)][::-1]
    widths = ((0, 0),) * (len(shape) - len(pairs)) + tuple(pairs)
    for n, both in zip(shape, widths, strict=True):
        most = {"reflect": max(n - 1, 0), "circular": n, "replicate": max(both) if n else 0}.get(mode, max(both))
        if max(both) > most:
            raise ValueError(f"pad: {mode} margins of an axis of length {n} are at most {most} wide, not {both}")
    return padding(x, widths=widths, mode=mode, value=value)


@derived
def padding(x: Any, *, widths: Widths, mode: str, value: float) -> Any:
    """``numpy.pad``: each entry of the margins is a constant, or a copy of an entry of x.

    So the gradient of an entry is the sum of those of its copies: axis by axis, the margins are folded back and added.
    """
    options = {"constant_values": value} if mode == "constant" else {}
    return np.pad(x, widths or 0, MODES[mode], **options)


def _padding_vjp(g: Any, x_shape: tuple[int, ...], widths: Widths, mode: str) -> Any:
    for axis, (n, (before, after)) in enumerate(zip(x_shape, widths, strict=True)):
        if before or after:
            g = np.moveaxis(_folded(np.moveaxis(g, axis, 0), n, before, after, mode), 0, axis)
    return g


def _folded(g: Any, n: int, before: int, after: int, mode: str) -> Any:
    """The first n entries after ``before`` with the copies of each added to it."""
    total = np.copy(g[before : before + n])
    if mode != "constant":
        source = np.pad(np.arange(n), (before, after), MODES[mode])
        for place in (*range(before), *range(before + n, before + n + after)):
            total[source[place]] = total[source[place]] + g[place]
    return total


padding.gradient(x=_padding_vjp)
