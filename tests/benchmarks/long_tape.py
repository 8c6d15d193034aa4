"""A million operations in a row: the time per operation must not grow, and no release of the graph may recurse.

``python -m tests.benchmarks.long_tape IMPLEMENTATION LENGTH`` prints one measurement. Each has its own process, because
a good part of the time is Python's garbage collector, whose cost depends on all that is alive.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from .alone import run_alone
from .measuring import HAND, OURS
from .peers import PYTORCH

LENGTHS = (10_000, 100_000, 1_000_000)
FACTOR = 1 + 1e-6
GROWTH = 1.5
"""How much longer an operation may take in the longest chain than in the shortest and still count as linear."""


class Phases(NamedTuple):
    """Seconds per operation: recording, the backward pass, and dropping a graph without one."""

    forward: float
    backward: float
    release: float


def by_hand(length: int) -> Phases:
    start = perf_counter()
    x = np.ones(1)
    for _ in range(length):
        x = x * FACTOR
    middle = perf_counter()
    g = np.ones(1)
    for _ in range(length):
        g = g * FACTOR
    end = perf_counter()
    _check(g.item(), length)
    return Phases((middle - start) / length, (end - middle) / length, 0.0)


def ours(length: int) -> Phases:
    from autodiff import Tensor

    return _phases(lambda: Tensor(np.ones(1), requires_grad=True), length)


def pytorch(length: int) -> Phases:
    import torch

    torch.set_num_threads(1)
    return _phases(lambda: torch.ones(1, dtype=torch.float64, requires_grad=True), length)


def _phases(make_leaf: Callable[[], Any], length: int) -> Phases:
    leaf = make_leaf()
    start = perf_counter()
    x = _chain(leaf, length)
    middle = perf_counter()
    x.backward()
    end = perf_counter()
    _check(leaf.grad.item(), length)
    x = _chain(leaf, length)
    dropped = perf_counter()
    del x
    return Phases((middle - start) / length, (end - middle) / length, (perf_counter() - dropped) / length)


def _chain(x: Any, length: int) -> Any:
    for _ in range(length):
        x = x * FACTOR
    return x


def _check(gradient: float, length: int) -> None:
    assert math.isclose(gradient, FACTOR**length, rel_tol=1e-6), f"{length} operations: the gradient is {gradient}"


IMPLEMENTATIONS = {HAND: by_hand, OURS: ours, PYTORCH: pytorch}


def measure(lengths: Sequence[int], repeats: int) -> dict[str, dict[int, Phases]]:
    """The best of several runs, by implementation and length."""
    found: dict[str, dict[int, Phases]] = {}
    for name in IMPLEMENTATIONS:
        try:
            for n in lengths:
                runs = [run_alone("tests.benchmarks.long_tape", (name, n)) for _ in range(repeats)]
                found.setdefault(name, {})[n] = Phases(*map(min, zip(*runs)))
        except ImportError:
            if name in (HAND, OURS):
                raise
    return found


if __name__ == "__main__":
    print(*IMPLEMENTATIONS[sys.argv[1]](int(sys.argv[2])))
