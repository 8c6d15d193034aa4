"""CMU 11-785, spring 2021: the exercise's conventions, its gradients against differences, and its training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import optim
from autodiff import Tensor
from autodiff.testing import check_layer

from .conftest import COURSEWORK, arguments, equal, load

FOLDERS = (COURSEWORK / "cmu_2021" / "mytorch", COURSEWORK / "cmu_2021" / "hw1")
activation, loss, linear, batchnorm, hw1 = load("activation", "loss", "linear", "batchnorm", "hw1", path=FOLDERS)

ACTIVATIONS = ["Identity", "Sigmoid", "Tanh", "ReLU"]
LABELS = np.eye(3)[[0, 2, 1, 1, 0]]
SOME = 5  # entries of a gradient to compare with differences one by one; the others in random directions


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


ARGUMENTS = [
    (linear.Linear, "in_feature, out_feature, weight_init_fn, bias_init_fn"),
    (linear.Linear.forward, "x"),
    (linear.Linear.backward, "delta"),
    (loss.SoftmaxCrossEntropy.forward, "x, y"),
    (loss.SoftmaxCrossEntropy.derivative, ""),
    (batchnorm.BatchNorm, "in_feature, alpha=0.9"),
    (batchnorm.BatchNorm.forward, "x, eval=False"),
    (batchnorm.BatchNorm.backward, "delta"),
    (
        hw1.MLP,
        "input_size, output_size, hiddens, activations, weight_init_fn, bias_init_fn, criterion, lr, momentum=0.0, "
        "num_bn_layers=0",
    ),
    *((getattr(hw1.MLP, name), "") for name in ("zero_grads", "step", "train", "eval")),
    (hw1.MLP.forward, "x"),
    (hw1.MLP.backward, "labels"),
    (hw1.get_training_stats, "mlp, dset, nepochs, batch_size"),
]


def test_arguments_have_the_exercises_names_order_and_defaults() -> None:
    for function, expected in ARGUMENTS:
        assert arguments(function) == expected, function


def weights(d0: int, d1: int) -> np.ndarray:
    """What the exercise initialises weights with: from NumPy's global random numbers."""
    return np.random.normal(0.0, 1.0, size=(d0, d1))


def zeros(d: int) -> np.ndarray:
    return np.zeros((1, d))


def mlp(
    sizes: tuple[int, ...] = (4, 4, 3, 3), seed: int = 0, lr: float = 0.1, biases: Any = zeros, **options: Any
) -> Any:
    """A sigmoid MLP with logits for its output."""
    n_in, *hidden, n_out = sizes
    activations = [activation.Sigmoid() for _ in hidden] + [activation.Identity()]
    np.random.seed(seed)
    return hw1.MLP(n_in, n_out, hidden, activations, weights, biases, loss.SoftmaxCrossEntropy(), lr, **options)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_keep_their_state_and_their_derivative_is_right(name: str) -> None:
    layer, base = getattr(activation, name)(), activation.Activation
    assert isinstance(layer, base) and layer.state is None
    value = layer(normal(5, 3))
    assert value is layer.state
    equal(layer.forward(normal(5, 3)), value)
    check_layer(getattr(activation, name)(), normal(5, 3))


def test_derivatives_are_arrays_but_for_the_identity() -> None:
    identity, relu, sigmoid, tanh = (getattr(activation, name)() for name in ["Identity", "ReLU", "Sigmoid", "Tanh"])
    for layer in (identity, relu, sigmoid, tanh):
        layer([[-1, 0, 1]])
    assert type(identity.derivative()) is float and identity.derivative() == 1.0
    equal(identity.state, [[-1, 0, 1]])
    equal(relu.state, [[0, 0, 1]])
    equal(relu.derivative(), [[0, 0, 1]])
    equal(sigmoid.derivative(), sigmoid.state * (1 - sigmoid.state))
    equal(tanh.derivative(), 1 - tanh.state**2)


def test_criterion_gives_the_loss_of_each_row_and_is_stable() -> None:
    criterion = loss.SoftmaxCrossEntropy()
    assert isinstance(criterion, loss.Criterion)
    assert criterion.logits is criterion.labels is criterion.loss is None
    equal(criterion([[0, np.log(3)], [1000, 0]], [[0, 1], [0, 1]]), [np.log(4 / 3), 1000])
    equal(criterion.derivative(), [[0.25, -0.25], [1, -1]])
    equal(criterion.loss, [np.log(4 / 3), 1000])
    check_layer(loss.SoftmaxCrossEntropy(), normal(5, 3), LABELS, argnums=0)


