"""The Berkeley layers homework: every gradient is right, and by the formulas in the docstrings; networks learn."""

from __future__ import annotations

import csv
import doctest
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from autodiff.testing import check_layer

from .conftest import COURSEWORK, arguments, equal, load

PACKAGE = ("activations", "layers", "losses", "models", "datasets", "optimizers", "schedulers", "weights", "logs")
MODULES = load(*(f"neural_networks.{name}" for name in PACKAGE), "train_ffnn", path=COURSEWORK / "berkeley")
activations, layers, losses, models, datasets, optimizers, schedulers, weights, logs, train_ffnn = MODULES

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))
IMAGES = RNG.normal(size=(2, 5, 6, 3))
FEW_PIXELS = RNG.normal(size=(2, 3, 3, 2))
LABELS = np.eye(3)[[0, 2, 1, 1]]
CLASSES = {
    "linear": "Linear",
    "sigmoid": "Sigmoid",
    "tanh": "TanH",
    "arctan": "ArcTan",
    "relu": "ReLU",
    "softmax": "SoftMax",
}
ACTIVATIONS = list(CLASSES)
ARGUMENTS = [
    (activations.Activation.forward, "Z"),
    (activations.Activation.backward, "Z, dY"),
    (layers.FullyConnected, "n_out, activation, weight_init='xavier_uniform'"),
    (layers.FullyConnected._init_parameters, "X_shape"),
    (layers.Conv2D, "n_out, kernel_shape, activation, stride=1, pad='same', weight_init='xavier_uniform'"),
    (layers.Pool2D, "kernel_shape, mode='max', stride=1, pad=0"),
    (layers.Flatten, "keep_dim='first'"),
    *((layer.forward, "X") for layer in layers.LAYERS.values()),
    *((layer.backward, "dLdY") for layer in layers.LAYERS.values()),
    (losses.CrossEntropy, "name='cross_entropy'"),
    (losses.CrossEntropy.forward, "Y, Y_hat"),
    (losses.CrossEntropy.backward, "Y, Y_hat"),
    (optimizers.SGD, "lr=0.01, lr_scheduler='constant', momentum=0.0"),
    (schedulers.Constant, "lr=0.01"),
    (schedulers.Exponential, "lr=0.01, decay=0.99, stage_length=1, staircase=False"),
    (datasets.Dataset, "X, labels, batch_size=25"),
    (datasets.Iris, "batch_size=25, seed=0"),
    (datasets.initialize_dataset, "name, batch_size=25, seed=0"),
    (logs.Logger, "model_name, hyperparameters, save_dir='experiments', overwrite=False"),
    (models.NeuralNetwork, "loss, layer_args, optimizer_args, logger=None, seed=None"),
    (models.NeuralNetwork.forward, "X"),
    (models.NeuralNetwork.predict, "X, Y"),
]
SOME = 8  # entries of a gradient to compare with differences one by one; the others in random directions

