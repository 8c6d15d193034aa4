"""Values that are not those of the formula, though the gradient belongs to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

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
            "WRONG: softmax of [1000.0, 1001.0, 1002.0] is [nan, nan, nan]: subtract the row's maximum first",
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
