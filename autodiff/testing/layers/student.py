"""A class that somebody wrote by hand, with ``forward(x)`` and ``backward(dL_dy)`` on plain arrays.

Courses differ in how backward is called and in what parameters and their gradients are called; this module finds out.
Every evaluation starts from a copy of the layer as it was given, so that no state leaks from one into another.
"""

from __future__ import annotations

import copy
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...tensor import Tensor
from ..pulled_back import plain
from .places import GRADIENTS, KNOWN, Path, arrays_in, get, look_up, parse, partners, put, show
from .subjects import Arrays, Subject, UntapedError, parameter_names, pull, reproducible

COTANGENT = re.compile(r"grad|delta|upstream|g$|d_?[lj]_?d|d_?(out|[yzaxho])$", re.IGNORECASE)
"""What the argument of backward is called that is the gradient of the output."""


class Student(Subject):
    """A layer with ``forward`` and ``backward`` on plain arrays; see ``check_layer`` for the arguments."""

    tape_must_be_right = False

    def __init__(
        self,
        layer: Any,
        inputs: Sequence[Any],
        *,
        forward: Callable | None,
        backward: Callable | None,
        parameters: Mapping[str, str] | None,
        argnums: Sequence[int] | None,
        options: Mapping[str, Any],
        seed: int,
    ) -> None:
        method = layer.forward if hasattr(layer, "forward") else layer
        super().__init__(inputs, parameter_names(method, len(inputs)))
        self.name = getattr(layer, "__name__", type(layer).__name__)
        self.layer, self.seed, self.options, self.argnums = layer, seed, options, argnums
        self.forward = forward or (lambda layer, *inputs: getattr(layer, "forward", layer)(*inputs, **options))
        for i in argnums or ():
            if not 0 <= i < len(inputs):
                raise ValueError(f"check_layer: argnums {i}, but {self.name} has {len(inputs)} inputs, 0 the first")
        self.places: dict[str, tuple[Path, Path | None]] = {}
        self.found_defects: dict[str, None] = {}
        ran, given, value = self._run(self.arguments)
        if not same(value, self._run(self.arguments)[-1]):  # parameters that the first forward draws, with no seed
            self.layer = ran
            ran, given, value = self._run(self.arguments)
        self.takes_cotangent, self.backward = (True, backward) if backward else self._calling(layer, value)
        self._find_parameters(ran, given, value, parameters)
        if not any(name in self._returned_names(1) for name in self.arguments) and not self.parameters:
            raise TypeError(
                f"check_layer: {self.name} has no parameters, and no floating-point input either that backward could "
                "return the gradient of; write 3.0 for 3"
            )
        self._examine(value.shape)

    def _fresh(self, arguments: Mapping[str, Any]) -> tuple[Any, list[Any]]:
        """A copy of the layer as it was given, with these parameters, and copies of the inputs."""
        layer = copy.deepcopy(self.layer)
        for name, (path, _) in self.places.items():
            put(layer, path, copy.copy(arguments[name]))
        return layer, copy.deepcopy(self.fill({name: copy.copy(arguments[name]) for name in self.arguments}))

    def _run(self, arguments: Mapping[str, Any]) -> tuple[Any, list[Any], np.ndarray]:
        """A fresh layer that has gone forward, the inputs it was given (and keeps, perhaps), and its output."""
        layer, given = self._fresh(arguments)
        kept = copy.deepcopy(given)
        with reproducible(self.seed):
            value = self.forward(layer, *given)
        self._note_changes("forward", kept, given)
        if not isinstance(value, (np.ndarray, np.generic, float, int)) or np.asarray(value).dtype.kind not in "fiub":
            raise TypeError(
                f"check_layer: forward of {self.name} returned {_kind(value)}, not real numbers; pass "
                "forward=a function of (layer, *inputs) that returns the array to differentiate"
            )
        return layer, given, np.array(value, dtype=float)

    def _note_changes(self, method: str, before: Sequence[Any], after: Sequence[Any]) -> None:
        for name, a, b in zip(self.names, before, after, strict=True):
            if not same(a, b):
                self.found_defects[f"{method} changes {name} in place; work on a copy"] = None

    def values(self, arguments: Arrays) -> list[np.ndarray]:
        return [self._run(arguments)[-1]]

    def cotangents(self, values: Sequence[np.ndarray], rng: np.random.Generator) -> list[list[np.ndarray]]:
        """Random, twice; for a backward that takes none, what makes it the gradient of the output (or of its sum)."""
        return super().cotangents(values, rng) if self.takes_cotangent else [[np.ones(values[0].shape)]]

    def _calling(self, layer: Any, value: np.ndarray) -> tuple[bool, Callable]:
        """Whether backward takes the gradient of the output, and how to call it as a function of everything."""
        if not hasattr(layer, "backward"):
            return self._calling_derivative(value)
        least, most = _arity(layer.backward)
        if most == 0:
            return False, lambda layer, *given: layer.backward()
        if least <= 1:
            return True, lambda layer, *given: layer.backward(given[-1])
        if least <= 1 + len(self.inputs) <= most:
            first, *_, last = parameter_names(layer.backward, 1 + len(self.inputs))
            if COTANGENT.match(first) and not COTANGENT.match(last):
                return True, lambda layer, *given: layer.backward(given[-1], *given[:-1])
            return True, lambda layer, *given: layer.backward(*given)
        if least <= len(self.inputs) <= most and value.ndim == 0:
            return False, lambda layer, *given: layer.backward(*given[:-1])
        raise TypeError(
            f"check_layer: backward of {self.name} takes {least} arguments, for {len(self.inputs)} inputs; it should "
            "take dy, or nothing, or the inputs and dy; else pass backward=a function of (layer, *inputs, dy)"
        )

    def _calling_derivative(self, value: np.ndarray) -> tuple[bool, Callable]:
        """``derivative()``: of an activation by entries, or of the sum of a criterion's losses."""
        if value.shape == np.shape(self.inputs[0]):
            return True, lambda layer, *given: _product(layer.derivative(), given[-1])
        return False, lambda layer, *given: layer.derivative()

    def _backward(self, layer: Any, dy: Any, inputs: Sequence[Any]) -> dict[str, Any]:
        """What backward returned and what it left in the layer, by argument."""
        with reproducible(self.seed):
            returned = self.backward(layer, *inputs, dy)
        found: dict[str, Any] = dict(returned) if isinstance(returned, dict) else {}
        if not isinstance(returned, (dict, type(None))):
            several = list(returned) if isinstance(returned, tuple) else [returned]
            found = dict(zip(self._returned_names(len(several)), several, strict=False))
        for name, (_, gradient) in self.places.items():
            found[name] = None if gradient is None else get(layer, gradient)
        return {name: _numbers(found[name]) for name in self.arguments if name in found}

    def _returned_names(self, count: int) -> list[str]:
        """Of which inputs the gradients are that backward returns."""
        return [self.names[i] for i in (range(len(self.names)) if self.argnums is None else self.argnums)][:count]

    def by_hand(self, cotangents: Sequence[np.ndarray]) -> dict[str, Any]:
        layer, given, _ = self._run(self.arguments)
        return self._backward(layer, cotangents[0].copy(), given)

    def by_tape(self, arguments: Arrays, cotangents: Sequence[np.ndarray]) -> Arrays:
        tensors = {name: Tensor(value, requires_grad=True) for name, value in arguments.items()}
        layer, given = self._fresh(arguments)
        for name, (path, _) in self.places.items():
            put(layer, path, tensors[name])
        given = [tensors.get(name, value) for name, value in zip(self.names, given, strict=True)]
        try:
            with reproducible(self.seed):
                value = self.forward(layer, *given)
            found = pull([value], tensors, cotangents)
        except Exception as error:  # whatever somebody's code does with what is not an array
            reason = str(error).strip().splitlines() or [""]
            raise UntapedError(textwrap.shorten(f"{type(error).__name__}: {reason[0]}", 100)) from error
        if not isinstance(value, Tensor):
            raise UntapedError(f"forward returned {_kind(value)}, not a tensor")
        expected = self._run(arguments)[-1]
        if value.shape != expected.shape or not np.allclose(value.data, expected, rtol=1e-9, atol=1e-12):
            raise UntapedError("forward gives another value on tensors than on arrays")
        return found

    def defects(self) -> Iterator[str]:
        return iter(self.found_defects)

    def _find_parameters(
        self, layer: Any, given: Sequence[Any], value: np.ndarray, named: Mapping[str, str] | None
    ) -> None:
        """Find the parameters and their gradients in a layer that went forward, by the names given or common ones."""
        before = copy.deepcopy(layer)
        other = self._run_elsewhere()
        constant = {p: a for p, a in arrays_in(layer) if same(look_up(other, p), a)}  # caches and statistics are not
        with reproducible(self.seed):
            self.backward(layer, *given, np.ones(value.shape))
        if named is not None:
            pairs = self._named(layer, named)
        else:
            pairs = self._guessed(layer, constant)
            taken = {id(constant[path]) for path, _ in pairs}
            rest = [p for p, a in constant.items() if id(a) not in taken and self._matters(before, p, given, value)]
            pairs += [(path, None) for path in rest if path[-1][1] in KNOWN]
            unknown = ", ".join(show(path) for path in rest if path[-1][1] not in KNOWN)
            if unknown:
                self.notes.append(
                    f"no gradient found for {unknown}: not checked; if it is learnt, say parameters= (--parameters)"
                )
        if any(look_up(self.layer, path) is None for path, _ in pairs):  # parameters that the first forward makes
            self.layer, _, _ = self._run(self.arguments)
        rng = np.random.default_rng(self.seed)
        for path, gradient in pairs:
            array = _numbers(get(self.layer, path))
            if array is None:
                raise TypeError(f"check_layer: {show(path)} of {self.name} is {_kind(get(self.layer, path))}, no array")
            name = f"parameter {show(path)}" if show(path) in self.arguments else show(path)
            label = show(gradient) if gradient is not None else f"gradient of {name}"
            self.add(name, _varied(array, rng), label, parameter=True)
            self.places[name] = (path, gradient)

    def _named(self, layer: Any, named: Mapping[str, str]) -> list[tuple[Path, Path | None]]:
        pairs: list[tuple[Path, Path | None]] = [(parse(name), parse(gradient)) for name, gradient in named.items()]
        for path in (path for pair in pairs for path in pair if path is not None):
            if look_up(layer, path, missing := object()) is missing:
                raise ValueError(
                    f"check_layer: {self.name} has no {show(path)} after forward and backward; it has "
                    f"{', '.join(show(path) for path, _ in arrays_in(layer)) or 'no arrays'}"
                )
        return pairs

    def _guessed(self, layer: Any, constant: Mapping[Path, np.ndarray]) -> list[tuple[Path, Path | None]]:
        """The arrays that have a gradient by a common name, each once."""
        pairs: list[tuple[Path, Path | None]] = []
        seen: set[int] = set()
        for path, array in constant.items():
            present = [partner for partner in partners(path) if look_up(layer, partner, layer) is not layer]
            filled = [partner for partner in present if _numbers(get(layer, partner)) is not None]
            if present and id(array) not in seen:
                seen.add(id(array))
                pairs.append((path, (filled or present)[0]))
        return pairs

    def _matters(self, layer: Any, path: Path, given: Sequence[Any], value: np.ndarray) -> bool:
        """Whether the output depends on an array of a layer, which is none of the gradients."""
        array = get(layer, path)
        if {key for _, key in path} & set(GRADIENTS):
            return False
        layer = copy.deepcopy(layer)
        put(layer, path, array + np.random.default_rng(self.seed).uniform(0.25, 0.5, size=array.shape))
        with reproducible(self.seed):
            return not same(self.forward(layer, *copy.deepcopy(given)), value)

    def _run_elsewhere(self) -> Any:
        """A fresh layer that has gone forward with other inputs."""
        try:
            return self._run({name: 0.75 * array for name, array in self.arguments.items()})[0]
        except Exception:  # not its domain: probabilities, perhaps
            return self._run({name: array[::-1] if array.ndim else array for name, array in self.arguments.items()})[0]

    def _examine(self, shape: tuple[int, ...]) -> None:
        """Whether backward leaves alone what it was given, and does the same when it is called twice."""
        layer, given, _ = self._run(self.arguments)
        dy = np.asarray(np.random.default_rng(self.seed).normal(size=shape) if self.takes_cotangent else np.ones(shape))
        kept, passed = copy.deepcopy(given), dy.copy()
        first = self._backward(layer, passed, given)
        self._note_changes("backward", kept, given)
        parameters = [show(p) for n, (p, _) in self.places.items() if not same(get(layer, p), self.arguments[n])]
        for name in [*parameters, *([] if same(dy, passed) else ["dy"])]:
            self.found_defects[f"backward changes {name} in place; work on a copy"] = None
        if self.found_defects:
            return
        try:
            second = self._backward(layer, dy, given)
        except Exception:  # a layer may forget what forward kept as soon as it is used
            return
        doubled: list[str] = []
        other: list[str] = []
        for name, g in first.items():
            h = second.get(name)
            if g is not None and h is not None and g.shape == h.shape and not np.allclose(g, h, rtol=1e-9, atol=1e-12):
                (doubled if np.allclose(2 * g, h, rtol=1e-9) else other).append(self.labels[name])
        if doubled:
            self.notes.append(f"backward adds to {', '.join(doubled)}: called twice, it doubles them")
        if other:
            self.notes.append(f"a second backward after one forward gives another {', '.join(other)}")


