"""The affine map, with W of shape (out, in) and b of shape (out, 1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nn.derived import Application
from nn.functional import linear


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

    def forward(self, A: ArrayLike) -> np.ndarray:
        """Z, of shape (N, out), for A of shape (N, in)."""
        self.A = np.asarray(A, dtype=float)
        self.N = len(self.A)
        weight, bias = np.asarray(self.W, dtype=float), np.ravel(self.b).astype(float)
        self._applied = Application.of(linear, (self.A, weight, bias), {})
        return self._applied.out

    def backward(self, dLdZ: ArrayLike) -> np.ndarray:
        """dLdA, of shape (N, in), for dLdZ of shape (N, out)."""
        gradients = self._applied.gradients(np.asarray(dLdZ, dtype=float), ("x", "weight", "bias"))
        self.dLdW = gradients["weight"]
        self.dLdb = gradients["bias"][:, None]
        if self.debug:
            self.dLdA = gradients["x"]
        return gradients["x"]
