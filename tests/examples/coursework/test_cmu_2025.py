"""CMU 11-785, spring 2025: the exercise's worked examples, its attributes, and its gradients against differences."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from scipy.special import erf

import nn as ours
from autodiff.testing import check_layer

from .conftest import COURSEWORK, arguments, equal, load

mytorch, models = load("mytorch", "models", path=COURSEWORK / "cmu_2025")
nn = mytorch.nn

A = np.array([[-4.0, -3.0], [-2.0, -1.0], [0.0, 1.0], [2.0, 3.0]])
Y = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
ACTIVATIONS = ["Identity", "Sigmoid", "Tanh", "ReLU", "GELU", "Softmax"]

CLASSES = {
    "mytorch.nn.linear": ["Linear"],
    "mytorch.nn.activation": ACTIVATIONS,
    "mytorch.nn.loss": ["MSELoss", "CrossEntropyLoss"],
    "mytorch.nn.batchnorm": ["BatchNorm1d"],
    "mytorch.optim.sgd": ["SGD"],
    "models.mlp": ["MLP0", "MLP1", "MLP4"],
}
ARGUMENTS = {
    nn.Linear: ("in_features, out_features, debug=False", "A", "dLdZ"),
    **dict.fromkeys((getattr(nn, name) for name in ACTIVATIONS), ("", "Z", "dLdA")),
    **dict.fromkeys((nn.MSELoss, nn.CrossEntropyLoss), ("", "A, Y", "")),
    nn.BatchNorm1d: ("num_features, alpha=0.9", "Z, eval=False", "dLdBZ"),
    **dict.fromkeys((models.MLP0, models.MLP1, models.MLP4), ("debug=False", "A", "dLdA")),
}
"""Those of a class, of its forward and its backward."""


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


def test_packages_have_the_classes_of_the_exercises_files() -> None:
    for file, names in CLASSES.items():
        package = {"mytorch.nn": nn, "mytorch.optim": mytorch.optim, "models": models}[file.rpartition(".")[0]]
        for name in names:
            assert getattr(package, name).__module__ == file


def test_arguments_have_the_exercises_names_order_and_defaults() -> None:
    for layer, expected in ARGUMENTS.items():
        assert (arguments(layer), arguments(layer.forward), arguments(layer.backward)) == expected, layer
    assert arguments(mytorch.optim.SGD) == "model, lr=0.1, momentum=0"


@pytest.mark.parametrize("dtype", [float, int, np.float32])
def test_linear_gives_the_worked_example_from_numbers_of_any_kind(dtype: type) -> None:
    layer = nn.Linear(2, 3, debug=True)
    equal(layer.W, np.zeros((3, 2)))
    equal(layer.b, np.zeros((3, 1)))
    layer.W = np.array([[-2, -1], [0, 1], [2, 3]], dtype=dtype)
    layer.b = np.array([[-1], [0], [1]], dtype=dtype)
    equal(layer.forward(A.astype(dtype)), [[10, -3, -16], [4, -1, -6], [-2, 1, 4], [-8, 3, 14]])
    equal(layer.A, A)
    assert layer.N == 4
    dLdZ = np.array([[-4, -3, -2], [-1, 0, 1], [2, 3, 4], [5, 6, 7]], dtype=dtype)
    equal(layer.backward(dLdZ), [[4, -5], [4, 4], [4, 13], [4, 22]])
    equal(layer.dLdA, [[4, -5], [4, 4], [4, 13], [4, 22]])
    equal(layer.dLdW, [[28, 30], [24, 30], [20, 30]])
    equal(layer.dLdb, [[2], [6], [10]])


def test_gradients_of_linear_start_at_zero_and_are_not_its_parameters() -> None:
    layer = nn.Linear(2, 3)
    layer.W += 1
    layer.b += 1
    equal(layer.dLdW, np.zeros((3, 2)))
    equal(layer.dLdb, np.zeros((3, 1)))


def test_linear_keeps_dLdA_only_to_debug() -> None:
    layer = nn.Linear(2, 3)
    layer.forward(A)
    layer.backward(np.ones((4, 3)))
    assert not hasattr(layer, "dLdA")


@pytest.mark.parametrize(
    "layer",
    [nn.Linear(2, 3), *(getattr(nn, name)() for name in ACTIVATIONS), nn.BatchNorm1d(2)],
    ids=lambda layer: type(layer).__name__,
)
def test_gradients_of_layers_are_right(layer: Any) -> None:
    report = check_layer(layer, normal(5, 2))
    assert len(report.rows) == (3 if type(layer).__name__ in ("Linear", "BatchNorm1d") else 1)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_keep_A_and_take_any_number_of_dimensions(name: str) -> None:
    activation = getattr(nn, name)()
    value = activation.forward(normal(2, 3, 4))
    assert value is activation.A and value.dtype == np.float64 and value.shape == (2, 3, 4)
    check_layer(getattr(nn, name)(), normal(2, 3, 4))


@pytest.mark.parametrize("kind", [np.float32, int, list], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_numbers_of_any_kind_come_out_in_double_precision(name: str, kind: type) -> None:
    def given(rows: list[list[int]]) -> Any:
        return rows if kind is list else np.array(rows, kind)

    activation, Z, dLdA = getattr(nn, name)(), [[-2, 0, 1], [3, 1, 1]], [[3, 2, 1], [1, 0, -1]]
    expected, gradient = activation.forward(np.array(Z, float)), activation.backward(np.array(dLdA, float))
    equal(activation.forward(given(Z)), expected, 0)
    equal(activation.backward(given(dLdA)), gradient, 0)


def test_activations_give_the_worked_examples() -> None:
    equal(nn.GELU().forward([-2, -0.5, 0, 0.5, 2]), [-0.0455, -0.1543, 0, 0.3457, 1.9545], 5e-5)
    equal(nn.Softmax().forward([[1000, 1001, 1002]]), [[0.0900, 0.2447, 0.6652]], 5e-5)
    relu = nn.ReLU()
    equal(relu.forward([-1.0, 0.0, 2.0]), [0, 0, 2])
    equal(relu.backward([5.0, 5.0, 5.0]), [0, 0, 5])


def test_gelu_is_exact_and_by_the_exercises_formula_in_any_number_of_dimensions() -> None:
    gelu, Z = nn.GELU(), 3 * normal(2, 3, 4)
    below = (1 + erf(Z / np.sqrt(2))) / 2
    equal(gelu.forward(Z), Z * below)
    equal(gelu.backward(np.ones((2, 3, 4))), below + Z * np.exp(-Z * Z / 2) / np.sqrt(2 * np.pi))


def test_tanh_does_without_numpys(monkeypatch: pytest.MonkeyPatch) -> None:
    Z = np.array([-np.inf, -800.0, -20.0, -1.0, -1e-9, -0.0, 0.0, 1e-300, 1e-9, 0.1, 3.0, 800.0, np.inf])
    expected = np.tanh(Z)
    monkeypatch.delattr(np, "tanh")
    tanh = nn.Tanh()
    np.testing.assert_allclose(tanh.forward(Z), expected, rtol=1e-15)
    equal(tanh.backward(np.ones(13)), 1 - expected**2)


def test_rows_of_softmax_are_multiplied_by_their_jacobian() -> None:
    softmax, dLdA = nn.Softmax(), normal(3, 4)
    rows = softmax.forward(normal(3, 4) + 1)
    expected = [g @ (np.diag(a) - np.outer(a, a)) for g, a in zip(dLdA, rows, strict=True)]
    equal(softmax.backward(dLdA), expected)
    equal(softmax.forward(normal(2, 3, 4)).sum(axis=-1), np.ones((2, 3)))


@pytest.mark.parametrize(
    ("name", "expected", "tolerance"), [("MSELoss", 6.5, 1e-12), ("CrossEntropyLoss", 0.8133, 5e-5)]
)
def test_losses_give_the_worked_example_as_a_numpy_scalar(name: str, expected: float, tolerance: float) -> None:
    loss = getattr(nn, name)()
    value = loss.forward(A.astype(int), Y.astype(int))
    assert type(value) is np.float64
    assert value == pytest.approx(expected, abs=tolerance)
    equal(loss.A, A)
    equal(loss.Y, Y)
    assert (loss.N, loss.C) == (4, 2)
    assert loss.backward().shape == (4, 2)


@pytest.mark.parametrize("name", ["MSELoss", "CrossEntropyLoss"])
def test_gradients_of_losses_are_right(name: str) -> None:
    check_layer(getattr(nn, name)(), A, Y, argnums=0)


def test_cross_entropy_keeps_the_closed_form_where_labels_do_not_sum_to_1() -> None:
    loss = nn.CrossEntropyLoss()
    loss.forward([[0.0, 0.0]], [[240, 4]])
    equal(loss.backward(), [[0.5 - 240, 0.5 - 4]])
    true = ours.by_hand(ours.CrossEntropyLoss())
    true.forward(np.zeros((1, 2)), np.array([[240.0, 4.0]]))
    equal(true.backward(), [[0.5 * 244 - 240, 0.5 * 244 - 4]])
    with pytest.raises(AssertionError, match="CrossEntropyLoss is wrong"):
        check_layer(nn.CrossEntropyLoss(), normal(1, 2), np.array([[240.0, 4.0]]), argnums=0)


class Model:
    """What the exercise's optimiser takes: anything with ``layers``."""

    def __init__(self) -> None:
        self.layers = [nn.Linear(2, 3), nn.ReLU(), nn.BatchNorm1d(3), nn.Linear(3, 1)]
        for layer in (self.layers[0], self.layers[3]):
            layer.W, layer.b = np.ones_like(layer.W), np.ones_like(layer.b)
            layer.dLdW, layer.dLdb = np.full_like(layer.W, 0.1), np.full_like(layer.b, 0.1)