def test_derivative_keeps_the_closed_form_where_labels_do_not_sum_to_1() -> None:
    criterion = loss.SoftmaxCrossEntropy()
    equal(criterion([[0, 0]], [[240, 4]]), [244 * np.log(2)])
    equal(criterion.derivative(), [[0.5 - 240, 0.5 - 4]])


def test_linear_averages_the_gradients_of_its_parameters_only() -> None:
    layer = linear.Linear(4, 3, weights, zeros)
    for name, shape in dict(W=(4, 3), b=(1, 3), dW=(4, 3), db=(1, 3), momentum_W=(4, 3), momentum_b=(1, 3)).items():
        assert getattr(layer, name).shape == shape, name
    x, delta = normal(5, 4), normal(5, 3)
    equal(layer(x), x @ layer.W + layer.b)
    equal(layer.backward(delta), delta @ layer.W.T)
    equal(layer.dW, x.T @ delta / 5)
    equal(layer.db, delta.mean(axis=0, keepdims=True))
    check_layer(linear.Linear(4, 3, weights, zeros), x, parameter_gradients="mean")
    with pytest.raises(AssertionError, match="factor of 1/N"):
        check_layer(linear.Linear(4, 3, weights, zeros), x)


def test_linear_makes_a_row_of_its_bias_and_leaves_alone_what_it_was_given() -> None:
    W, b = np.ones((4, 3)), np.ones((1, 3))
    layer = linear.Linear(4, 3, lambda n, m: W, lambda m: b)
    layer.W += 5
    layer.b += 5
    assert np.all(W == 1) and np.all(b == 1)
    for name in ("dW", "momentum_W"):
        equal(getattr(layer, name), np.zeros((4, 3)))
    for name in ("db", "momentum_b"):
        equal(getattr(layer, name), np.zeros((1, 3)))


def test_linear_calls_for_weights_of_any_kind_by_the_lengths_of_its_input_and_its_output() -> None:
    layer = linear.Linear(4, 3, lambda n, m: np.full((n, m), 10 * n + m), lambda m: np.full(m, m))
    equal(layer.W, np.full((4, 3), 43))
    equal(layer.b, [[3, 3, 3]])
    layer.W, layer.b = np.ones((4, 3), dtype=int), np.ones((1, 3), dtype=np.float32)
    equal(layer(np.ones((2, 4), dtype=int)), np.full((2, 3), 5))
    equal(layer.x, np.ones((2, 4)))
    equal(layer.backward(np.ones((2, 3), dtype=int)), np.full((2, 4), 3))
    equal(layer.dW, np.ones((4, 3)))
    equal(layer.db, np.ones((1, 3)))
    with pytest.raises(ValueError, match="weight"):
        linear.Linear(4, 3, lambda n, m: np.ones((m, n)), zeros)(normal(5, 4))


def test_batch_norm_keeps_rows_of_biased_statistics() -> None:
    norm = batchnorm.BatchNorm(2, alpha=0.75)
    for name, value in dict(gamma=1, beta=0, dgamma=0, dbeta=0, mean=0, var=1, running_mean=0, running_var=1).items():
        equal(getattr(norm, name), [[value, value]])
    assert norm.x is norm.norm is norm.out is None
    norm.gamma, norm.beta = np.array([[2, 5]]), np.array([[-1, 2]])
    x = np.array([[1, 4], [7, 0], [1, 0], [7, 4]])
    equal(norm(x), [[-3, 7], [1, -3], [-3, -3], [1, 7]], 1e-7)
    equal(norm.x, x)
    equal(norm.out, [[-3, 7], [1, -3], [-3, -3], [1, 7]], 1e-7)
    equal(norm.norm, [[-1, 1], [1, -1], [-1, -1], [1, 1]], 1e-7)
    equal(norm.mean, [[4, 2]])
    equal(norm.var, [[9, 4]])
    equal(norm.running_mean, [[1, 0.5]])
    equal(norm.running_var, [[0.75 + 0.25 * 9, 0.75 + 0.25 * 4]])
    equal(norm.backward([[-6, 2], [-12, 16], [-12, 20], [-6, 2]]), [[2, 0], [-2, -5], [-2, 5], [2, 0]], 1e-6)
    equal(norm.dgamma, [[0, -32]], 1e-6)
    equal(norm.dbeta, [[-36, 40]])
    equal(norm(x, eval=True), norm.gamma * (x - norm.running_mean) / np.sqrt(norm.running_var + 1e-8) + norm.beta)
    equal(norm.running_mean, [[1, 0.5]])
    equal(norm.var, [[9, 4]])
    norm(x)
    equal(norm.running_mean, [[1.75, 0.875]])
    equal(norm.running_var, [[0.75 * 3 + 0.25 * 9, 0.75 * 1.75 + 0.25 * 4]])


