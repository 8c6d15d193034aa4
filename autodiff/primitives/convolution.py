"""Convolutions and correlations of vectors; SciPy's, of arrays, are in ``autodiff.scipy.signal``.

Each output is a stretch of the full convolution, which is bilinear: the cotangent of an operand is that of the full
one (zeros outside the stretch), correlated with the other operand where the two overlap entirely. Correlation is
convolution with the reversed operand, so the rules are the functions themselves, without conjugation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import defvjp

Shape = tuple[int, ...]


def in_full(g: Any, full: Shape, later: bool = False) -> Any:
    """``g`` amid zeros in the shape of the full convolution, in the middle as every ``mode`` takes it from there.

    If it cannot lie quite in the middle, it is nearer to the start, or to the end if ``later``.
    """
    spare = [n - m for n, m in zip(full, g.shape)]
    return np.pad(g, [((n + later) // 2, n - (n + later) // 2) for n in spare]) if any(spare) else g


# np.convolve also takes numbers, as vectors of length 1


def _convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    return np.convolve(a, v, mode)


def _correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    return np.correlate(a, v, mode)


def convolve_vjp(g: Any, other: Any, shape: Shape) -> Any:
    """The cotangent of an operand of ``shape`` of ``np.convolve``, given the other operand."""
    other = other.reshape(-1)
    full = int(np.prod(shape)) + other.size - 1
    return np.convolve(in_full(g, (full,)), other[::-1], "valid").reshape(shape)


def in_full_correlation(g: Any, a_shape: Shape, v_shape: Shape) -> Any:
    """NumPy correlates the longer with the shorter and reverses the result, hence also where its middle is."""
    return in_full(g, (a_shape[0] + v_shape[0] - 1,), later=v_shape > a_shape)


def correlate_a_vjp(g: Any, v: Any, a_shape: Shape, v_shape: Shape) -> Any:
    return np.convolve(in_full_correlation(g, a_shape, v_shape), np.conj(v), "valid")


def correlate_v_vjp(g: Any, a: Any, a_shape: Shape, v_shape: Shape) -> Any:
    return np.conj(np.convolve(in_full_correlation(g, a_shape, v_shape), a[::-1], "valid")[::-1])


defvjp(
    np.convolve,
    forward=_convolve,
    a=lambda g, v, a_shape: convolve_vjp(g, v, a_shape),
    v=lambda g, a, v_shape: convolve_vjp(g, a, v_shape),
)
defvjp(np.correlate, forward=_correlate, a=correlate_a_vjp, v=correlate_v_vjp)
