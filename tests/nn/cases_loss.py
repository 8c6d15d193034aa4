"""Calls of the losses, with every reduction and option, and an example of each of their layers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autodiff.testing.strategies import arrays, lattice, probability_vectors, shapes
from nn.functional import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cross_entropy,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    multi_margin_loss,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
    triplet_margin_loss,
)
from nn.loss.classification import cross_entropy_of_classes, cross_entropy_of_probabilities, nll
from nn.loss.margin import cosine_embedding, hinge_embedding, multi_margin, triplet_margin
from nn.loss.probability import bce, bce_with_logits

from .cases import Call, Layer, Pair

REDUCTIONS = ("mean", "sum", "none")
MODEST = lattice(-4.0, 4.0)
"""Further apart, second differences of exponentials are lost in what is added to them."""

FRACTIONS = lattice(0.0, 63 / 64).map(lambda p: p + 1 / 128)
"""Between 0 and 1, and beside all points of the lattice, since where both are equal a gradient cancels."""

POSITIVE = lattice(1 / 64, 4.0)
SIGNS = st.sampled_from([1.0, -1.0])
ANY_SHAPE = shapes()


def reductions(count: int, allowed: tuple[str, ...] = REDUCTIONS) -> SearchStrategy[str]:
    """A reduction of so many losses; no losses have no mean."""
    return st.sampled_from([r for r in allowed if count or "mean" not in r])


@st.composite
def entrywise(
    draw: Any,
    function: Callable,
    *values: SearchStrategy[float],
    shape: SearchStrategy[tuple] = ANY_SHAPE,
    allowed: tuple[str, ...] = REDUCTIONS,
    factors: tuple[str, ...] = (),
    **options: SearchStrategy,
) -> Call:
    """Calls of a loss that compares arrays of one shape; ``factors`` names those of its options that broadcast."""
    chosen = draw(shape)
    keywords = {name: draw(option) for name, option in options.items()}
    for name in factors:
        if draw(st.booleans()):
            keywords[name] = draw(arrays(chosen[draw(st.integers(0, len(chosen))) :], POSITIVE))
    keywords["reduction"] = draw(reductions(int(np.prod(chosen)), allowed))
    return Call(function, [draw(arrays(chosen, v)) for v in values], keywords)


@st.composite
def gaussian(draw: Any) -> Call:
    call = draw(entrywise(gaussian_nll_loss, MODEST, MODEST, full=st.booleans(), eps=st.just(1e-6)))
    shape = call.args[0].shape
    forms = [shape] if not shape else [shape, shape[:-1], (*shape[:-1], 1)]
    variances = st.just(0.5) if draw(st.booleans()) else arrays(st.sampled_from(forms), POSITIVE)
    return Call(call.function, [*call.args, draw(variances)], call.options)


@st.composite
def labelled(
    draw: Any, function: Callable, max_dims: int = 3, ignoring: bool = True, **options: SearchStrategy
) -> Call:
    """Calls with scores (C,), (N, C) or (N, C, d1, ...), class indices, and weights of the classes.

    Where all labels are ignored PyTorch's mean is NaN, so that they are not all of them here.
    """
    outer, classes = draw(shapes(max_dims - 1)), draw(st.integers(2, 4))
    count = int(np.prod(outer))
    target = np.array(draw(st.lists(st.integers(0, classes - 1), min_size=count, max_size=count)), int).reshape(outer)
    keywords = {name: draw(option) for name, option in options.items()}
    if draw(st.booleans()):
        keywords["weight"] = draw(arrays((classes,), POSITIVE))
    if ignoring and draw(st.booleans()):
        keywords["ignore_index"] = draw(st.sampled_from([-100, 0]))
        ignored = draw(st.lists(st.booleans(), min_size=count, max_size=count))
        target = np.where(np.reshape(ignored, outer), keywords["ignore_index"], target).astype(int)
        assume(np.any(target != keywords["ignore_index"]))
    keywords["reduction"] = draw(reductions(count))
    scores = draw(uneven((*outer[:1], classes, *outer[1:])))
    return Call(function, [scores, target], keywords)


@st.composite
def uneven(draw: Any, shape: tuple) -> np.ndarray:
    """Scores that are not the same for all classes, where nothing would be left of a gradient but rounding."""
    scores = draw(arrays(shape, MODEST))
    assume(not scores.size or np.ptp(scores, axis=min(len(shape) - 1, 1)).max() > 0)
    return scores


@st.composite
def with_probabilities(draw: Any) -> Call:
    outer, classes = draw(shapes(2, min_side=1)), draw(st.integers(2, 4))
    shape = (*outer[:1], classes, *outer[1:])
    target = draw(probability_vectors(shape, axis=min(len(shape) - 1, 1)) | arrays(shape, lattice(0.0, 2.0)))
    keywords = {"label_smoothing": draw(st.sampled_from([0.0, 0.25])), "reduction": draw(reductions(1))}
    if draw(st.booleans()):
        keywords["weight"] = draw(arrays((classes,), POSITIVE))
    return Call(cross_entropy, [draw(uneven(shape)), target], keywords)


@st.composite
def hinge(draw: Any) -> Call:
    call = draw(entrywise(hinge_embedding_loss, lattice(), SIGNS, margin=st.sampled_from([1.0, 0.5])))
    x, signs = call.args
    return Call(call.function, [x, signs.astype(int)], call.options)


@st.composite
def cosines(draw: Any) -> Call:
    """Vectors that are not parallel, where the gradient is nothing but rounding, nor 0, where the cosine jumps."""
    outer, length = draw(shapes(1, min_side=1)), draw(st.integers(2, 4))
    x1, x2 = (draw(arrays((*outer, length), lattice(-4.0, 4.0, nonzero=True))) for _ in range(2))
    cosine = (x1 * x2).sum(-1) / np.sqrt((x1 * x1).sum(-1) * (x2 * x2).sum(-1))
    assume(np.all(np.abs(cosine) < 0.99))
    target = draw(arrays(outer, SIGNS)).astype(int)
    margin = draw(st.sampled_from([0.0, 0.25]))
    return Call(cosine_embedding_loss, [x1, x2, target], {"margin": margin, "reduction": draw(reductions(1))})


@st.composite
def triplets(draw: Any) -> Call:
    """Triplets of the lattice, with differences off it, and so away from 0, where a norm has a kink.

    No two differences are parallel: of the sum of their gradients nothing would be left but rounding.
    """
    shape = (*draw(shapes(1, min_side=1)), draw(st.integers(2, 3)))
    a, b, c = (draw(arrays(shape, MODEST)) for _ in range(3))
    x, y, z = (
        d / np.linalg.norm(d, axis=-1, keepdims=True) for d in (a - b + 1 / 128, a - c + 1 / 128, b - c + 1 / 128)
    )
    assume(all(np.abs(np.sum(u * v, axis=-1)).max() < 0.99 for u, v in ((x, y), (x, z), (y, z))))
    options = {
        "margin": draw(st.sampled_from([1.0, 0.25])),
        "p": draw(st.sampled_from([1.0, 2.0, 3.0, np.inf])),
        "eps": 1 / 128,
        "swap": draw(st.booleans()),
        "reduction": draw(reductions(1)),
    }
    return Call(triplet_margin_loss, [a, b, c], options)


def kl_div_of_pytorch(torch: Any, *args: Any, **options: Any) -> Any:
    """PyTorch's, without its warning that "mean" is not the mean of the rows' relative entropies."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="reduction: 'mean'")
        return torch.nn.functional.kl_div(*args, **options)


