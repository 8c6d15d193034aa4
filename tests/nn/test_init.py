"""Initial values: those of PyTorch where they are fixed, and else distributed as they are said to be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats

import nn
from autodiff import Tensor
from nn import init

NORMAL, UNIFORM = scipy.stats.norm, scipy.stats.uniform


def between(bound: float) -> Any:
    return UNIFORM(-bound, 2 * bound)


def with_std(std: float) -> Any:
    return NORMAL(0, std)


DISTRIBUTIONS = {  # of weights (100, 80) or (5, 80, 2, 5), which have fans of 80 and 100, or 800 and 50
    "uniform_(w)": UNIFORM(0, 1),
    "uniform_(w, -2.0, 3.0)": UNIFORM(-2, 5),
    "normal_(w)": NORMAL(0, 1),
    "normal_(w, 1.0, 0.5)": NORMAL(1, 0.5),
    "trunc_normal_(w)": scipy.stats.truncnorm(-2, 2),
    "trunc_normal_(w, 1.0, 0.5, 0.5, 3.0)": scipy.stats.truncnorm(-1, 4, 1, 0.5),
    "xavier_uniform_(w)": between(math.sqrt(6 / 180)),
    "xavier_uniform_(w, gain=2.0)": between(2 * math.sqrt(6 / 180)),
    "xavier_normal_(w)": with_std(math.sqrt(2 / 180)),
    "xavier_normal_(k)": with_std(math.sqrt(2 / 850)),
    "kaiming_uniform_(w)": between(math.sqrt(6 / 80)),
    "kaiming_uniform_(k, mode='fan_out')": between(math.sqrt(6 / 50)),
    "kaiming_uniform_(w, a=math.sqrt(5))": between(math.sqrt(1 / 80)),
    "kaiming_normal_(w, nonlinearity='relu')": with_std(math.sqrt(2 / 80)),
    "kaiming_normal_(k, 0.5, 'fan_in', 'leaky_relu')": with_std(math.sqrt(2 / 1.25 / 800)),
    "kaiming_normal_(w, mode='fan_out', nonlinearity='tanh')": with_std(5 / 3 / math.sqrt(100)),
}


def call(text: str, module: Any, make: Any) -> np.ndarray:
    """The entries that 'function(w, ...)' gives a weight; k is that of a convolution."""
    scope = {**vars(module), "math": math, "w": make((100, 80)), "k": make((5, 80, 2, 5))}
    return np.asarray(eval(text, scope).data).ravel()


@pytest.mark.parametrize("text", DISTRIBUTIONS)
def test_values_are_distributed_as_documented_and_as_in_pytorch(text: str) -> None:
    nn.manual_seed(0)
    expected = DISTRIBUTIONS[text]
    mine = call(text, init, lambda shape: Tensor(np.zeros(shape)))
    low, high = expected.support()
    assert low <= mine.min() and mine.max() <= high
    assert scipy.stats.kstest(mine, expected.cdf).pvalue > 0.01
    assert mine.std() == pytest.approx(expected.std(), rel=0.05)
    assert mine.mean() == pytest.approx(expected.mean(), abs=0.1 * expected.std())
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = call(text, torch.nn.init, lambda shape: torch.zeros(shape))
    assert scipy.stats.ks_2samp(mine, theirs).pvalue > 0.01


@pytest.mark.parametrize("text", DISTRIBUTIONS)
def test_another_distribution_would_be_noticed(text: str) -> None:
    nn.manual_seed(0)
    values = call(text, init, lambda shape: Tensor(np.zeros(shape)))
    assert scipy.stats.kstest(1.1 * values, DISTRIBUTIONS[text].cdf).pvalue < 0.01


FIXED = [
    ("zeros_(w)", (2, 3)),
    ("ones_(w)", (2, 3)),
    ("constant_(w, 0.3)", (2, 3)),
    ("eye_(w)", (3, 5)),
    ("eye_(w)", (4, 2)),
    ("dirac_(w)", (3, 2, 4)),
    ("dirac_(w)", (2, 3, 3, 3)),
    ("dirac_(w, 2)", (6, 2, 1, 3, 2)),
    ("dirac_(w, groups=3)", (6, 4, 3)),
]


@pytest.mark.parametrize("text, shape", FIXED, ids=str)
def test_values_that_are_fixed_are_pytorchs(text: str, shape: tuple) -> None:
    torch = pytest.importorskip("torch")
    mine = eval(text, {**vars(init), "w": Tensor(np.full(shape, 7.0, np.float32))})
    theirs = eval(text, {**vars(torch.nn.init), "w": torch.full(shape, 7.0)})
    np.testing.assert_array_equal(mine.data, theirs.numpy(), strict=True)


@pytest.mark.parametrize("nonlinearity", ["linear", "conv1d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu"])
def test_gains_are_pytorchs(nonlinearity: str) -> None:
    torch = pytest.importorskip("torch")
    assert init.calculate_gain(nonlinearity) == torch.nn.init.calculate_gain(nonlinearity)


@pytest.mark.parametrize("slope", [None, 0, 0.2, 3])
def test_gain_of_a_leaky_relu_depends_on_its_slope(slope: float | None) -> None:
    torch = pytest.importorskip("torch")
    assert init.calculate_gain("leaky_relu", slope) == torch.nn.init.calculate_gain("leaky_relu", slope)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5), (3, 2, 4), (6, 2, 2)])
def test_rows_or_columns_are_orthonormal_but_for_the_gain(shape: tuple) -> None:
    matrix = init.orthogonal_(Tensor(np.zeros(shape)), 3.0, rng=0).data.reshape(shape[0], -1)
    matrix = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    np.testing.assert_allclose(matrix @ matrix.T, 9 * np.eye(len(matrix)), atol=1e-13)


def test_orthogonal_matrices_are_uniform() -> None:
    """Entries of a uniform orthogonal 3 x 3 matrix are uniform, by Archimedes, and its determinant has either sign."""
    rng = np.random.default_rng(0)
    matrices = np.array([init.orthogonal_(Tensor(np.zeros((3, 3))), rng=rng).data for _ in range(1000)])
    for i, j in np.ndindex(3, 3):
        assert scipy.stats.kstest(matrices[:, i, j], UNIFORM(-1, 2).cdf).pvalue > 0.001
    assert 450 < np.sum(np.linalg.det(matrices) > 0) < 550


@pytest.mark.parametrize("rows, sparsity, zeros", [(10, 0.25, 3), (40, 0.1, 4), (5, 0.0, 0), (5, 1.0, 5)])
def test_a_share_of_each_column_is_zero(rows: int, sparsity: float, zeros: int) -> None:
    w = init.sparse_(Tensor(np.ones((rows, 400))), sparsity, std=2.0, rng=0).data
    np.testing.assert_array_equal(np.sum(w == 0, axis=0), zeros)
    if 0 < zeros < rows:
        assert np.ptp(np.sum(w == 0, axis=1)) < 6 * math.sqrt(400 * zeros / rows)
        assert scipy.stats.kstest(w[w != 0], NORMAL(0, 2).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    "a, b", [(5.0, 6.0), (-40.0, -39.0), (30.0, 100.0), (-1e-3, 1e-3), (-np.inf, 0.0), (-1.0, 300.0)]
)
def test_a_normal_is_truncated_however_far_out(a: float, b: float) -> None:
    values = init.trunc_normal_(Tensor(np.zeros(2000)), a=a, b=b, rng=0).data
    assert a <= values.min() and values.max() <= b
    assert len(np.unique(values)) == 2000
    share = scipy.stats.truncnorm(a, b).cdf(values)
    assert scipy.stats.kstest(share, UNIFORM.cdf).pvalue > 0.01


def test_rounding_leads_nowhere_out_of_a_narrow_truncation() -> None:
    values = init.trunc_normal_(Tensor(np.zeros(100)), 0.3, 0.5, a=1.2, b=1.2 + 1e-15, rng=0).data
    assert values.min() >= 1.2 and values.max() <= 1.2 + 1e-15


def test_a_tensor_is_changed_in_place_and_keeps_what_it_is() -> None:
    layer = nn.Linear(3, 2)
    weight, before = layer.weight, layer.weight.data
    copy = before.copy()
    assert init.normal_(weight) is weight is layer.weight
    assert type(weight) is nn.Parameter and weight.requires_grad and weight.is_leaf and weight.dtype == np.float32
    np.testing.assert_array_equal(before, copy)
    assert not np.array_equal(weight.data, copy)
    with pytest.raises(TypeError, match="not to a ndarray"):
        init.zeros_(np.ones(3))


@pytest.mark.parametrize("text", ["uniform_", "normal_", "trunc_normal_", "orthogonal_", "xavier_normal_"])
def test_random_numbers_are_those_of_the_seed_in_every_dtype(text: str) -> None:
    function = getattr(init, text)
    double = function(Tensor(np.zeros((4, 3))), rng=3).data
    np.testing.assert_array_equal(function(Tensor(np.zeros((4, 3))), rng=np.random.default_rng(3)).data, double)
    np.testing.assert_array_equal(function(Tensor(np.zeros((4, 3), np.float32)), rng=3).data, double.astype(np.float32))
    nn.manual_seed(3)
    np.testing.assert_array_equal(function(Tensor(np.zeros((4, 3)))).data, double)
    assert not np.array_equal(function(Tensor(np.zeros((4, 3)))).data, double)


def test_empty_tensors_stay_empty() -> None:
    for function in (init.kaiming_uniform_, init.xavier_normal_, init.orthogonal_, init.eye_):
        for shape in ((0, 3), (3, 0), (0, 0)):
            assert function(Tensor(np.zeros(shape))).shape == shape


@pytest.mark.parametrize(
    "text, message",
    [
        ("xavier_uniform_(v)", r"xavier_uniform_ takes a tensor of two or more axes .*, not \(3,\)"),
        ("kaiming_normal_(v)", "kaiming_normal_ takes a tensor of two"),
        ("kaiming_uniform_(w, mode='fan')", "kaiming_uniform_: mode is 'fan_in' or 'fan_out', not 'fan'"),
        ("kaiming_uniform_(w, nonlinearity='cos')", "calculate_gain knows .*leaky_relu, not 'cos'"),
        ("orthogonal_(v)", "orthogonal_ takes a tensor of two"),
        ("eye_(v)", r"eye_ takes a tensor of 2 axes, not \(3,\)"),
        ("sparse_(v, 0.5)", "sparse_ takes a tensor of 2 axes"),
        ("sparse_(w, 1.5)", "a sparsity between 0 and 1, not 1.5"),
        ("dirac_(w)", "dirac_ takes a tensor of 3 or 4 or 5 axes"),
        ("dirac_(k, 2)", r"2 groups do not divide the first axis of a tensor of shape \(3, 2, 2\)"),
        ("trunc_normal_(w, std=0.0)", "trunc_normal_ takes std > 0 and a < b"),
        ("trunc_normal_(w, a=2.0, b=1.0)", "a=2.0, b=1.0"),
    ],
)
def test_what_makes_no_sense_is_an_error(text: str, message: str) -> None:
    tensors = {"v": Tensor(np.zeros(3)), "w": Tensor(np.zeros((3, 2))), "k": Tensor(np.zeros((3, 2, 2)))}
    with pytest.raises(ValueError, match=message):
        eval(text, {**vars(init), **tensors})
    assert not any(np.any(t.data) for t in tensors.values())


def test_only_initialisers_are_public() -> None:
    assert all(name.endswith("_") for name in init.__all__ if name != "calculate_gain")
    assert not hasattr(init, "uniform")
