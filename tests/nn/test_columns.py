"""Convolution by products of matrices, for every way to divide the work."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from nn import columns, convolution, windows
from nn.functional import conv2d

from .cases import Call
from .cases_convolution import convolutions, of_inputs, of_weights


@given(
    call=convolutions() | of_inputs() | of_weights(),
    block=st.sampled_from([1, 100, 300, 1 << 20]),
    small=st.sampled_from([0, 3, 64]),
)
def test_however_the_work_is_divided_the_kernels_compute_what_the_expressions_say(
    call: Call, block: int, small: int
) -> None:
    """Whole numbers, so that there is no rounding: one product left out, or one too many, shows."""
    args = [np.round(x) % 7 for x in call.args]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "BLOCK", block)
        patch.setattr(columns, "SMALL", small)
        found = call.function(*args, **call.options)
    with nn.by_expression():
        expected = call.function(*args, **call.options)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("small", [0, 64], ids=["one by one", "together"])
def test_the_last_block_may_be_smaller_than_the_others(small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = np.random.default_rng(0).integers(5, size=(5, 1, 4, 4)), np.ones((1, 1, 3, 3))
    expected = conv2d(x.astype(float), weight, padding=1)
    monkeypatch.setattr(columns, "SMALL", small)
    monkeypatch.setattr(windows, "BLOCK", 2 * 9 * 16 * 8)
    np.testing.assert_array_equal(conv2d(x.astype(float), weight, padding=1), expected)
    assert [(b.samples.start, b.samples.stop) for b in columns_of(x)] == [(0, 2), (2, 4), (4, 5)]


def columns_of(x: np.ndarray) -> list[columns.Block]:
    window = convolution._window((3, 3), 1, 1, 1)
    return list(columns._columns(x, window, 1, np.dtype(float), whole=True))


def test_a_single_place_in_a_phase_of_the_stride_is_a_column_that_is_not_in_one_piece() -> None:
    """What NumPy 2.3.0 gets wrong if it is told to put a product there."""
    rng = np.random.default_rng(0)
    g, weight = rng.normal(size=(2, 2, 1, 1)), rng.normal(size=(2, 2, 1, 1))
    hand = nn.by_hand(conv2d)
    hand.forward(rng.normal(size=(2, 2, 3, 3)), weight, stride=3)
    np.testing.assert_allclose(hand.backward(g)[:, :, :1, :1], np.einsum("noij,ocij->ncij", g, weight))
