"""Parameters and the dtype they have by default."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nn
from autodiff import Tensor


@pytest.fixture
def default_dtype() -> Iterator[None]:
    before = nn.get_default_dtype()
    yield
    nn.set_default_dtype(before)


@pytest.mark.usefixtures("default_dtype")
def test_the_default_dtype_holds_for_what_is_made_from_then_on() -> None:
    before = nn.Linear(2, 2)
    nn.set_default_dtype(np.float64)
    assert (before.weight.dtype, nn.Linear(2, 2).weight.dtype) == (np.float32, np.float64)
    assert nn.BatchNorm1d(2).running_mean.dtype == np.float64
    assert nn.Linear(2, 2, dtype=np.float16).weight.dtype == np.float16


@pytest.mark.parametrize("dtype", [int, complex, bool])
def test_a_default_dtype_is_floating_point(dtype: Any) -> None:
    with pytest.raises(TypeError, match="parameters are floating-point"):
        nn.set_default_dtype(dtype)


@pytest.mark.parametrize("data", [[1, 2], np.array([1.0, 2.0]), Tensor([1.0, 2.0])])
def test_a_parameter_has_the_default_dtype_whatever_it_is_made_of(data: Any) -> None:
    parameter = nn.Parameter(data)
    assert parameter.dtype == np.float32 and parameter.requires_grad and parameter.is_leaf
    np.testing.assert_array_equal(parameter.data, [1, 2])


def test_nothing_makes_no_parameter() -> None:
    with pytest.raises(TypeError, match="not None"):
        nn.Parameter(None)
