"""``check_layer``: does the gradient that somebody derived by hand agree with the tape's, and with differences?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from time import perf_counter
from typing import Any, Literal

import numpy as np

from ..differences.finite_difference import Derivative, Line, along, central, unit
from ..differences.verdict import CONVERGED, SAFETY, Verdict, compare
from ..report import announce
from .diagnosis import Context, explain
from .places import is_layer
from .report import LayerReport, Row
from .student import Student
from .subjects import Arrays, Recorded, Subject, UntapedError, reproducible

ROUNDING = 1e-9
"""How far two ways of computing one entry of a gradient may differ, relative to it."""

CANCELLATION = 1e-11
"""The same relative to the gradient's largest entry: a small entry may be the sum of terms that large."""

LAST_DIGITS = 4 * float(np.finfo(float).eps)
"""How far arguments are moved to see how well a gradient is determined at all."""

LARGE = 2000
"""No explanation is looked for where differences would have to be taken for more entries than this."""

AVERAGED = "if the exercise wants means over the batch, say parameter_gradients='mean' (--parameter-gradients mean)"

Convention = Literal["sum", "mean"]


class LayerFailure(AssertionError):
    """What ``check_layer`` raises; ``report`` has everything that it found."""

    def __init__(self, report: LayerReport) -> None:
        self.report = report
        what = "is wrong" if report.wrong else "could not be checked"
        super().__init__(f"check_layer: {report.what} {what}\n{report}")


def check_layer(
    layer: Any,
    *inputs: Any,
    forward: Callable | None = None,
    backward: Callable | None = None,
    parameters: Mapping[str, str] | None = None,
    parameter_gradients: Convention | Mapping[str, Convention] = "sum",
    argnums: int | Sequence[int] | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    entries: int = 200,
    min_conclusive: float = 0.5,
) -> LayerReport:
    """Compare three gradients of a layer, for its inputs and parameters: by hand, the tape's, and differences.

    >>> class Double:
    ...     def forward(self, x):
    ...         return 2 * x
    ...
    ...     def backward(self, dL_dy):
    ...         return 2 * dL_dy
    >>> [row.verdict for row in check_layer(Double(), np.array([0.5, 1.0])).rows]
    ['right']

    Args:
        layer: a ``derived`` function or a module of ``nn``; or any object with ``forward(x)`` and ``backward(dL_dy)``
            on plain arrays (a loss: ``forward(prediction, label)``, ``backward()``), also ``backward(x, dL_dy)`` or
            ``derivative()``; or a plain function of tensors, whose gradient on the tape is then checked.
        inputs: what forward takes. Floating-point arrays and numbers are differentiated where backward returns their
            gradient (it may return several, as a tuple or as a dict by name); computed with in float64.
        forward: if ``layer.forward(*inputs)`` is not the value to differentiate: ``forward(layer, *inputs)`` is.
        backward: if no common way to call it works: ``backward(layer, *inputs, dL_dy)`` gives what it returns.
        parameters: where the parameters and their gradients are: ``{"W": "dLdW", "layers[0].b": "layers[0].db"}``.
            Without it they are found by common names: W and dLdW, dJdW, dW, W_grad; weight and weight.grad; dicts
            ``parameters`` and ``gradients`` or ``grads``; lists of arrays; also in layers within the layer.
        parameter_gradients: "mean" if the exercise wants parameter gradients averaged over the first axis of the first
            input, not summed; or a dict by parameter for those that are.
        argnums: of which inputs ``backward`` returns the gradients; the first ones, if not given.
        options: keyword arguments of forward.
        seed: of the random cotangents, of parameters that are all equal (zeros would hide errors, so random values take
            their place), and of NumPy's global random numbers in every run of the layer.
        entries: how many entries of each argument are compared with differences; all are compared with the tape.
        min_conclusive: what share of the comparisons must be conclusive.

    Returns:
        A report; print it for the table.

    Raises:
        AssertionError: a gradient is wrong, missing, or has the wrong shape, or an array was changed in place; says
            which, shows the first wrong entry, and the simple relation that explains it, if there is one. Or too few
            comparisons were conclusive.
        TypeError: there is nothing to check, or no telling how; says what to pass.
        ValueError: forward gives other values each time.
    """
    start = perf_counter()
    subject: Subject
    if backward is not None or is_layer(layer):
        subject = Student(
            layer,
            inputs,
            forward=forward,
            backward=backward,
            parameters=parameters,
            argnums=(argnums,) if isinstance(argnums, int) else argnums,
            options=options or {},
            seed=seed,
        )
    elif callable(layer) and not isinstance(layer, type):
        subject = Recorded(layer, inputs, options or {}, seed)
    else:
        hint = "it needs forward(x) and backward(dL_dy), or pass backward=a function of (layer, *inputs, dL_dy)"
        if isinstance(layer, type):
            hint = f"make one first: check_layer({layer.__name__}(...), ...)"
        raise TypeError(f"check_layer: {layer!r} is not a layer or function; {hint}")
    check = _Check(subject, _scales(subject, parameter_gradients), np.random.default_rng(seed), entries)
    check.report.min_conclusive = min_conclusive
    with reproducible(seed):
        check.run()
    check.report.seconds = perf_counter() - start
    if check.report.failed:
        raise LayerFailure(check.report)
    announce(check.report)
    return check.report


