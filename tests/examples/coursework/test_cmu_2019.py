"""CMU 11-785, spring 2019: what differs from 2021, which it must otherwise repeat number by number."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from autodiff.testing import check_layer

from .conftest import COURSEWORK, arguments, equal, load

(hw1,) = load("hw1", path=COURSEWORK / "cmu_2019" / "hw1")
year_2021 = COURSEWORK / "cmu_2021"
*layers_2021, hw1_2021 = load("activation", "loss", "batchnorm", "hw1", path=(year_2021 / "mytorch", year_2021 / "hw1"))

X = np.random.default_rng(0).normal(size=(5, 4))
LABELS = np.eye(3)[[0, 2, 1, 1, 0]]


activation_2021, loss_2021, batchnorm_2021 = layers_2021


def biases(d: int) -> np.ndarray:
    return np.random.normal(size=(1, d))


def mlp(hidden: tuple[int, ...] = (5, 3), year: Any = hw1, **options: Any) -> Any:
    """A tanh MLP with logits for its output, whose weights and biases are drawn after the same seed."""
    activation, loss = (hw1, hw1) if year is hw1 else (activation_2021, loss_2021)
    activations = [activation.Tanh() for _ in hidden] + [activation.Identity()]
    np.random.seed(3)
    return year.MLP(
        4,
        3,
        hidden,
        activations,
        hw1.random_normal_weight_init,
        biases,
        loss.SoftmaxCrossEntropy(),
        **{"lr": 0.1, **options},
    )


def test_exercises_whose_modules_have_the_same_name_are_loaded_apart() -> None:
    assert hw1 is not hw1_2021
    assert not hasattr(hw1, "Linear") and hasattr(hw1_2021, "Linear")
    assert "hw1" not in sys.modules and "activation" not in sys.modules
    assert not any(str(COURSEWORK) in folder for folder in sys.path)


def test_one_module_has_everything() -> None:
    for name in ["Identity", "Sigmoid", "Tanh", "ReLU"]:
        layer = getattr(hw1, name)()
        assert isinstance(layer, hw1.Activation)
        check_layer(layer, X)
    assert isinstance(hw1.SoftmaxCrossEntropy(), hw1.Criterion)
    check_layer(hw1.SoftmaxCrossEntropy(), X[:, :3], LABELS, argnums=0)
    assert type(hw1.Identity().derivative()) is float


def test_arguments_are_those_of_2021() -> None:
    for name in ("MLP", "get_training_stats"):
        assert arguments(getattr(hw1, name)) == arguments(getattr(hw1_2021, name))
    for name in ("forward", "backward", "zero_grads", "step", "train", "eval"):
        assert arguments(getattr(hw1.MLP, name)) == arguments(getattr(hw1_2021.MLP, name))
    assert arguments(hw1.BatchNorm) == "fan_in, alpha=0.9"
    assert arguments(hw1.BatchNorm.forward) == arguments(hw1.BatchNorm.__call__) == "x, eval=False"
    assert arguments(hw1.random_normal_weight_init) == "d0, d1" and arguments(hw1.zeros_bias_init) == "d"


@pytest.mark.parametrize("name", ["Identity", "Sigmoid", "Tanh", "ReLU"])
def test_activations_repeat_those_of_2021(name: str) -> None:
    ours, theirs = getattr(hw1, name)(), getattr(activation_2021, name)()
    assert ours.state is None
    x = [[-1000, -1, 0, 1, 1000]]
    equal(ours(x), theirs(x), 0)
    equal(ours.state, theirs.state, 0)
    np.testing.assert_array_equal(ours.derivative(), theirs.derivative(), strict=True)


@pytest.mark.parametrize("labels", [np.eye(2)[[0, 1]], [[240, 4], [0, 0]]], ids=["shares", "any"])
def test_the_criterion_repeats_that_of_2021(labels: Any) -> None:
    ours, theirs = hw1.SoftmaxCrossEntropy(), loss_2021.SoftmaxCrossEntropy()
    assert ours.logits is ours.labels is ours.loss is None
    for logits in ([[0.0, np.log(3)], [1000.0, 0.0]], np.array([[0, 1], [1000, 0]])):
        equal(ours(logits, labels), theirs(logits, labels), 0)
        equal(ours.derivative(), theirs.derivative(), 0)
        for name in ("logits", "labels", "loss"):
            equal(getattr(ours, name), getattr(theirs, name), 0)


@pytest.mark.parametrize("eval", [False, True], ids=["training", "evaluation"])
def test_batch_norm_repeats_that_of_2021_but_for_the_shape_of_gradients(eval: bool) -> None:
    ours, theirs = hw1.BatchNorm(4), batchnorm_2021.BatchNorm(4)
    statistics = ("mean", "var", "running_mean", "running_var")
    assert ours.x is ours.norm is ours.out is None
    for name in ("gamma", "beta", *statistics):
        equal(getattr(ours, name), getattr(theirs, name), 0)
    for name in ("dgamma", "dbeta"):
        equal(getattr(ours, name), np.zeros(4), 0)
    check_layer(ours, X, options={"eval": eval}, parameters={})
    for norm in (ours, theirs):
        norm.gamma, norm.beta = np.array([[2, 1, -1, 3]]), np.array([[1, 2, 3, 4]])
        norm.forward(2 * X)
        norm(np.round(9 * X).astype(int), eval=eval)
    equal(ours.backward(X + 1), theirs.backward(X + 1), 0)
    for name in ("x", "norm", "out", *statistics):
        equal(getattr(ours, name), getattr(theirs, name), 0)
    for name in ("dgamma", "dbeta"):
        equal(getattr(ours, name), getattr(theirs, name)[0], 0)


def test_weights_start_standard_normal_and_biases_as_rows_of_zeros() -> None:
    np.random.seed(0)
    drawn = hw1.random_normal_weight_init(50, 40)
    np.random.seed(0)
    equal(drawn, np.random.normal(size=(50, 40)))
    equal(hw1.zeros_bias_init(3), [[0, 0, 0]])


def test_an_mlp_owns_lists_and_gradients_of_biases_have_one_axis() -> None:
    network = mlp(num_bn_layers=2)
    network(X)
    network.backward(LABELS)
    shapes = {name: [array.shape for array in getattr(network, name)] for name in ("W", "dW", "b", "db")}
    assert shapes["W"] == shapes["dW"] == [(4, 5), (5, 3), (3, 3)]
    assert shapes["b"] == [(1, 5), (1, 3), (1, 3)]
    assert shapes["db"] == [(5,), (3,), (3,)]
    for norm, size in zip(network.bn_layers, (5, 3), strict=True):
        assert norm.dgamma.shape == norm.dbeta.shape == (size,)
        for name in ("gamma", "beta", "mean", "var", "running_mean", "running_var"):
            assert getattr(norm, name).shape == (1, size), name
    network.zero_grads()
    for gradient, shape in zip([*network.dW, *network.db], [*shapes["dW"], *shapes["db"]], strict=True):
        equal(gradient, np.zeros(shape))
    for norm, size in zip(network.bn_layers, (5, 3), strict=True):
        equal(norm.dgamma, np.zeros(size))
        equal(norm.dbeta, np.zeros(size))


@pytest.mark.parametrize("norms", [0, 1])
def test_an_mlp_keeps_what_that_of_2021_keeps_and_has_as_many_activations_as_linear_layers(norms: int) -> None:
    ours, theirs = (mlp(year=year, momentum=0.5, num_bn_layers=norms) for year in (hw1, hw1_2021))
    for name in "train_mode num_bn_layers bn nlayers input_size output_size lr momentum".split():
        assert getattr(ours, name) == getattr(theirs, name), name
    ours(X)
    assert type(ours.total_loss(LABELS)) is float and type(ours.error(LABELS)) is int
    for network in (ours, theirs):
        network.activations = network.activations[:-1]
        with pytest.raises(ValueError, match="zip"):  # one for each linear layer
            network(X)


def test_an_mlp_calls_for_weights_by_lengths_takes_numbers_of_any_kind_and_leaves_alone_what_it_was_given() -> None:
    given = {(4, 5): np.full((4, 5), 45), (5, 3): np.full((5, 3), 0.5), 5: np.full((1, 5), 5), 3: np.arange(3)}
    activations = [hw1.Identity(), hw1.Identity()]
    network = hw1.MLP(4, 3, [5], activations, lambda n, m: given[n, m], given.get, hw1.SoftmaxCrossEntropy(), 0.1)
    equal(network.W[0], np.full((4, 5), 45))
    equal(network.b[1], [[0, 1, 2]])
    network.W[1] += 1
    network.b[0] += 1
    assert np.all(given[5, 3] == 0.5) and np.all(given[5] == 5)
    network.W[0], network.b[0] = np.ones((4, 5), dtype=int), np.ones((1, 5), dtype=np.float32)
    equal(network([[1, 0, 1, 0], [0, 0, 0, 0]]), [[22.5, 23.5, 24.5], [7.5, 8.5, 9.5]])
    assert network.backward([[0, 0, 1], [1, 0, 0]]).shape == (2, 4)


class WithLoss:
    """An MLP with its loss summed over labelled rows; gradients with one axis are shown as rows, as parameters are."""

    def __init__(self, network: Any) -> None:
        self.network = network

    def forward(self, x: np.ndarray) -> float:
        self.network(x)
        return self.network.total_loss(LABELS)

    def backward(self) -> np.ndarray:
        dx = self.network.backward(LABELS)
        self.db = [db[None] for db in self.network.db]
        self.dgamma = [norm.dgamma[None] for norm in self.network.bn_layers]
        self.dbeta = [norm.dbeta[None] for norm in self.network.bn_layers]
        return dx


@pytest.mark.parametrize(("hidden", "norms"), [((), 0), ((3, 3), 1)], ids=["linear classifier", "with batch norm"])
def test_gradients_are_right_and_those_of_W_and_b_are_means(hidden: tuple[int, ...], norms: int) -> None:
    means = {f"network.W[{i}]": f"network.dW[{i}]" for i in range(len(hidden) + 1)}
    means |= {f"network.b[{i}]": f"db[{i}]" for i in range(len(hidden) + 1)}
    sums = {f"network.bn_layers[{i}].{name}": f"d{name}[{i}]" for i in range(norms) for name in ("gamma", "beta")}
    report = check_layer(
        WithLoss(mlp(hidden, num_bn_layers=norms)),
        X,
        parameters=means | sums,
        parameter_gradients=dict.fromkeys(means, "mean"),
        entries=5,
    )
    assert len(report.rows) == 1 + len(means) + len(sums)


@pytest.mark.parametrize("options", [{"momentum": 0.9}, {"num_bn_layers": 2}], ids=["momentum", "batch norm"])
def test_training_repeats_that_of_2021(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    data = [(rng.normal(size=(n, 4)), np.eye(3)[rng.integers(0, 3, n)]) for n in (41, 20, 20)]  # 41: a batch of one row
    curves = []
    for network, year in [(mlp(**options), hw1), (mlp(year=hw1_2021, **options), hw1_2021)]:
        np.random.seed(5)
        curves.append(year.get_training_stats(network, data, 3, 10))
    assert [curve.shape for curve in curves[0]] == [(3,)] * 4
    np.testing.assert_array_equal(*curves)


def test_the_linear_classifier_learns() -> None:
    rng = np.random.default_rng(2)
    classes = rng.integers(0, 3, 150)
    x, y = 4 * np.eye(3, 4)[classes] + rng.normal(size=(150, 4)), np.eye(3)[classes]
    network = mlp((), lr=0.5)
    np.random.seed(0)
    *_, losses, errors = hw1.get_training_stats(network, ((x[:100], y[:100]), (x[100:], y[100:]), None), 20, 10)
    assert losses[-1] < 0.1 and errors[-1] < 0.05


def test_momentum_averages_steps_which_include_the_learning_rate() -> None:
    network = mlp((), lr=0.9, momentum=0.9)
    network.W, network.b = [np.ones((4, 3))], [np.ones((1, 3))]
    network.dW, network.db = [np.full((4, 3), 0.1)], [np.full(3, 0.2)]
    network.step()
    network.lr = 0.1
    network.step()
    equal(network.W[0], np.full((4, 3), 0.91 - 0.9 * 0.09 - 0.1 * 0.1))
    equal(network.b[0], np.full((1, 3), 0.82 - 0.9 * 0.18 - 0.1 * 0.2))