KERNELS: list[dict[str, Any]] = [
    {"kernel_shape": (3, 3)},
    {"kernel_shape": (2, 3), "pad": "valid"},
    {"kernel_shape": 3, "stride": 2, "pad": 1},
    {"kernel_shape": (2, 2), "stride": 2, "pad": "same"},
    {"kernel_shape": 1, "stride": 3, "pad": 0},
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples_in_docstrings_are_right(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


def test_classes_have_the_exercises_names_bases_and_arguments() -> None:
    assert {name: type(activations.initialize_activation(name)).__name__ for name in activations.ACTIVATIONS} == CLASSES
    assert all(issubclass(kind, activations.Activation) for kind in activations.ACTIVATIONS.values())
    assert {kind.__name__ for kind in layers.LAYERS.values()} == {"FullyConnected", "Conv2D", "Pool2D", "Flatten"}
    assert all(issubclass(kind, layers.Layer) for kind in layers.LAYERS.values())
    assert isinstance(losses.CrossEntropy(), losses.Loss) and losses.CrossEntropy().name == "cross_entropy"
    for function, expected in ARGUMENTS:
        assert arguments(function) == expected, function


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_have_the_right_gradient(name: str) -> None:
    check_layer(activations.initialize_activation(name), X)


def test_activations_are_the_functions_of_their_names() -> None:
    Z = np.array([[-2, 0, 1]])
    values = {name: activations.initialize_activation(name)(Z)[0] for name in ACTIVATIONS}
    np.testing.assert_allclose(values["linear"], [-2, 0, 1])
    np.testing.assert_allclose(values["relu"], [0, 0, 1])
    np.testing.assert_allclose(values["sigmoid"], 1 / (1 + np.exp([2.0, 0.0, -1.0])))
    np.testing.assert_allclose(values["tanh"], np.tanh([-2, 0, 1]))
    np.testing.assert_allclose(values["arctan"], [-1.107149, 0, np.pi / 4], rtol=1e-6)
    np.testing.assert_allclose(
        activations.SoftMax()(np.array([[1000, 1001, 1002]])), [[0.0900, 0.2447, 0.6652]], atol=5e-5
    )
    equal(activations.SoftMax()(IMAGES).sum(axis=-1), np.ones((2, 5, 6)))
    np.testing.assert_array_equal(activations.ReLU().backward(Z, np.array([[5.0, 5.0, 5.0]])), [[0, 0, 5]])
    np.testing.assert_allclose(activations.ArcTan().backward(Z, np.ones((1, 3))), [[0.2, 1, 0.5]])


@pytest.mark.parametrize("dtype", [int, np.float32])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_numbers_of_any_kind_come_out_in_double_precision(name: str, dtype: type) -> None:
    activation = activations.initialize_activation(name)
    Z, dY = np.array([[-2, 0, 1]]), np.array([[3, 2, 1]])
    equal(activation.forward(Z.astype(dtype)), activation.forward(Z.astype(float)), 0)
    equal(activation.backward(Z.astype(dtype), dY.astype(dtype)), activation.backward(Z, dY.astype(float)), 0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_fully_connected_has_the_right_gradients_after_every_activation(name: str) -> None:
    found = check_layer(layers.FullyConnected(5, name), X)
    assert [row.label for row in found.rows] == ["gradient of X", "gradients['W']", "gradients['b']"]


def test_fully_connected_in_numbers() -> None:
    layer = layers.FullyConnected(3, "linear")
    A = np.array([[-4, -3], [-2, -1], [0, 1], [2, 3]])
    layer._init_parameters(A.shape)
    for values in (layer.parameters, layer.gradients):
        assert {name: value.shape for name, value in values.items()} == {"W": (2, 3), "b": (1, 3)}
    assert not any(gradient.any() for gradient in layer.gradients.values())
    layer.parameters["W"] = np.array([[-2, 0, 2], [-1, 1, 3]])
    layer.parameters["b"] = np.array([[-1, 0, 1]], dtype=np.float32)
    equal(layer.forward(A), [[10, -3, -16], [4, -1, -6], [-2, 1, 4], [-8, 3, 14]])
    dX = layer.backward(np.array([[-4.0, -3.0, -2.0], [-1.0, 0.0, 1.0], [2.0, 3.0, 4.0], [5.0, 6.0, 7.0]]))
    np.testing.assert_allclose(dX, [[4, -5], [4, 4], [4, 13], [4, 22]])
    np.testing.assert_allclose(layer.gradients["W"], [[28, 24, 20], [30, 30, 30]])  # sums over the batch
    np.testing.assert_allclose(layer.gradients["b"], [[2, 6, 10]])


def test_parameters_are_made_by_the_first_forward_and_stay() -> None:
    layer = layers.Conv2D(4, (2, 3), "relu")
    assert layer.n_in is None and not layer.parameters
    layer.forward(IMAGES)
    W = layer.parameters["W"]
    assert layer.n_in == 3 and W.shape == (2, 3, 3, 4) and W.dtype == float
    np.testing.assert_array_equal(layer.parameters["b"], np.zeros((1, 4)))
    layer.forward(IMAGES)
    assert layer.parameters["W"] is W


@pytest.mark.parametrize("options", KERNELS, ids=str)
def test_convolution_has_the_right_gradients(options: dict) -> None:
    found = check_layer(layers.Conv2D(2, activation="tanh", **options), FEW_PIXELS, entries=SOME)
    assert [row.label for row in found.rows] == ["gradient of X", "gradients['W']", "gradients['b']"]


@pytest.mark.parametrize("mode", ["max", "average"])
@pytest.mark.parametrize("options", KERNELS, ids=str)
def test_pooling_has_the_right_gradient(options: dict, mode: str) -> None:
    check_layer(layers.Pool2D(mode=mode, **options), FEW_PIXELS, entries=SOME)


@pytest.mark.parametrize("keep_dim, shape", [("first", (2, 90)), ("last", (60, 3))])
def test_flattening_has_the_right_gradient(keep_dim: str, shape: tuple) -> None:
    layer = layers.Flatten(keep_dim)
    assert layer.forward(IMAGES).shape == shape
    check_layer(layer, FEW_PIXELS, entries=SOME)


def places(layer: Any, Y: np.ndarray) -> itertools.product:
    """All indices n, i, j, u, v."""
    return itertools.product(range(len(Y)), *map(range, Y.shape[1:3]), *map(range, layer.kernel_shape))


@pytest.mark.parametrize("options", KERNELS, ids=str)
def test_convolution_is_the_sums_in_its_docstring(options: dict) -> None:
    layer = layers.Conv2D(2, activation="linear", **options)
    Z = layer.forward(IMAGES)
    dZ = np.random.default_rng(1).normal(size=Z.shape)
    dX = layer.backward(dZ)
    W, b, s = layer.parameters["W"], layer.parameters["b"], layer.stride
    left, right, top, bottom = layers.margins(layer.pad, (5, 6), layer.kernel_shape, s)
    P = np.pad(IMAGES, ((0, 0), (top, bottom), (left, right), (0, 0)))
    expected_Z, dP, dW = b + np.zeros(Z.shape), np.zeros(P.shape), np.zeros(W.shape)
    for n, i, j, u, v in places(layer, Z):
        expected_Z[n, i, j] += P[n, s * i + u, s * j + v] @ W[u, v]
        dW[u, v] += np.outer(P[n, s * i + u, s * j + v], dZ[n, i, j])
        dP[n, s * i + u, s * j + v] += W[u, v] @ dZ[n, i, j]
    np.testing.assert_allclose(Z, expected_Z, atol=1e-12)
    np.testing.assert_allclose(layer.gradients["W"], dW, atol=1e-12)
    np.testing.assert_allclose(layer.gradients["b"], [dZ.sum(axis=(0, 1, 2))], atol=1e-12)
    np.testing.assert_allclose(dX, dP[:, top : top + 5, left : left + 6], atol=1e-12)


@pytest.mark.parametrize("mode", ["max", "average"])
@pytest.mark.parametrize("options", KERNELS, ids=str)
def test_pooling_is_the_formulas_in_its_docstring(options: dict, mode: str) -> None:
    images = IMAGES.round()  # several entries are the largest; and margins of zeros are, where all others are negative
    layer = layers.Pool2D(mode=mode, **options)
    Y = layer.forward(images)
    dY = np.random.default_rng(1).normal(size=Y.shape)
    dX = layer.backward(dY)
    (k1, k2), s = layer.kernel_shape, layer.stride
    left, right, top, bottom = layers.margins(layer.pad, (5, 6), layer.kernel_shape, s)
    P = np.pad(images, ((0, 0), (top, bottom), (left, right), (0, 0)))
    dP = np.zeros(P.shape)
    for n, i, j, c in np.ndindex(Y.shape):
        window, gradient = (a[n, s * i : s * i + k1, s * j : s * j + k2, c] for a in (P, dP))
        if mode == "average":
            assert np.isclose(Y[n, i, j, c], np.mean(window))
            gradient += dY[n, i, j, c] / (k1 * k2)
        else:
            assert Y[n, i, j, c] == np.max(window)
            gradient[np.unravel_index(np.argmax(window), window.shape)] += dY[n, i, j, c]
    np.testing.assert_allclose(dX, dP[:, top : top + 5, left : left + 6], atol=1e-12)


@pytest.mark.parametrize("mode", ["convolution", "max", "average"])
@pytest.mark.parametrize("options", KERNELS, ids=str)
def test_convolution_and_pooling_are_those_of_pytorch(options: dict, mode: str) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    convolves = mode == "convolution"
    layer = layers.Conv2D(4, activation="relu", **options) if convolves else layers.Pool2D(mode=mode, **options)
    Y = layer.forward(IMAGES)
    dX = layer.backward(dY := np.random.default_rng(1).normal(size=Y.shape))
    x, *parameters = leaves = [torch.tensor(a, requires_grad=True) for a in (IMAGES, *layer.parameters.values())]
    padded = functional.pad(x.movedim(-1, 1), layers.margins(layer.pad, (5, 6), layer.kernel_shape, layer.stride))
    if convolves:
        W, b = parameters
        expected = functional.conv2d(padded, W.permute(3, 2, 0, 1), b[0], layer.stride).relu()
    else:
        pool = functional.max_pool2d if mode == "max" else functional.avg_pool2d
        expected = pool(padded, layer.kernel_shape, layer.stride)
    expected = expected.movedim(1, -1)
    expected.backward(torch.tensor(dY))
    equal(Y, expected.detach().numpy())
    for gradient, leaf in zip([dX, *layer.gradients.values()], leaves, strict=True):
        equal(gradient, leaf.grad.numpy())


def test_with_stride_1_the_gradient_of_an_image_is_a_convolution_with_the_turned_kernel() -> None:
    layer, turned = (layers.Conv2D(n_out, (2, 3), "linear", pad="valid") for n_out in (2, 3))
    dZ = np.random.default_rng(1).normal(size=layer.forward(IMAGES).shape)
    turned.n_in = 2
    turned.parameters = {"W": layer.parameters["W"][::-1, ::-1].swapaxes(2, 3), "b": np.zeros((1, 3))}
    equal(turned.forward(np.pad(dZ, ((0, 0), (1, 1), (2, 2), (0, 0)))), layer.backward(dZ))


def test_same_padding_keeps_height_and_width_and_has_more_after_than_before() -> None:
    for kernel, stride in [((3, 3), 1), ((2, 4), 1), ((3, 2), 2)]:
        assert layers.Conv2D(7, kernel, "relu", stride=stride, pad="same").forward(IMAGES).shape == (2, 5, 6, 7)
    assert layers.margins("same", (5, 6), (2, 4), 1) == (1, 2, 0, 1)
    assert layers.margins("same", (5, 6), (1, 1), 1) == (0, 0, 0, 0)
    assert layers.Pool2D(2, stride=2).forward(IMAGES).shape == (2, 2, 3, 3)


def test_backward_before_forward_says_so() -> None:
    for layer in (layers.FullyConnected(2, "relu"), layers.Pool2D(2), layers.Flatten()):
        with pytest.raises(RuntimeError, match=f"{type(layer).__name__}: backward before forward"):
            layer.backward(X)
    layer = layers.FullyConnected(3, "relu")
    layer.backward(layer.forward(X))
    assert layer.gradients["W"].any()
    layer.clear_gradients()
    assert not layer.gradients["W"].any() and layer.gradients["W"].shape == (3, 3)
    with pytest.raises(RuntimeError, match="FullyConnected: backward before forward"):
        layer.backward(X)


def test_inputs_with_the_wrong_axes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"FullyConnected takes X \(N, n_in\), but was given \(2, 5, 6, 3\)"):
        layers.FullyConnected(2, "relu").forward(IMAGES)
    for layer in (layers.Conv2D(2, 3, "relu"), layers.Pool2D(2)):
        with pytest.raises(ValueError, match=r"takes X \(N, height, width, channels\), but was given \(4, 3\)"):
            layer.forward(X)
    layer = layers.FullyConnected(2, "relu")
    layer.forward(X)
    with pytest.raises(ValueError, match=r"was given x \(4, 2\), weight \(2, 3\)"):
        layer.forward(X[:, :2])


def test_cross_entropy_takes_labels_first_and_probabilities_second() -> None:
    loss = losses.initialize_loss("cross_entropy")
    Y, Y_hat = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.5, 0.5], [0.25, 0.75]])
    assert isinstance(loss(Y, Y_hat), float) and loss(Y, Y_hat) == pytest.approx(np.log(8) / 2)
    equal(loss.backward(Y, Y_hat), [[0, -1], [-2, 0]])
    probabilities = RNG.dirichlet(np.ones(3), size=4)
    assert [row.label for row in check_layer(loss, LABELS, probabilities, argnums=1).rows] == ["gradient of Y_hat"]


