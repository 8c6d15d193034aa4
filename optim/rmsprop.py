"""RMSprop: T. Tieleman and G. Hinton, Lecture 6.5: rmsprop, Neural networks for machine learning (Coursera), 2012;
centred and with momentum as in A. Graves, Generating sequences with recurrent neural networks, 2013, arXiv:1308.0850,
section 4.2, but with eps added to the root, as in PyTorch.
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
    check_fractions,
    check_switches,
    penalised,
)


class RMSprop(Optimizer):
    """Gradients divided by the root of a running average of their squares.

    ``n = alpha n + (1 - alpha) g**2``, ``d = g / (sqrt(n) + eps)``, ``theta -= lr d``; with ``momentum``,
    ``D = momentum D + d``, ``theta -= lr D``. With ``centered``, ``m = alpha m + (1 - alpha) g``, and the variance
    ``n - m**2`` takes the place of n under the root. The gradient g includes ``weight_decay theta``; it is ``-g`` with
    ``maximize``.

    Raises ValueError for a negative rate, and for alpha outside [0, 1).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        defaults = dict(
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Values) -> None:
        check_at_least_zero("RMSprop", h, "lr", "eps", "weight_decay", "momentum")
        check_switches("RMSprop", h, "centered", "maximize")
        check_fractions("RMSprop", h, "alpha")

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        return {"n": 0.0} | ({"m": 0.0} if h["centered"] else {}) | ({"D": 0.0} if h["momentum"] else {})

    def update(self, h: Values, s: State, theta: Array, g: Array, work: Work) -> None:
        a, b, add = work
        lr, alpha, eps = h["lr"], h["alpha"], h["eps"]
        n = s["n"]
        g = penalised(h, theta, g, out=a)

        n *= alpha
        np.multiply(g, g, out=b)
        add(n, 1 - alpha, b)
        if h["centered"]:
            m = s["m"]
            m *= alpha
            add(m, 1 - alpha, g)
            np.multiply(m, m, out=b)
            np.subtract(n, b, out=b)
            np.maximum(b, 0, out=b)  # a variance that rounding made negative
            np.sqrt(b, out=b)
        else:
            np.sqrt(n, out=b)
        b += eps
        d = np.divide(g, b, out=b)
        if h["momentum"]:
            D = s["D"]
            D *= h["momentum"]
            D += d
            d = D
        add(theta, -lr, d)
