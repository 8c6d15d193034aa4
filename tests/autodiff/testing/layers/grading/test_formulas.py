"""Values that are not those of the formula, though the gradient belongs to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import SOLUTIONS, Grading

CMU = "cmu_2025/mytorch/nn"


@pytest.mark.parametrize(
    "file, name, old, new, line",
    [
        (
            f"{CMU}/activation.py",
            "Sigmoid",
            "return dLdA * (self.A - self.A * self.A)",
            "return dLdA * self.A",
            "WRONG: gradient of Z ",
        ),
        (
            f"{CMU}/activation.py",
            "Identity",
            "self.A = Z\n",
            "self.A = 1 * Z + 1\n",
            "WRONG: the value of forward is off by the constant 1, added to every entry",
        ),
        (
            f"{CMU}/activation.py",
            "Softmax",
            "np.exp(Z - Z.max(axis=1, keepdims=True))",
            "np.exp(Z)",
            "WRONG: softmax of [1000.0, 1001.0, 1002.0] is [nan, nan, nan]: subtract the row's own maximum first",
        ),
        (
            f"{CMU}/activation.py",
            "Softmax",
            "Z.max(axis=1, keepdims=True)",
            "Z.max()",
            "WRONG: softmax of [-1000.0, -1001.0, -1002.0] is [nan, nan, nan]: subtract the row's own maximum first",
        ),
        (
            f"{CMU}/activation.py",
            "Softmax",
            ".sum(axis=1, keepdims=True)",
            ".sum(axis=0, keepdims=True)",
            "WRONG: the value of forward is normalised by columns instead of rows: sum along axis 1; gradient of Z",
        ),
        (
            f"{CMU}/activation.py",
            "Softmax",
            ".sum(axis=1, keepdims=True)",
            ".sum()",
            "WRONG: the value of forward is normalised over the whole array, not by rows: sum along axis 1; gradient",
        ),
        (
            f"{CMU}/activation.py",
            "GELU",
            "1 + erf(Z / np.sqrt(2)))",
            "1 + np.tanh(np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3)))",
            "WRONG: the value of forward is the approximation by tanh; the exercises want erf; gradient of Z",
        ),
        (
            f"{CMU}/activation.py",
            "ReLU",
            "self.A > 0",
            "self.A >= 0",
            "WRONG: gradient of Z is dy unchanged: the layer's own derivative is missing",
        ),
        (
            "berkeley/neural_networks/activations.py",
            "ReLU",
            "dY * (Z > 0)",
            "dY * (Z >= 0)",
            "WRONG: the derivative at 0 is 1; the exercises want 0",
        ),
        (
            f"{CMU}/linear.py",
            "Linear",
            "self.Ones @ self.b.T",
            "self.Ones @ self.b.T + 1",
            "WRONG: the value of forward is off by the constant 1, added to every entry",
        ),
        (
            f"{CMU}/loss.py",
            "MSELoss",
            "(self.N * self.C)",
            "(2 * self.N * self.C)",
            "WRONG: the value of forward is off by a factor of 1/2",
        ),
        (
            "cmu_2021/mytorch/loss.py",
            "SoftmaxCrossEntropy",
            "-np.sum(y * (x - total), axis=1)",
            "-np.sum(y * (x - total), axis=1, keepdims=True)",
            "WRONG: forward returns the shape (4, 1), not () or (4,)",
        ),
        (
            "berkeley/neural_networks/losses.py",
            "CrossEntropy",
            "/ (len(Y) * Y_hat)",
            "/ Y_hat",
            "WRONG: gradient of Y_hat is off by a factor of N = 4",
        ),
    ],
)
def test_wrong_values_and_corners_are_found(
    mutant: Callable, file: str, name: str, old: str, new: str, line: str
) -> None:
    assert mutant(file, name, old, new).startswith(line)


CROSS_ENTROPY = """
import numpy as np


class CrossEntropy:
    def forward(self, logits, labels):
        self.p, self.labels = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), labels
        return -np.log(self.p[np.arange(len(labels)), labels]).mean()

    def backward(self):
        self.p[np.arange(len(self.labels)), self.labels] -= 1
        return self.p / len(self.labels)
"""


def test_a_cross_entropy_may_take_class_indices(written: Grading) -> None:
    assert written(loss=CROSS_ENTROPY)["CrossEntropy"].line == "right: 1 gradient, values"


@pytest.mark.parametrize(
    "old, new, line",
    [
        ("axis=1, keepdims=True", "axis=0", "WRONG: the value of forward takes the softmax by columns instead of rows"),
        ("return self.p /", "return self.p * ", "WRONG: gradient of logits is off by the constant factor 16"),
    ],
)
def test_mistakes_of_a_cross_entropy_of_class_indices_are_named(
    written: Grading, old: str, new: str, line: str
) -> None:
    assert old in CROSS_ENTROPY
    assert written(loss=CROSS_ENTROPY.replace(old, new))["CrossEntropy"].line.startswith(line)


MODEL = """
import numpy as np
from activation import ReLU
from linear import Linear


class MLP0:
    def __init__(self):
        self.layers = [Linear(3, 2)]
        self.f = [ReLU()]

    def forward(self, A):
        return self.f[0].forward(self.layers[0].forward(A))

    def backward(self, dLdA):
        return self.layers[0].backward(self.f[0].backward(dLdA))
"""


def test_a_list_of_some_of_a_models_layers_does_not_tell_its_value(written: Grading) -> None:
    sources = {name: (SOLUTIONS / CMU / f"{name}.py").read_text() for name in ("activation", "linear")}
    found = written(**sources, model=MODEL)
    assert found["MLP0"].line == "right: 3 gradients (W, b summed); values not compared"
