"""Convolutions and correlations, of NumPy and of SciPy.

Each output is a stretch of the full convolution, which is bilinear: the cotangent of an operand is that of the full
one (zeros outside the stretch), correlated with the other operand where the two overlap entirely. Correlation is
convolution with the reversed operand, so the rules are the functions themselves, without conjugation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.signal

from ..broadcasting import unbroadcast
from ..primitive import defvjp

Shape = tuple[int, ...]


def in_full(g: Any, full: Shape, later: bool = False) -> Any:
    """``g`` amid zeros in the shape of the full convolution, in the middle as every ``mode`` takes it from there.

    If it cannot lie quite in the middle, it is nearer to the start, or to the end if ``later``.
    """
    spare = [n - m for n, m in zip(full, g.shape)]
    return np.pad(g, [((n + later) // 2, n - (n + later) // 2) for n in spare]) if any(spare) else g


# NumPy: vectors, and for np.convolve also numbers, as vectors of length 1


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

# SciPy


def _scipy_convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    return scipy.signal.convolve(in1, in2, mode, method)


def _scipy_correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    return scipy.signal.correlate(in1, in2, mode, method)


def _fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    return scipy.signal.fftconvolve(in1, in2, mode, axes)


def _oaconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    return scipy.signal.oaconvolve(in1, in2, mode, axes)


def full_shape(first: Shape, second: Shape, axes: Any = None) -> Shape:
    """That of the full convolution over the axes (all for None); over the others the operands broadcast."""
    chosen = range(len(first)) if axes is None else [i % len(first) for i in np.atleast_1d(axes)]
    return tuple(n + m - 1 if i in chosen else max(n, m) for i, (n, m) in enumerate(zip(first, second)))


def convolve_nd_vjp(g: Any, other: Any, shape: Shape, method: str) -> Any:
    return convolve(in_full(g, full_shape(shape, other.shape)), np.flip(other), "valid", method)


def correlate_in1_vjp(g: Any, in2: Any, in1_shape: Shape, method: str) -> Any:
    return convolve(in_full(g, full_shape(in1_shape, in2.shape)), np.conj(in2), "valid", method)


def correlate_in2_vjp(g: Any, in1: Any, in2_shape: Shape, method: str) -> Any:
    return np.conj(np.flip(convolve_nd_vjp(g, in1, in2_shape, method)))


def convolve_over_axes_vjp(g: Any, other: Any, shape: Shape, axes: Any, convolution: Callable) -> Any:
    """The rule of a ``convolution`` over axes; operands without entries make an empty output whatever their shapes."""
    if g.size == 0:
        return np.zeros(shape, g.dtype)
    whole = in_full(g, full_shape(shape, other.shape, axes))
    return unbroadcast(convolution(whole, np.flip(other, axes), "valid", axes), shape)


# fmt: off
convolve: Any = defvjp(scipy.signal.convolve, forward=_scipy_convolve,
                       in1=lambda g, in2, in1_shape, method: convolve_nd_vjp(g, in2, in1_shape, method),
                       in2=lambda g, in1, in2_shape, method: convolve_nd_vjp(g, in1, in2_shape, method))
correlate: Any = defvjp(scipy.signal.correlate, forward=_scipy_correlate, in1=correlate_in1_vjp, in2=correlate_in2_vjp)
fftconvolve: Any = defvjp(scipy.signal.fftconvolve, forward=_fftconvolve,
    in1=lambda g, in2, in1_shape, axes: convolve_over_axes_vjp(g, in2, in1_shape, axes, fftconvolve),
    in2=lambda g, in1, in2_shape, axes: convolve_over_axes_vjp(g, in1, in2_shape, axes, fftconvolve))
oaconvolve: Any = defvjp(scipy.signal.oaconvolve, forward=_oaconvolve,
    in1=lambda g, in2, in1_shape, axes: convolve_over_axes_vjp(g, in2, in1_shape, axes, oaconvolve),
    in2=lambda g, in1, in2_shape, axes: convolve_over_axes_vjp(g, in1, in2_shape, axes, oaconvolve))
# fmt: on
