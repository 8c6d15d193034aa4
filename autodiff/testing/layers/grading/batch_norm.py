"""What the exercises say of a batch norm beside its gradient: biased variance, eps, running statistics, evaluation."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..making import constructor
from ..places import arrays_in, put
from ..subjects import parameter_names
from .card import Findings
from .trial import Trial, check_use, last_name

EPS, ALPHA = 1e-8, 0.9
"""The constants of the exercises, unless the layer has attributes that say otherwise."""

LARGEST_EPS = 1e-3
"""A larger eps is no choice, but a mistake."""

TINY = 3e-4
"""The deviation of inputs that show eps: its square is near EPS."""

EVALUATE: tuple[tuple[str, Any], ...] = (
    ("eval", True),
    ("evaluate", True),
    ("training", False),
    ("train", False),
    ("is_train", False),
    ("is_training", False),
    ("mode", "test"),
)
"""How forward is asked for evaluation, by the name of its argument."""

SCALES, SHIFTS = ("gamma", "BW", "weight", "W"), ("beta", "Bb", "bias", "b")
MEANS = re.compile(r"(running|moving)_?(m|mu|mean|avg)", re.IGNORECASE)
VARIANCES = re.compile(r"(running|moving)_?(v|var|variance|sigma2)", re.IGNORECASE)


def check_batch_norm(trial: Trial, findings: Findings) -> None:
    """Compare value, eps, running statistics and evaluation of a batch norm with their definitions."""
    (x,), parameters = trial.inputs, trial.parameters
    gamma = next((parameters[name].ravel() for name in SCALES if name in parameters), np.ones(x.shape[-1]))
    beta = next((parameters[name].ravel() for name in SHIFTS if name in parameters), np.zeros(x.shape[-1]))
    if x.ndim != 2 or trial.value.shape != x.shape:
        findings.unchecked.append("it takes and gives no arrays of the shape (N, C)")
        return
    if strange := [name for name in parameters if name not in SCALES + SHIFTS]:
        findings.unchecked.append(f"it has the parameters {', '.join(strange)} besides {SCALES[0]} and {SHIFTS[0]}")
        return
    check_use(trial, SCALES, "scale", findings)
    check_use(trial, SHIFTS, "shift", findings)
    after, _ = _forward(trial.layer, [x])
    names = [last_name(path) for path, _ in arrays_in(after)]
    named = [*filter(None, (next(filter(pattern.fullmatch, names), None) for pattern in (MEANS, VARIANCES)))]
    states = [[_statistics(layer, name) for name in named] for layer in (trial.layer, after) if len(named) == 2]
    wrong = [(line, "") for line in _values(trial, gamma, beta, states, findings)]
    findings.wrong[:0] = wrong
    findings.right += [] if wrong else ["values"]
    if len(named) < 2:
        findings.unchecked.append("running statistics: no arrays such as running_mean and running_var are found")
        return
    mean, variance = named
    _check_running(trial, mean, variance, findings)
    _check_evaluation(trial, mean, variance, (gamma, beta), findings)


def normalised(x: np.ndarray, eps: float, ddof: int = 0) -> np.ndarray:
    """(x - mean) / sqrt(variance + eps) by column."""
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0, ddof=ddof) + eps)


def _eps(layer: Any) -> float:
    return next((float(getattr(layer, name)) for name in ("eps", "epsilon") if hasattr(layer, name)), EPS)


def _values(
    trial: Trial, gamma: np.ndarray, beta: np.ndarray, running: list[list[np.ndarray]], findings: Findings
) -> Iterator[str]:
    """What is wrong with the values of training: at deviations near 1, and at tiny ones, where eps shows.

    ``running`` are the mean and variance that it keeps, before and after.
    """
    (x,), eps = trial.inputs, _eps(trial.layer)
    if not 0 < eps <= LARGEST_EPS:
        yield f"eps is {eps:g}; the exercises want {EPS:g}"
    elif eps != EPS:
        findings.notes.append(f"eps is {eps:g}, in the exercises {EPS:g}")
    n = len(x)
    if np.allclose(trial.value, gamma * normalised(x, eps, ddof=1) + beta, rtol=1e-6, atol=1e-6):
        yield f"the value of forward has the unbiased variance (N-1 = {n - 1}); the biased one is asked for (N = {n})"
        return
    for mean, variance in running:
        by_running = gamma * (x - mean) / np.sqrt(variance + eps) + beta
        if np.allclose(trial.value, by_running, rtol=1e-4, atol=1e-4):
            yield "training normalises by the running statistics, not by those of the batch"
            return
    if not np.allclose(trial.value, gamma * normalised(x, eps) + beta, rtol=1e-4, atol=1e-4):
        yield "the value of forward is not gamma * (x - mean) / sqrt(variance + eps) + beta"
        return
    tiny = TINY * x
    name = trial.subject.names[0]
    (found,) = trial.subject.values({**trial.subject.arguments, name: tiny})
    if not np.allclose(found, gamma * normalised(tiny, eps) + beta, rtol=1e-5, atol=1e-5):
        ratios = (gamma * (tiny - tiny.mean(axis=0)) / (found - beta)) ** 2 - tiny.var(axis=0)
        seen = f"; it looks like {np.median(ratios):.3g}" if ratios.std() < 1e-3 * abs(ratios.mean()) else ""
        yield f"the value of forward does not have eps = {eps:g} inside the root, beside the variance{seen}"


def _forward(layer: Any, batches: list[np.ndarray], **options: Any) -> tuple[Any, np.ndarray]:
    """A copy of the layer that has gone forward with these batches, and its last value."""
    layer = copy.deepcopy(layer)
    value = np.zeros(())
    for batch in batches:
        value = getattr(layer, "forward", layer)(batch.copy(), **options)
    return layer, np.asarray(value)


def _statistics(layer: Any, name: str) -> np.ndarray:
    return next(array for path, array in arrays_in(layer) if last_name(path) == name).ravel()


def _decay(layer: Any) -> tuple[str, float]:
    """What the layer calls the factor of the running statistics, and its value."""
    for name in ("alpha", "momentum", "decay"):
        if isinstance(getattr(layer, name, None), (int, float)):
            return name, float(getattr(layer, name))
    for name, parameter in constructor(type(layer)).items():
        if name in ("alpha", "momentum", "decay") and isinstance(parameter.default, (int, float)):
            return name, float(parameter.default)
    return "alpha", ALPHA


Rule = Callable[[float, np.ndarray, np.ndarray], np.ndarray]

RULES: tuple[tuple[str | None, Rule], ...] = (
    (None, lambda a, old, new: a * old + (1 - a) * new),
    ("has {0} and 1 - {0} the wrong way around", lambda a, old, new: (1 - a) * old + a * new),
    ("adds the whole statistics of the batch", lambda a, old, new: a * old + new),
    ("is that of the last batch", lambda a, old, new: new),
    ("is never updated", lambda a, old, new: old),
)
"""Rules for running statistics, the first of them right; the others by the mistake."""


def _check_running(trial: Trial, mean: str, variance: str, findings: Findings) -> None:
    """Two batches, from the initial values on."""
    (x,), wrong = trial.inputs, []
    batches = [x, 2 * x[::-1] + 1]
    layer, _ = _forward(trial.layer, batches)
    name, factor = _decay(layer)
    of_batch = name == "momentum" and factor < 0.5  # the share of the batch, as PyTorch means it
    past, usual = (1 - factor, 1 - ALPHA) if of_batch else (factor, ALPHA)
    if not 0 < factor < 1:
        wrong.append((f"{name} is {factor:g}; the exercises want {usual:g}", ""))
    elif not np.isclose(factor, usual):
        findings.notes.append(f"{name} is {factor:g}, in the exercises {usual:g}")
    for statistics, start, moments in (
        (mean, 0.0, {"": [batch.mean(axis=0) for batch in batches]}),
        (
            variance,
            1.0,
            {
                "": [batch.var(axis=0) for batch in batches],
                "has the unbiased variance (N-1); the biased one is asked for": [
                    batch.var(axis=0, ddof=1) for batch in batches
                ],
            },
        ),
    ):
        found = _statistics(layer, statistics)
        phrases = []
        for mistake, of_batches in moments.items():
            for phrase, rule in RULES:
                running = np.full(x.shape[1], start)
                for moment in of_batches:
                    running = rule(past, running, moment)
                if found.shape == running.shape and np.allclose(found, running, rtol=1e-6):
                    phrases.append(" and ".join(filter(None, [mistake, (phrase or "").format(name)])))
        if "" not in phrases:
            shares = f"(1 - {name}) * old + {name}" if of_batch else f"{name} * old + (1 - {name})"
            rule_text = f"is not {shares} * batch from {start:g} on, with {name} = {factor:g}"
            wrong.append((f"{statistics} {phrases[0] if phrases else rule_text}", ""))
    findings.wrong += wrong
    findings.right += [] if wrong else ["running statistics"]


def _check_evaluation(
    trial: Trial, mean: str, variance: str, affine: tuple[np.ndarray, np.ndarray], findings: Findings
) -> None:
    """Evaluation normalises by the running statistics, and leaves them alone."""
    (x,), (gamma, beta) = trial.inputs, affine
    layer = copy.deepcopy(trial.subject.layer)
    for name, (path, _) in trial.subject.places.items():
        put(layer, path, trial.subject.arguments[name].copy())
    layer, _ = _forward(layer, [x])
    names = parameter_names(layer.forward if hasattr(layer, "forward") else layer, 9)
    options = dict([(name, value) for name, value in EVALUATE if name in names][:1])
    if not options and callable(getattr(layer, "eval", None)):
        layer.eval()
    elif not options:
        findings.unchecked.append("evaluation: forward has no argument such as eval, and the layer no method eval")
        return
    for path, array in arrays_in(layer):
        if last_name(path) == variance:  # so small that eps shows
            put(layer, path, np.linspace(1.0, 2.0, array.size).reshape(array.shape) * EPS)
    running = [_statistics(layer, statistics) for statistics in (mean, variance)]
    other = 2 * x[::-1] + 1
    after, value = _forward(layer, [other], **options)
    expected = gamma * (other - running[0]) / np.sqrt(running[1] + _eps(layer)) + beta
    if value.shape != x.shape or not np.allclose(value, expected, rtol=1e-6, atol=1e-6):
        own = gamma * normalised(other, _eps(layer)) + beta
        by_batch = value.shape == x.shape and np.allclose(value, own, rtol=1e-4, atol=1e-4)
        how = "by the batch's own statistics, not" if by_batch else "otherwise than with eps and"
        findings.wrong.append((f"evaluation normalises {how} by {mean} and {variance}", ""))
    elif not all(np.array_equal(_statistics(after, n), r) for n, r in zip((mean, variance), running, strict=True)):
        findings.wrong.append((f"evaluation changes {mean} or {variance}", ""))
    else:
        findings.right.append("evaluation")
