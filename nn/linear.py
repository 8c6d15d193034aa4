"""Affine and bilinear maps."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .arguments import array
from .derived import derived
from .init import draw_uniform
from .module import Module
from .parameter import Parameter
from .random import Seed, generator
from .sums import sum_of_rows


def _linear_on_arrays(x: Any, weight: Any, bias: Any = None) -> Any:
    """The same with the bias added in place, in one pass over memory less."""
    x = array(x)
    _check_linear(x, weight, bias)
    y = x @ weight.T
    if bias is None:
        return y
    return np.add(y, bias, out=y) if bias.dtype == y.dtype else y + bias


@derived(forward=_linear_on_arrays)
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """``x @ weight.T + bias`` for x of shape (..., in), weight (out, in), bias (out,) or None.

    With ``y[n, o] = sum_i x[n, i] weight[o, i] + bias[o]`` for the rows n of x, and g the cotangent of y::

        dx[n, i]      = sum_o g[n, o] weight[o, i]
        dweight[o, i] = sum_n g[n, o] x[n, i]
        dbias[o]      = sum_n g[n, o]

    Raises:
        ValueError: the shapes do not fit.
    """
    _check_linear(x, weight, bias)
    y = x @ weight.T
    return y if bias is None else y + bias


linear.gradient(
    x=lambda g, weight: g @ weight,
    weight=lambda g, x: _rows(g).T @ _rows(x),
    bias=lambda g: sum_of_rows(_rows(g)),
)


def _rows(a: Any) -> Any:
    """All leading axes as one."""
    return a if a.ndim == 2 else a.reshape(math.prod(a.shape[:-1]), a.shape[-1])


def _check_linear(x: Any, weight: Any, bias: Any) -> None:
    shape = weight.shape
    if x.shape[-1:] != shape[1:] or (bias is not None and bias.shape != shape[:1]):
        raise ValueError(
            f"linear takes x (..., in), weight (out, in) and bias (out,), but was given x {x.shape}, weight {shape}"
            + (f" and bias {bias.shape}" if bias is not None else "")
        )


@derived
def bilinear(x1: Any, x2: Any, weight: Any, bias: Any = None) -> Any:
    """``x1 @ weight[o] @ x2 + bias[o]`` for each output o: a linear map of the outer product of x1 and x2.

    With ``P[n, i, j] = x1[n, i] x2[n, j]`` and ``y[n, o] = sum_ij P[n, i, j] weight[o, i, j] + bias[o]``, as for
    ``linear``, and with the product rule::

        dP[n, i, j]      = sum_o g[n, o] weight[o, i, j]
        dx1[n, i]        = sum_j dP[n, i, j] x2[n, j]
        dx2[n, j]        = sum_i dP[n, i, j] x1[n, i]
        dweight[o, i, j] = sum_n g[n, o] P[n, i, j]
        dbias[o]         = sum_n g[n, o]

    Args:
        x1: of shape (..., in1).
        x2: of shape (..., in2), with the same leading axes.
        weight: of shape (out, in1, in2).
        bias: of shape (out,), or None.

    Raises:
        ValueError: the shapes do not fit.
    """
    x1, x2 = array(x1), array(x2)
    _check_bilinear(x1, x2, weight, bias)
    y = _flat(_outer(x1, x2)) @ _flat(weight).T
    return y if bias is None else y + bias


@bilinear.gradient
def _(g: Any, x1: Any, x2: Any, weight: Any) -> dict[str, Any]:
    @cache
    def of_outer() -> Any:
        return np.tensordot(g, weight, 1)

    return {
        "x1": lambda: np.matmul(of_outer(), x2[..., None])[..., 0],
        "x2": lambda: np.matmul(x1[..., None, :], of_outer())[..., 0, :],
        "weight": lambda: (_rows(g).T @ _rows(_flat(_outer(x1, x2)))).reshape(weight.shape),
        "bias": lambda: sum_of_rows(_rows(g)),
    }


def _outer(x1: Any, x2: Any) -> Any:
    return x1[..., :, None] * x2[..., None, :]


def _flat(outer: Any) -> Any:
    """The last two axes as one."""
    *leading, n, m = outer.shape
    return outer.reshape(*leading, n * m)


def _check_bilinear(x1: Any, x2: Any, weight: Any, bias: Any) -> None:
    shape = weight.shape
    fits = len(shape) == 3 and (x1.shape[-1:], x2.shape[-1:]) == (shape[1:2], shape[2:])
    if not fits or x1.shape[:-1] != x2.shape[:-1] or (bias is not None and bias.shape != shape[:1]):
        raise ValueError(
            "bilinear takes x1 (..., in1), x2 (..., in2) with the same leading axes, weight (out, in1, in2) and "
            f"bias (out,), but was given x1 {x1.shape}, x2 {x2.shape}, weight {shape}"
            + (f" and bias {bias.shape}" if bias is not None else "")
        )


def _check_sizes(layer: str, **sizes: int) -> None:
    if min(sizes.values()) < 0:
        given = ", ".join(f"{name}={size}" for name, size in sizes.items())
        raise ValueError(f"{layer}({given}): sizes are not negative")


class Identity(Module):
    """Its input, as it is; arguments of the constructor are accepted and ignored, as in PyTorch."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def forward(self, x: Any) -> Any:
        return x


