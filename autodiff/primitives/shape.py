"""Shapes: the same entries in another arrangement. Linear maps of ones and zeros, so their rules undo the move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..dispatch import unwrap
from ..primitive import constant, defvjp, implements
from ..tensor import Tensor
from .indexing import scatter

Shape = tuple[int, ...]


def _reshape(a: Any, shape: Any, order: Any = "C", *, copy: Any = None) -> Any:
    if type(a) is np.ndarray and copy is None:
        return a.reshape(shape, order=order)  # a third of the time of numpy.reshape
    return np.reshape(a, shape, order=order, copy=copy)


def _transpose(a: Any, axes: Any = None) -> Any:
    return a.transpose(axes) if type(a) is np.ndarray else np.transpose(a, axes)


def _swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    return np.swapaxes(a, axis1, axis2)


def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    return np.broadcast_to(array, shape)


def _flip(m: Any, axis: Any = None) -> Any:
    return np.flip(m, axis)


def _roll(a: Any, shift: Any, axis: Any = None) -> Any:
    return np.roll(a, shift, axis)


def _repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    return np.repeat(a, repeats, axis)


def _concatenate(arrays: Any, axis: int | None = 0, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    return np.concatenate(arrays, axis, dtype=dtype, casting=casting)


def _stack(arrays: Any, axis: int = 0, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    return np.stack(arrays, axis, dtype=dtype, casting=casting)


def _diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return np.diagonal(a, offset, axis1, axis2)


def _place_diagonal(values: Any, shape: Shape, offset: int, axis1: int, axis2: int) -> Any:
    """Zeros of ``shape`` with ``values`` on the diagonal: the adjoint of taking it."""
    out = np.zeros(shape, values.dtype)
    moved = np.moveaxis(out, (axis1, axis2), (-2, -1))
    i = np.arange(values.shape[-1])
    moved[..., i + max(-offset, 0), i + max(offset, 0)] = values
    return out


def reshape_vjp(g: Any, a_shape: Shape, order: Any) -> Any:
    return g.reshape(a_shape) if order == "C" else np.reshape(g, a_shape, order=order)


def repeat_vjp(g: Any, a_shape: Shape, repeats: Any, axis: int | None) -> Any:
    """Sums of runs (not differences of a cumulative sum, which lose digits); runs of one length are an axis."""
    shape = (int(np.prod(a_shape)),) if axis is None else a_shape
    along = 0 if axis is None else axis % len(a_shape)
    counts = np.broadcast_to(repeats, shape[along])
    if len(set(counts.tolist())) <= 1:
        n = int(counts[0]) if counts.size else 0
        return g.reshape(*shape[: along + 1], n, *shape[along + 1 :]).sum(axis=along + 1).reshape(a_shape)
    stops = np.cumsum(counts).tolist()
    runs = [np.take(g, range(stop - n, stop), axis=along).sum(axis=along) for stop, n in zip(stops, counts.tolist())]
    return np.stack(runs, axis=along).reshape(a_shape)


def concatenate_vjp(g: Any, i: int, arrays_shape: Sequence[Shape], axis: int | None) -> Any:
    """The part of g that entry i became."""
    if axis is None:
        start = sum(int(np.prod(shape)) for shape in arrays_shape[:i])
        return g[start : start + int(np.prod(arrays_shape[i]))].reshape(arrays_shape[i])
    along = axis % g.ndim
    start = sum(shape[along] for shape in arrays_shape[:i])
    return g[(slice(None),) * along + (slice(start, start + arrays_shape[i][along]),)]


def stack_vjp(g: Any, i: int, axis: int) -> Any:
    return g[(slice(None),) * (axis % g.ndim) + (i,)]


def roll_vjp(g: Any, shift: Any, axis: Any) -> Any:
    return np.roll(g, tuple(-s for s in shift) if isinstance(shift, tuple) else -np.asarray(shift), axis)


def _windows(x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False) -> Any:
    return sliding_window_view(x, window_shape, axis)


def windows_vjp(g: Any, x_shape: Shape, window_shape: Any, axis: Any) -> Any:
    """Each entry's sum over the windows that it lies in."""
    size = prod(x_shape)
    places = sliding_window_view(np.arange(size).reshape(x_shape), window_shape, axis)
    return scatter(g.reshape(-1), places.reshape(-1), (size,)).reshape(x_shape)


