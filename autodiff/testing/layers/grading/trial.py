"""One layer with what it is given and how it is called: what the checks of a folder have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..check import Convention, LayerFailure, check_layer
from ..places import Path, get, put
from ..report import LayerReport, Row
from ..student import Student
from .card import Findings

AVERAGED = " 1/N = "
"""What the explanation of a gradient says that is a mean over the batch where a sum was expected, among others."""

NORMALISED = {"gamma", "beta", "BW", "Bb"}
"""The parameters of a batch norm, whose gradients are sums in every exercise."""

WEIGHTS, BIASES = ("w", "weight", "weights"), ("b", "bias", "biases")
"""What they are called, in small letters."""

FEW = 2
"""How many parameters a layer has; what has more is a model, whose backward need not return the input's gradient."""

ZERO = 1e-12
"""A gradient so small is rounding, and tells no mean from a sum: that of a bias before a batch norm."""

EXPECTED = "backward gives no gradient of"
"""How a note starts that there is about the labels of every loss."""

ADDED = "backward adds to"
"""How a note starts about gradients that are added up from call to call: of two batches they are wrong."""

HIDDEN = ("zero at this point", "no gradient found for")
"""How the notes of a check start where a mistake may have gone unnoticed."""


class Criticised:
    """A model whose backward takes labels and starts from its criterion, as a layer whose value is the loss."""

    def __init__(self, model: Any, criterion: Any, labels: np.ndarray) -> None:
        self.model = model
        self.loss = lambda output: np.sum(getattr(criterion, "forward", criterion)(output, labels))
        self.labels = lambda: labels

    def forward(self, x: Any) -> Any:
        return self.loss(getattr(self.model, "forward", self.model)(x))

    def backward(self) -> Any:
        return self.model.backward(self.labels())


@dataclass
class Trial:
    """A layer, the inputs for it, and ``backward`` as ``check_layer`` takes it."""

    layer: Any
    inputs: list[Any]
    argnum: int | None = None
    backward: Callable | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self.subject = Student(
            self.layer,
            self.inputs,
            forward=None,
            backward=self.backward,
            parameters=None,
            argnums=None if self.argnum is None else (self.argnum,),
            options={},
            seed=self.seed,
        )
        self.flat = self._flat()
        if self.flat:
            self.backward = self._reshaping(self.subject)

    def _flat(self) -> list[str]:
        """The parameters of shape (1, C) whose gradients are of shape (C,), as the exercise of 2019 wants them."""
        subject = self.subject
        claims = subject.by_hand([np.ones(value.shape) for value in subject.values(subject.arguments)])
        shapes = {name: np.shape(claims[name]) for name in subject.parameters if claims.get(name) is not None}
        return [name for name, shape in shapes.items() if (1, *shape) == subject.arguments[name].shape]

    @staticmethod
    def _reshaping(subject: Student) -> Callable:
        """Backward as a function of everything, after which gradients have the shapes of their parameters."""
        places = [(gradient, subject.arguments[n].shape) for n, (_, gradient) in subject.places.items() if gradient]

        def backward(layer: Any, *given: Any) -> Any:
            scale = 1.0 if subject.takes_cotangent else given[-1]
            returned = subject.backward(layer, *given)
            for path, shape in places:
                gradient = np.asarray(get(layer, path))
                put(layer, path, scale * (gradient.reshape(shape) if gradient.shape == shape[1:] else gradient))
            return None if returned is None else scale * returned

        return backward

    @property
    def value(self) -> np.ndarray:
        """What forward returns, parameters drawn at random where they were all equal."""
        return self.subject.values(self.subject.arguments)[0]

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The parameters by their last name: W of ``layers[0].W``."""
        places = self.subject.places
        return {last_name(places[name][0]): self.subject.arguments[name] for name in self.subject.parameters}

    def check(self, averaged: list[str]) -> tuple[LayerReport, str]:
        """``check_layer`` with these parameters' gradients averaged, not summed: its report, and what it raised."""
        conventions: dict[str, Convention] = dict.fromkeys(averaged, "mean")
        try:
            report = check_layer(
                self.layer,
                *self.inputs,
                backward=self.backward,
                parameter_gradients=conventions or "sum",
                argnums=self.argnum,
                seed=self.seed,
            )
        except LayerFailure as failure:
            return failure.report, str(failure)
        return report, ""


def last_name(path: Path) -> str:
    """The last attribute or key of a path that is no index."""
    return next(str(key) for _, key in reversed(path) if isinstance(key, str) and key != "data")


