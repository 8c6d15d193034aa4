"""``scipy.signal`` for tensors: its convolutions and correlation of arrays of any dimension.

>>> from autodiff.scipy.signal import fftconvolve

The rules are those of ``np.convolve``, over several axes. This module is not imported with ``autodiff``: SciPy's takes
longer to import than all of the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.signal

from ..broadcasting import unbroadcast
from ..primitive import defvjp
from ..primitives.convolution import in_full

__all__ = ["convolve", "correlate", "fftconvolve", "oaconvolve"]

Shape = tuple[int, ...]


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
