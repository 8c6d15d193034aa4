"""Losses of numbers: squared and absolute differences, those in between, and two negative log-likelihoods."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff import stop_gradient

from ..arguments import array
from ..derived import derived
from .reduction import Loss, Reduction, check_floating, first_where, number, operands, plain, reduce, share


@derived(residuals=("difference",))
def mse_loss(prediction: Any, target: Any, *, reduction: Reduction = "mean") -> Any:
    """``(prediction - target)**2``, averaged over all entries (or summed, or each).

    With ``d = prediction - target`` the derivative is ``2 * d`` by the prediction, and ``-2 * d`` by the target.

    >>> import numpy as np
    >>> float(mse_loss(np.array([1.0, 2.0]), np.array([0.0, 4.0])))
    2.5

    Raises:
        ValueError: the shapes differ, even where they would broadcast; the mean of no entries.
    """
    prediction, target = operands("mse_loss", reduction, prediction=prediction, target=target)
    difference = prediction - target
    return reduce(difference * difference, reduction), difference


def _mse_vjp(g: Any, difference: Any, reduction: str) -> Any:
    return difference * (share(g, reduction, difference.size) * 2)


mse_loss.gradient(
    prediction=_mse_vjp,
    target=lambda g, difference, reduction: -_mse_vjp(g, difference, reduction),
)


@derived(residuals=("difference",))
def l1_loss(prediction: Any, target: Any, *, reduction: Reduction = "mean") -> Any:
    """``|prediction - target|``, averaged over all entries (or summed, or each).

    With ``d = prediction - target`` the derivative of ``|d|`` is ``sign(d)``, 0 at 0.

    Raises:
        ValueError: the shapes differ, even where they would broadcast; the mean of no entries.
    """
    prediction, target = operands("l1_loss", reduction, prediction=prediction, target=target)
    difference = prediction - target
    return reduce(np.abs(difference), reduction), difference


def _l1_vjp(g: Any, difference: Any, reduction: str) -> Any:
    return share(g, reduction, difference.size) * np.sign(difference)


l1_loss.gradient(
    prediction=_l1_vjp,
    target=lambda g, difference, reduction: -_l1_vjp(g, difference, reduction),
)


def _huber_on_arrays(
    prediction: Any, target: Any, *, reduction: Reduction = "mean", delta: float = 1.0
) -> tuple[Any, Any]:
    """The same without cases: ``slope * (d - slope / 2)``."""
    delta = number("huber_loss", "delta", delta, above=0)
    prediction, target = operands("huber_loss", reduction, prediction=prediction, target=target)
    difference = prediction - target
    slope = np.clip(difference, -delta, delta)
    return reduce(slope * (difference - 0.5 * slope), reduction), slope


@derived(forward=_huber_on_arrays, residuals=("slope",))
def huber_loss(prediction: Any, target: Any, *, reduction: Reduction = "mean", delta: float = 1.0) -> Any:
    """Half the squared difference, but linear where that is larger than ``delta`` (Huber 1964).

    With ``d = prediction - target``::

        d**2 / 2                      where |d| <= delta
        delta * (|d| - delta / 2)     elsewhere

    The derivative is d in the middle, and ``delta * sign(d)`` outside: d, clipped to the interval up to ``delta``.

    Raises:
        ValueError: ``delta`` is not positive; the shapes differ, even where they would broadcast; the mean of no
            entries.
    """
    delta = number("huber_loss", "delta", delta, above=0)
    prediction, target = operands("huber_loss", reduction, prediction=prediction, target=target)
    difference = prediction - target
    size = np.abs(difference)
    losses = np.where(size <= delta, 0.5 * difference * difference, delta * (size - 0.5 * delta))
    return reduce(losses, reduction), np.clip(difference, -delta, delta)


def _smooth_l1_on_arrays(
    prediction: Any, target: Any, *, reduction: Reduction = "mean", beta: float = 1.0
) -> tuple[Any, Any]:
    """The same without cases: ``slope * (d - beta * slope / 2)``."""
    beta = number("smooth_l1_loss", "beta", beta, least=0)
    prediction, target = operands("smooth_l1_loss", reduction, prediction=prediction, target=target)
    difference = prediction - target
    slope = _smooth_sign(difference, beta)
    return reduce(slope * (difference - 0.5 * beta * slope), reduction), slope


@derived(forward=_smooth_l1_on_arrays, residuals=("slope",))
def smooth_l1_loss(prediction: Any, target: Any, *, reduction: Reduction = "mean", beta: float = 1.0) -> Any:
    """The absolute difference, rounded off below ``beta`` (Girshick 2015, arXiv:1504.08083).

    It is ``huber_loss`` with ``delta=beta``, divided by ``beta``. With ``d = prediction - target``::

        d**2 / (2 * beta)     where |d| < beta
        |d| - beta / 2        elsewhere

    The derivative is ``d / beta`` in the middle, and ``sign(d)`` outside. For ``beta=0`` nothing is rounded off.

    Raises:
        ValueError: ``beta`` is negative; the shapes differ, even where they would broadcast; the mean of no entries.
    """
    beta = number("smooth_l1_loss", "beta", beta, least=0)
    prediction, target = operands("smooth_l1_loss", reduction, prediction=prediction, target=target)
    difference = prediction - target
    losses = size = np.abs(difference)
    if beta > 0:
        losses = np.where(size < beta, 0.5 * difference * difference / beta, size - 0.5 * beta)
    return reduce(losses, reduction), _smooth_sign(difference, beta)


def _smooth_sign(x: Any, beta: float) -> Any:
    """``x / beta`` up to 1 and down to -1."""
    return np.clip(x / beta, -1, 1) if beta > 0 else np.sign(x)


def _slope_vjp(g: Any, reduction: str, slope: Any) -> Any:
    return share(g, reduction, slope.size) * slope


huber_loss.gradient(
    prediction=_slope_vjp,
    target=lambda g, reduction, slope: -_slope_vjp(g, reduction, slope),
)
smooth_l1_loss.gradient(
    prediction=_slope_vjp,
    target=lambda g, reduction, slope: -_slope_vjp(g, reduction, slope),
)


@derived(residuals=("mean", "log_mean"))
def poisson_nll_loss(
    prediction: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
) -> Any:
    """The negative log-likelihood ``mean - target * log(mean)`` of counts that are Poisson-distributed.

    Args:
        prediction: the logarithm of the mean; the mean itself, to which ``eps`` is added in the logarithm, if
            ``log_input`` is false.
        target: the counts, of the same shape.
        log_input: see ``prediction``.
        full: whether to add ``log(target!)`` by Stirling's formula, where the target is above 1.
        eps: keeps the logarithm finite at a mean of 0.
        reduction: "mean" over all entries, "sum" or "none".

    The derivatives, with ``m = exp(prediction)`` in the first case and ``m = prediction`` in the second::

        d/dprediction = m - target                   or   1 - target / (m + eps)
        d/dtarget     = -prediction                  or   -log(m + eps)
        full          : + log(target) + 1 / (2 * target)   where target > 1

    Raises:
        ValueError: the shapes differ, even where they would broadcast; the mean of no entries.
    """
    eps = number("poisson_nll_loss", "eps", eps)
    prediction, target = operands("poisson_nll_loss", reduction, prediction=prediction, target=target)
    mean = np.exp(prediction) if log_input else prediction
    log_mean = prediction if log_input else np.log(prediction + eps)
    losses = mean - target * log_mean
    if full:
        many = np.where(target > 1, target, 1)
        stirling = many * np.log(many) - many + 0.5 * np.log(2 * math.pi * many)
        losses = losses + np.where(target > 1, stirling, 0)
    return reduce(losses, reduction), mean, log_mean


def _poisson_of_prediction(g: Any, target: Any, log_input: bool, eps: float, reduction: str, mean: Any) -> Any:
    slope = mean - target if log_input else 1 - target / (mean + eps)
    return share(g, reduction, mean.size) * slope


def _poisson_of_target(g: Any, target: Any, full: bool, reduction: str, log_mean: Any) -> Any:
    slope = -log_mean
    if full:
        many = np.where(target > 1, target, 1)
        slope = slope + np.where(target > 1, np.log(many) + 0.5 / many, 0)
    return share(g, reduction, log_mean.size) * slope


poisson_nll_loss.gradient(prediction=_poisson_of_prediction, target=_poisson_of_target)


@derived(residuals=("difference", "variance"))
def gaussian_nll_loss(
    prediction: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, *, reduction: Reduction = "mean"
) -> Any:
    """``(log(var) + (prediction - target)**2 / var) / 2``: the negative log-likelihood of normal errors.

    Args:
        prediction: the means.
        target: what was observed, of the same shape.
        var: the variances, of the same shape, or with a last axis of length 1 or without it for one variance a row, or
            one number for all. Below ``eps`` they count as ``eps`` in the loss, but their gradient goes on as if they
            did not (as in PyTorch), so that a variance that has become too small can grow again.
        full: whether to add the constant ``log(2 * pi) / 2``.
        eps: the least variance.
        reduction: "mean" over all entries, "sum" or "none".

    With ``d = prediction - target`` and ``v = max(var, eps)``::

        d/dprediction = d / v = -d/dtarget
        d/dvar        = (1 / v - d**2 / v**2) / 2     summed over the entries that share a variance

    Raises:
        ValueError: the shapes differ, even where they would broadcast; a variance is negative; the mean of no entries.
    """
    eps = number("gaussian_nll_loss", "eps", eps, above=0)
    prediction, target = operands("gaussian_nll_loss", reduction, prediction=prediction, target=target)
    var = _variances(var, prediction)
    variance = var + stop_gradient(np.maximum(var, eps) - var)
    difference = prediction - target
    losses = 0.5 * (np.log(variance) + difference * difference / variance)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduce(losses, reduction), difference, variance


def _gaussian_vjp(g: Any, reduction: str, difference: Any, variance: Any) -> Any:
    return share(g, reduction, difference.size) * (difference / variance)


def _gaussian_of_variance(g: Any, var_shape: tuple, reduction: str, difference: Any, variance: Any) -> Any:
    each = 0.5 * share(g, reduction, difference.size) * (1 / variance - (difference / variance) ** 2)
    shared = tuple(i for i, n in enumerate(variance.shape) if n == 1)
    return np.sum(each, axis=shared, keepdims=True).reshape(var_shape)


gaussian_nll_loss.gradient(
    prediction=_gaussian_vjp,
    target=lambda g, reduction, difference, variance: -_gaussian_vjp(g, reduction, difference, variance),
    var=_gaussian_of_variance,
)


def _variances(var: Any, prediction: Any) -> Any:
    """The variances, checked, of a shape that broadcasts with the predictions'."""
    var, shape = array(var), prediction.shape
    if var.ndim == 0:
        var = var.astype(prediction.dtype).reshape((1,) * len(shape))
    check_floating("gaussian_nll_loss", "var", var)
    rows = (*shape[:-1], 1)
    if var.shape == shape[:-1] != shape:
        var = var.reshape(rows)
    if var.shape not in (shape, rows, (1,) * len(shape)):
        raise ValueError(
            f"gaussian_nll_loss: var has the shape {shape} of the prediction, or for one variance a row {rows} or "
            f"{shape[:-1]}, or is a number; not {var.shape}"
        )
    if var.size and not plain(var).min() >= 0:
        found = first_where(~(plain(var) >= 0), plain(var))
        raise ValueError(f"gaussian_nll_loss: a variance is not negative, but {found} was given")
    return var


