"""Checks a layer that somebody derived by hand from the command line: ``python -m autodiff.testing --help``."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import inspect
import io
import linecache
import re
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from .layers.check import LayerFailure, check_layer
from .layers.places import is_layer, is_layer_class
from .layers.report import LayerReport
from .layers.subjects import parameter_names

RIGHT, WRONG, USAGE = 0, 1, 2
"""Exit codes."""

DESCRIPTION = """\
Check the gradients of a layer that was derived by hand.

The layer has forward(x), and backward(dL_dy) (or derivative()) on plain arrays. What backward returns, and what it
leaves in attributes such as dLdW for a parameter W, is compared with finite differences, and with the gradient that
automatic differentiation finds if forward is plain NumPy. Exit code: 0 if all is right, 1 if not, 2 if there is no
telling what to do."""

EXAMPLES = """\
examples:
  python -m autodiff.testing my_layers.py:MyLinear --shape 4,3
  python -m autodiff.testing my_layers.py:MyLinear --shape 4,3 --init "in_features=3, out_features=2"
  python -m autodiff.testing my_layers.py:CrossEntropyLoss --shape 4,3 --labels one-hot
  python -m autodiff.testing my_layers.py --shape 4,3        every layer in the file, a line each"""

OUT_FEATURES = 5
"""How many outputs a layer is given if nobody says."""

Shape = tuple[int, ...]

_GUESSES: tuple[tuple[str, Callable[[Shape], Any]], ...] = (
    ("in_features in_feature num_features n_features features n_in d_in d0 dim n size", lambda shape: shape[-1]),
    ("input_size input_dim in_dim in_size", lambda shape: shape[-1]),
    ("in_channels in_channel", lambda shape: shape[1] if len(shape) > 1 else shape[0]),
    ("out_features out_feature n_out d_out d1 output_size output_dim out_dim out_size", lambda shape: OUT_FEATURES),
    ("out_channels out_channel", lambda shape: OUT_FEATURES),
    ("hidden hidden_size hidden_dim n_hidden", lambda shape: OUT_FEATURES + 1),
    ("kernel_size kernel", lambda shape: 3),
    ("stride", lambda shape: 1),
    ("lr learning_rate", lambda shape: 0.1),
    ("p p_drop rate dropout_rate", lambda shape: 0.5),
    ("alpha momentum", lambda shape: 0.9),
    ("eps epsilon", lambda shape: 1e-8),
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


@dataclass
class Outcome:
    """What came of checking one class or function."""

    name: str
    code: int
    summary: str
    details: str = ""
    guesses: list[str] = field(default_factory=list)
    unwritten: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    request = Request(
        options.shape,
        options.init,
        options.labels,
        options.values,
        options.parameters,
        options.parameter_gradients,
        options.argnum,
        options.seed,
    )
    try:
        path, name = _target(options.target)
        outcomes = check_file(path, [name] if name else None, request)
    except UsageError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return USAGE
    if name:
        (outcome,) = outcomes
        lines = [*outcome.guesses, outcome.details or outcome.summary]
        print("\n".join(lines), file=sys.stderr if outcome.code == USAGE else sys.stdout)
        return outcome.code
    width = max(len(outcome.name) for outcome in outcomes)
    for outcome in outcomes:
        print(f"{outcome.name.ljust(width)}  {textwrap.shorten(outcome.summary, 110 - width)}")
    codes = {outcome.code for outcome in outcomes}
    return next((code for code in (WRONG, USAGE) if code in codes), RIGHT)


def check_file(path: str, names: Sequence[str] | None, request: Request) -> list[Outcome]:
    """Check the named classes and functions of a file or module, or every layer it defines.

    Raises:
        UsageError: there is no such file or name, or nothing to check.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            module = load(path)
    except (UsageError, KeyboardInterrupt):
        raise
    except BaseException as error:  # whatever a file does when it is run, sys.exit() too
        described = describe(error, path)
        return [Outcome(name, WRONG, described, described) for name in names or [path]]
    if names is None:
        classes = [value for value in vars(module).values() if _is_own_layer(value, module)]
        if not classes:
            raise UsageError(f"{path} defines no class with forward and backward; name one: {path}:MyLayer")
        outcomes = [check_item(item.__name__, item, module, request) for item in classes]
        bases = {base.__name__ for item in classes for base in item.__mro__[1:]}
        return [outcome for outcome in outcomes if not (outcome.unwritten and outcome.name in bases)]
    items = {name: getattr(module, name, None) for name in names}
    missing = [name for name, item in items.items() if not callable(item) and not is_layer(item)]
    if missing:
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", 0) == module.__name__]
        raise UsageError(f"{path} has no class or function {missing[0]}; it has {', '.join(own) or 'none'}")
    return [check_item(name, item, module, request) for name, item in items.items()]


