"""What has no gradient says so rather than losing it."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff import Tensor
from nn.arguments import untracked


def test_a_tensor_that_needs_no_gradient_is_an_array() -> None:
    assert type(untracked("f", "weight", Tensor([1.0]))) is np.ndarray
    assert type(untracked("f", "weight", [1.0])) is np.ndarray
    assert untracked("f", "weight", None) is None


def test_a_tensor_that_needs_one_is_refused() -> None:
    with pytest.raises(TypeError, match=r"f has no gradient with respect to weight; pass weight.detach\(\)"):
        untracked("f", "weight", Tensor([1.0], requires_grad=True))
