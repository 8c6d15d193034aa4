"""Embeddings: the row that gets no gradient, repeated rows, and indices without a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from autodiff import Tensor
from nn.functional import embedding

G = np.random.default_rng(0).normal(size=(2, 3, 4))
X = np.array([[1, 3, 1], [3, 3, 0]])


def gradient_of_table(x: np.ndarray, g: np.ndarray, dtype: type = np.float64, **options: Any) -> np.ndarray:
    weight = Tensor(np.ones((5, 4), dtype), requires_grad=True)
    embedding(x, weight, **options).backward(g.astype(dtype))
    return weight.grad.data


def test_the_gradients_of_a_row_that_is_taken_repeatedly_are_summed() -> None:
    expected = np.zeros((5, 4))
    np.add.at(expected, X, G)
    np.testing.assert_allclose(gradient_of_table(X, G), expected, rtol=1e-14)
    for dtype in (np.int8, np.uint64):
        np.testing.assert_array_equal(gradient_of_table(X.astype(dtype), G), gradient_of_table(X, G))


def test_half_precision_is_summed_in_more() -> None:
    g = np.ones((3000, 4))
    found = gradient_of_table(np.zeros(3000, int), g, np.float16)
    assert found.dtype == np.float16 and (found[0] == 3000).all()  # float16 itself stops at 2048


@pytest.mark.parametrize("padding", [3, -2])
def test_the_padding_row_gets_no_gradient_by_hand_or_by_expression(padding: int) -> None:
    expected = gradient_of_table(X, G)
    expected[3] = 0
    np.testing.assert_array_equal(gradient_of_table(X, G, padding_idx=padding), expected)
    with nn.by_expression():
        np.testing.assert_allclose(gradient_of_table(X, G, padding_idx=padding), expected, rtol=1e-14)
    hidden = np.where(X[:, :, None] == 3, np.inf, G)  # which 0 * inf would let through
    np.testing.assert_array_equal(gradient_of_table(X, hidden, padding_idx=padding), expected)


def test_padding_is_that_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = nn.Embedding(5, 4, padding_idx=-2), torch.nn.Embedding(5, 4, padding_idx=-2)
    assert mine.padding_idx == theirs.padding_idx == 3
    assert not mine.weight.data[3].any() and mine.weight.data[:3].all()
    theirs.weight.data = torch.tensor(mine.weight.data)
    mine(X).backward(G.astype(np.float32))
    theirs(torch.tensor(X)).backward(torch.tensor(G, dtype=torch.float32))
    np.testing.assert_allclose(mine.weight.grad.data, theirs.weight.grad.numpy(), rtol=1e-6)


def test_a_table_is_drawn_from_the_given_generator_alike_for_every_dtype() -> None:
    single, double = nn.Embedding(5, 4, rng=1), nn.Embedding(5, 4, rng=1, dtype=float)
    np.testing.assert_array_equal(single.weight.data, double.weight.data.astype(np.float32))


@pytest.mark.parametrize(("x", "shown"), [([[0, 5]], r"5 at \(0, 1\)"), ([-1], r"-1 at \(0,\)"), (7, r"7 at \(\)")])
def test_an_index_without_a_row_is_an_error_that_shows_it(x: Any, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"the index {shown} is not one of the 5 rows 0 \.\.\. 4"):
        nn.Embedding(5, 4)(np.array(x))


@pytest.mark.parametrize("x", [np.array([1.0, 2.0]), np.array([True])])
def test_indices_that_are_not_integers_are_errors_that_show_one(x: np.ndarray) -> None:
    with pytest.raises(TypeError, match=f"integer indices, but those of shape .* are {x.dtype}, e.g. {x[0]}"):
        nn.Embedding(5, 4)(x)


def test_sizes_and_rows_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="padding_idx=5 is not one of the 5 rows"):
        nn.Embedding(5, 4, padding_idx=5)
    with pytest.raises(ValueError, match="sizes are not negative"):
        nn.Embedding(-1, 4)
    with pytest.raises(ValueError, match=r"a weight of shape \(V, D\), but was given \(5,\)"):
        embedding(np.array([1]), np.ones(5))


def test_a_tensor_of_floats_is_refused_for_its_dtype_whether_it_is_tracked_or_not() -> None:
    with pytest.raises(TypeError, match="integer indices, but those of shape .* are float64, e.g. 1.0"):
        nn.Embedding(5, 4)(Tensor([1.0, 2.0], requires_grad=True))


@pytest.mark.parametrize("freeze", [True, False])
def test_a_pretrained_table_is_taken_as_it_is(freeze: bool) -> None:
    table, before = np.arange(6.0).reshape(3, 2), nn.get_rng_state()
    layer = nn.Embedding.from_pretrained(table, freeze=freeze, padding_idx=-1)
    assert repr(layer) == "Embedding(num_embeddings=3, embedding_dim=2, padding_idx=2, dtype='float64')"
    np.testing.assert_array_equal(np.asarray(layer([2, 0]).data), table[[2, 0]])
    assert layer.weight.requires_grad is not freeze and nn.get_rng_state() == before
    with pytest.raises(ValueError, match=r"a table of shape \(V, D\), but was given \(2,\)"):
        nn.Embedding.from_pretrained([1.0, 2.0])
