"""Losses of classifiers: cross-entropy of logits, with classes or probabilities, and negative log-likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import array
from ..derived import derived, on_arrays
from ..sums import ones
from .labels import (
    Labels,
    along_classes,
    class_axis,
    class_labels,
    class_weights,
    scores_of_classes,
    without_classes,
)
from .reduction import (
    Loss,
    Reduction,
    check_count,
    check_floating,
    check_reduction,
    factors,
    narrow,
    number,
    plain,
    reduce,
    share,
    wide,
)


def cross_entropy(
    logits: Any,
    target: Any,
    weight: ArrayLike | None = None,
    *,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """``-sum(target * log(softmax(logits)))`` over the classes, averaged over the rows (or summed, or each).

    >>> import numpy as np
    >>> logits = np.log([[1.0, 3.0], [2.0, 2.0]])
    >>> round(float(cross_entropy(logits, np.array([1, 0]))), 4)  # the mean of -log(3/4) and -log(2/4)
    0.4904

    Args:
        logits: of shape (C,), (N, C) or (N, C, d1, ...), not normalised; any finite values, and -inf for classes that
            are impossible. A row that is -inf throughout has no softmax: its loss is NaN, its gradient 0.
        target: classes as integers of shape (), (N,) or (N, d1, ...); or probabilities of the logits' shape. These need
            not sum to 1: the gradient is then that of the formula, ``softmax * sum(target) - target``.
        weight: (C,), a factor for each class.
        ignore_index: rows of this class count for nothing: their losses and gradients are 0.
        reduction: "mean" over the rows (for classes the sum over that of ``weight[target]``, and 0 if nothing counts:
            PyTorch gives NaN where all labels are ignored); "sum" or "none".
        label_smoothing: how much of each target is spread evenly over all classes (Szegedy et al. 2016,
            arXiv:1512.00567).

    Raises:
        ValueError: a class is not one of 0 ... C-1, or the shapes do not fit; an option is out of range; the mean of no
            rows.
        TypeError: classes that are not integers, or probabilities that are not floating-point; a weight that requires a
            gradient, which it does not have.
    """
    logits, target = array(logits), array(target)
    check_reduction("cross_entropy", reduction)
    check_floating("cross_entropy", "logits", logits)
    if label_smoothing != 0:
        _check_smoothing("cross_entropy", label_smoothing)
    classes, shape = class_weights("cross_entropy", weight, logits), logits.shape
    if target.shape != shape or not shape:
        labels = class_labels("cross_entropy", logits, target, classes, ignore_index, reduction)
        return cross_entropy_of_classes(logits, labels=labels, label_smoothing=label_smoothing, reduction=reduction)
    if target.dtype.kind != "f":
        raise TypeError(
            f"cross_entropy: probabilities are floating-point, but the target of shape {shape}, that of the logits, is "
            f"{target.dtype}; convert it with .astype, or pass classes of shape {without_classes(shape)}"
        )
    if ignore_index >= 0:
        raise ValueError(f"cross_entropy: ignore_index={ignore_index} is for classes, but probabilities were given")
    check_count("cross_entropy", reduction, int(np.prod(without_classes(shape))), shape)
    return cross_entropy_of_probabilities(logits, target, classes, label_smoothing=label_smoothing, reduction=reduction)


@derived(residuals=("exponentials", "total", "log_p"), constants=("weight",))
def cross_entropy_of_probabilities(
    logits: Any, target: Any, weight: Any, *, label_smoothing: float, reduction: str
) -> Any:
    """``-sum(q * log(p))`` for ``p = softmax(logits)`` and ``q = weight * ((1 - s) * target + s / C)``.

    Here s is the smoothing. Since ``d log(p_c) / d logits_k = (1 if c == k else 0) - p_k``::

        d/dlogits = p * sum(q) - q
        d/dtarget = -(1 - s) * weight * log(p)
    """
    exponentials, total, log_p = _softmax(logits)
    q = _smoothed(target, weight, label_smoothing)
    losses = -(q * np.where((q == 0) & (log_p == -np.inf), 0, log_p)).sum(axis=class_axis(logits.ndim))
    return narrow(reduce(losses, reduction), logits.dtype), exponentials, total, log_p


def _probabilities_of_logits(
    g: Any,
    target: Any,
    weight: Any,
    label_smoothing: float,
    reduction: str,
    exponentials: Any,
    total: Any,
) -> Any:
    each = _along_rows(share(g, reduction, total.size), class_axis(exponentials.ndim))
    return _gradient_of_logits(each, _smoothed(target, weight, label_smoothing), exponentials, total)


def _probabilities_of_target(
    g: Any, weight: Any, label_smoothing: float, reduction: str, total: Any, log_p: Any
) -> Any:
    each = (label_smoothing - 1) * _along_rows(share(g, reduction, total.size), class_axis(log_p.ndim))
    return each * log_p if weight is None else each * along_classes(weight, log_p.ndim) * log_p


cross_entropy_of_probabilities.gradient(logits=_probabilities_of_logits, target=_probabilities_of_target)


def _cross_entropy_on_arrays(logits: Any, *, labels: Labels, label_smoothing: float, reduction: str) -> tuple:
    """The same in one pass of exponentials and one of their totals.

    The highest logit is subtracted only where it matters: not if each total is at least 1 and finite, so that neither
    overflow nor underflow lost anything, and with it the labels' own terms.
    """
    x, axis = wide(logits), class_axis(logits.ndim)
    with np.errstate(all="ignore"):
        exponentials = np.exp(x)
        total = _total(exponentials, axis)
        own = exponentials[labels.entries]
        inverse = total.reshape(own.shape) / own  # 1 / p of each label
        lossless = np.minimum.reduce(total, axis=None, initial=1) >= 1
        if lossless and np.maximum.reduce(inverse, axis=None, initial=1) <= 1 / np.finfo(x.dtype).tiny:
            losses = np.log(inverse)
        else:
            x = x - _highest(x, axis)
            exponentials = np.exp(x)
            total = _total(exponentials, axis)
            losses = np.log(total).reshape(own.shape) - x[labels.entries]
        if labels.weights is not None:
            losses = np.where(labels.weights == 0, 0, labels.weights * losses)
        if label_smoothing:
            losses = (1 - label_smoothing) * losses + label_smoothing * _even_losses(x, total, labels)
    return narrow(reduce(losses, reduction, labels.divisor), logits.dtype), exponentials, total


@derived(forward=_cross_entropy_on_arrays, residuals=("exponentials", "total"))
def cross_entropy_of_classes(logits: Any, *, labels: Labels, label_smoothing: float, reduction: str) -> Any:
    """``cross_entropy_of_probabilities`` of the labels one-hot, a mean being over the sum of their weights.

    The gradient is the same, ``p * sum(q) - q``. Without smoothing q is zero but for the labels' entries, so it takes
    one pass of scaling the exponentials by ``sum(q) / total``, and the subtraction at those entries.
    """
    exponentials, total, log_p = _softmax(logits)
    q = _smoothed_labels(labels, logits, label_smoothing)
    losses = -(q * np.where(q == 0, 0, log_p)).sum(axis=class_axis(logits.ndim))
    return narrow(reduce(losses, reduction, labels.divisor), logits.dtype), exponentials, total


def _classes_of_logits_on_arrays(
    g: Any, labels: Labels, label_smoothing: float, reduction: str, exponentials: Any, total: Any
) -> Any:
    axis = class_axis(exponentials.ndim)
    each = share(g, reduction, labels.divisor)
    if not total.all():  # the gradient of a row of nothing but -inf is 0
        each = each * (total != 0).squeeze(axis)
        total = np.where(total == 0, 1, total)
    own = each if labels.weights is None else each * labels.weights
    mass = own
    if label_smoothing:
        even = each * (label_smoothing / exponentials.shape[axis])
        even = even if labels.kept is None else even * labels.kept
        own = own * (1 - label_smoothing)
        mass = own + even * _sum_of_class_weights(labels, exponentials)
    gradient = exponentials * (_along_rows(mass, axis) / total)
    if label_smoothing:
        even = _along_rows(even, axis)
        gradient -= even if labels.classes is None else even * along_classes(labels.classes, gradient.ndim)
    np.subtract.at(gradient, labels.entries, own)
    return gradient


@on_arrays(_classes_of_logits_on_arrays)
def _classes_of_logits(
    g: Any, labels: Labels, label_smoothing: float, reduction: str, exponentials: Any, total: Any
) -> Any:
    each = _along_rows(share(g, reduction, labels.divisor), class_axis(exponentials.ndim))
    return _gradient_of_logits(each, _smoothed_labels(labels, exponentials, label_smoothing), exponentials, total)


cross_entropy_of_classes.gradient(logits=_classes_of_logits)


def _gradient_of_logits(each: Any, q: Any, exponentials: Any, total: Any) -> Any:
    """``p * sum(q) - q``, times the cotangent of each row; 0 in rows of nothing but -inf, which have no p."""
    mass = q.sum(axis=class_axis(exponentials.ndim), keepdims=True)
    possible = total != 0
    if possible.all():
        return exponentials * (each * mass / total) - each * q
    return np.where(possible, exponentials * (each * mass / np.where(possible, total, 1)) - each * q, 0)


def _softmax(logits: Any) -> tuple[Any, Any, Any]:
    """The exponentials, shifted, their totals, and ``log(softmax(logits))``."""
    x, axis = wide(logits), class_axis(logits.ndim)
    shifted = x - _highest(plain(x), axis)
    exponentials = np.exp(shifted)
    total = exponentials.sum(axis=axis, keepdims=True)
    if total.all():
        return exponentials, total, shifted - np.log(total)
    return exponentials, total, np.where(total == 0, np.nan, shifted - np.log(total))  # nan has the gradient 0


def _highest(x: np.ndarray, axis: int) -> np.ndarray:
    """The row maxima, as constants (the loss does not depend on what is subtracted), and finite: -inf stays -inf."""
    return np.max(x, axis=axis, keepdims=True, initial=np.finfo(x.dtype).min)


def _total(exponentials: np.ndarray, axis: int) -> np.ndarray:
    """The row totals; of long rows by a product with ones, which takes a third of the time."""
    if exponentials.ndim == 2 and exponentials.shape[1] > 64:
        return exponentials @ ones(exponentials.shape[1], exponentials.dtype)[:, None]
    return np.add.reduce(exponentials, axis=axis, keepdims=True)


def _smoothed(target: Any, weight: Any, label_smoothing: float) -> Any:
    """``weight * ((1 - s) * target + s / C)`` for a target of probabilities."""
    target, ndim = wide(target), target.ndim
    if label_smoothing:
        target = (1 - label_smoothing) * target + label_smoothing / target.shape[class_axis(ndim)]
    return target if weight is None else along_classes(weight, ndim) * target


def _smoothed_labels(labels: Labels, x: Any, label_smoothing: float) -> np.ndarray:
    """The same for labels one-hot, and 0 in rows whose label is ignored."""
    q = _smoothed(labels.one_hot(x.shape, x.dtype), labels.classes, label_smoothing)
    return q if labels.kept is None else q * np.expand_dims(labels.kept, class_axis(x.ndim))


def _even_losses(x: np.ndarray, total: np.ndarray, labels: Labels) -> np.ndarray:
    """The cross-entropy of each row with ``weight / C``, given the row totals of ``exp(x)``."""
    axis = class_axis(x.ndim)
    weights = np.ones((), x.dtype) if labels.classes is None else along_classes(labels.classes, x.ndim)
    losses = np.where(weights == 0, 0, weights * (np.log(total) - x)).sum(axis=axis) / x.shape[axis]
    return losses if labels.kept is None else np.where(labels.kept, losses, 0)


def _sum_of_class_weights(labels: Labels, x: np.ndarray) -> float:
    return x.shape[class_axis(x.ndim)] if labels.classes is None else float(labels.classes.sum(dtype=float))


def _along_rows(values: Any, axis: int) -> Any:
    """One number for each row, or for all, as what broadcasts along the classes."""
    return values if values.ndim == 0 else np.expand_dims(values, axis)


def _check_smoothing(name: str, label_smoothing: float) -> None:
    if number(name, "label_smoothing", label_smoothing, least=0) > 1:
        raise ValueError(f"{name}: label_smoothing is at most 1, not {label_smoothing!r}")


def nll_loss(
    log_p: Any,
    target: Any,
    weight: ArrayLike | None = None,
    *,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Any:
    """``-log_p[target]`` of each row, averaged over the rows (or summed, or each): the negative log-likelihood.

    Of ``log_softmax(logits)`` it is ``cross_entropy``, which is faster.

    Args:
        log_p: logarithms of probabilities, of shape (C,), (N, C) or (N, C, d1, ...).
        target: classes as integers of shape (), (N,) or (N, d1, ...).
        weight: (C,), a factor for each class; a mean is over the sum of ``weight[target]``.
        ignore_index: rows of this class count for nothing: their losses and gradients are 0.
        reduction: "mean" (0 if nothing counts), "sum" or "none".

    Raises:
        ValueError: a class is not one of 0 ... C-1, or the shapes do not fit; the mean of no rows.
        TypeError: classes that are not integers; a weight that requires a gradient, which it does not have.
    """
    log_p, target = array(log_p), array(target)
    check_reduction("nll_loss", reduction)
    check_floating("nll_loss", "log_p", log_p)
    classes = class_weights("nll_loss", weight, log_p)
    labels = class_labels("nll_loss", log_p, target, classes, ignore_index, reduction)
    return nll(log_p, labels=labels, reduction=reduction)


@derived
def nll(log_p: Any, *, labels: Labels, reduction: str) -> Any:
    """The pair of ``nll_loss``, which is linear: the gradient is ``-weight`` at each row's class, and 0 elsewhere."""
    losses = -log_p[labels.entries]
    if labels.weights is not None:
        losses = labels.weights * np.where(labels.weights == 0, 0, losses)
    return narrow(reduce(losses, reduction, labels.divisor), log_p.dtype)