def _scales(subject: Subject, conventions: Convention | Mapping[str, Convention]) -> dict[str, float]:
    """What the true gradient of each parameter is to be multiplied by: 1, or 1/N for a mean over the batch."""
    if isinstance(conventions, str):
        conventions = dict.fromkeys(subject.parameters, conventions)
    scales = {}
    for name, convention in conventions.items():
        if convention not in ("sum", "mean") or name not in subject.parameters:
            raise ValueError(
                f"check_layer: parameter_gradients is 'sum', 'mean', or a dict of these by parameter "
                f"({', '.join(subject.parameters) or 'there is none'}), not {name!r}: {convention!r}"
            )
        scales[name] = 1 / len(subject.inputs[0]) if convention == "mean" else 1.0
    return scales


class _Check:
    """One call of ``check_layer``: the three gradients for each cotangent, and the report."""

    def __init__(self, subject: Subject, scales: dict[str, float], rng: np.random.Generator, entries: int) -> None:
        self.subject, self.scales, self.rng, self.entries = subject, scales, rng, entries
        self.report = LayerReport(what=subject.name)
        self.tape_is_wrong: set[str] = set()
        self.hints: dict[str, None] = {}

    def run(self) -> None:
        """Compare all gradients, and explain those that are wrong."""
        subject, report = self.subject, self.report
        self.values = subject.values(subject.arguments)
        self._check_values()
        if not all(np.isfinite(value).all() for value in self.values):
            self.count(Verdict("inconclusive"))
            report.notes.append("the value is not finite")
            return
        self.cotangents = subject.cotangents(self.values, self.rng)
        self.tapes = self._by_tape()
        self.claims = [subject.by_hand(c) for c in self.cotangents] if subject.has_hand else self.tapes
        assert self.claims is not None
        compared = [name for name in subject.arguments if name in self.claims[0]]
        if not compared:
            raise TypeError(f"check_layer: backward of {subject.name} gives no gradient of anything")
        report.rows = [self._compare(name) for name in compared]
        rest = [name for name in subject.arguments if name not in compared]
        report.notes += [f"backward gives no gradient of {', '.join(rest)}: not checked"] if rest else []
        zero = [row.label for row in report.rows if row.verdict == "right" and row.largest == 0]
        if zero:
            report.notes.append(f"zero at this point, which hides errors: {', '.join(zero)}; try other inputs or seeds")
        report.notes += [*self.hints, *subject.notes]
        report.defects += list(subject.defects())

    def count(self, verdict: Verdict) -> None:
        """Enter a comparison into the report."""
        self.report.checked += 1
        self.report.conclusive += verdict.kind != "inconclusive"

    def _check_values(self) -> None:
        again = self.subject.values(self.subject.arguments)
        for a, b in zip(self.values, again, strict=True):
            if not np.array_equal(a, b, equal_nan=True):
                raise ValueError(
                    f"check_layer: forward of {self.subject.name} gives other values each time: let it draw its random "
                    "numbers from numpy.random, or from a generator that is an attribute of the layer"
                )

    def _by_tape(self) -> list[Arrays] | None:
        try:
            return self.tapes_at(self.subject.arguments)
        except UntapedError as error:
            self.report.notes.append(f"forward does not run on tensors, so there is no column for the tape: {error}")
            return None

    def tapes_at(self, arguments: Arrays) -> list[Arrays]:
        """The tape's gradients for each cotangent, in the convention for each argument."""
        tapes = [self.subject.by_tape(arguments, c) for c in self.cotangents]
        return [{name: g * self.scales.get(name, 1.0) for name, g in tape.items()} for tape in tapes]

    def _compare(self, name: str) -> Row:
        """The row of one argument's gradient."""
        assert self.claims is not None
        array, claims = self.subject.arguments[name], [claim[name] for claim in self.claims]
        row = Row(self.subject.labels[name], array.shape)
        if any(claim is None for claim in claims):
            row.verdict, row.explanation = "missing", "is missing: backward does not compute it"
            return row
        tapes = [tape[name] for tape in self.tapes] if self.tapes is not None and self.subject.has_hand else None
        if any(claim.shape != array.shape for claim in claims):
            row.verdict, row.found_shape = "WRONG", claims[0].shape
            row.explanation = self._explain(name)
            self.count(Verdict("wrong"))
            return row
        _Entries(self, name, claims, tapes).judge(row)
        if row.verdict == "WRONG":
            row.explanation = self._explain(name)
            if name in self.subject.parameters and (row.explanation or "").startswith("is off by a factor of 1/N"):
                self.hints[AVERAGED] = None
        return row

    def _explain(self, name: str) -> str | None:
        """The relation that explains a wrong gradient, if it does so for every cotangent."""
        assert self.claims is not None
        subject, phrases = self.subject, set()
        inputs = zip(subject.names, map(np.asarray, subject.fill(subject.arguments)), strict=True)
        arrays = {n: v for n, v in inputs if v.dtype.kind in "fiu"}
        for k, (claim, cotangents) in enumerate(zip(self.claims, self.cotangents, strict=True)):
            true = {n: g for n in subject.arguments if (g := self._true(n, k)) is not None}
            if name not in true:
                return None
            context = Context(
                name=name,
                value=subject.arguments[name],
                cotangent=cotangents[0],
                output=self.values[0],
                inputs=arrays,
                parameters={n: subject.arguments[n] for n in subject.parameters},
                others={n: g for n, g in true.items() if n != name},
            )
            phrases.add(explain(claim[name], true[name], context))
        return phrases.pop() if len(phrases) == 1 else None

    def _true(self, name: str, k: int) -> np.ndarray | None:
        """The right gradient of an argument: the tape's, or all of it by differences; None if that takes long."""
        if self.tapes is not None and self.subject.has_hand and name not in self.tape_is_wrong:
            return self.tapes[k][name]
        array, weights = self.subject.arguments[name], self.weights(name, k)
        if array.size > LARGE:
            return None
        found = [central(self.line(name, unit(array.shape, i)), weights).value for i in np.ndindex(array.shape)]
        return np.array(found).reshape(array.shape)

    def weights(self, name: str, k: int) -> list[np.ndarray]:
        """The cotangents that a gradient of the k-th kind belongs to, in the convention for this argument."""
        return [c * self.scales.get(name, 1.0) for c in self.cotangents[k]]

    def line(self, name: str, direction: np.ndarray) -> Line:
        """The layer's outputs as one argument moves; NaN where it refuses to run. Every point is computed once."""

        def at(x: np.ndarray) -> Sequence[np.ndarray]:
            try:
                return self.subject.values({**self.subject.arguments, name: x})
            except Exception:  # a layer may check its domain
                return [np.full(value.shape, np.nan) for value in self.values]

        line = along(at, self.subject.arguments[name], direction)
        return line._replace(at=cache(line.at))


