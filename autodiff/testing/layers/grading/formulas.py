"""What a layer of a known name computes, as a formula: the values that forward is compared with."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
from scipy.special import erf, expit, log_softmax, softmax

from ..diagnosis import Context, explain
from ..places import is_layer, put
from ..subjects import reproducible
from .card import Findings
from .trial import BIASES, WEIGHTS, Trial, check_use

PRECISION = 1e-6
"""How exactly a value must agree, relative to the largest: a loss may clip its probabilities, or add 1e-8 to them."""

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda z: z,
    "sigmoid": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    "softmax": lambda z: softmax(z, axis=-1),
    "arctan": np.arctan,
    "softplus": lambda z: np.logaddexp(0, z),
}

LOSSES: dict[str, dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
    "mse": {"mean": lambda p, y: np.mean((p - y) ** 2)},
    "cross-entropy": {
        "mean": lambda p, y: np.mean(-(y * log_softmax(p, axis=-1)).sum(axis=-1)),
        "vector": lambda p, y: -(y * log_softmax(p, axis=-1)).sum(axis=-1),
    },
    "cross-entropy of probabilities": {"mean": lambda p, y: np.mean(-(y * np.log(p)).sum(axis=-1))},
    "binary cross-entropy": {"mean": lambda p, y: np.mean(-y * np.log(p) - (1 - y) * np.log1p(-p))},
}
"""Formulas of the prediction and the label, by what is done with the losses of the batch."""

COLUMNS, EVERYTHING = (
    "by columns instead of rows: sum along axis 1",
    "over the whole array, not by rows: sum along axis 1",
)

MISTAKES: dict[str, dict[str, Callable[..., np.ndarray]]] = {
    "softmax": {
        f"is normalised {COLUMNS}": lambda a, z: a / a.sum(axis=0),
        f"is normalised {EVERYTHING}": lambda a, z: a / a.sum(),
    },
    "gelu": {
        "is the approximation by tanh; the exercises want erf": lambda a, z: (
            z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))) / 2
        ),
    },
    "cross-entropy": {
        f"takes the softmax {COLUMNS}": lambda loss, p, y: np.mean(-(y * log_softmax(p, axis=0)).sum(axis=-1)),
        f"takes the softmax {EVERYTHING}": lambda loss, p, y: np.mean(-(y * log_softmax(p)).sum(axis=-1)),
    },
}
"""Mistaken formulas by what is wrong with them: what a value is equal to then, a function of it and the inputs."""

NAMES = {
    "linear": "linear fullyconnected dense affine linearlayer",
    "identity": "identity",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "gelu": "gelu",
    "softmax": "softmax",
    "arctan": "arctan",
    "softplus": "softplus",
    "mse": "mse mseloss meansquarederror",
    "cross-entropy": "crossentropy crossentropyloss softmaxcrossentropy softmaxcrossentropyloss",
    "binary cross-entropy": "bce bceloss binarycrossentropy binarycrossentropyloss",
    "batch norm": "batchnorm batchnorm1d batchnormalization batchnormalization1d",
}
KINDS = {name: kind for kind, names in NAMES.items() for name in names.split()}


def kind_of(name: str) -> str | None:
    """Which layer a class or function is by its name, if that tells."""
    return KINDS.get(name.lower().replace("_", "").removeprefix("my"))


def check_value(trial: Trial, kind: str | None, label: int | None, findings: Findings) -> None:
    """Compare what forward returns with the formula for its kind."""
    expected = _expected(trial, kind, label)
    if kind == "linear" and trial.parameters and all(name.lower() in WEIGHTS for name in trial.parameters):
        check_use(trial, BIASES, "bias", findings)
    if isinstance(layers := getattr(trial.layer, "layers", None), list) and not layers:
        findings.wrong.append(("its list of layers is empty", ""))
    if not expected:
        findings.notes.append("values not compared")
        return
    found = trial.value
    same_shape = [true for true in expected if np.shape(true) == found.shape]
    if any(_agree(found, true) for true in same_shape):
        findings.right.append("values")
    elif not same_shape:
        shapes = " or ".join(str(np.shape(true)) for true in expected)
        findings.wrong.append((f"forward returns the shape {found.shape}, not {shapes}", ""))
    else:
        findings.wrong.insert(0, _difference(trial, found, same_shape[0], _mistake(trial, kind, label, found)))


def _expected(trial: Trial, kind: str | None, label: int | None) -> list[np.ndarray]:
    """The values by every convention."""
    if kind in LOSSES and label is not None and len(trial.inputs) == 2:
        return [np.asarray(f(*_given(trial, label))) for f in LOSSES[kind].values()]
    if kind == "linear" and trial.parameters:
        return affine(trial)
    if isinstance(getattr(trial.layer, "layers", None), list):
        return chain(trial)
    activation = ACTIVATIONS.get("identity" if kind == "linear" else kind or "")
    return [activation(trial.inputs[0])] if activation and len(trial.inputs) == 1 else []


def _given(trial: Trial, label: int | None) -> list[np.ndarray]:
    """What a formula is given: the input; or the prediction, and the label as a row, even if it is a class index."""
    if label is None:
        return trial.inputs[:1]
    prediction, labels = np.asarray(trial.inputs[1 - label]), np.asarray(trial.inputs[label])
    return [prediction, np.eye(prediction.shape[-1])[labels] if labels.dtype.kind == "i" else labels]


def _mistake(trial: Trial, kind: str | None, label: int | None, found: np.ndarray) -> str | None:
    """Which mistaken formula a value is that of, averaged if it is that of a loss."""
    for phrase, formula in MISTAKES.get(kind or "", {}).items():
        value = formula(found, *_given(trial, label))
        if _agree(found.mean() if value.ndim < found.ndim else found, value):
            return phrase
    return None


def chain(trial: Trial) -> list[np.ndarray]:
    """What the layers of a model make of its input, one after the other, if those in its list are all it has."""
    attributes = vars(trial.layer).values()
    held = [item for value in attributes for item in (value if isinstance(value, (list, tuple)) else [value])]
    if any(is_layer(item) and item not in trial.layer.layers for item in held):
        return []
    model = copy.deepcopy(trial.subject.layer)
    for name, (path, _) in trial.subject.places.items():
        put(model, path, trial.subject.arguments[name].copy())
    value = trial.inputs[0]
    with reproducible(trial.seed):
        for layer in model.layers:
            value = getattr(layer, "forward", layer)(value)
    return [np.asarray(value)]


def affine(trial: Trial) -> list[np.ndarray]:
    """x W + b, or x W^T + b, as the shape of W tells; then what an activation within the layer makes of it."""
    (x, *_), parameters = trial.inputs, trial.parameters
    weights = [array for name, array in parameters.items() if name.lower() in WEIGHTS]
    biases = [array for name, array in parameters.items() if name.lower() in BIASES]
    if len(weights) != 1 or len(biases) > 1 or weights[0].ndim != 2 or x.ndim != 2:
        return []
    b = biases[0].ravel() if biases else 0
    values = [x @ weight + b for weight in (weights[0], weights[0].T) if len(weight) == x.shape[1]]
    inner = getattr(trial.layer, "activation", None)
    kind = "identity" if inner is None else kind_of(type(inner).__name__)
    activation = ACTIVATIONS.get("identity" if kind == "linear" else kind or "")
    return [activation(z) for z in values] if activation else []


def _agree(found: np.ndarray, true: np.ndarray) -> bool:
    return bool(np.all(np.abs(found - true) <= PRECISION * np.abs(true).max(initial=0)))


def _difference(trial: Trial, found: np.ndarray, true: np.ndarray, phrase: str | None) -> tuple[str, str]:
    """What is wrong with a value, in one line and in full; ``phrase`` says it if that is known."""
    inputs = dict(zip(trial.subject.names, trial.inputs, strict=True))
    phrase = phrase or explain(found, true, Context(inputs=inputs, parameters=trial.parameters)) or "has wrong values"
    at = np.unravel_index(int(np.argmax(np.nan_to_num(np.abs(found - true), nan=np.inf))), true.shape)
    place = f" at {[int(i) for i in at]}" if true.ndim else ""
    line = f"the value of forward {phrase}"
    return line, f"{line}\n  found {found[at]:.10g}, right {true[at]:.10g}{place}"


def check_corners(trial: Trial, kind: str | None, findings: Findings) -> None:
    """Points that the exercises prescribe: ReLU's derivative at 0, softmax and its cross-entropy near 1000."""
    subject = trial.subject
    name = subject.names[trial.argnum or 0]
    if kind == "relu":
        corner = Trial(trial.layer, [np.zeros((2, 3))]).subject
        gradient = corner.by_hand([np.ones((2, 3))]).get(name)
        if gradient is not None and gradient.shape == (2, 3) and gradient.any():
            findings.wrong.append((f"the derivative at 0 is {gradient[0, 0]:.6g}; the exercises want 0", ""))
    if kind == "cross-entropy":
        (found,) = subject.values({**subject.arguments, name: 1000 * subject.arguments[name]})
        if not np.isfinite(found).all():
            findings.notes.append("it overflows for logits near 1000; LogSumExp does not")
    if kind == "softmax":
        large = np.array([[1000.0, 1001.0, 1002.0], [-1000.0, -1001.0, -1002.0]])
        (found,) = subject.values({**subject.arguments, name: large})
        if found.shape == large.shape and not _agree(found, softmax(large, axis=-1)):
            i = int(np.argmin([_agree(a, b) for a, b in zip(found, softmax(large, axis=-1), strict=True)]))
            line = (
                f"softmax of {large[i].tolist()} is {found[i].round(4).tolist()}: subtract the row's own maximum first"
            )
            findings.wrong.append((line, ""))
