"""Batch normalisation: each channel by its mean and variance over the batch, or by running averages of these."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..arguments import array, untracked
from ..derived import derived, on_arrays
from ..module import Module
from ..parameter import Parameter, get_default_dtype
from .blocks import (
    Channels,
    affine,
    along,
    at,
    blocks,
    center_columns,
    center_rows,
    check_eps,
    in_one_dtype,
    on_demand,
    split,
    values,
)


def batch_norm(
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel (Ioffe and Szegedy 2015, arXiv:1502.03167).

    Args:
        x: of shape (N, C, ...).
        running_mean: the mean of each channel (C,), for evaluation; that of the batch is taken if it is None, where a
            single value per channel becomes the bias. Training writes a moving average into it, as PyTorch does.
        running_var: likewise the variance; what is averaged is the unbiased one, while the batch is divided by the
            biased one.
        weight: of shape (C,); 1 if None.
        bias: of shape (C,); 0 if None.
        training: whether to take the mean and the variance of the batch.
        momentum: ``running = (1 - momentum) * running + momentum * batch``.
        eps: is added to the variance.

    Raises:
        ValueError: shapes that do not fit, or a batch with a single value per channel in training.
        TypeError: running statistics that require grad.
    """
    x = array(x)
    check_eps("batch_norm", eps)
    mean = untracked("batch_norm", "running_mean", running_mean)
    var = untracked("batch_norm", "running_var", running_var)
    check_channels("batch_norm", x, running_mean=mean, running_var=var, weight=weight, bias=bias)
    if not training and mean is not None and var is not None:
        return batch_norm_evaluation(x, weight, bias, mean=mean, var=var, eps=eps)
    check_count(x.shape, least=2 if training else 1)
    statistics: dict[str, np.ndarray] = {}
    out = batch_norm_training(x, weight, bias, eps=eps, statistics=statistics)
    if training and mean is not None:
        mean[...] = moved(mean, statistics["mean"], momentum)
    if training and var is not None:
        var[...] = moved(var, unbiased(statistics["var"], count(x.shape)), momentum)
    return out


def check_channels(name: str, x: Any, **vectors: Any) -> None:
    """Raise ValueError unless x is (N, C, ...), and each vector has an entry for each of the C channels."""
    shape = x.shape
    if len(shape) < 2:
        raise ValueError(f"{name} takes an input of shape (N, C, ...), but was given {shape}")
    for argument, vector in vectors.items():
        if vector is not None and vector.shape != shape[1:2]:
            raise ValueError(
                f"{name}: {argument} has shape {vector.shape}, but the input {shape} has {shape[1]} channels"
            )


def count(shape: tuple[int, ...]) -> int:
    """How many values a channel has."""
    return shape[0] * math.prod(shape[2:])


def unbiased(var: np.ndarray, n: int) -> np.ndarray:
    """The estimate of a variance from that of n values about their own mean."""
    return var * (n / (n - 1))


def moved(running: np.ndarray, batch: np.ndarray, momentum: float) -> np.ndarray:
    """A running average one step further, in its dtype."""
    return ((1 - momentum) * running + momentum * batch).astype(running.dtype, copy=False)


def check_count(shape: tuple[int, ...], least: int = 2) -> None:
    """Raise ValueError for fewer values per channel: a single one would be normalised to 0 whatever it is."""
    if (n := count(shape)) < least:
        raise ValueError(
            f"batch norm in training takes more than one value per channel, but the input {shape} has {n}; give it a "
            "larger batch, or evaluate it after layer.eval()"
        )


