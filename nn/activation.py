"""Activation functions, and the layers that apply them."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import scipy.special

from .derived import derived
from .module import Module


@derived(kind="elementwise", forward=lambda x: np.maximum(x, 0))
def relu(x: Any) -> Any:
    """``max(x, 0)``, with derivative 0 at 0."""
    return np.where(x <= 0, 0, x)


relu.gradient(x=lambda g, out: g * ~(out <= 0))  # a third of the time of where; NaN stays loud


@derived(kind="elementwise")
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``."""
    return scipy.special.expit(x)


sigmoid.gradient(x=lambda g, out: g * (out * (1 - out)))


@derived(kind="elementwise")
def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return np.tanh(x)


tanh.gradient(x=lambda g, out: g * (1 - out * out))


def gelu(x: Any, approximate: Literal["none", "tanh"] = "none") -> Any:
    """``x * P(Z <= x)`` for a standard normal Z (Hendrycks and Gimpel 2016, arXiv:1606.08415).

    Args:
        x: an array or tensor of any shape.
        approximate: "none" for the exact function, "tanh" for the paper's faster approximation.

    Raises:
        ValueError: ``approximate`` is neither.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}")
    return gelu_exact(x) if approximate == "none" else gelu_tanh(x)


@derived(kind="elementwise", residuals=("cdf",))
def gelu_exact(x: Any) -> Any:
    cdf = 0.5 * scipy.special.erfc(x * -math.sqrt(0.5))  # (1 + erf) / 2, which cancels to 0 far below 0
    return x * cdf, cdf


gelu_exact.gradient(x=lambda g, x, cdf: g * (cdf + x * np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))))


@derived(kind="elementwise", residuals=("t",))
def gelu_tanh(x: Any) -> Any:
    t = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x)))
    return 0.5 * x * (1 + t), t


@gelu_tanh.gradient
def _(g: Any, x: Any, t: Any) -> dict[str, Any]:
    slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * (x * x))
    return {"x": g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)}


class ReLU(Module):
    """``max(x, 0)``, with derivative 0 at 0."""

    def forward(self, x: Any) -> Any:
        return relu(x)


class Sigmoid(Module):
    """``1 / (1 + exp(-x))``."""

    def forward(self, x: Any) -> Any:
        return sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Any) -> Any:
        return tanh(x)


class GELU(Module):
    """``x * P(Z <= x)`` for a standard normal Z; see ``nn.functional.gelu``."""

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        return gelu(x, self.approximate)