@pytest.mark.parametrize("eval", [False, True], ids=["training", "evaluation"])
def test_gradients_of_batch_norm_are_right_and_sums(eval: bool) -> None:
    report = check_layer(batchnorm.BatchNorm(3), normal(5, 3), options={"eval": eval})
    assert [row.label for row in report.rows] == ["gradient of x", "dgamma", "dbeta"]


def test_layers_are_initialised_from_input_to_output() -> None:
    network = mlp((4, 6, 5, 3), seed=7, biases=lambda d: np.random.normal(size=(1, d)), num_bn_layers=1)
    np.random.seed(7)
    for layer, (n, m) in zip(network.linear_layers, [(4, 6), (6, 5), (5, 3)], strict=True):
        equal(layer.W, np.random.normal(size=(n, m)))
        equal(layer.b, np.random.normal(size=(1, m)))
    assert [norm.gamma.shape for norm in network.bn_layers] == [(1, 6)]


def test_the_sample_network_of_the_exercise() -> None:
    functions = [activation.Sigmoid(), activation.Sigmoid(), activation.Sigmoid(), activation.Identity()]
    criterion = loss.SoftmaxCrossEntropy()
    network = hw1.MLP(784, 10, [64, 64, 32], functions, weights, zeros, criterion, 0.008, momentum=0.9, num_bn_layers=0)
    x, y = normal(3, 784), np.eye(10)[[7, 0, 3]]
    expected = x
    for layer in network.linear_layers[:-1]:
        expected = 1 / (1 + np.exp(-(expected @ layer.W + layer.b)))
    equal(network.forward(x), expected @ network.linear_layers[-1].W + network.linear_layers[-1].b, 1e-10)
    network.zero_grads()
    network.backward(y)
    network.step()
    for layer, shape in zip(network.linear_layers, [(784, 64), (64, 64), (64, 32), (32, 10)], strict=True):
        assert layer.W.shape == layer.dW.shape == shape and layer.dW.any()
        equal(layer.momentum_W, -0.008 * layer.dW)
    assert network.bn_layers == []


@pytest.mark.parametrize(("norms", "bn"), [(0, False), (1, True)])
def test_an_mlp_keeps_what_it_was_made_of(norms: int, bn: bool) -> None:
    kept = vars(mlp((4, 6, 5, 3), lr=0.5, momentum=0.75, num_bn_layers=norms))
    expected = dict(train_mode=True, num_bn_layers=norms, bn=bn, nlayers=3, input_size=4, output_size=3, lr=0.5)
    assert {**kept, **expected, "momentum": 0.75} == kept
    assert isinstance(kept["criterion"], loss.SoftmaxCrossEntropy)
    assert [type(layer) for layer in kept["activations"]] == [*[activation.Sigmoid] * 2, activation.Identity]


def test_batch_norm_comes_between_a_linear_layer_and_its_activation() -> None:
    network, x = mlp(num_bn_layers=1), normal(5, 4)
    out = network.forward(x)
    first, second, last = network.linear_layers
    z = x @ first.W + first.b
    hidden = 1 / (1 + np.exp(-(z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-8)))
    hidden = 1 / (1 + np.exp(-(hidden @ second.W + second.b)))
    equal(out, hidden @ last.W + last.b)


