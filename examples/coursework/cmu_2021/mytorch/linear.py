"""The affine map, with W of shape (in, out) and b of shape (1, out)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

import nn
from nn import functional


class Linear:
    """``x W + b``; the gradients dW and db are averaged over the batch, that of x is not.

    Args:
        in_feature: the length of a row of x.
        out_feature: the length of a row of the result.
        weight_init_fn: gives W, called with both lengths.
        bias_init_fn: gives b, called with the second.
    """

    def __init__(self, in_feature: int, out_feature: int, weight_init_fn: Callable, bias_init_fn: Callable) -> None:
        self.W = np.array(weight_init_fn(in_feature, out_feature), dtype=float)
        self.b = np.array(bias_init_fn(out_feature), dtype=float).reshape(1, out_feature)
        self.dW = np.zeros_like(self.W)
        self.db = np.zeros_like(self.b)
        self.momentum_W = np.zeros_like(self.W)
        self.momentum_b = np.zeros_like(self.b)
        self._hand = nn.by_hand(functional.linear)

    def __call__(self, x: ArrayLike) -> np.ndarray:
        return self.forward(x)

    def forward(self, x: ArrayLike) -> np.ndarray:
        """The result (N, out) for x of shape (N, in)."""
        self.x = np.asarray(x, dtype=float)
        return self._hand.forward(self.x, np.asarray(self.W, dtype=float).T, np.ravel(self.b).astype(float))

    def backward(self, delta: ArrayLike) -> np.ndarray:
        """The gradient of x (N, in) for that of the result (N, out)."""
        self._hand.backward(delta)
        dx, dW, db = self._hand.input_gradients
        self.dW, self.db = dW.T / len(self.x), db[None] / len(self.x)
        return dx
