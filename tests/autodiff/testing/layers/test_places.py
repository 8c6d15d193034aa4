"""Paths to the arrays of a layer: written, read, looked up and set."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from autodiff.testing.layers.places import arrays_in, get, is_layer, is_layer_class, look_up, parse, partners, put, show

from . import student_layers as student


@pytest.mark.parametrize("text", ["W", "layers[0].W", "parameters['W']", "a.b[12]['c d'].e"])
def test_a_path_is_written_as_it_is_read(text: str) -> None:
    assert show(parse(text)) == text
    assert show(parse(text.replace("'", '"'))) == text


@pytest.mark.parametrize("text", ["", "W b", "W[", "layers[x]", "3"])
def test_what_is_no_path_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is no attribute; write W"):
        parse(text)


def test_all_arrays_of_a_layer_and_of_those_within_it_are_found() -> None:
    assert [show(path) for path, _ in arrays_in(student.MLP1())] == [
        "layers[0].W",
        "layers[0].b",
        "layers[2].W",
        "layers[2].b",
    ]
    assert [show(path) for path, _ in arrays_in(student.AccumulatingLinear(3, 2))] == ["weight.data", "bias.data"]
    layer = student.Linear(3, 2)
    layer.itself = [layer]  # type: ignore[attr-defined]
    layer.mask, layer.names = np.ones(3, dtype=bool), np.array(["x"])  # type: ignore[attr-defined]
    assert [show(path) for path, _ in arrays_in(layer)] == ["W", "b"]


def test_an_array_is_set_by_all_of_its_names() -> None:
    layer = student.FullyConnected(2)
    layer.forward(np.ones((4, 3)))
    layer.W = layer.parameters["W"]  # type: ignore[attr-defined]
    for value in (np.ones((3, 2)), np.ones((3, 2), dtype=np.float32), np.ones((5, 5))):
        put(layer, parse("W"), value)
        assert get(layer, parse("parameters['W']")) is get(layer, parse("W"))
        np.testing.assert_array_equal(layer.parameters["W"], value)


def test_an_array_is_set_in_place_where_that_is_possible_for_views_of_it() -> None:
    layer = student.Linear(3, 2)
    row = layer.W[0]
    put(layer, parse("W"), np.ones((2, 3)))
    np.testing.assert_array_equal(row, np.ones(3))
    assert row.base is layer.W


class Cache(NamedTuple):
    x: Any
    W: Any


def test_an_array_is_set_in_the_tuples_that_hold_it_too() -> None:
    layer: Any = student.Linear(3, 2)
    layer.plain, layer.named, layer.nested = (0, layer.W, layer.W), Cache(0, layer.W), ([layer.W, (layer.W,)],)
    value = np.ones((5, 5))
    put(layer, parse("W"), value)
    assert layer.plain == (0, value, value) and layer.named == Cache(0, value) and layer.nested == ([value, (value,)],)
    assert type(layer.named) is Cache


def test_what_is_not_there_is_none() -> None:
    assert look_up(student.MLP1(), parse("layers[7].W")) is None
    assert look_up(student.MLP1(), parse("layers[0].X"), "default") == "default"
    assert look_up(student.MLP1(), parse("layers['a'].X")) is None


def test_the_gradient_of_a_parameter_is_looked_for_beside_it() -> None:
    assert "layers[0].dLdW" in map(show, partners(parse("layers[0].W")))
    assert "dW[1]" in map(show, partners(parse("W[1]")))
    assert "grads['W'][1]" in map(show, partners(parse("W[1]")))
    assert "net.grads['dJdW1']" in map(show, partners(parse("net.parameters['W1']")))
    assert "net.grads['W'][1]" in map(show, partners(parse("net.params['W'][1]")))
    assert [show(path) for path in partners(parse("weight.data"))] == ["weight.grad"]


def test_a_layer_is_an_object_with_forward_and_backward_or_derivative() -> None:
    assert is_layer(student.Linear(3, 2))
    assert is_layer(student.StateSigmoid())
    assert is_layer_class(student.Linear)
    assert not is_layer(student.Linear)
    assert not is_layer(np.sin)