class WithLoss:
    """An MLP with its loss summed over labelled rows, as a layer without a cotangent."""

    def __init__(self, network: Any) -> None:
        self.network = network

    def forward(self, x: np.ndarray) -> float:
        self.network(x)
        return self.network.total_loss(LABELS)

    def backward(self) -> np.ndarray:
        return self.network.backward(LABELS)


@pytest.mark.parametrize("sizes", [(4, 3), (4, 4, 3, 3)], ids=["linear classifier", "two hidden layers"])
def test_gradients_of_an_mlp_are_right_and_means(sizes: tuple[int, ...]) -> None:
    report = check_layer(WithLoss(mlp(sizes)), normal(5, 4), parameter_gradients="mean", entries=SOME)
    assert len(report.rows) == 1 + 2 * (len(sizes) - 1)


@pytest.mark.parametrize("train", [True, False], ids=["training", "evaluation"])
def test_gradients_with_batch_norm_are_right_and_its_own_are_sums(train: bool) -> None:
    network = mlp(num_bn_layers=1)
    network.train() if train else network.eval()
    means = [f"network.linear_layers[{i}].{name}" for i in (0, 1, 2) for name in "Wb"]
    report = check_layer(
        WithLoss(network), normal(5, 4), parameter_gradients=dict.fromkeys(means, "mean"), entries=SOME
    )
    assert len(report.rows) == 1 + 6 + 2


def test_batch_norm_comes_between_the_linear_layer_and_its_activation() -> None:
    network = mlp(num_bn_layers=1)
    first, second, third = network.linear_layers
    x = normal(5, 4)
    hidden = network.bn_layers[0](first(x))
    hidden = second(activation.Sigmoid()(hidden))
    equal(network(x), third(activation.Sigmoid()(hidden)))


def test_zero_grads_forgets_all_gradients() -> None:
    network = mlp(num_bn_layers=1, biases=lambda d: np.ones((1, d)))
    network.bn_layers[0].beta = np.ones((1, 4))
    network(normal(5, 4))
    network.backward(LABELS)
    network.zero_grads()
    places = [(layer, name) for layer in network.linear_layers for name in "Wb"]
    places += [(network.bn_layers[0], name) for name in ("gamma", "beta")]
    for layer, name in places:
        equal(getattr(layer, "d" + name), 0 * getattr(layer, name))


def test_momentum_averages_steps_which_include_the_learning_rate() -> None:
    network = mlp((1, 1), lr=0.9, momentum=0.9)
    (layer,) = network.linear_layers
    layer.W, layer.b = np.ones((1, 1)), np.ones((1, 1))
    layer.dW, layer.db = np.full((1, 1), 0.1), np.full((1, 1), 0.2)
    network.step()
    equal(layer.W, [[0.91]])
    equal(layer.b, [[0.82]])
    equal(layer.momentum_W, [[-0.09]])
    equal(layer.momentum_b, [[-0.18]])
    network.lr = 0.1
    network.step()
    equal(layer.W, [[0.91 - 0.9 * 0.09 - 0.1 * 0.1]])


def test_steps_at_a_constant_rate_are_those_of_optim_but_without_momentum_for_batch_norm() -> None:
    network = mlp(num_bn_layers=1, lr=0.5, momentum=0.9)
    places = [(layer, n, "d" + n) for layer in network.linear_layers for n in "Wb"]
    places += [(network.bn_layers[0], name, "d" + name) for name in ("gamma", "beta")]
    tensors = [Tensor(getattr(layer, name).copy(), requires_grad=True) for layer, name, _ in places]
    rules = [optim.SGD(tensors[:-2], lr=0.5, momentum=0.9), optim.SGD(tensors[-2:], lr=0.5)]
    for _ in range(3):
        network(normal(5, 4))
        network.backward(LABELS)
        for tensor, (layer, _, gradient) in zip(tensors, places, strict=True):
            tensor.grad = Tensor(getattr(layer, gradient))
        network.step()
        for rule in rules:
            rule.step()
    for tensor, (layer, name, _) in zip(tensors, places, strict=True):
        equal(getattr(layer, name), tensor.data)


