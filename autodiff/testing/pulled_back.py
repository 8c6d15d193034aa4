"""What every check of gradients does with the tape: draw a cotangent, and pull it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..functional import gradients
from ..tensor import Tensor


def plain(value: Any) -> np.ndarray:
    """A tensor, array or number as an array."""
    return np.asarray(value.data if isinstance(value, Tensor) else value)


def normal(rng: np.random.Generator, like: np.ndarray) -> np.ndarray:
    """Normally distributed numbers of the shape and dtype of an array."""
    found = rng.normal(size=like.shape)
    if like.dtype.kind == "c":
        found = found + 1j * rng.normal(size=like.shape)
    return np.asarray(found, like.dtype)


def pulled_back(
    outputs: Sequence[Any], cotangents: Sequence[Any], inputs: Sequence[Tensor], create_graph: bool = False
) -> list[Tensor]:
    """The gradients of the inputs, zeros where the tape has no way to them; the graph is kept.

    A cotangent may be None, for an output that is left out.
    """
    given = [
        (y, c)
        for y, c in zip(outputs, cotangents, strict=True)
        if isinstance(y, Tensor) and y.requires_grad and c is not None
    ]
    found: list[Any] = [None] * len(inputs)
    if given and found:
        ys, cs = zip(*given, strict=True)
        found = gradients(ys, inputs, cs, retain_graph=True, create_graph=create_graph, allow_unused=True)
    return [Tensor(np.zeros_like(t.data)) if g is None else g for g, t in zip(found, inputs, strict=True)]