def _training_on_arrays(
    x: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5, statistics: dict | None = None
) -> tuple:
    """Two passes over memory: one for the statistics, one to scale what the first has centred."""
    dtype, x, weight, bias = in_one_dtype(x, weight, bias)
    view = Channels(x.shape, x.dtype)
    y = np.empty(x.shape, x.dtype)
    rows, out = x.reshape(view.shape), y.reshape(view.shape)
    if view.columns:
        subtracted, rest, var = center_columns(rows, out)
        mean = np.add(subtracted, rest, dtype=float)
    else:
        each = np.empty((3, len(rows)))
        for piece in blocks(rows):
            each[:, piece] = center_rows(rows[piece], out[piece])
        subtracted, rest, squares = each.reshape(3, view.batch, view.channels)
        means = subtracted + rest
        mean = means.mean(0)
        var = (squares + np.square(means - mean)).mean(0)  # within the rows and between them
        rest = mean - subtracted
    inv = 1 / np.sqrt(var + eps)
    factor = inv if weight is None else inv * weight
    offset = -rest * factor if bias is None else bias - rest * factor
    factor, offset = view.spread(factor), view.spread(offset)
    for piece in reversed(blocks(rows)):  # from the end, which was written last
        part = out[piece]
        part *= at(factor, piece)
        part += at(offset, piece)
    if statistics is not None:
        statistics.update(mean=mean, var=var)
    return y.astype(dtype, copy=False), mean, inv


@derived(forward=_training_on_arrays, residuals=("mean", "inv"))
def batch_norm_training(
    x: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5, statistics: dict | None = None
) -> Any:
    """``xhat * weight + bias``, where ``xhat = (x - mean) * inv`` and ``inv = 1 / sqrt(var + eps)`` of each channel.

    Both mean and variance are those of the n values that the channel has in the batch. As functions of them,
    ``d mean / dx = 1 / n`` and ``d var / dx = 2 (x - mean) / n``, so ``d inv / dx = -inv^2 * xhat / n``. With
    ``h = g * weight``, the gradient for xhat::

        dx = inv * h - inv / n * sum(h) + sum(h * (x - mean)) * (-inv^2 * xhat / n)
           = inv / n * (n * h - sum(h) - xhat * sum(h * xhat))

    whose sums are the gradients of the other two: ``dbias = sum(g)``, ``dweight = sum(g * xhat)``.

    Args:
        x: of shape (N, C, ...).
        weight: of shape (C,), or None.
        bias: of shape (C,), or None.
        eps: is added to the variance.
        statistics: takes "mean" and "var", the biased variance, as arrays (C,).
    """
    axes = (0, *range(2, x.ndim))
    mean = x.mean(axis=axes)
    centred = x - along(1, mean, x.ndim)
    var = (centred * centred).mean(axis=axes)
    inv = 1 / np.sqrt(var + eps)
    if statistics is not None:
        statistics.update(mean=values(mean), var=values(var))
    xhat = centred * along(1, inv, x.ndim)
    return affine(xhat, along(1, weight, x.ndim), along(1, bias, x.ndim)), mean, inv


def _training_vjp_on_arrays(g: Any, x: Any, weight: Any, mean: Any, inv: Any) -> dict[str, Any]:
    """Two passes: ``sum(g)`` and ``sum(g * (x - mean))``, then dx as a linear combination of g and ``x - mean``."""
    _, x, g = in_one_dtype(x, g)
    view = Channels(x.shape, x.dtype)
    rows, cotangents = x.reshape(view.shape), g.reshape(view.shape)

    def compute(with_x: bool) -> dict[str, Any]:
        dx = np.empty(x.shape, x.dtype) if with_x else None
        of_g, with_centred, rest = view.sums(cotangents, rows, mean, None if dx is None else dx.reshape(view.shape))
        with_xhat = inv * with_centred
        if dx is None:
            return {"weight": with_xhat, "bias": of_g}
        factor = inv if weight is None else inv * weight
        slope = inv * with_xhat / -view.count
        offset = (of_g / -view.count - rest * slope) * factor
        _combine(dx.reshape(view.shape), view.spread(slope), cotangents, view.spread(factor), view.spread(offset))
        return {"x": dx, "weight": with_xhat, "bias": of_g}

    return on_demand(compute)


def _combine(x: np.ndarray, slope: np.ndarray, g: np.ndarray, factor: np.ndarray, offset: np.ndarray) -> None:
    """``x = (x * slope + g) * factor + offset``, in one pass, from the end, which was written last."""
    for piece in reversed(blocks(x)):
        part = x[piece]
        part *= at(slope, piece)
        part += g[piece]
        part *= at(factor, piece)
        part += at(offset, piece)


