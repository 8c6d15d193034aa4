"""Probabilities sum to 1; logits are of every awkward kind; both along any axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff.testing.strategies import logits, probability_vectors, shapes

from .drawing import comes_up

SHAPES = shapes(min_dims=1, min_side=1)


@given(st.data())
def test_probabilities_sum_to_one_along_their_axis(data: Any) -> None:
    shape = data.draw(SHAPES)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    positive, with_zeros = (data.draw(probability_vectors(shape, axis, zeros)) for zeros in (False, True))
    assert np.all(positive > 0) and np.all(with_zeros >= 0)
    for p in (positive, with_zeros):
        assert p.shape == shape
        np.testing.assert_allclose(p.sum(axis), 1, rtol=1e-15)


def test_zeros_and_single_ones_come_up() -> None:
    some = probability_vectors((3, 4), axis=1, zeros=True)
    assert comes_up(some, lambda p: np.array_equal(np.sort(p[1]), [0, 0, 0, 1]))
    assert comes_up(some, lambda p: np.sum(p[0] == 0) == 1)
    assert comes_up(some, lambda p: np.all(p > 0))
    assert comes_up(probability_vectors((4, 3), axis=0, zeros=True), lambda p: np.sum(p[:, 1] == 1) == 1)
    assert comes_up(probability_vectors((4,)), lambda p: p.max() > 20 * p.min())


def test_nothing_cannot_sum_to_one() -> None:
    with pytest.raises(ValueError, match="axis 1 of length 0"):
        comes_up(probability_vectors((2, 0), axis=1), lambda p: True)
    assert comes_up(probability_vectors((2, 0), axis=0), lambda p: p.shape == (2, 0))


@given(st.data())
def test_logits_are_on_the_lattice_and_finite_unless_asked_for(data: Any) -> None:
    shape = data.draw(shapes(min_dims=1))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    finite, any_ = (data.draw(logits(shape, axis, infinite)) for infinite in (False, True))
    assert finite.shape == any_.shape == shape
    assert np.all(np.abs(finite) <= 1e6) and np.all(any_ <= 1e6)
    assert np.array_equal(finite * 64, np.round(finite * 64)) and not np.any(np.isnan(any_))


# fmt: off
LANES: dict[str, Callable] = {
    "a tie at the top":      lambda x: np.sum(x == x.max()) == 2,
    "all equal":             lambda x: np.all(x == x[0]),
    "large":                 lambda x: x.max() >= 800,
    "large negative":        lambda x: x.min() == -1e6,
    "one class is certain":  lambda x: np.diff(np.sort(x))[-1] > 745,
}
INFINITE: dict[str, Callable] = {
    "some are masked":       lambda x: np.isinf(x).sum() == 1,
    "one is left":           lambda x: np.isinf(x).sum() == 2,
    "all are masked":        lambda x: np.all(x == -np.inf),
}
# fmt: on


@pytest.mark.parametrize("lane", LANES)
def test_every_kind_of_lane_comes_up(lane: str) -> None:
    assert comes_up(logits((3, 2), axis=0), lambda x: LANES[lane](x[:, 1]))


@pytest.mark.parametrize("lane", INFINITE)
def test_masked_lanes_come_up_next_to_finite_ones(lane: str) -> None:
    assert comes_up(logits((2, 3), infinite=True), lambda x: INFINITE[lane](x[1]) and np.isfinite(x[0]).all())
