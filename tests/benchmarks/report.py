"""The measurements as tables in plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .long_tape import GROWTH, Phases
from .measuring import HAND, OURS, Times, Workload
from .mlp import PRODUCTS
from .peers import AUTOGRAD, JAX, JAX_JIT, PYTORCH

COLUMNS = (PRODUCTS, HAND, OURS, PYTORCH, AUTOGRAD, JAX, JAX_JIT)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def comparison(workloads: Sequence[Workload], times: Mapping[str, Mapping[str, Times]]) -> str:
    """Times, then ratios beside the budget."""
    measured = [("time of one operation or step", *COLUMNS)]
    ratios = [("ratios", "ours/hand", "(medians)", *(f"{peer}/ours" for peer in COLUMNS[3:]), "budget", "")]
    for workload in workloads:
        row = times[workload.name]
        measured.append((workload.title, *(_time(row[c].minimum) if c in row else "" for c in COLUMNS)))
        found = {peer: t.minimum / row[OURS].minimum for peer, t in row.items()}
        medians = row[OURS].median / row[HAND].median
        ratios.append(
            (
                workload.title,
                f"{1 / found[HAND]:.2f}",
                f"({medians:.2f})",
                *(f"{found[peer]:.2f}" if peer in found else "" for peer in COLUMNS[3:]),
                ", ".join(_bound(name, bound) for name, bound in workload.budget.items()),
                _verdict(workload, found),
            )
        )
    return f"{table(measured)}\n\n{table(ratios)}"


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:,.2f} us" if seconds < 1e-4 else f"{seconds * 1e6:,.0f} us"


def _bound(name: str, bound: float) -> str:
    return f"<= {bound} hand" if name == HAND else f">= {bound:.3g} {name}"


def _verdict(workload: Workload, found: Mapping[str, float]) -> str:
    """Whether each bound on a library that was measured is kept; ``found`` is their times over ours."""
    least = {name: 1 / bound if name == HAND else bound for name, bound in workload.budget.items() if name in found}
    missed = [name for name, bound in least.items() if found[name] < bound]
    return f"missed: {', '.join(missed)}" if missed else "met"


def long_tape(phases: Mapping[str, Mapping[int, Phases]]) -> str:
    """Time per operation by the length of the chain."""
    lengths = list(phases[OURS])
    rows = [("operations in a row, time of one", *(f"{n:,}" for n in lengths), "last/first")]
    for name, by_length in phases.items():
        for i, phase in enumerate(Phases._fields):
            times = [by_length[n][i] for n in lengths]
            if all(times):
                rows.append((f"{name}: {phase}", *map(_time, times), f"{times[-1] / times[0]:.2f}"))
    totals = [sum(phases[OURS][n]) for n in lengths]
    verdict = "met" if totals[-1] <= GROWTH * totals[0] else "missed"
    return f"{table(rows)}\nbudget: linear time (last/first <= {GROWTH} in all), no crash: {verdict}"


def memory(found: Mapping[str, Mapping]) -> str:
    """Peak memory, and the budget: no more than PyTorch and one set of gradients."""
    names = (HAND, OURS, PYTORCH, AUTOGRAD, JAX_JIT)
    rows = [("peak memory beyond the data, MiB", *names, "gradients", "budget")]
    for case in found.values():
        resident = case["resident"]
        verdict = "not measured"
        if PYTORCH in resident:
            bound = resident[PYTORCH] + case["gradients"]
            verdict = f"<= {bound:.1f}: {'met' if resident[OURS] <= bound else 'missed'}"
        cells = (f"{resident[name]:.1f}" if name in resident else "" for name in names)
        rows.append((f"{case['title']}: resident", *cells, f"{case['gradients']:.1f}", verdict))
        for what, key in (("peak traced by tracemalloc", "traced"), ("alive after it, with the parameters", "alive")):
            cells = (f"{case[key][name]:.1f}" if name in case[key] else "" for name in names)
            rows.append((f"    {what}", *cells, "", ""))
    return table(rows)