@batch_norm_training.gradient
@on_arrays(_training_vjp_on_arrays)
def _training_vjp(g: Any, x: Any, weight: Any, mean: Any, inv: Any) -> dict[str, Any]:
    axes = (0, *range(2, x.ndim))
    n = count(x.shape)
    inv_along = along(1, inv, x.ndim)
    xhat = (x - along(1, mean, x.ndim)) * inv_along
    of_g, with_xhat = g.sum(axis=axes), (g * xhat).sum(axis=axes)

    def of_x() -> Any:
        dx = inv_along / n * (n * g - along(1, of_g, x.ndim) - xhat * along(1, with_xhat, x.ndim))
        return dx if weight is None else dx * along(1, weight, x.ndim)

    return {"x": of_x, "weight": with_xhat, "bias": of_g}


def _evaluation_on_arrays(
    x: Any, weight: Any = None, bias: Any = None, *, mean: np.ndarray, var: np.ndarray, eps: float = 1e-5
) -> np.ndarray:
    """One pass over memory."""
    dtype, x, weight, bias = in_one_dtype(x, weight, bias)
    view = Channels(x.shape, x.dtype)
    rounded, rest = split(mean, x.dtype)
    factor = 1 / np.sqrt(var + eps)
    if weight is not None:
        factor = factor * weight
    offset = -rest * factor if bias is None else bias - rest * factor
    y = np.empty(x.shape, x.dtype)
    rows, out = x.reshape(view.shape), y.reshape(view.shape)
    subtracted, factor, offset = map(view.spread, (rounded, factor, offset))
    for piece in blocks(rows):
        part = np.subtract(rows[piece], at(subtracted, piece), out[piece])
        part *= at(factor, piece)
        part += at(offset, piece)
    return y.astype(dtype, copy=False)


@derived(forward=_evaluation_on_arrays)
def batch_norm_evaluation(
    x: Any, weight: Any = None, bias: Any = None, *, mean: np.ndarray, var: np.ndarray, eps: float = 1e-5
) -> Any:
    """``xhat * weight + bias`` with ``xhat = (x - mean) / sqrt(var + eps)`` of each channel, where both are constant.

    It is affine in x: ``dx = g * weight / sqrt(var + eps)``, ``dweight = sum(g * xhat)`` and ``dbias = sum(g)``.

    Args:
        x: of shape (N, C, ...).
        weight: of shape (C,), or None.
        bias: of shape (C,), or None.
        mean: of shape (C,).
        var: of shape (C,).
        eps: is added to the variance.
    """
    xhat = (x - along(1, mean, x.ndim)) / along(1, np.sqrt(var + eps), x.ndim)
    return affine(xhat, along(1, weight, x.ndim), along(1, bias, x.ndim))


def _evaluation_of_x(g: Any, weight: Any, var: Any, eps: Any) -> Any:
    factor = 1 / np.sqrt(var + eps)
    return g * along(1, factor if weight is None else factor * weight, g.ndim)


def _evaluation_of_weight_on_arrays(g: Any, x: Any, mean: Any, var: Any, eps: Any) -> Any:
    _, x, g = in_one_dtype(x, g)
    view = Channels(x.shape, x.dtype)
    _, with_centred, _ = view.sums(g.reshape(view.shape), x.reshape(view.shape), mean, None)
    return with_centred / np.sqrt(var + eps)


@on_arrays(_evaluation_of_weight_on_arrays)
def _evaluation_of_weight(g: Any, x: Any, mean: Any, var: Any, eps: Any) -> Any:
    centred = x - along(1, mean, x.ndim)
    return (g * centred).sum(axis=(0, *range(2, x.ndim))) / np.sqrt(var + eps)


batch_norm_evaluation.gradient(
    x=_evaluation_of_x,
    weight=_evaluation_of_weight,
    bias=lambda g: g.sum(axis=(0, *range(2, g.ndim))),
)


