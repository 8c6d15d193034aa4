"""Cotangents drawn and pulled back, as all checks do."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff import Tensor
from autodiff.testing.pulled_back import normal, plain, pulled_back


def leaves(*values: list[float]) -> list[Tensor]:
    return [Tensor(np.array(value), requires_grad=True) for value in values]


def test_gradients_are_pulled_back_more_than_once_and_into_no_grad() -> None:
    x, y = leaves([0.5, 2.0], [3.0, 4.0])
    for _ in range(2):
        found = pulled_back([x * y], [np.array([1.0, -1.0])], [x, y])
        np.testing.assert_array_equal([g.data for g in found], [[3, -4], [0.5, -2]])
    assert x.grad is None


def test_what_the_tape_has_no_way_to_has_the_gradient_zero() -> None:
    x, y = leaves([0.5, 2.0], [3.0, 4.0])
    for outputs in ([x * 2], [x * 2, np.ones(2)], [x.detach()], []):
        found = pulled_back(outputs, [np.ones(2)] * len(outputs), [x, y])
        np.testing.assert_array_equal(found[1].data, np.zeros(2))


def test_an_output_without_a_cotangent_is_left_out() -> None:
    (x,) = leaves([0.5, 2.0])
    (found,) = pulled_back([x * 2, x * 3], [None, np.ones(2)], [x])
    np.testing.assert_array_equal(found.data, [3, 3])


def test_a_pass_is_recorded_if_asked_for() -> None:
    (x,) = leaves([0.5, 2.0])
    assert pulled_back([x * x], [np.ones(2)], [x], create_graph=True)[0].requires_grad
    assert not pulled_back([x * x], [np.ones(2)], [x])[0].requires_grad


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("shape", [(), (3, 2), (0,)])
def test_cotangents_have_the_form_of_the_output_and_both_parts_if_it_is_complex(dtype: type, shape: tuple) -> None:
    found = normal(np.random.default_rng(0), np.zeros(shape, dtype))
    assert (found.shape, found.dtype) == (shape, dtype)
    assert np.all(found.real != 0) and np.all((found.imag != 0) == (dtype is np.complex128))


def test_tensors_arrays_and_numbers_are_plain_arrays() -> None:
    for value in (Tensor(2.0), np.array(2.0), 2.0):
        assert type(plain(value)) is np.ndarray and plain(value) == 2
