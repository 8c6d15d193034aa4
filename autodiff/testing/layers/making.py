"""Layers and their inputs from a few words: constructor arguments and labels are guessed from their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from .subjects import parameter_names

OUT_FEATURES = 5
"""How many outputs a layer is given if nobody says."""

Shape = tuple[int, ...]

_GUESSES: tuple[tuple[str, Callable[[Shape], Any]], ...] = (
    ("in_features in_feature num_features n_features features n_in d_in d0 dim n size", lambda shape: shape[-1]),
    ("input_size input_dim in_dim in_size fan_in", lambda shape: shape[-1]),
    ("in_channels in_channel", lambda shape: shape[1] if len(shape) > 1 else shape[0]),
    ("out_features out_feature n_out d_out d1 fan_out", lambda shape: OUT_FEATURES),
    ("output_size output_dim out_dim out_size", lambda shape: OUT_FEATURES),
    ("out_channels out_channel", lambda shape: OUT_FEATURES),
    ("hidden hidden_size hidden_dim n_hidden", lambda shape: OUT_FEATURES + 1),
    ("linear_1_in_features", lambda shape: shape[-1]),
    ("linear_1_out_features linear_2_in_features", lambda shape: OUT_FEATURES + 1),
    ("linear_2_out_features", lambda shape: OUT_FEATURES),
    ("hiddens", lambda shape: [2]),
    ("activation g_function", lambda shape: "sigmoid"),
    ("f_function", lambda shape: "relu"),
    ("kernel_size kernel", lambda shape: 3),
    ("kernel_shape", lambda shape: (3, 3)),
    ("stride", lambda shape: 1),
    ("lr learning_rate", lambda shape: 0.1),
    ("p p_drop rate dropout_rate", lambda shape: 0.5),
    ("alpha momentum", lambda shape: 0.9),
    ("eps epsilon", lambda shape: 1e-8),
    ("name", lambda shape: "mine"),
)
GUESSES = {name: guess for names, guess in _GUESSES for name in names.split()}
"""What arguments of constructors are given, by their names, for the shape of the first input."""

LABELS = {"y", "label", "labels", "target", "targets", "y_true", "t"}
"""What a loss calls the argument that is not differentiated."""


class UsageError(Exception):
    """The command line does not say enough; the message says what to add."""


@dataclass
class Request:
    """How to check a layer: the options of the command line."""

    shapes: list[Shape]
    init: str | None = None
    labels: str | None = None
    values: str | None = None
    parameters: dict[str, str] | None = None
    parameter_gradients: str = "sum"
    argnum: int | None = None
    seed: int = 0


def make(
    cls: type,
    module: ModuleType,
    request: Request,
    guesses: list[str],
    known: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """An instance of a class, with arguments from ``--init`` or guessed from their names; notes what was guessed.

    ``known`` has arguments by name that are given before any guess, where the constructor takes them.

    Raises:
        UsageError: an argument cannot be guessed.
    """
    if request.init is not None:
        try:
            args, kwargs = eval(f"_arguments({request.init})", {"np": np, **vars(module), "_arguments": _arguments})
        except Exception as error:
            raise UsageError(f"--init {request.init!r}: {type(error).__name__}: {error}") from None
        return cls(*args, **kwargs)
    guessed, shown = {}, []
    rng = np.random.default_rng(request.seed)
    for name, parameter in constructor(cls).items():
        if name in known:
            guessed[name] = known[name]
        elif parameter.default is not parameter.empty or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            continue
        elif name.lower() in GUESSES:
            guessed[name] = GUESSES[name.lower()](request.shapes[0])
            shown.append(f"{name}={guessed[name]}")
        elif "init" in name:
            guessed[name] = _initializer(rng)
            shown.append(f"{name}=normally distributed")
        else:
            others = ", ".join(f"{n}=..." for n in constructor(cls))
            raise UsageError(f'{cls.__name__} needs {name}; say what to make, e.g. --init "{others}"')
    if shown:
        guesses.append(f'guessed: {cls.__name__}({", ".join(shown)}); say otherwise with --init "..."')
    return cls(**guessed)


def _arguments(*args: Any, **kwargs: Any) -> tuple[tuple, dict[str, Any]]:
    return args, kwargs


def constructor(cls: type) -> dict[str, inspect.Parameter]:
    """The arguments of a class's constructor by name."""
    try:
        return dict(inspect.signature(cls).parameters)
    except ValueError:
        return {}


def _initializer(rng: np.random.Generator) -> Callable:
    """Initial values in the manner of ``weight_init(in, out)`` and ``bias_init(out)``, which gives a row."""

    def draw(*sizes: int) -> np.ndarray:
        return rng.normal(size=sizes if len(sizes) > 1 else (1, *sizes))

    return draw


def make_inputs(layer: Any, request: Request, guesses: list[str]) -> tuple[list[Any], int | None]:
    """The inputs for a layer, and of which one its backward returns the gradient (None: the first).

    A loss takes labels, which are recognised by their argument's name or announced by ``--labels``.
    """
    function = getattr(layer, "forward", layer)
    needed = _positional(function)
    names = parameter_names(function, max(needed, len(request.shapes)))
    shapes = request.shapes + request.shapes[:1] * (needed - len(request.shapes))
    rng = np.random.default_rng(request.seed)
    named = [i for i, name in enumerate(names) if name.lower() in LABELS]
    label = named[0] if named and len(shapes) > 1 else None
    if request.labels and label is None and len(shapes) == 1:
        guesses.append("--labels is not used, since there is one input")
    elif request.labels and label is None:
        label = 1
    inputs = [_draw(shape, request.values, rng) for shape in shapes]
    argnum = request.argnum
    if label is not None:
        kind = request.labels or ("one-hot" if len(shapes[0]) == 2 else "float")
        inputs[label] = _draw_labels(shapes[1 - label] if label < 2 else shapes[0], kind, rng)
        if not request.labels:
            guesses.append(f"guessed: {names[label]} holds {kind} labels; say otherwise with --labels")
        if argnum is None and label == 0:
            argnum = 1
            guesses.append(f"guessed: backward returns the gradient of {names[1]}; say otherwise with --argnum")
    return inputs, argnum


def _positional(function: Callable) -> int:
    """How many inputs a function needs."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return max(1, sum(p.kind in kinds and p.default is p.empty for p in parameters))


def _draw(shape: Shape, kind: str | None, rng: np.random.Generator) -> np.ndarray:
    x = rng.normal(size=shape)
    if kind in (None, "normal"):
        return x
    return np.exp(x) if kind == "positive" else np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


def _draw_labels(shape: Shape, kind: str, rng: np.random.Generator) -> np.ndarray:
    if kind == "float":
        return rng.normal(size=shape)
    if len(shape) != 2:
        raise UsageError(f"--labels {kind} needs predictions of shape (N, C), not {shape}; use --labels float")
    classes = rng.integers(shape[1], size=shape[0])
    return classes if kind == "index" else np.eye(shape[1])[classes]