def test_a_probability_that_was_rounded_to_zero_leaves_finite_gradients() -> None:
    loss, softmax, Z = losses.CrossEntropy(), activations.SoftMax(), np.array([[0.0, 1000.0, 0.0]])
    Y, Y_hat = np.eye(3)[[0]], activations.SoftMax()(Z)
    assert Y_hat[0, 0] == 0
    assert 700 < loss(Y, Y_hat) < 1000
    assert np.isfinite(softmax.backward(Z, loss.backward(Y, Y_hat))).all()


def test_momentum_repeats_the_last_step_with_the_rate_it_had() -> None:
    def steps(gradient: float, **options: Any) -> list[float]:
        sgd, W, found = optimizers.initialize_optimizer("SGD", **options), np.array([1.0]), []
        for epoch in range(2):
            W = W - sgd.update("W", W, np.array([gradient]), epoch)
            found.append(float(W[0]))
        return found

    assert steps(0.1, lr=0.9) == pytest.approx([0.91, 0.82])
    assert steps(0.1, lr=0.9, momentum=0.9) == pytest.approx([0.91, 0.739])
    falling = {"lr_scheduler": "exponential", "decay": 0.5, "stage_length": 1}
    assert steps(1.0, lr=1.0, momentum=0.5, **falling) == pytest.approx([0.0, -(0.5 * 1 + 0.5)])


