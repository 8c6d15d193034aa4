"""Adagrad: J. Duchi, E. Hazan and Y. Singer, Adaptive subgradient methods for online learning and stochastic
optimization, Journal of Machine Learning Research 12, 2011.
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
    check_switches,
    penalised,
)


class Adagrad(Optimizer):
    """Steps scaled by the sum of all squared gradients.

    ``G = G + g**2``, from ``initial_accumulator_value``; ``theta -= lr / (1 + (t - 1) lr_decay) g / (sqrt(G) + eps)``.
    The gradient g includes ``weight_decay theta``; it is ``-g`` with ``maximize``.

    Raises ValueError for a negative hyper-parameter.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        defaults = dict(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            maximize=maximize,
        )
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Values) -> None:
        check_at_least_zero("Adagrad", h, "lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")
        check_switches("Adagrad", h, "maximize")

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        return {"G": h["initial_accumulator_value"]}

    def update(self, h: Values, s: State, theta: Array, g: Array, work: Work) -> None:
        a, b, add = work
        G = s["G"]
        g = penalised(h, theta, g, out=a)
        G += np.multiply(g, g, out=b)
        np.sqrt(G, out=b)
        b += h["eps"]
        np.divide(g, b, out=b)
        add(theta, -h["lr"] / (1 + (s["t"] - 1) * h["lr_decay"]), b)
