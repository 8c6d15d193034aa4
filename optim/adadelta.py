"""Adadelta: M. D. Zeiler, ADADELTA: an adaptive learning rate method, 2012, arXiv:1212.5701, algorithm 1."""

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
    check_fractions,
    check_switches,
    penalised,
)


class Adadelta(Optimizer):
    """Steps in the units of the parameters: scaled by an average of past steps over one of past gradients.

    ``v = rho v + (1 - rho) g**2``, ``delta = sqrt(u + eps) / sqrt(v + eps) g``, ``u = rho u + (1 - rho) delta**2``,
    ``theta -= lr delta``. The gradient g includes ``weight_decay theta``; it is ``-g`` with ``maximize``.

    Raises ValueError for a negative rate, and for rho outside [0, 1).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        defaults = dict(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Values) -> None:
        check_at_least_zero("Adadelta", h, "lr", "eps", "weight_decay")
        check_switches("Adadelta", h, "maximize")
        check_fractions("Adadelta", h, "rho")

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        return {"v": 0.0, "u": 0.0}

    def update(self, h: Values, s: State, theta: Array, g: Array, work: Work) -> None:
        a, b, add = work
        lr, rho, eps = h["lr"], h["rho"], h["eps"]
        v, u = s["v"], s["u"]
        g = penalised(h, theta, g, out=a)

        v *= rho
        np.multiply(g, g, out=b)
        add(v, 1 - rho, b)

        np.sqrt(np.add(v, eps, out=b), out=b)
        delta = np.divide(g, b, out=b)
        delta *= np.sqrt(np.add(u, eps, out=a), out=a)

        u *= rho
        np.multiply(delta, delta, out=a)
        add(u, 1 - rho, a)
        add(theta, -lr, delta)
