"""Grades one class after the other: makes it, gives it small inputs, and has everything about it checked."""

from __future__ import annotations

import contextlib
import copy
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..check import Convention
from ..loading import describe, own_frames
from ..making import LABELS, Request, UsageError
from ..places import is_layer_class
from ..student import same
from ..subjects import parameter_names, reproducible
from .batch_norm import check_batch_norm
from .card import RIGHT, UNCHECKED, Findings, Grade, report_card
from .folder import Contents, Item, explore
from .formulas import LOSSES, check_corners, check_value, kind_of
from .instances import forward, make_trial, parts
from .limits import TimeIsUp, quiet, time_limit
from .trial import HIDDEN, Criticised, Trial, check_gradients
from .updates import UnknownUse, check_optimiser, check_steps, looks_like_optimiser, looks_like_sgd

SEEDS = 3
"""How many seeds are tried where a gradient is zero, which would hide mistakes."""


def grade_folder(folder: str, request: Request, insist: Convention | None, seconds: float) -> tuple[list[Grade], str]:
    """The grades of everything in a folder that looks like a part of an exercise, and the report card.

    Args:
        folder: path of a package, or of a folder that contains packages or modules.
        request: the first shape is that of the inputs.
        insist: whether parameter gradients are to be sums or means; found out if None.
        seconds: how long each file may take to import, and each class to check.

    Raises:
        UsageError: there is nothing to grade.
    """
    contents = explore(Path(folder), seconds)
    grades = list(contents.failed)
    for item in contents.items:
        grade = _grade(item, contents, request, insist, seconds)
        if grade.findings.verdict == UNCHECKED and item.value in contents.bases and kind_of(item.name) is None:
            contents.others.append(item.name)
        else:
            grades.append(grade)
    if not grades:
        raise UsageError(f"{folder} has no class that looks like a layer, loss, optimiser or model")
    grades.sort(key=lambda grade: grade.file)
    return grades, report_card(folder, grades, contents.others)


def _grade(item: Item, contents: Contents, request: Request, insist: Convention | None, seconds: float) -> Grade:
    """The grade of one item, whatever it does."""
    findings = Findings()
    try:
        with time_limit(seconds), quiet(), reproducible(request.seed):
            _examine(item, contents, request, insist, findings)
    except TimeIsUp:
        findings.unchecked.append(f"takes more than {seconds:g} s: an endless loop? else allow more with --time-limit")
    except UsageError as error:
        findings.unchecked.append(
            f"{error}".replace("; say what to make, e.g.", ", which cannot be guessed; try it alone:")
        )
    except NotImplementedError as error:
        findings.unchecked.append(f"NotImplementedError, it is not written yet {error}".strip())
    except (Exception, SystemExit) as error:
        described = describe(error, item.module.__file__)
        frames = own_frames(error, item.module.__file__)
        called = frames[0][0].f_code.co_name if frames else ""
        if called in ("backward", "derivative") or (called and (kind_of(item.name) or looks_like_sgd(item.name))):
            findings.wrong.append((described.splitlines()[0], described))
        else:
            findings.unchecked.append(described.removeprefix(f"{type(error).__name__}: check_layer: "))
    return Grade(item.file, item.name, findings)


def _examine(item: Item, contents: Contents, request: Request, insist: Convention | None, findings: Findings) -> None:
    cls = item.value
    if "torch" in vars(item.module):
        raise UsageError("it computes with PyTorch's tensors; only arrays of NumPy can be checked")
    if isinstance(cls, type) and looks_like_optimiser(cls):
        try:
            check_optimiser(cls, findings, *parts(item, contents, request))
        except UnknownUse as error:
            findings.unchecked.append(str(error))
        return
    if isinstance(cls, type) and not is_layer_class(cls):
        raise UsageError(f"it has no {'backward or derivative' if hasattr(cls, 'forward') else 'forward'}")
    *less_likely, (kind, values) = _kinds(item, request)
    for other, others_values in less_likely:
        with contextlib.suppress(Exception):
            _check_layer(item, contents, replace(request, values=others_values), other, insist, findings)
            if findings.verdict == RIGHT:
                other_than = "logits, not probabilities" if others_values == "normal" else "probabilities, not logits"
                findings.notes.append(f"it takes {other_than}")
                return
        findings.clear()
    _check_layer(item, contents, replace(request, values=values), kind, insist, findings)


def _kinds(item: Item, request: Request) -> list[tuple[str | None, str | None]]:
    """What an item may be, and what inputs suit it, the likeliest last."""
    kind = kind_of(item.name)
    if kind == "binary cross-entropy":
        return [(kind, "probabilities")]
    if kind != "cross-entropy":
        return [(kind, request.values)]
    kinds: list[tuple[str | None, str | None]] = [(f"{kind} of probabilities", "probabilities"), (kind, "normal")]
    if item.name.lower().startswith("softmax"):
        return kinds[1:]
    function = getattr(item.value, "forward", item.value)
    names = [name for name in parameter_names(function, 3) if name != "self"]
    return kinds[::-1] if names and names[0].lower() in LABELS else kinds


def _check_layer(
    item: Item, contents: Contents, request: Request, kind: str | None, insist: Convention | None, findings: Findings
) -> None:
    """All there is to check about a layer, a loss or a model."""
    if kind in LOSSES:
        request = replace(request, labels="float" if kind == "mse" else "one-hot")
    for seed in range(request.seed, request.seed + SEEDS):
        findings.clear()
        trial, label = make_trial(item, contents, replace(request, seed=seed), kind)
        if (dtype := getattr(forward(trial.layer, *trial.inputs), "dtype", None)) in (np.float16, np.float32):
            line = f"forward returns {dtype} for float64: that leaves too few digits to check its gradients"
            findings.wrong.append((line, ""))
            return
        check_gradients(trial, "sum" if kind == "batch norm" else insist, findings)
        if findings.wrong or not any(reason.startswith(HIDDEN[0]) for reason in findings.unchecked):
            break
    if kind is not None:
        _check_call(trial, findings)
    if all(reason.startswith(HIDDEN) for reason in findings.unchecked):
        if kind == "batch norm":
            check_batch_norm(trial, findings)
        else:
            check_value(trial, kind, label, findings)
            check_corners(trial, kind, findings)
    if isinstance(trial.layer, Criticised) and hasattr(trial.layer.model, "step"):
        check_steps(trial, findings)


def _check_call(trial: Trial, findings: Findings) -> None:
    """Whether a layer that can be called, too, gives then what its forward gives."""
    layer = copy.deepcopy(trial.subject.layer)
    if hasattr(layer, "forward") and callable(layer):
        with reproducible(trial.seed):
            value = forward(layer, *trial.inputs)
        with reproducible(trial.seed):
            called = layer(*copy.deepcopy(trial.inputs))
        if not same(called, value):
            findings.wrong.append(("calling it gives another value than forward", ""))
