"""Checks what somebody derived by hand, from the command line: ``python -m autodiff.testing --help``.

``python -m autodiff.testing my_layers.py:Linear --shape 4,3``
    checks the gradients of one class, or of every layer in a file.

``python -m autodiff.testing path/to/mytorch``
    grades a folder of exercises: every class in it that looks like a layer, activation, loss, batch norm, optimiser or
    model is made with small shapes (arguments are guessed from their names), and checked, without reference data:

    - its gradients, by ``check_layer``; those of parameters may be summed over the batch, or averaged, if a class does
      so throughout (``--parameter-gradients`` insists on one); those of a batch norm are sums, as in every course;
    - its values, by the formula of Linear, Identity, Sigmoid, Tanh, ReLU, GELU, Softmax, ArcTan, Softplus, a mean
      squared error, or a cross-entropy, if its name says that it is one (and whether calling it gives the same); those
      of a model with a list ``layers``, by these;
    - of a batch norm the biased variance, eps, the rule of the running statistics, and evaluation;
    - of SGD, and of a model with a ``step``, the updates, with momentum and without.

    The report card has a line for each class: right, WRONG, or why it could not be checked; then the diagnoses, and the
    total. Whatever a class does (raise, print, run forever), the others are graded.

The exit code is 0 if all is right, 1 if something is wrong, 2 if nothing is but something could not be checked.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from .layers.check import LayerFailure, check_layer
from .layers.grading import card as cards
from .layers.grading.grade import grade_folder
from .layers.loading import describe, load, own_frames
from .layers.making import Request, Shape, UsageError, make, make_inputs
from .layers.places import is_layer, is_layer_class
from .layers.report import LayerReport

RIGHT, WRONG, USAGE = 0, 1, 2
"""Exit codes."""

DESCRIPTION = """\
Check the gradients of a layer that was derived by hand.

The layer has forward(x), and backward(dL_dy) (or derivative()) on plain arrays. What backward returns, and what it
leaves in attributes such as dLdW for a parameter W, is compared with finite differences, and with the gradient that
automatic differentiation finds if forward is plain NumPy. Of a folder, everything that looks like a layer, loss,
batch norm, optimiser or model is graded so, and its values too. Exit code: 0 if all is right, 1 if not, 2 if there is
no telling."""

EXAMPLES = """\
examples:
  python -m autodiff.testing my_layers.py:MyLinear --shape 4,3
  python -m autodiff.testing my_layers.py:MyLinear --shape 4,3 --init "in_features=3, out_features=2"
  python -m autodiff.testing my_layers.py:CrossEntropyLoss --shape 4,3 --labels one-hot
  python -m autodiff.testing my_layers.py --shape 4,3        every layer in the file, a line each
  python -m autodiff.testing path/to/mytorch                 report card of a whole folder"""

SHAPE: Shape = (4, 3)
"""The shape of inputs for a folder."""


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
    try:
        if Path(options.target).is_dir():
            return _grade(options)
        if options.shape is None:
            missing = "" if Path(_target(options.target)[0]).exists() else f"there is no folder {options.target}; "
            raise UsageError(f"{missing}say what --shape the input has, e.g. --shape 4,3 (a folder is graded without)")
        request = Request(
            options.shape,
            options.init,
            options.labels,
            options.values,
            options.parameters,
            options.parameter_gradients or "sum",
            options.argnum,
            options.seed,
        )
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


def _grade(options: argparse.Namespace) -> int:
    """Print the report card of a folder; returns the exit code."""
    for name in ("init", "labels", "values", "parameters", "argnum"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} is for one class; grade the folder without it, then say file.py:Class")
    os.environ.setdefault("MPLBACKEND", "agg")  # a window that a file opens when it is imported would wait for somebody
    request = Request(options.shape or [SHAPE], seed=options.seed)
    grades, card = grade_folder(options.target, request, options.parameter_gradients, options.time_limit)
    print(card)
    verdicts = {grade.findings.verdict for grade in grades}
    return WRONG if cards.WRONG in verdicts else USAGE if cards.UNCHECKED in verdicts else RIGHT


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
        return Outcome(name, WRONG, f"WRONG: {'; '.join([*report.defects, *wrong])}", str(failure), guesses)
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
    parser.add_argument(
        "target", help="file.py:Class or module:function; without a name, every layer in the file; or a folder"
    )
    parser.add_argument(
        "--shape",
        type=_shape,
        action="append",
        metavar="4,3",
        help="of the input; once more for each further input; needed but for a folder",
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
        help="whether they are to be summed over the batch, or averaged; if nothing is said sum, or for a folder "
        "whichever they are",
    )
    parser.add_argument("--argnum", type=int, help="of which input backward returns the gradient: 0 is the first")
    parser.add_argument(
        "--time-limit", type=float, default=30.0, metavar="30", help="seconds for each class and file of a folder"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers")
    return parser


if __name__ == "__main__":
    sys.exit(main())
