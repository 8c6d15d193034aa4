"""What has no gradient says so rather than losing it."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff import Tensor
from nn.arguments import array, untracked


def test_a_tensor_that_needs_no_gradient_is_an_array() -> None:
    assert type(untracked("f", "weight", Tensor([1.0]))) is np.ndarray
    assert type(untracked("f", "weight", [1.0])) is np.ndarray
    assert untracked("f", "weight", None) is None


def test_a_tensor_that_needs_one_is_refused() -> None:
    with pytest.raises(TypeError, match=r"f has no gradient with respect to weight; pass weight.detach\(\)"):
        untracked("f", "weight", Tensor([1.0], requires_grad=True))


def test_what_is_an_array_or_tensor_stays_that_one() -> None:
    for value in (np.ones(2), Tensor([1.0])):
        assert array(value) is value
    np.testing.assert_array_equal(array([[1, 2]]), np.array([[1, 2]]), strict=True)
