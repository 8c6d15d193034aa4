"""Muon: K. Jordan, Y. Jin, V. Boza, J. You, F. Cesista, L. Newhouse and J. Bernstein, Muon: an optimizer for hidden
layers in neural networks, 2024; with weight decay and the scaled rate as in J. Liu et al., Muon is scalable for LLM
training, 2025, arXiv:2502.16982.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from autodiff import Tensor

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
    check_numbers,
    check_switches,
)


class Muon(Optimizer):
    """Momentum whose matrix is made orthogonal: all directions are learnt at one speed. For matrices in hidden layers.

    ``B = momentum B + (1 - momentum) g``, ``O = NS(B)``, or with ``nesterov``
    ``O = NS(momentum B + (1 - momentum) g)``; ``theta -= lr weight_decay theta``, ``theta -= lr scale O``. NS
    (``orthogonalised``) takes all singular values close to 1. For a matrix of shape (rows, columns), ``scale`` is
    ``sqrt(max(1, rows / columns))``, or with ``adjust_lr_fn="match_rms_adamw"`` ``0.2 sqrt(max(rows, columns))``.

    PyTorch orthogonalises in bfloat16; this does so in the parameter's own dtype.

    Raises ValueError for a parameter that is not a matrix, a negative rate, and a momentum outside [0, 1).
    """

    elementwise = False

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: Literal["original", "match_rms_adamw"] | None = None,
        *,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        defaults = dict(
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            nesterov=nesterov,
            ns_coefficients=ns_coefficients,
            eps=eps,
            ns_steps=ns_steps,
            adjust_lr_fn=adjust_lr_fn,
        )
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Values) -> None:
        check_at_least_zero("Muon", h, "lr", "weight_decay", "eps")
        check_switches("Muon", h, "nesterov")
        check_fractions("Muon", h, "momentum")
        check_numbers("Muon", h, "ns_coefficients", 3)
        if not (isinstance(h["ns_steps"], int) and 0 <= h["ns_steps"] < 100):
            raise ValueError(f"Muon: ns_steps is a whole number from 0 to 99, not {h['ns_steps']!r}")
        if h["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Muon: adjust_lr_fn is None, 'original' or 'match_rms_adamw', not {h['adjust_lr_fn']!r}")

    def check_parameter(self, name: str, parameter: Tensor) -> None:
        if parameter.ndim != 2:
            raise ValueError(
                f"Muon: parameter {name} has shape {parameter.shape}, but only matrices are made orthogonal; optimise "
                "the others with AdamW"
            )

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        return {"B": 0.0}

    def update(self, h: Values, s: State, theta: Array, g: Array, work: Work) -> None:
        lr, momentum, B = h["lr"], h["momentum"], s["B"]
        B *= momentum
        B += (1 - momentum) * g
        direction = momentum * B + (1 - momentum) * g if h["nesterov"] else B
        orthogonal = orthogonalised(direction, h["ns_coefficients"], h["ns_steps"], h["eps"])
        rows, columns = theta.shape
        if h["adjust_lr_fn"] == "match_rms_adamw":
            scale = 0.2 * math.sqrt(max(rows, columns))
        else:
            scale = math.sqrt(max(1, rows / columns)) if columns else 1.0
        theta *= 1 - lr * h["weight_decay"]
        orthogonal *= lr * scale
        theta -= orthogonal


def orthogonalised(x: Array, coefficients: tuple[float, float, float], steps: int, eps: float) -> Array:
    """A matrix with the singular vectors of ``x``, and singular values close to 1: Newton and Schulz's iteration.

    ``X = x / max(|x|, eps)``, then so many times ``X = a X + b (X X^T) X + c (X X^T)**2 X``, which applies
    ``a s + b s**3 + c s**5`` to each singular value s.
    """
    a, b, c = coefficients
    X = x.T if x.shape[0] > x.shape[1] else x
    X = X / max(float(np.linalg.norm(X)), eps)
    for _ in range(steps):
        A = X @ X.T
        polynomial = A @ A.T  # A is symmetric; NumPy computes half of a product with its own transpose
        polynomial *= c
        A *= b
        polynomial += A
        change = polynomial @ X
        X *= a
        X += change
    return X.T if x.shape[0] > x.shape[1] else X