def check_item(name: str, item: Any, module: ModuleType, request: Request) -> Outcome:
    """Check one class, function or object of a loaded module."""
    guesses: list[str] = []
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # what a layer prints would be printed hundreds of times
            layer = make(item, module, request, guesses) if isinstance(item, type) else item
            report = _check(layer, request, guesses)
    except LayerFailure as failure:
        report = failure.report
        if not report.wrong:
            problem = "; ".join(report.notes[:1]) or f"only {report.conclusive} of {report.checked} comparisons"
            return Outcome(name, USAGE, f"not checked: {problem}; try --values or --seed", str(failure), guesses)
        wrong = [f"{row.label} {row.explanation or 'is wrong'}" for row in report.rows if row.failed]
        return Outcome(name, WRONG, f"WRONG: {'; '.join([*wrong, *report.defects])}", str(failure), guesses)
    except UsageError as error:
        return Outcome(name, USAGE, f"not checked: {error}", "", guesses)
    except NotImplementedError as error:
        problem = f"not checked: NotImplementedError, it is not written yet {error}".strip()
        return Outcome(name, USAGE, problem, "", guesses, unwritten=True)
    except Exception as error:
        if own_frames(error, module.__file__):
            described = describe(error, module.__file__)
            return Outcome(name, WRONG, described.splitlines()[0], described, guesses)
        return Outcome(name, USAGE, f"not checked: {str(error).removeprefix('check_layer: ')}", "", guesses)
    count = len(report.rows)
    summary = f"right: {count} gradient{'s' if count > 1 else ''}"
    return Outcome(name, RIGHT, summary, f"{name} is right\n{report}", guesses)


def _check(layer: Any, request: Request, guesses: list[str]) -> LayerReport:
    """``check_layer`` with inputs that suit the layer; where they do not, and may be chosen, with probabilities."""
    how: dict[str, Any] = {
        "parameters": request.parameters,
        "parameter_gradients": request.parameter_gradients,
        "seed": request.seed,
    }
    inputs, argnum = make_inputs(layer, request, guesses)
    try:
        return check_layer(layer, *inputs, argnums=argnum, **how)
    except LayerFailure as failure:
        if failure.report.rows or request.values is not None:
            raise
    guesses.append("guessed: inputs are probabilities, others gave no finite value; say otherwise with --values")
    inputs, argnum = make_inputs(layer, replace(request, values="probabilities"), [])
    return check_layer(layer, *inputs, argnums=argnum, **how)


def load(path: str) -> ModuleType:
    """The module at a path, imported with its folder (or that of its package) on ``sys.path``; or by its name.

    Raises:
        UsageError: there is none.
    """
    file = Path(path)
    if not path.endswith(".py") and not file.is_file():
        try:
            return importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name and (path == error.name or path.startswith(f"{error.name}.")):
                raise UsageError(f"there is no file or module {path!r}; write file.py:Class") from None
            raise
    if not file.is_file():
        raise UsageError(f"there is no file {path!r}")
    file = file.resolve()
    root, parts = file.parent, [file.stem]
    while (root / "__init__.py").exists():
        root, parts = root.parent, [root.name, *parts]
    sys.path.insert(0, str(root))
    if len(parts) > 1:
        return importlib.import_module(".".join(parts))
    name = file.stem if file.stem not in sys.modules else f"checked_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def make(cls: type, module: ModuleType, request: Request, guesses: list[str]) -> Any:
    """An instance of a class, with arguments from ``--init`` or guessed from their names; notes what was guessed.

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
    for name, parameter in _constructor(cls).items():
        if parameter.default is not parameter.empty or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            continue
        if name.lower() in GUESSES:
            guessed[name] = GUESSES[name.lower()](request.shapes[0])
            shown.append(f"{name}={guessed[name]}")
        elif "init" in name:
            guessed[name] = _initializer(rng)
            shown.append(f"{name}=normally distributed")
        else:
            others = ", ".join(f"{n}=..." for n in _constructor(cls))
            raise UsageError(f'{cls.__name__} needs {name}; say what to make, e.g. --init "{others}"')
    if shown:
        guesses.append(f'guessed: {cls.__name__}({", ".join(shown)}); say otherwise with --init "..."')
    return cls(**guessed)


def _arguments(*args: Any, **kwargs: Any) -> tuple[tuple, dict[str, Any]]:
    return args, kwargs


def _constructor(cls: type) -> dict[str, inspect.Parameter]:
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


def own_frames(error: BaseException, file: str | None) -> list[tuple[FrameType, int]]:
    """The frames of an exception's traceback that run code from the folder of a file, with their lines."""
    if file is None:
        return []
    folder = Path(file).resolve().parent
    found = traceback.walk_tb(error.__traceback__)
    return [(frame, line) for frame, line in found if _within(frame.f_code.co_filename, folder)]


