"""A million operations in a row: time per operation must not grow, and letting go of the graph must not recurse."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter

import numpy as np

from .measuring import HAND, OURS
from .peers import PYTORCH

LENGTHS = (10_000, 100_000, 1_000_000)
FACTOR = 1 + 1e-7


def by_hand(length: int) -> tuple[list[float], float]:
    start = perf_counter()
    x, saved = np.ones(1), []
    for _ in range(length):
        saved.append(x)
        x = x * FACTOR
    middle = perf_counter()
    g = np.ones(1)
    for _ in range(length):
        saved.pop()
        g = g * FACTOR
    return [middle - start, perf_counter() - middle], g.item()


def ours(length: int) -> tuple[list[float], float]:
    from autodiff import Tensor

    leaf = x = Tensor(np.ones(1), requires_grad=True)
    return _forward_and_backward(leaf, x, length)


def pytorch(length: int) -> tuple[list[float], float]:
    import torch

    torch.set_num_threads(1)
    leaf = x = torch.ones(1, dtype=torch.float64, requires_grad=True)
    return _forward_and_backward(leaf, x, length)


def _forward_and_backward(leaf, x, length: int) -> tuple[list[float], float]:
    start = perf_counter()
    for _ in range(length):
        x = x * FACTOR
    middle = perf_counter()
    x.backward()
    times = [middle - start, perf_counter() - middle]
    for _ in range(length):
        x = x * FACTOR if x is not leaf else leaf * FACTOR
    return times, leaf.grad.item()
