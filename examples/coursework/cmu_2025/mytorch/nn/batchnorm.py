"""Batch normalisation, with parameters and statistics of shape (1, C)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

import nn
from nn import functional


class BatchNorm1d:
    """``BZ = BW NZ + Bb``, where ``NZ = (Z - M) / sqrt(V + eps)`` for the mean M and the biased variance V of a batch.

    Evaluation takes ``running_M`` and ``running_V`` instead. These are averages by the exercise's rule,
    ``running = alpha * running + (1 - alpha) * batch``, of the biased variance too, where ``nn`` and PyTorch average
    the unbiased one.
    """

    def __init__(self, num_features: int, alpha: float = 0.9) -> None:
        self.alpha = alpha
        self.eps = 1e-8
        self.BW = np.ones((1, num_features))
        self.Bb = np.zeros((1, num_features))
        self.dLdBW = np.zeros((1, num_features))
        self.dLdBb = np.zeros((1, num_features))
        self.M = np.zeros((1, num_features))
        self.V = np.ones((1, num_features))
        self.running_M = np.zeros((1, num_features))
        self.running_V = np.ones((1, num_features))
        self._hand = nn.by_hand(functional.batch_norm)

    def forward(self, Z: ArrayLike, eval: bool = False) -> np.ndarray:
        """BZ, of shape (N, C), for Z of shape (N, C)."""
        self.Z = np.asarray(Z, dtype=float)
        self.N = len(self.Z)
        mean, var = (self.running_M[0], self.running_V[0]) if eval else (None, None)  # None: those of the batch
        BW, Bb = (np.ravel(a).astype(float) for a in (self.BW, self.Bb))
        self.NZ = functional.batch_norm(self.Z, mean, var, eps=self.eps)
        self.BZ = self._hand.forward(self.Z, mean, var, BW, Bb, eps=self.eps)
        if not eval:
            self.M, self.V = self.Z.mean(axis=0, keepdims=True), self.Z.var(axis=0, keepdims=True)
            self.running_M = self.alpha * self.running_M + (1 - self.alpha) * self.M
            self.running_V = self.alpha * self.running_V + (1 - self.alpha) * self.V
        return self.BZ

    def backward(self, dLdBZ: ArrayLike) -> np.ndarray:
        """dLdZ, of shape (N, C), for dLdBZ of shape (N, C)."""
        self._hand.backward(dLdBZ)
        dLdZ, _, _, dLdBW, dLdBb = self._hand.input_gradients
        self.dLdBW, self.dLdBb = dLdBW[None], dLdBb[None]
        return dLdZ
