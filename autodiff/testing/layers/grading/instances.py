"""Objects of somebody's classes, with inputs that suit them: sizes and arguments are guessed, until forward runs."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FunctionType
from typing import Any

import numpy as np

from ..making import LABELS, Request, Shape, UsageError, constructor, make, make_inputs
from ..places import arrays_in
from ..subjects import parameter_names
from .folder import Contents, Item
from .formulas import LOSSES
from .trial import Criticised, Trial
from .updates import Activation, Linear

IMAGES: Shape = (3, 5, 5, 2)
"""The shape of inputs for a class with "conv" or "pool" in its name; if it has ``in_channels``, they come second.

Of two images a mean could not be told from a half.
"""


def make_trial(item: Item, contents: Contents, request: Request, kind: str | None) -> tuple[Trial, int | None]:
    """A trial with inputs for which forward runs, and which of them is the label."""
    failed: Exception | None = None
    for layer, shape in _candidates(item, contents, request):
        if isinstance(layer, Exception):
            failed = failed or layer
            continue
        for labels in ("one-hot", "index") if request.labels == "one-hot" else (request.labels,):
            inputs, argnum = make_inputs(layer, replace(request, shapes=[shape], labels=labels), [])
            try:
                forward(layer, *inputs)
            except Exception as error:
                failed = failed or error
                continue
            if _takes_labels(layer):
                layer = Criticised(layer, *_criterion(layer, inputs[0], request.seed))
            label = (0 if argnum == 1 else 1) if len(inputs) == 2 and kind in LOSSES else None
            return Trial(layer, inputs, argnum, seed=request.seed), label
    assert failed is not None
    raise failed


def _candidates(item: Item, contents: Contents, request: Request) -> Iterator[tuple[Any, Shape]]:
    """Layers, with shapes of inputs that may suit them: the one asked for, else by the sides of their matrices."""
    if isinstance(item.value, FunctionType):
        yield value_and_gradient(item.value), request.shapes[0]
        return
    arguments = constructor(item.value)
    shape = request.shapes[0]
    if any(word in item.name.lower() for word in ("conv", "pool")):
        n, *sides, channels = IMAGES
        sides = sides[:1] if "1d" in item.name.lower() else sides
        first = "1d" in item.name.lower() or any("in_channel" in name for name in arguments)
        shape = (n, channels, *sides) if first else IMAGES
    for known in _known(arguments, item, contents):
        try:
            layer = make(item.value, item.module, replace(request, shapes=[shape]), [], known)
        except Exception as error:
            yield error, shape
            continue
        yield layer, shape
        sides = [side for _, array in arrays_in(layer) if array.ndim == 2 for side in array.shape[::-1]]
        yield from ((layer, (shape[0], side)) for side in dict.fromkeys(sides))


def parts(item: Item, contents: Contents, request: Request) -> list[Callable[[], Any]]:
    """What makes a linear layer, and an activation, of the folder's own classes, if they can be made."""
    found: list[Callable[[], Any]] = [Linear, Activation]
    for cls in contents.classes("sigmoid", "tanh", "relu", near=item.file)[:1]:
        found[1] = cls
    for cls in contents.classes("linear", near=item.file)[::-1]:
        with contextlib.suppress(Exception):
            make_linear = functools.partial(make, cls, sys.modules[cls.__module__], request, [])
            if all(isinstance(getattr(make_linear(), name), np.ndarray) for name in ("W", "b")):
                found[0] = make_linear
    return found


def _known(arguments: dict[str, Any], item: Item, contents: Contents) -> Iterator[dict[str, Any]]:
    """Arguments of constructors that are objects of other classes in the folder."""
    if "criterion" not in arguments:
        yield {}
        if "activation" in arguments:
            yield from ({"activation": cls()} for cls in contents.classes("sigmoid", "tanh", near=item.file))
        return
    known: dict[str, Any] = {"momentum": 0.9, "num_bn_layers": 1}
    criteria, hidden, last = (
        contents.classes(*k, near=item.file) for k in (("cross-entropy",), ("sigmoid", "tanh"), ("identity",))
    )
    if criteria:
        known["criterion"] = criteria[0]()
    if hidden and last:
        known["activations"] = [hidden[0](), last[0]()]
    yield known


def forward(layer: Any, *inputs: Any) -> Any:
    """What a copy of a layer makes of copies of its inputs."""
    layer = copy.deepcopy(layer)
    return getattr(layer, "forward", layer)(*copy.deepcopy(inputs))


def _takes_labels(layer: Any) -> bool:
    """Whether it is a model whose backward takes labels, for a criterion that it has."""
    if not hasattr(layer, "criterion") or not hasattr(layer, "backward"):
        return False
    names = parameter_names(layer.backward, 2)
    return names[0].lower() in LABELS and names[1].startswith("input ")


def _criterion(model: Any, x: np.ndarray, seed: int) -> tuple[Any, np.ndarray]:
    """A copy of a model's criterion, and labels for its output."""
    output = np.asarray(forward(model, x))
    classes = np.random.default_rng(seed).integers(output.shape[1], size=len(output))
    return copy.deepcopy(model.criterion), np.eye(output.shape[1])[classes]


def value_and_gradient(function: Callable) -> Any:
    """A function that returns its value and its gradient, as a layer with the same arguments."""

    def forward(self: Any, *inputs: Any) -> Any:
        found = function(*inputs)
        if not (isinstance(found, tuple) and len(found) == 2):
            raise UsageError("it does not return a pair, its value and the gradient of that")
        value, self.gradient = found
        return value

    signature = inspect.signature(function)
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY), *signature.parameters.values()]
    forward.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return type(function.__name__, (), {"forward": forward, "backward": lambda self: self.gradient})()
