"""Gradients of functions at chosen points, for claims about their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import Tensor


def gradients(f: Callable, *args: Any, order: int = 1) -> list[np.ndarray]:
    """The gradient of the sum of ``f``, or (order 2) of the sum of that, with respect to each argument."""
    tensors = [Tensor(np.asarray(x), requires_grad=True) for x in args]
    with np.errstate(all="ignore"):
        total = f(*tensors).sum()
        for _ in range(order - 1):
            total.backward(create_graph=True)
            total = sum((t.grad.sum() for t in tensors), start=0 * tensors[0].sum())  # tracked if constant, too
            for t in tensors:
                t.grad = None
        total.backward()
    return [t.grad.data for t in tensors]


def gradient(f: Callable, x: Any, order: int = 1) -> np.ndarray:
    return gradients(f, x, order=order)[0]
