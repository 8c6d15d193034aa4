"""Losses where the generic tests of pairs and layers do not go: examples, extreme values, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import scipy.special

import nn
from autodiff import Tensor, grad, jacobian
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

RNG = np.random.default_rng(0)
LOGITS, LABELS = RNG.normal(size=(6, 4)), np.array([0, 3, 1, 2, 2, 0])
COMPARING = [
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
]
LOSSES = [getattr(nn, name) for name in nn.__all__ if name.endswith("Loss")]


def name_of(function: Callable) -> str:
    return function.__name__


def value_and_gradient(function: Callable, x: Any, *args: Any, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """A loss, and its gradient by the first argument for cotangents of 1."""
    tensor = Tensor(np.asarray(x, dtype=getattr(x, "dtype", float)), requires_grad=True)
    loss = function(tensor, *args, **options)
    loss.backward(np.ones_like(loss.data))
    return loss.data, tensor.grad.data


def test_cross_entropy_and_squared_error_of_the_courses_example() -> None:
    A = np.array([[-4.0, -3.0], [-2.0, -1.0], [0.0, 1.0], [2.0, 3.0]])
    Y = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert round(float(nn.CrossEntropyLoss()(A, Y)), 4) == 0.8133
    assert round(float(nn.CrossEntropyLoss()(A, Y.argmax(axis=1))), 4) == 0.8133
    assert float(nn.MSELoss()(A, Y)) == 6.5


def test_probabilities_need_not_sum_to_one() -> None:
    logits, target = np.array([[0.3, -0.2]]), np.array([[240.0, 4.0]])
    _, gradient = value_and_gradient(cross_entropy, logits, target)
    softmax = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(gradient, softmax * target.sum() - target)


def test_cross_entropy_is_stable_for_any_logits_and_impossible_classes() -> None:
    logits = np.array([[1e300, 0.0], [-800.0, 800.0], [-np.inf, 3.0], [-1e300, -1e300], [-np.inf, 2.0]])
    loss, gradient = value_and_gradient(cross_entropy, logits, np.array([0, 0, 1, 1, 0]), reduction="none")
    np.testing.assert_allclose(loss, [0.0, 1600.0, 0.0, np.log(2), np.inf])
    np.testing.assert_allclose(gradient, [[0, 0], [-1, 1], [0, 0], [0.5, -0.5], [-1, 1]])
    found = value_and_gradient(cross_entropy, logits, np.eye(2)[[0, 0, 1, 1, 0]], reduction="none")
    np.testing.assert_allclose(found[0], loss)
    np.testing.assert_allclose(found[1], gradient)


@pytest.mark.parametrize("shift", [0.0, 30.0, -30.0, 95.0, -95.0, 1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_is_as_accurate_wherever_the_logits_are(dtype: type, shift: float) -> None:
    """Near 0 no highest logit is subtracted; at 95 single precision would overflow, at -95 underflow without."""
    logits = (LOGITS + np.array([0, 0, 0, 20])).astype(np.float16).astype(dtype) + dtype(shift)
    exact = logits.astype(np.longdouble)
    log_p = exact - np.log(np.exp(exact - exact.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
    log_p -= exact.max(axis=1, keepdims=True)
    rows = np.arange(len(LABELS))
    expected = np.exp(log_p)
    expected[rows, LABELS] -= 1
    loss, gradient = value_and_gradient(cross_entropy, logits, LABELS, reduction="none")
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(loss, -log_p[rows, LABELS].astype(float), rtol=4 * eps, atol=4 * eps)
    np.testing.assert_allclose(gradient, expected.astype(float), rtol=32 * eps, atol=4 * eps)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("target", [np.array([1, 2]), np.full((2, 3), 0.25)], ids=["classes", "probabilities"])
@pytest.mark.parametrize("context", [nullcontext, nn.by_expression], ids=["derived", "by expression"])
def test_a_row_of_impossible_classes_has_no_loss_but_the_gradient_zero(
    target: np.ndarray, smoothing: float, context: Any
) -> None:
    logits = Tensor(np.array([[-np.inf] * 3, [0.5, 1.0, -2.0]]), requires_grad=True)
    with np.errstate(all="ignore"), context():
        loss = cross_entropy(logits, target, label_smoothing=smoothing, reduction="none")
    assert np.isnan(loss.data[0]) and np.isfinite(loss.data[1])
    loss.backward(np.ones(2))
    alone = value_and_gradient(cross_entropy, logits.data[1:], target[1:], label_smoothing=smoothing)[1]
    np.testing.assert_allclose(logits.grad.data, [[0, 0, 0], alone[0]], rtol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"weight": [1.0, 2.0, 3.0, 0.5]}], ids=str)
def test_where_all_labels_are_ignored_loss_and_gradient_are_zero(options: dict, reduction: str) -> None:
    logits, target = np.where(LOGITS < 0, -np.inf, LOGITS), np.full(6, -100)
    functions = [cross_entropy] if "label_smoothing" in options else [cross_entropy, nll_loss]
    for function in functions:
        loss, gradient = value_and_gradient(function, logits, target, reduction=reduction, **options)
        np.testing.assert_array_equal(loss, 0 if reduction != "none" else np.zeros(6))
        np.testing.assert_array_equal(gradient, np.zeros((6, 4)))


def test_where_all_weights_are_zero_loss_and_gradient_are_zero() -> None:
    loss, gradient = value_and_gradient(cross_entropy, LOGITS, LABELS, np.zeros(4))
    assert loss == 0 and not gradient.any()


def test_an_ignored_row_is_as_if_it_were_not_there() -> None:
    target = np.where(np.arange(6) % 2, 7, LABELS)
    loss, gradient = value_and_gradient(cross_entropy, LOGITS, target, ignore_index=7)
    expected, rows = value_and_gradient(cross_entropy, LOGITS[::2], LABELS[::2])
    np.testing.assert_allclose(loss, expected, rtol=1e-15)
    np.testing.assert_allclose(gradient[::2], rows, rtol=1e-15)
    assert not gradient[1::2].any()


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2]], ids=["F", "strided"])
def test_cross_entropy_of_any_memory_layout(layout: Callable) -> None:
    for found, expected in zip(
        value_and_gradient(cross_entropy, layout(LOGITS), LABELS), value_and_gradient(cross_entropy, LOGITS, LABELS)
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_labels_are_integers_of_any_size(dtype: type) -> None:
    assert cross_entropy(LOGITS, LABELS.astype(dtype)) == cross_entropy(LOGITS, LABELS)


def test_log_softmax_and_nll_loss_together_are_cross_entropy() -> None:
    options = {"weight": [1.0, 2.0, 3.0, 0.5], "ignore_index": 2}
    log_p = scipy.special.log_softmax(LOGITS, axis=1)
    np.testing.assert_allclose(nll_loss(log_p, LABELS, **options), cross_entropy(LOGITS, LABELS, **options))


def test_a_second_backward_pass_gives_the_same_gradient_in_memory_of_its_own() -> None:
    x = Tensor(LOGITS, requires_grad=True)
    loss = cross_entropy(x, LABELS)
    loss.backward(retain_graph=True)
    first, x.grad = x.grad.data, None
    first *= 1  # as a user may
    loss.backward()
    np.testing.assert_array_equal(x.grad.data, first)
    assert not np.shares_memory(x.grad.data, first)


def test_the_jacobian_of_losses_row_by_row() -> None:
    found = jacobian(lambda x: cross_entropy(x, LABELS, reduction="none"))(LOGITS)
    _, rows = value_and_gradient(cross_entropy, LOGITS, LABELS, reduction="sum")
    expected = np.zeros((6, 6, 4))
    expected[np.arange(6), np.arange(6)] = rows
    np.testing.assert_allclose(found, expected, atol=1e-15)


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ([0, 5], ValueError, r"the target 5 at index \(1,\) is not one of the 3 classes 0 \.\.\. 2"),
        ([-1, 0], ValueError, r"the target -1 at index \(0,\)"),
        ([0, 3], ValueError, r"the target 3 at index \(1,\)"),
        ([-100, 3], ValueError, r"the target 3 at index \(1,\)"),
        ([0.0, 1.0], TypeError, "classes are integers, but the target of shape .* is float64, e.g. 0.0"),
        ([True, False], TypeError, "classes are integers, but .* bool"),
        ([[1, 0, 0], [0, 1, 0]], TypeError, "probabilities are floating-point"),
        ([[True, False, False]] * 2, TypeError, "probabilities are floating-point"),
        ([0], ValueError, r"target of shape \(1,\) does not fit \(2, 3\)"),
        ([[0], [1]], ValueError, r"target of shape \(2, 1\) does not fit \(2, 3\)"),
        (1, ValueError, r"target of shape \(\) does not fit \(2, 3\)"),
        ([[0.5, 0.5], [0.5, 0.5]], ValueError, r"target of shape \(2, 2\) does not fit \(2, 3\)"),
    ],
)
def test_cross_entropy_lets_nothing_doubtful_through(target: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        cross_entropy(Tensor(np.zeros((2, 3)), requires_grad=True), np.array(target))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: cross_entropy(LOGITS.astype(int), LABELS),
            TypeError,
            "cross_entropy takes floating-point numbers as logits, but .* int64",
        ),
        (lambda: cross_entropy(LOGITS, LABELS, [1.0, 2.0]), ValueError, r"one factor for each class, \(4,\).*\(2,\)"),
        (lambda: cross_entropy(LOGITS, LABELS, label_smoothing=1.5), ValueError, "label_smoothing is at most 1"),
        (lambda: cross_entropy(LOGITS, LABELS, label_smoothing=-0.1), ValueError, "label_smoothing is at least 0"),
        (lambda: cross_entropy(LOGITS, np.exp(LOGITS), ignore_index=1), ValueError, "ignore_index=1 is for classes"),
        (lambda: cross_entropy(LOGITS[:, :0], LABELS), ValueError, "is not one of the 0 classes"),
        (lambda: cross_entropy(LOGITS[:, :0], np.full(6, -100)), ValueError, "there are no classes"),
        (lambda: nn.CrossEntropyLoss("sum"), TypeError, "weight is an array of numbers or None, not 'sum'"),
        (lambda: binary_cross_entropy(np.array([0.5, 1.5]), np.ones(2)), ValueError, r"is 1.5 at index \(1,\)"),
        (lambda: binary_cross_entropy(np.array([np.nan]), np.ones(1)), ValueError, r"is nan at index \(0,\)"),
        (
            lambda: binary_cross_entropy_with_logits(LOGITS, LOGITS, pos_weight=np.ones(3)),
            ValueError,
            r"pos_weight of shape \(3,\) does not broadcast to \(6, 4\)",
        ),
        (lambda: gaussian_nll_loss(np.zeros(2), np.zeros(2), np.array([1.0, -2.0])), ValueError, r"-2.0 at index"),
        (lambda: gaussian_nll_loss(LOGITS, LOGITS, np.ones((1, 4))), ValueError, r"var has the shape .*\(1, 4\)"),
        (lambda: huber_loss(LOGITS, LOGITS, delta=0), ValueError, "delta is larger than 0, not 0"),
        (lambda: smooth_l1_loss(LOGITS, LOGITS, beta=-1.0), ValueError, "beta is at least 0, not -1.0"),
        (lambda: triplet_margin_loss(LOGITS, LOGITS, LOGITS, 0.0), ValueError, "margin is larger than 0"),
        (lambda: triplet_margin_loss(LOGITS, LOGITS, LOGITS, p=0.5), ValueError, "p is at least 1"),
        (lambda: triplet_margin_loss(*np.zeros((3,))), ValueError, "not single numbers"),
        (lambda: multi_margin_loss(LOGITS, LABELS, p=3), ValueError, "p is 1 or 2, not 3"),
        (lambda: multi_margin_loss(LOGITS, LABELS - 100), ValueError, r"-100 at index \(0,\)"),
        (lambda: multi_margin_loss(LOGITS[None], LABELS[None]), ValueError, r"\(N, C\) or \(C,\), not \(1, 6, 4\)"),
        (lambda: hinge_embedding_loss(np.ones(2), np.array([1, 0])), ValueError, r"1 or -1, but 0\.0 at index \(1,\)"),
        (lambda: cosine_embedding_loss(LOGITS, LOGITS, np.zeros(6)), ValueError, "the target is 1 or -1"),
        (lambda: cosine_embedding_loss(LOGITS, LOGITS, np.ones(4)), ValueError, r"\(6, 4\) and \(4,\)"),
        (lambda: margin_ranking_loss(LOGITS, LOGITS, np.ones(4)), ValueError, r"\(6, 4\) and target of shape \(4,\)"),
        (lambda: mse_loss(np.arange(3), np.ones(3)), TypeError, "floating-point numbers as prediction, but .* int64"),
        (lambda: mse_loss(np.ones(3), 1j * np.ones(3)), TypeError, "takes real numbers as target, not complex128"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_layers_error_names_what_it_expects() -> None:
    loss = nn.CrossEntropyLoss(weight=[1.0, 2.0])
    with pytest.raises(
        nn.LayerError, match=r"expects \(N, 2\), \(2,\) or \(N, 2, d1, \.\.\.\), was given \(6, 4\), \(6,\)"
    ):
        loss(LOGITS, LABELS)


@pytest.mark.parametrize("function", COMPARING, ids=name_of)
def test_shapes_that_only_broadcasting_would_reconcile_are_refused(function: Callable) -> None:
    with pytest.raises(ValueError, match=rf"{function.__name__} compares .* shape \(3,\) and target of shape \(3, 1\)"):
        function(np.full(3, 0.5), np.ones((3, 1)))


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_an_unknown_reduction_is_an_error(loss: type) -> None:
    with pytest.raises(ValueError, match=f"{loss.__name__}: reduction is 'mean', .* not 'median'"):
        loss(reduction="median")


@pytest.mark.parametrize("function", COMPARING, ids=name_of)
def test_no_losses_have_a_sum_but_no_mean(function: Callable) -> None:
    nothing = np.zeros((0, 3))
    with pytest.raises(ValueError, match=r"no mean of no losses, .* \(0, 3\); use reduction='sum'"):
        function(nothing, nothing)
    assert function(nothing, nothing, reduction="sum") == 0
    assert function(nothing, nothing, reduction="none").shape == (0, 3)


def test_an_empty_batch_has_a_sum_but_no_mean() -> None:
    x, labels = np.zeros((0, 3)), np.zeros(0, int)
    for function, args in [
        (cross_entropy, (x, labels)),
        (cross_entropy, (x, x)),
        (nll_loss, (x, labels)),
        (multi_margin_loss, (x, labels)),
        (cosine_embedding_loss, (x, x, labels)),
        (triplet_margin_loss, (x, x, x)),
    ]:
        with pytest.raises(ValueError, match=r"no mean of no losses, .* \(0, 3\)"):
            function(*args)
        loss, gradient = value_and_gradient(function, *args, reduction="sum")
        assert loss == 0 and gradient.shape == (0, 3)
        assert function(*args, reduction="none").shape == (0,)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (cross_entropy, (LOGITS, LABELS)),
        (nll_loss, (LOGITS, LABELS)),
        (multi_margin_loss, (LOGITS, LABELS)),
        (binary_cross_entropy, (np.full((6, 4), 0.5),) * 2),
        (binary_cross_entropy_with_logits, (LOGITS, LOGITS)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_weights_have_no_gradient_and_a_tracked_one_is_refused(function: Callable, args: tuple) -> None:
    tracked = Tensor(np.ones(4), requires_grad=True)
    for name in ("weight", "pos_weight") if function is binary_cross_entropy_with_logits else ("weight",):
        with pytest.raises(TypeError, match=rf"{function.__name__} has no gradient with respect to {name}"):
            function(*args, **{name: tracked})
        assert function(*args, **{name: tracked.detach()}) == function(*args)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: hinge_embedding_loss(np.ones(1), t[None]), "no gradient with respect to target"),
        (lambda t: cosine_embedding_loss(LOGITS[0], LOGITS[1], t), "no gradient with respect to target"),
        (lambda t: huber_loss(LOGITS, LOGITS, delta=t), "huber_loss has no gradient with respect to delta"),
        (lambda t: margin_ranking_loss(LOGITS, LOGITS, LOGITS, t), "margin is a number without a gradient"),
        (lambda t: cross_entropy(LOGITS, LABELS, label_smoothing=t), "label_smoothing is a number without a gradient"),
    ],
)
def test_no_gradient_is_lost_silently(call: Callable, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(Tensor(1.0, requires_grad=True))


def test_half_precision_sums_in_single_precision() -> None:
    ones = np.ones(100_000, np.float16)
    assert mse_loss(ones, 0 * ones) == 1
    logits = np.zeros((2, 100_000), np.float16)
    loss, gradient = value_and_gradient(cross_entropy, logits, np.array([0, 1]))
    assert loss.dtype == gradient.dtype == np.float16
    np.testing.assert_allclose(loss, np.log(100_000), rtol=1e-3)
    np.testing.assert_allclose(gradient[0, 0], -0.5, rtol=1e-3)
    probabilities = np.full((2, 100_000), 1e-5, np.float16)
    np.testing.assert_allclose(cross_entropy(logits, probabilities), np.log(100_000), rtol=1e-2)
    long = np.full((1, 5000), 1.0, np.float16)
    assert abs(float(cosine_embedding_loss(long, long, np.array([1])))) < 1e-3
    np.testing.assert_allclose(triplet_margin_loss(long, 0 * long, long), 1 + np.sqrt(5000), rtol=1e-3)


def test_binary_cross_entropy_is_bounded_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    p, y = np.array([0.0, 0.0, 1.0, 1.0, 1e-300, 1 - 1e-15]), np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0])
    loss, gradient = value_and_gradient(binary_cross_entropy, p, y, reduction="none")
    peer = torch.tensor(p, requires_grad=True)
    theirs = torch.nn.functional.binary_cross_entropy(peer, torch.tensor(y), reduction="none")
    theirs.sum().backward()
    assert loss.max() == 100 and gradient.max() == 1e12
    np.testing.assert_allclose(loss, theirs.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(gradient, peer.grad.numpy(), rtol=1e-8)  # its 1e-12 is a number of single precision


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_with_logits_keeps_its_relative_accuracy_far_out(dtype: type) -> None:
    x = np.array([-800.0, -80.0, -10.0, 10.0, 80.0, 800.0], dtype)
    loss, gradient = value_and_gradient(binary_cross_entropy_with_logits, x, (x > 0).astype(dtype), reduction="none")
    np.testing.assert_allclose(loss, np.log1p(np.exp(-np.abs(x.astype(float)))), rtol=1e-5, atol=1e-45)
    np.testing.assert_allclose(np.abs(gradient), scipy.special.expit(-np.abs(x.astype(float))), rtol=1e-5, atol=1e-45)
    loss, gradient = value_and_gradient(binary_cross_entropy_with_logits, x, (x < 0).astype(dtype), reduction="none")
    np.testing.assert_allclose(loss, np.abs(x), rtol=1e-5)
    np.testing.assert_allclose(gradient, np.sign(x), rtol=1e-4)


def test_soft_margin_loss_does_not_overflow() -> None:
    loss, gradient = value_and_gradient(soft_margin_loss, [800.0, -800.0], np.array([-1, 1]), reduction="none")
    np.testing.assert_array_equal(loss, [800, 800])
    np.testing.assert_array_equal(gradient, [1, -1])


def test_a_variance_below_eps_counts_as_eps_but_can_grow_again() -> None:
    torch = pytest.importorskip("torch")
    var = np.array([0.0, 1e-9, 2.0])
    by_var = grad(gaussian_nll_loss, argnums=2)(np.array([0.0, 1.0, 3.0]), np.zeros(3), var)
    peer = torch.tensor(var, requires_grad=True)
    torch.nn.functional.gaussian_nll_loss(torch.tensor([0.0, 1.0, 3.0]), torch.zeros(3), peer).backward()
    np.testing.assert_allclose(by_var, peer.grad.numpy(), rtol=1e-5)


def test_relative_entropy_of_a_one_hot_target_is_the_negative_log_likelihood() -> None:
    log_p, target = scipy.special.log_softmax(LOGITS, axis=1), np.eye(4)[LABELS]
    found = kl_div(log_p, target, reduction="batchmean")
    np.testing.assert_allclose(found, nll_loss(log_p, LABELS))


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
def test_the_distance_of_equal_vectors_has_the_gradient_zero(p: float) -> None:
    x = np.ones((2, 3))
    by_positive = grad(lambda positive: triplet_margin_loss(x, positive, 2 * x, 9.0, p, eps=0.0))(x)
    np.testing.assert_array_equal(by_positive, np.zeros((2, 3)))


TIES = {
    "a cosine that is the margin": (cosine_embedding_loss, [[[1.0, 0.0]], [[0.0, 2.0]], [-1]], {}),
    "two negative distances alike": (
        triplet_margin_loss,
        [[0.0, 0.0], [2.0, 0.0], [1.0, 3.0]],
        {"swap": True, "p": 1.0, "eps": 0.0, "margin": 5.0},
    ),
    "a triplet just apart enough": (
        triplet_margin_loss,
        [[0.0, 0.0], [1.0, 1.0], [2.0, 1.0]],
        {"p": 1.0, "eps": 0.0, "margin": 1.0},
    ),
    "a pair just apart enough": (margin_ranking_loss, [[1.0], [0.5], [1.0]], {"margin": 0.5}),
    "a distance that is the margin": (hinge_embedding_loss, [[1.0], [-1]], {}),
    "a score that is the margin away": (multi_margin_loss, [[0.0, 1.0], 1], {}),
}


@pytest.mark.parametrize(("function", "args", "options"), TIES.values(), ids=TIES)
def test_kinks_are_those_of_pytorch(function: Callable, args: list, options: dict) -> None:
    torch = pytest.importorskip("torch")
    arrays = [np.array(a) for a in args]
    theirs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    peer = getattr(torch.nn.functional, function.__name__)(*theirs, **options)
    peer.backward()
    for context in (nullcontext, nn.by_expression):
        mine = [Tensor(a, requires_grad=True) if a.dtype.kind == "f" else a for a in arrays]
        with context():
            loss = function(*mine, **options)
        loss.backward()
        assert loss.item() == peer.item()
        for x, y in zip(mine, theirs, strict=True):
            if isinstance(x, Tensor):
                np.testing.assert_allclose(x.grad.data, y.grad.numpy(), rtol=1e-12)


def test_integer_targets_leave_single_precision_as_it_is() -> None:
    x, counts = np.ones(3, np.float32), np.arange(3)
    for function in (mse_loss, l1_loss, huber_loss, poisson_nll_loss, soft_margin_loss):
        loss, gradient = value_and_gradient(function, x, counts)
        assert loss.dtype == gradient.dtype == np.float32


def test_labels_without_a_sign_and_booleans_are_numbers_to_what_multiplies_by_them() -> None:
    for function, args in ((margin_ranking_loss, (np.zeros(2),)), (soft_margin_loss, ()), (mse_loss, ())):
        expected = value_and_gradient(function, np.zeros(2), *args, np.array([1.0, 0.0]))
        for dtype in (np.uint8, bool):
            loss, gradient = value_and_gradient(function, np.zeros(2), *args, np.array([1, 0], dtype))
            assert loss == expected[0]
            np.testing.assert_array_equal(gradient, expected[1])


def test_of_one_class_there_is_nothing_to_learn() -> None:
    for target in (np.zeros(3, int), np.ones((3, 1))):
        loss, gradient = value_and_gradient(cross_entropy, LOGITS[:3, :1], target, label_smoothing=0.25)
        np.testing.assert_allclose(loss, 0, atol=1e-15)
        np.testing.assert_allclose(gradient, np.zeros((3, 1)), atol=1e-15)


def test_lists_are_taken_as_arrays() -> None:
    assert mse_loss([1.0, 2.0], [0, 4]) == 2.5
    assert cross_entropy([0.0, 0.0], 1) == cross_entropy(np.zeros(2), np.array(1)) == np.log(2)
    assert hinge_embedding_loss([0.5], [1]) == 0.5
    assert triplet_margin_loss([0.0], [1.0], [0.5], eps=0.0) == 1.5
    assert cosine_embedding_loss([0.0, 1.0], [2.0, 0.0], 1) == 1


def test_cosines_of_long_vectors_do_not_overflow() -> None:
    x1, x2 = np.array([[1e12, 1e12]], np.float32), np.array([[1e12, 0.0]], np.float32)
    np.testing.assert_allclose(cosine_embedding_loss(x1, x2, np.array([1])), 1 - np.sqrt(0.5), rtol=1e-6)
