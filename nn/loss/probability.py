"""Losses of probabilities: binary cross-entropy, of probabilities or of logits, and relative entropy."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, xlogy

from ..activation.kernels import in_pieces, log_one_plus_exp, logistic
from ..derived import derived, on_arrays
from .reduction import (
    REDUCTIONS,
    Loss,
    Reduction,
    check_reduction,
    factors,
    first_where,
    operands,
    plain,
    reduce,
    share,
)

LEAST_LOG = -100
"""What the logarithm of 0 counts as, so that no finite mistake costs infinitely much."""

KL_REDUCTIONS = (*REDUCTIONS, "batchmean")

LEAST_VARIANCE = 1e-12
"""What ``p * (1 - p)`` counts as where it is smaller and a gradient is divided by it."""


@on_arrays(in_pieces()(logistic))
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``."""
    return expit(x)


@on_arrays(in_pieces()(log_one_plus_exp))
def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``."""
    return np.logaddexp(0, x)


def binary_cross_entropy(
    prediction: Any, target: Any, weight: ArrayLike | None = None, *, reduction: Reduction = "mean"
) -> Any:
    """``-(target * log(prediction) + (1 - target) * log(1 - prediction))``, averaged over all entries.

    Logarithms below -100 count as -100, as in PyTorch. ``binary_cross_entropy_with_logits`` is more accurate.

    Args:
        prediction: probabilities, between 0 and 1.
        target: what they should have been, of the same shape; 0 and 1, or probabilities. That they lie within [0, 1] is
            not checked, as in PyTorch: beyond that the formula is no cross-entropy any more.
        weight: factors of the losses, of a shape that broadcasts to theirs. The mean is over the number of losses.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: a probability is not within [0, 1]; the shapes differ, even where they would broadcast; the mean of
            no entries.
        TypeError: ``weight`` requires a gradient, which it does not have.
    """
    shape, dtype = np.shape(prediction), getattr(prediction, "dtype", None)
    weight = _factors("binary_cross_entropy", "weight", weight, shape, dtype)
    return bce(prediction, target, weight, reduction=reduction)


@derived(constants=("weight",), residuals=("log_p", "log_q"))
def bce(prediction: Any, target: Any, weight: Any, *, reduction: str) -> Any:
    """The pair of ``binary_cross_entropy``. With p for the prediction and y for the target::

        d/dp = (1 - y) / (1 - p) - y / p = (p - y) / (p * (1 - p))
        d/dy = log(1 - p) - log(p)

    times the weight; the denominator is kept above 1e-12, as in PyTorch.
    """
    p, y = operands("binary_cross_entropy", reduction, prediction=prediction, target=target)
    _check_probabilities(plain(p))
    with np.errstate(divide="ignore"):
        log_p, log_q = np.maximum(np.log(p), LEAST_LOG), np.maximum(np.log1p(-p), LEAST_LOG)
    return reduce(_weighted(weight, -(y * log_p + (1 - y) * log_q)), reduction), log_p, log_q


def _bce_of_prediction(g: Any, prediction: Any, target: Any, weight: Any, reduction: str) -> Any:
    slope = (prediction - target) / np.maximum(prediction * (1 - prediction), LEAST_VARIANCE)
    return _weighted(weight, share(g, reduction, prediction.size) * slope)


def _bce_of_target(g: Any, weight: Any, reduction: str, log_p: Any, log_q: Any) -> Any:
    return _weighted(weight, share(g, reduction, log_p.size) * (log_q - log_p))


bce.gradient(prediction=_bce_of_prediction, target=_bce_of_target)


def _check_probabilities(p: np.ndarray) -> None:
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(
            f"binary_cross_entropy: probabilities are between 0 and 1, but the prediction is "
            f"{first_where(~((p >= 0) & (p <= 1)), p)}; binary_cross_entropy_with_logits takes any numbers"
        )


def binary_cross_entropy_with_logits(
    logits: Any,
    target: Any,
    weight: ArrayLike | None = None,
    *,
    reduction: Reduction = "mean",
    pos_weight: ArrayLike | None = None,
) -> Any:
    """``-(pos_weight * target * log(p) + (1 - target) * log(1 - p))`` for ``p = sigmoid(logits)``, averaged.

    Args:
        logits: any finite numbers; the loss is accurate for all of them.
        target: what the probabilities should have been, of the same shape; 0 and 1, or probabilities.
        weight: factors of the losses, of a shape that broadcasts to theirs. The mean is over the number of losses.
        reduction: "mean" over all entries, "sum" or "none".
        pos_weight: factors of the part of the positive class, e.g. one for each column.

    Raises:
        ValueError: the shapes differ, even where they would broadcast; the mean of no entries.
        TypeError: ``weight`` or ``pos_weight`` requires a gradient, which it does not have.
    """
    name = "binary_cross_entropy_with_logits"
    shape, dtype = np.shape(logits), getattr(logits, "dtype", None)
    weight = _factors(name, "weight", weight, shape, dtype)
    pos_weight = _factors(name, "pos_weight", pos_weight, shape, dtype)
    return bce_with_logits(logits, target, weight, pos_weight, reduction=reduction)


@in_pieces(inputs=2)
def _bce_losses(x: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
    """``max(x, 0) - x * y + log(1 + exp(-|x|))``, of which the first two cancel without loss where y is 0 or 1."""
    np.abs(x, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += np.clip(x, 0, np.inf) - x * y


def _bce_with_logits_on_arrays(logits: Any, target: Any, weight: Any, pos_weight: Any, *, reduction: str) -> Any:
    """The same from one logarithm: ``log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))``."""
    x, y = operands("binary_cross_entropy_with_logits", reduction, logits=logits, target=target)
    if pos_weight is None:
        return reduce(_weighted(weight, _bce_losses(x, y)), reduction)
    rest = np.log1p(np.exp(-np.abs(x)))
    losses = pos_weight * (y * (rest + np.maximum(-x, 0))) + (1 - y) * (rest + np.maximum(x, 0))
    return reduce(_weighted(weight, losses), reduction)


@derived(forward=_bce_with_logits_on_arrays, constants=("weight", "pos_weight"))
def bce_with_logits(logits: Any, target: Any, weight: Any, pos_weight: Any, *, reduction: str) -> Any:
    """The pair of ``binary_cross_entropy_with_logits``, whose logarithms are ``log(sigmoid(x)) = -log(1 + exp(-x))``.

    The derivative of ``log(1 + exp(x))`` is ``sigmoid(x)``, so with x for the logits and y for the target::

        d/dx = (1 - y) * sigmoid(x) - pos_weight * y * sigmoid(-x)
        d/dy = pos_weight * log(1 + exp(-x)) - log(1 + exp(x))

    times the weight.
    """
    x, y = operands("binary_cross_entropy_with_logits", reduction, logits=logits, target=target)
    losses = _weighted(pos_weight, y * softplus(-x)) + (1 - y) * softplus(x)
    return reduce(_weighted(weight, losses), reduction)


def _bce_of_logits(g: Any, logits: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    slope = (1 - target) * sigmoid(logits) - _weighted(pos_weight, target * sigmoid(-logits))
    return _weighted(weight, share(g, reduction, logits.size) * slope)


def _bce_of_logits_target(g: Any, logits: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    slope = _weighted(pos_weight, softplus(-logits)) - softplus(logits)
    return _weighted(weight, share(g, reduction, logits.size) * slope)


bce_with_logits.gradient(logits=_bce_of_logits, target=_bce_of_logits_target)


def _weighted(weight: Any, values: Any) -> Any:
    return values if weight is None else weight * values


def _factors(name: str, argument: str, value: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Constant factors that broadcast to a shape, in a dtype; None stays None.

    Raises:
        ValueError: they do not broadcast to the shape.
        TypeError: they are no numbers, or a tensor that requires grad, which would be lost.
    """
    weights = factors(name, argument, value)
    if weights is None:
        return None
    try:
        np.broadcast_to(weights, shape)
    except ValueError:
        raise ValueError(f"{name}: {argument} of shape {weights.shape} does not broadcast to {shape}") from None
    return weights.astype(dtype, copy=False)