def check_gradients(trial: Trial, insist: Convention | None, findings: Findings) -> None:
    """Compare the gradients of a trial, summed over the batch or averaged as insisted on, or as they turn out to be."""
    subject = trial.subject
    weights = [name for name in subject.parameters if last_name(subject.places[name][0]) not in NORMALISED]
    averaged = weights if insist == "mean" else []
    report, failure = trial.check(averaged)
    rows = {name: row for row in report.rows for name, label in subject.labels.items() if label == row.label}
    if insist is None:
        averaged = [n for n in rows if n in weights and AVERAGED in (rows[n].explanation or "")]
        if averaged:
            report, failure = trial.check(averaged)
    summed = [n for n in rows if n in subject.parameters and n not in averaged and _is_told(rows[n])]
    mixed = [[subject.labels[n] for n in weights if n in names] for names in (averaged, summed)]
    findings.unchecked += _hidden(trial, report)
    if failure and not report.wrong:
        findings.unchecked.append("; ".join(report.notes[:1]) or "too few comparisons were conclusive")
    elif failure:
        wrong = [f"{row.label} {row.explanation or 'is wrong'}" for row in report.rows if row.failed]
        details = [line for line in failure.splitlines()[1:] if not line.startswith(f"note: {EXPECTED}")]
        findings.wrong.append(("; ".join([*report.defects, *wrong]), "\n".join(details)))
    if all(mixed):
        what = f"{_and(mixed[0])} averaged over the batch, but {_and(mixed[1])} not"
        findings.wrong.append((f"{what}: a factor of 1/N is missing or too much", ""))
    elif not failure:
        how = {"averaged": averaged, "summed": summed}
        said = "; ".join(f"{_names(trial, names)} {what}" for what, names in how.items() if names)
        count = f"{len(report.rows)} gradient{'s' if len(report.rows) > 1 else ''}"
        findings.right.append(f"{count} ({said})" if said else count)
    findings.notes += [note for note in report.notes if note.startswith(ADDED)]
    findings.notes += _names_of_several_kinds(trial)
    if trial.flat:
        findings.notes.append(f"gradients of {_names(trial, trial.flat)} are 1-D, as in 2019")
    first = subject.names[trial.argnum or 0]
    if rows and first in subject.arguments and first not in rows:
        if isinstance(trial.layer, Criticised) or len(subject.parameters) > FEW:
            findings.notes.append(f"backward does not return the gradient of {first}")
        else:
            findings.wrong.append((f"backward does not return the gradient of {first}", ""))


def check_use(trial: Trial, names: Sequence[str], what: str, findings: Findings) -> None:
    """Whether forward makes use of an array of one of these names, if the layer has one."""
    if not any(name in trial.parameters for name in names):
        held = [name for name in names if isinstance(getattr(trial.layer, name, None), np.ndarray)]
        findings.wrong += [(f"forward does not use {name}", "") for name in held]
        findings.notes += [] if held else [f"it has no {what}"]


def _is_told(row: Row) -> bool:
    """Whether a gradient tells that it is a sum: it is neither wrong for unknown reasons, nor zero."""
    return bool(row.explanation) if row.failed else not row.largest < ZERO


def _hidden(trial: Trial, report: LayerReport) -> Iterator[str]:
    """Where a mistake may have gone unnoticed; but the gradient of a bias before a batch norm is 0 everywhere."""
    subject = trial.subject
    called = {name: last_name(subject.places[name][0]) for name in subject.parameters}
    known = {subject.labels[n] for n in called if called[n] in BIASES} if NORMALISED & {*called.values()} else set()
    zero = {row.label for row in report.rows if row.verdict == "right" and row.largest == 0}
    for note in report.notes:
        if note.startswith(HIDDEN[1]) or (note.startswith(HIDDEN[0]) and not zero <= known):
            yield note


def _names_of_several_kinds(trial: Trial) -> Iterator[str]:
    """A note if the gradients of weights are called dLdW and db: whoever looks for dLdb finds none."""
    kinds: dict[str, str] = {}
    for name in trial.subject.parameters:
        parameter, gradient = trial.subject.places[name]
        if gradient is not None and last_name(parameter) not in NORMALISED:
            called = last_name(gradient)
            kinds.setdefault(called.replace(last_name(parameter), ""), called)
    if len(kinds) > 1:
        yield f"gradients have names of several kinds: {', '.join(kinds.values())}"


def _and(labels: list[str]) -> str:
    return f"{' and '.join(labels)} {'are' if len(labels) > 1 else 'is'}"


def _names(trial: Trial, names: list[str]) -> str:
    """The last names of parameters, each once."""
    return ", ".join(dict.fromkeys(last_name(trial.subject.places[name][0]) for name in names))
