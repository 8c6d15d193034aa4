"""Domains of the convolutions: operands of any lengths, either the longer one, in every mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.signal
from hypothesis import strategies as st

from autodiff.scipy import signal
from autodiff.testing.strategies import arrays, lattice, shapes

MODES = st.sampled_from(["full", "same", "valid"])


def complex_too(f: Callable) -> Callable:
    """The function as it is or, given four arrays, of complex numbers and with both parts of its result."""

    def call(x: Any, y: Any, *imaginary: Any) -> Any:
        if not imaginary:
            return f(x, y)
        result = f(x + 1j * imaginary[0], y + 1j * imaginary[1])
        return np.stack([np.real(result), np.imag(result)])

    return call


@st.composite
def operands(draw: Any, first: tuple[int, ...], second: tuple[int, ...]) -> list[np.ndarray]:
    """Two real arrays, or these and their imaginary parts; without zeros, which a transform turns into noise."""
    return [draw(arrays(shape, lattice(nonzero=True))) for shape in (first, second) * draw(st.integers(1, 2))]


@st.composite
def of_vectors(draw: Any, function: Callable, min_dims: int = 1) -> tuple[Callable, list[np.ndarray]]:
    sides = shapes(min_dims=min_dims, max_dims=1, max_side=5, min_side=1)
    mode = draw(MODES)
    return complex_too(lambda x, y: function(x, y, mode)), draw(operands(draw(sides), draw(sides)))


@st.composite
def of_arrays(draw: Any, function: Callable) -> tuple[Callable, list[np.ndarray]]:
    """Arrays of as many dimensions each; with "valid", one that is nowhere shorter than the other."""
    ndim, mode, method = draw(st.integers(0, 2)), draw(MODES), draw(st.sampled_from(["auto", "direct", "fft"]))
    sides = shapes(min_dims=ndim, max_dims=ndim, max_side=4, min_side=1)
    first, second = draw(sides), draw(sides)
    if mode == "valid":
        pair = tuple(map(max, first, second)), tuple(map(min, first, second))
        first, second = pair if draw(st.booleans()) else pair[::-1]
    return complex_too(lambda x, y: function(x, y, mode, method)), draw(operands(first, second))


@st.composite
def over_axes(draw: Any, function: Callable) -> tuple[Callable, list[np.ndarray]]:
    """Arrays that broadcast along some axes and are convolved over the others."""
    ndim, mode = draw(st.integers(1, 3)), draw(MODES)
    chosen = draw(st.lists(st.integers(0, ndim - 1), min_size=1, unique=True))
    first, second = [], []
    for i in range(ndim):
        n, m = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        if i not in chosen:
            n, m = draw(st.sampled_from([(n, n), (1, n), (n, 1)]))
        elif mode == "valid":
            n, m = max(n, m), min(n, m)
        first, second = [*first, n], [*second, m]
    axes = draw(st.sampled_from([chosen, [i - ndim for i in chosen]]))
    return complex_too(lambda x, y: function(x, y, mode, axes)), draw(operands(tuple(first), tuple(second)))


# fmt: off
ROWS = {
    np.convolve:              of_vectors(np.convolve, min_dims=0),
    np.correlate:             of_vectors(np.correlate),
    scipy.signal.convolve:    of_arrays(signal.convolve),
    scipy.signal.correlate:   of_arrays(signal.correlate),
    scipy.signal.fftconvolve: over_axes(signal.fftconvolve),
    scipy.signal.oaconvolve:  over_axes(signal.oaconvolve),
}
# fmt: on
