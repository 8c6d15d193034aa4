"""What becomes of arguments before they are computed with, in all layers alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff import Tensor


def array(value: Any) -> Any:
    """A tensor or an array as it is, anything else as an array.

    >>> array([1.0, 2.0])
    array([1., 2.])
    """
    return value if isinstance(value, (Tensor, np.ndarray)) else np.asarray(value)


def untracked(function: str, argument: str, value: Any) -> Any:
    """An argument that has no gradient, as an array; None stays None.

    >>> untracked("cross_entropy", "weight", [1.0, 2.0])
    array([1., 2.])

    Raises:
        TypeError: a tensor that requires grad, which would be lost.
    """
    if isinstance(value, Tensor):
        if value.requires_grad:
            raise TypeError(f"{function} has no gradient with respect to {argument}; pass {argument}.detach()")
        return value.data
    return value if value is None else np.asarray(value)