def blobs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points around three centres, and which centre each belongs to, one-hot."""
    rng = np.random.default_rng(count)
    classes = rng.integers(0, 3, count)
    return 3 * np.eye(3, 4)[classes] + rng.normal(size=(count, 4)), np.eye(3)[classes]


DATA = (blobs(90), blobs(40), blobs(10))


def stats(seed: int, nepochs: int = 4, **options: Any) -> tuple[np.ndarray, ...]:
    network = mlp(lr=0.3, momentum=0.5, num_bn_layers=1, **options)
    np.random.seed(seed)
    return hw1.get_training_stats(network, DATA, nepochs, 20)


def test_training_learns_and_gives_one_value_an_epoch() -> None:
    training_losses, training_errors, validation_losses, validation_errors = stats(seed=1, nepochs=20)
    for curve in (training_losses, training_errors, validation_losses, validation_errors):
        assert curve.shape == (20,) and curve.dtype == np.float64
        assert curve[-1] < 0.5 * curve[0]
    assert validation_losses[-1] < 0.3 and validation_errors[-1] < 0.1


def test_training_is_reshuffled_by_the_global_seed() -> None:
    first, again, other = stats(seed=1), stats(seed=1), stats(seed=2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_calls_for_one_epoch_each_do_the_same_as_one_call() -> None:
    network = mlp(lr=0.3, momentum=0.5, num_bn_layers=1)
    np.random.seed(1)
    epochs = [hw1.get_training_stats(network, DATA, 1, 20) for _ in range(4)]
    np.testing.assert_array_equal(np.concatenate(epochs, axis=1), stats(seed=1))


def test_an_epoch_is_a_step_for_each_batch_of_all_rows_in_a_random_order() -> None:
    network, seen, figures = mlp(lr=0.3), [], []
    forward, backward = network.forward, network.backward

    def recorded_forward(x: np.ndarray) -> np.ndarray:
        seen.append(x)
        return forward(x)

    def recorded_backward(labels: np.ndarray) -> np.ndarray:
        figures.append((network.total_loss(labels), network.error(labels)))
        return backward(labels)

    network.forward, network.backward = recorded_forward, recorded_backward
    losses, errors, *_ = hw1.get_training_stats(network, DATA, 1, 40)
    (x, _), (valx, _), _ = DATA
    assert [len(batch) for batch in seen] == [40, 40, 10, 40]
    assert sorted(np.concatenate(seen[:3]).tolist()) == sorted(x.tolist())
    assert not np.array_equal(np.concatenate(seen[:3]), x)
    equal(seen[3], valx)
    assert [type(figure) for figure in figures[0]] == [float, int]
    assert [losses[0], errors[0]] == pytest.approx(np.sum(figures, axis=0) / 90, rel=1e-12)


def test_a_last_batch_of_a_single_row_is_normalised_to_beta(monkeypatch: pytest.MonkeyPatch) -> None:
    network = mlp(lr=0.3, num_bn_layers=1)
    (norm,), steps = network.bn_layers, []
    step = network.step
    monkeypatch.setattr(network, "step", lambda: [steps.append((norm.out, norm.beta, norm.dgamma)), step()])
    figures = hw1.get_training_stats(network, (blobs(41), blobs(40), None), 1, 20)
    out, beta, dgamma = steps[-1]
    assert len(steps) == 3 and np.isfinite(figures).all()
    equal(out, beta, 0)
    equal(dgamma, np.zeros_like(beta), 0)


def test_figures_of_training_are_taken_before_each_step_and_those_of_validation_in_evaluation() -> None:
    (x, y), (valx, valy), _ = DATA
    network = mlp(lr=0.3, num_bn_layers=1)
    reference = mlp(lr=0.3, num_bn_layers=1)
    network.eval()  # which training does not keep to
    training_losses, training_errors, validation_losses, validation_errors = hw1.get_training_stats(
        network, DATA, 1, len(x)
    )
    losses = reference.criterion(reference(x), y)
    assert training_losses[0] == pytest.approx(losses.mean(), rel=1e-12)
    assert training_errors[0] == np.mean(reference.output.argmax(axis=1) != y.argmax(axis=1))
    running = network.bn_layers[0].running_mean
    network.eval()
    losses = network.criterion(network(valx), valy)
    assert validation_losses[0] == pytest.approx(losses.mean(), rel=1e-12)
    assert validation_errors[0] == network.error(valy) / len(valx)
    assert network.bn_layers[0].running_mean is running
