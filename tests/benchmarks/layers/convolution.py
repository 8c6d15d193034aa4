"""Convolutions and poolings in float32, forward and backward, beside what an expert would write and PyTorch.

By hand, one sample's windows at a time become the columns of a matrix, in memory that was there before; the gradient of
the input is the columns' gradient, added up where they came from. Nothing is made of a first layer's input gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..measuring import HAND, OURS, Implementation, Workload
from ..peers import PYTORCH


@dataclass(frozen=True)
class Geometry:
    """A convolution of square images, padded so that stride 1 keeps their size."""

    batch: int
    inputs: int
    outputs: int
    size: int
    kernel: int
    stride: int = 1
    first: bool = False

    @property
    def padding(self) -> int:
        return self.kernel // 2

    @property
    def places(self) -> int:
        return (self.size + 2 * self.padding - self.kernel) // self.stride + 1

    def data(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The input, the kernel and the gradient of the output."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.batch, self.inputs, self.size, self.size), dtype=np.float32)
        w = rng.standard_normal((self.outputs, self.inputs, self.kernel, self.kernel), dtype=np.float32)
        return x, w, rng.standard_normal((self.batch, self.outputs, self.places, self.places), dtype=np.float32)


def convolution_by_hand(geometry: Geometry) -> Implementation:
    x, w, g = geometry.data()
    k, s, p, n = geometry.kernel, geometry.stride, geometry.padding, geometry.places
    padded = np.zeros((geometry.inputs, geometry.size + 2 * p, geometry.size + 2 * p), np.float32)
    spread = np.zeros_like(padded)
    windows = np.empty((geometry.inputs, k, k, n, n), np.float32)
    columns, scratch = windows.reshape(-1, n * n), np.empty((len(w), w[0].size), np.float32)
    matrix, dw = w.reshape(len(w), -1), np.empty_like(scratch)
    y, dx, rows = np.empty_like(g), np.empty_like(x), g.reshape(len(g), len(w), -1)
    taps = [(u, v, (slice(None), slice(u, u + s * n, s), slice(v, v + s * n, s))) for u in range(k) for v in range(k)]
    inside = (slice(None), slice(p, p + geometry.size), slice(p, p + geometry.size))

    def fill(sample: np.ndarray) -> None:
        padded[inside] = sample
        for u, v, tap in taps:
            windows[:, u, v] = padded[tap]

    def step() -> list:
        for i in range(len(x)):
            fill(x[i])
            np.matmul(matrix, columns, out=y[i].reshape(len(w), -1))
        dw[...] = 0
        for i in range(len(x)):
            fill(x[i])
            np.add(dw, np.matmul(rows[i], columns.T, out=scratch), out=dw)
            if not geometry.first:
                np.matmul(matrix.T, rows[i], out=columns)
                spread[...] = 0
                for u, v, tap in taps:
                    spread[tap] += windows[:, u, v]
                dx[i] = spread[inside]
        return [y, dw.reshape(w.shape), *([] if geometry.first else [dx])]

    return Implementation(step, list)


def convolution_by_us(geometry: Geometry) -> Implementation:
    from autodiff import Tensor
    from nn.functional import conv2d

    x_, w_, g = geometry.data()

    def step() -> list:
        x, w = Tensor(x_, requires_grad=not geometry.first), Tensor(w_, requires_grad=True)
        y = conv2d(x, w, stride=geometry.stride, padding=geometry.padding)
        y.backward(g)
        return [y, w.grad, *([] if geometry.first else [x.grad])]

    return Implementation(step, lambda found: [tensor.data for tensor in found])


def convolution_by_pytorch(geometry: Geometry) -> Implementation:
    import torch

    torch.set_num_threads(1)
    x_, w_, g = map(torch.from_numpy, geometry.data())

    def step() -> list:
        x, w = x_.detach().requires_grad_(not geometry.first), w_.detach().requires_grad_()
        y = torch.nn.functional.conv2d(x, w, stride=geometry.stride, padding=geometry.padding)
        y.backward(g)
        return [y.detach(), w.grad, *([] if geometry.first else [x.grad])]

    return Implementation(step, lambda found: [tensor.numpy() for tensor in found])


def convolution(name: str, title: str, geometry: Geometry, budget: dict[str, float]) -> Workload:
    makers = {HAND: convolution_by_hand, OURS: convolution_by_us, PYTORCH: convolution_by_pytorch}
    return Workload(
        name=f"convolution-{name}",
        title=f"convolution, {title}",
        makers={who: partial(make, geometry) for who, make in makers.items()},
        rehearsal={who: partial(make, replace(geometry, batch=2)) for who, make in makers.items()},
        budget=budget,
        tolerance=1e-4,
    )


IMAGES, POOLED = (32, 64, 32, 32), (32, 64, 16, 16)


def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal(IMAGES, dtype=np.float32), rng.standard_normal(POOLED, dtype=np.float32)


def quarters(x: np.ndarray) -> list[np.ndarray]:
    """Views of the four entries of each window of two by two."""
    return [x[:, u::2, v::2] for u in (0, 1) for v in (0, 1)]


def largest_by_hand() -> Implementation:
    """Sample by sample, which stays in the cache."""
    x, g = images()
    y, dx = np.empty_like(g), np.empty_like(x)
    won, undecided = np.empty(POOLED[1:], bool), np.empty(POOLED[1:], bool)

    def step() -> list:
        for i in range(len(x)):
            first, *others = quarters(x[i])
            y[i] = first
            for other in others:
                np.maximum(y[i], other, out=y[i])
        for i in range(len(x)):
            undecided[...] = True
            for of_x, of_dx in zip(quarters(x[i]), quarters(dx[i]), strict=True):
                np.equal(of_x, y[i], out=won)
                np.logical_and(won, undecided, out=won)
                np.logical_xor(won, undecided, out=undecided)
                np.multiply(g[i], won, out=of_dx)
        return [y, dx]

    return Implementation(step, list)


def means_by_hand() -> Implementation:
    x, g = images()
    y, dx, share = np.empty_like(g), np.empty_like(x), np.empty(POOLED[1:], np.float32)

    def step() -> list:
        for i in range(len(x)):
            first, *others = quarters(x[i])
            y[i] = first
            for other in others:
                np.add(y[i], other, out=y[i])
            np.multiply(y[i], 0.25, out=y[i])
        for i in range(len(x)):
            np.multiply(g[i], 0.25, out=share)
            for of_dx in quarters(dx[i]):
                of_dx[...] = share
        return [y, dx]

    return Implementation(step, list)


def pooling_by_us(function: str) -> Implementation:
    import nn
    from autodiff import Tensor

    layer, (x_, g) = getattr(nn, function)(2), images()

    def step() -> list:
        x = Tensor(x_, requires_grad=True)
        y = layer(x)
        y.backward(g)
        return [y, x.grad]

    return Implementation(step, lambda found: [tensor.data for tensor in found])


def pooling_by_pytorch(function: str) -> Implementation:
    import torch

    torch.set_num_threads(1)
    layer, (x_, g) = getattr(torch.nn, function)(2), map(torch.from_numpy, images())

    def step() -> list:
        x = x_.detach().requires_grad_()
        y = layer(x)
        y.backward(g)
        return [y.detach(), x.grad]

    return Implementation(step, lambda found: [tensor.numpy() for tensor in found])


def pooling(function: str, by_hand: Callable[[], Implementation], budget: dict[str, float]) -> Workload:
    makers: dict[str, Any] = {
        HAND: by_hand,
        OURS: partial(pooling_by_us, function),
        PYTORCH: partial(pooling_by_pytorch, function),
    }
    return Workload(
        name=function.lower(), title=f"{function}(2) of 32 x 64 x 32 x 32", makers=makers, budget=budget, tolerance=1e-6
    )


WORKLOADS = [
    convolution("3x3", "3x3, 64 to 64, 32 x 32, batch 32", Geometry(32, 64, 64, 32, 3), {HAND: 1.0, PYTORCH: 1 / 1.3}),
    convolution("1x1", "1x1, 64 to 64, 32 x 32, batch 32", Geometry(32, 64, 64, 32, 1), {HAND: 1.1}),
    convolution(
        "stride", "3x3 by 2, 64 to 128, 32 x 32, batch 32", Geometry(32, 64, 128, 32, 3, stride=2), {HAND: 1.0}
    ),
    convolution("first", "5x5, 1 to 32, 28 x 28, batch 64", Geometry(64, 1, 32, 28, 5, first=True), {HAND: 1.1}),
    pooling("MaxPool2d", largest_by_hand, {HAND: 1.1, PYTORCH: 1.0}),
    pooling("AvgPool2d", means_by_hand, {HAND: 1.1, PYTORCH: 1.0}),
]
