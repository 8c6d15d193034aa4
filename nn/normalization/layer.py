"""Normalisations of each row by itself: layer norm and RMS norm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..arguments import array
from ..derived import derived, on_arrays
from ..module import Module
from ..parameter import Parameter
from ..sums import ones
from .blocks import affine, blocks, center_rows, check_eps, in_one_dtype, on_demand, scratch, split, total

Shape = int | Sequence[int]

EPSILON = {np.dtype(t): float(np.finfo(t).eps) for t in (np.float32, np.float64, np.longdouble)}


def layer_norm(x: Any, normalized_shape: Shape, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` over the last axes (Ba et al. 2016, arXiv:1607.06450).

    Args:
        x: of shape (..., *normalized_shape).
        normalized_shape: the lengths of the axes over which mean and (biased) variance are taken.
        weight: of this shape; 1 if None.
        bias: of this shape; 0 if None.
        eps: is added to the variance.

    Raises:
        ValueError: shapes that do not fit.
    """
    x = array(x)
    check_eps("layer_norm", eps)
    dims = _check("layer_norm", x, normalized_shape, weight=weight, bias=bias)
    return layer_norm_of_last(x, weight, bias, dims=dims, eps=eps)


def rms_norm(x: Any, normalized_shape: Shape, weight: Any = None, eps: float | None = None) -> Any:
    """``x / sqrt(mean(x^2) + eps) * weight`` over the last axes (Zhang and Sennrich 2019, arXiv:1910.07467).

    Args:
        x: of shape (..., *normalized_shape).
        normalized_shape: the lengths of the axes over which the mean is taken.
        weight: of this shape; 1 if None.
        eps: is added to the mean square; None for the machine epsilon of the dtype of x.

    Raises:
        ValueError: shapes that do not fit.
    """
    x = array(x)
    check_eps("rms_norm", eps)
    dims = _check("rms_norm", x, normalized_shape, weight=weight)
    eps = float(np.finfo(x.dtype if x.dtype.kind == "f" else float).eps) if eps is None else eps
    return rms_norm_of_last(x, weight, dims=dims, eps=eps)


def _as_shape(name: str, normalized_shape: Shape) -> tuple[int, ...]:
    shape = (normalized_shape,) if isinstance(normalized_shape, (int, np.integer)) else tuple(normalized_shape)
    if not shape:
        raise ValueError(f"{name}: normalized_shape has the length of one axis at least, but is {normalized_shape}")
    return shape


def _check(name: str, x: Any, normalized_shape: Shape, **parameters: Any) -> int:
    """How many axes are normalised over."""
    shape = _as_shape(name, normalized_shape)
    if x.shape[-len(shape) :] != shape:
        raise ValueError(f"{name} over {shape} takes an input whose last axes are these, but was given {x.shape}")
    for argument, value in parameters.items():
        if value is not None and value.shape != shape:
            raise ValueError(f"{name} over {shape}: {argument} has shape {value.shape}")
    return len(shape)


def _as_rows(x: Any, dims: int) -> Any:
    """A matrix with a row for what is normalised by itself."""
    outer = math.prod(x.shape[: x.ndim - dims])
    return x.reshape(outer, math.prod(x.shape[x.ndim - dims :]))


def _last(dims: int) -> tuple[int, ...]:
    return tuple(range(-dims, 0))


def _layer_on_arrays(x: Any, weight: Any = None, bias: Any = None, *, dims: int = 1, eps: float = 1e-5) -> tuple:
    """One pass over memory: each block is normalised while it is in the cache."""
    dtype, x, weight, bias = in_one_dtype(x, weight, bias)
    rows = _as_rows(x, dims)
    out, mean, inv = np.empty(rows.shape, x.dtype), np.empty((len(rows), 1)), np.empty((len(rows), 1), x.dtype)
    for piece in blocks(rows):
        part = out[piece]
        mean[piece, 0], rest, var = center_rows(rows[piece], part)
        mean[piece, 0] += rest
        inv[piece, 0] = 1 / np.sqrt(var + eps)
        _subtract_rest(part, rest[:, None], inv[piece])
        part *= inv[piece]
        _affine_in_place(part, weight, bias)
    kept = x.shape[: x.ndim - dims] + (1,) * dims
    return out.reshape(x.shape).astype(dtype, copy=False), mean.reshape(kept), inv.reshape(kept)


