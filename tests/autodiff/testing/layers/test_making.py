"""What constructors and layers are given if nobody says: by the names of the arguments."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autodiff.testing.layers.making import Request, UsageError, make, make_inputs

MODULE = types.ModuleType("mine")


def layer_with(arguments: str) -> type:
    """A class whose constructor takes these and keeps them."""
    source = f"class Layer:\n    def __init__(self, {arguments}):\n        self.given = dict(vars())\n"
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return namespace["Layer"]


def given(arguments: str, shape: tuple[int, ...] = (4, 3), **known: Any) -> dict[str, Any]:
    found = make(layer_with(arguments), MODULE, Request([shape]), [], known).given
    return {name: value for name, value in found.items() if name != "self"}


@pytest.mark.parametrize(
    "names, value",
    [
        ("in_features in_feature num_features n_features features n_in d_in d0 dim n size", 3),
        ("input_size input_dim in_dim in_size fan_in linear_1_in_features", 3),
        ("out_features out_feature n_out d_out d1 fan_out output_size output_dim out_dim out_size", 5),
        ("out_channels out_channel linear_2_out_features", 5),
        ("hidden hidden_size hidden_dim n_hidden linear_1_out_features linear_2_in_features", 6),
        ("hiddens", [2]),
        ("activation g_function", "sigmoid"),
        ("f_function", "relu"),
        ("kernel_size kernel", 3),
        ("kernel_shape", (3, 3)),
        ("stride", 1),
        ("lr learning_rate", 0.1),
        ("p p_drop rate dropout_rate", 0.5),
        ("alpha momentum", 0.9),
        ("eps epsilon", 1e-8),
        ("name", "mine"),
    ],
)
def test_an_argument_is_guessed_by_its_name(names: str, value: Any) -> None:
    for name in names.split():
        assert given(name) == {name: value}
        assert given(name.upper()) == {name.upper(): value}


def test_channels_come_second() -> None:
    assert given("in_channels, in_channel", (2, 7, 5, 5)) == {"in_channels": 7, "in_channel": 7}
    assert given("in_channels", (3,)) == {"in_channels": 3}


def test_what_is_known_goes_before_guesses_and_defaults_and_defaults_are_kept() -> None:
    assert given("n_in, n_out=7, *rest, **more", n_in=8) == {"n_in": 8, "n_out": 7, "rest": (), "more": {}}
    assert given("n_in, n_out=7", n_out=9, other=1) == {"n_in": 3, "n_out": 9}


def test_initializers_give_matrices_and_rows_and_other_draws_for_other_seeds() -> None:
    draws = [make(layer_with("weight_init_fn"), MODULE, Request([(4, 3)], seed=seed), []).given for seed in (0, 0, 1)]
    first, same, other = (draw["weight_init_fn"](2, 3) for draw in draws)
    assert first.shape == (2, 3) and np.array_equal(first, same) and not np.array_equal(first, other)
    assert given("bias_init_fn")["bias_init_fn"](3).shape == (1, 3)


def test_all_that_was_guessed_is_said_and_what_cannot_be_is_asked_for() -> None:
    guesses: list[str] = []
    make(layer_with("n_in, w_init, n_out=7"), MODULE, Request([(4, 3)]), guesses)
    assert guesses == ['guessed: Layer(n_in=3, w_init=normally distributed); say otherwise with --init "..."']
    make(layer_with("n_out=7"), MODULE, Request([(4, 3)]), guesses)
    assert len(guesses) == 1
    with pytest.raises(UsageError, match='Layer needs secret; say what to make, e.g. --init "n_in=..., secret=..."'):
        given("n_in, secret")


def inputs_of(function: Callable, **request: Any) -> tuple[list[Any], int | None]:
    return make_inputs(function, Request(**({"shapes": [(4, 3)]} | request)), [])


@pytest.mark.parametrize("name", ["y", "label", "labels", "target", "targets", "y_true", "t", "Y"])
def test_labels_are_recognised_by_their_name(name: str) -> None:
    first, second = (eval(f"lambda {arguments}: 0") for arguments in (f"{name}, p", f"p, {name}"))
    for function, label, expected in ((first, 0, 1), (second, 1, None)):
        inputs, argnum = inputs_of(function)
        assert argnum == expected
        assert set(inputs[label].flat) == {0, 1} and inputs[label].sum(axis=1).tolist() == [1, 1, 1, 1]
        assert inputs[1 - label].std() > 0.5
        assert len(inputs_of(eval(f"lambda {name}: 0"))[0]) == 1


@pytest.mark.parametrize(
    "kind, shape, dtype", [("one-hot", (4, 3), "f"), ("index", (4,), "i"), ("float", (4, 3), "f"), (None, (4, 3), "f")]
)
def test_labels_are_drawn_as_asked_and_said_to_be_guessed_if_not(kind: str | None, shape: tuple, dtype: str) -> None:
    guesses: list[str] = []
    inputs, _ = make_inputs(lambda p, y: 0, Request([(4, 3)], labels=kind), guesses)
    assert (inputs[1].shape, inputs[1].dtype.kind) == (shape, dtype)
    assert guesses == ([] if kind else ["guessed: y holds one-hot labels; say otherwise with --labels"])


def test_without_a_name_that_tells_the_second_input_holds_the_labels_that_were_asked_for() -> None:
    inputs, argnum = inputs_of(lambda a, b: 0, labels="index")
    assert inputs[1].dtype.kind == "i" and argnum is None
    inputs, _ = inputs_of(lambda p, y: 0, shapes=[(4,)])
    assert inputs[1].dtype.kind == "f" and len(set(inputs[1])) == 4  # there are no classes


def test_inputs_have_the_shapes_given_the_first_one_for_the_rest() -> None:
    inputs, argnum = inputs_of(lambda a, b, c, d=0, *e: 0, shapes=[(2, 3), (3, 4)], argnum=1)
    assert [x.shape for x in inputs] == [(2, 3), (3, 4), (2, 3)] and argnum == 1
    inputs, _ = inputs_of(lambda a, b=0: 0, shapes=[(2, 3), (3, 4)])
    assert [x.shape for x in inputs] == [(2, 3), (3, 4)]
    assert inputs_of(np.sin)[0][0].shape == (4, 3)
    assert [x.shape for x in inputs_of(lambda y, p: 0, shapes=[(2, 2), (4, 3)])[0]] == [(4, 3), (4, 3)]
    assert [x.shape for x in inputs_of(lambda a, b, y: 0, shapes=[(4, 3), (2, 2)])[0]] == [(4, 3), (2, 2), (4, 3)]


def test_inputs_are_drawn_from_what_was_asked_for() -> None:
    (normal,), (again,), (other,), (positive,), (probabilities,) = (
        inputs_of(lambda x: 0, **request)[0]
        for request in ({}, {"values": "normal"}, {"seed": 1}, {"values": "positive"}, {"values": "probabilities"})
    )
    np.testing.assert_array_equal(normal, again)
    assert normal.min() < 0 and not np.allclose(normal, other)
    np.testing.assert_allclose(positive, np.exp(normal))
    np.testing.assert_allclose(probabilities, positive / positive.sum(axis=1, keepdims=True))
