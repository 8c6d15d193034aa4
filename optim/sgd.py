"""Stochastic gradient descent.

B. T. Polyak, Some methods of speeding up the convergence of iteration methods, 1964; Nesterov's form, and the scaling
of the buffer by the gradient rather than by the rate, as in I. Sutskever et al., On the importance of initialization
and momentum in deep learning, 2013, and in PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from autodiff import Tensor

from .optimizer import Nonfinite, Optimizer, check_at_least_zero


class SGD(Optimizer):
    """Gradient descent with momentum.

    ``b = momentum b + (1 - dampening) g`` (``b = g`` at the first step), ``theta -= lr b``, where the gradient g
    includes ``weight_decay theta``; with ``nesterov``, ``theta -= lr (g + momentum b)``.

    Raises ValueError for a negative rate, and for ``nesterov`` without momentum or with dampening.
    """

    hyperparameters = ("lr", "momentum", "dampening", "weight_decay", "nesterov")

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[tuple[str, Tensor]],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        super().__init__(params, nonfinite)
        self.lr, self.momentum, self.dampening = lr, momentum, dampening
        self.weight_decay, self.nesterov = weight_decay, nesterov
        self.check()

    def check(self) -> None:
        check_at_least_zero("SGD", lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError(
                f"SGD: nesterov needs momentum and no dampening, not {self.momentum!r} and {self.dampening!r}"
            )

    @property
    def buffers(self) -> tuple[str, ...]:  # type: ignore[override]
        """The momentum, if there is any."""
        return ("b",) if self.momentum else ()

    def update(
        self, w: np.ndarray, theta: np.ndarray, g: np.ndarray, scratch: np.ndarray, t: int, *buffers: np.ndarray
    ) -> None:
        direction = g
        if self.weight_decay:
            direction = np.multiply(theta, self.weight_decay, out=np.empty_like(scratch))
            direction += g
        if self.momentum:
            (b,) = buffers
            if t == 1:
                b[...] = direction
            else:
                b *= self.momentum
                if self.dampening:
                    b += np.multiply(direction, 1 - self.dampening, out=scratch)
                else:
                    b += direction
            if self.nesterov:
                np.multiply(b, self.momentum, out=scratch)
                scratch += direction
                direction = scratch
            else:
                direction = b
        np.multiply(direction, self.lr, out=scratch)
        np.subtract(theta, scratch, out=w)