@pytest.mark.parametrize(
    ("momentum", "values", "velocity"), [(0, [0.91, 0.82], 0), (0.9, [0.91, 0.739], 0.19)], ids=["plain", "momentum"]
)
def test_sgd_gives_the_worked_example_and_passes_over_layers_without_W(
    momentum: float, values: list[float], velocity: float
) -> None:
    model = Model()
    first = model.layers[0].W
    sgd = mytorch.optim.SGD(model, lr=0.9, momentum=momentum)
    assert (sgd.l, sgd.L, sgd.lr, sgd.mu) == ([model.layers[0], model.layers[3]], 2, 0.9, momentum)
    for value in values:
        sgd.step()
        for layer in sgd.l:
            equal(layer.W, np.full_like(layer.W, value))
            equal(layer.b, np.full_like(layer.b, value))
    assert len(sgd.v_W) == len(sgd.v_b) == 2
    for v, parameter in zip([*sgd.v_W, *sgd.v_b], [layer.W for layer in sgd.l] + [layer.b for layer in sgd.l]):
        equal(v, np.full_like(parameter, velocity))
    equal(first, np.ones((3, 2)))


def test_sgd_follows_a_rate_and_a_momentum_that_change_and_arrays_that_are_replaced() -> None:
    model = Model()
    sgd = mytorch.optim.SGD(model, lr=0.9, momentum=0.9)
    sgd.step()
    sgd.lr = 0.1
    model.layers[0].W = np.full((3, 2), 5, dtype=np.float32)
    sgd.step()
    equal(model.layers[0].W, np.full((3, 2), 5 - 0.1 * 0.19))
    sgd.mu = 0.5
    gradient = model.layers[0].dLdW = np.full((3, 2), 2)  # of whole numbers
    sgd.step()
    equal(model.layers[0].W, np.full((3, 2), 5 - 0.1 * 0.19 - 0.1 * (0.5 * 0.19 + 2)))
    np.testing.assert_array_equal(gradient, 2)


