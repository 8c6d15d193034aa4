"""What ``check_layer`` checks, in one form: named arguments, values, and gradients by hand and by the tape."""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from ...tape import no_grad
from ...tensor import Tensor
from ...tree import flatten
from ..pulled_back import plain, pulled_back

Arrays = dict[str, np.ndarray]

LIBRARIES = ("nn", "torch")
"""Packages with a random generator of their own, which if they are loaded starts from the check's seed too."""


class UntapedError(Exception):
    """A function of arrays does not run on tensors; says why in one line."""


class Subject:
    """A layer or function with its differentiable ``arguments`` by name: inputs first, then parameters.

    ``labels`` says what the gradient of each is called, ``inputs`` holds what the layer is given, in order.
    """

    name: str
    has_hand = True  # whether somebody derived its gradient by hand
    tape_must_be_right = True  # whether its forward was written for tensors

    def __init__(self, inputs: Sequence[Any], names: Sequence[str]) -> None:
        self.inputs = [value.data if isinstance(value, Tensor) else value for value in inputs]
        self.names = list(names)
        self.arguments: Arrays = {}
        self.labels: dict[str, str] = {}
        self.parameters: list[str] = []
        self.notes: list[str] = []
        for name, value in zip(self.names, self.inputs, strict=True):
            if isinstance(value, (np.ndarray, np.generic, float, list)) and np.asarray(value).dtype.kind == "f":
                self.add(name, np.asarray(value), f"gradient of {name}")

    def add(self, name: str, value: np.ndarray, label: str, *, parameter: bool = False) -> None:
        """Have the gradient of an argument checked, computing in float64."""
        self.arguments[name] = np.array(value, dtype=float)
        self.labels[name] = label
        if parameter:
            self.parameters.append(name)

    def fill(self, values: Mapping[str, Any]) -> list[Any]:
        """The inputs in order, those of the arguments from ``values``."""
        return [values.get(name, value) for name, value in zip(self.names, self.inputs, strict=True)]

    def values(self, arguments: Arrays) -> list[np.ndarray]:
        """The outputs for these values of the arguments."""
        raise NotImplementedError

    def cotangents(self, values: Sequence[np.ndarray], rng: np.random.Generator) -> list[list[np.ndarray]]:
        """What to contract the outputs with: normally distributed numbers, twice."""
        return [[np.asarray(rng.normal(size=value.shape)) for value in values] for _ in range(2)]

    def by_hand(self, cotangents: Sequence[np.ndarray]) -> dict[str, Any]:
        """The gradients as somebody derived them; None for one that is missing."""
        raise NotImplementedError

    def by_tape(self, arguments: Arrays, cotangents: Sequence[np.ndarray]) -> Arrays:
        """The gradients as the tape finds them from the primitives; raises ``UntapedError`` if it cannot."""
        raise NotImplementedError

    def defects(self) -> Iterator[str]:
        """What is wrong besides gradients; known once the gradients are."""
        return iter(())


