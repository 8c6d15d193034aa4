"""Draw activations and their derivatives, by the tape and by the formulas of textbooks.

    python examples/coursework/activation_curves.py

Writes ``activation_curves.png`` (or ``--output FILE``), and prints the largest difference of tape and formula.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from scipy.special import erf

import nn
from autodiff import Tensor

COLUMNS = 4


class Curve(NamedTuple):
    """A layer, and its derivative as a textbook has it; at a kink the value that PyTorch chooses."""

    layer: nn.Module
    derivative: Callable[[np.ndarray], np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-x))


def gelu_derivative(x: np.ndarray) -> np.ndarray:
    """The normal distribution function, and x times its density."""
    return (1 + erf(x / np.sqrt(2))) / 2 + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def mish_derivative(x: np.ndarray) -> np.ndarray:
    """The product rule for x and ``t = tanh(log(1 + exp(x)))``."""
    t = np.tanh(np.log(1 + np.exp(x)))
    return t + x * (1 - t**2) * sigmoid(x)


CURVES = {
    "ReLU": Curve(nn.ReLU(), lambda x: np.where(x > 0, 1, 0)),
    "LeakyReLU(0.01)": Curve(nn.LeakyReLU(0.01), lambda x: np.where(x > 0, 1, 0.01)),
    "Softplus(beta=1)": Curve(nn.Softplus(beta=1), sigmoid),
    "GELU": Curve(nn.GELU(), gelu_derivative),
    "SiLU": Curve(nn.SiLU(), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    "Mish": Curve(nn.Mish(), mish_derivative),
    "ELU": Curve(nn.ELU(), lambda x: np.where(x > 0, 1, np.exp(x))),
    "Sigmoid": Curve(nn.Sigmoid(), lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "Tanh": Curve(nn.Tanh(), lambda x: 1 / np.cosh(x) ** 2),
    "Softsign": Curve(nn.Softsign(), lambda x: 1 / (1 + np.abs(x)) ** 2),
    "Hardtanh": Curve(nn.Hardtanh(), lambda x: np.where(np.abs(x) < 1, 1, 0)),
    "LogSigmoid": Curve(nn.LogSigmoid(), lambda x: sigmoid(-x)),
}


def by_tape(layer: nn.Module, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and derivatives: the expression is recorded primitive by primitive, nothing in it was derived by hand."""
    x = Tensor(points, requires_grad=True)
    y = layer.by_expression(x)
    np.sum(y).backward()
    return y.data, x.grad.data


def draw(curves: Mapping[str, Curve], path: Path) -> dict[str, float]:
    """Plot each activation with its derivative; the largest difference of tape and formula by name."""
    points = np.linspace(-5, 5, 1001)
    rows = -(-len(curves) // COLUMNS)
    figure = Figure(figsize=(3.2 * COLUMNS, 2.6 * rows), layout="constrained")
    differences = {}
    for axes, (name, curve) in zip(figure.subplots(rows, COLUMNS).flat, curves.items(), strict=False):
        values, derivatives = by_tape(curve.layer, points)
        formula = curve.derivative(points)
        differences[name] = float(np.max(np.abs(derivatives - formula)))
        axes.set_title(name)
        axes.axhline(0, color="0.8", linewidth=0.8)
        axes.plot(points, values, label="value")
        axes.plot(points, formula, color="C1", linewidth=3, alpha=0.4, label="derivative, formula")
        axes.plot(points, derivatives, color="C3", linewidth=1, linestyle="--", label="derivative, tape")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(path)
    return differences


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw as the command line says."""
    parser = argparse.ArgumentParser(description="Draw activations and their derivatives.")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", default=Path("activation_curves.png"), help="what to write"
    )
    options = parser.parse_args(arguments)
    try:
        differences = draw(CURVES, options.output)
    except (OSError, ValueError) as error:  # there is no such folder, or no such kind of picture
        parser.error(f"--output {options.output}: {error}")
    for name, difference in differences.items():
        print(f"{name:<17}{difference:.1e}")
    print(f"The largest difference of tape and formula on [-5, 5]; the curves are in {options.output}")


if __name__ == "__main__":
    main()
