"""Layers that arrange entries anew, given what cannot be arranged so."""

from __future__ import annotations

import numpy as np
import pytest

import nn
from autodiff import Tensor
from nn.functional import flatten, unflatten


def test_a_view_is_handed_on_where_that_is_possible() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    assert np.shares_memory(flatten(x), x) and np.shares_memory(unflatten(x, dim=2, unflattened_size=(2, 2)), x)


def test_empty_axes_are_arranged_too() -> None:
    assert flatten(np.zeros((0, 2, 3))).shape == (0, 6)
    assert flatten(np.zeros((2, 0, 3))).shape == (2, 0)
    assert unflatten(np.zeros((2, 0)), dim=1, unflattened_size=(3, -1)).shape == (2, 3, 0)
    assert flatten(np.zeros(()), start_dim=0).shape == (1,)


def test_what_is_not_selected_behind_them_has_gradient_zero_through_them() -> None:
    x = Tensor([[0.0, 1.0, 1.0, 2.0]], requires_grad=True)
    with np.errstate(divide="ignore"):
        unflatten(np.log(x), dim=1, unflattened_size=(2, 2))[0, 1].sum().backward()
    np.testing.assert_array_equal(x.grad.data, [[0.0, 0.0, 1.0, 0.5]])
    x.grad = None
    with np.errstate(divide="ignore"):
        flatten(np.log(x), start_dim=0)[1:].sum().backward()
    np.testing.assert_array_equal(x.grad.data, [[0.0, 1.0, 1.0, 0.5]])


@pytest.mark.parametrize(
    "layer, shape, message",
    [
        (nn.Flatten(), (3,), r"Flatten\(\) was given \(3,\): flatten: shape \(3,\) has no axis 1"),
        (nn.Flatten(2, 1), (2, 3, 4), r"flatten: start_dim=2 is behind end_dim=1 in shape \(2, 3, 4\)"),
        (nn.Flatten(0, 3), (2, 3), "has no axis 3"),
        (nn.Unflatten(1, (2, 2)), (3, 5), r"unflatten: axis 1 of shape \(3, 5\) is not of the sizes \(2, 2\)"),
        (nn.Unflatten(1, (2, -1)), (3, 5), r"sizes \(2, -1\)"),
        (nn.Unflatten(1, (-1, -1)), (3, 4), r"sizes \(-1, -1\)"),
        (nn.Unflatten(1, (0, -1)), (3, 4), r"sizes \(0, -1\)"),
        (nn.Unflatten(1, (-2, -2)), (3, 4), r"sizes \(-2, -2\)"),
        (nn.Unflatten(1, ()), (3, 1), r"sizes \(\)"),
        (nn.Unflatten(2, (2, 2)), (3, 4), "has no axis 2"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_an_error(layer: nn.Module, shape: tuple, message: str) -> None:
    with pytest.raises(nn.LayerError, match=message):
        layer(np.zeros(shape))