def test_batch_norm_gives_the_worked_example_and_keeps_what_the_exercise_asks_for() -> None:
    norm = nn.BatchNorm1d(2)
    norm.BW, norm.Bb = np.array([[2, 5]]), np.array([[-1, 2]])
    Z = np.array([[1, 4], [7, 0], [1, 0], [7, 4]])
    BZ = [[-3, 7], [1, -3], [-3, -3], [1, 7]]
    equal(norm.forward(Z), BZ, 1e-7)
    equal(norm.BZ, BZ, 1e-7)
    equal(norm.NZ, [[-1, 1], [1, -1], [-1, -1], [1, 1]], 1e-7)
    equal(norm.Z, Z)
    assert norm.N == 4
    equal(norm.M, [[4, 2]])
    equal(norm.V, [[9, 4]])
    equal(norm.running_M, [[0.4, 0.2]])
    equal(norm.running_V, [[0.9 + 0.9, 0.9 + 0.4]])
    equal(norm.backward([[-6, 2], [-12, 16], [-12, 20], [-6, 2]]), [[2, 0], [-2, -5], [-2, 5], [2, 0]], 1e-6)
    equal(norm.dLdBW, [[0, -32]], 1e-6)
    equal(norm.dLdBb, [[-36, 40]])


def test_batch_norm_starts_with_rows_of_ones_and_zeros() -> None:
    norm = nn.BatchNorm1d(3)
    for name, value in dict(BW=1, Bb=0, dLdBW=0, dLdBb=0, M=0, V=1, running_M=0, running_V=1).items():
        equal(getattr(norm, name), [[value] * 3])