def test_schedulers() -> None:
    assert [schedulers.Constant(0.3)(epoch) for epoch in (0, 7)] == [0.3, 0.3]
    smooth = schedulers.initialize_scheduler("exponential", lr=2.0, decay=0.25, stage_length=2)
    assert [smooth(epoch) for epoch in range(3)] == pytest.approx([2, 1, 0.5])


def test_initial_weights_have_the_spread_of_their_names() -> None:
    drawn = {name: weights.WeightInitializer(name, 0)((5, 5, 20, 30)) for name in weights.INITIALIZERS}
    fan_in, fan_out = 25 * 20, 25 * 30
    for name, W in drawn.items():
        assert W.shape == (5, 5, 20, 30) and W.dtype == float and W.flags.c_contiguous
        variance = {"x": 2 / (fan_in + fan_out), "h": 2 / fan_in, "o": 1 / fan_in}[name[0]]
        assert W.std() == pytest.approx(np.sqrt(variance), rel=0.02), name
    assert np.abs(drawn["xavier_uniform"]).max() <= np.sqrt(6 / (fan_in + fan_out))
    rows = drawn["orthogonal"].reshape(-1, 30)
    np.testing.assert_allclose(rows.T @ rows, np.eye(30), atol=1e-12)
    W = weights.WeightInitializer("he_uniform")((2, 100))  # (in, out): the fan is that of the inputs
    assert np.sqrt(3) * 0.9 < np.abs(W).max() <= np.sqrt(3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: activations.initialize_activation("swish"),
        lambda: layers.initialize_layer("conv3d"),
        lambda: layers.Pool2D(2, mode="min"),
        lambda: layers.Flatten("middle"),
        lambda: losses.initialize_loss("hinge"),
        lambda: optimizers.initialize_optimizer("LBFGS"),
        lambda: schedulers.initialize_scheduler("cosine"),
        lambda: weights.WeightInitializer("twos"),
        lambda: datasets.initialize_dataset("tulips"),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(make: Any) -> None:
    with pytest.raises(ValueError, match=r"there is no \w+( \w+)? '\w+', only \w+"):
        make()


def test_an_unknown_padding_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="pad is a number, 'same' or 'valid', not 'full'"):
        layers.Conv2D(2, 3, "relu", pad="full").forward(IMAGES)