def soft_margin_of_pytorch(torch: Any, x: Any, target: Any, *, reduction: str) -> Any:
    """PyTorch's value and gradient by x; of the target it takes none, so that this is of the formula in its terms."""
    theirs = torch.nn.functional.soft_margin_loss(x, target.detach(), reduction=reduction)
    losses = torch.log1p(torch.exp(-target * x.detach()))
    formula = {"mean": losses.mean, "sum": losses.sum, "none": losses.clone}[reduction]()
    return theirs + (formula - formula.detach())


PAIRS = {
    mse_loss: Pair(entrywise(mse_loss, lattice(), lattice())),
    l1_loss: Pair(entrywise(l1_loss, lattice(), lattice())),
    huber_loss: Pair(entrywise(huber_loss, lattice(), lattice(), delta=st.sampled_from([1.0, 0.25]))),
    smooth_l1_loss: Pair(entrywise(smooth_l1_loss, lattice(), lattice(), beta=st.sampled_from([1.0, 0.25, 0.0]))),
    poisson_nll_loss: Pair(
        # none of these is a small difference of large numbers; and at a target of 1 what ``full`` adds jumps
        entrywise(poisson_nll_loss, lattice(-4.0, -0.5), lattice(65 / 64, 4.0), full=st.booleans())
        | entrywise(
            poisson_nll_loss,
            lattice(1 / 64, 31 / 64),
            st.just(1 / 128) | lattice(65 / 64, 4.0),
            log_input=st.just(False),
            full=st.booleans(),
            eps=st.sampled_from([1 / 64, 0.5]),
        )
    ),
    gaussian_nll_loss: Pair(gaussian()),
    bce: Pair(entrywise(binary_cross_entropy, FRACTIONS, lattice(0.0, 1.0), factors=("weight",))),
    bce_with_logits: Pair(
        entrywise(binary_cross_entropy_with_logits, MODEST, lattice(0.0, 1.0), factors=("weight", "pos_weight"))
    ),
    kl_div: Pair(
        entrywise(
            kl_div, lattice(-4.0, -0.5), lattice(1.0, 4.0), shape=shapes(min_dims=1), allowed=(*REDUCTIONS, "batchmean")
        )
        | entrywise(
            kl_div,
            MODEST,
            MODEST,
            shape=shapes(min_dims=1),
            allowed=(*REDUCTIONS, "batchmean"),
            log_target=st.just(True),
        ),
        peer=kl_div_of_pytorch,
    ),
    cross_entropy_of_classes: Pair(labelled(cross_entropy, label_smoothing=st.sampled_from([0.0, 0.25]))),
    cross_entropy_of_probabilities: Pair(with_probabilities()),
    nll: Pair(labelled(nll_loss)),
    hinge_embedding: Pair(hinge()),
    margin_ranking_loss: Pair(
        entrywise(margin_ranking_loss, MODEST, MODEST, SIGNS | MODEST, margin=st.sampled_from([0.0, 0.5]))
    ),
    soft_margin_loss: Pair(
        entrywise(soft_margin_loss, lattice(-2.0, 2.0), SIGNS | lattice(-2.0, 2.0)), peer=soft_margin_of_pytorch
    ),
    multi_margin: Pair(
        labelled(multi_margin_loss, 2, False, p=st.sampled_from([1, 2]), margin=st.sampled_from([1.0, 0.25]))
    ),
    cosine_embedding: Pair(cosines()),
    triplet_margin: Pair(triplets()),
}

