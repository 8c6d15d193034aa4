"""How parameters, gradients and ways to call backward are found; and what callers can say instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autodiff.testing import check_layer
from autodiff.testing.layers.student import Student

from . import student_layers as student

X = np.random.default_rng(1).normal(size=(4, 3))
LABELS = np.eye(3)[[0, 2, 1, 1]]
PROBABILITIES = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)


def labels(layer: Any, *inputs: Any, **options: Any) -> list[str]:
    return [row.label for row in check_layer(layer, *inputs, **options).rows]


class Scale:
    """One parameter and its gradient, by any names."""

    def __init__(self, name: str, gradient: str) -> None:
        self.name, self.gradient = name, gradient
        setattr(self, name, np.ones(3))

    def forward(self, x: Any) -> Any:
        self.x = x
        return x * getattr(self, self.name)

    def backward(self, dy: Any) -> Any:
        setattr(self, self.gradient, (dy * self.x).sum(axis=0))
        return dy * getattr(self, self.name)


def test_a_cache_may_be_a_tuple_that_holds_a_parameter() -> None:
    class Linear(student.Linear):
        def forward(self, x: Any) -> Any:
            self.cache = (x, self.W)
            return super().forward(x)

        def backward(self, dy: Any) -> Any:
            super().backward(dy)
            return dy @ self.cache[1]

    assert check_layer(Linear(3, 2), X)


@pytest.mark.parametrize(
    "name, gradient",
    [
        ("W", "dLdW"),
        ("W", "dJdW"),
        ("W", "dW"),
        ("b", "db"),
        ("weight", "weight_grad"),
        ("weight", "grad_weight"),
        ("weight", "dL_dweight"),
        ("gamma", "dgamma"),
        ("beta", "d_beta"),
        ("BW", "dLdBW"),
        ("scale_of_mine", "scale_of_mine_gradient"),
    ],
)
def test_common_names_are_found(name: str, gradient: str) -> None:
    assert labels(Scale(name, gradient), X) == ["gradient of x", gradient]


@pytest.mark.parametrize("name", ["W", "b", "weight", "weights", "bias", "gamma", "beta", "BW", "Bb", "kernel"])
def test_a_parameter_of_a_common_name_must_have_a_gradient(name: str) -> None:
    with pytest.raises(AssertionError, match=f"gradient of {name} is missing"):
        check_layer(Scale(name, "result"), X)


def test_indices_select_rows_of_a_parameter() -> None:
    class Embedding:
        def __init__(self) -> None:
            self.W = np.ones((5, 3))

        def forward(self, i: Any) -> Any:
            self.i = i
            return self.W[i]

        def backward(self, dy: Any) -> None:
            self.dLdW = np.zeros(self.W.shape)
            np.add.at(self.dLdW, self.i, dy)

    assert labels(Embedding(), np.array([0, 2, 2, 4])) == ["dLdW"]


def test_dicts_lists_and_inner_layers_are_found() -> None:
    assert labels(student.FullyConnected(2), X)[1:] == ["gradients['W']", "gradients['b']"]
    assert labels(student.NyuMLP(), X) == ["grads['dJdW1']", "grads['dJdb1']", "grads['dJdW2']", "grads['dJdb2']"]
    assert labels(student.StackOfLinears(), X)[1:] == ["dW[0]", "dW[1]", "db[0]", "db[1]"]
    assert labels(student.MLP1(), X)[1:3] == ["layers[0].dLdW", "layers[0].dLdb"]
    assert labels(student.AccumulatingLinear(3, 2), X)[1:] == ["weight.grad", "bias.grad"]


def test_parameters_that_the_first_forward_draws_without_a_seed_are_found() -> None:
    class Unseeded(student.FullyConnected):
        def _init_parameters(self, X_shape: tuple[int, int]) -> None:
            super()._init_parameters(X_shape)
            self.parameters["W"] = np.random.default_rng().normal(size=(X_shape[1], self.n_out))

    assert labels(Unseeded(5), X) == ["gradient of X", "gradients['W']", "gradients['b']"]


def test_what_a_layer_keeps_of_a_run_is_no_parameter() -> None:
    assert labels(student.Linear(3, 2, debug=True), X) == ["gradient of A", "dLdW", "dLdb"]  # neither A nor dLdA


def test_a_gradient_that_backward_fills_goes_before_one_that_it_leaves_empty() -> None:
    class Both(Scale):
        dLdW = None

    assert labels(Both("W", "dW"), X) == ["gradient of x", "dW"]


def test_an_array_with_two_names_is_one_parameter() -> None:
    class Aliased(student.Linear):
        def __init__(self) -> None:
            super().__init__(3, 2)
            self.parameters = {"W": self.W, "b": self.b}
            self.gradients: dict[str, Any] = {}

        def backward(self, dLdZ: Any) -> Any:
            dLdA = super().backward(dLdZ)
            self.gradients = {"W": self.dLdW, "b": self.dLdb}
            return dLdA

    assert labels(Aliased(), X) == ["gradient of A", "dLdW", "dLdb"]


def test_integer_parameters_are_computed_with_as_floating_point() -> None:
    layer = student.Linear(3, 2)
    layer.W = np.array([[1, 2, 3], [4, 5, 6]])
    assert labels(layer, X) == ["gradient of A", "dLdW", "dLdb"]


def test_callers_can_name_parameters_and_gradients() -> None:
    assert labels(Scale("stretch", "result"), X) == ["gradient of x"]
    assert labels(Scale("stretch", "result"), X, parameters={"stretch": "result"}) == ["gradient of x", "result"]
    named = {"layers[0].W": "layers[0].dLdW"}
    assert labels(student.MLP1(), X, parameters=named) == ["gradient of A", "layers[0].dLdW"]
    named = {'parameters["W"]': 'gradients["W"]'}
    assert labels(student.FullyConnected(2), X, parameters=named) == ["gradient of X", "gradients['W']"]


@pytest.mark.parametrize(
    "named, message",
    [
        ({"W": "dLdQ"}, "Linear has no dLdQ after forward and backward; it has W, b, A, Ones, dLdW, dLdb"),
        ({"W": "dLd W"}, r"'dLd W' is no attribute; write W, layers\[0\].W or parameters\['W'\]"),
    ],
)
def test_a_name_that_is_not_there_is_an_error(named: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_layer(student.Linear(3, 2), X, parameters=named)


def test_what_is_no_array_is_no_parameter() -> None:
    with pytest.raises(TypeError, match="check_layer: name of Scale is a str, no array"):
        check_layer(Scale("W", "dW"), X, parameters={"name": "dW"})


def test_callers_can_say_how_to_run_forward_and_backward() -> None:
    def mse(y: Any, y_hat: Any) -> tuple[Any, Any]:
        return np.mean((y_hat - y) ** 2), 2 * (y_hat - y) / y.size

    found = check_layer(
        mse,
        LABELS,
        X,
        forward=lambda f, y, y_hat: f(y, y_hat)[0],
        backward=lambda f, y, y_hat, dJ: dJ * f(y, y_hat)[1],
        argnums=1,
    )
    assert [(row.label, row.verdict) for row in found.rows] == [("gradient of y_hat", "right")]
    with pytest.raises(TypeError, match="forward of mse returned an array of complex128, not real numbers"):
        check_layer(mse, LABELS, X, forward=lambda f, y, y_hat: 1j * y, backward=lambda f, y, y_hat, dJ: dJ)
    with pytest.raises(
        TypeError, match="forward of mse returned a tuple, not real numbers; pass forward=a function of"
    ):
        check_layer(mse, LABELS, X, backward=lambda f, y, y_hat, dJ: dJ)


def test_callers_can_say_of_which_input_the_gradient_is() -> None:
    assert labels(student.BerkeleyCrossEntropy(), LABELS, PROBABILITIES, argnums=1) == ["gradient of Y_hat"]
    with pytest.raises(AssertionError, match="gradient of Y holds the gradient of Y_hat"):
        check_layer(student.BerkeleyCrossEntropy(), LABELS, PROBABILITIES)


def test_backward_may_return_gradients_by_the_names_of_the_inputs() -> None:
    class ByName(student.Bilinear):
        def backward(self, dz: Any) -> Any:
            return {"y": dz * self.x}

    found = check_layer(ByName(), X, LABELS)
    assert [row.label for row in found.rows] == ["gradient of y"]
    assert found.notes == ["backward gives no gradient of x: not checked"]


def test_backward_may_return_gradients_of_parameters_too() -> None:
    class Both(student.Linear):
        def backward(self, dLdZ: Any) -> Any:
            return super().backward(dLdZ), self.dLdW, self.dLdb

    assert labels(Both(3, 2), X) == ["gradient of A", "dLdW", "dLdb"]


def test_options_go_to_forward() -> None:
    class Powers:
        def forward(self, x: Any, power: int = 1) -> Any:
            self.x, self.power = x, power
            return x**power

        def backward(self, dy: Any) -> Any:
            return dy * self.power * self.x ** (self.power - 1)

    cubed = check_layer(Powers(), X, options={"power": 3})
    assert cubed.rows[0].by_hand != check_layer(Powers(), X).rows[0].by_hand


class Bend:
    """Its backward takes the input too."""

    def forward(self, x: Any) -> Any:
        return x * x


class InputFirst(Bend):
    def backward(self, z: Any, d_out: Any) -> Any:
        return 2 * z * d_out**3


class InputLast(Bend):
    def backward(self, grad: Any, z: Any) -> Any:
        return 2 * z * grad**3


@pytest.mark.parametrize("layer", [InputFirst(), InputLast()])
def test_backward_may_take_the_input_before_or_after_the_gradient(layer: Any) -> None:
    student = Student(layer, [X], forward=None, backward=None, parameters=None, argnums=None, options={}, seed=0)
    dy = np.random.default_rng(0).normal(size=X.shape)
    np.testing.assert_allclose(student.by_hand([dy])["x"], 2 * X * dy**3)


def test_a_backward_that_no_convention_fits_says_what_to_pass() -> None:
    class Strange(student.ReLU):
        def backward(self, a: Any, b: Any, c: Any) -> Any:
            return a

    with pytest.raises(TypeError, match="backward of Strange takes 3 arguments, for 1 inputs; .* pass backward=a"):
        check_layer(Strange(), X)


def test_a_backward_that_gives_nothing_is_an_error() -> None:
    class Silent(student.ReLU):
        def backward(self, dLdA: Any) -> Any:
            return None

    with pytest.raises(TypeError, match="backward of Silent gives no gradient of anything"):
        check_layer(Silent(), X)


def test_a_forward_that_changes_its_input_fails() -> None:
    class InPlace(student.ReLU):
        def forward(self, Z: Any) -> Any:
            Z[Z < 0] = 0
            return super().forward(Z)

    with pytest.raises(AssertionError, match="forward changes Z in place; work on a copy"):
        check_layer(InPlace(), X)


def test_a_second_backward_that_differs_is_noted() -> None:
    class Halving(student.ReLU):
        def backward(self, dLdA: Any) -> Any:
            dLdZ = super().backward(dLdA)
            self.A = self.A * 0
            return dLdZ

    class Forgetful(student.Sigmoid):
        def backward(self, dLdA: Any) -> Any:
            dLdZ = super().backward(dLdA)
            del self.A
            return dLdZ

    assert check_layer(Halving(), X).notes == ["a second backward after one forward gives another gradient of Z"]
    assert check_layer(Forgetful(), X).notes == []


def test_exceptions_of_the_layer_come_through() -> None:
    class Broken(student.ReLU):
        def backward(self, dLdA: Any) -> Any:
            return dLdA @ np.ones((7, 7))

    with pytest.raises(ValueError, match="mismatch in its core dimension"):
        check_layer(Broken(), X)


def test_an_array_that_matters_but_has_no_gradient_by_a_known_name_is_noted() -> None:
    found = check_layer(Scale("stretch", "result"), X)
    assert found.notes == [
        "no gradient found for stretch: not checked; if it is learnt, say parameters= (--parameters)"
    ]


def test_a_parameter_that_plays_no_part_needs_no_gradient() -> None:
    class Spare(student.Sigmoid):
        def __init__(self) -> None:
            self.bias = np.ones(3)

    assert labels(Spare(), X) == ["gradient of Z"]


def test_a_layer_that_takes_only_probabilities_is_not_run_on_anything_else() -> None:
    class Checked(student.BerkeleyCrossEntropy):
        def forward(self, Y: Any, Y_hat: Any) -> Any:
            if not np.allclose(Y.sum(axis=1), 1):
                raise ValueError("labels are probabilities")
            return super().forward(Y, Y_hat)

    assert labels(Checked(), LABELS, PROBABILITIES, argnums=1) == ["gradient of Y_hat"]


def test_an_input_that_is_not_there_cannot_be_differentiated() -> None:
    with pytest.raises(ValueError, match="argnums 2, but MSELoss has 2 inputs, 0 the first"):
        check_layer(student.MSELoss(), X, LABELS, argnums=2)
