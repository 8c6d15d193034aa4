"""Making tensors: from data, and from lists that hold tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .tensor import Tensor


def tensor(data: ArrayLike | Tensor, requires_grad: bool = False, dtype: DTypeLike | None = None) -> Tensor:
    """A tensor with a copy of the data; ``Tensor(data)`` shares the memory of an array.

    Raises TypeError as ``Tensor`` does.
    """
    return Tensor(np.array(data.data if isinstance(data, Tensor) else data, dtype=dtype), requires_grad)


def array(nested: Any) -> Tensor:
    """The tensor of a nested list of numbers, arrays and tensors: ``np.array``, but differentiable.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> array([x**2, 1.0])[0].backward()
    >>> x.grad
    Tensor(6.)

    Raises:
        ValueError: the entries of a list differ in shape.
    """
    if isinstance(nested, Tensor):
        return nested.clone()
    if not isinstance(nested, (list, tuple)):
        return tensor(nested)
    if not nested:
        return Tensor(np.empty(0))
    entries = [array(entry) for entry in nested]
    if len({entry.shape for entry in entries}) > 1:
        raise ValueError(f"array: the entries of a list have shapes {[entry.shape for entry in entries]}")
    return np.stack(entries)  # type: ignore[return-value, arg-type]