LABELS, SIGNED = np.array([0, 2, 1, 1]), np.array([1, -1, -1, 1])
COUNTS = np.array([[0.5, 2.0, 3.0], [1.5, 4.0, 0.25]])
PROBABILITIES = np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]])

LAYERS = [
    Layer("MSELoss()", (4, 3), (4, 3)),
    Layer("MSELoss(reduction='sum')", (4, 3), (4, 3)),
    Layer("L1Loss(reduction='none')", (4, 3), (4, 3)),
    Layer("SmoothL1Loss(beta=0.5)", (4, 3), (4, 3)),
    Layer("HuberLoss(delta=0.5)", (4, 3), (4, 3)),
    Layer("PoissonNLLLoss()", (2, 3), COUNTS),
    Layer("PoissonNLLLoss(log_input=False, full=True)", COUNTS[::-1].copy(), COUNTS),
    Layer("GaussianNLLLoss(full=True)", (2, 3), (2, 3), COUNTS),
    Layer("BCELoss()", PROBABILITIES, PROBABILITIES[::-1].copy()),
    Layer("BCELoss(weight=np.array([1.0, 2.0, 0.5]))", PROBABILITIES, PROBABILITIES[::-1].copy()),
    Layer("BCEWithLogitsLoss(pos_weight=np.array([1.0, 2.0, 0.5]))", (2, 3), PROBABILITIES),
    Layer("KLDivLoss(reduction='batchmean')", (2, 3), PROBABILITIES),
    Layer("KLDivLoss(reduction='sum', log_target=True)", (2, 3), (2, 3)),
    Layer("CrossEntropyLoss()", (4, 3), LABELS),
    Layer("CrossEntropyLoss(weight=np.array([1.0, 2.0, 0.5]), ignore_index=2)", (4, 3), LABELS),
    Layer("CrossEntropyLoss(label_smoothing=0.1)", (4, 3), LABELS),
    Layer("CrossEntropyLoss(reduction='none')", (2, 3), PROBABILITIES),
    Layer("NLLLoss(weight=np.array([1.0, 2.0, 0.5]))", (4, 3), LABELS),
    Layer("HingeEmbeddingLoss(margin=0.5)", (4,), SIGNED),
    Layer("MarginRankingLoss(margin=0.5)", (4,), (4,), SIGNED),
    Layer("SoftMarginLoss()", (4,), SIGNED),
    Layer("MultiMarginLoss(p=2, margin=0.5, weight=np.array([1.0, 2.0, 0.5]))", (4, 3), LABELS),
    Layer("CosineEmbeddingLoss(margin=0.25)", (4, 3), (4, 3), SIGNED),
    Layer("TripletMarginLoss(margin=0.5, p=3.0, swap=True)", (4, 3), (4, 3), (4, 3)),
]
