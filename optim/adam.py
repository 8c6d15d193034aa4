"""Adam, AdamW and AMSGrad.

Adam: D. P. Kingma and J. L. Ba, Adam: a method for stochastic optimization, ICLR 2015, arXiv:1412.6980, algorithm 1.
AdamW: I. Loshchilov and F. Hutter, Decoupled weight decay regularization, ICLR 2019, arXiv:1711.05101, algorithm 2.
AMSGrad: S. J. Reddi, S. Kale and S. Kumar, On the convergence of Adam and beyond, ICLR 2018, arXiv:1904.09237; the
largest v is taken before its bias is corrected, as in PyTorch.
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


class Adam(Optimizer):
    """Steps scaled by running averages of the gradient and of its square.

    ``m = beta1 m + (1 - beta1) g``, ``v = beta2 v + (1 - beta2) g**2``, and with the bias-corrected
    ``m^ = m / (1 - beta1**t)``, ``v^ = v / (1 - beta2**t)``: ``theta -= lr m^ / (sqrt(v^) + eps)``. With ``amsgrad``,
    the largest v so far takes the place of v in the last formula. The gradient g includes ``weight_decay theta``,
    unless ``decoupled_weight_decay`` (as in AdamW) first takes ``theta -= lr weight_decay theta`` instead; it is ``-g``
    with ``maximize``.

    Raises ValueError for a negative rate, and for betas outside [0, 1).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
            decoupled_weight_decay=decoupled_weight_decay,
        )
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Values) -> None:
        check_at_least_zero(type(self).__name__, h, "lr", "eps", "weight_decay")
        check_switches(type(self).__name__, h, "amsgrad", "maximize", "decoupled_weight_decay")
        check_betas(type(self).__name__, h)

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        return {"m": 0.0, "v": 0.0, "v_max": 0.0} if h["amsgrad"] else {"m": 0.0, "v": 0.0}

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
        if h["amsgrad"]:
            v = np.maximum(s["v_max"], v, out=s["v_max"])

        # theta -= lr m^ / (sqrt(v^) + eps), with sqrt(1 - beta2**t) taken out of the fraction (end of section 2)
        root = math.sqrt(1 - beta2**t)
        np.sqrt(v, out=b)
        b += eps * root
        np.divide(m, b, out=b)
        add(theta, -lr * root / (1 - beta1**t), b)


class AdamW(Adam):
    """Adam whose weight decay does not pass through the averages: ``theta -= lr weight_decay theta`` at each step.

    Raises ValueError for a negative rate, and for betas outside [0, 1).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
            nonfinite=nonfinite,
        )
