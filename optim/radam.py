"""RAdam: L. Liu, H. Jiang, P. He, W. Chen, X. Liu, J. Gao and J. Han, On the variance of the adaptive learning rate and
beyond, ICLR 2020, arXiv:1908.03265, algorithm 2; the step adapts for rho > 5 (there 4), as in PyTorch.
"""

from __future__ import annotations

import math

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
    decayed,
)


class RAdam(Optimizer):
    """Adam whose steps are not scaled until the average of squares says enough, then by a rectified factor.

    ``m = beta1 m + (1 - beta1) g``, ``v = beta2 v + (1 - beta2) g**2``, ``m^ = m / (1 - beta1**t)``. With
    ``rho_inf = 2 / (1 - beta2) - 1`` and ``rho = rho_inf - 2 t beta2**t / (1 - beta2**t)``: where rho <= 5,
    ``theta -= lr m^``; else ``theta -= lr r m^ l`` with ``l = sqrt(1 - beta2**t) / (sqrt(v) + eps)`` and
    ``r**2 = (rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho)``. The gradient g includes
    ``weight_decay theta``, unless ``decoupled_weight_decay`` first takes ``theta -= lr weight_decay theta`` instead;
    it is ``-g`` with ``maximize``.

    Raises ValueError for a negative rate, and for betas outside [0, 1).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
        )
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Values) -> None:
        check_at_least_zero("RAdam", h, "lr", "eps", "weight_decay")
        check_switches("RAdam", h, "decoupled_weight_decay", "maximize")
        check_betas("RAdam", h)

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        return {"m": 0.0, "v": 0.0}

    def update(self, h: Values, s: State, theta: Array, g: Array, work: Work) -> None:
        a, b, add = work
        lr, (beta1, beta2), eps = h["lr"], h["betas"], h["eps"]
        t, m, v = s["t"], s["m"], s["v"]
        g = decayed(h, theta, g, out=a)

        m *= beta1
        add(m, 1 - beta1, g)
        v *= beta2
        np.multiply(g, g, out=b)
        add(v, 1 - beta2, b)

        step = lr / (1 - beta1**t)
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        if rho <= 5:
            add(theta, -step, m)
            return
        r = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
        np.sqrt(v, out=b)
        b += eps
        np.divide(m, b, out=b)
        add(theta, -step * r * math.sqrt(1 - beta2**t), b)
