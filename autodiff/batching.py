"""Many cotangents at once: a stack of arrays that NumPy's functions treat as one array of the stack's inner shape.

Rules are plain NumPy, so a backward pass runs on a ``Batch`` as on an array, and the rows of a Jacobian come side by
side. Elementwise functions broadcast over the stack; a table has the functions that need the axes shifted by one; any
other function is called on one array of the stack after the other. What insists on a real array raises TypeError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from string import ascii_letters
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .broadcasting import normalize_axes


def parts_of(index: Any) -> tuple:
    """An index as a tuple, of a single part unless it is one already."""
    return index if isinstance(index, tuple) else (index,)


def is_basic(index: Any) -> bool:
    """Whether an index selects each entry at most once, by slices and integers alone."""
    return all(
        part is None or part is Ellipsis or (isinstance(part, (slice, int, np.integer)) and not isinstance(part, bool))
        for part in parts_of(index)
    )


class Batch(NDArrayOperatorsMixin):
    """A stack of arrays of one shape, along the first axis of ``stack``; what it says of itself is of one of them."""

    __slots__ = ("stack",)

    def __init__(self, stack: np.ndarray) -> None:
        self.stack = stack

    @property
    def shape(self) -> tuple[int, ...]:
        return self.stack.shape[1:]

    @property
    def ndim(self) -> int:
        return self.stack.ndim - 1

    @property
    def size(self) -> int:
        return self.stack[0].size

    @property
    def dtype(self) -> np.dtype:
        return self.stack.dtype

    @property
    def real(self) -> Batch:
        return Batch(self.stack.real)

    @property
    def imag(self) -> Batch:
        return Batch(self.stack.imag)

    @property
    def T(self) -> Batch:
        return _transpose(self)

    @property
    def mT(self) -> Batch:
        return Batch(self.stack.mT)

    def __len__(self) -> int:
        return self.shape[0]

    def __bool__(self) -> bool:
        raise TypeError("a batch of cotangents is neither true nor false: its arrays may differ")

    def __getitem__(self, index: Any) -> Batch:
        if is_basic(index):
            return Batch(self.stack[(slice(None), *parts_of(index))])
        positions = np.arange(self.size).reshape(self.shape)[index]
        return Batch(self.stack.reshape(len(self.stack), -1)[:, positions])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise TypeError("a batch of cotangents is not an array")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if out is not None:
            if not isinstance(out[0], Batch):
                raise TypeError("a batch of cotangents cannot be written into an array")
            np.copyto(out[0].stack, getattr(ufunc, method)(*inputs, **kwargs).stack)
            return out[0]
        if method != "__call__" or "where" in kwargs:
            return _one_by_one(getattr(ufunc, method), inputs, kwargs)
        if ufunc is np.matmul or ufunc is np.matvec and inputs[0].ndim == 2 and inputs[1].ndim == 1:
            return _matmul(*inputs)
        if ufunc.signature is not None:
            return _one_by_one(ufunc, inputs, kwargs)
        return _batched(ufunc(*_aligned(inputs), **kwargs))

    def __array_function__(self, function: Callable, types: Any, args: Any, kwargs: Any) -> Any:
        if function in SHIFTED:
            found = SHIFTED[function](*args, **kwargs)
            if found is not NotImplemented:
                return found
        return _one_by_one(function, args, kwargs)

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Batch:
        return Batch(self.stack.sum(tuple(i + 1 for i in normalize_axes(axis, self.ndim)), dtype, keepdims=keepdims))

    def reshape(self, *shape: Any) -> Batch:
        return _reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Batch:
        return _transpose(self, axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None)

    def astype(self, dtype: Any, copy: bool = True) -> Batch:
        return Batch(self.stack.astype(dtype, copy=copy))

    def copy(self) -> Batch:
        return Batch(self.stack.copy())


def spread(value: Any, count: int, shape: tuple[int, ...]) -> np.ndarray:
    """A stack of ``count`` arrays of a shape from a batch, or from what is the same for all of them."""
    return value.stack if isinstance(value, Batch) else np.broadcast_to(value, (count, *shape))


def _batched(result: Any) -> Any:
    return tuple(map(Batch, result)) if isinstance(result, tuple) else Batch(result)


def _aligned(inputs: Any) -> list[Any]:
    """The stacks of batches, with axes of length 1 put in so that the arrays in them broadcast as they should."""
    ndim = max(np.ndim(x) for x in inputs)
    return [
        x.stack.reshape(len(x.stack), *(1,) * (ndim - x.ndim), *x.shape) if isinstance(x, Batch) else x for x in inputs
    ]


def _batches(value: Any) -> Iterator[Batch]:
    if isinstance(value, Batch):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _batches(item)
    elif isinstance(value, dict):
        yield from _batches(list(value.values()))


def _pick(value: Any, i: int) -> Any:
    """Array ``i`` of each batch, in nested lists, tuples and dicts too."""
    if isinstance(value, Batch):
        return value.stack[i]
    if isinstance(value, (list, tuple)):
        return type(value)([_pick(item, i) for item in value])
    return {key: _pick(item, i) for key, item in value.items()} if isinstance(value, dict) else value


def _one_by_one(function: Callable, args: Any, kwargs: Any) -> Any:
    count = len(next(_batches((args, kwargs))).stack)
    results = [function(*_pick(args, i), **_pick(kwargs, i)) for i in range(count)]
    if isinstance(results[0], (tuple, list)):
        return tuple(Batch(np.stack(parts)) for parts in zip(*results, strict=True))
    return Batch(np.stack(results))


def call_on_batches(function: Callable, elementwise: bool, args: Any, kwargs: Any) -> Any:
    """A primitive that NumPy does not dispatch, on batches."""
    if elementwise and not kwargs:
        return _batched(function(*_aligned(args)))
    return next(_batches((args, kwargs))).__array_function__(function, (), args, kwargs)


def _matmul(x: Any, y: Any) -> Batch:
    """With a matrix that is the same for all, one product; else vectors become matrices with one side of length 1."""
    if isinstance(x, Batch) and not isinstance(y, Batch) and y.ndim == 2:
        return Batch(np.matmul(x.stack.reshape(-1, x.stack.shape[-1]), y).reshape(*x.stack.shape[:-1], y.shape[1]))
    if not isinstance(x, Batch) and x.ndim == 2 and y.ndim == 1:
        return Batch(np.matmul(y.stack, x.T))
    row, column = np.ndim(x) == 1, np.ndim(y) == 1
    x, y = _aligned([x.reshape(1, -1) if row else x, y.reshape(-1, 1) if column else y])
    product = np.matmul(x, y)
    product = product[..., 0, :] if row else product
    return Batch(product[..., 0] if column else product)


def _reshape(a: Batch, shape: Any, order: str = "C") -> Any:
    if order != "C":
        return NotImplemented
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if -1 in shape:
        shape = np.broadcast_to(False, a.shape).reshape(shape).shape
    return Batch(a.stack.reshape(len(a.stack), *shape))


def _transpose(a: Batch, axes: Any = None) -> Batch:
    order = range(a.ndim)[::-1] if axes is None else [int(i) % a.ndim for i in axes]
    return Batch(a.stack.transpose(0, *(i + 1 for i in order)))


def _moveaxis(a: Any, source: Any, destination: Any) -> Any:
    if not isinstance(source, int) or not isinstance(destination, int):
        return NotImplemented
    return Batch(np.moveaxis(a.stack, source % a.ndim + 1, destination % a.ndim + 1))


def _sum(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False, where: Any = True) -> Any:
    return a.sum(axis, dtype, bool(keepdims)) if where is True else NotImplemented


def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> Batch:
    (stack,) = _aligned([array]) if array.ndim == len(shape) else (_with_axes(array, len(shape)),)
    return Batch(np.broadcast_to(stack, (len(stack), *shape)))


def _with_axes(array: Batch, ndim: int) -> np.ndarray:
    return array.stack.reshape(len(array.stack), *(1,) * (ndim - array.ndim), *array.shape)


def _joined(join: Callable) -> Callable:
    def joined(arrays: Any, axis: int = 0) -> Any:
        count = len(next(_batches(arrays)).stack)
        ndim = np.ndim(arrays[0]) + (join is np.stack)
        return Batch(join([spread(x, count, np.shape(x)) for x in arrays], axis % ndim + 1))

    return joined


def _einsum(subscripts: Any, *operands: Any, optimize: Any = False, **others: Any) -> Any:
    if not isinstance(subscripts, str) or "->" not in subscripts or "." in subscripts:
        return NotImplemented
    inputs, _, output = subscripts.partition("->")
    letter = next(c for c in ascii_letters if c not in subscripts)
    terms = [letter + term if isinstance(x, Batch) else term for term, x in zip(inputs.split(","), operands)]
    stacks = [x.stack if isinstance(x, Batch) else x for x in operands]
    return Batch(np.einsum(f"{','.join(terms)}->{letter}{output}", *stacks, optimize=True, **others))


def _take(a: Any, indices: Any, axis: Any = None, **others: Any) -> Any:
    if axis is None or not isinstance(a, Batch):
        return NotImplemented
    return Batch(np.take(a.stack, indices, axis % a.ndim + 1, **others))


def _along_one(function: Callable) -> Callable:
    def shifted(a: Any, axis: Any = None) -> Any:
        return Batch(function(a.stack, axis % a.ndim + 1)) if isinstance(axis, int) else NotImplemented

    return shifted


SHIFTED: dict[Callable, Callable] = {
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a: a.size,
    np.iscomplexobj: lambda a: a.dtype.kind == "c",
    np.real: lambda a: a.real,
    np.imag: lambda a: a.imag,
    np.copy: lambda a, *_, **__: a.copy(),
    np.reshape: _reshape,
    np.transpose: _transpose,
    np.swapaxes: lambda a, i, j: Batch(np.swapaxes(a.stack, i % a.ndim + 1, j % a.ndim + 1)),
    np.moveaxis: _moveaxis,
    np.sum: _sum,
    np.where: lambda *values: Batch(np.where(*_aligned(values))),
    np.broadcast_to: _broadcast_to,
    np.concatenate: _joined(np.concatenate),
    np.stack: _joined(np.stack),
    np.einsum: _einsum,
    np.take: _take,
    np.flip: _along_one(np.flip),
    np.cumsum: _along_one(np.cumsum),
}
"""NumPy's functions on a batch: the same on its stack, with the axes moved by one. NotImplemented is not an answer."""