def test_batch_norm_divides_by_the_root_of_variance_plus_1e_8() -> None:
    norm = nn.BatchNorm1d(1)
    norm.forward([[-1e-4], [1e-4]])  # whose variance is 1e-8 too
    equal(norm.NZ, [[-(0.5**0.5)], [0.5**0.5]])


def test_batch_norm_of_a_single_row_is_Bb_and_has_no_gradient() -> None:
    norm = nn.BatchNorm1d(2)
    norm.Bb = np.array([[3.0, 4.0]])
    equal(norm.forward([[5, -6]]), [[3, 4]], 0)
    equal(norm.backward([[1, 2]]), [[0, 0]], 0)
    equal(norm.dLdBW, [[0, 0]], 0)
    equal(norm.dLdBb, [[1, 2]], 0)
    equal(norm.running_V, [[0.9, 0.9]])


def test_batch_norm_evaluates_by_running_statistics_and_leaves_them_alone() -> None:
    norm = nn.BatchNorm1d(2, alpha=0.5)
    norm.forward(A)
    norm.forward(A)
    kept = [norm.M, norm.V, norm.running_M, norm.running_V]
    equal(norm.running_M, [[-0.75, 0]])
    equal(norm.running_V, [[4, 4]])  # of 1, 5 and 5
    expected = (A - norm.running_M) / np.sqrt(norm.running_V + 1e-8)
    norm.Bb = np.ones((1, 2))
    equal(norm.forward(A, eval=True), expected + 1)
    equal(norm.NZ, expected)
    for before, after in zip(kept, [norm.M, norm.V, norm.running_M, norm.running_V], strict=True):
        assert before is after
    check_layer(norm, normal(5, 2), options={"eval": True})


def initialised(name: str, debug: bool = False) -> Any:
    """An MLP with weights with which about half of all units are active, so that gradients are not zero."""
    mlp, rng = getattr(models, name)(debug), np.random.default_rng(8)
    for layer in mlp.layers[::2]:
        layer.W, layer.b = rng.normal(size=layer.W.shape), rng.normal(size=layer.b.shape)
    return mlp


