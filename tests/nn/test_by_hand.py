"""What by_hand refuses rather than computing a gradient that misses a part, and what may change in between."""

import numpy as np
import pytest

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
