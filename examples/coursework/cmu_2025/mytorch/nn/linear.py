"""The affine map, with W of shape (out, in) and b of shape (out, 1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

import nn
from nn import functional


class Linear:
    """``Z = A W^T + 1 b^T``; gradients are summed over the batch.

    W and b start as zeros and can be assigned. ``forward`` keeps A and N, ``backward`` dLdW and dLdb, and with
    ``debug`` also dLdA.
    """

    def __init__(self, in_features: int, out_features: int, debug: bool = False) -> None:
        self.W = np.zeros((out_features, in_features))
        self.b = np.zeros((out_features, 1))
        self.dLdW = np.zeros_like(self.W)
        self.dLdb = np.zeros_like(self.b)
        self.debug = debug
        self._hand = nn.by_hand(functional.linear)

    def forward(self, A: ArrayLike) -> np.ndarray:
        """Z, of shape (N, out), for A of shape (N, in)."""
        self.A = np.asarray(A, dtype=float)
        self.N = len(self.A)
        return self._hand.forward(self.A, np.asarray(self.W, dtype=float), np.ravel(self.b).astype(float))

    def backward(self, dLdZ: ArrayLike) -> np.ndarray:
        """dLdA, of shape (N, in), for dLdZ of shape (N, out)."""
        self._hand.backward(dLdZ)
        dLdA, self.dLdW, dLdb = self._hand.input_gradients
        self.dLdb = dLdb[:, None]
        if self.debug:
            self.dLdA = dLdA
        return dLdA
