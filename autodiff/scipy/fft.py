"""``scipy.fft`` for tensors, with SciPy's names and signatures.

``overwrite_x`` overwrites plain arrays only: the memory of a tensor may be seen by others.

>>> from autodiff.scipy.fft import dct, rfft
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.fft import fftshift, ifftshift
from scipy.fft import fftfreq, get_workers, next_fast_len, prev_fast_len, rfftfreq, set_workers

from ..primitives import fft as primitives
from ..primitives.fft import INVERSE_TYPE, fftn, ifftn, irfftn, rfftn, swapped

__all__ = [
    "dct",
    "dctn",
    "dst",
    "dstn",
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "get_workers",
    "hfft",
    "hfft2",
    "hfftn",
    "idct",
    "idctn",
    "idst",
    "idstn",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "next_fast_len",
    "prev_fast_len",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
    "set_workers",
]


def hfftn(
    x: Any, s: Any = None, axes: Any = None, norm: str | None = None, overwrite_x: bool = False,
    workers: int | None = None, *, plan: Any = None,
) -> Any:  # fmt: skip
    """``scipy.fft.hfftn``: the real spectrum of a signal of which the other half is the mirrored conjugate."""
    return irfftn(np.conj(x), s, axes, swapped(norm), overwrite_x, workers, plan=plan)


def ihfftn(
    x: Any, s: Any = None, axes: Any = None, norm: str | None = None, overwrite_x: bool = False,
    workers: int | None = None, *, plan: Any = None,
) -> Any:  # fmt: skip
    """``scipy.fft.ihfftn``: the inverse of ``hfftn``."""
    return np.conj(rfftn(x, s, axes, swapped(norm), overwrite_x, workers, plan=plan))


def _length(n: int | None) -> tuple[int] | None:
    if n is not None and n < 1:
        raise ValueError(f"invalid number of data points ({n}) specified")
    return None if n is None else (n,)


def _of_one_axis(transform: Callable, name: str) -> Callable:
    def one(
        x: Any, n: int | None = None, axis: int = -1, norm: str | None = None, overwrite_x: bool = False,
        workers: int | None = None, *, plan: Any = None,
    ) -> Any:  # fmt: skip
        return transform(x, _length(n), (axis,), norm, overwrite_x, workers, plan=plan)

    return _named(one, name, f"``scipy.fft.{name}``: ``{name}n`` over one axis.")


def _of_two_axes(transform: Callable, name: str) -> Callable:
    def two(
        x: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None, overwrite_x: bool = False,
        workers: int | None = None, *, plan: Any = None,
    ) -> Any:  # fmt: skip
        return transform(x, s, axes, norm, overwrite_x, workers, plan=plan)

    return _named(two, name, f"``scipy.fft.{name}``: ``{name[:-1]}n``, by default over the last two axes.")


def _trigonometric(transform: Callable, name: str, inverse: bool = False) -> Callable:
    def many(
        x: Any, type: int = 2, s: Any = None, axes: Any = None, norm: str | None = None, overwrite_x: bool = False,
        workers: int | None = None, orthogonalize: bool | None = None,
    ) -> Any:  # fmt: skip
        if inverse:
            type, norm = INVERSE_TYPE.get(type, type), swapped(norm)
        return transform(x, type, s, axes, norm, overwrite_x, workers, orthogonalize=orthogonalize)

    kind = "cosine" if "dct" in name else "sine"
    return _named(many, name, f"``scipy.fft.{name}``: the {'inverse ' * inverse}{kind} transform over several axes.")


def _trigonometric_of_one_axis(transform: Callable, name: str) -> Callable:
    def one(
        x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None,
        overwrite_x: bool = False, workers: int | None = None, orthogonalize: bool | None = None,
    ) -> Any:  # fmt: skip
        return transform(x, type, _length(n), (axis,), norm, overwrite_x, workers, orthogonalize)

    return _named(one, name, f"``scipy.fft.{name}``: ``{name}n`` over one axis.")


def _named(function: Callable, name: str, doc: str) -> Callable:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


fft, fft2 = _of_one_axis(fftn, "fft"), _of_two_axes(fftn, "fft2")
ifft, ifft2 = _of_one_axis(ifftn, "ifft"), _of_two_axes(ifftn, "ifft2")
rfft, rfft2 = _of_one_axis(rfftn, "rfft"), _of_two_axes(rfftn, "rfft2")
irfft, irfft2 = _of_one_axis(irfftn, "irfft"), _of_two_axes(irfftn, "irfft2")
hfft, hfft2 = _of_one_axis(hfftn, "hfft"), _of_two_axes(hfftn, "hfft2")
ihfft, ihfft2 = _of_one_axis(ihfftn, "ihfft"), _of_two_axes(ihfftn, "ihfft2")
dctn, idctn = _trigonometric(primitives.dctn, "dctn"), _trigonometric(primitives.dctn, "idctn", inverse=True)
dstn, idstn = _trigonometric(primitives.dstn, "dstn"), _trigonometric(primitives.dstn, "idstn", inverse=True)
dct, idct = _trigonometric_of_one_axis(dctn, "dct"), _trigonometric_of_one_axis(idctn, "idct")
dst, idst = _trigonometric_of_one_axis(dstn, "dst"), _trigonometric_of_one_axis(idstn, "idst")
