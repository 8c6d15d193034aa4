"""Each relation is found where it holds, by its own words, and nothing is claimed where none does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autodiff.testing.layers.diagnosis import Context, explain

rng = np.random.default_rng(0)
TRUE = rng.normal(size=(4, 3))
DY = rng.normal(size=(4, 3))
X = rng.normal(size=(4, 3))
Y = rng.normal(size=(4, 3))
GAMMA = rng.normal(size=3)
CUBE = rng.normal(size=(4, 3, 2))
SQUARE = rng.normal(size=(3, 3))
INPUTS = {"x": X}
CONTEXT = Context(value=X, cotangent=DY, output=Y, inputs=INPUTS, parameters={"gamma": GAMMA})

SAME_SHAPE = {
    "has the wrong sign": -TRUE,
    "is all zeros": np.zeros((4, 3)),
    "is not finite in 1 of 12 entries": np.where(TRUE[0, 0] == TRUE, np.nan, TRUE),
    "is off by a factor of 2": 2 * TRUE,
    "is off by a factor of 1/2": TRUE / 2,
    "is off by a factor of N = 4": 4 * TRUE,
    "is off by a factor of 1/N = 1/4": TRUE / 4,
    "is off by a factor of C = 3": 3 * TRUE,
    "is off by a factor of 1/C = 1/3": TRUE / 3,
    "is off by a factor of N*C = 12": 12 * TRUE,
    "is off by a factor of 1/(N*C) = 1/12": TRUE / 12,
    "has the wrong sign and is off by a factor of N = 4": -4 * TRUE,
    "is off by a factor of 2/(N*C) = 2/12": TRUE / 6,
    "is off by a factor of sqrt(C) = sqrt(3)": TRUE * np.sqrt(3),
    "is off by a factor of 1/sqrt(N*C) = 1/sqrt(12)": TRUE / np.sqrt(12),
    "is off by a factor of (N-1)/N, as between the biased and the unbiased variance": TRUE * 3 / 4,
    "is off by a factor of N/(N-1), as between the biased and the unbiased variance": TRUE * 4 / 3,
    "is off by a factor of sqrt((N-1)/N), as between the biased and the unbiased deviation": TRUE * np.sqrt(3 / 4),
    "is off by the constant factor 1.001": 1.001 * TRUE,
    "is off by the constant factor 1.000001": 1.000001 * TRUE,
    "has the wrong sign and is off by the constant factor 0.7": -0.7 * TRUE,
    "is dy unchanged: the layer's own derivative is missing": DY,
    "is not multiplied by dy: the chain rule is missing": TRUE / DY,
    "lacks the factor gamma": TRUE / GAMMA,
    "has the factor gamma once too often": TRUE * GAMMA,
    "lacks the factor x": TRUE / X,
    "has the factor the output once too often": TRUE * Y,
    "contains 0.01 times x besides the right gradient": TRUE + 0.01 * X,
    "is off by the constant 0.5, added to every entry": TRUE + 0.5,
    "is off by a constant in each column: a term through the mean is missing": TRUE + GAMMA,
    "is off by a constant in each row: a term through the mean is missing": TRUE + X[:, :1],
    "is off by a multiple of the output in each row: the term through the normalising sum is missing": (
        TRUE + Y * X[:, :1]
    ),
    "is off by a multiple of x - mean in each column: the variance's term is missing": (
        TRUE + GAMMA * (X - X.mean(axis=0))
    ),
    "is off by a linear function of x in each column: the terms through the mean and the variance are missing": (
        TRUE + GAMMA * X + DY[0]
    ),
    "is off by a factor of its own in each column: 2, 3, -1": TRUE * [2, 3, -1],
    "is off by a factor of its own in each row: 2, 3, -1, 5": TRUE * [[2], [3], [-1], [5]],
    "is wrong only in row 1 (3 of 12 entries)": np.where(np.arange(4)[:, None] == 1, X, TRUE),
    "is wrong only in column 2 (4 of 12 entries)": np.where(np.arange(3) == 2, X, TRUE),
    "has its rows in reverse order": TRUE[::-1],
    "has its columns in reverse order": TRUE[:, ::-1],
    "has its entries in column-major order: reshape them in the order they came from": np.reshape(
        TRUE.ravel(order="F"), (4, 3)
    ),
    "has the right entries at the wrong places": np.roll(TRUE, 1, axis=0),
}


@pytest.mark.parametrize("phrase", SAME_SHAPE)
def test_a_relation_between_gradients_of_one_shape_is_named(phrase: str) -> None:
    assert explain(SAME_SHAPE[phrase], TRUE, CONTEXT) == phrase


OTHER_SHAPE = {
    "is transposed": (TRUE.T, TRUE),
    "is transposed, and is off by a factor of N = 4": (4 * TRUE.T, TRUE),
    "has its axes in the wrong order: transpose(1, 2, 0) would be right": (CUBE.transpose(2, 0, 1), CUBE),
    "has the right entries in the wrong shape": (GAMMA[None], GAMMA),
    "has the right entries in the wrong shape, and has the wrong sign": (-GAMMA[:, None], GAMMA),
    "is not summed over the batch": (TRUE, TRUE.sum(axis=0)),
    "is not averaged over the batch": (TRUE, TRUE.mean(axis=0, keepdims=True)),
    "is not summed over axis 1": (TRUE, TRUE.sum(axis=1)),
    "is not summed over the axes 0, 1": (CUBE, CUBE.sum(axis=(0, 1))),
    "is summed over axis 0, which it should not be": (TRUE.sum(axis=0), TRUE),
    "is averaged over axis 1, which it should not be": (TRUE.mean(axis=1), TRUE),
    "is summed over the wrong axis: axis 1 instead of 0": (DY.sum(axis=1), DY.sum(axis=0)),
    "is dy unchanged: the layer's own derivative is missing": (DY, rng.normal(size=(4, 2))),
    "is all zeros": (np.zeros((1, 3)), TRUE),
}


@pytest.mark.parametrize("phrase", OTHER_SHAPE)
def test_a_relation_between_gradients_of_different_shapes_is_named(phrase: str) -> None:
    found, true = OTHER_SHAPE[phrase]
    assert explain(found, true, CONTEXT) == phrase


def test_within_a_square_the_same_mistakes_are_named() -> None:
    assert explain(SQUARE.T, SQUARE) == "is transposed"
    context = Context(cotangent=SQUARE)
    assert explain(SQUARE.sum(axis=1), SQUARE.sum(axis=0), context) == (
        "is summed over the wrong axis: axis 1 instead of 0"
    )
    cube = np.arange(27.0).reshape(3, 3, 3) ** 2
    assert (
        explain(cube.transpose(1, 2, 0), cube) == "has its axes in the wrong order: transpose(2, 0, 1) would be right"
    )


def test_another_arguments_gradient_is_recognised() -> None:
    assert explain(X, TRUE, Context(others={"b": X})) == "holds the gradient of b"
    assert explain(X[0], TRUE, Context(others={"b": X[0]})) == "holds the gradient of b"


@pytest.mark.parametrize(
    "text, compare",
    [("<= 0", np.less_equal), ("< 0", np.less), ("> 0", np.greater), (">= 0", np.greater_equal), ("== 0", np.equal)],
)
def test_a_condition_on_the_argument_is_named_if_it_is_exactly_where_the_gradient_is_wrong(
    text: str, compare: np.ufunc
) -> None:
    x = X.copy()
    x[1, 1] = 0.0
    condition = compare(x, 0)
    found = TRUE + condition * Y
    phrase = f"is wrong only where x {text} ({np.count_nonzero(condition)} of 12 entries)"
    assert explain(found, TRUE, Context(value=x)) == phrase
    found[tuple(np.argwhere(condition)[0])] = TRUE[tuple(np.argwhere(condition)[0])]
    assert explain(found, TRUE, Context(value=x)) != phrase


def test_single_wrong_entries_are_listed() -> None:
    found = TRUE.copy()
    found[[0, 2, 3], [1, 2, 0]] += [1.0, 2.0, -3.0]
    assert explain(found, TRUE) == "is right but for 3 of 12 entries: [0, 1], [2, 2], [3, 0]"
    found[1, :2] += [1.0, 3.0]
    assert explain(found, TRUE) == "is right but for 5 of 12 entries: [0, 1], [1, 0], [1, 1], [2, 2], ..."


def test_more_than_half_of_the_entries_are_no_exceptions() -> None:
    found = TRUE.copy()
    found.flat[[0, 1, 3, 5, 7, 8, 11]] += np.arange(1.0, 8.0)
    assert explain(found, TRUE) is None


def test_a_line_through_three_points_takes_a_fourth_to_be_claimed() -> None:
    x, true = X[:3], TRUE[:3]
    assert explain(true + GAMMA * x + DY[0], true, Context(value=x)) is None


def test_nothing_is_claimed_of_unrelated_gradients() -> None:
    for seed in range(200):
        draw = np.random.default_rng(seed)
        shape = tuple(draw.integers(1, 6, size=draw.integers(1, 4)))
        true, found, value = (draw.normal(size=shape) for _ in range(3))
        if true.size > 1:
            context = Context(
                value=value,
                cotangent=draw.normal(size=shape),
                output=draw.normal(size=shape),
                inputs={"x": draw.normal(size=shape)},
                parameters={"W": draw.normal(size=shape[-1:])},
                others={"b": draw.normal(size=shape)},
            )
            assert explain(found, true, context) is None, f"seed {seed}, shape {shape}"


@pytest.mark.parametrize("phrase", SAME_SHAPE)
def test_a_relation_that_holds_to_four_digits_only_is_not_claimed(phrase: str) -> None:
    found = SAME_SHAPE[phrase] + 1e-4 * np.random.default_rng(1).normal(size=(4, 3))
    if np.isfinite(found).all() and "1.000001" not in phrase:
        assert explain(found, TRUE, CONTEXT) is None


def test_a_single_number_is_off_by_a_factor_only_if_the_factor_has_a_name() -> None:
    assert explain([2.5], [1.0]) is None
    assert explain([4.0], [1.0], Context(inputs=INPUTS)) == "is off by a factor of N = 4"


def test_rounding_to_float32_is_told_from_a_small_mistake() -> None:
    x = np.random.default_rng(0).normal(size=(4, 3))
    assert explain(x.astype(np.float32), x) == "is right to seven digits only: something is computed in float32"


def test_a_bias_before_an_activation_needs_its_derivative() -> None:
    dy, slope = np.random.default_rng(0).normal(size=(2, 4, 3))
    found, true = dy.sum(axis=0, keepdims=True), (slope * dy).sum(axis=0, keepdims=True)
    expected = "is dy summed over the batch: the derivative of what comes after is missing"
    assert explain(found, true, Context(cotangent=dy)) == expected


def test_a_small_difference_is_not_taken_for_an_order_of_entries() -> None:
    found = TRUE.copy()
    found[1, 2] *= 1 + 1e-6
    assert explain(found, TRUE) == "is right but for 1 of 12 entries: [1, 2]"


def test_nothing_is_said_where_the_right_gradient_is_not_known() -> None:
    unknown: Any = np.full((4, 3), np.nan)
    assert explain(TRUE, unknown) is None
    assert explain(np.zeros((0, 3)), np.zeros((0, 3))) is None