class MSELoss(Loss):
    """The mean squared difference; see ``nn.functional.mse_loss``."""

    def forward(self, prediction: Any, target: Any) -> Any:
        return mse_loss(prediction, target, reduction=self.reduction)


class L1Loss(Loss):
    """The mean absolute difference; see ``nn.functional.l1_loss``."""

    def forward(self, prediction: Any, target: Any) -> Any:
        return l1_loss(prediction, target, reduction=self.reduction)


class HuberLoss(Loss):
    """Squared where the difference is small and linear where it is large; see ``nn.functional.huber_loss``."""

    def __init__(self, *, reduction: Reduction = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = number("HuberLoss", "delta", delta, above=0)

    def forward(self, prediction: Any, target: Any) -> Any:
        return huber_loss(prediction, target, reduction=self.reduction, delta=self.delta)


class SmoothL1Loss(Loss):
    """The absolute difference, rounded off at 0; see ``nn.functional.smooth_l1_loss``."""

    def __init__(self, *, reduction: Reduction = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.beta = number("SmoothL1Loss", "beta", beta, least=0)

    def forward(self, prediction: Any, target: Any) -> Any:
        return smooth_l1_loss(prediction, target, reduction=self.reduction, beta=self.beta)


class PoissonNLLLoss(Loss):
    """The negative log-likelihood of Poisson-distributed counts; see ``nn.functional.poisson_nll_loss``."""

    def __init__(
        self, log_input: bool = True, full: bool = False, *, eps: float = 1e-8, reduction: Reduction = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        self.log_input = log_input
        self.full = full
        self.eps = number("PoissonNLLLoss", "eps", eps)

    def forward(self, prediction: Any, target: Any) -> Any:
        return poisson_nll_loss(prediction, target, self.log_input, self.full, eps=self.eps, reduction=self.reduction)


class GaussianNLLLoss(Loss):
    """The negative log-likelihood of normally distributed errors; see ``nn.functional.gaussian_nll_loss``."""

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = number("GaussianNLLLoss", "eps", eps, above=0)

    def forward(self, prediction: Any, target: Any, var: Any) -> Any:
        return gaussian_nll_loss(prediction, target, var, self.full, self.eps, reduction=self.reduction)
