"""SciPy's special functions: its ufuncs, which record on tensors as they are, and some that it does not dispatch.

Orders, degrees and degrees of freedom are constants: tracked ones are refused by name. The formulas are those of the
Digital Library of Mathematical Functions (DLMF) where they name a section.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special
from scipy.special import digamma, eval_gegenbauer, expit, expn

from ..primitive import constant, defvjp, implements
from ..recorder import untracked
from ..tensor import Tensor
from .elementwise import cosine
from .hypergeometric import gauss, kummer
from .incomplete import polygamma

ASYMPTOTIC = 6.5
"""From where the asymptotic series of ``dawsn`` and ``erfcx`` have all digits, and their recurrences lose some."""


def ratio_vjp(g: Any, x: Any, y: Any) -> Any:
    """``g * x / y``, the derivative of ``x log y`` by y, which is 0 for any y where x is 0."""
    return np.where((x == 0) & (y == 0), 0, g * (x / y))


def _mills_derivative(x: Any, n: int, sign: int) -> Any:
    """The n-th derivative, n > 0, of the solution of ``F' = sign (2 x F - 1)`` that vanishes at infinity.

    That is ``sqrt(pi)/2 erfcx`` for sign 1 and ``dawsn`` for -1 (DLMF 7.10). ``F[n+1] = 2 sign (x F[n] + n F[n-1])``
    cancels for large x; there it is the series DLMF 7.12.1, term by term.
    """
    before, last = 0.0, (ROOT_PI / 2) * special.erfcx(x) if sign > 0 else special.dawsn(x)
    for k in range(n):
        before, last = last, 2 * sign * (x * last + k * before) - (sign if k == 0 else 0)
    large = x > ASYMPTOTIC if sign > 0 else np.abs(x) > ASYMPTOTIC
    far = np.where(large, x, 2 * ASYMPTOTIC)
    term = series = (-1) ** n * math.factorial(n) / 2 / far ** (n + 1)
    for k in range(30):
        term = term * (-sign * (2 * k + n + 1) * (2 * k + n + 2) / (4 * (k + 1))) / far / far
        series = series + term
    return np.where(large, series, last).astype(np.result_type(x), copy=False)


def _hazard(x: Any) -> Any:
    """``pdf / cdf`` of the normal distribution, the derivative of ``log_ndtr``."""
    return math.sqrt(2 / math.pi) / special.erfcx(-x / math.sqrt(2))


def hazard_vjp(g: Any, x: Any, out: Any) -> Any:
    """``-out (out + x)``, the sum of which cancels for negative x; far out it is -1 to the last digit."""
    below = np.where(x < -1e9, -1, out * (out * mills_derivative(-x / math.sqrt(2), 1, 1)))
    return g * np.where(x < 0, below, -out * (out + x))


def rgamma_vjp(g: Any, x: Any, out: Any) -> Any:
    """``-psi(x) / gamma(x)``; around the poles of both by ``sin(pi x) gamma(1 - x) / pi`` (DLMF 5.5.3)."""
    near = (x < 0.25) & (np.abs(x - np.round(x)) < 0.25)
    turned = math.pi * x
    reflected = special.gamma(1 - x) * (np.cos(turned) - np.sin(turned) / math.pi * digamma(1 - x))
    return g * np.where(near, reflected, -out * digamma(x))


def boxcox_vjp(g: Any, log: Any, lmbda: Any) -> Any:
    """``d/dl expm1(l log) / l = log**2 exprel'(l log)``, with ``exprel'(z) = 1F1(2; 3; z) / 2``."""
    inside = log * log * kummer(2.0, 3.0, lmbda * log) / 2
    return g * np.where((log == -np.inf) & (lmbda > 0), 1 / (lmbda * lmbda), inside)


def huber_part(delta: Any, r: Any, near: Any, far: Any) -> Any:
    """``near`` where the loss is quadratic, the ends included, else ``far``; NaN for a negative ``delta``."""
    return np.where(delta < 0, np.nan, np.where(np.abs(r) <= delta, near, far))


def pseudo_huber_vjp(g: Any, delta: Any, r: Any) -> Any:
    """``r delta / hypot(delta, r)``."""
    return g * np.where(delta < 0, np.nan, delta * cosine(r, delta, np.hypot(delta, r)))


def pseudo_huber_delta_vjp(g: Any, delta: Any, r: Any) -> Any:
    """``r sin(t) tan(t/2)**2`` for ``tan(t) = r / delta``: nothing cancels."""
    length = np.hypot(delta, r)
    sine = cosine(r, delta, length)
    half = sine / (1 + cosine(delta, r, length))
    return g * np.where(delta < 0, np.nan, r * sine * half * half)


def expn_vjp(g: Any, n: Any, x: Any) -> Any:
    """``-E[n-1]`` (DLMF 8.19.13), and ``E0 = exp(-x) / x``."""
    zeroth = np.exp(-x) * (1 + 1 / x) / x
    return -g * np.where(n == 0, zeroth, expn(np.maximum(n - 1, 0), x))


def spence_vjp(g: Any, x: Any) -> Any:
    """``log(x) / (1 - x)``; near 1 ``-2F1(1, 1; 2; 1 - x)`` (DLMF 15.4.1), of which all derivatives are exact."""
    near = np.abs(x - 1) < 0.5
    return g * np.where(near, -gauss(1.0, 1.0, 2.0, 1 - x), np.log(x) / (1 - x))


def student_density(df: Any, t: Any) -> Any:
    """``(1 + t**2 / df)**(-(df + 1) / 2) / (sqrt(df) beta(1/2, df/2))``."""
    root = np.sqrt(df)
    return np.exp((df + 1) * -0.5 * np.log1p((t / root) ** 2)) / (root * special.beta(0.5, df / 2))


def degree_vjp(g: Any, n: Any, x: Any, factor: Any, alpha: float) -> Any:
    """``g * factor * C[n-1]``, a Gegenbauer polynomial; 0 for degree 0, NaN for negative ones."""
    factor = np.where(n < 0, np.nan, factor)
    return g * (factor * np.where(n == 0, 0, eval_gegenbauer(np.where(n <= 0, 1, n - 1), alpha, x)))


def hermite_vjp(g: Any, n: Any, x: Any) -> Any:
    """``2 n H[n-1]`` (DLMF 18.9.25)."""
    return g * (2 * n * special.eval_hermite(np.maximum(n - 1, 0), x))


def _multigammaln(a: Any, d: int) -> Any:
    return special.multigammaln(a, d)


def _hurwitz(x: Any, q: Any) -> Any:
    return special.zeta(x, q)


def _sine_integral(x: Any) -> Any:
    return special.sici(x)[0]


def _cosine_integral(x: Any) -> Any:
    return special.sici(x)[1]


def _lambertw(z: Any, k: int = 0, tol: float = 1e-8) -> Any:
    return special.lambertw(z, k, tol)


_sine_integral.__name__, _cosine_integral.__name__ = "sine_integral", "cosine_integral"
_mills_derivative.__name__, _hazard.__name__, _hurwitz.__name__ = "mills_derivative", "hazard", "zeta"

# fmt: off
ROOT_PI, ROOT_2PI = math.sqrt(math.pi), math.sqrt(2 * math.pi)
LOG2, LOG10 = math.log(2), math.log(10)

# Errors and the normal distribution (DLMF 7.10)
defvjp(special.erf,       x=lambda g, x: g * (2 / ROOT_PI * np.exp(-x * x)))
defvjp(special.erfc,      x=lambda g, x: g * (-2 / ROOT_PI * np.exp(-x * x)))
defvjp(special.erfi,      x=lambda g, x: g * (2 / ROOT_PI * np.exp(x * x)))
defvjp(special.erfcx,     x=lambda g, x: g * (2 / ROOT_PI * mills_derivative(x, 1, 1)))
defvjp(special.dawsn,     x=lambda g, x: g * mills_derivative(x, 1, -1))
defvjp(special.erfinv,    x=lambda g, out: g * (ROOT_PI / 2 * np.exp(out * out)))
defvjp(special.erfcinv,   x=lambda g, out: g * (-ROOT_PI / 2 * np.exp(out * out)))
defvjp(special.ndtr,      x=lambda g, x: g * (np.exp(-x * x / 2) / ROOT_2PI))
defvjp(special.ndtri,     x=lambda g, out: g * (np.exp(out * out / 2) * ROOT_2PI))
defvjp(special.log_ndtr,  x=lambda g, x: g * hazard(x))
defvjp(special.stdtr,     names=("df", "t"), t=lambda g, df, t: g * student_density(df, t))
mills_derivative: Any = defvjp(_mills_derivative, kind="elementwise",
                               x=lambda g, x, n, sign: g * mills_derivative(x, n + 1, sign))
hazard: Any = defvjp(_hazard, kind="elementwise", x=hazard_vjp)

# Exponentials, logarithms and information
defvjp(special.expit,     x=lambda g, out: g * (out - out * out))
defvjp(special.log_expit, x=lambda g, x: g * expit(-x))
defvjp(special.logit,     x=lambda g, x: g / (x * (1 - x)))
defvjp(special.exprel,    x=lambda g, x: g * (kummer(2.0, 3.0, x) / 2))
defvjp(special.exp2,      x=lambda g, out: g * (LOG2 * out))
defvjp(special.exp10,     x=lambda g, out: g * (LOG10 * out))
defvjp(special.expm1,     x=lambda g, x: g * np.exp(x))
defvjp(special.log1p,     x=lambda g, x: g / (1 + x))
defvjp(special.cosm1,     x=lambda g, x: -g * np.sin(x))
defvjp(special.entr,      x=lambda g, x: -g * (1 + np.log(x)))
defvjp(special.xlogy,     x=lambda g, y: g * np.log(y),                    y=ratio_vjp)
defvjp(special.xlog1py,   x=lambda g, y: g * np.log1p(y),                  y=lambda g, x, y: ratio_vjp(g, x, 1 + y))
defvjp(special.rel_entr,  x=lambda g, x, y: g * (1 + np.log(x) - np.log(y)), y=lambda g, x, y: -ratio_vjp(g, x, y))
defvjp(special.kl_div,    x=lambda g, x, y: g * (np.log(x) - np.log(y)),     y=lambda g, x, y: g - ratio_vjp(g, x, y))
defvjp(special.boxcox,    names=("x", "lmbda"),
       x=    lambda g, x, lmbda: g * x ** (lmbda - 1.0),
       lmbda=lambda g, x, lmbda: boxcox_vjp(g, np.log(x), lmbda))
defvjp(special.boxcox1p,  names=("x", "lmbda"),
       x=    lambda g, x, lmbda: g * (1 + x) ** (lmbda - 1.0),
       lmbda=lambda g, x, lmbda: boxcox_vjp(g, np.log1p(x), lmbda))

# Losses
defvjp(special.huber,     names=("delta", "r"),
       delta=lambda g, delta, r: g * huber_part(delta, r, 0, np.abs(r) - delta),
       r=    lambda g, delta, r: g * huber_part(delta, r, r, delta * np.sign(r)))
defvjp(special.pseudo_huber, names=("delta", "r"), delta=pseudo_huber_delta_vjp, r=pseudo_huber_vjp)

# Gamma and beta functions (DLMF 5.2, 5.12, 25.11)
defvjp(special.gamma,     x=lambda g, x, out: g * (out * digamma(x)))
defvjp(special.rgamma,    x=rgamma_vjp)
defvjp(special.gammaln,   x=lambda g, x: g * digamma(x))
defvjp(special.loggamma,  x=lambda g, x: g * digamma(x))
defvjp(special.digamma,   x=lambda g, x: g * polygamma(1, x))
defvjp(special.beta,      x=lambda g, x, y, out: g * (out * (digamma(x) - digamma(x + y))),
                          y=lambda g, x, y, out: g * (out * (digamma(y) - digamma(x + y))))
defvjp(special.betaln,    x=lambda g, x, y: g * (digamma(x) - digamma(x + y)),
                          y=lambda g, x, y: g * (digamma(y) - digamma(x + y)))
defvjp(special.poch,      names=("z", "m"), z=lambda g, z, m, out: g * (out * (digamma(z + m) - digamma(z))),
                                            m=lambda g, z, m, out: g * (out * digamma(z + m)))
multigammaln: Any = defvjp(special.multigammaln, forward=_multigammaln, kind="elementwise",
                           a=lambda g, a, d: g * sum(digamma(a - j / 2) for j in range(d)))
hurwitz: Any = defvjp(_hurwitz, kind="elementwise", broadcasts=True, q=lambda g, x, q: -g * (x * hurwitz(x + 1, q)))
constant(special.gammasgn)

# Integrals and the Lambert function (DLMF 5.9, 6.2, 4.13.4, 19.4; 19.5.1 for the elliptic integrals as series)
defvjp(special.spence,    x=spence_vjp)
defvjp(special.exp1,      x=lambda g, x: -g * (np.exp(-x) / x))
defvjp(special.expi,      x=lambda g, x: g * (np.exp(x) / x))
defvjp(special.expn,      names=("n", "x"), x=expn_vjp)
sine_integral: Any = defvjp(_sine_integral, kind="elementwise", x=lambda g, x: g * np.sinc(x / math.pi))
cosine_integral: Any = defvjp(_cosine_integral, kind="elementwise", x=lambda g, x: g * (np.cos(x) / x))
defvjp(special.ellipk,    x=lambda g, x: g * (math.pi / 8 * gauss(1.5, 1.5, 2.0, x)))
defvjp(special.ellipe,    x=lambda g, x: g * (-math.pi / 8 * gauss(0.5, 1.5, 2.0, x)))
lambertw: Any = defvjp(special.lambertw, forward=_lambertw, kind="elementwise",
                       z=lambda g, out: g * (np.exp(-out) / (1 + out)))

# Polynomials (DLMF 18.9.19 to 18.9.25)
defvjp(special.eval_gegenbauer, names=("n", "alpha", "x"),
       x=lambda g, n, alpha, x: degree_vjp(g, n, x, 2 * alpha, alpha + 1))
defvjp(special.eval_legendre,   names=("n", "x"), x=lambda g, n, x: degree_vjp(g, n, x, 1.0, 1.5))
defvjp(special.eval_chebyt,     names=("n", "x"), x=lambda g, n, x: degree_vjp(g, n, x, n, 1.0))
defvjp(special.eval_hermite,    names=("n", "x"), x=hermite_vjp)
# fmt: on


@implements(special.sici)
def _sici(x: Any) -> Any:
    """One primitive for either, so that what one of them lacks at 0 is no concern of the other's."""
    return sine_integral(x), cosine_integral(x)


def zeta(x: Any, q: Any = None) -> Any:
    """``scipy.special.zeta``: Riemann's or Hurwitz's, the gradient by q; a tracked x is refused."""
    if q is not None:
        return hurwitz(x, q)
    return special.zeta(untracked(x, "x", "zeta") if isinstance(x, Tensor) else x)