class Recorded(Subject):
    """A function of tensors, a ``derived`` one or a module (with ``by_expression`` and ``named_parameters``)."""

    def __init__(self, layer: Callable, inputs: Sequence[Any], options: Mapping[str, Any], seed: int) -> None:
        super().__init__(inputs, parameter_names(getattr(layer, "forward", layer), len(inputs)))
        self.name = getattr(layer, "__name__", type(layer).__name__)
        self.layer, self.options, self.seed = layer, options, seed
        self.has_hand = hasattr(layer, "by_expression")
        self.expressed = True
        for name, parameter in self._tensors(layer):
            self.add(name, parameter.data, f"gradient of {name}", parameter=True)

    @staticmethod
    def _tensors(layer: Any) -> list[tuple[str, Tensor]]:
        found = layer.named_parameters() if hasattr(layer, "named_parameters") else ()
        return [(name, parameter) for name, parameter in found if parameter.requires_grad]

    def _call(self, arguments: Mapping[str, Any], expression: bool = False) -> tuple[list[Any], dict[str, Tensor]]:
        """The outputs, and the tensors that the arguments became."""
        layer: Any = copy.deepcopy(self.layer) if hasattr(self.layer, "named_parameters") else self.layer
        tensors = {name: Tensor(value, requires_grad=True) for name, value in arguments.items()}
        for name, parameter in self._tensors(layer):
            parameter.grad = None
            parameter.data = arguments[name].copy()
            tensors[name] = parameter
        call = layer.by_expression if expression else layer
        with reproducible(self.seed):
            outputs, _ = flatten(call(*self.fill(tensors), **self.options))
        if not any(isinstance(output, Tensor) for output in outputs):
            kinds = ", ".join(type(output).__name__ for output in outputs) or "nothing"
            raise TypeError(f"check_layer: {self.name} returned no tensor but {kinds}: the gradient is lost")
        if any(plain(output).dtype.kind == "c" for output in outputs):
            raise TypeError(f"check_layer: {self.name} returned complex numbers; check_grads knows how to check those")
        return [output for output in outputs if plain(output).dtype.kind == "f"], tensors

    def values(self, arguments: Arrays) -> list[np.ndarray]:
        with no_grad():
            return [plain(output) for output in self._call(arguments)[0]]

    def by_hand(self, cotangents: Sequence[np.ndarray]) -> dict[str, Any]:
        return pull(*self._call(self.arguments), cotangents)

    def by_tape(self, arguments: Arrays, cotangents: Sequence[np.ndarray]) -> Arrays:
        outputs, tensors = self._call(arguments, expression=self.has_hand)
        pairs = zip(map(plain, outputs), self.values(arguments), strict=True)
        self.expressed = all(np.allclose(a, b, rtol=1e-9, atol=1e-12) for a, b in pairs)
        return pull(outputs, tensors, cotangents)

    def defects(self) -> Iterator[str]:
        if not self.expressed:
            yield f"by its expression {self.name} has another value than forward gives"


def pull(outputs: Sequence[Any], tensors: Mapping[str, Tensor], cotangents: Sequence[np.ndarray]) -> Arrays:
    """The gradients of tensors by name."""
    found = pulled_back(outputs, cotangents, list(tensors.values()))
    return {name: g.data for name, g in zip(tensors, found, strict=True)}


def parameter_names(function: Callable, count: int) -> list[str]:
    """What a function calls its first ``count`` arguments."""
    if isinstance(function, np.ufunc):
        return list("xyz"[:count])
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    return names + [f"input {i}" for i in range(len(names), count)]


_is_restored = False


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Random numbers start from ``seed``, so that dropout draws the same mask; and no trace of that is left.

    Within another one they only start again: to restore their state takes longer than a small layer does.
    """
    with nullcontext() if _is_restored else _restored(), np.errstate(all="ignore"):
        np.random.seed(seed)
        for library in _libraries():
            library.set_rng_state(_seeded(library, seed))
        yield


@contextmanager
def _restored() -> Iterator[None]:
    """Afterwards random numbers go on as if there had been none."""
    global _is_restored
    libraries = _libraries()
    states = [library.get_rng_state() for library in libraries]
    state, _is_restored = np.random.get_state(), True
    try:
        yield
    finally:
        _is_restored = False
        np.random.set_state(state)
        for library, before in zip(libraries, states, strict=True):
            library.set_rng_state(before)


@lru_cache(maxsize=8)
def _seeded(library: ModuleType, seed: int) -> Any:
    """The state of its generator after ``manual_seed``, which takes PyTorch 0.1 ms and more each time."""
    library.manual_seed(seed)
    return library.get_rng_state()


def _libraries() -> list[Any]:
    return [sys.modules[name] for name in LIBRARIES if hasattr(sys.modules.get(name), "set_rng_state")]