@derived
def kl_div(
    prediction: Any,
    target: Any,
    *,
    reduction: Literal["mean", "batchmean", "sum", "none"] = "mean",
    log_target: bool = False,
) -> Any:
    """``target * (log(target) - prediction)``, where the prediction is a logarithm of probabilities.

    Summed over a distribution it is the relative entropy (Kullback and Leibler 1951) of the target to the prediction.

    Args:
        prediction: logarithms of probabilities.
        target: probabilities of the same shape, or their logarithms if ``log_target``.
        reduction: "mean" over all entries, "batchmean" for the sum over the length of the first axis (the mean relative
            entropy of the rows), "sum" or "none".
        log_target: see ``target``.

    With x for the prediction and y for the target, or for its logarithm t::

        d/dx = -y                           or   -exp(t)
        d/dy = log(y) + 1 - x               or   d/dt = exp(t) * (t - x + 1)

    Raises:
        ValueError: the shapes differ, even where they would broadcast; the mean of no entries.
    """
    x, y = operands("kl_div", reduction, KL_REDUCTIONS, prediction=prediction, target=target)
    losses = np.exp(y) * (y - x) if log_target else xlogy(y, y) - y * x
    return reduce(losses, reduction, _kl_count(x.shape, reduction))


def _kl_of_prediction(g: Any, target: Any, reduction: str, log_target: bool) -> Any:
    probabilities = np.exp(target) if log_target else target
    return -share(g, reduction, _kl_count(target.shape, reduction)) * probabilities


