"""Polynomials by their coefficients, from the highest power down, as in ``numpy.polyval``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import unwrap
from ..primitive import defvjp, implements
from ..tensor import Tensor
from .linalg import as_operand


def as_coefficients(p: Any) -> Any:
    return np.atleast_1d(as_operand(p))


@implements(np.polyval)
def _polyval(p: Any, x: Any) -> Any:
    x = as_operand(x)
    y: Any = np.zeros_like(x)
    for coefficient in as_operand(p):
        y = y * x + coefficient
    return y


def aligned(p: Any, q: Any) -> tuple[Any, Any]:
    """The coefficients of two polynomials, the shorter with zeros in front."""
    p, q = as_coefficients(p), as_coefficients(q)
    p, q = (
        np.concatenate([np.zeros(max(len(p), len(q)) - len(x), x.dtype), x]) if len(x) < max(len(p), len(q)) else x
        for x in (p, q)
    )
    return p, q


@implements(np.polyadd)
def _polyadd(a1: Any, a2: Any) -> Any:
    return np.add(*aligned(a1, a2))


@implements(np.polysub)
def _polysub(a1: Any, a2: Any) -> Any:
    return np.subtract(*aligned(a1, a2))


@implements(np.polymul)
def _polymul(a1: Any, a2: Any) -> Any:
    return np.convolve(*(without_leading_zeros(as_coefficients(p)) for p in (a1, a2)))


def without_leading_zeros(p: Any) -> Any:
    nonzero = np.flatnonzero(unwrap(p))
    return p[int(nonzero[0]) if nonzero.size else len(p) - 1 :]


@implements(np.polydiv)
def _polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    """Long division; leading coefficients of the remainder that are zero but for rounding are left out."""
    u, v = as_coefficients(u) + 0.0, as_coefficients(v) + 0.0
    dtype = np.result_type(u.dtype, v.dtype)
    scale, remainder, quotient = 1.0 / v[0], np.astype(u, dtype), []
    for k in range(len(u) - len(v) + 1):
        quotient.append(scale * remainder[k])
        parts = remainder[:k], remainder[k : k + len(v)] - quotient[-1] * v, remainder[k + len(v) :]
        remainder = np.concatenate(parts)
    while len(remainder) > 1 and np.allclose(unwrap(remainder[0]), 0, rtol=1e-14):
        remainder = remainder[1:]
    return (np.stack(quotient) if quotient else Tensor(np.zeros(1, dtype))), remainder


@implements(np.polyder)
def _polyder(p: Any, m: int = 1) -> Any:
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    p = as_operand(p)
    for _ in range(int(m)):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@implements(np.polyint)
def _polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    m = int(m)
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    constants = as_coefficients(np.zeros(m) if k is None else k)
    if len(constants) == 1 and m > 1:
        constants = np.broadcast_to(constants, m)
    if len(constants) < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    p = as_operand(p)
    for i in range(m):
        p = np.concatenate([p / np.arange(len(p), 0, -1), constants[i : i + 1]])
    return p


def roots_vjp(g: Any, p: Any, out: Any) -> Any:
    """A root moves by ``-r**k / p'(r)`` per unit of the coefficient of the k-th power; a multiple root has no slope."""
    powers = np.power(out[:, None], np.arange(len(p) - 1, -1, -1))
    return np.sum((-g / np.polyval(np.polyder(p), out))[:, None] * powers, axis=0)


defvjp(np.roots, p=roots_vjp)