def _product(derivative: Any, dy: np.ndarray) -> np.ndarray:
    """The chain rule entry by entry; a derivative of a shape that does not fit is left as it is, for all to see."""
    d = np.asarray(derivative)
    return d * dy if d.shape in ((), dy.shape) else d


def _varied(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random values instead of equal ones, as parameters start out in courses: zeros would hide errors."""
    first = array.flat[0] if array.size else 0.0
    if array.size == 0 or np.any(array != first) or (array.size == 1 and first not in (0.0, 1.0)):
        return array
    return rng.normal(size=array.shape) if first == 0 else first * rng.uniform(0.5, 1.5, size=array.shape)


def same(a: Any, b: Any) -> bool:
    """Whether two arrays (or other things) are equal, NaN to NaN."""
    try:
        return np.array_equal(a, b, equal_nan=True)
    except TypeError:
        return np.array_equal(a, b)


def _numbers(value: Any) -> np.ndarray | None:
    """A gradient as an array of its own, or None if it is not numbers."""
    if value is None:
        return None
    try:
        return np.array(plain(value), dtype=float)
    except (TypeError, ValueError):
        return None


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}"
    return "nothing" if value is None else f"a {type(value).__name__}"


def _arity(method: Callable) -> tuple[int, float]:
    """How many positional arguments a method needs, and how many it takes."""
    least, most = 0, 0.0
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            least, most = least + (parameter.default is parameter.empty), most + 1
        elif parameter.kind is parameter.VAR_POSITIONAL:
            most = np.inf
    return least, most
