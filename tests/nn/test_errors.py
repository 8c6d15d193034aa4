"""A shape error names the path of the layer, what it expects and what it was given."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import nn


class Net(nn.Module):
    def __init__(self) -> None:
        self.net = nn.Sequential(nn.ReLU(), nn.Linear(4, 2))
        self.heads = {"a": (nn.Linear(2, 3, bias=False),)}

    def forward(self, x: Any, scale: Any = 1) -> Any:
        return self.heads["a"][0](self.net(x)) * scale


class Picky(nn.Module):
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError("no")


def error_of(model: nn.Module, *args: Any, **kwargs: Any) -> nn.LayerError:
    with pytest.raises(nn.LayerError) as caught:
        model(*args, **kwargs)
    return caught.value


def test_the_message_says_where_and_what() -> None:
    error = error_of(Net(), np.ones((3, 5)))
    begin = "net.1: Linear(in_features=4, out_features=2) expects (..., 4), was given (3, 5): linear takes x (..., in)"
    assert str(error).startswith(begin)
    assert error.path == ["net", "1"]
    assert isinstance(error.__cause__, ValueError)


def test_a_layer_in_a_dict_of_tuples_is_found() -> None:
    model = Net()
    model.net = nn.Identity()
    assert str(error_of(model, np.ones((3, 5)))).startswith("heads.a.0: Linear(in_features=2")


def test_an_error_of_the_model_itself_has_no_path() -> None:
    assert str(error_of(Picky())) == "Picky() was given nothing: no"
    assert str(error_of(Net(), np.ones((3, 4)), scale=np.ones(7))).startswith("Net(")


def test_a_member_that_no_attribute_has_goes_by_its_type() -> None:
    class Hidden(nn.Module):
        def forward(self, x: Any) -> Any:
            return Picky()(x)

    assert str(error_of(nn.Sequential(Hidden()), np.ones(2))) == "0.Picky: Picky() was given (2,): no"


@pytest.mark.parametrize(
    "given, shown",
    [(np.ones((2, 0)), "(2, 0)"), ([1, 2], "(2,)"), ([[1], [1, 2]], "list"), (3, "3"), (None, "None"), ("x", "'x'")],
)
def test_arguments_are_shown_by_their_shapes_if_they_have_some(given: Any, shown: str) -> None:
    assert str(error_of(Picky(), given, mask=given)) == f"Picky() was given {shown}, mask={shown}: no"


def test_an_error_survives_a_pickle_without_the_model() -> None:
    error = error_of(Net(), np.ones((3, 5)))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is nn.LayerError and str(again) == str(error) and again.path == error.path
    assert error.layer.out_features == 2 and again.layer is None


def test_other_errors_come_through_as_they_are() -> None:
    class Raising(nn.Module):
        def forward(self, error: Exception) -> Any:
            raise error

    for error in (np.linalg.LinAlgError("singular"), KeyError("x"), UnicodeError("x")):
        with pytest.raises(type(error)) as caught:
            nn.Sequential(Raising())(error)
        assert caught.value is error
    with pytest.raises(nn.LayerError, match=r"^0: Raising\(\) was given .*: axis 2 is out of bounds"):
        nn.Sequential(Raising())(np.exceptions.AxisError(2, 1))
    with pytest.raises(TypeError, match="unexpected keyword"):
        Net()(np.ones((3, 4)), other=1)


def test_a_type_error_has_a_note_with_the_path() -> None:
    model = Net()
    model.net[1].forward = lambda x: x + "a"
    with pytest.raises(TypeError) as caught:
        nn.Sequential(model)(np.ones((3, 4)))
    assert caught.value.__notes__ == ["in 0.net.1: Linear(in_features=4, out_features=2)"]
    assert pickle.loads(pickle.dumps(caught.value)).__notes__ == caught.value.__notes__


@pytest.mark.parametrize("when", ["forward_pre", "forward"])
def test_an_error_of_a_hook_does_not_say_what_the_layer_expects(when: str) -> None:
    def refuse(*args: Any) -> None:
        raise ValueError("hook failed")

    model = Net()
    getattr(model.net[1], f"register_{when}_hook")(refuse)
    message = "net.1: Linear(in_features=4, out_features=2) was given (3, 4): hook failed"
    assert str(error_of(model, np.ones((3, 4)))) == message
    assert str(error_of(Net(), np.ones((3, 5)))).startswith(message.split(" was")[0] + " expects (..., 4), was")