_place_diagonal.__name__ = "place_diagonal"

# fmt: off
defvjp(np.reshape,      kind="linear", views=True, forward=_reshape,      a=reshape_vjp)
defvjp(np.transpose,    kind="linear", views=True, forward=_transpose,
       a=lambda g, axes: g.T if axes is None else np.transpose(g, np.argsort([i % g.ndim for i in axes])))
defvjp(np.swapaxes,     kind="linear", views=True, forward=_swapaxes,
       a=lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2))
defvjp(np.broadcast_to, kind="linear", views=True, forward=_broadcast_to, broadcasts=True, array=lambda g: g)
defvjp(np.flip,         kind="linear", views=True, forward=_flip,         m=lambda g, axis: np.flip(g, axis))
defvjp(np.roll,         kind="linear", forward=_roll,                     a=roll_vjp)
defvjp(np.repeat,       kind="linear", forward=_repeat,                   a=repeat_vjp)
defvjp(np.concatenate,  kind="linear", forward=_concatenate, listed="arrays", arrays=concatenate_vjp)
defvjp(np.stack,        kind="linear", forward=_stack, listed="arrays",   arrays=stack_vjp)
defvjp(np.diagonal,     kind="select", views=True, forward=_diagonal,
       a=lambda g, a_shape, offset, axis1, axis2: place_diagonal(g, a_shape, offset, axis1, axis2))
place_diagonal: Callable = defvjp(_place_diagonal, kind="linear",
       values=lambda g, offset, axis1, axis2: np.diagonal(g, offset, axis1, axis2))
defvjp(sliding_window_view, kind="linear", views=True, forward=_windows, x=windows_vjp)
# fmt: on


def axes_of(value: Any) -> tuple[int, ...]:
    return tuple(value) if np.iterable(value) else (value,)


def as_array(value: Any) -> Any:
    return value if isinstance(value, Tensor) else np.asarray(value)


implements(np.matrix_transpose, np.linalg.matrix_transpose)(lambda x: np.swapaxes(x, -1, -2))
implements(np.ravel)(lambda a, order="C": np.reshape(a, -1, order=order))
implements(np.fliplr)(lambda m: np.flip(m, 1))
implements(np.flipud)(lambda m: np.flip(m, 0))
implements(np.trace)(
    lambda a, offset=0, axis1=0, axis2=1, dtype=None: np.sum(np.diagonal(a, offset, axis1, axis2), -1, dtype)
)
implements(np.linalg.trace)(lambda x, *, offset=0, dtype=None: np.sum(np.diagonal(x, offset, -2, -1), -1, dtype))
implements(np.linalg.diagonal)(lambda x, *, offset=0: np.diagonal(x, offset, -2, -1))
implements(np.tril)(lambda m, k=0: np.where(np.tri(*m.shape[-2:], k=k, dtype=bool), m, 0))
implements(np.triu)(lambda m, k=0: np.where(np.tri(*m.shape[-2:], k=k - 1, dtype=bool), 0, m))
implements(np.atleast_1d)(lambda *arrays: _each(arrays, lambda x: x.reshape(1) if x.ndim == 0 else x))
implements(np.atleast_2d)(lambda *arrays: _each(arrays, lambda x: x.reshape(1, -1) if x.ndim < 2 else x))
implements(np.atleast_3d)(
    lambda *arrays: _each(
        arrays, lambda x: x.reshape(1, -1, 1) if x.ndim < 2 else x.reshape(*x.shape, 1) if x.ndim == 2 else x
    )
)
implements(np.vstack)(lambda tup, *, dtype=None, casting="same_kind": _joined(np.atleast_2d, tup, 0, dtype, casting))
implements(np.dstack)(lambda tup: _joined(np.atleast_3d, tup, 2, None, "same_kind"))
implements(np.hsplit)(lambda ary, sections: np.split(ary, sections, 1 if ary.ndim > 1 else 0))
implements(np.vsplit)(lambda ary, sections: np.split(ary, sections, 0))
implements(np.dsplit)(lambda ary, sections: np.split(ary, sections, 2))
implements(np.unstack)(lambda x, /, *, axis=0: tuple(np.moveaxis(x, axis, 0)))


