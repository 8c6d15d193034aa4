"""Adam: D. P. Kingma and J. L. Ba, Adam: a method for stochastic optimization, ICLR 2015, algorithm 1."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from autodiff import Tensor

from .optimizer import Nonfinite, Optimizer, check_at_least_zero


class Adam(Optimizer):
    """Steps scaled by running averages of the gradient and of its square.

    ``m = beta1 m + (1 - beta1) g``, ``v = beta2 v + (1 - beta2) g**2``, and with the bias-corrected
    ``m^ = m / (1 - beta1**t)``, ``v^ = v / (1 - beta2**t)``: ``theta -= lr m^ / (sqrt(v^) + eps)``. The gradient g
    includes ``weight_decay theta``.

    Raises ValueError for a negative rate, and for betas outside [0, 1).
    """

    hyperparameters = ("lr", "betas", "eps", "weight_decay")
    buffers = ("m", "v")

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[tuple[str, Tensor]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        super().__init__(params, nonfinite)
        self.lr, self.betas, self.eps, self.weight_decay = lr, tuple(betas), eps, weight_decay
        self.check()

    def check(self) -> None:
        check_at_least_zero("Adam", lr=self.lr, eps=self.eps, weight_decay=self.weight_decay)
        if not (len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas)):
            raise ValueError(f"Adam: betas are two numbers in [0, 1), not {self.betas!r}")

    def update(
        self, w: np.ndarray, theta: np.ndarray, g: np.ndarray, scratch: np.ndarray, t: int, *buffers: np.ndarray
    ) -> None:
        m, v = buffers
        beta1, beta2 = self.betas
        if self.weight_decay:
            g = g + self.weight_decay * theta
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=scratch)
        v *= beta2
        np.multiply(g, g, out=scratch)
        scratch *= 1 - beta2
        v += scratch
        np.sqrt(v, out=scratch)
        scratch /= math.sqrt(1 - beta2**t)
        scratch += self.eps
        np.divide(m, scratch, out=scratch)
        scratch *= self.lr / (1 - beta1**t)
        np.subtract(theta, scratch, out=w)
