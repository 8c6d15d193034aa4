"""Stochastic gradient descent on the linear layers of a model."""

from __future__ import annotations

from typing import Any

import numpy as np

import optim
from autodiff import Tensor


class SGD:
    """``v = mu v + g``, then ``W -= lr v``, and likewise for b: the rule of ``optim.SGD``.

    ``l`` lists the L layers of ``model.layers`` that have a W; ``v_W`` and ``v_b`` list the v of each, which stay zeros
    without momentum.
    """

    def __init__(self, model: Any, lr: float = 0.1, momentum: float = 0) -> None:
        self.l = [layer for layer in model.layers if hasattr(layer, "W")]
        self.L = len(self.l)
        self.lr = lr
        self.mu = momentum
        self.v_W = [np.zeros(layer.W.shape) for layer in self.l]
        self.v_b = [np.zeros(layer.b.shape) for layer in self.l]
        self._W = [Tensor(layer.W, dtype=float, requires_grad=True) for layer in self.l]
        self._b = [Tensor(layer.b, dtype=float, requires_grad=True) for layer in self.l]
        self._rule = optim.SGD([*self._W, *self._b], lr, momentum)

    def step(self) -> None:
        """Give every layer a new W and b; the arrays that they were are not changed."""
        self._rule.lr, self._rule.momentum = self.lr, self.mu
        for layer, W, b in zip(self.l, self._W, self._b, strict=True):
            _set(W, layer.W, layer.dLdW)
            _set(b, layer.b, layer.dLdb)
        self._rule.step()
        for layer, W, b in zip(self.l, self._W, self._b, strict=True):
            layer.W, layer.b = W.data, b.data
        if self.mu:
            v = [state["b"] for state in self._rule.state.values()]
            self.v_W, self.v_b = v[: self.L], v[self.L :]


def _set(tensor: Tensor, value: np.ndarray, gradient: np.ndarray) -> None:
    """Have the optimiser find a value with its gradient."""
    tensor.grad = None
    tensor.data = np.asarray(value, dtype=float)
    tensor.grad = Tensor(gradient, dtype=float)
