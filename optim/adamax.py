"""Adamax: D. P. Kingma and J. L. Ba, Adam: a method for stochastic optimization, ICLR 2015, arXiv:1412.6980,
algorithm 2.

As in PyTorch, eps is added to ``|g|``, lest a parameter whose gradients are all 0 be divided by 0.
"""

from __future__ import annotations

import numpy as np

from .optimizer import (
    Array,
    Nonfinite,
    Optimizer,
    Params,
    State,
    Values,
    Work,
    check_at_least_zero,
    check_betas,
    check_switches,
    penalised,
)


class Adamax(Optimizer):
    """Adam with a running maximum in the place of the average of squares.

    ``m = beta1 m + (1 - beta1) g``, ``u = max(beta2 u, |g| + eps)``, ``theta -= lr / (1 - beta1**t) m / u``. The
    gradient g includes ``weight_decay theta``; it is ``-g`` with ``maximize``.

    Raises ValueError for a negative rate, and for betas outside [0, 1).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        defaults = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Values) -> None:
        check_at_least_zero("Adamax", h, "lr", "eps", "weight_decay")
        check_switches("Adamax", h, "maximize")
        check_betas("Adamax", h)

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        return {"m": 0.0, "u": 0.0}

    def update(self, h: Values, s: State, theta: Array, g: Array, work: Work) -> None:
        a, b, add = work
        lr, (beta1, beta2), eps = h["lr"], h["betas"], h["eps"]
        t, m, u = s["t"], s["m"], s["u"]
        g = penalised(h, theta, g, out=a)
        m *= beta1
        add(m, 1 - beta1, g)
        u *= beta2
        np.abs(g, out=b)
        b += eps
        np.maximum(u, b, out=u)
        np.divide(m, u, out=b)
        add(theta, -lr / (1 - beta1**t), b)
