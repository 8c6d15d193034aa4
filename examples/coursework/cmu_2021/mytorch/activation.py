"""Activations: calling one keeps the result as ``state``, ``derivative()`` is the derivative of each entry."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

import nn


class Activation:
    """An elementwise layer of ``nn``, run by the gradient that was derived there by hand."""

    layer: nn.Module

    def __init__(self) -> None:
        self.state: np.ndarray | None = None
        self._hand = nn.by_hand(self.layer)

    def __call__(self, x: ArrayLike) -> np.ndarray:
        return self.forward(x)

    def forward(self, x: ArrayLike) -> np.ndarray:
        """The value of each entry."""
        self.state = self._hand.forward(np.asarray(x, dtype=float))
        return self.state

    def derivative(self) -> np.ndarray | float:
        """The derivative of each entry: its gradient, if that of its value is 1."""
        return self._hand.backward(np.ones_like(self.state))


class Identity(Activation):
    """x itself; the derivative is the number 1.0, not an array."""

    layer = nn.Identity()

    def derivative(self) -> float:
        return 1.0


class Sigmoid(Activation):
    """``1 / (1 + exp(-x))``."""

    layer = nn.Sigmoid()


class Tanh(Activation):
    """The hyperbolic tangent."""

    layer = nn.Tanh()


class ReLU(Activation):
    """``max(x, 0)``, with the derivative 0 at 0."""

    layer = nn.ReLU()