class Linear(Module):
    """``x @ weight.T + bias`` on the last axis of x.

    The parameters ``weight`` (out_features, in_features) and ``bias`` (out_features,) start out uniform between
    -1/sqrt(in_features) and 1/sqrt(in_features), as in PyTorch.

    >>> import numpy as np
    >>> Linear(4, 3)(np.ones((2, 4))).shape
    (2, 3)

    Args:
        in_features: the length of the last axis of the input.
        out_features: the length of the last axis of the output.
        bias: whether there is one.
        dtype: that of the parameters; float32 unless ``set_default_dtype`` says otherwise.
        rng: a generator or seed for the initial values; that of ``nn.manual_seed`` if not given.

    Raises:
        ValueError: a negative size.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rng: Seed = None,
    ) -> None:
        _check_sizes("Linear", in_features=in_features, out_features=out_features)
        self.in_features = in_features
        self.out_features = out_features
        self.dtype = dtype
        bound = 1 / math.sqrt(in_features) if in_features else 0.0
        draw = generator(rng)
        self.weight = Parameter(draw_uniform((out_features, in_features), -bound, bound, draw), dtype=dtype)
        self.bias = Parameter(draw_uniform((out_features,), -bound, bound, draw), dtype=dtype) if bias else None

    def forward(self, x: Any) -> Any:
        return linear(x, self.weight, self.bias)

    @property
    def expects(self) -> str:
        return f"(..., {self.in_features})"


class Bilinear(Module):
    """``x1 @ weight[o] @ x2 + bias[o]`` for each output o, on the last axes of x1 and x2.

    The parameters ``weight`` (out_features, in1_features, in2_features) and ``bias`` (out_features,) start out uniform
    between -1/sqrt(in1_features) and 1/sqrt(in1_features), as in PyTorch.

    Args:
        in1_features: the length of the last axis of the first input.
        in2_features: the length of the last axis of the second input.
        out_features: the length of the last axis of the output.
        bias: whether there is one.
        dtype: that of the parameters; float32 unless ``set_default_dtype`` says otherwise.
        rng: a generator or seed for the initial values; that of ``nn.manual_seed`` if not given.

    Raises:
        ValueError: a negative size.
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rng: Seed = None,
    ) -> None:
        _check_sizes("Bilinear", in1_features=in1_features, in2_features=in2_features, out_features=out_features)
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.dtype = dtype
        bound = 1 / math.sqrt(in1_features) if in1_features else 0.0
        draw, shape = generator(rng), (out_features, in1_features, in2_features)
        self.weight = Parameter(draw_uniform(shape, -bound, bound, draw), dtype=dtype)
        self.bias = Parameter(draw_uniform((out_features,), -bound, bound, draw), dtype=dtype) if bias else None

    def forward(self, x1: Any, x2: Any) -> Any:
        return bilinear(x1, x2, self.weight, self.bias)

    @property
    def expects(self) -> str:
        return f"(..., {self.in1_features}), (..., {self.in2_features})"
