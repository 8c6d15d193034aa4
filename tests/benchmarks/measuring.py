"""Timing several implementations of one workload side by side."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

HAND, OURS = "hand", "ours"
TURN, RUNS = 0.004, 3
"""Seconds and runs that an implementation has at a time, at least: enough to warm the caches again after the others."""


class Implementation(NamedTuple):
    """One way to do the work: ``step`` does it once, ``read`` turns what it returned into plain arrays."""

    step: Callable[[], Any]
    read: Callable[[Any], list[np.ndarray]]


Maker = Callable[[], Implementation]


@dataclass(frozen=True)
class Workload:
    """The same work, done by several implementations.

    Attributes:
        name: what ``--only`` calls it.
        title: what it is, for the table.
        operations: how many operations one step is, where the time of one operation is what counts.
        makers: a function that prepares each implementation; ImportError where a peer is not installed.
        budget: by implementation, how its time compares: ours may take at most ``budget[HAND]`` times as long as the
            hand-written code, and is to be at least ``budget[peer]`` times as fast as a peer.
        tolerance: the largest difference of two implementations' results, relative to the largest entry.
        rehearsal: makers of the same work with settings in which a mistake would show, where timing needs others.
    """

    name: str
    title: str
    makers: Mapping[str, Maker]
    budget: Mapping[str, float] = field(default_factory=dict)
    operations: int = 1
    tolerance: float = 1e-9
    rehearsal: Mapping[str, Maker] | None = None


@dataclass(frozen=True)
class Times:
    """Seconds per operation: the minimum and the median over all runs."""

    minimum: float
    median: float
    runs: int


def check_agreement(workload: Workload, names: Sequence[str] = (), steps: int = 3) -> None:
    """Assert that the implementations compute the same arrays, over a few steps; all of them, or just ``names``."""
    makers = workload.rehearsal or workload.makers
    implementations = prepare({n: m for n, m in makers.items() if n in names or not names})
    for _ in range(steps):
        results = {name: [np.array(a) for a in i.read(i.step())] for name, i in implementations.items()}
        for name, arrays in results.items():
            for i, (found, expected) in enumerate(zip(arrays, results[HAND], strict=True)):
                where = f"{workload.name}: result {i} of {name}"
                assert found.shape == expected.shape and found.dtype == expected.dtype, (
                    f"{where} is {found.dtype}{list(found.shape)}, by hand {expected.dtype}{list(expected.shape)}"
                )
                assert np.isfinite(expected).all() and np.abs(expected).max() > 0, f"{where} says nothing"
                error = np.abs(found - expected).max() / np.abs(expected).max()
                assert error <= workload.tolerance, f"{where} differs from the hand-written one by {error:.1e}"


def prepare(makers: Mapping[str, Maker]) -> dict[str, Implementation]:
    """The implementations whose libraries are installed."""
    found = {}
    for name, make in makers.items():
        try:
            found[name] = make()
        except ImportError:
            if name in (HAND, OURS):
                raise
    return found


def measure(workload: Workload, seconds: float) -> dict[str, Times]:
    """Time all implementations in turns, for about so many seconds for each.

    An implementation far slower than ours takes part in fewer rounds, spread over the whole time.
    """
    implementations = prepare(workload.makers)
    once = {name: min(_runs(i.step, 2)) for name, i in implementations.items()}
    turn_of_ours = max(TURN, RUNS * once[OURS])
    rounds = max(3, int(seconds / turn_of_ours))
    every = {name: min(rounds // 3, max(1, round(RUNS * t / turn_of_ours / 3))) for name, t in once.items()}
    times: dict[str, list[float]] = {name: [] for name in implementations}
    for turn in range(rounds):
        for name, implementation in implementations.items():
            if turn % every[name] == 0:
                times[name] += _runs(implementation.step, max(RUNS, int(TURN / once[name])))
    n = workload.operations
    return {name: Times(min(t) / n, statistics.median(t) / n, len(t)) for name, t in times.items()}


def _runs(step: Callable[[], Any], count: int) -> list[float]:
    times = []
    for _ in range(count):
        start = perf_counter()
        result = step()
        times.append(perf_counter() - start)
        del result
    return times
