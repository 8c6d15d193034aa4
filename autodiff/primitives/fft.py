"""Discrete Fourier, cosine and sine transforms, of NumPy and of SciPy.

They are linear, so each rule is the transpose of its map, without conjugation. Every transform is one of over several
axes; NumPy's others are spelt with those here, SciPy's in ``autodiff.scipy.fft``.

A complex transform is symmetric, ``F.T = F``. Those of real signals keep half of a spectrum, in which every entry
stands for itself and its mirror image, except that of frequency 0 and, if there are an even number of points, the last:
they are their own mirror images, count once, and have no use for an imaginary part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import scipy.fft

from ..primitive import defvjp, implements

Shape = tuple[int, ...]

SWAPPED = {None: "forward", "backward": "forward", "forward": "backward"}
"""The ``norm`` under which an inverse transform scales as the forward transform does; "ortho" stays what it is."""


def swapped(norm: Any) -> Any:
    return SWAPPED.get(norm, norm)


def transformed_axes(s: Any, axes: Any, ndim: int) -> list[int]:
    """The axes of a transform: those given, the last ones if only their lengths are, or all."""
    if axes is None:
        return list(range(0 if s is None else ndim - np.size(s), ndim))
    return [int(i) % ndim for i in np.atleast_1d(axes)]


def resize(x: Any, shape: Shape) -> Any:
    """Cropped, or extended with zeros, at the end of each axis to ``shape``: the adjoint of doing the opposite."""
    cropped = x[tuple(map(slice, shape))] if any(n < m for n, m in zip(shape, x.shape)) else x
    missing = [n - m for n, m in zip(shape, cropped.shape)]
    return np.pad(cropped, [(0, n) for n in missing]) if any(missing) else cropped


def along(x: Any, weights: np.ndarray, axis: int) -> Any:
    """``x`` times a vector along one axis."""
    return x * weights.reshape([-1 if i == axis else 1 for i in range(x.ndim)])


def real_dtype(x: Any) -> np.dtype:
    """That of the parts of a number of ``x``."""
    return np.finfo(x.dtype).dtype


def mirror_images(n: int, dtype: np.dtype) -> np.ndarray:
    """How many entries of a spectrum of ``n`` points each entry of its half stands for."""
    counts = np.full(n // 2 + 1, 2, dtype)
    counts[0] = 1
    if n % 2 == 0:
        counts[-1] = 1
    return counts


def full_vjp(g: Any, shape: Shape, s: Any, axes: Any, transform: Callable) -> Any:
    """The rule of a complex transform, which is symmetric."""
    return resize(transform(g, axes=transformed_axes(s, axes, g.ndim)), shape)


def to_half_vjp(g: Any, shape: Shape, s: Any, axes: Any, inverse: Callable) -> Any:
    """The rule of ``rfftn``, of which ``inverse`` is the inverse without its scale.

    That adds up each entry and its mirror image, where the transpose takes the entry alone.
    """
    axes = transformed_axes(s, axes, g.ndim)
    last = axes[-1]
    n = shape[last] if s is None or np.atleast_1d(s)[-1] == -1 else int(np.atleast_1d(s)[-1])
    once = along(np.conj(g), 1 / mirror_images(n, real_dtype(g)), last)
    return resize(inverse(once, s=[n if i == last else g.shape[i] for i in axes], axes=axes), shape)


def from_half_vjp(g: Any, shape: Shape, s: Any, axes: Any, forward: Callable) -> Any:
    """The rule of ``irfftn``, of which ``forward`` is the inverse, scaled as ``irfftn`` is."""
    axes = transformed_axes(s, axes, g.ndim)
    last = axes[-1]
    return resize(along(np.conj(forward(g, axes=axes)), mirror_images(g.shape[last], real_dtype(g)), last), shape)


INVERSE_TYPE = {1: 1, 2: 3, 3: 2, 4: 4}
"""The type of the inverse of a cosine or sine transform, and of its transpose."""

HALVING = (1, 3)
"""The types that, unless orthogonalized, count the entries at some ends of a signal half; by type, these ends:"""
COSINE_ENDS = {1: [0, -1], 2: [0], 3: [0], 4: []}
SINE_ENDS = {1: [], 2: [-1], 3: [-1], 4: []}


def trigonometric_vjp(
    g: Any, shape: Shape, kind: int, s: Any, axes: Any, norm: str | None, orthogonalize: bool | None,
    transform: Callable, ends: dict[int, list[int]],
) -> Any:  # fmt: skip
    """The rule of a cosine or sine transform.

    Orthogonalized, types 1 and 4 are symmetric, 2 and 3 each other's transposes. Otherwise the ends are doubled for the
    transposed transform if that one halves them, and halved after it if the transform itself does (definitions:
    documentation of ``scipy.fft.dct`` and ``dst``). SciPy orthogonalizes complex numbers if ``norm="ortho"`` only.
    """
    axes = transformed_axes(s, axes, g.ndim)
    if orthogonalize is None or np.iscomplexobj(g):
        orthogonalize = norm == "ortho"
    weighted = [] if orthogonalize else [(i, ends[kind]) for i in axes]

    def weigh(x: Any, factor: float) -> Any:
        for axis, positions in weighted:
            weights = np.ones(x.shape[axis], real_dtype(x))
            weights[positions] = factor
            x = along(x, weights, axis)
        return x

    transposed = INVERSE_TYPE[kind]
    if transposed in HALVING:
        g = weigh(g, 2)
    g = transform(g, transposed, axes=axes, norm=norm, orthogonalize=orthogonalize)
    if kind in HALVING:
        g = weigh(g, 0.5)
    return resize(g, shape)


# NumPy


def over_distinct_axes(transform: Callable) -> Callable:
    """NumPy's transform, which takes an axis as often as it is named; the rules here take it once."""

    def forward(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
        if axes is not None and len({i % max(np.ndim(a), 1) for i in axes}) < len(axes):
            raise ValueError(f"{transform.__name__}: axes={tuple(axes)} name one twice; transform twice for a gradient")
        return transform(a, s, axes, norm)

    return forward


# fmt: off
defvjp(np.fft.fftn,   forward=over_distinct_axes(np.fft.fftn),   a=lambda g, a_shape, s, axes, norm:
       full_vjp(g, a_shape, s, axes, partial(np.fft.fftn, norm=norm)))
defvjp(np.fft.ifftn,  forward=over_distinct_axes(np.fft.ifftn),  a=lambda g, a_shape, s, axes, norm:
       full_vjp(g, a_shape, s, axes, partial(np.fft.ifftn, norm=norm)))
defvjp(np.fft.rfftn,  forward=over_distinct_axes(np.fft.rfftn),  a=lambda g, a_shape, s, axes, norm:
       to_half_vjp(g, a_shape, s, axes, partial(np.fft.irfftn, norm=swapped(norm))))
defvjp(np.fft.irfftn, forward=over_distinct_axes(np.fft.irfftn), a=lambda g, a_shape, s, axes, norm:
       from_half_vjp(g, a_shape, s, axes, partial(np.fft.rfftn, norm=swapped(norm))))
# fmt: on


def of_one_axis(transform: Callable) -> Callable:
    """The transform over one axis, of the length ``n``."""

    def one(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
        if n is not None and n < 1:
            raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
        return transform(a, None if n is None else (n,), (axis,), norm)

    return one


def of_two_axes(transform: Callable) -> Callable:
    """The transform over two axes, by default the last."""
    return lambda a, s=None, axes=(-2, -1), norm=None: transform(a, s, axes, norm)


for _one, _two, _many in (("fft", "fft2", "fftn"), ("ifft", "ifft2", "ifftn"), ("rfft", "rfft2", "rfftn"),
                          ("irfft", "irfft2", "irfftn")):  # fmt: skip
    implements(getattr(np.fft, _one))(of_one_axis(getattr(np.fft, _many)))
    implements(getattr(np.fft, _two))(of_two_axes(getattr(np.fft, _many)))


@implements(np.fft.hfft)
def _hfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    return np.fft.irfft(np.conj(a), n, axis, swapped(norm))


@implements(np.fft.ihfft)
def _ihfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    return np.conj(np.fft.rfft(a, n, axis, swapped(norm)))


def roll_halfway(x: Any, axes: int | Sequence[int] | None, back: bool) -> Any:
    """``x`` rolled by half of its length along axes."""
    axes = tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
    return np.roll(x, tuple(-(x.shape[i] // 2) if back else x.shape[i] // 2 for i in axes), axes)


implements(np.fft.fftshift)(lambda x, axes=None: roll_halfway(x, axes, back=False))
implements(np.fft.ifftshift)(lambda x, axes=None: roll_halfway(x, axes, back=True))


# SciPy


def in_new_memory(transform: Callable) -> Callable:
    """SciPy's transform without ``overwrite_x``: others may see the memory of a tensor."""

    def forward(
        x: Any, s: Any = None, axes: Any = None, norm: Any = None, overwrite_x: bool = False, workers: Any = None,
        *, plan: Any = None,
    ) -> Any:  # fmt: skip
        return transform(x, s, axes, norm, workers=workers, plan=plan)

    return forward


def trigonometric_in_new_memory(transform: Callable) -> Callable:
    def forward(
        x: Any, kind: int = 2, s: Any = None, axes: Any = None, norm: Any = None, overwrite_x: bool = False,
        workers: Any = None, *, orthogonalize: bool | None = None,
    ) -> Any:  # fmt: skip
        return transform(x, kind, s, axes, norm, workers=workers, orthogonalize=orthogonalize)

    return forward


# fmt: off
fftn: Any = defvjp(scipy.fft.fftn, forward=in_new_memory(scipy.fft.fftn),
                   x=lambda g, x_shape, s, axes, norm, workers:
                   full_vjp(g, x_shape, s, axes, partial(fftn, norm=norm, workers=workers)))
ifftn: Any = defvjp(scipy.fft.ifftn, forward=in_new_memory(scipy.fft.ifftn),
                    x=lambda g, x_shape, s, axes, norm, workers:
                    full_vjp(g, x_shape, s, axes, partial(ifftn, norm=norm, workers=workers)))
rfftn: Any = defvjp(scipy.fft.rfftn, forward=in_new_memory(scipy.fft.rfftn),
                    x=lambda g, x_shape, s, axes, norm, workers:
                    to_half_vjp(g, x_shape, s, axes, partial(irfftn, norm=swapped(norm), workers=workers)))
irfftn: Any = defvjp(scipy.fft.irfftn, forward=in_new_memory(scipy.fft.irfftn),
                     x=lambda g, x_shape, s, axes, norm, workers:
                     from_half_vjp(g, x_shape, s, axes, partial(rfftn, norm=swapped(norm), workers=workers)))
dctn: Any = defvjp(scipy.fft.dctn, forward=trigonometric_in_new_memory(scipy.fft.dctn),
                   x=lambda g, x_shape, kind, s, axes, norm, workers, orthogonalize: trigonometric_vjp(
                   g, x_shape, kind, s, axes, norm, orthogonalize, partial(dctn, workers=workers), COSINE_ENDS))
dstn: Any = defvjp(scipy.fft.dstn, forward=trigonometric_in_new_memory(scipy.fft.dstn),
                   x=lambda g, x_shape, kind, s, axes, norm, workers, orthogonalize: trigonometric_vjp(
                   g, x_shape, kind, s, axes, norm, orthogonalize, partial(dstn, workers=workers), SINE_ENDS))
# fmt: on
