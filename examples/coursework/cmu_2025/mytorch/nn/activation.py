"""Activations: ``forward(Z)`` keeps its result as A, ``backward(dLdA)`` returns dLdZ."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

import nn
from nn.functional import tanh


class Activation:
    """A layer of ``nn`` without parameters, run by the gradient that was derived there by hand."""

    layer: nn.Module

    def __init__(self) -> None:
        self._hand = nn.by_hand(self.layer)

    def forward(self, Z: ArrayLike) -> np.ndarray:
        """A, of the shape of Z."""
        self.A = self._hand.forward(np.asarray(Z, dtype=float))
        return self.A

    def backward(self, dLdA: ArrayLike) -> np.ndarray:
        """dLdZ, of the same shape."""
        return self._hand.backward(dLdA)


class Identity(Activation):
    """``A = Z``."""

    layer = nn.Identity()


class Sigmoid(Activation):
    """``A = 1 / (1 + exp(-Z))``, with the derivative ``A - A * A``."""

    layer = nn.Sigmoid()


class Tanh(Activation):
    """The hyperbolic tangent, with the derivative ``1 - A * A``.

    The exercise wants its value without ``np.tanh``, so that is computed here and only the gradient is that of ``nn``:
    for ``e = exp(-2 |Z|)``, which cannot overflow, ``tanh |Z| = (1 - e) / (1 + e)``. With ``e - 1`` from ``expm1`` no
    digits are lost near 0.
    """

    layer = nn.Tanh()

    def forward(self, Z: ArrayLike) -> np.ndarray:
        less = np.expm1(-2 * np.abs(np.asarray(Z, dtype=float)))
        self.A = np.copysign(less / (less + 2), Z)
        return self.A

    def backward(self, dLdA: ArrayLike) -> np.ndarray:
        return tanh.rules["x"](np.asarray(dLdA, dtype=float), self.A)


class ReLU(Activation):
    """``A = max(Z, 0)``, with the derivative 0 at 0."""

    layer = nn.ReLU()


class GELU(Activation):
    """``A = Z P(X <= Z)`` for a standard normal X, exactly, by the error function."""

    layer = nn.GELU()


class Softmax(Activation):
    """Each row as shares that sum to 1; row i of dLdZ is ``dLdA_i (diag(a) - a a^T)`` for its shares a."""

    layer = nn.Softmax(dim=-1)
