"""Bessel functions, their modified, scaled and spherical forms.

Orders are constants: tracked ones are refused by name. The derivatives (DLMF 10.6.1 and 10.29.1) divide by nothing, so
they are right at 0 too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special
from scipy.special import i0, i1, iv, ive, j0, j1, jv, k0, k1, kv, kve, y0, y1, yv

from ..primitive import defvjp
from .hypergeometric import kummer

ORDER = ("v", "x")
LARGE = 50.0
"""Where, and for orders up to its root, the asymptotic series have all digits after 24 terms."""

ROOT_2PI, ROOT_HALF_PI = math.sqrt(2 * math.pi), math.sqrt(math.pi / 2)


def i0e_vjp(g: Any, x: Any) -> Any:
    """Of ``i0e(x) = 1F1(1/2; 1; -2|x|)`` (DLMF 10.39.5), as ``i1e - i0e`` loses its digits where x is large."""
    return -g * np.sign(x) * kummer(1.5, 2.0, -2 * np.abs(x))


def i1e_vjp(g: Any, x: Any) -> Any:
    """``i0e - i1e - i1e / x`` for positive x, the difference and the quotient by the same formula."""
    z = -2 * np.abs(x)
    return g * (kummer(1.5, 2.0, z) - kummer(1.5, 3.0, z) / 2)


def scaled_slope(v: Any, x: Any, sign: int, nearby: Any) -> Any:
    """The derivative of ``sum over k of sign**k a_k(v) x**(-k - 1/2)`` for large x, elsewhere ``nearby``.

    Where ``a_k(v)`` is the product of ``(4 v**2 - (2j - 1)**2) / (8 j)`` over j up to k, it is ``sqrt(2 pi) ive(v, x)``
    for sign -1 and ``sqrt(2 / pi) kve(v, x)`` for 1 (DLMF 10.40.1 and 10.40.2), whose recurrences cancel there.
    """
    large = x > LARGE + np.square(v)
    far = np.where(large, x, 2 * LARGE + np.square(v))
    power, total = far**-1.5, 0.0
    for k in range(24):
        total = total - (k + 0.5) * power
        power = power * (sign * (4 * np.square(v) - (2 * k + 1) ** 2) / (8 * (k + 1)) / far)
    return np.where(large, total, nearby)


def ive_vjp(g: Any, v: Any, x: Any, out: Any) -> Any:
    slope = (ive(v - 1, x) + ive(v + 1, x)) / 2 - np.sign(x) * out
    mirrored = np.where(np.sign(x) < 0, -np.cos(np.pi * np.asarray(v)), 1.0) / ROOT_2PI
    return g * (mirrored * scaled_slope(v, np.abs(x), -1, slope / mirrored))


def kve_vjp(g: Any, v: Any, x: Any, out: Any) -> Any:
    slope = out - (kve(v - 1, x) + kve(v + 1, x)) / 2
    return g * (ROOT_HALF_PI * scaled_slope(v, x, 1, slope / ROOT_HALF_PI))


def spherical_slope(n: int, z: Any) -> Any:
    """``j0' = -j1`` and ``(2n + 1) jn' = n j[n-1] - (n + 1) j[n+1]`` (DLMF 10.51.2): no division, so right at 0 too."""
    return -spherical(1, z) if n == 0 else (n * spherical(n - 1, z) - (n + 1) * spherical(n + 1, z)) / (2 * n + 1)


def spherical_jn(n: int, z: Any, derivative: bool = False) -> Any:
    """``scipy.special.spherical_jn``: the spherical Bessel function of the first kind, or its derivative.

    >>> spherical_jn(0, 0.0)
    np.float64(1.0)
    """
    return spherical_slope(n, z) if derivative else spherical(n, z)


def _spherical_jn(n: int, z: Any) -> Any:
    """SciPy's, but its first term ``z**n / (2n + 1)!!`` where that is all: SciPy's underflows there, and is NaN."""
    z = np.asarray(z)
    tiny = np.abs(z) < np.finfo(np.result_type(z, np.float32)).eps
    if not tiny.any():
        return special.spherical_jn(n, z)
    near = z**n / math.prod(range(1, 2 * n + 2, 2))
    return np.where(tiny, near, special.spherical_jn(n, np.where(tiny, 1, z)))[()]


# fmt: off
defvjp(special.j0, x=lambda g, x: -g * j1(x))
defvjp(special.j1, x=lambda g, x: g * ((j0(x) - jv(2, x)) / 2))
defvjp(special.y0, x=lambda g, x: -g * y1(x))
defvjp(special.y1, x=lambda g, x: g * ((y0(x) - yv(2, x)) / 2))
defvjp(special.i0, x=lambda g, x: g * i1(x))
defvjp(special.i1, x=lambda g, x: g * ((i0(x) + iv(2, x)) / 2))
defvjp(special.k0, x=lambda g, x: -g * k1(x))
defvjp(special.k1, x=lambda g, x: -g * ((k0(x) + kv(2, x)) / 2))
defvjp(np.i0,      kind="elementwise", x=lambda g, x: g * i1(x))

defvjp(special.jv,  names=ORDER, x=lambda g, v, x: g * ((jv(v - 1, x) - jv(v + 1, x)) / 2))
defvjp(special.yv,  names=ORDER, x=lambda g, v, x: g * ((yv(v - 1, x) - yv(v + 1, x)) / 2))
defvjp(special.yn,  names=("n", "x"), x=lambda g, n, x: g * ((yv(n - 1, x) - yv(n + 1, x)) / 2))
defvjp(special.iv,  names=ORDER, x=lambda g, v, x: g * ((iv(v - 1, x) + iv(v + 1, x)) / 2))
defvjp(special.kv,  names=ORDER, x=lambda g, v, x: -g * ((kv(v - 1, x) + kv(v + 1, x)) / 2))
defvjp(special.i0e, x=i0e_vjp)
defvjp(special.i1e, x=i1e_vjp)
defvjp(special.ive, names=ORDER, x=ive_vjp)
defvjp(special.kve, names=ORDER, x=kve_vjp)

_spherical_jn.__name__ = "spherical_jn"
defvjp(np.sinc, kind="elementwise", x=lambda g, x: -g * (np.pi * spherical(1, np.pi * x)))
spherical: Any = defvjp(_spherical_jn, kind="elementwise", z=lambda g, n, z: g * spherical_slope(n, z))
# fmt: on
