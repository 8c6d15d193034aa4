"""Checks of arguments that several layers share."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff import Tensor


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
