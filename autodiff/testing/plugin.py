"""The pytest plugin: a fixture that checks gradients, a report of what was checked, mutants of the registered rules.

pytest loads this module in every session where the library is installed: nothing else is imported until it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from importlib import import_module
from typing import Any
from zlib import crc32

import pytest

OPTIONS: dict[str, dict[str, Any]] = {
    "--grad-examples": dict(
        type=int, metavar="N", help="how many examples each generated check of a gradient draws (and the fixture seeds)"
    ),
    "--grad-seed": dict(type=int, metavar="S", default=0, help="other seeds for the fixture check_grads (default: 0)"),
    "--grad-report": dict(action="store_true", help="say in the end which gradients were checked, and how surely"),
    "--grad-mutate": dict(
        nargs="?",
        const="",
        metavar="PATTERN",
        help="then make each registered rule wrong in several ways, and report the mutants that no test notices; only "
        "of primitives whose full name contains the pattern (--grad-mutate=numpy.linalg). Takes a while",
    ),
    "--grad-mutate-shard": dict(metavar="I/N", default="1/1", help="only part I of N of the mutants (2/4)"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gradients", "checking gradients with autodiff.testing")
    for name, settings in OPTIONS.items():
        group.addoption(name, **settings)


def pytest_configure(config: pytest.Config) -> None:
    examples, pattern = config.getoption("--grad-examples"), config.getoption("--grad-mutate")
    if examples is not None:
        if examples < 1:
            raise pytest.UsageError(f"--grad-examples {examples}: draw at least one example")
        primitive: Any = import_module("autodiff.testing.primitives.check")
        config.add_cleanup(partial(setattr, primitive, "default_examples", primitive.default_examples))
        primitive.default_examples = examples
    if config.getoption("--grad-report"):
        config.pluginmanager.register(GradientSummary())
    if pattern is not None:
        if config.getoption("numprocesses", None):
            raise pytest.UsageError("--grad-mutate runs in one process: -n 0; for several, --grad-mutate-shard 1/4")
        runs = import_module("autodiff.testing.mutation.run")
        config.pluginmanager.register(
            runs.MutationRun(config, pattern, _shard(config.getoption("--grad-mutate-shard")))
        )


def _shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise pytest.UsageError(f"--grad-mutate-shard {text}: write I/N with I from 1 to N, for example 2/4")
    return int(part), int(parts)


@pytest.fixture
def check_grads(request: pytest.FixtureRequest) -> Callable:
    """``autodiff.testing.check_grads`` with a seed of the test's own, which it prints.

    With ``--grad-examples N`` each call checks with N seeds. Returns the report of all of them.
    """
    testing, report = import_module("autodiff.testing"), import_module("autodiff.testing.report")
    base, examples = request.config.getoption("--grad-seed"), request.config.getoption("--grad-examples") or 1
    seeds = [crc32(f"{base}:{k}:{request.node.nodeid}".encode()) for k in range(examples)]

    def check(f: Callable, *args: Any, **options: Any) -> Any:
        total = report.GradientReport()
        for seed in [options.pop("seed")] if "seed" in options else seeds:
            print(f"check_grads(..., seed={seed}), the seed of this test with --grad-seed {base}")
            found = testing.check_grads(f, *args, seed=seed, **options)
            total.what, total.notes = found.what, total.notes + found.notes
            total.checked, total.conclusive = total.checked + found.checked, total.conclusive + found.conclusive
            total.seconds += found.seconds
        return total

    return check


COLUMNS = ("seconds", "checks", "comparisons", "conclusive", "notes")

SLOWEST = 20
"""How many tests ``--grad-report`` lists."""


class GradientSummary:
    """``--grad-report``: a table of the tests that checked gradients, the slowest first, and totals.

    What a test checked travels with pytest's own reports of the test, also between the processes of pytest-xdist.
    """

    KEY = "gradients checked"

    def __init__(self) -> None:
        self.by_test: dict[str, dict[str, Any]] = {}
        self.current: dict[str, Any] | None = None

    def pytest_sessionstart(self) -> None:
        import_module("autodiff.testing.report").watchers.append(self.watch)

    def pytest_unconfigure(self) -> None:
        import_module("autodiff.testing.report").watchers.remove(self.watch)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self.current = dict.fromkeys(COLUMNS, 0)
        item.user_properties.append((self.KEY, self.current))
        try:
            return (yield)
        finally:
            self.current = None

    def watch(self, report: Any) -> None:
        if self.current is not None:
            found = (report.seconds, 1, report.checked, report.conclusive, len(report.notes))
            self.current.update(_sum([self.current, dict(zip(COLUMNS, found, strict=True))]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        found: Any = dict(report.user_properties).get(self.KEY, {})
        if report.when == "teardown" and found.get("checks"):
            self.by_test[report.nodeid] = found

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.section("gradients checked")
        terminalreporter.line(f"{'seconds':>8} {'checks':>7} {'comparisons':>12} {'conclusive':>11} {'notes':>6}  test")
        slowest = sorted(self.by_test.items(), key=lambda pair: -pair[1]["seconds"])
        for nodeid, found in slowest[:SLOWEST]:
            terminalreporter.line(_row(found, nodeid))
        if others := slowest[SLOWEST:]:
            terminalreporter.line(_row(_sum([found for _, found in others]), f"{len(others)} other tests"))
        terminalreporter.line(_row(_sum(list(self.by_test.values())), "in total"))


def _sum(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {column: sum(row[column] for row in rows) for column in COLUMNS}


def _row(found: dict[str, Any], label: str) -> str:
    share = f"{100 * found['conclusive'] / found['comparisons']:.1f} %" if found["comparisons"] else "-"
    seconds, checks, comparisons, _, notes = found.values()
    return f"{seconds:8.2f} {checks:7} {comparisons:12} {share:>11} {notes:6}  {label}"
