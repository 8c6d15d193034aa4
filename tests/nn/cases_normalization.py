"""Calls and layers of the normalisations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from autodiff.testing.strategies import arrays, distinct_arrays, lattice
from nn.functional import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from nn.normalization.batch import batch_norm_evaluation, batch_norm_training
from nn.normalization.group import group_norm_of_channels
from nn.normalization.layer import layer_norm_of_last, rms_norm_of_last

from .cases import Call, Layer, Pair

VALUES = lattice(-4.0, 4.0)
EPS = st.sampled_from(
    [0.01, 0.5]
)  # with less, dx is what cancellation leaves of far larger numbers: for n = 2, or a variance near 0
PARAMETERS = st.integers(0, 2)  # none, weight, weight and bias


@st.composite
def batches(draw: Any, min_count: int = 0) -> np.ndarray:
    """Arrays (N, C, ...) with at least so many values per channel, none of them equal."""
    inner = draw(st.lists(st.integers(1, 3), max_size=2))
    fewest = -(-min_count // math.prod(inner))
    return draw(distinct_arrays((draw(st.integers(fewest, fewest + 2)), draw(st.integers(1, 3)), *inner)))


@st.composite
def trained(draw: Any) -> Call:
    x = draw(batches(min_count=3))
    parameters = [draw(arrays(x.shape[1:2], VALUES)) for _ in range(draw(PARAMETERS))]
    return Call(batch_norm, [x, None, None, *parameters], {"training": True, "eps": draw(EPS)})


@st.composite
def evaluated(draw: Any) -> Call:
    x = draw(batches())
    parameters = [draw(arrays(x.shape[1:2], VALUES)) for _ in range(draw(PARAMETERS))]
    mean, var = draw(arrays(x.shape[1:2], VALUES)), draw(arrays(x.shape[1:2], lattice(0.0, 4.0)))
    named = dict(zip(("weight", "bias"), parameters))
    return Call(evaluate, [x, *named.values()], {"running_mean": mean, "running_var": var, "eps": draw(EPS)})


def evaluate(x: Any, *parameters: Any, **options: Any) -> Any:
    """Batch norm in evaluation, with the running averages among the options."""
    return batch_norm(x, options["running_mean"], options["running_var"], *parameters, eps=options["eps"])


def evaluate_by_pytorch(torch: Any, x: Any, *parameters: Any, **options: Any) -> Any:
    running = options["running_mean"], options["running_var"]
    return torch.nn.functional.batch_norm(x, *running, *parameters, eps=options["eps"])


@st.composite
def grouped(draw: Any) -> Call:
    inner = draw(st.lists(st.integers(1, 3), max_size=2))
    batch, groups, fewest = draw(st.integers(0, 3)), draw(st.integers(1, 2)), -(-3 // math.prod(inner))
    channels = groups * draw(st.integers(fewest, fewest + 1))
    x = draw(distinct_arrays((batch, channels, *inner)))
    parameters = [draw(arrays((channels,), VALUES)) for _ in range(draw(PARAMETERS))]
    if channels == groups and batch and draw(st.booleans()):
        return Call(instance_norm, [x, None, None, *parameters], {"eps": draw(EPS)})
    return Call(group_norm, [x, groups, *parameters], {"eps": draw(EPS)})


@st.composite
def of_last(draw: Any, function: Any, parameters: int) -> Call:
    outer = draw(st.lists(st.integers(0, 3), max_size=2))
    shape = draw(st.sampled_from([(3,), (4,), (3, 1), (2, 2)]))
    given = [draw(arrays(shape, VALUES)) for _ in range(draw(st.integers(0, parameters)))]
    return Call(function, [draw(distinct_arrays((*outer, *shape))), shape, *given], {"eps": draw(EPS)})


PAIRS = {
    batch_norm_training: Pair(trained()),
    batch_norm_evaluation: Pair(evaluated(), peer=evaluate_by_pytorch),
    group_norm_of_channels: Pair(grouped()),
    layer_norm_of_last: Pair(of_last(layer_norm, 2)),
    rms_norm_of_last: Pair(of_last(rms_norm, 1)),
}

LAYERS = [
    Layer("BatchNorm1d(3)", (5, 3)),
    Layer("BatchNorm1d(3, momentum=None)", (4, 3, 2)),
    Layer("BatchNorm1d(2, eps=0.1, track_running_stats=False)", (3, 2, 2)),
    Layer("BatchNorm2d(2, momentum=0.3)", (3, 2, 2, 3)),
    Layer("BatchNorm2d(2, affine=False)", (3, 2, 2, 1)),
    Layer("LayerNorm(4)", (3, 4)),
    Layer("LayerNorm([2, 3], eps=0.1)", (2, 2, 2, 3)),
    Layer("LayerNorm(4, bias=False)", (3, 2, 4)),
    Layer("LayerNorm(4, elementwise_affine=False)", (3, 4)),
    Layer("GroupNorm(2, 4)", (3, 4)),
    Layer("GroupNorm(2, 4, eps=0.1)", (2, 4, 2, 3)),
    Layer("GroupNorm(1, 3, affine=False)", (2, 3, 4)),
    Layer("InstanceNorm1d(3)", (2, 3, 4)),
    Layer("InstanceNorm1d(3, affine=True, track_running_stats=True)", (2, 3, 4)),
    Layer("InstanceNorm2d(2, momentum=0.3, track_running_stats=True)", (2, 2, 3, 2)),
    Layer("RMSNorm(4)", (3, 4)),
    Layer("RMSNorm([2, 3], eps=0.1)", (2, 2, 3)),
    Layer("RMSNorm(4, elementwise_affine=False)", (3, 4)),
]