def _subtract_rest(part: np.ndarray, rest: np.ndarray, inv: np.ndarray) -> None:
    """Subtract what rounding the means left, if it is more than some rounding errors of what is normalised."""
    if np.abs(rest * inv).max(initial=0) > 8 * EPSILON[part.dtype]:
        part -= rest


def _affine_in_place(part: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None) -> None:
    if weight is not None:
        part *= weight.reshape(-1)
    if bias is not None:
        part += bias.reshape(-1)


@derived(forward=_layer_on_arrays, residuals=("mean", "inv"))
def layer_norm_of_last(x: Any, weight: Any = None, bias: Any = None, *, dims: int = 1, eps: float = 1e-5) -> Any:
    """``xhat * weight + bias``, where ``xhat = (x - mean) * inv`` and ``inv = 1 / sqrt(var + eps)`` of each row.

    A row is what the last ``dims`` axes hold, n entries. It is normalised as a channel in ``batch_norm_training``, so
    with ``h = g * weight``::

        dx = inv / n * (n * h - sum(h) - xhat * sum(h * xhat))

    with sums over each row, while ``dbias = sum(g)`` and ``dweight = sum(g * xhat)`` sum over all rows.
    """
    axes = _last(dims)
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    inv = 1 / np.sqrt((centred * centred).mean(axis=axes, keepdims=True) + eps)
    return affine(centred * inv, weight, bias), mean, inv


def _rms_on_arrays(x: Any, weight: Any = None, *, dims: int = 1, eps: float) -> tuple:
    """One pass over memory."""
    dtype, x, weight = in_one_dtype(x, weight)
    rows = _as_rows(x, dims)
    out, inv = np.empty(rows.shape, x.dtype), np.empty((len(rows), 1), x.dtype)
    for piece in blocks(rows):
        part = rows[piece]
        inv[piece, 0] = 1 / np.sqrt(np.vecdot(part, part) / max(rows.shape[1], 1) + eps)
        _affine_in_place(np.multiply(part, inv[piece], out=out[piece]), weight, None)
    kept = x.shape[: x.ndim - dims] + (1,) * dims
    return out.reshape(x.shape).astype(dtype, copy=False), inv.reshape(kept)


@derived(forward=_rms_on_arrays, residuals=("inv",))
def rms_norm_of_last(x: Any, weight: Any = None, *, dims: int = 1, eps: float) -> Any:
    """``x * inv * weight``, where ``inv = 1 / sqrt(mean(x^2) + eps)`` of each row.

    As ``d inv / dx = -inv^3 * x / n``, with ``h = g * weight`` and ``xhat = x * inv``::

        dx = inv * h + sum(h * x) * (-inv^3 * x / n) = inv / n * (n * h - xhat * sum(h * xhat))

    with the sum over each row, while ``dweight = sum(g * xhat)`` sums over all rows.
    """
    inv = 1 / np.sqrt((x * x).mean(axis=_last(dims), keepdims=True) + eps)
    return affine(x * inv, weight, None), inv


def _vjp_on_arrays(g: Any, x: Any, weight: Any, mean: Any, inv: Any, dims: int) -> dict[str, Any]:
    """One pass over memory for all three gradients; ``mean`` is None for RMS norm."""
    _, x, g, weight, inv = in_one_dtype(x, g, weight, inv)
    rows, cotangents, inv = _as_rows(x, dims), _as_rows(g, dims), inv.reshape(-1, 1)
    n = rows.shape[1]
    row = ones(n, x.dtype) if weight is None else weight.reshape(n)
    subtracted: Any = None
    rest: Any = None
    if mean is not None:
        subtracted, rest = split(mean.reshape(-1, 1), x.dtype)

    def compute(with_x: bool) -> dict[str, Any]:
        pieces = blocks(rows)
        dx = np.empty(x.shape if with_x else (0, n), x.dtype)
        out, t, product = dx.reshape(len(rows) if with_x else 0, n), scratch(rows, pieces), scratch(rows, pieces)
        of_weight, of_bias = [], []
        for piece in pieces:
            part, centred, inv_part = cotangents[piece], rows[piece], inv[piece]
            if subtracted is not None:
                centred = np.subtract(centred, subtracted[piece], t[: len(part)])
                _subtract_rest(centred, rest[piece], inv_part)
            gt = np.multiply(part, centred, product[: len(part)])
            of_weight.append(inv_part[:, 0].dot(gt))
            of_bias.append(ones(len(part), x.dtype).dot(part))
            if with_x:
                slope = (gt @ row)[:, None] * inv_part**2 / -n
                found = np.multiply(centred, slope, out[piece])
                found += part if weight is None else np.multiply(part, row, gt)
                if subtracted is not None:
                    found -= ((part @ row) / n)[:, None]
                found *= inv_part
        shape = x.shape[x.ndim - dims :]
        return {"x": dx, "weight": total(of_weight).reshape(shape), "bias": total(of_bias).reshape(shape)}

    return on_demand(compute)


