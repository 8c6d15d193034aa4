"""Losses of pairs, triplets and scores that should differ by a margin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import array, untracked
from ..derived import derived
from .labels import Labels, class_axis, class_labels, class_weights
from .probability import sigmoid, softplus
from .reduction import (
    Loss,
    Reduction,
    check_count,
    check_floating,
    check_reduction,
    factors,
    first_where,
    narrow,
    number,
    operands,
    reduce,
    share,
    wide,
)

COSINE_EPS = 1e-12
"""What is added to squared lengths, as in PyTorch, so that a vector of zeros has a cosine: 0."""


def hinge_embedding_loss(x: Any, target: Any, margin: float = 1.0, *, reduction: Reduction = "mean") -> Any:
    """A distance where the target is 1, and how much it falls short of the margin where the target is -1.

    ::

        x                     where target == 1
        max(0, margin - x)    where target == -1

    Raises:
        ValueError: a target is neither 1 nor -1; the shapes differ, even where they would broadcast; the mean of no
            entries.
        TypeError: the target requires a gradient, which it does not have.
    """
    name = "hinge_embedding_loss"
    x, target = operands(name, reduction, x=x, target=untracked(name, "target", target))
    margin = number(name, "margin", margin)
    return hinge_embedding(x, similar(name, target), margin=margin, reduction=reduction)


@derived(constants=("alike",))
def hinge_embedding(x: Any, alike: Any, *, margin: float, reduction: str) -> Any:
    """The pair of ``hinge_embedding_loss``: the derivative is 1 where alike, else -1 up to the margin, then 0."""
    return reduce(np.where(alike, x, positive_part(margin - x)), reduction)


@hinge_embedding.gradient
def _(g: Any, x: Any, alike: Any, margin: float, reduction: str) -> dict[str, Any]:
    each = share(g, reduction, x.size)
    return {"x": np.where(alike, each, np.where(margin - x < 0, 0, -each))}


@derived(residuals=("short",))
def margin_ranking_loss(x1: Any, x2: Any, target: Any, margin: float = 0.0, *, reduction: Reduction = "mean") -> Any:
    """``max(0, margin - target * (x1 - x2))``: x1 should be larger by the margin where the target is 1, x2 where -1.

    With ``short = margin - target * (x1 - x2)``, where that is not negative::

        d/dx1 = -target = -d/dx2
        d/dtarget = x2 - x1

    As in PyTorch, targets other than 1 and -1 are not refused: they are factors of the difference.

    Raises:
        ValueError: the shapes differ, even where they would broadcast; the mean of no entries.
    """
    x1, x2, target = operands("margin_ranking_loss", reduction, x1=x1, x2=x2, target=target)
    short = number("margin_ranking_loss", "margin", margin) - target * (x1 - x2)
    return reduce(positive_part(short), reduction), short


def _where_short(g: Any, reduction: str, short: Any) -> Any:
    return np.where(short < 0, 0, share(g, reduction, short.size))


margin_ranking_loss.gradient(
    x1=lambda g, target, reduction, short: -(target * _where_short(g, reduction, short)),
    x2=lambda g, target, reduction, short: target * _where_short(g, reduction, short),
    target=lambda g, x1, x2, reduction, short: (x2 - x1) * _where_short(g, reduction, short),
)


@derived
def soft_margin_loss(x: Any, target: Any, *, reduction: Reduction = "mean") -> Any:
    """``log(1 + exp(-target * x))``, for targets of 1 and -1.

    The derivative of ``log(1 + exp(z))`` is ``sigmoid(z)``, so with ``s = sigmoid(-target * x)``::

        d/dx = -target * s
        d/dtarget = -x * s

    As in PyTorch, other targets are not refused: they are factors of x.

    Raises:
        ValueError: the shapes differ, even where they would broadcast; the mean of no entries.
    """
    x, target = operands("soft_margin_loss", reduction, x=x, target=target)
    return reduce(softplus(-(target * x)), reduction)


def _soft_margin_vjp(g: Any, x: Any, target: Any, reduction: str, factor: Any) -> Any:
    return share(g, reduction, x.size) * -(factor * sigmoid(-(target * x)))


soft_margin_loss.gradient(
    x=lambda g, x, target, reduction: _soft_margin_vjp(g, x, target, reduction, target),
    target=lambda g, x, target, reduction: _soft_margin_vjp(g, x, target, reduction, x),
)


def multi_margin_loss(
    x: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    *,
    reduction: Reduction = "mean",
) -> Any:
    """``sum(max(0, margin - x[target] + x[c])**p) / C`` over the classes c other than the target (Crammer and Singer).

    Args:
        x: the scores of the classes, (N, C) or (C,).
        target: classes as integers, (N,) or ().
        p: 1 or 2.
        margin: by how much the score of the target should be the highest.
        weight: (C,), a factor for the rows of each class. The mean is over the number of rows.
        reduction: "mean" over the rows, "sum" or "none".

    Raises:
        ValueError: a class is not one of 0 ... C-1, or the shapes do not fit; ``p`` is neither 1 nor 2; the mean of no
            rows.
        TypeError: classes that are not integers; a weight that requires a gradient, which it does not have.
    """
    name, x, target = "multi_margin_loss", array(x), array(target)
    check_reduction(name, reduction)
    check_floating(name, "x", x)
    if p not in (1, 2):
        raise ValueError(f"{name}: p is 1 or 2, not {p!r}")
    if x.ndim not in (1, 2):
        raise ValueError(f"{name}: the scores have the shape (N, C) or (C,), not {x.shape}")
    labels = class_labels(name, x, target, class_weights(name, weight, x), None, reduction)
    return multi_margin(x, labels=labels, p=p, margin=number(name, "margin", margin), reduction=reduction)


@derived(residuals=("excess",))
def multi_margin(x: Any, *, labels: Labels, p: int, margin: float, reduction: str) -> Any:
    """The pair of ``multi_margin_loss``. With ``excess = max(0, margin - x[target] + x)``, 0 at the target itself::

        d/dx[c]      = p * excess[c]**(p - 1) / C     where excess[c] > 0
        d/dx[target] = -(the sum of these)

    times the weight.
    """
    axis, dtype, x = class_axis(x.ndim), x.dtype, wide(x)
    own = np.expand_dims(x[labels.entries], axis)
    others = ~labels.one_hot(x.shape, bool)
    over = margin - own + x
    excess = np.where(others & ~(over <= 0), over, 0)
    losses = (excess**p).sum(axis=axis) / x.shape[axis]
    losses = losses if labels.weights is None else labels.weights * losses
    return narrow(reduce(losses, reduction), dtype), excess


@multi_margin.gradient
def _(g: Any, labels: Labels, p: int, reduction: str, excess: Any) -> dict[str, Any]:
    axis = class_axis(excess.ndim)
    each = share(g, reduction, math.prod(excess.shape[:axis])) / excess.shape[axis]
    each = each if labels.weights is None else each * labels.weights
    slope = p * np.where(excess != 0, excess ** (p - 1), 0)
    slope = slope - labels.one_hot(excess.shape, excess.dtype) * slope.sum(axis=axis, keepdims=True)
    return {"x": (each if np.ndim(each) == 0 else np.expand_dims(each, axis)) * slope}


def cosine_embedding_loss(x1: Any, x2: Any, target: Any, margin: float = 0.0, *, reduction: Reduction = "mean") -> Any:
    """``1 - cos(x1, x2)`` where the target is 1, and ``max(0, cos(x1, x2) - margin)`` where it is -1.

    Args:
        x1, x2: vectors, (N, D) or (D,).
        target: 1 or -1 for each pair, (N,) or ().
        margin: the cosine up to which vectors count as different, between -1 and 1.
        reduction: "mean" over the pairs, "sum" or "none".

    Raises:
        ValueError: a target is neither 1 nor -1; the shapes do not fit, even where they would broadcast; the mean of no
            pairs.
        TypeError: the target requires a gradient, which it does not have.
    """
    name = "cosine_embedding_loss"
    target = untracked(name, "target", target)
    x1, x2 = operands(name, "none", x1=x1, x2=x2)
    check_reduction(name, reduction)
    if x1.ndim not in (1, 2) or target.shape != x1.shape[:-1]:
        raise ValueError(
            f"{name} takes vectors (N, D) or (D,) and a target (N,) or (), but was given {x1.shape} and {target.shape}"
        )
    check_count(name, reduction, target.size, x1.shape)
    margin = number(name, "margin", margin)
    return cosine_embedding(x1, x2, similar(name, target), margin=margin, reduction=reduction)


@derived(residuals=("cosine", "square1", "square2"), constants=("alike",))
def cosine_embedding(x1: Any, x2: Any, alike: Any, *, margin: float, reduction: str) -> Any:
    """The pair of ``cosine_embedding_loss``. With ``c = x1 . x2 / (|x1| |x2|)``::

        dc/dx1 = x2 / (|x1| |x2|) - c * x1 / |x1|**2

    and so by x2. The loss has the derivative -1 by c for vectors that should be alike, 1 above the margin for others.
    """
    dtype, x1, x2 = x1.dtype, wide(x1), wide(x2)
    square1 = (x1 * x1).sum(axis=-1) + COSINE_EPS
    square2 = (x2 * x2).sum(axis=-1) + COSINE_EPS
    cosine = (x1 * x2).sum(axis=-1) / (np.sqrt(square1) * np.sqrt(square2))
    losses = np.where(alike, 1 - cosine, positive_part(cosine - margin))
    return narrow(reduce(losses, reduction), dtype), cosine, square1, square2


@cosine_embedding.gradient
def _(
    g: Any, x1: Any, x2: Any, alike: Any, margin: float, reduction: str, cosine: Any, square1: Any, square2: Any
) -> dict[str, Any]:
    each = share(g, reduction, cosine.size)
    by_cosine = np.where(alike, -each, np.where(cosine < margin, 0, each))
    across = (by_cosine / (np.sqrt(square1) * np.sqrt(square2)))[..., None]
    along = by_cosine * cosine
    return {
        "x1": lambda: across * x2 - (along / square1)[..., None] * x1,
        "x2": lambda: across * x1 - (along / square2)[..., None] * x2,
    }


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: Reduction = "mean",
) -> Any:
    """``max(0, margin + |anchor - positive + eps| - |anchor - negative + eps|)`` in the p-norm over the last axis.

    Args:
        anchor, positive, negative: vectors of one shape, (N, D) or (D,) or with more axes before the last.
        margin: by how much the anchor should be nearer to the positive example than to the negative one.
        p: of the norm, at least 1; may be infinite.
        eps: added to each difference.
        swap: whether to take the distance of the positive example from the negative one, where that is smaller than the
            anchor's (Balntas et al. 2016).
        reduction: "mean" over the triplets, "sum" or "none".

    Raises:
        ValueError: the shapes differ, even where they would broadcast; ``margin`` is not positive or ``p`` less than 1;
            the mean of no triplets.
    """
    name = "triplet_margin_loss"
    check_reduction(name, reduction)
    margin, p = number(name, "margin", margin, above=0), number(name, "p", p, least=1)
    given = operands(name, "none", anchor=anchor, positive=positive, negative=negative)
    shape = given[0].shape
    if not shape:
        raise ValueError(f"{name} takes vectors (N, D) or (D,), not single numbers")
    check_count(name, reduction, math.prod(shape[:-1]), shape)
    return triplet_margin(*given, margin=margin, p=p, eps=number(name, "eps", eps), swap=swap, reduction=reduction)


@derived(residuals=("short", "gaps", "distances"))
def triplet_margin(
    anchor: Any, positive: Any, negative: Any, *, margin: float, p: float, eps: float, swap: bool, reduction: str
) -> Any:
    """The pair of ``triplet_margin_loss``. With z for a difference and ``d = |z|``, the derivative of d by z is
    ``sign(z) * (|z| / d)**(p - 1)``, 0 at 0. The anchor takes part in two differences, the other two in one each, or
    with ``swap`` in two.
    """
    a, b, c = map(wide, (anchor, positive, negative))
    gaps = (a - b + eps, a - c + eps, *((b - c + eps,) if swap else ()))
    distances = tuple(np.linalg.norm(gap, p, axis=-1) for gap in gaps)
    short = margin + distances[0] - (np.minimum(*distances[1:]) if swap else distances[1])
    return narrow(reduce(positive_part(short), reduction), anchor.dtype), short, gaps, distances


@triplet_margin.gradient
def _(g: Any, p: float, swap: bool, reduction: str, short: Any, gaps: Any, distances: Any) -> dict[str, Any]:
    each = _where_short(g, reduction, short)
    near = each[..., None] * _norm_slope(gaps[0], distances[0], p)
    by_far = _share_of_smaller(each, *distances[1:]) if swap else each
    far = by_far[..., None] * _norm_slope(gaps[1], distances[1], p)
    if not swap:
        return {"anchor": lambda: near - far, "positive": lambda: -near, "negative": lambda: far}
    swapped = (each - by_far)[..., None] * _norm_slope(gaps[2], distances[2], p)
    return {
        "anchor": lambda: near - far,
        "positive": lambda: -near - swapped,
        "negative": lambda: far + swapped,
    }


def _share_of_smaller(g: Any, x: Any, y: Any) -> Any:
    """The part of the cotangent of ``minimum(x, y)`` that is for x; at a tie both have a half."""
    return np.where(x < y, g, np.where(x == y, 0.5 * g, 0))


def _norm_slope(z: Any, norm: Any, p: float) -> Any:
    """The derivative of the p-norm over the last axis, 0 at 0; the largest entries share that of the infinite one."""
    norm = norm[..., None]
    if p == 1:
        return np.sign(z)
    if p == np.inf:
        largest = np.abs(z) == norm
        return np.sign(z) * (largest / largest.sum(axis=-1, keepdims=True))
    ratio = z / np.where(norm == 0, 1, norm)
    return ratio if p == 2 else np.sign(z) * np.abs(ratio) ** (p - 1)


def positive_part(x: Any) -> Any:
    """``max(0, x)``, with derivative 1 at 0 as in PyTorch; NaN stays NaN."""
    return np.where(x < 0, 0, x)


def similar(name: str, target: Any) -> np.ndarray:
    """Where the target is 1; raises ValueError where it is neither 1 nor -1."""
    alike = target == 1
    neither = ~(alike | (target == -1))
    if neither.any():
        raise ValueError(f"{name}: the target is 1 or -1, but {first_where(neither, target)} was given")
    return alike


class HingeEmbeddingLoss(Loss):
    """A distance that should be small, or beyond the margin; see ``nn.functional.hinge_embedding_loss``."""

    def __init__(self, margin: float = 1.0, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = number("HingeEmbeddingLoss", "margin", margin)

    def forward(self, x: Any, target: Any) -> Any:
        return hinge_embedding_loss(x, target, self.margin, reduction=self.reduction)


class MarginRankingLoss(Loss):
    """Of two scores the right one should be the higher; see ``nn.functional.margin_ranking_loss``."""

    def __init__(self, margin: float = 0.0, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = number("MarginRankingLoss", "margin", margin)

    def forward(self, x1: Any, x2: Any, target: Any) -> Any:
        return margin_ranking_loss(x1, x2, target, self.margin, reduction=self.reduction)


class SoftMarginLoss(Loss):
    """The logistic loss of scores with the labels 1 and -1; see ``nn.functional.soft_margin_loss``."""

    def forward(self, x: Any, target: Any) -> Any:
        return soft_margin_loss(x, target, reduction=self.reduction)


class MultiMarginLoss(Loss):
    """The score of the right class should be the highest; see ``nn.functional.multi_margin_loss``."""

    weight: np.ndarray | None

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: ArrayLike | None = None, *, reduction: Reduction = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: p is 1 or 2, not {p!r}")
        self.p = p
        self.margin = number("MultiMarginLoss", "margin", margin)
        self.register_buffer("weight", factors("MultiMarginLoss", "weight", weight))

    @property
    def expects(self) -> str:
        classes = "C" if self.weight is None else np.size(self.weight)
        return f"(N, {classes}) or ({classes},)"

    def forward(self, x: Any, target: Any) -> Any:
        return multi_margin_loss(x, target, self.p, self.margin, self.weight, reduction=self.reduction)


class CosineEmbeddingLoss(Loss):
    """Vectors should point the same way, or not; see ``nn.functional.cosine_embedding_loss``."""

    def __init__(self, margin: float = 0.0, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = number("CosineEmbeddingLoss", "margin", margin)

    @property
    def expects(self) -> str:
        return "(N, D) or (D,)"

    def forward(self, x1: Any, x2: Any, target: Any) -> Any:
        return cosine_embedding_loss(x1, x2, target, self.margin, reduction=self.reduction)


class TripletMarginLoss(Loss):
    """An anchor should be nearer to one example than to another; see ``nn.functional.triplet_margin_loss``."""

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        *,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.margin = number("TripletMarginLoss", "margin", margin, above=0)
        self.p = number("TripletMarginLoss", "p", p, least=1)
        self.eps = number("TripletMarginLoss", "eps", eps)
        self.swap = swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        return triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction
        )