def backpropagated(name: str) -> tuple[Any, np.ndarray]:
    """An MLP to debug after forward and backward, of whole numbers in lists, and what backward returned."""
    mlp = initialised(name, debug=True)
    out = mlp.forward(A.astype(int).tolist())
    return mlp, mlp.backward(np.ones(out.shape, dtype=int).tolist())


@pytest.mark.parametrize(("name", "sizes"), [("MLP0", [2, 3]), ("MLP1", [2, 3, 2]), ("MLP4", [2, 4, 8, 8, 4, 2])])
def test_mlps_alternate_linear_layers_and_relus_and_their_gradients_are_right(name: str, sizes: list[int]) -> None:
    mlp = initialised(name)
    assert [type(layer).__name__ for layer in mlp.layers] == ["Linear", "ReLU"] * (len(sizes) - 1)
    assert [layer.W.shape[::-1] for layer in mlp.layers[::2]] == list(zip(sizes, sizes[1:]))
    report = check_layer(mlp, normal(5, 2), entries=10)
    assert len(report.rows) == 1 + 2 * len(mlp.layers[::2])
    assert all(row.largest > 0 for row in report.rows)


def test_small_mlps_keep_what_passes_between_their_layers_by_name() -> None:
    mlp0, dLdA0 = backpropagated("MLP0")
    linear, _ = mlp0.layers
    equal(mlp0.Z0, A @ linear.W.T + linear.b.T)
    equal(mlp0.dLdZ0, mlp0.Z0 > 0)
    equal(mlp0.dLdA0, mlp0.dLdZ0 @ linear.W)
    assert mlp0.dLdA0 is dLdA0

    mlp1, dLdA0 = backpropagated("MLP1")
    first, _, second, _ = mlp1.layers
    equal(mlp1.A1, np.maximum(mlp1.Z0, 0))
    equal(mlp1.Z0, A @ first.W.T + first.b.T)
    equal(mlp1.Z1, mlp1.A1 @ second.W.T + second.b.T)
    equal(mlp1.dLdZ1, mlp1.Z1 > 0)
    equal(mlp1.dLdA1, mlp1.dLdZ1 @ second.W)
    equal(mlp1.dLdZ0, mlp1.dLdA1 * (mlp1.Z0 > 0))
    equal(mlp1.dLdA0, mlp1.dLdZ0 @ first.W)
    assert mlp1.dLdA0 is dLdA0
    names = {"Z0", "A1", "Z1", "A2", "dLdZ1", "dLdA1", "dLdZ0", "dLdA0"}
    assert vars(mlp1).keys() == {"debug", "layers", *names}


def test_mlp4_keeps_eleven_values_and_their_gradients() -> None:
    mlp, dLdA = backpropagated("MLP4")
    assert len(mlp.A) == len(mlp.dLdA) == 11
    equal(mlp.A[0], A)
    for layer, before, after in zip(mlp.layers, mlp.A, mlp.A[1:]):
        equal(layer.forward(before), after)
    assert mlp.dLdA[0] is dLdA
    equal(mlp.dLdA[10], np.ones((4, 2)))
    for layer, before, after in zip(mlp.layers, mlp.dLdA, mlp.dLdA[1:]):
        equal(layer.backward(after), before)


def test_a_copy_made_between_forward_and_backward_goes_on_by_itself() -> None:
    mlp = initialised("MLP1")
    out = mlp.forward(A)
    copied = copy.deepcopy(mlp)
    mlp.forward(2 * A)
    copied.backward(out)
    mlp.forward(A)
    mlp.backward(out)
    for layer, other in zip(mlp.layers[::2], copied.layers[::2], strict=True):
        assert layer is not other and layer.dLdW.any()
        equal(other.dLdW, layer.dLdW)


def test_mlps_keep_nothing_unless_to_debug() -> None:
    mlp = models.MLP1()
    mlp.backward(mlp.forward(A))
    assert vars(mlp).keys() == {"debug", "layers"}
