"""What is measured in a process of its own: peak memory, and the time of the import.

``python -m tests.benchmarks.subprocesses memory NAME IMPLEMENTATION`` prints one measurement.
"""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np

from . import mlp, peers
from .measuring import HAND, Implementation

PEERS = (HAND, peers.OURS, peers.PYTORCH, peers.AUTOGRAD, peers.JAX_JIT)
BATCH = 16384
LENGTH, ENTRIES = 10, 1_000_000
MEBIBYTE = 1 << 20


def expression(xp, x, a):
    """Twenty operations on a million numbers, half of which save their output."""
    for _ in range(LENGTH):
        x = xp.tanh(x * a)
    return x


def expression_by_hand(x: np.ndarray, a: np.ndarray, g: np.ndarray) -> Implementation:
    def step() -> np.ndarray:
        outputs, out = [], x
        for _ in range(LENGTH):
            out = out * a
            np.tanh(out, out=out)
            outputs.append(out)
        gradient, own = g, False
        while outputs:
            out = outputs.pop()
            out *= out
            np.subtract(1, out, out=out)
            out *= gradient
            out *= a
            gradient = out
        return gradient

    return Implementation(step, lambda gradient: [gradient])


def mlp_step(name: str, batch: int) -> tuple:
    problem = mlp.Problem(batch)
    return partial(mlp.IMPLEMENTATIONS[name], problem, 1e-3), sum(p.nbytes for p in problem.parameters)


def chain_step(name: str, entries: int) -> tuple:
    x, a, g = np.linspace(-1, 1, entries), np.linspace(0.5, 1, entries), np.ones(entries)
    if name == HAND:
        return partial(expression_by_hand, x, a, g), x.nbytes
    return partial(peers.PEERS[name], expression, x, [a], g), x.nbytes


CASES = {
    "mlp": (f"MLP training step, batch {BATCH}", mlp_step, 8, BATCH),
    "elementwise": (f"{2 * LENGTH} operations on {ENTRIES:,} float64", chain_step, 8, ENTRIES),
}


def peak_memory(case: str, name: str) -> tuple[float, float]:
    """MiB that two steps need at most beyond their data: in resident memory, and as NumPy reports it to tracemalloc.

    The same work on a small problem comes first, so that loaded code and the libraries' own pools do not count.
    The second number is 0 for libraries whose memory Python does not see.
    """
    _, prepare, small, size = CASES[case]
    make, _ = prepare(name, small)
    implementation = make()
    for _ in range(2):
        implementation.step()
    del implementation
    make, _ = prepare(name, size)
    gc.collect()
    before = _reset_peak()
    _two_steps(make)
    resident = _status("VmHWM") - before
    if name in (peers.PYTORCH, peers.JAX_JIT):
        return resident / MEBIBYTE, 0.0
    gc.collect()
    tracemalloc.start()
    _two_steps(make)
    return resident / MEBIBYTE, tracemalloc.get_traced_memory()[1] / MEBIBYTE


def _two_steps(make) -> None:
    implementation = make()
    for _ in range(2):
        implementation.step()


def _status(field: str) -> int:
    """A line of Linux's account of this process, in bytes."""
    found = re.search(rf"{field}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None, f"/proc/self/status has no {field}"
    return int(found[1]) * 1024


def _reset_peak() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def run_alone(*arguments: str) -> list[float]:
    """The numbers that ``main`` prints in a fresh process, whose freed memory goes back to the system at once."""
    environment = dict(os.environ, MALLOC_MMAP_THRESHOLD_="65536", MALLOC_TRIM_THRESHOLD_="0")
    command = [sys.executable, "-m", __name__, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1]
        if last.startswith(("ModuleNotFoundError", "ImportError")):
            raise ImportError(last)
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return [float(word) for word in done.stdout.split()]


IMPORT = """
import sys, time
for module in {modules}:
    try:
        __import__(module)
    except ImportError:
        pass
start = time.perf_counter()
import autodiff, nn, optim
print(time.perf_counter() - start)
print(*[m for m in sys.modules if m.partition(".")[0] in ("numpy", "scipy")])
"""


def import_time(repeats: int) -> tuple[float, float]:
    """Seconds that ``import autodiff, nn, optim`` takes, at best: all, and once NumPy and SciPy are there."""

    def imported(modules: list[str]) -> tuple[float, list[str]]:
        code = IMPORT.format(modules=modules)
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        seconds, names = out.splitlines()
        return float(seconds), names.split()

    everything, modules = min(imported([]) for _ in range(repeats))
    return everything, min(imported(modules)[0] for _ in range(repeats))


if __name__ == "__main__":
    print(*peak_memory(*sys.argv[2:]))
