"""Measurements in a process of their own, which nothing before them has touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping


def run_alone(module: str, arguments: Iterable[object], environment: Mapping[str, str] | None = None) -> list[float]:
    """The numbers that ``python -m module arguments`` prints; ImportError if it lacks a library."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        error = ImportError if last.startswith(("ImportError", "ModuleNotFoundError")) else RuntimeError
        raise error(f"{' '.join(command)} failed with status {done.returncode}:\n{done.stderr}")
    return [float(word) for word in done.stdout.split()]


IMPORT = """
import importlib, sys, time
for module in {modules}:
    importlib.import_module(module)
start = time.perf_counter()
import autodiff, nn, optim
print(time.perf_counter() - start)
print(*[m for m, found in sys.modules.items() if m.partition(".")[0] in ("numpy", "scipy") and found.__spec__])
"""


def import_time(repeats: int) -> tuple[float, float]:
    """Seconds that ``import autodiff, nn, optim`` takes at best: in all, and with its part of NumPy and SciPy there."""

    def imported(modules: list[str]) -> tuple[float, list[str]]:
        code = IMPORT.format(modules=modules)
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        seconds, names = out.splitlines()
        return float(seconds), names.split()

    everything, modules = min(imported([]) for _ in range(repeats))
    return everything, min(imported(modules)[0] for _ in range(repeats))