def _nll_on_arrays(g: Any, log_p_shape: tuple, labels: Labels, reduction: str) -> Any:
    own = share(g, reduction, labels.divisor)
    gradient = np.zeros(log_p_shape, g.dtype)
    gradient[labels.entries] = -own if labels.weights is None else -own * labels.weights
    return gradient


@on_arrays(_nll_on_arrays)
def _nll_vjp(g: Any, log_p_shape: tuple, labels: Labels, reduction: str) -> Any:
    own = share(g, reduction, labels.divisor)
    own = own if labels.weights is None else own * labels.weights
    return -_along_rows(own, class_axis(len(log_p_shape))) * labels.one_hot(log_p_shape, g.dtype)


nll.gradient(log_p=_nll_vjp)


class CrossEntropyLoss(Loss):
    """The cross-entropy of logits with classes or probabilities; see ``nn.functional.cross_entropy``."""

    weight: np.ndarray | None

    def __init__(
        self,
        weight: ArrayLike | None = None,
        *,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction=reduction)
        _check_smoothing("CrossEntropyLoss", label_smoothing)
        self.register_buffer("weight", factors("CrossEntropyLoss", "weight", weight))
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    @property
    def expects(self) -> str:
        return scores_of_classes(self.weight)

    def forward(self, logits: Any, target: Any) -> Any:
        return cross_entropy(
            logits,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(Loss):
    """The negative log-likelihood of classes, given logarithms of probabilities; see ``nn.functional.nll_loss``."""

    weight: np.ndarray | None

    def __init__(
        self, weight: ArrayLike | None = None, *, ignore_index: int = -100, reduction: Reduction = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", factors("NLLLoss", "weight", weight))
        self.ignore_index = ignore_index

    @property
    def expects(self) -> str:
        return scores_of_classes(self.weight)

    def forward(self, log_p: Any, target: Any) -> Any:
        return nll_loss(log_p, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)
