"""Averaged stochastic gradient descent: B. T. Polyak and A. B. Juditsky, Acceleration of stochastic approximation by
averaging, SIAM Journal on Control and Optimization 30(4), 1992; the rate's schedule as in W. Xu, Towards optimal one
pass large scale learning with averaged stochastic gradient descent, 2011, arXiv:1107.2490, and in PyTorch.
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


class ASGD(Optimizer):
    """Gradient descent, and the average of the parameters on its way, as ``state[name]["ax"]``.

    ``eta = lr / (1 + lambd lr (t - 1))**alpha``, ``theta -= eta (g + lambd theta)``, ``ax += mu (theta - ax)`` with
    ``mu = 1 / max(1, t - 1 - t0)``: ``ax = theta`` up to step ``t0 + 2``, where the average begins. The gradient g
    includes ``weight_decay theta``; it is ``-g`` with ``maximize``. A changed ``lr`` holds from the next step on; in
    PyTorch, which keeps eta, from the step after it.

    Raises ValueError for a negative hyper-parameter.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        defaults = dict(lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Values) -> None:
        check_at_least_zero("ASGD", h, "lr", "lambd", "alpha", "t0", "weight_decay")
        check_switches("ASGD", h, "maximize")

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        return {"ax": 0.0}

    def update(self, h: Values, s: State, theta: Array, g: Array, work: Work) -> None:
        a, b, add = work
        lr, lambd, t, ax = h["lr"], h["lambd"], s["t"], s["ax"]
        eta = lr / (1 + lambd * lr * (t - 1)) ** h["alpha"]
        mu = 1 / max(1, t - 1 - h["t0"])
        g = penalised(h, theta, g, out=a)
        theta *= 1 - lambd * eta
        add(theta, -eta, g)
        if mu == 1:
            np.copyto(ax, theta)
        else:
            np.subtract(theta, ax, out=b)
            add(ax, mu, b)
