"""The verdict on a move: how arguments move, what the gradients say of it, and how much that costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autodiff import Tensor
from autodiff.testing.functions.level import Level, random_directions

RNG = np.random.default_rng(0)


def level(f: Callable, arrays: list[np.ndarray], gradients: list[np.ndarray]) -> Level:
    tensors = [Tensor(x, requires_grad=True) for x in arrays]
    out = f(*tensors)
    cotangents = [np.ones(out.shape)]
    return Level(lambda ts: [f(*ts)], arrays, [out], cotangents, gradients, np.random.default_rng(0))


@pytest.mark.parametrize("factor, kind", [(1, "right"), (1.001, "wrong")])
@pytest.mark.parametrize("size", [2, 100_000])
def test_a_move_of_all_entries_takes_a_few_dozen_evaluations_however_many_there_are(
    factor: float, kind: str, size: int
) -> None:
    x, evaluations = RNG.normal(size=size), []

    def f(x: Any) -> Any:
        evaluations.append(1)
        return np.sin(x)

    at = level(f, [x], [factor * np.cos(x)])
    move = random_directions(RNG, {0: x})
    assert at.verdict(move).kind == kind
    assert len(evaluations) < 300


def test_where_one_array_moves_the_others_may_have_infinite_gradients() -> None:
    at = level(lambda x, y: np.sqrt(x) + y, [np.zeros(2), np.ones(2)], [np.full(2, np.inf), np.ones(2)])
    assert at.claim({1: np.array([1.0, -0.5])}) == (0.5, 1.5)
    assert at.verdict({1: np.array([1.0, -0.5])}).kind == "right"


@pytest.mark.parametrize("f, analytic", [(lambda x: np.sin(x) * x, True), (lambda x: np.abs(x) * x, False)])
def test_a_complex_step_is_taken_where_all_that_was_recorded_is_analytic(f: Callable, analytic: bool) -> None:
    x = np.array([0.5, -2.0])
    at = level(f, [x], [x])
    found = at.complex_step({0: np.array([1.0, 0.0])})
    assert (found is not None) == analytic
    if found is not None:
        np.testing.assert_allclose(found.value, np.cos(0.5) * 0.5 + np.sin(0.5), rtol=1e-14)


def test_code_that_insists_on_real_numbers_has_no_complex_step() -> None:
    def f(x: Any) -> Any:
        if x.dtype.kind == "c":
            raise TypeError("real numbers only")
        return np.sin(x)

    at = level(f, [np.ones(2)], [np.cos(np.ones(2))])
    assert at.complex_step({0: np.ones(2)}) is None


def test_random_directions_are_shorter_for_smaller_entries_and_move_a_lattice_exactly() -> None:
    x = np.array([1e6, 100.0, 0.25, 0.0])
    direction = random_directions(RNG, {0: x})[0]
    lengths = np.abs(direction)
    assert 0.5 <= lengths[0] <= 1 and np.all(lengths[1:] < 1e-3) and np.all(lengths > 0)
    np.testing.assert_array_equal((x + direction / 4) - x, direction / 4)
