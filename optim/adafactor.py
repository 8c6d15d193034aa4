"""Adafactor: N. Shazeer and M. Stern, Adafactor: adaptive learning rates with sublinear memory cost, ICML 2018,
arXiv:1804.04235, algorithm 4, with PyTorch's ``lr`` (the largest relative step) and its place for the first eps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

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
)


class Adafactor(Optimizer):
    """Adam's scaling with the squares of a matrix kept as sums of its rows and columns; steps relative to the values.

    With ``beta2 = 1 - t**beta2_decay``: ``R = beta2 R + (1 - beta2) mean(g**2, axis=-1)``,
    ``C = beta2 C + (1 - beta2) mean(g**2, axis=-2)``, ``V = R C / max(mean(R), eps1)``; for vectors
    ``V = beta2 V + (1 - beta2) g**2``. ``U = g / max(sqrt(V), eps1)``, ``rho = min(lr, 1 / sqrt(t))``,
    ``theta -= max(eps2, RMS(theta)) rho U / max(1, RMS(U) / d)``, after ``theta -= lr weight_decay theta``. ``eps`` is
    (eps1, eps2), where None is the spacing of the dtype at 1. With ``maximize``, g is ``-g``.

    Raises ValueError for a negative rate, a positive ``beta2_decay``, and d below 1.
    """

    elementwise = False

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        defaults = dict(lr=lr, beta2_decay=beta2_decay, eps=eps, d=d, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Values) -> None:
        check_at_least_zero("Adafactor", h, "lr", "weight_decay")
        check_switches("Adafactor", h, "maximize")
        if not (are_numbers(h["beta2_decay"]) and h["beta2_decay"] <= 0):
            raise ValueError(f"Adafactor: beta2_decay is a number that is not positive, not {h['beta2_decay']!r}")
        if not (are_numbers(h["d"]) and h["d"] >= 1):
            raise ValueError(f"Adafactor: d is a number of at least 1, not {h['d']!r}")
        eps = h["eps"]
        if not (
            isinstance(eps, tuple)
            and len(eps) == 2
            and are_numbers(eps[0] or 0, eps[1])
            and min(eps[0] or 0, eps[1]) >= 0
        ):
            raise ValueError(f"Adafactor: eps are a number or None, and a number, neither negative, not {eps!r}")

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        return {"R": 0.0, "C": 0.0} if len(shape) > 1 else {"V": 0.0}

    def buffer_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return {"R": (*shape[:-1], 1), "C": (*shape[:-2], 1, *shape[-1:]), "V": shape}[name]

    def update(self, h: Values, s: State, theta: Array, g: Array, work: Work) -> None:
        if not theta.size:
            return
        lr, t, (eps1, eps2), a = h["lr"], s["t"], h["eps"], work.a
        eps1 = float(np.finfo(theta.dtype).eps) if eps1 is None else eps1
        share = t ** h["beta2_decay"]  # 1 - beta2
        alpha = max(eps2, math.sqrt(_squares(theta) / theta.size)) * min(lr, 1 / math.sqrt(t))
        if h["weight_decay"]:
            theta *= 1 - lr * h["weight_decay"]

        # All are seen as stacks of matrices, a vector as one of a single column.
        rows, columns = theta.shape[-2:] if theta.ndim > 1 else (theta.size, 1)
        shape = (-1, rows, columns)
        theta, g = theta.reshape(shape), g.reshape(shape)
        parts = list(_parts(len(theta), rows, columns, a.size))
        if "V" in s:
            V = s["V"].reshape(shape)
            for part in parts:
                change = np.multiply(g[part], g[part], out=_like(g[part], a))
                change -= V[part]
                change *= share
                V[part] += change
        else:
            R, C = s["R"].reshape(-1, rows, 1), s["C"].reshape(-1, 1, columns)
            R += share * (np.einsum("kij,kij->ki", g, g)[:, :, None] / columns - R)
            C += share * (np.einsum("kij,kij->kj", g, g)[:, None, :] / rows - C)
            root_R, root_C = np.sqrt(R / np.maximum(R.mean(axis=1, keepdims=True), eps1)), np.sqrt(C)

        def direction(part: tuple[slice, slice]) -> Array:
            """U, in the scratch memory."""
            out = _like(g[part], a)
            root = np.sqrt(V[part], out=out) if "V" in s else np.multiply(root_R[part], root_C[part[0]], out=out)
            np.clip(root, eps1, None, out=root)
            return np.divide(g[part], root, out=root)

        squares = 0.0
        for part in parts:
            squares += _squares(U := direction(part))
        alpha /= max(1.0, math.sqrt(squares / theta.size) / h["d"])
        for part in parts:
            if len(parts) > 1:  # it is computed twice rather than kept as a whole
                U = direction(part)
            U *= -alpha if h["maximize"] else alpha
            theta[part] -= U


def _parts(count: int, rows: int, columns: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Indices of parts of a stack of matrices: several matrices, or several rows of one, of about ``size`` entries."""
    matrices, lines = max(1, size // (rows * columns)), max(1, min(rows, size // columns))
    for i in range(0, count, matrices):
        for j in range(0, rows, lines):
            yield slice(i, i + matrices), slice(j, j + lines)


def _like(part: Array, scratch: Array) -> Array:
    """Memory of the shape of ``part``: scratch memory, unless a single row is longer than that."""
    return scratch[: part.size].reshape(part.shape) if part.size <= scratch.size else np.empty_like(part)


def _squares(x: Array) -> float:
    """The sum of squares of an array in C order."""
    flat = x.reshape(-1)
    return float(flat.dot(flat))
