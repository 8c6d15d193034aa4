"""Options of activations: numbers and axes, which have no gradient."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..arguments import array, untracked


def floating(x: Any) -> Any:
    """Integers and booleans in double precision, of which NumPy would take small ones for half precision."""
    x = array(x)
    return x.astype(np.float64) if x.dtype.kind in "biu" else x


def number(function: str, argument: str, value: Any) -> float:
    """An option as a Python number, which leaves single precision single.

    >>> number("elu", "alpha", 1)
    1.0

    Raises:
        TypeError: it is no number, or a tensor that requires grad.
    """
    plain = untracked(function, argument, value)
    try:
        return float(plain)
    except (TypeError, ValueError):
        raise TypeError(f"{function}: {argument} is a number, not {value!r}") from None


def as_index(name: str, dim: Any) -> int:
    """The number of an axis.

    Raises:
        TypeError: ``dim`` is no integer; None, with which PyTorch guesses, is none.
    """
    try:
        return operator.index(dim)
    except TypeError:
        raise TypeError(f"{name}: dim is the integer of an axis, not {dim!r}") from None


def axis_of(function: str, x: Any, dim: Any) -> int:
    """The axis that ``dim`` means, as a number from 0 on; a 0-d array counts as one with a single axis.

    >>> axis_of("softmax", np.ones((2, 3)), -1)
    1

    Raises:
        TypeError: ``dim`` is no integer.
        ValueError: ``x`` has no such axis.
    """
    dim = as_index(function, dim)
    ndim = max(np.ndim(x), 1)
    if not -ndim <= dim < ndim:
        raise ValueError(f"{function}: dim={dim} is no axis of an array of shape {np.shape(x)}")
    return dim % ndim
