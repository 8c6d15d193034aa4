"""Hypergeometric functions of a real argument, as derivatives of special functions that have no simpler safe form."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from ..primitive import defvjp

FAR = 1e5
"""From where five terms of the asymptotic series have all digits."""

OVERFLOW = 720.0
"""Where exp(x), and Kummer's function with it, has overflown; SciPy's takes for ever at 1e200."""


def _kummer(a: float, b: float, x: Any) -> Any:
    """``1F1(a; b; x)``, for ``a > 0`` and ``0 <= b - a <= 2``; far below 0 by its series (DLMF 13.7.2)."""
    size = np.where(x < -FAR, -x, FAR)
    term = series = special.gamma(b) * special.rgamma(b - a) * size**-a
    for k in range(5):
        term = term * ((a + k) * (a - b + 1 + k) / (k + 1)) / size
        series = series + term
    out = np.where(x < -FAR, series, special.hyp1f1(a, b, np.clip(x, -FAR, OVERFLOW)))
    return np.where(x > OVERFLOW, np.inf, out).astype(np.result_type(x), copy=False)


def _gauss(a: float, b: float, c: float, x: Any) -> Any:
    """``2F1(a, b; c; x)`` for x < 1; of ``x / (x - 1)`` for large negative x (DLMF 15.8.1)."""
    negative = x < -1
    low = np.where(negative, x, -1)
    inside = np.where((x < -1) | (x > 1), np.where(x > 1, np.nan, 0), x)
    turned = (1 - low) ** -a * special.hyp2f1(a, c - b, c, low / (low - 1))
    return np.where(negative, turned, special.hyp2f1(a, b, c, inside)).astype(np.result_type(x), copy=False)


_kummer.__name__, _gauss.__name__ = "kummer", "gauss"

# The derivatives are DLMF 13.3.15 and 15.5.1.
kummer: Any = defvjp(_kummer, kind="elementwise", x=lambda g, a, b, x: g * (a / b * kummer(a + 1, b + 1, x)))
gauss: Any = defvjp(_gauss, kind="elementwise", x=lambda g, a, b, c, x: g * (a * b / c * gauss(a + 1, b + 1, c + 1, x)))
