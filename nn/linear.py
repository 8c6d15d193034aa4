"""Affine maps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .derived import derived
from .init import uniform
from .module import Module
from .parameter import Parameter


def _linear_on_arrays(x: Any, weight: Any, bias: Any = None) -> Any:
    """The same with the bias added in place, in one pass over memory less."""
    y = x @ weight.T
    if bias is None:
        return y
    return np.add(y, bias, out=y) if bias.dtype == y.dtype else y + bias


@derived(forward=_linear_on_arrays)
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """``x @ weight.T + bias`` for x of shape (..., in), weight (out, in), bias (out,) or None."""
    y = x @ weight.T
    return y if bias is None else y + bias


linear.gradient(
    x=lambda g, weight: g @ weight,
    weight=lambda g, x: _rows(g).T @ _rows(x),
    bias=lambda g: np.add.reduce(_rows(g), 0),
)


def _rows(a: Any) -> Any:
    """All leading axes as one."""
    return a if a.ndim == 2 else a.reshape(math.prod(a.shape[:-1]), a.shape[-1])


class Linear(Module):
    """``x @ weight.T + bias`` on the last axis of x.

    The parameters ``weight`` (out_features, in_features) and ``bias`` (out_features,) start out uniform between
    -1/sqrt(in_features) and 1/sqrt(in_features), as in PyTorch.

    Args:
        in_features: the length of the last axis of the input.
        out_features: the length of the last axis of the output.
        bias: whether there is one.
        dtype: that of the parameters; float32 unless ``set_default_dtype`` says otherwise.

    Raises:
        ValueError: a negative size.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: DTypeLike | None = None) -> None:
        if in_features < 0 or out_features < 0:
            raise ValueError(f"Linear(in_features={in_features}, out_features={out_features}): sizes are not negative")
        self.in_features = in_features
        self.out_features = out_features
        self.dtype = dtype
        bound = 1 / math.sqrt(in_features) if in_features else 0.0
        self.weight = Parameter(uniform((out_features, in_features), -bound, bound), dtype=dtype)
        self.bias = Parameter(uniform((out_features,), -bound, bound), dtype=dtype) if bias else None

    def forward(self, x: Any) -> Any:
        return linear(x, self.weight, self.bias)
