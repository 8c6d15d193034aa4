"""Batch normalisation, with parameters and statistics of shape (1, C)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

import nn
from nn import functional


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
        self._hand = nn.by_hand(functional.batch_norm)

    def __call__(self, x: ArrayLike, eval: bool = False) -> np.ndarray:
        return self.forward(x, eval)

    def forward(self, x: ArrayLike, eval: bool = False) -> np.ndarray:
        """The result (N, C) for x of shape (N, C)."""
        self.x = np.asarray(x, dtype=float)
        mean, var = (self.running_mean[0], self.running_var[0]) if eval else (None, None)  # None: those of the batch
        gamma, beta = (np.ravel(a).astype(float) for a in (self.gamma, self.beta))
        self.norm = functional.batch_norm(self.x, mean, var, eps=self.eps)
        self.out = self._hand.forward(self.x, mean, var, gamma, beta, eps=self.eps)
        if not eval:
            self.mean, self.var = self.x.mean(axis=0, keepdims=True), self.x.var(axis=0, keepdims=True)
            self.running_mean = self.alpha * self.running_mean + (1 - self.alpha) * self.mean
            self.running_var = self.alpha * self.running_var + (1 - self.alpha) * self.var
        return self.out

    def backward(self, delta: ArrayLike) -> np.ndarray:
        """The gradient of x (N, C) for that of the result (N, C)."""
        self._hand.backward(delta)
        dx, _, _, dgamma, dbeta = self._hand.input_gradients
        self.dgamma, self.dbeta = dgamma[None], dbeta[None]
        return dx
