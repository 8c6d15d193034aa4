"""Does an optimiser, or a model with a step of its own, update by the formula of SGD with momentum?"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..making import constructor
from ..places import get
from ..subjects import parameter_names
from .card import Findings
from .trial import NORMALISED, Trial, last_name

Step = Callable[[np.ndarray, np.ndarray, np.ndarray, float, float], tuple[np.ndarray, np.ndarray]]
"""(w, v, g, lr, mu) -> (w, v): parameter and velocity after a step."""


def _along(w: np.ndarray, v: np.ndarray, lr: float) -> tuple[np.ndarray, np.ndarray]:
    return w - lr * v, v


RULES: tuple[tuple[str | None, Step], ...] = (
    (None, lambda w, v, g, lr, mu: _along(w, mu * v + g, lr)),
    ("ignores the momentum", lambda w, v, g, lr, mu: (w - lr * g, v)),
    ("goes up the gradient", lambda w, v, g, lr, mu: _along(w, mu * v + g, -lr)),
    ("ignores the learning rate", lambda w, v, g, lr, mu: _along(w, mu * v + g, 1.0)),
    ("weights the gradient by 1 - momentum", lambda w, v, g, lr, mu: _along(w, mu * v + (1 - mu) * g, lr)),
    (
        "looks ahead, as Nesterov's momentum does",
        lambda w, v, g, lr, mu: (w - lr * (g + mu * (mu * v + g)), mu * v + g),
    ),
    ("applies the learning rate twice", lambda w, v, g, lr, mu: _along(w, mu * v + lr * g, lr)),
    ("changes nothing", lambda w, v, g, lr, mu: (w, v)),
)
"""Rules for a step, the first of them right (v = mu v + g; w = w - lr v); the others by the mistake."""

LR, MOMENTUM, STEPS = 0.3, 0.9, 3

FAR = 100.0
"""Where parameters start that an update may return or the difference to them."""


class UnknownUse(Exception):
    """There is no telling how an optimiser is used; says what was looked for."""


def mistake(points: Sequence[np.ndarray], gradients: Sequence[np.ndarray], lr: float, mu: float) -> str | None:
    """What is wrong with the steps from point to point along gradients; None if nothing is.

    >>> w, g = [np.array([1.0]), np.array([0.91])], [np.array([0.1])]
    >>> print(mistake(w, g, lr=0.9, mu=0.0), mistake(w[::-1], g, lr=0.9, mu=0.0), sep=", ")
    None, goes up the gradient
    """
    for phrase, step in RULES:
        w, v, agrees = points[0], np.zeros_like(points[0]), True
        for g, found in zip(gradients, points[1:], strict=True):
            w, v = step(w, v, g, lr, mu)
            agrees = agrees and w.shape == np.shape(found) and np.allclose(w, found, rtol=1e-9, atol=1e-12)
        if agrees:
            return phrase
    return "is not v = momentum * v + gradient, W = W - lr * v"


def looks_like_optimiser(cls: type) -> bool:
    """Whether it has a step or an update, no forward, and takes a learning rate."""
    steps = any(callable(getattr(cls, name, None)) for name in ("step", "update"))
    return steps and not hasattr(cls, "forward") and any(name in ("lr", "learning_rate") for name in constructor(cls))


def looks_like_sgd(name: str) -> bool:
    """Whether the name of a class says so."""
    return "sgd" in name.lower()


def check_optimiser(cls: type, findings: Findings, linear: Callable[[], Any], activation: Callable[[], Any]) -> None:
    """Compare steps with and without momentum with the formula; what makes the layers of a model is given."""
    if not looks_like_sgd(cls.__name__):
        findings.unchecked.append("there is a formula for SGD only")
        return
    arguments = constructor(cls)
    lr, momentum = (_named(arguments, names) for names in (("lr", "learning_rate"), ("momentum", "mu")))
    use = _use(cls, arguments)
    if not momentum:
        findings.notes.append("it takes no momentum")
    for mu in (0.0, MOMENTUM) if momentum else (0.0,):
        which = f"momentum {mu:g}" if mu else "no momentum"
        model = Model(linear, activation)
        try:
            paths = use({lr: LR, momentum: mu} if momentum else {lr: LR}, model)
        except AttributeError as error:
            line = f"it does not pass over layers without parameters: they have no {error.name}"
            if any(error.obj is layer for layer in model.layers[1::2]):
                findings.wrong.append((line, ""))
                return
            if error.obj is model or any(error.obj is layer for layer in model.layers):
                what = "model" if error.obj is model else "layers of the model"
                raise UnknownUse(f"it asks the {what} for {error.name}, not for layers, W, b, dLdW, dLdb") from None
            raise
        wrong = [(name, phrase) for name, path in paths if (phrase := mistake(*path, LR, mu))]
        if wrong:
            name, phrase = wrong[0]
            where = "" if len(wrong) == len(paths) else f" for {name}"
            findings.wrong.append((f"with {which} it {phrase}{where}", ""))
        else:
            findings.right.append(f"{STEPS} steps with {which}")


Paths = list[tuple[str, tuple[list[np.ndarray], list[np.ndarray]]]]
"""By the names of parameters: the points of each from step to step, and the gradients there."""


def _named(arguments: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((name for name in names if name in arguments), "")


def _use(cls: type, arguments: Mapping[str, Any]) -> Callable[[dict, Model], Paths]:
    """How to make three steps: a function of the hyper-parameters and a model to the points and gradients."""
    argument = _named(arguments, ("model", "net", "network", "layers"))
    update = getattr(cls, "update", None)
    if argument and callable(getattr(cls, "step", None)):
        return lambda options, model: _of_model(lambda given: cls(**{argument: given}, **options), argument, model)
    if update is not None and "name" in parameter_names(update, 2)[1]:
        return lambda options, model: _of_updates(cls(**options))
    raise UnknownUse("its constructor takes no model, and it has no update(param_name, param, param_grad)")


class Linear:
    """A layer with W and b, for optimisers in folders without one."""

    def __init__(self) -> None:
        self.W, self.b = np.zeros((3, 2)), np.zeros((3, 1))


class Activation:
    """A layer without parameters, which is to be passed over."""


class Model:
    """A model as far as optimisers know it: ``layers``, linear ones and activations in turn."""

    def __init__(self, linear: Callable[[], Any], activation: Callable[[], Any]) -> None:
        self.layers = [linear(), activation(), linear(), activation()]


def _of_model(make: Callable[[Any], Any], name: str, model: Model) -> Paths:
    rng = np.random.default_rng(0)
    places = [(layer, n) for layer in model.layers[::2] for n in ("W", "b")]
    for layer, n in places:
        setattr(layer, n, rng.normal(size=getattr(layer, n).shape))
    paths: Paths = [(n, ([getattr(layer, n).copy()], [])) for layer, n in places]
    _differ(places, paths, rng)
    optimiser = make(model.layers if name == "layers" else model)
    for step in range(STEPS):
        if step:
            _differ(places, paths, rng)
        optimiser.step()
        for (layer, n), (_, (points, _)) in zip(places, paths, strict=True):
            points.append(np.array(getattr(layer, n)))
    return paths


def _differ(places: list[tuple[Any, str]], paths: Paths, rng: np.random.Generator) -> None:
    """Other gradients, by the names of several exercises."""
    for (layer, n), (_, (points, gradients)) in zip(places, paths, strict=True):
        gradients.append(rng.normal(size=points[0].shape))
        for name in (f"dLd{n}", f"d{n}"):
            setattr(layer, name, gradients[-1].copy())


def _of_updates(optimiser: Any) -> Paths:
    """``update`` returns the new parameter, or what is to be subtracted: whichever of the two is smaller is that."""
    rng = np.random.default_rng(0)
    shapes = {"W1": (2, 3), "b1": (1, 3)}
    paths: Paths = [(name, ([FAR + rng.normal(size=shape)], [])) for name, shape in shapes.items()]
    rest = {"epoch": 0, "train_loss": 1.0, "loss": 1.0}
    further = [rest.get(name, 0) for name in list(inspect.signature(optimiser.update).parameters)[3:]]
    for _ in range(STEPS):
        for name, (points, gradients) in paths:
            gradients.append(rng.normal(size=points[0].shape))
            given = points[-1].copy()
            returned = optimiser.update(name, given, gradients[-1].copy(), *further)
            new = given if returned is None else np.array(returned)
            points.append(new if new.mean() > FAR / 2 else points[-1] - new)
    return paths


def check_steps(trial: Trial, findings: Findings) -> None:
    """Compare the steps that a model makes by itself with the formula, those of a batch norm without momentum."""
    model, subject = copy.deepcopy(trial.layer), trial.subject
    inner = getattr(model, "model", model)
    lr, mu = (getattr(inner, name, None) for name in ("lr", "momentum"))
    found = {name: pair for name, pair in subject.places.items() if pair[1] is not None}
    nameless = mu is None and "momentum" in constructor(type(inner))
    if not isinstance(lr, (int, float)) or nameless or not found:
        findings.unchecked.append("step: no attributes lr and momentum, or no gradients")
        return
    paths: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {name: ([], []) for name in found}
    for step in range(STEPS + 1):
        for name, (path, _) in found.items():
            paths[name][0].append(np.array(get(model, path)))
        if step == STEPS:
            break
        if callable(getattr(inner, "zero_grads", None)):
            inner.zero_grads()
        value = subject.forward(model, *trial.inputs)
        subject.backward(model, *trial.inputs, np.ones(np.shape(value)))
        for name, (path, gradient) in found.items():
            assert gradient is not None
            paths[name][1].append(np.array(get(model, gradient)).reshape(np.shape(get(model, path))))
        inner.step()
    wrong = []
    for name, (points, gradients) in paths.items():
        plain = last_name(found[name][0]) in NORMALISED
        phrase = mistake(points, gradients, lr, 0.0 if plain else float(mu or 0.0))
        if phrase is not None:
            wrong.append((f"step {phrase} for {name}", ""))
    findings.wrong += wrong
    findings.right += [] if wrong else ["step with momentum" if mu else "step"]
