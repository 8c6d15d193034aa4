"""The incomplete gamma and beta functions, differentiable by all their arguments to any order.

Both are distribution functions P(T < x), of a density exp(F(log T)) whose parameters stand linearly next to log T and
log(1 - T). So the derivatives by parameters are partial expectations E[h(T); T < x], with h the complete Bell
polynomials of the derivatives of F, and as E[h(T)] = 0 over all T, those over T > x with the other sign. For first
derivatives ``h = log T - E[log T]`` has one sign on either side of its root: the side without it loses no digits.
Higher ones are as exact relative to the terms of h, which may cancel.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
from scipy import special
from scipy.special import betaln, gammaln, xlog1py, xlogy

from ..primitive import defvjp

CUT = 45.0
"""Where the integrals end: at exp(-45) of the integrand at x."""

BLOCK = 1024
"""Entries that are integrated at once."""

STEPS = np.arange(-56, 57) / 16
NODES = 1 / (1 + np.exp(-np.pi * np.sinh(STEPS)))
WEIGHTS = np.cosh(STEPS) / np.cosh(np.pi / 2 * np.sinh(STEPS)) ** 2
"""The double exponential rule of Takahasi and Mori (1974) on [0, 1], up to a common factor."""

BERNOULLI = special.bernoulli(16)[2::2]


def bell(m: int, n: int, partial: Callable[[int, int], Any]) -> Any:
    """``exp(-F) d^m/da^m d^n/db^n exp(F)`` from the partial derivatives of F: the complete Bell polynomials."""
    if m == n == 0:
        return 1.0
    if m == 0:
        return sum(comb(n - 1, j) * partial(0, j + 1) * bell(0, n - 1 - j, partial) for j in range(n))
    return sum(
        comb(m - 1, i) * comb(n, j) * partial(i + 1, j) * bell(m - 1 - i, n - j, partial)
        for i in range(m)
        for j in range(n + 1)
    )


def _mean(exponent: Callable, h: Callable, kink: np.ndarray) -> np.ndarray:
    """The mean of ``h(s)`` over s > 0 with weights ``exp(exponent(s))``: concave, 0 at 0; ``kink`` splits the range."""
    low, high = np.full_like(kink, -46.0), np.full_like(kink, 706.0)
    for _ in range(16):  # bisect log(s)
        middle = (low + high) / 2
        inside = exponent(np.exp(middle)) > -CUT
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    end = np.exp(high)
    kink = np.where((kink > 0) & (kink < end), kink, end / 2)
    s = np.concatenate([kink * NODES, kink + (end - kink) * NODES], axis=1)
    weights = np.concatenate([kink * WEIGHTS, (end - kink) * WEIGHTS], axis=1) * np.exp(exponent(s))
    return np.sum(weights * h(s), axis=1) / np.sum(weights, axis=1)


def _in_blocks(kernel: Callable, valid: Any, zero: Any, *args: Any) -> Any:
    """``kernel`` of columns of the valid entries, in double precision; else 0 where ``zero`` holds, or NaN."""
    arrays = np.broadcast_arrays(*args)
    out = np.full(arrays[0].shape, np.nan)
    out[np.broadcast_to(zero, out.shape)] = 0
    places = np.flatnonzero(np.broadcast_to(valid, out.shape))
    columns = [array.reshape(-1)[places].astype(np.float64) for array in arrays]
    found = np.empty(places.size)
    for start in range(0, places.size, BLOCK):
        block = slice(start, start + BLOCK)
        found[block] = kernel(*[column[block, None] for column in columns])
    out.reshape(-1)[places] = found
    return out.astype(np.result_type(*arrays, np.float32), copy=False)


def _gammainc_by_a(n: int, a: Any, x: Any) -> Any:
    """The n-th derivative of ``gammainc(a, x)`` by a, n > 0; along ``s = abs(log t - log x)``."""

    def kernel(a: Any, x: Any) -> Any:
        mean = special.digamma(a)
        rest = [-special.polygamma(k, a) for k in range(1, n)]
        below = np.log(x) <= mean
        side = np.where(below, -1.0, 1.0)

        def exponent(s: Any) -> Any:
            return side * a * s - x * np.expm1(side * s)

        def h(s: Any) -> Any:
            log = (np.log(x) - mean) + side * s
            return bell(n, 0, lambda i, j: log if i == 1 else rest[i - 2])

        mass = np.where(below, special.gammainc(a, x), -special.gammaincc(a, x))[:, 0]
        return np.where(mass == 0, 0, mass * _mean(exponent, h, -side * np.log(x)))

    with np.errstate(all="ignore"):
        valid = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
        return _in_blocks(kernel, valid, (a > 0) & np.isfinite(a) & ((x == 0) | (x == np.inf)), a, x)


def _digamma_rise(a: Any, b: Any) -> Any:
    """``digamma(a + b) - digamma(a)``, without the difference where a is large (DLMF 5.11.2)."""
    log = np.log1p(b / a)
    rise = log + b / (2 * a * (a + b))
    for k, number in enumerate(BERNOULLI, 1):
        rise = rise - number / (2 * k) * a ** (-2.0 * k) * np.expm1(-2 * k * log)
    return np.where(a > 16, rise, special.digamma(a + b) - special.digamma(a))


def _betainc_by(m: int, n: int, a: Any, b: Any, x: Any) -> Any:
    """``d^m/da^m d^n/db^n betainc(a, b, x)``, m + n > 0; along ``s = abs(logit(t) - logit(x))``."""

    def kernel(a: Any, b: Any, x: Any) -> Any:
        total = m + n
        of_a, of_b, of_sum = ([special.polygamma(k, c) for k in range(1, total)] for c in (a, b, a + b))
        log_t, log_rest = np.log(x) + _digamma_rise(a, b), np.log1p(-x) + _digamma_rise(b, a)
        below = log_t <= 0 if m >= n else log_rest >= 0
        rate, far, near = np.where(below, a, b), np.where(below, 1 - x, x), np.where(below, x, 1 - x)

        def shrink(s: Any) -> Any:
            return np.where(s > 1, np.log(far + near * np.exp(-s)), np.log1p(near * np.expm1(-s)))

        def exponent(s: Any) -> Any:
            return -rate * s - (a + b) * shrink(s)

        def h(s: Any) -> Any:
            change = -shrink(s)
            first, second = log_t + change - np.where(below, s, 0), log_rest + change - np.where(below, 0, s)

            def partial(i: int, j: int) -> Any:
                if i + j == 1:
                    return first if i else second
                shared = of_sum[i + j - 2]
                return shared if i and j else shared - (of_a if i else of_b)[i + j - 2]

            return bell(m, n, partial)

        mass = np.where(below, special.betainc(a, b, x), -special.betaincc(a, b, x))[:, 0]
        kink = np.where(below, special.logit(x), -special.logit(x))
        return np.where(mass == 0, 0, mass * _mean(exponent, h, kink))

    with np.errstate(all="ignore"):
        proper = (a > 0) & (b > 0) & np.isfinite(a) & np.isfinite(b)
        return _in_blocks(kernel, proper & (x > 0) & (x < 1), proper & ((x == 0) | (x == 1)), a, b, x)


_gammainc_by_a.__name__, _betainc_by.__name__ = "gammainc_by_a", "betainc_by"


def gamma_density(a: Any, x: Any) -> Any:
    """``x**(a-1) exp(-x) / gamma(a)``; by logarithms but at 0, where those hide the derivatives."""
    at_zero = x ** (a - 1.0) * np.exp(-x) * special.rgamma(a)
    inside = np.exp(xlogy(a - 1.0, x) - x - gammaln(a))
    return np.where(x == 0, at_zero, np.where(x == np.inf, 0, inside))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """``x**(a-1) (1-x)**(b-1) / beta(a, b)``; by logarithms but at the ends, where those hide the derivatives."""
    norm = np.maximum(special.beta(a, b), np.finfo(np.result_type(x, np.float32)).tiny)
    at_end = x ** (a - 1.0) * (1 - x) ** (b - 1.0) / norm
    inside = np.exp(xlogy(a - 1.0, x) + xlog1py(b - 1.0, -x) - betaln(a, b))
    return np.where((x == 0) | (x == 1), at_end, inside)


def gamma_density_by_a(n: int, a: Any, x: Any) -> Any:
    def partial(i: int, j: int) -> Any:
        return np.log(x) - special.digamma(a) if i == 1 else -polygamma(i - 1, a)

    density = gamma_density(a, x)
    return np.where(density == 0, 0, density * bell(n, 0, partial))


def beta_density_by(m: int, n: int, a: Any, b: Any, x: Any) -> Any:
    def partial(i: int, j: int) -> Any:
        shared = polygamma(i + j - 1, a + b)
        if i and j:
            return shared
        own = shared - polygamma(i + j - 1, a if i else b)
        return own if i + j > 1 else own + (np.log(x) if i else np.log1p(-x))

    density = beta_density(a, b, x)
    return np.where(density == 0, 0, density * bell(m, n, partial))


polygamma: Any = defvjp(special.polygamma, kind="elementwise", x=lambda g, n, x: g * polygamma(n + 1, x))

# fmt: off
gammainc_by_a: Any = defvjp(
    _gammainc_by_a, kind="elementwise", broadcasts=True,
    a=lambda g, n, a, x: g * gammainc_by_a(n + 1, a, x),
    x=lambda g, n, a, x: g * gamma_density_by_a(n, a, x),
)
betainc_by: Any = defvjp(
    _betainc_by, kind="elementwise", broadcasts=True,
    a=lambda g, m, n, a, b, x: g * betainc_by(m + 1, n, a, b, x),
    b=lambda g, m, n, a, b, x: g * betainc_by(m, n + 1, a, b, x),
    x=lambda g, m, n, a, b, x: g * beta_density_by(m, n, a, b, x),
)
defvjp(special.gammainc,  names=("a", "x"),      a=lambda g, a, x: g * gammainc_by_a(1, a, x),
                                                 x=lambda g, a, x: g * gamma_density(a, x))
defvjp(special.gammaincc, names=("a", "x"),      a=lambda g, a, x: -g * gammainc_by_a(1, a, x),
                                                 x=lambda g, a, x: -g * gamma_density(a, x))
defvjp(special.betainc,   names=("a", "b", "x"), a=lambda g, a, b, x: g * betainc_by(1, 0, a, b, x),
                                                 b=lambda g, a, b, x: g * betainc_by(0, 1, a, b, x),
                                                 x=lambda g, a, b, x: g * beta_density(a, b, x))
defvjp(special.betaincc,  names=("a", "b", "x"), a=lambda g, a, b, x: -g * betainc_by(1, 0, a, b, x),
                                                 b=lambda g, a, b, x: -g * betainc_by(0, 1, a, b, x),
                                                 x=lambda g, a, b, x: -g * beta_density(a, b, x))
# fmt: on