class _Entries:
    """The comparison of one gradient entry by entry, for each cotangent."""

    def __init__(self, check: _Check, name: str, claims: list[np.ndarray], tapes: list[np.ndarray] | None) -> None:
        self.check, self.name = check, name
        self.claims = np.stack(claims)
        self.tapes = None if tapes is None else np.stack(tapes)
        shape = self.claims.shape
        self.shape = shape[1:]
        self.differences, self.errors = np.full(shape, np.nan), np.full(shape, np.nan)
        self.compared, self.wrong, self.unsure, self.kink = (np.zeros(shape, dtype=bool) for _ in range(4))
        self.disagree = self._disagreement()
        self.notes: list[str] = []

    def _disagreement(self) -> np.ndarray:
        """Where hand and tape differ by more than rounding."""
        if self.tapes is None:
            return np.zeros(self.claims.shape, dtype=bool)
        largest = np.abs(self.tapes).max(initial=0)
        distance = np.abs(self.claims - self.tapes)
        differ = ~(distance <= ROUNDING * np.abs(self.tapes) + CANCELLATION * largest)  # so too if it is NaN
        return differ & ~(distance <= SAFETY * self._noise(self.tapes)) if differ.any() else differ

    def _noise(self, tapes: np.ndarray) -> np.ndarray:
        """How much each entry of the tape's gradients changes with the last digits of the arguments.

        At least as much as half of the entries do, as a few draws may flatter; not as the most: at a kink one jumps.
        """
        arguments, rng = self.check.subject.arguments, np.random.default_rng(0)
        found = []
        for _ in range(8):
            near = {n: a * (1 + LAST_DIGITS * rng.uniform(-1, 1, a.shape)) for n, a in arguments.items()}
            found.append(np.stack([tape[self.name] for tape in self.check.tapes_at(near)]))
        changes = np.abs(np.stack(found) - tapes).max(axis=0)
        return np.maximum(changes, np.median(changes))

    def judge(self, row: Row) -> None:
        """Compare, and enter the result into a row of the report."""
        for index in self._chosen():
            self._judge_entry(index)
        if self.compared.size and not self.wrong.any() and not self.compared.all():
            self._judge_directions()
        if self.compared.any():
            self._fill(row)
        self.check.report.notes += [f"{row.label}: {note}" for note in dict.fromkeys(self.notes)]

    def _chosen(self) -> list[tuple[int, ...]]:
        """The entries to compare with differences: all, or a random subset and where hand and tape disagree."""
        places = np.arange(self.claims[0].size)
        if len(places) > self.check.entries:
            some = self.check.rng.choice(places, self.check.entries, replace=False)
            places = np.union1d(some, np.flatnonzero(self.disagree.any(axis=0))[: self.check.entries])
        return [tuple(int(i) for i in np.unravel_index(place, self.shape)) for place in places]

    def _judge_entry(self, index: tuple[int, ...]) -> None:
        line = self.check.line(self.name, unit(self.shape, index))
        for k, claim in enumerate(self.claims):
            place, weights = (k, *index), self.check.weights(self.name, k)
            found = central(line, weights)
            verdict = compare(line, weights, float(claim[index]), float(abs(claim[index])), True)
            if self.disagree[place]:
                verdict = self._settle(line, weights, place, verdict, found)
            self.compared[place], self.kink[place] = True, verdict.kink
            self.differences[place], self.errors[place] = found.value, found.error
            self.wrong[place], self.unsure[place] = verdict.kind == "wrong", verdict.kind == "inconclusive"
            self.check.count(verdict)

    def _settle(
        self, line: Line, weights: list[np.ndarray], place: tuple[int, ...], verdict: Verdict, found: Derivative
    ) -> Verdict:
        """The verdict on an entry that the tape says otherwise about, given what differences found.

        Where differences are not exact enough to condemn either, but know no kink and bear the tape out, it is right.
        """
        assert self.tapes is not None
        tape = float(self.tapes[place])
        on_tape = compare(line, weights, tape, abs(tape), True)
        if on_tape.kind == "wrong":
            self.check.tape_is_wrong.add(self.name)
        elif verdict.kind != "wrong" and (verdict.kink or on_tape.kink):
            self.notes.append("hand and tape differ at a kink, both within the one-sided derivatives")
        elif abs(tape - found.value) <= SAFETY * found.error <= CONVERGED * found.size:
            return Verdict("wrong")
        return verdict

    def _judge_directions(self) -> None:
        """Two random directions, which no entry escapes; if one is wrong, the entry is looked for."""
        for _ in range(2):
            direction = self.check.rng.choice([-1.0, 1.0], self.shape)
            line = self.check.line(self.name, direction)
            for k, claim in enumerate(self.claims):
                terms = claim * direction
                weights = self.check.weights(self.name, k)
                verdict = compare(line, weights, float(terms.sum()), float(np.abs(terms).sum()), False)
                self.check.count(verdict)
                if verdict.kind == "wrong":
                    for index in np.ndindex(self.shape):
                        self._judge_entry(index)
                    return

    def _fill(self, row: Row) -> None:
        """Enter the verdict, and the first wrong entry or else that with the largest error."""
        trusted = self.tapes is not None and self.name not in self.check.tape_is_wrong
        references = self.tapes if trusted and self.tapes is not None else self.differences
        deviations = np.abs(self.claims - references)
        deviations[self.kink & ~self.wrong] = 0  # a matter of convention
        deviations[np.isnan(deviations)] = np.where(np.isnan(references), 0, np.inf)[np.isnan(deviations)]
        if self.wrong.any():
            row.verdict = "WRONG"
            place = np.argwhere(self.wrong)[0]
            row.wrong = int(np.count_nonzero((self.wrong | (self.disagree & trusted)).any(axis=0)))
        else:
            unsure = np.argwhere(self.unsure)
            row.verdict = "unsure" if 2 * len(unsure) > np.count_nonzero(self.compared) else "right"
            place = np.argwhere(self.compared)[np.argmax(deviations[self.compared])]
            if len(unsure):
                self.notes.append(
                    f"differences cannot tell in {len(unsure)} comparisons, e.g. at {unsure[0][1:].tolist()}"
                )
        if self.name in self.check.tape_is_wrong:
            problem = "by differences, the tape is wrong here"
            if self.check.subject.tape_must_be_right:
                self.check.report.defects.append(f"{row.label}: {problem}")
            else:
                self.notes.append(problem)
        row.largest = float(np.max(np.abs(references), where=~np.isnan(references), initial=0))
        row.error = float(deviations.max()) / (row.largest or 1.0)
        at = tuple(int(i) for i in place)
        row.index, row.kink = at[1:], bool(self.kink[at])
        if not self.check.subject.has_hand:
            row.tape = float(self.claims[at])
        else:
            row.by_hand, row.tape = float(self.claims[at]), None if self.tapes is None else float(self.tapes[at])
        if not row.kink and not np.isnan(self.differences[at]):
            row.differences, row.uncertainty = float(self.differences[at]), float(self.errors[at])
