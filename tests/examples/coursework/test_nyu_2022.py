"""NYU's MLP and losses: tensors of PyTorch in and out, and the gradients that its autograd finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autodiff.testing import check_layer

from .conftest import COURSEWORK, load

torch = pytest.importorskip("torch")
(mlp,) = load("mlp", path=COURSEWORK / "nyu_2022")

FUNCTIONS = {"relu": torch.relu, "sigmoid": torch.sigmoid, "identity": lambda z: z}
LOSSES = {
    "mse": (mlp.mse_loss, torch.nn.functional.mse_loss),
    "bce": (mlp.bce_loss, torch.nn.functional.binary_cross_entropy),
}
SHAPES = {"W1": (5, 3), "b1": (5,), "W2": (2, 5), "b2": (2,)}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def network(f: str = "relu", g: str = "identity") -> Any:
    return mlp.MLP(3, 5, f, 5, 2, g)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("g", FUNCTIONS)
def test_gradients_are_those_of_autograd(f: str, g: str, dtype: Any) -> None:
    net, x, y = network(f, g), torch.randn(10, 3, dtype=dtype), torch.rand(10, 2, dtype=dtype)
    net.parameters = {name: value.to(dtype) for name, value in net.parameters.items()}
    W1, b1, W2, b2 = leaves = [value.clone().requires_grad_() for value in net.parameters.values()]
    expected = FUNCTIONS[g](FUNCTIONS[f](x @ W1.T + b1) @ W2.T + b2)
    expected.sub(y).square().mean().backward()

    y_hat = net.forward(x)
    torch.testing.assert_close(y_hat, expected.detach())
    _, dJdy_hat = mlp.mse_loss(y, y_hat)
    net.backward(dJdy_hat)
    for gradient, leaf in zip(net.grads.values(), leaves, strict=True):
        torch.testing.assert_close(gradient, leaf.grad)


def test_a_network_is_made_and_used_as_in_the_exercise() -> None:
    net = mlp.MLP(
        linear_1_in_features=2,
        linear_1_out_features=20,
        f_function="sigmoid",
        linear_2_in_features=20,
        linear_2_out_features=5,
        g_function="sigmoid",
    )
    x, y = torch.randn(10, 2), torch.rand(10, 5)
    net.clear_grad_and_cache()
    J, dJdy_hat = mlp.bce_loss(y, y_hat := net.forward(x))
    assert net.backward(dJdy_hat) is None
    assert all(
        type(value) is torch.Tensor for value in (y_hat, J, dJdy_hat, *net.parameters.values(), *net.grads.values())
    )

    linear_1, linear_2 = torch.nn.Linear(2, 20), torch.nn.Linear(20, 5)
    places = {"W1": linear_1.weight, "b1": linear_1.bias, "W2": linear_2.weight, "b2": linear_2.bias}
    for name, parameter in places.items():
        parameter.data = net.parameters[name]
    torch.nn.functional.binary_cross_entropy(linear_2(linear_1(x).sigmoid()).sigmoid(), y).backward()
    for name, parameter in places.items():
        torch.testing.assert_close(net.grads[f"dJd{name}"], parameter.grad)


def test_tensors_may_require_gradients_of_their_own() -> None:
    net, x = network(), torch.randn(4, 3, requires_grad=True)
    net.parameters = {name: value.requires_grad_() for name, value in net.parameters.items()}
    y_hat = net.forward(x)
    net.backward(torch.ones(4, 2, requires_grad=True))
    loss, gradient = mlp.mse_loss(torch.ones(4, 2, requires_grad=True), torch.zeros(4, 2, requires_grad=True))
    assert not any(tensor.requires_grad for tensor in (y_hat, *net.grads.values(), loss, gradient))
    torch.testing.assert_close(net.grads["dJdb2"], torch.full((2,), 4.0))


def test_the_derivative_of_relu_at_0_is_0() -> None:
    net = mlp.MLP(1, 1, "relu", 1, 1, "relu")
    net.parameters = {"W1": torch.ones(1, 1), "b1": torch.ones(1), "W2": torch.ones(1, 1), "b2": torch.ones(1)}
    net.forward(torch.tensor([[-1.0]]))  # a hidden unit of 0, and an output of 1
    net.backward(torch.ones(1, 1))
    assert [net.grads[f"dJd{name}"].item() for name in SHAPES] == [0, 0, 0, 1]


@pytest.mark.parametrize("f, g", [("relu", "sigmoid"), ("sigmoid", "identity")])
def test_gradients_are_those_of_differences(f: str, g: str) -> None:
    class OnArrays:
        def __init__(self) -> None:
            self.net = network(f, g)
            self.parameters = {name: value.double().numpy() for name, value in self.net.parameters.items()}
            self.grads: dict[str, np.ndarray] = {}

        def forward(self, x: np.ndarray) -> np.ndarray:
            self.net.parameters = {name: torch.from_numpy(value) for name, value in self.parameters.items()}
            return self.net.forward(torch.from_numpy(x)).numpy()

        def backward(self, dJdy_hat: np.ndarray) -> None:
            self.net.backward(torch.from_numpy(dJdy_hat))
            self.grads = {name: value.numpy() for name, value in self.net.grads.items()}

    found = check_layer(OnArrays(), np.random.default_rng(0).normal(size=(4, 3)))
    assert [row.label for row in found.rows] == [f"grads['dJd{name}']" for name in SHAPES]


@pytest.mark.parametrize("name", LOSSES)
def test_losses_take_labels_first_and_give_value_and_gradient(name: str) -> None:
    ours, theirs = LOSSES[name]
    y, y_hat = torch.rand(4, 3), torch.rand(4, 3, requires_grad=True)
    expected = theirs(y_hat, y)
    expected.backward()
    J, dJdy_hat = ours(y, y_hat)
    assert J.shape == () and J.dtype == torch.float32
    torch.testing.assert_close(J, expected.detach())
    torch.testing.assert_close(dJdy_hat, y_hat.grad)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_losses_are_those_of_differences(name: str) -> None:
    def loss(y: np.ndarray, y_hat: np.ndarray) -> tuple[Any, Any]:
        J, dJdy_hat = LOSSES[name][0](torch.from_numpy(y), torch.from_numpy(y_hat))
        return J.numpy(), dJdy_hat.numpy()

    check_layer(
        loss,
        *np.random.default_rng(0).uniform(0.1, 0.9, size=(2, 4, 3)),
        forward=lambda loss, y, y_hat: loss(y, y_hat)[0],
        backward=lambda loss, y, y_hat, dJ: dJ * loss(y, y_hat)[1],
        argnums=1,
    )


def test_parameters_are_standard_normal_and_gradients_start_at_zero() -> None:
    net = network()
    assert {name: tuple(value.shape) for name, value in net.parameters.items()} == SHAPES
    assert {name: tuple(value.shape) for name, value in net.grads.items()} == {f"dJd{n}": s for n, s in SHAPES.items()}
    assert not any(gradient.any() for gradient in net.grads.values())
    drawn = mlp.MLP(300, 200, "relu", 200, 10, "relu").parameters["W1"]
    assert abs(float(drawn.mean())) < 0.02 and abs(float(drawn.std()) - 1) < 0.02


def test_clearing_forgets_gradients_and_the_last_forward() -> None:
    net = network()
    net.backward(net.forward(torch.randn(4, 3)))
    assert net.grads["dJdW1"].any() and net.cache
    net.clear_grad_and_cache()
    assert not any(gradient.any() for gradient in net.grads.values()) and not net.cache
    with pytest.raises(RuntimeError, match="backward before forward"):
        net.backward(torch.ones(4, 2))


def test_an_unknown_function_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no function 'tanh', only relu, sigmoid, identity"):
        network("tanh")
