"""Affine and bilinear maps where the generic tests do not go: shapes that do not fit, and empty ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from autodiff import Tensor
from nn.functional import bilinear, linear


@pytest.mark.parametrize(
    "x, weight, bias",
    [
        ((3, 5), (2, 4), None),
        ((3, 4), (2, 4), (1,)),
        ((2, 4), (2, 4), (2, 2)),
        ((3, 4), (2, 4), (3,)),
        ((4,), (4,), None),
    ],
)
@pytest.mark.parametrize(
    "make", [np.ones, lambda shape: Tensor(np.ones(shape), requires_grad=True)], ids=["array", "tensor"]
)
def test_linear_refuses_shapes_even_if_broadcasting_would_reconcile_them(
    x: Any, weight: Any, bias: Any, make: Any
) -> None:
    with pytest.raises(ValueError) as caught:
        linear(make(x), make(weight), bias and make(bias))
    shown = f"was given x {x}, weight {weight}" + (f" and bias {bias}" if bias else "")
    assert str(caught.value) == f"linear takes x (..., in), weight (out, in) and bias (out,), but {shown}"


@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 5), (3, 2), (4, 6, 2), (4,)),
        ((3, 6), (3, 3), (4, 6, 2), (4,)),
        ((3, 6), (1, 2), (4, 6, 2), (4,)),
        ((3, 6), (2,), (4, 6, 2), (4,)),
        ((3, 6), (3, 2), (4, 6, 2), (1,)),
        ((3, 6), (3, 2), (6, 2), (4,)),
    ],
    ids=str,
)
def test_bilinear_refuses_shapes_even_if_broadcasting_would_reconcile_them(shapes: tuple) -> None:
    with pytest.raises(ValueError) as caught:
        bilinear(*map(np.ones, shapes))
    x1, x2, weight, bias = shapes
    assert str(caught.value).endswith(f"but was given x1 {x1}, x2 {x2}, weight {weight} and bias {bias}")


@pytest.mark.parametrize(
    "leading, n_1, n_2, n_out", [((0,), 2, 3, 4), ((5,), 0, 3, 2), ((5,), 2, 0, 2), ((5,), 2, 3, 0)]
)
def test_bilinear_of_nothing_is_the_bias_and_its_gradients_are_zeros(
    leading: Any, n_1: int, n_2: int, n_out: int
) -> None:
    shapes = [(*leading, n_1), (*leading, n_2), (n_out, n_1, n_2), (n_out,)]
    tensors = [Tensor(np.ones(shape), requires_grad=True) for shape in shapes]
    out = bilinear(*tensors)
    assert out.shape == (*leading, n_out)
    out.sum().backward()
    assert [t.grad.shape for t in tensors] == shapes
    if 0 in (n_1, n_2):
        assert np.all(out.data == 1) and np.all(tensors[3].grad.data == 5)


@pytest.mark.parametrize(
    "text", ["Linear(-1, 2)", "Linear(2, -1)", "Bilinear(2, -1, 2)", "Bilinear(-1, 2, 2)", "Bilinear(2, 2, -1)"]
)
def test_negative_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+inear\(.*_features=-1.*\): sizes are not negative"):
        eval(text, vars(nn))


def test_layers_say_what_they_expect() -> None:
    with pytest.raises(
        nn.LayerError, match=r"^Linear\(in_features=4, out_features=3\) expects \(..., 4\), was given \(3, 5\)"
    ):
        nn.Linear(4, 3)(np.ones((3, 5)))
    with pytest.raises(
        nn.LayerError, match=r"expects \(..., 4\), \(..., 3\), was given \(3, 4\), \(2, 3\): bilinear takes"
    ):
        nn.Bilinear(4, 3, 2)(np.ones((3, 4)), np.ones((2, 3)))


@pytest.mark.parametrize("text", ["Linear(4, 3, rng={})", "Bilinear(2, 3, 4, rng={})"])
def test_initial_values_are_those_of_the_seed_in_every_dtype(text: str) -> None:
    def state(rng: Any, dtype: Any = float) -> list[np.ndarray]:
        options = text.format("rng, dtype=dtype")
        return list(eval(options, {**vars(nn), "rng": rng, "dtype": dtype}).state_dict().values())

    expected = state(3)
    nn.manual_seed(3)
    for values in (state(np.random.default_rng(3)), state(None)):
        for value, other in zip(values, expected, strict=True):
            np.testing.assert_array_equal(value, other)
    for value, other in zip(state(3, np.float32), expected, strict=True):
        np.testing.assert_array_equal(value, other.astype(np.float32), strict=True)


def test_identity_hands_on_the_very_object() -> None:
    x = Tensor(np.ones(2), requires_grad=True)
    assert nn.Identity(3, anything=None)(x) is x


def test_a_layer_without_inputs_is_its_bias() -> None:
    layer = nn.Linear(0, 2)
    np.testing.assert_array_equal(layer(np.zeros((3, 0), np.float32)).data, np.zeros((3, 2)))
