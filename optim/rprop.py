"""Rprop: M. Riedmiller and H. Braun, A direct adaptive method for faster backpropagation learning: the RPROP algorithm,
ICNN 1993; after a change of sign as in iRprop-: C. Igel and M. Huesken, Improving the Rprop learning algorithm, 2000.
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
    check_numbers,
    check_switches,
)


class Rprop(Optimizer):
    """Steps whose sizes depend on the signs of the gradient alone; for gradients of all the data.

    Each entry's step size, ``lr`` at first, is multiplied by ``etas[1]`` where the gradient has the sign of the
    previous one, by ``etas[0]`` where it has the other, and kept within ``step_sizes``; where the sign changed, the
    gradient is taken as 0 (in the next step too). ``theta -= step_size sign(g)``; with ``maximize``, g is ``-g``.

    Raises ValueError for a negative rate, and unless ``0 < etas[0] < 1 < etas[1]``.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        maximize: bool = False,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        defaults = dict(lr=lr, etas=etas, step_sizes=step_sizes, maximize=maximize)
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Values) -> None:
        check_at_least_zero("Rprop", h, "lr")
        check_switches("Rprop", h, "maximize")
        check_numbers("Rprop", h, "etas", 2)
        check_numbers("Rprop", h, "step_sizes", 2)
        if not 0 < h["etas"][0] < 1 < h["etas"][1]:
            raise ValueError(f"Rprop: etas are a number between 0 and 1 and one above 1, not {h['etas']!r}")
        if not 0 <= h["step_sizes"][0] <= h["step_sizes"][1]:
            raise ValueError(f"Rprop: step_sizes are the smallest and the largest step, not {h['step_sizes']!r}")

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        return {"g": 0.0, "step_size": h["lr"]}

    def update(self, h: Values, s: State, theta: Array, g: Array, work: Work) -> None:
        a, b, _ = work
        (shrink, grow), step_size, previous = h["etas"], s["step_size"], s["g"]
        if h["maximize"]:
            g = np.negative(g, out=a)
        np.multiply(g, previous, out=b)
        same, changed = b > 0, b < 0
        np.multiply(step_size, grow, out=step_size, where=same)
        np.multiply(step_size, shrink, out=step_size, where=changed)
        np.clip(step_size, *h["step_sizes"], out=step_size)
        np.copyto(previous, g)
        np.copyto(previous, 0, where=changed)
        np.sign(previous, out=b)
        theta -= np.multiply(b, step_size, out=b)
