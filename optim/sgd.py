"""Stochastic gradient descent.

B. T. Polyak, Some methods of speeding up the convergence of iteration methods, USSR Computational Mathematics and
Mathematical Physics 4(5), 1964; Nesterov's form, and the scaling of the velocity by the gradient rather than by the
rate, as in I. Sutskever, J. Martens, G. Dahl and G. Hinton, On the importance of initialization and momentum in deep
learning, ICML 2013, and in PyTorch.
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
    are_numbers,
    check_at_least_zero,
    check_switches,
    penalised,
)


class SGD(Optimizer):
    """Gradient descent with momentum.

    ``v = momentum v + (1 - dampening) g`` (``v = g`` at the first step), ``theta -= lr v``; with ``nesterov``,
    ``theta -= lr (g + momentum v)``. The gradient g includes ``weight_decay theta``; it is ``-g`` with ``maximize``.

    >>> from autodiff import Tensor
    >>> x = Tensor([4.0, -2.0], requires_grad=True)
    >>> optimizer = SGD([("x", x)], lr=0.25, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (x * x).sum().backward()
    ...     optimizer.step()
    >>> x, optimizer.state
    (Tensor([0., 0.], requires_grad=True), {'x': {'t': 2, 'v': array([ 8., -4.])}})

    Raises ValueError for a negative rate, and for ``nesterov`` without momentum or with dampening.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        defaults = dict(
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Values) -> None:
        check_at_least_zero("SGD", h, "lr", "momentum", "weight_decay")
        check_switches("SGD", h, "nesterov", "maximize")
        if not are_numbers(h["dampening"]):
            raise ValueError(f"SGD: dampening is a finite number, not {h['dampening']!r}")
        if h["nesterov"] and (h["momentum"] == 0 or h["dampening"] != 0):
            raise ValueError(
                f"SGD: nesterov needs momentum and no dampening, not {h['momentum']!r} and {h['dampening']!r}"
            )

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        return {"v": 0.0} if h["momentum"] else {}

    def advance(self, h: Values, s: State) -> None:
        if h["momentum"] and "v" not in s:
            s["t"] = 0  # momentum was switched on: its first step is yet to come
        s["t"] = s.get("t", 0) + 1

    def update(self, h: Values, s: State, theta: Array, g: Array, work: Work) -> None:
        a, b, add = work
        lr, momentum = h["lr"], h["momentum"]
        g = penalised(h, theta, g, out=a)
        if momentum:
            v = s["v"]
            if s["t"] == 1:
                np.copyto(v, g)
            else:
                v *= momentum
                if h["dampening"]:
                    add(v, 1 - h["dampening"], g)
                else:
                    v += g
            if h["nesterov"]:
                np.copyto(b, g)
                add(b, momentum, v)
                g = b
            else:
                g = v
        add(theta, -lr, g)