def _each(arrays: Sequence[Any], change: Any) -> Any:
    changed = tuple(change(as_array(x)) for x in arrays)
    return changed[0] if len(changed) == 1 else changed


def _joined(widen: Any, arrays: Sequence[Any], axis: int, dtype: Any, casting: Any) -> Any:
    return np.concatenate([widen(x) for x in arrays], axis, dtype=dtype, casting=casting)


@implements(np.hstack)
def _hstack(tup: Sequence[Any], *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    axis = 0 if np.ndim(tup[0]) <= 1 else 1
    return _joined(np.atleast_1d, tup, axis, dtype, casting)


@implements(np.column_stack)
def _column_stack(tup: Sequence[Any]) -> Any:
    arrays = [as_array(x) for x in tup]
    return np.concatenate([x.reshape(-1, 1) if x.ndim < 2 else x for x in arrays], 1)


@implements(np.moveaxis)
def _moveaxis(a: Any, source: Any, destination: Any) -> Any:
    np.moveaxis(np.broadcast_to(False, np.shape(a)), source, destination)  # NumPy checks the axes
    ndim = np.ndim(a)
    moved = {d % ndim: s % ndim for s, d in zip(axes_of(source), axes_of(destination))}
    others = iter([i for i in range(ndim) if i not in moved.values()])
    return np.transpose(a, [moved[i] if i in moved else next(others) for i in range(ndim)])


@implements(np.rollaxis)
def _rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    n = np.ndim(a)
    axis, start = axis % n, start + n if start < 0 else start
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


@implements(np.squeeze)
def _squeeze(a: Any, axis: Any = None) -> Any:
    return np.reshape(a, np.squeeze(np.broadcast_to(False, np.shape(a)), axis).shape)


@implements(np.expand_dims)
def _expand_dims(a: Any, axis: Any) -> Any:
    return np.reshape(a, np.expand_dims(np.broadcast_to(False, np.shape(a)), axis).shape)


@implements(np.broadcast_arrays)
def _broadcast_arrays(*args: Any, subok: bool = False) -> tuple:
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(x, shape) for x in args)