def _within(filename: str, folder: Path) -> bool:
    path = Path(filename)
    return path.is_file() and folder in path.resolve().parents and not path.is_relative_to(Path(__file__).parents[1])


def describe(error: BaseException, file: str | None) -> str:
    """An exception of somebody's own code: what was called, what was raised, and the line it came from."""
    raised = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError):
        return f"{raised}\n  {error.filename}, line {error.lineno}: {(error.text or '').strip()}"
    frames = own_frames(error, file)
    if not frames:
        return raised
    called, (frame, line) = frames[0][0], frames[-1]
    where = f"{Path(frame.f_code.co_filename).name}, line {line}"
    text = linecache.getline(frame.f_code.co_filename, line).strip()
    arguments = ", ".join(f"{name} {_shown(value)}" for name, value in _given(called))
    call = f"{called.f_code.co_qualname}({arguments})" if called.f_code.co_name != "<module>" else "importing it"
    return f"{call} raised {raised}\n  {where}: {text}"


def _given(frame: FrameType) -> Iterator[tuple[str, Any]]:
    """The arguments of a call, but for self."""
    for name in frame.f_code.co_varnames[: frame.f_code.co_argcount]:
        if name != "self" and name in frame.f_locals:
            yield name, frame.f_locals[name]


def _shown(value: Any) -> str:
    return str(value.shape) if isinstance(value, np.ndarray) else textwrap.shorten(repr(value), 40)


def _is_own_layer(value: Any, module: ModuleType) -> bool:
    return isinstance(value, type) and value.__module__ == module.__name__ and is_layer_class(value)


def _target(text: str) -> tuple[str, str | None]:
    match = re.fullmatch(r"(.+?)(?::([A-Za-z_]\w*))?", text)
    if match is None:
        raise UsageError(f"{text!r} is not file.py:Class")
    return match[1], match[2]


def _shape(text: str) -> Shape:
    try:
        shape = tuple(int(side) for side in text.strip("()[] ").split(",") if side.strip())
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a shape such as 4,3")
    return shape


def _pairs(text: str) -> dict[str, str]:
    pairs = [pair.split("=") for pair in text.split(",")]
    if any(len(pair) != 2 or not all(part.strip() for part in pair) for pair in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list such as W=dLdW,b=dLdb")
    return {name.strip(): gradient.strip() for name, gradient in pairs}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m autodiff.testing",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", help="file.py:Class or module:function; without a name, every layer in the file")
    parser.add_argument(
        "--shape",
        type=_shape,
        action="append",
        required=True,
        metavar="4,3",
        help="of the input; once more for each further input",
    )
    parser.add_argument("--init", help='arguments of the constructor, e.g. "3, out_features=2"; else they are guessed')
    parser.add_argument("--labels", choices=["one-hot", "index", "float"], help="what a loss is given as labels")
    parser.add_argument(
        "--values",
        choices=["normal", "positive", "probabilities"],
        help="what inputs are drawn from, normal if nothing is said; probabilities sum to 1 along the last axis",
    )
    parser.add_argument(
        "--parameters",
        type=_pairs,
        metavar="W=dLdW,b=dLdb",
        help="parameters and where backward puts their gradients; else found by common names",
    )
    parser.add_argument(
        "--parameter-gradients",
        choices=["sum", "mean"],
        default="sum",
        help="whether they are to be summed over the batch, or averaged",
    )
    parser.add_argument("--argnum", type=int, help="of which input backward returns the gradient: 0 is the first")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers")
    return parser


if __name__ == "__main__":
    sys.exit(main())