def _kl_of_target(g: Any, prediction: Any, target: Any, reduction: str, log_target: bool) -> Any:
    slope = np.exp(target) * (target - prediction + 1) if log_target else np.log(target) + 1 - prediction
    return share(g, reduction, _kl_count(target.shape, reduction)) * slope


kl_div.gradient(prediction=_kl_of_prediction, target=_kl_of_target)


def _kl_count(shape: tuple[int, ...], reduction: str) -> int:
    return shape[0] if reduction == "batchmean" and shape else int(np.prod(shape))


class BCELoss(Loss):
    """The cross-entropy of probabilities of yes or no; see ``nn.functional.binary_cross_entropy``."""

    weight: np.ndarray | None

    def __init__(self, weight: ArrayLike | None = None, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", factors("BCELoss", "weight", weight))

    def forward(self, prediction: Any, target: Any) -> Any:
        return binary_cross_entropy(prediction, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """The cross-entropy of logits of yes or no; see ``nn.functional.binary_cross_entropy_with_logits``."""

    weight: np.ndarray | None
    pos_weight: np.ndarray | None

    def __init__(
        self, weight: ArrayLike | None = None, *, reduction: Reduction = "mean", pos_weight: ArrayLike | None = None
    ) -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", factors("BCEWithLogitsLoss", "weight", weight))
        self.register_buffer("pos_weight", factors("BCEWithLogitsLoss", "pos_weight", pos_weight))

    def forward(self, logits: Any, target: Any) -> Any:
        return binary_cross_entropy_with_logits(
            logits, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(Loss):
    """The relative entropy of a target to a predicted distribution; see ``nn.functional.kl_div``."""

    def __init__(
        self,
        *,
        reduction: Literal["mean", "batchmean", "sum", "none"] = "mean",
        log_target: bool = False,
    ) -> None:
        check_reduction("KLDivLoss", reduction, KL_REDUCTIONS)
        self.reduction = reduction
        self.log_target = log_target

    def forward(self, prediction: Any, target: Any) -> Any:
        return kl_div(prediction, target, reduction=self.reduction, log_target=self.log_target)