@implements(np.rot90)
def _rot90(m: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    turned = k % 4
    if turned == 0:
        return m
    if turned == 2:
        return np.flip(np.flip(m, axes[0]), axes[1])
    if turned == 1:
        return np.swapaxes(np.flip(m, axes[1]), *axes)
    return np.flip(np.swapaxes(m, *axes), axes[1])


@implements(np.split)
def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list:
    if isinstance(indices_or_sections, (int, np.integer)) and ary.shape[axis] % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return np.array_split(ary, indices_or_sections, axis)


@implements(np.array_split)
def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list:
    parts = np.array_split(np.arange(ary.shape[axis]), indices_or_sections)
    whole = (slice(None),) * (axis % ary.ndim)
    starts = [int(part[0]) if len(part) else 0 for part in parts]
    return [ary[(*whole, slice(start, start + len(part)))] for start, part in zip(starts, parts)]


@implements(np.tile)
def _tile(A: Any, reps: Any) -> Any:
    counts = axes_of(reps)
    ndim = max(A.ndim, len(counts))
    shape = (1,) * (ndim - A.ndim) + A.shape
    counts = (1,) * (ndim - len(counts)) + counts
    pairs = np.reshape(A, [n for m in shape for n in (1, m)])
    spread = np.broadcast_to(pairs, [n for m, count in zip(shape, counts) for n in (count, m)])
    return np.reshape(spread, [m * count for m, count in zip(shape, counts)])


@implements(np.diag)
def _diag(v: Any, k: int = 0) -> Any:
    if v.ndim == 1:
        n = v.shape[0] + abs(k)
        return place_diagonal(v, (n, n), k, 0, 1)
    if v.ndim != 2:
        raise ValueError("Input must be 1- or 2-d.")
    return np.diagonal(v, k)


@implements(np.meshgrid)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing is 'xy' or 'ij', not {indexing!r}")
    n = len(xi)
    places = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    grids = [np.reshape(x, [-1 if i == place else 1 for i in range(n)]) for x, place in zip(xi, places)]
    return tuple(grids) if sparse else np.broadcast_arrays(*grids)


@implements(np.block)
def _block(arrays: Any) -> Any:
    def depth(nested: Any) -> int:
        return 1 + max(map(depth, nested)) if isinstance(nested, list) else 0

    def joined(nested: Any, axis: int) -> Any:
        if isinstance(nested, list):
            return np.concatenate([joined(part, axis + 1) for part in nested], axis)
        leaf = as_array(nested)
        return np.reshape(leaf, (1,) * (ndim - leaf.ndim) + leaf.shape)

    def deepest(nested: Any) -> int:
        return max(map(deepest, nested)) if isinstance(nested, list) else np.ndim(nested)

    ndim = max(depth(arrays), deepest(arrays))
    return joined(arrays, -depth(arrays))


@implements(np.append)
def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return np.concatenate((as_array(arr), as_array(values)), axis)


@implements(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """NumPy inserts the positions of the values among those of the entries, which are then taken."""
    arr, values = as_array(arr), as_array(values)
    entries, inserted = np.arange(arr.size).reshape(arr.shape), np.arange(values.size).reshape(values.shape)
    positions = np.insert(entries, unwrap(obj), arr.size + inserted, axis)
    return np.take(np.concatenate([arr.reshape(-1), np.astype(values, arr.dtype).reshape(-1)]), positions)


@implements(np.delete)
def _delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    kept = np.delete(np.arange(arr.size if axis is None else arr.shape[axis]), unwrap(obj))
    return np.take(arr, kept, axis)


@implements(np.resize)
def _resize(a: Any, new_shape: Any) -> Any:
    a = as_array(a)
    if a.size == 0:
        return Tensor(np.zeros(new_shape, a.dtype))
    return np.take(a.reshape(-1), np.resize(np.arange(a.size), new_shape))


@implements(np.trim_zeros)
def _trim_zeros(filt: Any, trim: Any = "fb", axis: Any = None) -> Any:
    """The box around the entries that are not 0, or the part of it that ``trim`` and ``axis`` ask for."""
    filt = as_array(filt)
    np.trim_zeros(np.zeros((0,) * filt.ndim), trim, axis)  # NumPy checks the parameters
    axes = range(filt.ndim) if axis is None else [a % filt.ndim for a in axes_of(axis)]
    parts = [slice(None)] * filt.ndim
    for i, places in zip(range(filt.ndim), np.nonzero(unwrap(filt))):
        if i in axes and not places.size:
            parts[i] = slice(0)
        elif i in axes:
            start, stop = int(places.min()), int(places.max()) + 1
            parts[i] = slice(start if "f" in trim.lower() else None, stop if "b" in trim.lower() else None)
    return filt[tuple(parts)]


@implements(np.diagflat)
def _diagflat(v: Any, k: int = 0) -> Any:
    return np.diag(as_array(v).reshape(-1), k)


@implements(np.vander)
def _vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    count = len(x) if N is None else N
    x = np.astype(x, np.promote_types(x.dtype, int))
    powers = np.cumprod(np.broadcast_to(x.reshape(-1, 1), (len(x), max(count - 1, 0))), axis=1)
    rising = np.concatenate([np.ones((len(x), min(count, 1)), x.dtype), powers], axis=1)
    return rising if increasing else np.flip(rising, 1)


@implements(np.apply_along_axis)
def _apply_along_axis(func1d: Callable, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """A stack of the function's values, whose own axes come in the place of the axis it was applied along."""
    rows = np.moveaxis(arr, axis, -1)
    outer = rows.shape[:-1]
    if 0 in outer:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    values = [as_array(func1d(rows[place], *args, **kwargs)) for place in np.ndindex(outer)]
    inner = values[0].ndim
    stacked = np.stack(values).reshape(outer + values[0].shape)
    along = axis % arr.ndim
    return np.moveaxis(stacked, range(len(outer), len(outer) + inner), range(along, along + inner))


@implements(np.apply_over_axes)
def _apply_over_axes(func: Callable, a: Any, axes: Any) -> Any:
    for axis in axes_of(axes):
        value = func(a, axis)
        a = value if value.ndim == a.ndim else np.expand_dims(value, axis)
    return a


constant(np.ix_, np.diag_indices_from, np.tril_indices_from, np.triu_indices_from)
constant(np.ravel_multi_index, np.unravel_index, np.packbits, np.unpackbits)
