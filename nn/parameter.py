"""Parameters: the tensors that a module learns, and the dtype they have by default."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from autodiff import Tensor

_default_dtype: np.dtype = np.dtype(np.float32)


def set_default_dtype(dtype: DTypeLike) -> None:
    """Give parameters made from now on this dtype, unless they are told otherwise; float32 at first.

    Raises:
        TypeError: it is not a floating-point dtype.
    """
    global _default_dtype
    chosen = np.dtype(dtype)
    if chosen.kind != "f":
        raise TypeError(f"parameters are floating-point: the default dtype cannot be {chosen}")
    _default_dtype = chosen


def get_default_dtype() -> np.dtype:
    """The dtype of parameters that are not told otherwise."""
    return _default_dtype


class Parameter(Tensor):
    """A tensor that is learnt: it requires grad, and a module it is an attribute of finds it.

    Args:
        data: anything ``numpy.asarray`` takes, or a tensor.
        requires_grad: False for a parameter that is frozen.
        dtype: NumPy's; the default of ``set_default_dtype`` if not given, whatever the dtype of ``data``.
    """

    __slots__ = ()

    def __init__(self, data: ArrayLike | Tensor, requires_grad: bool = True, dtype: DTypeLike | None = None) -> None:
        if data is None:
            raise TypeError("Parameter takes an array of numbers, not None; numpy.zeros(shape) is one")
        super().__init__(data, requires_grad, _default_dtype if dtype is None else dtype)
