"""Losses: what a prediction costs, given what it should have been."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from autodiff import Tensor

from .derived import derived
from .module import Module

Reduction = Literal["mean", "sum", "none"]


def _reduce(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def _share(g: Any, count: int, reduction: str) -> Any:
    """The cotangent of each of ``count`` losses, given that of their reduction."""
    return g / count if reduction == "mean" else g


@derived(residuals=("difference",))
def mse_loss(prediction: Any, target: Any, reduction: Reduction = "mean") -> Any:
    """``(prediction - target)**2``, averaged over all entries (or summed, or each).

    Raises:
        ValueError: the shapes differ, even where they would broadcast.
    """
    _check_reduction("mse_loss", reduction)
    if np.shape(prediction) != np.shape(target):
        raise ValueError(
            f"mse_loss compares entry by entry, but the prediction has shape {np.shape(prediction)} and the target "
            f"{np.shape(target)}; reshape one of them"
        )
    difference = prediction - target
    return _reduce(difference * difference, reduction), difference


def _mse_vjp(g: Any, difference: Any, reduction: str) -> Any:
    return difference * (_share(g, difference.size, reduction) * 2)


mse_loss.gradient(
    prediction=_mse_vjp,
    target=lambda g, difference, reduction: -_mse_vjp(g, difference, reduction),
)


@derived(residuals=("exponentials", "total", "log_p"))
def cross_entropy(logits: Any, target: Any, reduction: Reduction = "mean") -> Any:
    """``-sum(target * log(softmax(logits)))`` of each row, averaged over the rows (or summed, or each).

    Args:
        logits: of shape (N, C), not normalised; any finite values, and -inf for classes that are impossible. A row
            that is -inf throughout has no softmax: its loss is NaN, its gradient 0.
        target: the class of each row as an integer (N,), or probabilities (N, C). These need not sum to 1: the
            gradient is then that of the formula, ``softmax * sum(target) - target``.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: a class is not one of 0 ... C-1, or the shapes do not fit.
        TypeError: classes that are not integers, or probabilities that are not floating-point.
    """
    _check_reduction("cross_entropy", reduction)
    classes = _check_target(logits, target)
    shifted = logits - _highest(logits)
    exponentials = np.exp(shifted)
    total = exponentials.sum(axis=1, keepdims=True)
    log_p = shifted - np.log(total)
    if classes:
        losses = -log_p[np.arange(len(target)), target]
    else:
        losses = -(target * np.where((target == 0) & (log_p == -np.inf), 0, log_p)).sum(axis=1)
    return _reduce(losses, reduction), exponentials, total, log_p


def _cross_entropy_of_logits(g: Any, target: Any, reduction: str, exponentials: Any, total: Any) -> Any:
    n = len(exponentials)
    share = _share(g, n, reduction)
    each = share if reduction != "none" else share[:, None]
    if target.ndim == 1:
        gradient = exponentials * (each / total)
        gradient[np.arange(n), target] -= share
    else:
        gradient = exponentials * (each * target.sum(axis=1, keepdims=True) / total) - each * target
    possible = total > 0
    return gradient if possible.all() else np.where(possible, gradient, 0)


def _cross_entropy_of_target(g: Any, target: Any, reduction: str, log_p: Any) -> Any:
    share = _share(g, len(log_p), reduction)
    return -log_p * (share if reduction != "none" else share[:, None])


cross_entropy.gradient(logits=_cross_entropy_of_logits, target=_cross_entropy_of_target)


def _highest(logits: Any) -> np.ndarray:
    """The row maxima, as constants (the loss does not depend on what is subtracted), and finite: -inf stays -inf."""
    values = logits.data if isinstance(logits, Tensor) else logits
    lowest = np.finfo(values.dtype).min
    return np.max(values, axis=1, keepdims=True, initial=lowest)


def _check_target(logits: Any, target: Any) -> bool:
    """Whether the target is class indices (else probabilities); raises for what is neither."""
    shape, classes = np.shape(logits), np.shape(logits)[-1:]
    values = target.data if isinstance(target, Tensor) else np.asarray(target)
    if len(shape) != 2 or values.shape not in (shape, shape[:1]):
        raise ValueError(
            f"cross_entropy takes logits (N, C) with classes (N,) or probabilities (N, C), but was given logits "
            f"{shape} and a target {values.shape}"
        )
    kinds, what = ("iu", "classes are integers") if values.ndim == 1 else ("f", "probabilities are floating-point")
    if values.dtype.kind not in kinds:
        raise TypeError(
            f"cross_entropy: {what}, but the target of shape {values.shape} is {values.dtype}, e.g. "
            f"{values.flat[0] if values.size else 'empty'}; convert it with .astype"
        )
    if values.ndim == 2:
        return False
    if values.size and not (values.min() >= 0 and values.max() < classes[0]):
        row = int(np.argmax((values < 0) | (values >= classes[0])))
        raise ValueError(
            f"cross_entropy: the target {values[row]} in row {row} is not one of the {classes[0]} classes "
            f"0 ... {classes[0] - 1}"
        )
    return True


def _check_reduction(name: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{name}: reduction is 'mean', 'sum' or 'none', not {reduction!r}")


class Loss(Module):
    """A loss with its ``reduction``: "mean", "sum", or "none" for the loss of each entry or row."""

    def __init__(self, reduction: Reduction = "mean") -> None:
        _check_reduction(type(self).__name__, reduction)
        self.reduction = reduction


class MSELoss(Loss):
    """The mean squared difference; see ``nn.functional.mse_loss``."""

    def forward(self, prediction: Any, target: Any) -> Any:
        return mse_loss(prediction, target, self.reduction)


class CrossEntropyLoss(Loss):
    """The cross-entropy of logits with classes or probabilities; see ``nn.functional.cross_entropy``."""

    def forward(self, logits: Any, target: Any) -> Any:
        return cross_entropy(logits, target, self.reduction)
