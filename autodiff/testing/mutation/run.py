"""``--grad-mutate``: a run of the tests, and then of those that a mutant could concern with each mutant in turn."""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from ...primitive import Primitive
from .mutants import Mutant, mutants, watched

PROGRESS = {"killed": ".", "survived": "S", "without effect": "-"}
"""What ``--grad-mutate`` writes for each mutant."""

PATIENCE = (10.0, 20.0)
"""A test with a mutant may take so many seconds, plus so many times what it takes without."""


@dataclass
class Outcome:
    """What became of a mutant: killed by a test, survived so many tests, or without effect on any call."""

    mutant: Mutant
    verdict: str
    tests: int = 0
    seconds: float = 0.0
    killer: str = ""


class Overtime(BaseException):
    """A test takes so long that a mutant must have made a loop endless. No test should catch this."""


class MutationRun:
    """The pytest plugin that ``--grad-mutate`` registers.

    While all tests are run, it notes in which of them a mutant would change a gradient; these are run with it then.
    A mutant is killed by the first test that fails; the fastest are tried first. One whose rule no test calls has
    survived. One that would change no gradient in the whole suite says nothing about the tests, and does not count.
    """

    def __init__(self, config: pytest.Config, pattern: str, shard: tuple[int, int]) -> None:
        self.config, self.pattern, self.shard = config, pattern, shard
        self.effects: set[Mutant] = set()
        self.called: set[tuple[Primitive, str]] = set()
        self.by_test: dict[str, set[Mutant]] = {}
        self.seconds: dict[str, float] = {}
        self.unusable: set[str] = set()
        self.chosen: list[Mutant] = []
        self.watching = ExitStack()
        self.mutating = False
        self.failed = False
        self.outcomes: list[Outcome] = []
        self.took = 0.0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        if session.config.option.collectonly or session.testsfailed:
            return (yield)
        found = [mutant for mutant in mutants() if self.pattern in mutant.name]
        if not found:
            raise pytest.UsageError(
                f"--grad-mutate={self.pattern}: no primitive's name contains this; paths of tests go before the option"
            )
        part, parts = self.shard
        place = {p: i for i, p in enumerate(dict.fromkeys(mutant.primitive for mutant in found))}
        self.chosen = [mutant for mutant in found if place[mutant.primitive] % parts == part - 1]
        with self.watching:
            self._watch()
            result = yield
        start = perf_counter()
        self.mutating = True
        try:
            self._run(session)
        finally:
            self.mutating, self.took = False, perf_counter() - start
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run a test within what other plugins wrap around tests: with a mutant, or to note the effects of mutants."""
        if self.mutating:
            reports = runtestprotocol(item, log=False, nextitem=None)
            self.failed = any(report.failed for report in reports)
        else:
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            for report in self._watched(item, nextitem):
                item.ihook.pytest_runtest_logreport(report=report)
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        base, factor = PATIENCE
        with _alarm(base + factor * self.seconds[item.nodeid]) if self.mutating else nullcontext():
            return (yield)

    def _watch(self) -> None:
        self.watching.enter_context(watched(self.chosen, self.effects, self.called))

    def _watched(self, item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
        """Run a test, noting the effects of mutants; and without, if it fails, as one that counts calls may then."""
        self.effects.clear()
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        self.by_test[item.nodeid] = set(self.effects)
        if any(report.failed for report in reports):
            item.session._setupstate.teardown_exact(None)  # fixtures that failed would be remembered
            self.watching.close()
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
            self._watch()
        self.seconds[item.nodeid] = sum(report.duration for report in reports)
        if any(not report.passed or hasattr(report, "wasxfail") for report in reports):
            self.unusable.add(item.nodeid)
        return reports

    def _run(self, session: pytest.Session) -> None:
        """Try all mutants, each with the tests on which it has an effect."""
        items = [item for item in session.items if item.nodeid not in self.unusable]
        items.sort(key=lambda item: self.seconds[item.nodeid])
        terminal = self.config.get_terminal_writer()
        terminal.line("\n")
        with _quiet(self.config), _without_shrinking(items):
            for k, mutant in enumerate(self.chosen, 1):
                tests = [item for item in items if mutant in self.by_test[item.nodeid]]
                self.outcomes.append(self._try(mutant, tests))
                terminal.write(PROGRESS[self.outcomes[-1].verdict], flush=True)
                if k % 72 == 0 or k == len(self.chosen):
                    terminal.line(f"{'':{-k % 72}} [{100 * k // len(self.chosen):3}%]")

    def _try(self, mutant: Mutant, tests: list[pytest.Item]) -> Outcome:
        if not tests:
            named = set(mutant.argument.split(" and ")) & set(mutant.primitive.arguments)
            called = all((mutant.primitive, argument) in self.called for argument in named)
            return Outcome(mutant, "without effect" if called else "survived")
        start = perf_counter()
        with mutant.applied():
            for item in tests:
                item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
                if self.failed:
                    return Outcome(mutant, "killed", len(tests), perf_counter() - start, item.nodeid)
        return Outcome(mutant, "survived", len(tests), perf_counter() - start)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if any(outcome.verdict == "survived" for outcome in self.outcomes) and not session.exitstatus:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        line = terminalreporter.line
        terminalreporter.section("mutants of the registered rules")
        counts = Counter((outcome.mutant.mutation, outcome.verdict) for outcome in self.outcomes)
        counts.update(("in total", outcome.verdict) for outcome in self.outcomes)
        line(f"{'':16}" + "".join(f"{verdict:>16}" for verdict in PROGRESS))
        for mutation in dict.fromkeys(mutation for mutation, _ in counts):
            line(f"{mutation:16}" + "".join(f"{counts[mutation, verdict]:16}" for verdict in PROGRESS))
        by_verdict = {verdict: [o for o in self.outcomes if o.verdict == verdict] for verdict in PROGRESS}
        for outcome in by_verdict["without effect"]:
            line(f"without effect: {outcome.mutant}")
        for outcome in by_verdict["killed"] if terminalreporter.verbosity > 0 else ():
            line(f"killed in {outcome.seconds:.2f} s: {outcome.mutant}, by {outcome.killer}")
        uncalled = [o.mutant for o in by_verdict["survived"] if not o.tests and o.mutant.mutation == "scaled"]
        if uncalled:
            names = dict.fromkeys(f"{mutant.name} ({mutant.argument})" for mutant in uncalled)
            line(f"survived, as no test calls the rule: {', '.join(names)}")
        for outcome in by_verdict["survived"]:
            if outcome.tests:
                number = f"{outcome.tests} test{'s' * (outcome.tests > 1)}"
                line(f"survived: {outcome.mutant} (the gradient differs in {number})")
        killed, survived = len(by_verdict["killed"]), len(by_verdict["survived"])
        share = f"{100 * killed / (killed + survived):.1f} %" if killed + survived else "nothing to kill"
        line(f"score: {share}, {killed} of {killed + survived} mutants killed in {self.took:.1f} s")


@contextmanager
def _quiet(config: pytest.Config) -> Iterator[None]:
    """Keep tracebacks that nobody reads short, and forget the warnings of what is run meanwhile."""
    style, config.option.tbstyle = config.option.tbstyle, "line"
    stats = getattr(config.pluginmanager.get_plugin("terminalreporter"), "stats", {})
    warnings = list(stats.get("warnings", []))
    try:
        yield
    finally:
        config.option.tbstyle = style
        if "warnings" in stats:
            stats["warnings"][:] = warnings


@contextmanager
def _without_shrinking(items: list[pytest.Item]) -> Iterator[None]:
    """Have Hypothesis, if the tests use it, stop at the first failing example, and fail for no other reason.

    It fixes the settings of a test when the test is defined; those of tests within tests are the profile's.
    """
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is None:
        yield
        return
    settings, phase = hypothesis.settings, hypothesis.Phase

    def quick(parent: Any) -> Any:
        return settings(
            parent,
            phases=[p for p in parent.phases if p in (phase.explicit, phase.generate)],
            report_multiple_bugs=False,
            database=None,
            deadline=None,
            print_blob=False,
            suppress_health_check=list(hypothesis.HealthCheck),
        )

    name, kept = "_hypothesis_internal_use_settings", {}
    for item in items:
        function = getattr(item.obj, "__func__", item.obj) if hasattr(item, "obj") else None
        if hasattr(function, name):
            kept[function] = getattr(function, name)
    default = settings()
    try:
        for function, own in kept.items():
            setattr(function, name, quick(own))
        settings.register_profile("mutants", quick(default))
        settings.load_profile("mutants")
        yield
    finally:
        for function, own in kept.items():
            setattr(function, name, own)
        settings.register_profile("before mutants", default)
        settings.load_profile("before mutants")


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise ``Overtime`` in here after so many seconds, where the system has alarms and this is the main thread."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise Overtime(f"no end after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # and again, should somebody have caught it
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
