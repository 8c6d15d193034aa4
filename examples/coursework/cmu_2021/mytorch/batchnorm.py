"""Batch normalisation, with parameters and statistics of shape (1, C)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nn.derived import Application, Derived
from nn.normalization.batch import batch_norm_evaluation, batch_norm_training


class BatchNorm:
    """``out = gamma norm + beta``, where ``norm = (x - mean) / sqrt(var + eps)``, with the biased variance of a batch.

    Evaluation takes ``running_mean`` and ``running_var`` instead. These are averages by the exercise's rule,
    ``running = alpha * running + (1 - alpha) * batch``, of the biased variance too, where ``nn`` and PyTorch average
    the unbiased one. The gradients dgamma and dbeta are summed over the batch.
    """

    def __init__(self, in_feature: int, alpha: float = 0.9) -> None:
        self.alpha = alpha
        self.eps = 1e-8
        self.x: np.ndarray | None = None
        self.norm: np.ndarray | None = None
        self.out: np.ndarray | None = None
        self.mean = np.zeros((1, in_feature))
        self.var = np.ones((1, in_feature))
        self.gamma = np.ones((1, in_feature))
        self.dgamma = np.zeros((1, in_feature))
        self.beta = np.zeros((1, in_feature))
        self.dbeta = np.zeros((1, in_feature))
        self.running_mean = np.zeros((1, in_feature))
        self.running_var = np.ones((1, in_feature))

    def __call__(self, x: ArrayLike, eval: bool = False) -> np.ndarray:
        return self.forward(x, eval)

    def forward(self, x: ArrayLike, eval: bool = False) -> np.ndarray:
        """The result (N, C) for x of shape (N, C)."""
        self.x = np.asarray(x, dtype=float)
        if eval:
            return self._apply(batch_norm_evaluation, mean=self.running_mean.ravel(), var=self.running_var.ravel())
        statistics: dict[str, np.ndarray] = {}
        self._apply(batch_norm_training, statistics=statistics)
        self.mean, self.var = statistics["mean"][None], statistics["var"][None]
        self.running_mean = self.alpha * self.running_mean + (1 - self.alpha) * self.mean
        self.running_var = self.alpha * self.running_var + (1 - self.alpha) * self.var
        return self.out

    def _apply(self, function: Derived, **statistics: Any) -> np.ndarray:
        self.norm = function(self.x, eps=self.eps, **statistics)
        gamma, beta = np.ravel(self.gamma).astype(float), np.ravel(self.beta).astype(float)
        self._applied = Application.of(function, (self.x, gamma, beta), {"eps": self.eps, **statistics})
        self.out = self._applied.out
        return self.out

    def backward(self, delta: ArrayLike) -> np.ndarray:
        """The gradient of x (N, C) for that of the result (N, C)."""
        gradients = self._applied.gradients(np.asarray(delta, dtype=float), ("x", "weight", "bias"))
        self.dgamma = gradients["weight"][None]
        self.dbeta = gradients["bias"][None]
        return gradients["x"]
