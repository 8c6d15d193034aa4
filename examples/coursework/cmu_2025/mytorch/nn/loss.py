"""Losses: ``forward(A, Y)`` of predictions and labels, both of shape (N, C), then ``backward()``, which gives dLdA."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

import nn
from nn import functional


class Loss:
    """A mean loss of ``nn``, run by the gradient that was derived there by hand; keeps A, Y, N and C."""

    layer: nn.Module

    def __init__(self) -> None:
        self._hand = nn.by_hand(self.layer)

    def forward(self, A: ArrayLike, Y: ArrayLike) -> np.float64:
        """The loss, a NumPy scalar."""
        self.A, self.Y = np.asarray(A, dtype=float), np.asarray(Y, dtype=float)
        self.N, self.C = self.A.shape
        return np.float64(self._hand.forward(self.A, self.Y))

    def backward(self) -> np.ndarray | None:
        """dLdA, of shape (N, C)."""
        return self._hand.backward()


class MSELoss(Loss):
    """``sum((A - Y)**2) / (N C)``, with the gradient ``2 (A - Y) / (N C)``."""

    layer = nn.MSELoss()


class CrossEntropyLoss(Loss):
    """``-sum(Y log softmax(A)) / N``, with the gradient ``(softmax(A) - Y) / N``.

    That closed form is what the exercise asks for, even for labels that do not sum to 1. The gradient of ``nn`` is
    the true one, ``(softmax(A) sum(Y) - Y) / N``: the same for all others.
    """

    layer = nn.CrossEntropyLoss()

    def forward(self, A: ArrayLike, Y: ArrayLike) -> np.float64:
        loss = super().forward(A, Y)
        self.softmax = functional.softmax(self.A, dim=1)
        return loss

    def backward(self) -> np.ndarray:
        return (self.softmax - self.Y) / self.N
