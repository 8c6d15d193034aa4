"""Peak memory of a training step and of operations on large arrays.

``python -m tests.benchmarks.memory CASE IMPLEMENTATION`` prints one measurement.
"""

from __future__ import annotations

import gc
import re
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import mlp, peers
from .alone import run_alone
from .measuring import HAND, OURS, Implementation

IMPLEMENTATIONS = (HAND, OURS, peers.PYTORCH, peers.AUTOGRAD, peers.JAX_JIT)
UNTRACED = (peers.PYTORCH, peers.JAX_JIT)
MEBIBYTE = 1 << 20
PAIRS = 10


def products_and_tanh(xp: Any, x: Any, a: Any) -> Any:
    for _ in range(PAIRS):
        x = xp.tanh(x * a)
    return x


def products_and_tanh_by_hand(x: np.ndarray, a: np.ndarray, g: np.ndarray) -> Implementation:
    def step() -> np.ndarray:
        outputs, out = [], x
        for _ in range(PAIRS):
            out = out * a
            np.tanh(out, out=out)
            outputs.append(out)
        gradient = g
        while outputs:
            out = outputs.pop()
            out *= out
            np.subtract(1, out, out=out)
            out *= gradient
            out *= a
            gradient = out
        return gradient

    return Implementation(step, lambda gradient: [gradient])


def elementwise(name: str, entries: int) -> tuple[Callable[[], Implementation], int]:
    x, a, g = np.linspace(-1, 1, entries), np.linspace(0.5, 1, entries), np.ones(entries)
    if name == HAND:
        return partial(products_and_tanh_by_hand, x, a, g), x.nbytes
    return partial(peers.PEERS[name], products_and_tanh, x, [a], g), x.nbytes


def training(name: str, batch: int) -> tuple[Callable[[], Implementation], int]:
    problem = mlp.Problem(batch)
    return partial(mlp.IMPLEMENTATIONS[name], problem, 1e-3), sum(p.nbytes for p in problem.parameters)


CASES = {
    "training": ("MLP training step, batch 16384", training, 16384),
    "elementwise": ("20 operations on 1,000,000 float64", elementwise, 1_000_000),
}
"""Title; function that gives, for an implementation and a size, its maker and the bytes of all gradients; size."""


def peak_memory(case: str, name: str) -> tuple[float, ...]:
    """MiB that two steps need at most beyond their data, and the MiB of one set of gradients.

    The peak is that of the resident memory; then, unless Python cannot see the library's memory, that which
    tracemalloc traces, and what of this is alive after the steps. The same work on a small problem comes first, so
    that loaded code and the libraries' own pools do not count.
    """
    _, prepare, size = CASES[case]
    _two_steps(prepare(name, 8)[0])
    make, gradients = prepare(name, size)
    gc.collect()
    before = _start_of_peak()
    _two_steps(make)
    measured = [_status("VmHWM") - before, gradients]
    if name not in UNTRACED:
        gc.collect()
        tracemalloc.start()
        implementation = _two_steps(make)
        alive, peak = tracemalloc.get_traced_memory()
        measured += [peak, alive]
        del implementation
    return tuple(n / MEBIBYTE for n in measured)


def _two_steps(make: Callable[[], Implementation]) -> Implementation:
    implementation = make()
    for _ in range(2):
        implementation.step()
    return implementation


def _status(field: str) -> int:
    """A line of Linux's account of this process, in bytes."""
    found = re.search(rf"{field}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None, f"/proc/self/status has no {field}"
    return int(found[1]) * 1024


def _start_of_peak() -> int:
    """Have the system count the peak from now on; what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def measure() -> dict[str, dict]:
    """``peak_memory`` of all cases and implementations, each in a process that returns freed memory at once."""
    environment = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}
    found: dict[str, dict] = {}
    for case, (title, _, _) in CASES.items():
        row = found[case] = {"title": title, "resident": {}, "traced": {}, "alive": {}}
        for name in IMPLEMENTATIONS:
            try:
                resident, gradients, *traced = run_alone("tests.benchmarks.memory", (case, name), environment)
            except ImportError:
                if name in (HAND, OURS):
                    raise
                continue
            row["resident"][name], row["gradients"] = resident, gradients
            if traced:
                row["traced"][name], row["alive"][name] = traced
    return found


if __name__ == "__main__":
    print(*peak_memory(*sys.argv[1:]))
