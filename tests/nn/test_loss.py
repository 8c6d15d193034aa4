"""Losses at the edges."""

import numpy as np
import pytest

import nn
from autodiff import Tensor


def loss_and_gradient(logits, target, reduction="mean"):
    x = Tensor(np.array(logits), requires_grad=True)
    loss = nn.CrossEntropyLoss(reduction)(x, np.array(target))
    loss.backward(np.ones(loss.shape))
    return loss.data, x.grad.data


def test_cross_entropy_of_the_courses_example():
    A = np.array([[-4.0, -3.0], [-2.0, -1.0], [0.0, 1.0], [2.0, 3.0]])
    Y = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert round(float(nn.CrossEntropyLoss()(A, Y)), 4) == 0.8133
    assert float(nn.MSELoss()(A, Y)) == 6.5


def test_cross_entropy_is_stable_for_any_logits_and_impossible_classes():
    loss, gradient = loss_and_gradient([[1e300, 0.0], [-800.0, 800.0], [-np.inf, 3.0]], [0, 0, 1], "none")
    np.testing.assert_array_equal(loss, [0.0, 1600.0, 0.0])
    np.testing.assert_array_equal(gradient, [[0.0, 0.0], [-1.0, 1.0], [0.0, 0.0]])


def test_probabilities_need_not_sum_to_one():
    logits, target = np.array([[0.3, -0.2]]), np.array([[240.0, 4.0]])
    _, gradient = loss_and_gradient(logits, target)
    softmax = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(gradient, softmax * target.sum() - target)


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ([0, 5], ValueError, "target 5 in row 1 is not one of the 3 classes"),
        ([-1, 0], ValueError, "target -1 in row 0"),
        ([0.0, 1.0], TypeError, "classes are integers"),
        ([[1, 0, 0], [0, 1, 0]], TypeError, "probabilities are floating-point"),
        ([0], ValueError, r"logits \(2, 3\) and a target \(1,\)"),
    ],
)
def test_cross_entropy_lets_nothing_doubtful_through(target, error, message):
    with pytest.raises(error, match=message):
        nn.functional.cross_entropy(Tensor(np.zeros((2, 3)), requires_grad=True), np.array(target))


def test_mse_refuses_shapes_that_only_broadcasting_would_reconcile():
    with pytest.raises(ValueError, match=r"\(3,\).*\(3, 1\)"):
        nn.MSELoss()(np.zeros(3), np.zeros((3, 1)))


def test_an_unknown_reduction_is_an_error():
    with pytest.raises(ValueError, match="'median'"):
        nn.MSELoss("median")
