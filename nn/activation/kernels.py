"""What the activations compute on plain arrays: several passes over a piece while it is in the cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np
from scipy.special import ndtr

PIECE = 1 << 17
"""Entries of a piece: half a megabyte in single precision, so that all that is made of it stays in the cache."""

FAR = 1000.0
"""From where ``exp(-x)`` is 0. Entries further out stand in for infinite ones, with which 0 * inf would be NaN."""


def in_pieces(inputs: int = 1, outputs: int = 1) -> Callable[[Callable], Callable]:
    """Make an elementwise function of a kernel that fills its results piece by piece.

    The kernel is called as ``kernel(*inputs, *outputs, *options)`` with one-dimensional arrays of one floating-point
    dtype; it must not write into its inputs. The function takes the inputs, arrays of one shape, and the options.
    What is not floating-point is computed in double precision; half precision in single, and rounded at the end.

    >>> import numpy as np
    >>> @in_pieces(inputs=2)
    ... def hypotenuse(x, y, out):
    ...     np.multiply(x, x, out=out)
    ...     out += y * y
    ...     np.sqrt(out, out=out)
    >>> hypotenuse(np.array([3.0, 5.0]), np.array([4.0, 12.0]))
    array([ 5., 13.])
    """

    def declare(kernel: Callable) -> Callable:
        parameters = list(signature(kernel).parameters.values())
        called = signature(kernel).replace(parameters=[*parameters[:inputs], *parameters[inputs + outputs :]])

        @wraps(kernel)
        def run(*args: Any, **named: Any) -> Any:
            if named:
                args = called.bind(*args, **named).args
            arrays, options = [np.asarray(a) for a in args[:inputs]], args[inputs:]
            dtype = np.result_type(*arrays)
            if dtype.kind != "f":
                if dtype.kind not in "biu":
                    shape = arrays[0].shape
                    raise TypeError(f"an activation takes real numbers, but was given {dtype} of shape {shape}")
                dtype = np.dtype(np.float64)
            inside = np.dtype(np.float32) if dtype == np.float16 else dtype
            shape, size = arrays[0].shape, arrays[0].size
            results = [np.empty(shape, inside) for _ in range(outputs)]
            flat = [np.asarray(a, inside, order="C").reshape(-1) for a in arrays] + [r.reshape(-1) for r in results]
            if size <= PIECE:
                kernel(*flat, *options)
            else:
                for start in range(0, size, PIECE):
                    kernel(*[a[start : start + PIECE] for a in flat], *options)
            if inside != dtype:
                results = [r.astype(dtype) for r in results]
            return results[0] if outputs == 1 else tuple(results)

        return run

    return declare


def logistic(x: np.ndarray, out: np.ndarray) -> None:
    """``1 / (1 + exp(-x))`` as ``e / (1 + e)`` for ``e = exp(x)``, which loses no digits far below 0.

    From 45 on it is 1 in any precision, so that nothing overflows. A quarter of the time of ``expit``.
    """
    np.clip(x, -np.inf, 45, out=out)
    np.exp(out, out=out)
    out /= out + 1


def log_one_plus_exp(x: np.ndarray, out: np.ndarray) -> None:
    """``log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))``, in which nothing overflows and no digits are lost."""
    np.abs(x, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += np.clip(x, 0, np.inf)


def normal_cdf(x: np.ndarray, bell: np.ndarray) -> np.ndarray:
    """``P(Z <= x)`` for a standard normal Z, given ``bell = exp(-x**2 / 2)``; in single precision without SciPy.

    There ``P(Z > a) = bell * u * p(u)`` for ``a = |x|``, ``u = 1 / (1 + 0.3 a)`` and a polynomial p, in the form of
    Hastings (1955, Approximations for Digital Computers). The coefficients minimise the largest relative error for
    a < 14.5, where the probability leaves the range of single precision; it is 2e-7. (Far out ``a**2 / 2`` units in the
    last place are lost by rounding ``a**2``.) That takes a quarter of the time of ``ndtr``.
    """
    if x.dtype != np.float32:
        return ndtr(x)
    u = np.abs(x)
    u *= 0.3
    u += 1
    np.divide(1, u, out=u)
    cdf = u * UPPER_TAIL[-1]
    for coefficient in UPPER_TAIL[-2::-1]:
        cdf += coefficient
        cdf *= u
    cdf *= bell
    np.subtract(x > 0, cdf, out=cdf)  # minus P(Z > a) below 0, else 1 - P(Z > a)
    return np.abs(cdf, out=cdf)


UPPER_TAIL = (
    0.119632006,
    0.12071214,
    0.100175954,
    0.12769175,
    -0.052033946,
    0.2045567,
    -0.15615839,
    0.035423722,
)
"""The coefficients of p, lowest first; see ``normal_cdf``."""