def test_data_sets_are_normalised_by_what_is_trained_on() -> None:
    data, other = (datasets.initialize_dataset("iris", batch_size=40, seed=seed) for seed in (3, 4))
    assert not np.array_equal(data.train.X, other.train.X)
    parts = data.train, data.validate, data.test
    assert [len(part.X) for part in parts] == [90, 30, 30] and data.out_dim == 3
    for part in parts:
        np.testing.assert_array_equal(part.Y.sum(axis=0), len(part.Y) / 3)  # as many of each species
    np.testing.assert_allclose(data.train.X.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(data.train.X.std(axis=0), 1)
    assert np.abs(data.test.X.mean(axis=0)).max() > 0.01
    constant = datasets.Dataset(np.ones((15, 2)), np.arange(15) % 3)
    np.testing.assert_array_equal(constant.train.X, 0)


def test_an_epoch_of_samples_is_every_example_once_in_a_new_order() -> None:
    data = datasets.Data(np.arange(7.0)[:, None], np.arange(7.0)[:, None], 3, np.random.default_rng(0))
    epochs = []
    for _ in range(2):
        batches = [data.sample() for _ in range(data.samples_per_epoch)]
        assert [len(X) for X, _ in batches] == [3, 3, 1]
        assert all((X == Y).all() for X, Y in batches)
        epochs.append([int(x) for X, _ in batches for x in X[:, 0]])
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(7)) and epochs[0] != epochs[1]
    with pytest.raises(ValueError, match="3 inputs and 2 labels"):
        datasets.Data(np.zeros((3, 1)), np.zeros((2, 1)), 1, np.random.default_rng(0))


