"""Compare this library with hand-written NumPy and with its peers, side by side in one run.

    python -m tests.benchmarks [--quick] [--only NAME ...] [--json FILE]

run from a checkout with the package installed, prints times, ratios and whether the performance budget is met. All
run on one thread, in turns in one process; the times are minima over many runs, which other load on the machine
disturbs least, and the ratios those of minima (with those of medians in parentheses, where two are given). All
implementations of a workload are first checked to compute the same numbers. Peers (``pip install -e .[peers]``) that
are not installed are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

THREADS = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
assert "numpy" not in sys.modules, "the number of threads is set before NumPy is imported"
os.environ.update(THREADS, JAX_PLATFORMS="cpu")

from . import long_tape, memory, report  # noqa: E402  # after the environment is set
from .alone import import_time  # noqa: E402
from .arrays import ARRAYS  # noqa: E402
from .chains import CHAINS  # noqa: E402
from .layers import LAYERS  # noqa: E402
from .matrices import PRODUCTS  # noqa: E402
from .measuring import check_agreement, measure  # noqa: E402
from .mlp import STEPS  # noqa: E402
from .optimizers import OPTIMIZERS  # noqa: E402
from .regularized import REGULARIZED  # noqa: E402

WORKLOADS = {w.name: w for w in (*CHAINS, *STEPS, *REGULARIZED, *PRODUCTS, *ARRAYS, *LAYERS, *OPTIMIZERS)}
ALONE = ("long-tape", "memory", "import")
LIBRARIES = ("numpy", "scipy", "torch", "autograd", "jax")


def main() -> None:
    names = [*WORKLOADS, *ALONE]
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="measure for a fifth of the time, so less reliably")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, default=names, help=", ".join(names))
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was measured to FILE")
    arguments = parser.parse_args()
    _one_processor()
    found: dict = {"versions": _versions()}
    print(_machine(found["versions"]))

    chosen = [WORKLOADS[name] for name in arguments.only if name in WORKLOADS]
    if chosen:
        times = {}
        for workload in chosen:
            check_agreement(workload)
            times[workload.name] = measure(workload, seconds=0.4 if arguments.quick else 2.0)
        print("\n" + report.comparison(chosen, times))
        found["times"] = {w: {name: vars(t) for name, t in row.items()} for w, row in times.items()}
    if "long-tape" in arguments.only:
        phases = long_tape.measure(long_tape.LENGTHS, repeats=1 if arguments.quick else 3)
        print("\n" + report.long_tape(phases))
        found["long-tape"] = {name: {n: p._asdict() for n, p in rows.items()} for name, rows in phases.items()}
    if "memory" in arguments.only:
        found["memory"] = memory.measure()
        print("\n" + report.memory(found["memory"]))
    if "import" in arguments.only:
        everything, own = found["import"] = import_time(3 if arguments.quick else 10)
        print(
            f"\nimport autodiff, nn, optim: {everything * 1e3:.0f} ms, {own * 1e3:.0f} ms of it beyond NumPy and SciPy"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


def _one_processor() -> None:
    """Keep to one processor where the system lets us: JAX has no setting that keeps it to one thread."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed, left out"
    return found


def _machine(versions: dict[str, str]) -> str:
    return f"{platform.machine()}, one thread; " + ", ".join(f"{name} {v}" for name, v in versions.items())


if __name__ == "__main__":
    main()
