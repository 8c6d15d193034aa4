"""``check_primitive``: every property of ``properties.py``, at calls found from the registry entry of a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...primitive import Primitive
from ..report import GradientReport, announce, watchers
from .call import Call, Recorded
from .calls import call_with
from .calls import calls as calls_of
from .properties import PROPERTIES, first_order, form, second_order
from .search import described, fixed_rule

default_examples: int | None = None
"""How many calls are drawn if it is not said; None: as many as Hypothesis's current profile says."""

SEEDS = 2
"""With how many cotangents a single call is checked."""

LOOKS = 50
"""How many more calls are drawn if at none of those checked some argument mattered."""

NOTES = 20
"""How many notes a report keeps."""


def check_primitive(
    function: Callable,
    *args: Any,
    calls: SearchStrategy | None = None,
    examples: int | None = None,
    seed: int | None = 0,
    properties: Sequence[str] | None = None,
    min_conclusive: float = 0.5,
) -> GradientReport:
    """Check the value and the gradients of a registered function, at calls found from its registry entry alone.

    Each call is checked for every property in ``properties.PROPERTIES``: value, gradient, zero and linear cotangents,
    shape and dtype, memory layouts, no mutation, no aliasing, repeated arguments, second order, float32 against
    float64, structural zeros and more. Further, each argument must matter at some call: where its gradient is zero, a
    wrong factor in its rule could not be seen.

    >>> import numpy as np
    >>> check_primitive(np.hypot, examples=5).share > 0.9
    True

    Args:
        function: what ``defvjp`` was given or returned, or a NumPy or SciPy function that records.
        args: checks this one call instead, with these arrays; what is not floating-point stays as it is.
        calls: draws the calls to check instead: pairs of a function of arrays and a list of the arrays.
        examples: how many calls to draw; by default as many as Hypothesis's current profile says.
        seed: of the draws; None leaves them to Hypothesis's profile.
        properties: the names of those to check, if not all.
        min_conclusive: what share of the comparisons with differences must be conclusive.

    Returns:
        A report with the share of comparisons that were conclusive.

    Raises:
        AssertionError: a property does not hold. Says which, for which argument, with the simplest call that shows it.
            Or no property is broken, but nothing could tell: too few conclusive comparisons, or an argument that never
            matters.
        TypeError: the function is not registered, or no call of it was found.
        ValueError: there is no such property.
    """
    start = perf_counter()
    unknown = sorted(set(properties or ()) - set(PROPERTIES))
    if unknown:
        known = ", ".join(PROPERTIES)
        raise ValueError(f"check_primitive: no property is called {', '.join(unknown)}; there are {known}")
    entry = described(function)
    checks = [check for name, check in PROPERTIES.items() if properties is None or name in properties]
    report = GradientReport(entry.name)
    found = _Found(entry.primitive, report)
    if args:
        call = call_with(entry, args)
        for k in range(SEEDS):
            if not found.holds(call._replace(seed=(seed or 0) + k), checks):
                found.fail()
    else:
        strategy = calls_of(function) if calls is None else calls
        _draw(found, checks, strategy, examples or default_examples or settings().max_examples, seed)
        if found.vacuous():
            _draw(found, [form], strategy, LOOKS, seed)
    vacuous = found.vacuous()
    if vacuous and not args:
        raise AssertionError(
            f"check_primitive: {entry.name}: the gradient of {', '.join(vacuous)} is 0 at all calls, where a wrong "
            "factor could not be seen; pass calls=, a strategy of calls where each argument matters"
        )
    report.notes += [f"the gradient of {name} is 0, where a wrong factor could not be seen" for name in vacuous]
    del report.notes[NOTES:]
    report.seconds = perf_counter() - start
    if report.share < min_conclusive:
        raise AssertionError(
            f"check_primitive: {entry.name}: only {report.conclusive} of {report.checked} comparisons with differences "
            f"were conclusive; pass calls= elsewhere, or a lower min_conclusive than {min_conclusive}:\n  "
            + "\n  ".join(report.notes)
        )
    return announce(report)


class _Found:
    """What is learnt from one call after another: the first property that broke, and which arguments matter."""

    def __init__(self, primitive: Primitive | None, report: GradientReport) -> None:
        self.primitive, self.report = primitive, report
        self.broken: Callable | None = None
        self.error: AssertionError | None = None
        self.matters: dict[str, bool] = {}

    def holds(self, call: Call, checks: Sequence[Callable[[Call], None]]) -> bool:
        """Whether the properties hold at a call; once one broke, it alone, while Hypothesis simplifies the call.

        The second order, which includes the first and is as dear as all the rest, has its turn at every other call.
        """
        if self.broken is not None:
            checks = [self.broken]
        elif first_order in checks and second_order in checks:
            left_out = first_order if call.seed % 2 == 0 else second_order
            checks = [check for check in checks if check is not left_out]
        if not all(self._holds(check, call) for check in checks):
            return False
        if self.broken is None:
            self._look(call)
        return True

    def _holds(self, check: Callable[[Call], None], call: Call) -> bool:
        """Check a property, and enter the comparisons with differences, if it is about them, into the report."""
        compares = check in (first_order, second_order)
        try:
            with _counted_in(self.report if compares else GradientReport()):
                check(call)
        except AssertionError as error:
            if check is not second_order or self.broken or self._holds(first_order, call):
                self.broken, self.error = check, error
            return False
        return True

    def fail(self) -> None:
        """Raise the error of the last call."""
        assert self.error is not None
        raise AssertionError(f"check_primitive: {self.error}") from self.error.__cause__

    def _look(self, call: Call) -> None:
        """See which arguments matter: have a gradient, or a rule that always gives zero, with no factor in it."""
        with np.errstate(all="ignore"):
            at = Recorded(call)
            cotangents = at.cotangents(call.seed)
            for i, g in enumerate(at.pull(cotangents)):
                name, rule = call.label(i), fixed_rule(self.primitive, i)
                zero = rule is not None and not np.any(rule(cotangents[0]))
                self.matters[name] = self.matters.get(name, False) or zero or bool(np.any(g))

    def vacuous(self) -> list[str]:
        """The arguments that never mattered."""
        return [name for name, seen in self.matters.items() if not seen]


def _draw(
    found: _Found,
    checks: Sequence[Callable[[Call], None]],
    strategy: SearchStrategy,
    examples: int,
    seed: int | None,
) -> None:
    """Check the properties at calls that Hypothesis draws; the error is that of the simplest call found."""

    def every_property_holds(call: Sequence, number: int) -> None:
        if not found.holds(Call(*call)._replace(seed=number), checks):
            raise _Broken  # always from this line: to Hypothesis it is one failure

    test = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[phase for phase in (Phase.generate, Phase.shrink) if phase in settings().phases],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )(given(strategy, st.integers(0, 99))(every_property_holds))
    with suppress(_Broken):
        (test if seed is None else seeded(seed)(test))()
        return
    found.fail()


class _Broken(AssertionError):
    """A property does not hold at the call that Hypothesis tries."""


@contextmanager
def _counted_in(total: GradientReport) -> Iterator[None]:
    """Enter the reports of the checks made within into one, and tell nobody else."""

    def enter(report: GradientReport) -> None:
        total.checked += report.checked
        total.conclusive += report.conclusive
        total.notes += report.notes[: NOTES - len(total.notes)]

    others = watchers[:]
    watchers[:] = [enter]
    try:
        yield
    finally:
        watchers[:] = others
