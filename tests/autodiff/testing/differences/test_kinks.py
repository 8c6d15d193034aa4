"""One-sided derivatives of each output, and what they say of a point without a derivative."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from autodiff.testing.differences.finite_difference import along
from autodiff.testing.differences.kinks import Sides, is_sum, one_kind

ONE = np.ones(())


def sides(f: Callable, x: list[float], direction: list[float], weight: np.ndarray = ONE) -> Sides:
    line = along(lambda x: [np.asarray(f(x))], np.array(x, float), np.array(direction, float))
    with np.errstate(invalid="ignore"):
        return Sides.of(line, [weight])


def each(f: Callable, x: list[float], direction: list[float]) -> list[Sides]:
    """The sides along the direction, and along each of its entries alone."""
    directions = [direction, *(np.diag(direction).tolist())]
    return [sides(f, x, d) for d in directions]


def test_sides_of_each_output_are_its_weighted_one_sided_derivatives() -> None:
    found = sides(lambda x: np.stack([np.abs(x[0]), x[0] ** 2 + 3 * x[0], x[1]]), [0, 2], [1, 0], np.array([2, -1, 5]))
    np.testing.assert_allclose(found.left, [-2, -3, 0], atol=1e-8)
    np.testing.assert_allclose(found.right, [2, -3, 0], atol=1e-8)
    assert found.known and found.kinked
    np.testing.assert_allclose([found.low, found.high], [-5, -1], atol=1e-8)


@pytest.mark.parametrize("claimed, between", [(-5.0, True), (-3, True), (-1, True), (-5.01, False), (-0.99, False)])
def test_a_gradient_must_lie_between_the_sums_of_the_lower_and_of_the_upper_sides(
    claimed: float, between: bool
) -> None:
    found = Sides(np.array([-2.0, -3.0]), np.array([2.0, -3.0]), np.full(2, 1e-12))
    assert found.contains(claimed) == between
    assert found.contains(claimed, noise=0.02)


def test_an_end_of_the_domain_is_not_known_and_a_smooth_function_has_no_kink() -> None:
    assert not sides(lambda x: np.sqrt(x[0]), [0], [1]).known
    assert not sides(lambda x: np.exp(x[0]), [0.5], [1]).kinked


@pytest.mark.parametrize("f", [lambda x: x[0] * np.sin(x[1]), lambda x: np.abs(x[0]) + np.exp(x[1])])
def test_what_single_moves_do_adds_up_for_a_smooth_function_and_for_separate_kinks(f: Callable) -> None:
    assert is_sum(*each(f, [0.0, 0.5], [1.0, -0.75]))


@pytest.mark.parametrize("f", [np.max, np.median, np.linalg.norm, lambda x: np.sort(x)[1]])
def test_what_single_moves_do_does_not_add_up_where_ties_or_corners_interact(f: Callable) -> None:
    assert not is_sum(*each(f, [0.0, 0.0, 0.0], [1.0, 0.5, -0.75]))


@pytest.mark.parametrize(
    "f", [np.max, np.min, np.linalg.norm, lambda x: np.stack([np.max(x), np.min(x)]), lambda x: x[0] * x[1]]
)
def test_extrema_and_norms_are_of_one_kind(f: Callable) -> None:
    assert one_kind(*each(f, [0.0, 0.0, 0.0], [1.0, 0.5, -0.75]))


@pytest.mark.parametrize("f", [np.median, lambda x: np.abs(x[0]) - np.abs(x[1]), lambda x: np.sort(x)[1]])
def test_the_middle_of_equals_and_a_difference_of_kinks_are_not(f: Callable) -> None:
    assert not one_kind(*each(f, [0.0, 0.0, 0.0], [1.0, 0.5, -0.75]))


def test_of_very_many_outputs_at_a_kink_nothing_is_said() -> None:
    assert sides(lambda x: np.abs(x[0] + np.zeros(2000)), [0], [1], np.ones(2000)).known
    assert not sides(lambda x: np.abs(x[0] + np.zeros(2001)), [0], [1], np.ones(2001)).known
