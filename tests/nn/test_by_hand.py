"""What by_hand refuses rather than computing a gradient that misses a part, and what may change in between."""

import copy
import pickle

import numpy as np
import pytest
import scipy.special

import nn
from nn.functional import linear, mse_loss

X = np.random.default_rng(0).normal(size=(4, 3))


class Autoencoder(nn.Module):
    def __init__(self):
        self.code = nn.Linear(3, 3, dtype=float)

    def forward(self, x):
        return mse_loss(self.code(x), x)


class Doubled(nn.Module):
    def __init__(self):
        self.weight = nn.Parameter(np.ones((2, 3)), dtype=float)

    def forward(self, x):
        return linear(x, self.weight * 2)


def test_an_input_that_is_used_twice_is_refused_since_one_of_its_gradients_would_be_missing():
    with pytest.raises(TypeError, match="Autoencoder cannot be run by hand: mse_loss was given a value a second time"):
        nn.by_hand(Autoencoder()).forward(X)


def test_a_parameter_that_is_changed_on_the_way_is_refused_since_its_gradient_would_be_lost():
    with pytest.raises(TypeError, match=r"Doubled cannot be run by hand: a tensor \(2, 3\) was computed outside"):
        nn.by_hand(Doubled()).forward(X)


def test_after_a_forward_that_was_refused_there_is_nothing_to_go_back_through():
    hand = nn.by_hand(Autoencoder())
    with pytest.raises(TypeError):
        hand.forward(X)
    with pytest.raises(RuntimeError, match="backward before forward"):
        hand.backward(1.0)


def test_gradients_are_those_of_the_values_that_went_forward_even_if_parameters_were_replaced_since():
    layer, dy = nn.Linear(3, 2, dtype=float), np.ones((4, 2))
    hand = nn.by_hand(layer)
    hand.forward(X)
    expected = dy @ layer.weight.data
    layer.weight.data = layer.weight.data + 1
    np.testing.assert_array_equal(hand.backward(dy), expected)
    np.testing.assert_array_equal(hand.gradients["weight"], dy.T @ X)
    assert sorted(hand.gradients) == ["bias", "weight"]


def test_a_parameter_that_requires_no_grad_gets_none_by_hand():
    layer = nn.Linear(3, 2, dtype=float)
    layer.weight.requires_grad = False
    hand = nn.by_hand(layer)
    hand.forward(X)
    hand.backward(np.ones((4, 2)))
    assert list(hand.gradients) == ["bias"]


def test_by_hand_runs_losses_backward_without_an_argument():
    hand = nn.by_hand(nn.CrossEntropyLoss())
    logits = np.array([[1.0, 2.0, 3.0]])
    hand.forward(logits, np.array([0]))
    softmax = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(hand.backward(), softmax - [[1.0, 0.0, 0.0]])


def test_by_hand_says_what_is_wrong():
    hand = nn.by_hand(nn.Sequential(nn.Linear(4, 2), nn.ReLU()))
    with pytest.raises(RuntimeError, match="backward before forward"):
        hand.backward(np.ones(1))
    hand.forward(np.ones((2, 4), np.float32))
    with pytest.raises(ValueError, match=r"shape \(2, 2\).*\(2,\)"):
        hand.backward(np.ones(2))


def test_every_input_has_its_gradient_and_indices_have_none():
    weight = np.arange(6.0).reshape(3, 2)
    layer = nn.Embedding(3, 2, dtype=float)
    layer.weight.data = weight
    hand = nn.by_hand(nn.Sequential(layer, nn.ReLU()))
    hand.forward([2, 1])
    assert hand.backward(np.ones((2, 2))) is None
    np.testing.assert_array_equal(hand.gradients["0.weight"], [[0, 0], [1, 1], [1, 1]])
    loss = nn.by_hand(nn.MSELoss(reduction="sum"))
    loss.forward(X, X)  # the same array twice, yet two inputs
    loss.forward(X, X + 1)
    dx = loss.backward()
    np.testing.assert_allclose(dx, -2 * np.ones_like(X))
    np.testing.assert_allclose(loss.input_gradients[1], 2 * np.ones_like(X))


def test_layers_that_do_nothing_hand_the_gradient_on():
    hand = nn.by_hand(nn.Sequential(nn.Dropout(0.5), nn.Identity()).eval())
    dy = np.ones_like(X)
    np.testing.assert_array_equal(hand.forward(X), X)
    np.testing.assert_array_equal(hand.backward(dy), dy)
    assert not np.shares_memory(hand.backward(dy), dy)


def test_integers_have_no_gradient_by_hand():
    hand = nn.by_hand(nn.Linear(4, 3, dtype=float))
    hand.forward(np.ones((2, 4), int))
    assert hand.backward(np.ones((2, 3))) is None
    np.testing.assert_array_equal(hand.gradients["weight"], np.full((3, 4), 2.0))


@pytest.mark.parametrize("other", [np.tanh, nn.Linear])
def test_only_modules_and_functions_are_run_by_hand(other):
    with pytest.raises(TypeError, match="by_hand runs a module, or a function of nn.functional, not"):
        nn.by_hand(other)


def test_functions_are_run_by_hand_with_gradients_of_all_their_arguments():
    weight, bias, dy = np.ones((2, 3)), np.zeros(2), np.arange(8.0).reshape(4, 2)
    hand = nn.by_hand(linear)
    np.testing.assert_array_equal(hand.forward(X, weight, bias), X @ weight.T)
    dx = hand.backward(dy)
    assert dx is hand.input_gradients[0]
    for found, expected in zip(hand.input_gradients, (dy @ weight, dy.T @ X, dy.sum(axis=0)), strict=True):
        np.testing.assert_allclose(found, expected)
    hand.forward(X, weight, None)
    hand.backward(dy)
    assert hand.input_gradients[2] is None
    loss = nn.by_hand(nn.functional.cross_entropy)
    loss.forward(X, np.array([0, 1, 2, 1]), reduction="sum")
    np.testing.assert_allclose(loss.backward(), scipy.special.softmax(X, axis=1) - np.eye(3)[[0, 1, 2, 1]])


def test_what_ran_by_hand_can_be_copied_and_pickled():
    hand = nn.by_hand(nn.Sequential(nn.Linear(3, 2, dtype=float), nn.Tanh()))
    y = hand.forward(X)
    expected = hand.backward(np.ones_like(y))
    for other in (copy.deepcopy(hand), pickle.loads(pickle.dumps(hand))):
        np.testing.assert_array_equal(other.backward(np.ones_like(y)), expected)
        np.testing.assert_array_equal(other.gradients["0.weight"], hand.gradients["0.weight"])
        np.testing.assert_array_equal(other.forward(X), y)
        np.testing.assert_array_equal(other.backward(np.ones_like(y)), expected)
