"""Batch normalisation, with parameters and statistics of shape (1, C)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nn.derived import Application, Derived
from nn.normalization.batch import batch_norm_evaluation, batch_norm_training


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

    def forward(self, Z: ArrayLike, eval: bool = False) -> np.ndarray:
        """BZ, of shape (N, C), for Z of shape (N, C)."""
        self.Z = np.asarray(Z, dtype=float)
        self.N = len(self.Z)
        if eval:
            return self._apply(batch_norm_evaluation, mean=self.running_M.ravel(), var=self.running_V.ravel())
        statistics: dict[str, np.ndarray] = {}
        self._apply(batch_norm_training, statistics=statistics)
        self.M, self.V = statistics["mean"][None], statistics["var"][None]
        self.running_M = self.alpha * self.running_M + (1 - self.alpha) * self.M
        self.running_V = self.alpha * self.running_V + (1 - self.alpha) * self.V
        return self.BZ

    def _apply(self, function: Derived, **statistics: Any) -> np.ndarray:
        self.NZ = function(self.Z, eps=self.eps, **statistics)
        weight, bias = np.ravel(self.BW).astype(float), np.ravel(self.Bb).astype(float)
        self._applied = Application.of(function, (self.Z, weight, bias), {"eps": self.eps, **statistics})
        self.BZ = self._applied.out
        return self.BZ

    def backward(self, dLdBZ: ArrayLike) -> np.ndarray:
        """dLdZ, of shape (N, C), for dLdBZ of shape (N, C)."""
        gradients = self._applied.gradients(np.asarray(dLdBZ, dtype=float), ("x", "weight", "bias"))
        self.dLdBW = gradients["weight"][None]
        self.dLdBb = gradients["bias"][None]
        return gradients["x"]
