"""Lion: X. Chen, C. Liang, D. Huang, E. Real, K. Wang, Y. Liu, H. Pham, X. Dong, T. Luong, C.-J. Hsieh, Y. Lu and
Q. V. Le, Symbolic discovery of optimization algorithms, NeurIPS 2023, arXiv:2302.06675, algorithm 2.
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
)


class Lion(Optimizer):
    """Steps of one size, in the direction of the sign of an average of momentum and gradient.

    ``c = beta1 m + (1 - beta1) g``, ``theta -= lr (sign(c) + weight_decay theta)``, ``m = beta2 m + (1 - beta2) g``;
    with ``maximize``, g is ``-g``. The paper advises a rate 3 to 10 times smaller than Adam's, and as much more weight
    decay.

    Raises ValueError for a negative rate, and for betas outside [0, 1).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        defaults = dict(lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Values) -> None:
        check_at_least_zero("Lion", h, "lr", "weight_decay")
        check_switches("Lion", h, "maximize")
        check_betas("Lion", h)

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        return {"m": 0.0}

    def update(self, h: Values, s: State, theta: Array, g: Array, work: Work) -> None:
        a, b, add = work
        lr, (beta1, beta2), m = h["lr"], h["betas"], s["m"]
        if h["maximize"]:
            g = np.negative(g, out=a)
        c = np.subtract(g, m, out=b)
        c *= 1 - beta1
        c += m
        m *= beta2
        add(m, 1 - beta2, g)
        direction = np.sign(c, out=a)  # not in place, where NumPy's sign is ten times slower
        theta *= 1 - lr * h["weight_decay"]
        add(theta, -lr, direction)