@layer_norm_of_last.gradient
@on_arrays(_vjp_on_arrays)
def _layer_vjp(g: Any, x: Any, weight: Any, mean: Any, inv: Any, dims: int) -> dict[str, Any]:
    axes, rows = _last(dims), tuple(range(x.ndim - dims))
    xhat = (x - mean) * inv
    h = g if weight is None else g * weight

    def of_x() -> Any:
        return inv * (h - h.mean(axis=axes, keepdims=True) - xhat * (h * xhat).mean(axis=axes, keepdims=True))

    return {"x": of_x, "weight": lambda: (g * xhat).sum(axis=rows), "bias": lambda: g.sum(axis=rows)}


def _rms_vjp_on_arrays(g: Any, x: Any, weight: Any, inv: Any, dims: int) -> dict[str, Any]:
    return _vjp_on_arrays(g, x, weight, None, inv, dims)


@rms_norm_of_last.gradient
@on_arrays(_rms_vjp_on_arrays)
def _rms_vjp(g: Any, x: Any, weight: Any, inv: Any, dims: int) -> dict[str, Any]:
    axes, rows = _last(dims), tuple(range(x.ndim - dims))
    xhat = x * inv
    h = g if weight is None else g * weight
    return {
        "x": lambda: inv * (h - xhat * (h * xhat).mean(axis=axes, keepdims=True)),
        "weight": lambda: (g * xhat).sum(axis=rows),
    }


class LayerNorm(Module):
    """The last axes of the input by their own mean and variance; see ``nn.functional.layer_norm``.

    The parameters ``weight``, of ones, and ``bias``, of zeros, have the shape ``normalized_shape``.

    Args:
        normalized_shape: the lengths of the axes to normalise over, or that of the last one.
        eps: is added to the variance.
        elementwise_affine: whether there are ``weight`` and ``bias``.
        bias: whether there is ``bias``, if ``weight`` is there.
        dtype: that of the parameters; float32 unless ``set_default_dtype`` says otherwise.
    """

    def __init__(
        self,
        normalized_shape: Shape,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        check_eps("LayerNorm", eps)
        self.normalized_shape = _as_shape("LayerNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.dtype = dtype
        shape = self.normalized_shape
        self.weight = Parameter(np.ones(shape), dtype=dtype) if elementwise_affine else None
        self.bias = Parameter(np.zeros(shape), dtype=dtype) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    @property
    def expects(self) -> str:
        """The shape of the input."""
        return f"({', '.join(map(str, ('...', *self.normalized_shape)))})"


class RMSNorm(Module):
    """The last axes of the input by their own root mean square; see ``nn.functional.rms_norm``.

    The parameter ``weight``, of ones, has the shape ``normalized_shape``.

    Args:
        normalized_shape: the lengths of the axes to normalise over, or that of the last one.
        eps: is added to the mean square; None for the machine epsilon of the input's dtype.
        elementwise_affine: whether there is ``weight``.
        dtype: that of the parameter; float32 unless ``set_default_dtype`` says otherwise.
    """

    def __init__(
        self,
        normalized_shape: Shape,
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        check_eps("RMSNorm", eps)
        self.normalized_shape = _as_shape("RMSNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.dtype = dtype
        self.weight = Parameter(np.ones(self.normalized_shape), dtype=dtype) if elementwise_affine else None

    def forward(self, x: Any) -> Any:
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)

    expects = LayerNorm.expects