class RunningNorm(Module):
    """What batch and instance norm have in common: parameters and running averages of each channel.

    The parameters ``weight``, of ones, and ``bias``, of zeros, are there if ``affine``; the buffers ``running_mean``,
    ``running_var`` (unbiased) and ``num_batches_tracked`` if ``track_running_stats``.
    """

    optional_buffers = ("num_batches_tracked",)  # old checkpoints of PyTorch lack it
    dims: tuple[int, ...] = ()
    """How many axes the input can have."""
    axes = ""
    """Which they are."""
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        check_eps(type(self).__name__, eps)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.dtype = dtype
        buffers = get_default_dtype() if dtype is None else dtype
        self.weight = Parameter(np.ones(num_features), dtype=dtype) if affine else None
        self.bias = Parameter(np.zeros(num_features), dtype=dtype) if affine and bias else None
        self.register_buffer("running_mean", np.zeros(num_features, buffers) if track_running_stats else None)
        self.register_buffer("running_var", np.ones(num_features, buffers) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", np.array(0) if track_running_stats else None)

    def take(self, x: Any) -> Any:
        """The input as an array or tensor; ValueError if its shape is one that the layer does not take."""
        x = array(x)
        if len(x.shape) not in self.dims or x.shape[1] != self.num_features:
            raise ValueError(f"the input has shape {x.shape}")
        return x

    def count_batch(self) -> None:
        """Count a batch seen in training."""
        if self.num_batches_tracked is not None:
            self.num_batches_tracked = np.asarray(self.num_batches_tracked + 1)

    def track(self, mean: np.ndarray, var: np.ndarray) -> None:
        """Move the running averages, those that are not None, towards the mean and (unbiased) variance of a batch."""
        momentum = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        if self.running_mean is not None:
            self.running_mean = moved(self.running_mean, mean, momentum)
        if self.running_var is not None:
            self.running_var = moved(self.running_var, var, momentum)

    @property
    def expects(self) -> str:
        """The shape of the input."""
        return self.axes.replace("C", str(self.num_features))


class BatchNorm(RunningNorm):
    """Each channel by its mean and variance over the batch, in evaluation by running averages of them."""

    def forward(self, x: Any) -> Any:
        x = self.take(x)
        if not self.training and self.running_mean is not None:
            running = {"mean": self.running_mean, "var": self.running_var}
            return batch_norm_evaluation(x, self.weight, self.bias, **running, eps=self.eps)
        check_count(x.shape)
        statistics: dict[str, np.ndarray] = {}
        out = batch_norm_training(x, self.weight, self.bias, eps=self.eps, statistics=statistics)
        if self.training and self.track_running_stats:
            self.count_batch()
            self.track(statistics["mean"], unbiased(statistics["var"], count(x.shape)))
        return out


class BatchNorm1d(BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L); see ``nn.functional.batch_norm``.

    The parameters ``weight``, of ones, and ``bias``, of zeros, have the shape (C,), and so have the buffers
    ``running_mean`` and ``running_var``; ``num_batches_tracked`` counts the batches seen in training.

    Args:
        num_features: C.
        eps: is added to the variance.
        momentum: the weight of the newest batch in the running averages; None for the mean of all batches.
        affine: whether there are ``weight`` and ``bias``.
        track_running_stats: whether there are running averages; without them the batch's are used in evaluation too.
        bias: whether there is ``bias``, if ``weight`` is there.
        dtype: that of parameters and running averages; float32 unless ``set_default_dtype`` says otherwise.

    >>> import numpy as np
    >>> layer = BatchNorm1d(2, dtype=float)
    >>> x = np.array([[1.0, 4.0], [7.0, 0.0], [1.0, 0.0], [7.0, 4.0]])
    >>> layer(x).round(3)
    array([[-1.,  1.],
           [ 1., -1.],
           [-1., -1.],
           [ 1.,  1.]])
    >>> layer.running_mean, layer.eval()(x)[0].round(3)
    (array([0.4, 0.2]), array([0.414, 3.174]))
    """

    dims, axes = (2, 3), "(N, C) or (N, C, L)"


class BatchNorm2d(BatchNorm):
    """Batch normalisation of (N, C, H, W); everything else is as in ``BatchNorm1d``."""

    dims, axes = (4,), "(N, C, H, W)"
