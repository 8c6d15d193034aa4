"""Normalisations within each sample: group norm, and instance norm, whose groups are the single channels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..arguments import array, untracked
from ..derived import derived, on_arrays
from ..module import Module
from ..parameter import Parameter
from ..sums import ones
from .batch import RunningNorm, batch_norm_evaluation, check_channels, moved, unbiased
from .blocks import affine, along, blocks, center_rows, check_eps, in_one_dtype, on_demand, scratch, split, values


def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` in each sample and group of channels.

    Wu and He 2018, arXiv:1803.08494.

    Args:
        x: of shape (N, C, ...).
        num_groups: how many groups the channels are divided into, C being a multiple of it.
        weight: one for each channel (C,); 1 if None.
        bias: one for each channel (C,); 0 if None.
        eps: is added to the variance, which is the biased one.

    Raises:
        ValueError: shapes that do not fit.
    """
    x = array(x)
    check_eps("group_norm", eps)
    check_channels("group_norm", x, weight=weight, bias=bias)
    if num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(f"group_norm: the {x.shape[1]} channels of {x.shape} are not divisible by {num_groups} groups")
    return group_norm_of_channels(x, weight, bias, groups=num_groups, eps=eps)


def instance_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` in each sample and channel.

    Ulyanov, Vedaldi and Lempitsky 2016, arXiv:1607.08022.

    Args:
        x: of shape (N, C, L, ...).
        running_mean: the mean of each channel (C,) where ``use_input_stats`` is False. Else the mean over the batch
            of those of the samples is averaged into it, as PyTorch does.
        running_var: likewise the variance; what is averaged is the unbiased one.
        weight: of shape (C,); 1 if None.
        bias: of shape (C,); 0 if None.
        use_input_stats: whether to take mean and variance of the sample.
        momentum: ``running = (1 - momentum) * running + momentum * batch``.
        eps: is added to the variance.

    Raises:
        ValueError: shapes that do not fit, a sample with a single value per channel, or no statistics to use.
        TypeError: running statistics that require grad.
    """
    x = array(x)
    check_eps("instance_norm", eps)
    mean = untracked("instance_norm", "running_mean", running_mean)
    var = untracked("instance_norm", "running_var", running_var)
    check_channels("instance_norm", x, running_mean=mean, running_var=var, weight=weight, bias=bias)
    if not use_input_stats:
        if mean is None or var is None:
            raise ValueError("instance_norm with use_input_stats=False takes running_mean and running_var")
        return batch_norm_evaluation(x, weight, bias, mean=mean, var=var, eps=eps)
    out, statistics = _by_instance(x, weight, bias, eps)
    for running, batch in zip((mean, var), statistics, strict=True):
        if running is not None:
            running[...] = moved(running, batch, momentum)
    return out


def _by_instance(x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, tuple[np.ndarray, np.ndarray]]:
    """Instance norm; also the means over the batch of its means and its unbiased variances."""
    n = math.prod(x.shape[2:])
    if n < 2:
        raise ValueError(f"instance norm takes more than one value per sample and channel, but was given {x.shape}")
    if not x.shape[0]:
        raise ValueError(f"instance norm takes one sample at least, but was given {x.shape}")
    statistics: dict[str, np.ndarray] = {}
    out = group_norm_of_channels(x, weight, bias, groups=x.shape[1], eps=eps, statistics=statistics)
    return out, (statistics["mean"].mean(0), unbiased(statistics["var"].mean(0), n))


def _per_row(vector: Any, batch: int, groups: int) -> Any:
    """A vector (C,) as a matrix with a row for each group of each sample; None stays None."""
    if vector is None:
        return None
    shape = (groups, len(vector) // groups)
    return np.broadcast_to(vector.reshape(shape), (batch, *shape)).reshape(batch * groups, shape[1])


def _forward_on_arrays(
    x: Any, weight: Any = None, bias: Any = None, *, groups: int, eps: float = 1e-5, statistics: dict | None = None
) -> tuple:
    """One pass over memory: each block is normalised while it is in the cache."""
    dtype, x, weight, bias = in_one_dtype(x, weight, bias)
    batch, channels = x.shape[:2]
    inner = math.prod(x.shape[2:])
    rows = x.reshape(batch * groups, channels // groups * inner)
    out, moments = np.empty(rows.shape, x.dtype), np.empty((3, len(rows)))
    weight, bias = _per_row(weight, batch, groups), _per_row(bias, batch, groups)
    for piece in blocks(rows):
        subtracted, rest, var = center_rows(rows[piece], out[piece])
        inv = 1 / np.sqrt(var.astype(float) + eps)
        moments[:, piece] = subtracted, var, inv
        moments[0, piece] += rest
        factor = inv[:, None] if weight is None else inv[:, None] * weight[piece]
        offset = -rest[:, None] * factor
        if bias is not None:
            offset = offset + bias[piece]
        part = out[piece].reshape(len(rest), channels // groups, inner)
        part *= factor.astype(x.dtype, copy=False)[:, :, None]
        part += offset.astype(x.dtype, copy=False)[:, :, None]
    mean, var, inv = moments.reshape(3, batch, groups)
    if statistics is not None:
        statistics.update(mean=mean, var=var)
    return out.reshape(x.shape).astype(dtype, copy=False), mean, inv


@derived(forward=_forward_on_arrays, residuals=("mean", "inv"))
def group_norm_of_channels(
    x: Any, weight: Any = None, bias: Any = None, *, groups: int, eps: float = 1e-5, statistics: dict | None = None
) -> Any:
    """``xhat * weight + bias``, where ``xhat = (x - mean) * inv``, ``inv = 1 / sqrt(var + eps)`` in each group.

    A group of channels of one sample, n entries, is normalised as a channel in ``batch_norm_training``, so with
    ``h = g * weight``::

        dx = inv / n * (n * h - sum(h) - xhat * sum(h * xhat))

    with sums over the group, while ``dbias = sum(g)`` and ``dweight = sum(g * xhat)`` sum over all of the channel.

    Args:
        x: of shape (N, C, ...).
        weight: of shape (C,), or None.
        bias: of shape (C,), or None.
        groups: how many there are.
        eps: is added to the variance.
        statistics: takes "mean" and "var", the biased variance, as arrays (N, groups).
    """
    grouped = x.reshape(x.shape[0], groups, math.prod(x.shape[1:]) // groups)
    mean = grouped.mean(axis=2)
    centred = grouped - mean[:, :, None]
    var = (centred * centred).mean(axis=2)
    inv = 1 / np.sqrt(var + eps)
    if statistics is not None:
        statistics.update(mean=values(mean), var=values(var))
    xhat = (centred * inv[:, :, None]).reshape(x.shape)
    return affine(xhat, along(1, weight, x.ndim), along(1, bias, x.ndim)), mean, inv


def _vjp_on_arrays(g: Any, x: Any, weight: Any, mean: Any, inv: Any, groups: int) -> dict[str, Any]:
    """One pass over memory for all three gradients; ``dweight`` and ``dbias`` are sums of what each group needs."""
    _, x, g, weight = in_one_dtype(x, g, weight)
    batch, channels = x.shape[:2]
    inner = math.prod(x.shape[2:])
    shape = (batch * groups, channels // groups, inner)
    weight, inv = _per_row(weight, batch, groups), inv.reshape(-1, 1)
    n = shape[1] * inner
    rows, cotangents = x.reshape(batch * groups, n), g.reshape(shape)
    subtracted, rest = split(mean.reshape(-1, 1), x.dtype)

    def compute(with_x: bool) -> dict[str, Any]:
        pieces = blocks(rows)
        dx, product = np.empty(shape if with_x else 0, x.dtype), scratch(cotangents, pieces)
        centred = scratch(cotangents, pieces)
        sums = np.empty((2, *shape[:2]))
        for piece in pieces:
            part = cotangents[piece]
            t = dx[piece] if with_x else centred[: len(part)]
            np.subtract(rows[piece], subtracted[piece], out=t.reshape(len(part), n))
            if inner == 1:
                sums[:, piece] = part[:, :, 0], (part * t)[:, :, 0]
            else:
                sums[:, piece] = part @ ones(inner, x.dtype), np.vecdot(part, t)
            of_g, with_centred = sums[:, piece]
            with_centred -= rest[piece] * of_g
            if with_x:
                factor = inv[piece] if weight is None else inv[piece] * weight[piece]
                of_x = inv[piece] ** 2 / -n * (factor * with_centred).sum(1, keepdims=True)
                offset = (factor * of_g).sum(1, keepdims=True) / -n - rest[piece] * of_x
                t *= of_x.astype(x.dtype, copy=False)[:, :, None]
                t += np.multiply(part, factor.astype(x.dtype, copy=False)[:, :, None], out=product[: len(part)])
                t += offset.astype(x.dtype, copy=False)[:, :, None]
        of_g, with_centred = sums
        found = {"weight": inv * with_centred, "bias": of_g}
        found = {name: each.reshape(batch, channels).sum(0) for name, each in found.items()}
        return {**found, "x": dx.reshape(x.shape)} if with_x else found

    return on_demand(compute)


@group_norm_of_channels.gradient
@on_arrays(_vjp_on_arrays)
def _vjp(g: Any, x: Any, weight: Any, mean: Any, inv: Any, groups: int) -> dict[str, Any]:
    shape, axes = (x.shape[0], groups, math.prod(x.shape[1:]) // groups), (0, *range(2, x.ndim))
    inv = inv[:, :, None]
    xhat = (x.reshape(shape) - mean[:, :, None]) * inv

    def of_x() -> Any:
        h = affine(g, along(1, weight, x.ndim), None).reshape(shape)
        dx = inv * (h - h.mean(axis=2, keepdims=True) - xhat * (h * xhat).mean(axis=2, keepdims=True))
        return dx.reshape(x.shape)

    return {
        "x": of_x,
        "weight": lambda: (g * xhat.reshape(x.shape)).sum(axis=axes),
        "bias": lambda: g.sum(axis=axes),
    }


class GroupNorm(Module):
    """Each sample's groups of channels by their own mean and variance; see ``nn.functional.group_norm``.

    The parameters ``weight``, of ones, and ``bias``, of zeros, have the shape (num_channels,).

    Args:
        num_groups: how many groups the channels are divided into.
        num_channels: C in the input's shape (N, C, ...).
        eps: is added to the variance.
        affine: whether there are ``weight`` and ``bias``.
        bias: whether there is ``bias``, if ``weight`` is there.
        dtype: that of the parameters; float32 unless ``set_default_dtype`` says otherwise.

    Raises:
        ValueError: ``num_channels`` is not a multiple of ``num_groups``.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_channels} channels are not divisible by {num_groups} groups")
        check_eps("GroupNorm", eps)
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.dtype = dtype
        self.weight = Parameter(np.ones(num_channels), dtype=dtype) if affine else None
        self.bias = Parameter(np.zeros(num_channels), dtype=dtype) if affine and bias else None

    def forward(self, x: Any) -> Any:
        x = array(x)
        if len(x.shape) < 2 or x.shape[1] != self.num_channels:
            raise ValueError(f"the input has shape {x.shape}")
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    @property
    def expects(self) -> str:
        """The shape of the input."""
        return f"(N, {self.num_channels}, ...)"


class InstanceNorm(RunningNorm):
    """Each sample's channels by their own mean and variance, or by running averages of them in evaluation."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        if momentum is None:
            raise ValueError("instance norm counts no batches, as in PyTorch, so it takes a number for momentum")
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias=bias, dtype=dtype)

    def forward(self, x: Any) -> Any:
        x = self.take(x)
        if not self.training and self.running_mean is not None:
            running = {"mean": self.running_mean, "var": self.running_var}
            return batch_norm_evaluation(x, self.weight, self.bias, **running, eps=self.eps)
        out, statistics = _by_instance(x, self.weight, self.bias, self.eps)
        if self.training and self.track_running_stats:
            self.track(*statistics)
        return out


class InstanceNorm1d(InstanceNorm):
    """Instance normalisation of (N, C, L); see ``nn.functional.instance_norm``.

    Args:
        num_features: C.
        eps: is added to the variance.
        momentum: the weight of the newest batch in the running averages.
        affine: whether there are parameters ``weight``, of ones, and ``bias``, of zeros, of shape (C,).
        track_running_stats: whether there are running averages, to be used in evaluation.
        bias: whether there is ``bias``, if ``weight`` is there.
        dtype: that of parameters and running averages; float32 unless ``set_default_dtype`` says otherwise.
    """

    dims, axes = (3,), "(N, C, L)"


class InstanceNorm2d(InstanceNorm):
    """Instance normalisation of (N, C, H, W); everything else is as in ``InstanceNorm1d``."""

    dims, axes = (4,), "(N, C, H, W)"
