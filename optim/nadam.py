"""NAdam: T. Dozat, Incorporating Nesterov momentum into Adam, ICLR 2016 workshop, algorithm 2.

The momentum's schedule is that of its appendix, as in PyTorch.
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


class NAdam(Optimizer):
    """Adam with Nesterov's look-ahead: the next step's share of the momentum is applied now.

    ``m = beta1 m + (1 - beta1) g``, ``v = beta2 v + (1 - beta2) g**2``, ``v^ = v / (1 - beta2**t)``, and with
    ``mu_t = beta1 (1 - 0.96**(t momentum_decay) / 2)``, whose product over the steps is ``mu_product``,
    ``m^ = mu_{t+1} m / (1 - mu_product mu_{t+1}) + (1 - mu_t) g / (1 - mu_product)``:
    ``theta -= lr m^ / (sqrt(v^) + eps)``. The gradient g includes ``weight_decay theta``, unless
    ``decoupled_weight_decay`` first takes ``theta -= lr weight_decay theta`` instead; it is ``-g`` with ``maximize``.

    Raises ValueError for a negative rate, and for betas outside [0, 1).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
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
            momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
        )
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Values) -> None:
        check_at_least_zero("NAdam", h, "lr", "eps", "weight_decay", "momentum_decay")
        check_switches("NAdam", h, "decoupled_weight_decay", "maximize")
        check_betas("NAdam", h)

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        return {"m": 0.0, "v": 0.0}

    def advance(self, h: Values, s: State) -> None:
        super().advance(h, s)
        s["mu_product"] = s.get("mu_product", 1.0) * _mu(h, s["t"])

    def update(self, h: Values, s: State, theta: Array, g: Array, work: Work) -> None:
        a, b, add = work
        lr, (beta1, beta2), eps = h["lr"], h["betas"], h["eps"]
        t, m, v, mu_product = s["t"], s["m"], s["v"], s["mu_product"]
        mu, mu_next = _mu(h, t), _mu(h, t + 1)
        g = decayed(h, theta, g, out=a)

        m *= beta1
        add(m, 1 - beta1, g)
        v *= beta2
        np.multiply(g, g, out=b)
        add(v, 1 - beta2, b)

        root = math.sqrt(1 - beta2**t)
        np.multiply(m, lr * root * mu_next / (1 - mu_product * mu_next), out=b)
        add(b, lr * root * (1 - mu) / (1 - mu_product), g)
        np.sqrt(v, out=a)
        a += eps * root
        theta -= np.divide(b, a, out=b)


def _mu(h: Values, t: int) -> float:
    return h["betas"][0] * (1 - 0.5 * 0.96 ** (t * h["momentum_decay"]))