NETWORKS = {
    "perceptron": (X, [{"name": "fully_connected", "n_out": 4, "activation": "tanh"}]),
    "convolutional": (
        np.random.default_rng(2).normal(size=(4, 4, 4, 1)),
        [
            {"name": "conv2d", "n_out": 2, "kernel_shape": (3, 3), "activation": "relu"},
            {"name": "pool2d", "kernel_shape": 2, "stride": 2, "mode": "max"},
            {"name": "flatten"},
        ],
    ),
}
OUTPUT = {"name": "fully_connected", "n_out": 3, "activation": "softmax"}


def network(layer_args: list[dict], **options: Any) -> Any:
    return models.NeuralNetwork("cross_entropy", [*layer_args, OUTPUT], {"name": "SGD", "lr": 0.1}, **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_predict_leaves_the_right_gradients_of_all_parameters(name: str) -> None:
    inputs, layer_args = NETWORKS[name]

    class Loss:
        def __init__(self) -> None:
            self.network = network(layer_args, seed=0)

        def forward(self, X: np.ndarray) -> float:
            return self.network.predict(X, LABELS)[1]

        def backward(self) -> None:
            """They are there already."""

    found = check_layer(Loss(), inputs, entries=SOME)
    expected = [f"network.layers[{i}].gradients['{p}']" for i in (0, len(layer_args)) for p in "Wb"]
    assert [row.label for row in found.rows] == expected


def test_an_update_is_a_step_down_after_which_gradients_are_forgotten() -> None:
    net = network(NETWORKS["perceptron"][1], seed=0)
    _, loss = net.predict(X, LABELS)
    W, gradient = net.layers[0].parameters["W"], net.layers[0].gradients["W"]
    net.update(0)
    np.testing.assert_allclose(net.layers[0].parameters["W"], W - 0.1 * gradient)
    assert not net.layers[0].gradients["W"].any()
    assert net.predict(X, LABELS)[1] < loss


def test_figures_of_an_epoch_are_means_over_all_examples(tmp_path: Path) -> None:
    data, logger = datasets.initialize_dataset("iris", batch_size=40), logs.Logger("frozen", {}, tmp_path)
    net = models.NeuralNetwork("cross_entropy", [OUTPUT], {"name": "SGD", "lr": 0.0}, logger, seed=0)
    net.train(data, epochs=1)
    (figures,) = logger.history
    assert list(figures.values()) == pytest.approx([*net.test(data.train), *net.test(data.validate)])


def test_runs_are_kept_in_the_folder_experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    logs.Logger("mine", {"lr": 0.5})
    assert json.loads((tmp_path / "experiments" / "mine" / "hyperparameters.json").read_text()) == {"lr": 0.5}


def test_losses_are_drawn_over_whole_epochs_even_a_single_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = []
    monkeypatch.setattr(logs, "Figure", lambda **options: figures.append(Figure(**options)) or figures[-1])
    logger = logs.Logger("mine", {}, tmp_path)
    logger.push(training_loss=2.0, training_error=0.5, validation_loss=3.0)
    logger.save([])
    (axes,) = figures[0].axes
    drawn = [(line.get_label(), line.get_xdata().tolist(), line.get_ydata().tolist()) for line in axes.lines]
    assert drawn == [("training loss", [1], [2.0]), ("validation loss", [1], [3.0])]
    assert all(line.get_marker() != "None" for line in axes.lines)
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("epoch", "loss", "mine")
    assert all(tick == round(tick) for tick in axes.get_xticks()) and axes.get_legend()
    assert (tmp_path / "mine" / "history.csv").read_bytes() == (
        b"epoch,training_loss,training_error,validation_loss\n1,2.0,0.5,3.0\n"
    )


def train(folder: Path, *arguments: str) -> None:
    train_ffnn.main(["--experiments", str(folder), *arguments])


BOUNDS = {
    "--hidden": (1, None),
    "--lr": (0, None),
    "--decay": (0, 1),
    "--momentum": (0, 1),
    "--epochs": (1, None),
    "--batch-size": (1, None),
    "--seed": (0, 2**32 - 1),
}


def test_numbers_up_to_their_bounds_are_taken_and_others_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for end in (0, 1):
        values = [(option, str(bounds[end])) for option, bounds in BOUNDS.items() if bounds[end] is not None]
        train(tmp_path, "--epochs", "1", "--scheduler", "exponential", "--overwrite", *itertools.chain(*values))
    for option, (least, most) in BOUNDS.items():
        for value in (least - 1, *([] if most is None else [most + 1])):
            with pytest.raises(SystemExit):
                train(tmp_path, "--name", "refused", option, str(value))
            assert f"expected a number from {least} to {most or 'inf'}, not {value}" in capsys.readouterr().err
    assert not (tmp_path / "refused").exists()


def test_training_on_iris_leaves_what_it_was_and_what_it_learned(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    train(tmp_path, "--name", "run", "--hidden", "12")
    printed = capsys.readouterr().out
    folder = tmp_path / "run"
    settings = dict(hidden=[12], activation="relu", weight_init="xavier_uniform", scheduler="constant", decay=0.97)
    settings |= dict(lr=0.05, momentum=0.9, epochs=50, batch_size=25, seed=0)
    assert json.loads((folder / "hyperparameters.json").read_text()) == settings
    history = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
    assert list(history[0]) == ["epoch", "training_loss", "training_error", "validation_loss", "validation_error"]
    assert len(history) == 50 and float(history[-1]["validation_error"]) <= 0.1
    assert float(history[-1]["training_loss"]) < float(history[0]["training_loss"]) / 5
    assert (folder / "losses.png").read_bytes().startswith(b"\x89PNG")

    hidden = {"name": "fully_connected", "n_out": 12, "activation": "relu"}
    net = network([hidden])
    for layer, parameters in zip(net.layers, logs.load_parameters(folder / "parameters.npz"), strict=True):
        layer.n_in, layer.parameters = len(parameters["W"]), parameters
    loss, error = net.test(datasets.Iris().test)
    assert f"test: loss {loss:.4f}, error {error:.2%} of 30" in printed and error <= 0.1


def test_a_run_is_not_overwritten_unless_asked_and_a_seed_gives_the_same_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    options = ["--name", "run", "--epochs", "3", "--scheduler", "exponential"]
    train(tmp_path, *options)
    first = (tmp_path / "run" / "history.csv").read_text()
    with pytest.raises(SystemExit):
        train(tmp_path, *options, "--seed", "1")
    assert "holds an earlier run" in capsys.readouterr().err
    assert (tmp_path / "run" / "history.csv").read_text() == first
    assert json.loads((tmp_path / "run" / "hyperparameters.json").read_text())["seed"] == 0
    train(tmp_path, *options, "--overwrite")
    assert (tmp_path / "run" / "history.csv").read_text() == first
    train(tmp_path, *options, "--overwrite", "--seed", "1")
    assert (tmp_path / "run" / "history.csv").read_text() != first
