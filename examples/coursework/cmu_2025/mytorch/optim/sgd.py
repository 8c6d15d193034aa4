"""Stochastic gradient descent on the linear layers of a model."""

from __future__ import annotations

from typing import Any

import numpy as np

import optim
from autodiff import Tensor


class SGD:
    """``v = mu v + g``, then ``W -= lr v``, and likewise for b: the rule of ``optim.SGD``, which is for tensors.

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
        self._places = [(layer, name) for name in "Wb" for layer in self.l]
        self._tensors = [Tensor(v, requires_grad=True) for v in self.v_W + self.v_b]
        self._rule = optim.SGD(self._tensors, lr, momentum)

    def step(self) -> None:
        """Give every layer a new W and b; the arrays that they were are not changed."""
        self._rule.param_groups[0].update(lr=self.lr, momentum=self.mu)
        for tensor, (layer, name) in zip(self._tensors, self._places, strict=True):
            tensor.data = np.array(getattr(layer, name), dtype=float)
            tensor.grad = np.array(getattr(layer, f"dLd{name}"), dtype=float)
        self._rule.step()
        for tensor, (layer, name) in zip(self._tensors, self._places, strict=True):
            setattr(layer, name, tensor.data)
        if self.mu:
            v = [state["v"] for state in self._rule.state.values()]
            self.v_W, self.v_b = v[: self.L], v[self.L :]
