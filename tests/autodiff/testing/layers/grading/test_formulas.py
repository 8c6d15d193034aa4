"""Values that are not those of the formula, though the gradient belongs to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import SOLUTIONS, Grading
from .test_grade import layer

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


@pytest.mark.parametrize(
    "extra, line",
    [
        ("", "WRONG: forward does not use b"),
        ("        self.b = np.zeros((out_features, 1))\n", "right: 2 gradients (W summed), values; it has no bias"),
    ],
)
def test_a_bias_must_make_a_difference(written: Grading, extra: str, line: str) -> None:
    source = (SOLUTIONS / CMU / "linear.py").read_text()
    for part in (" + self.Ones @ self.b.T", "        self.dLdb = dLdZ.T @ self.Ones\n", extra):
        assert part in source
        source = source.replace(part, "") if part else source
    assert written(linear=source)["Linear"].line == line


@pytest.mark.parametrize(
    "file, name, arguments, note",
    [
        ("berkeley/neural_networks/losses.py", "CrossEntropy", "Y, Y_hat", "; it takes probabilities, not logits"),
        ("cmu_2021/mytorch/loss.py", "SoftmaxCrossEntropy", "x, y", ""),  # there is no other way to take this one
        (
            f"{CMU}/loss.py",
            "CrossEntropyLoss",
            "A, Y",
            "; it overflows for logits near 1000; LogSumExp does not; it takes logits, not probabilities",
        ),
    ],
)
def test_a_cross_entropy_is_known_by_its_value_but_noted_if_the_order_of_its_arguments_tells_otherwise(
    mutant: Callable, file: str, name: str, arguments: str, note: str
) -> None:
    swapped = ", ".join(reversed(arguments.split(", ")))
    assert mutant(file, name, arguments, swapped) == f"right: 1 gradient, values{note}"


def test_the_entry_that_is_most_wrong_is_shown(written: Grading) -> None:
    source = layer("Identity", forward="y = x.copy(); y[[0, 2], 1] = 7, 50; return y", backward="return dy")
    ((line, details),) = [pair for pair in written(mine=source)["Identity"].findings.wrong if "forward" in pair[0]]
    assert line == "the value of forward is right but for 2 of 12 entries: [0, 1], [2, 1]"
    assert details.startswith(f"{line}\n  found 50, right ") and details.endswith(" at [2, 1]")


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
    assert written(loss=CROSS_ENTROPY)["CrossEntropy"].line.startswith("right: 1 gradient, values")


@pytest.mark.parametrize(
    "old, new, line",
    [
        ("axis=1, keepdims=True", "axis=0", "WRONG: the value of forward takes the softmax by columns instead of rows"),
        (
            "axis=1, keepdims=True",
            "keepdims=True",
            "WRONG: the value of forward takes the softmax over the whole array, ",
        ),
        ("return self.p /", "return self.p * ", "WRONG: gradient of logits is off by the constant factor 16"),
    ],
)
def test_mistakes_of_a_cross_entropy_of_class_indices_are_named(
    written: Grading, old: str, new: str, line: str
) -> None:
    assert old in CROSS_ENTROPY
    assert written(loss=CROSS_ENTROPY.replace(old, new))["CrossEntropy"].line.startswith(line)


@pytest.mark.parametrize(
    "old, new, line",
    [
        ("initialize_activation(activation)", "activation", "right: 3 gradients (W, b summed), values"),
        ("np.random.uniform(", "np.random.default_rng().uniform(", "right: 3 gradients (W, b summed), values"),
        ("Z = X @", "Z = 2 * X @", "WRONG: the value of forward has wrong values; "),
    ],
)
def test_a_layer_with_an_activation_has_its_value_compared(written: Grading, old: str, new: str, line: str) -> None:
    folder = SOLUTIONS / "berkeley/neural_networks"
    layers = (folder / "layers.py").read_text().replace("neural_networks.activations", "activations")
    assert old in layers
    found = written(layers=layers.replace(old, new), activations=(folder / "activations.py").read_text())
    assert found["FullyConnected"].line.startswith(line)


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


WITH_DROPOUT = """
import numpy as np
from linear import Linear


class Dropout:
    def forward(self, x):
        self.mask = 2 * (np.random.uniform(size=x.shape) > 0.5)
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask


class MLP:
    def __init__(self):
        self.layers = [Linear(3, 4), Dropout(), Linear(4, 2)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy):
        for layer in self.layers[::-1]:
            dy = layer.backward(dy)
        return dy
"""


@pytest.mark.parametrize(
    "old, new, line",
    [
        ("", "", "right: 5 gradients (W, b summed), values"),
        (
            "return x\n\n    def backward",
            "return 2 * x\n\n    def backward",
            "WRONG: the value of forward is off by a fa",
        ),
    ],
)
def test_the_value_of_a_model_is_that_of_its_layers_one_after_the_other(
    written: Grading, old: str, new: str, line: str
) -> None:
    source = (SOLUTIONS / CMU / "linear.py").read_text()
    assert old in WITH_DROPOUT
    found = written(linear=source, model=WITH_DROPOUT.replace(old, new))["MLP"]
    assert found.line[: len(line)] == line


def test_a_list_without_layers_is_no_model(written: Grading) -> None:
    source = layer("MLP", init="self.layers = []", forward="return x", backward="return dy")
    assert written(model=source)["MLP"].line == "WRONG: its list of layers is empty"


def test_a_list_of_some_of_a_models_layers_does_not_tell_its_value(written: Grading) -> None:
    sources = {name: (SOLUTIONS / CMU / f"{name}.py").read_text() for name in ("activation", "linear")}
    found = written(**sources, model=MODEL)
    assert found["MLP0"].line == "right: 3 gradients (W, b summed); values not compared"
