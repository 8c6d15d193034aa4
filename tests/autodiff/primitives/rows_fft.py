"""Domains of the Fourier transforms: any axes, lengths shorter and longer than the axis, every normalization."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft
from hypothesis import strategies as st

from autodiff.primitives import fft
from autodiff.testing.strategies import arrays, axes, shapes

NORMS = st.sampled_from([None, "backward", "ortho", "forward"])


def parts(x: Any) -> Any:
    """The real and the imaginary parts, one after the other."""
    return np.stack([np.real(x), np.imag(x)])


@st.composite
def keywords(draw: Any, shape: tuple[int, ...], form: str, half: bool) -> dict[str, Any]:
    """How to transform: over "one" axis, "two" or "many".

    Of half of a spectrum one point does not tell how many points the whole has; then a length is given.
    """
    count = {"one": 1, "two": 2}.get(form) or draw(st.integers(1, len(shape)))
    chosen = draw(st.permutations(range(-len(shape), 0)))[:count]
    lengths = [draw(st.integers(1, 4)) for _ in chosen]
    given = draw(st.booleans()) or half and shape[chosen[-1]] == 1
    found = {"norm": draw(NORMS)}
    if form == "one":
        return found | {"axis": chosen[0]} | ({"n": lengths[0]} if given else {})
    return found | {"axes": chosen} | ({"s": lengths} if given else {})


@st.composite
def transforms(draw: Any, transform: Callable, form: str, takes: str) -> tuple[Callable, list[np.ndarray]]:
    """Calls of a transform that takes "real" numbers, "complex" ones, or "half" of a spectrum of these."""
    shape = draw(shapes(min_dims=2 if form == "two" else 1, min_side=1))
    options = draw(keywords(shape, form, takes == "half"))
    if takes == "real":
        return lambda x: parts(transform(x, **options)), [draw(arrays(shape))]
    return lambda x, y: parts(transform(x + 1j * y, **options)), [draw(arrays(shape)), draw(arrays(shape))]


@st.composite
def by_default(draw: Any, transform: Callable, min_dims: int) -> tuple[Callable, list[np.ndarray]]:
    """Calls without a keyword, of real numbers."""
    shape = draw(shapes(min_dims=min_dims, min_side=2))
    return lambda x: parts(transform(x)), [draw(arrays(shape))]


@st.composite
def trigonometric(draw: Any, transform: Callable) -> tuple[Callable, list[np.ndarray]]:
    shape = draw(shapes(min_dims=1, min_side=2))
    options = draw(keywords(shape, "many", half=False))
    options["s"] = [n + 1 for n in options["s"]] if "s" in options else None
    options["orthogonalize"] = draw(st.sampled_from([None, False, True]))
    kind = draw(st.integers(1, 4))
    return lambda x: transform(x, kind, **options), [draw(arrays(shape))]


@st.composite
def shifts(draw: Any, shift: Callable) -> tuple[Callable, list[np.ndarray]]:
    shape = draw(shapes(min_dims=1))
    chosen = draw(axes(len(shape)).filter(lambda a: a != ()))
    return lambda x: shift(x, axes=chosen), [draw(arrays(shape))]


def calls(transform: Callable, form: str, takes: str) -> st.SearchStrategy:
    return transforms(transform, form, takes) | by_default(transform, 2 if form == "two" else 1)


# fmt: off
ROWS = {
    np.fft.fft:       calls(np.fft.fft,    "one",  "complex"),
    np.fft.ifft:      calls(np.fft.ifft,   "one",  "complex"),
    np.fft.rfft:      calls(np.fft.rfft,   "one",  "real"),
    np.fft.irfft:     calls(np.fft.irfft,  "one",  "half"),
    np.fft.hfft:      calls(np.fft.hfft,   "one",  "half"),
    np.fft.ihfft:     calls(np.fft.ihfft,  "one",  "real"),
    np.fft.fft2:      calls(np.fft.fft2,   "two",  "complex"),
    np.fft.ifft2:     calls(np.fft.ifft2,  "two",  "complex"),
    np.fft.rfft2:     calls(np.fft.rfft2,  "two",  "real"),
    np.fft.irfft2:    calls(np.fft.irfft2, "two",  "half"),
    np.fft.fftn:      calls(np.fft.fftn,   "many", "complex"),
    np.fft.ifftn:     calls(np.fft.ifftn,  "many", "complex"),
    np.fft.rfftn:     calls(np.fft.rfftn,  "many", "real"),
    np.fft.irfftn:    calls(np.fft.irfftn, "many", "half"),
    np.fft.fftshift:  shifts(np.fft.fftshift),
    np.fft.ifftshift: shifts(np.fft.ifftshift),
    scipy.fft.fftn:   calls(fft.fftn,      "many", "complex"),
    scipy.fft.ifftn:  calls(fft.ifftn,     "many", "complex"),
    scipy.fft.rfftn:  calls(fft.rfftn,     "many", "real"),
    scipy.fft.irfftn: calls(fft.irfftn,    "many", "half"),
    scipy.fft.dctn:   trigonometric(fft.dctn),
    scipy.fft.dstn:   trigonometric(fft.dstn),
}
# fmt: on
