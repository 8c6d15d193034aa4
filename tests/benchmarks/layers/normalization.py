"""Normalisations, dropout and embeddings, forward and backward in float32, beside what an expert would write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse

from ..measuring import HAND, OURS, Implementation, Workload
from ..peers import PYTORCH

EPS = 1e-5
BUDGET = {HAND: 1.1}
SMALL = {HAND: 3.0}
"""Where the calls take longer than the numbers, as for other small operations."""


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def batch_norm_by_hand(shape: Sequence[int]) -> Implementation:
    """Statistics and gradients of the columns of (N, C)."""
    x, g, weight, bias = normal(0, *shape), normal(1, *shape), normal(2, shape[1]), normal(3, shape[1])
    running_mean, running_var = np.zeros(shape[1], np.float32), np.ones(shape[1], np.float32)
    n = np.float32(len(x))
    one = np.ones(len(x), np.float32)
    xhat, out, dx, product = (np.empty_like(x) for _ in range(4))

    def step() -> tuple:
        mean = one @ x / n
        np.subtract(x, mean, out=xhat)
        np.multiply(xhat, xhat, out=product)
        var = one @ product / n
        inv = 1 / np.sqrt(var + EPS)
        np.multiply(xhat, inv, out=xhat)
        np.multiply(xhat, weight, out=out)
        np.add(out, bias, out=out)
        running_mean[:] = 0.9 * running_mean + 0.1 * mean
        running_var[:] = 0.9 * running_var + 0.1 * n / (n - 1) * var

        np.multiply(g, xhat, out=product)
        dweight, dbias = one @ product, one @ g
        np.multiply(xhat, dweight / n, out=product)
        np.subtract(g, product, out=dx)
        np.subtract(dx, dbias / n, out=dx)
        np.multiply(dx, inv * weight, out=dx)
        return out, dx, dweight, dbias

    return Implementation(step, list)


def batch_norm_2d_by_hand(shape: Sequence[int]) -> Implementation:
    """The same for (N, C, H, W), a sample at a time where that keeps it in the cache."""
    x, g, weight, bias = normal(0, *shape), normal(1, *shape), normal(2, shape[1]), normal(3, shape[1])
    running_mean, running_var = np.zeros(shape[1], np.float32), np.ones(shape[1], np.float32)
    samples, channels, inner = shape[0], shape[1], shape[2] * shape[3]
    x, g = x.reshape(samples, channels, inner), g.reshape(samples, channels, inner)
    n = np.float32(samples * inner)
    one = np.ones(inner, np.float32)
    xhat, out, dx = (np.empty_like(x) for _ in range(3))
    product = np.empty_like(x[0])

    def step() -> tuple:
        mean = (x @ one).sum(0) / n
        var = np.zeros(channels, np.float32)
        for a, centred in zip(x, xhat):
            np.subtract(a, mean[:, None], out=centred)
            var += np.vecdot(centred, centred)
        var /= n
        inv = 1 / np.sqrt(var + EPS)
        for centred, y in zip(xhat, out):
            np.multiply(centred, inv[:, None], out=centred)
            np.multiply(centred, weight[:, None], out=y)
            np.add(y, bias[:, None], out=y)
        running_mean[:] = 0.9 * running_mean + 0.1 * mean
        running_var[:] = 0.9 * running_var + 0.1 * n / (n - 1) * var

        dweight, dbias = np.vecdot(g, xhat).sum(0), (g @ one).sum(0)
        of_x, of_1, factor = (dweight / n)[:, None], (dbias / n)[:, None], (inv * weight)[:, None]
        for centred, b, d in zip(xhat, g, dx):
            np.multiply(centred, of_x, out=product)
            np.subtract(b, product, out=d)
            np.subtract(d, of_1, out=d)
            np.multiply(d, factor, out=d)
        return out.reshape(shape), dx.reshape(shape), dweight, dbias

    return Implementation(step, list)


def layer_norm_by_hand(shape: Sequence[int]) -> Implementation:
    x, g, weight, bias = normal(0, *shape), normal(1, *shape), normal(2, shape[1]), normal(3, shape[1])
    n = np.float32(shape[1])
    one, ones = np.ones(shape[1], np.float32), np.ones(len(x), np.float32)
    xhat, out, dx, product = (np.empty_like(x) for _ in range(4))

    def step() -> tuple:
        np.subtract(x, (x @ one / n)[:, None], out=xhat)
        inv = 1 / np.sqrt(np.vecdot(xhat, xhat) / n + np.float32(EPS))[:, None]
        np.multiply(xhat, inv, out=xhat)
        np.multiply(xhat, weight, out=out)
        np.add(out, bias, out=out)

        np.multiply(g, xhat, out=product)
        dweight, dbias = ones @ product, ones @ g
        of_x, of_1 = product @ weight / n, g @ weight / n
        np.multiply(g, weight, out=dx)
        np.multiply(xhat, of_x[:, None], out=product)
        np.subtract(dx, product, out=dx)
        np.subtract(dx, of_1[:, None], out=dx)
        np.multiply(dx, inv, out=dx)
        return out, dx, dweight, dbias

    return Implementation(step, list)


def normalization_ours(name: str, *arguments: Any, shape: Sequence[int]) -> Implementation:
    import nn
    from autodiff import Tensor

    x, g = normal(0, *shape), normal(1, *shape)
    layer = getattr(nn, name)(*arguments)
    layer.weight.data, layer.bias.data = normal(2, shape[1]), normal(3, shape[1])

    def step() -> tuple:
        inputs = Tensor(x, requires_grad=True)
        layer.weight.grad = layer.bias.grad = None
        out = layer(inputs)
        out.backward(g)
        return out.data, inputs.grad.data, layer.weight.grad.data, layer.bias.grad.data

    return Implementation(step, list)


def normalization_pytorch(name: str, *arguments: Any, shape: Sequence[int]) -> Implementation:
    import torch

    torch.set_num_threads(1)
    x, g = torch.tensor(normal(0, *shape)), torch.tensor(normal(1, *shape))
    layer = getattr(torch.nn, name)(*arguments)
    layer.weight.data, layer.bias.data = torch.tensor(normal(2, shape[1])), torch.tensor(normal(3, shape[1]))

    def step() -> tuple:
        inputs = x.detach().requires_grad_()
        layer.weight.grad = layer.bias.grad = None
        out = layer(inputs)
        out.backward(g)
        return out.detach(), inputs.grad, layer.weight.grad, layer.bias.grad

    return Implementation(step, lambda found: [a.numpy() for a in found])


def normalization(
    name: str, title: str, by_hand: Callable, layer: str, *arguments: Any, shape: Sequence[int], budget: dict = BUDGET
) -> Workload:
    makers = {
        HAND: partial(by_hand, shape),
        OURS: partial(normalization_ours, layer, *arguments, shape=shape),
        PYTORCH: partial(normalization_pytorch, layer, *arguments, shape=shape),
    }
    return Workload(name, title, makers, budget, tolerance=1e-4)


MILLION = 1_000_000


def dropout_by_hand(p: float, drawn: type) -> Implementation:
    """A random byte for each entry, or two, which are p = 1/10 up to 1e-5; the mask is kept as factors."""
    x, g, rng = normal(0, MILLION), normal(1, MILLION), np.random.default_rng(0)
    out, dx, factor = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    words, threshold = MILLION * np.dtype(drawn).itemsize // 8, round(p * (np.iinfo(drawn).max + 1))

    def step() -> tuple:
        uniform = rng.integers(0, 1 << 64, words, np.uint64).view(drawn)
        np.multiply(uniform >= threshold, np.float32(1 / (1 - p)), out=factor)
        np.multiply(x, factor, out=out)
        np.multiply(g, factor, out=dx)
        return out, dx

    return Implementation(step, list)


def dropout_ours(p: float) -> Implementation:
    import nn
    from autodiff import Tensor

    x, g, layer = normal(0, MILLION), normal(1, MILLION), nn.Dropout(p, rng=0)

    def step() -> tuple:
        inputs = Tensor(x, requires_grad=True)
        out = layer(inputs)
        out.backward(g)
        return out.data, inputs.grad.data

    return Implementation(step, list)


def dropout_pytorch(p: float) -> Implementation:
    import torch

    torch.set_num_threads(1)
    x, g, layer = torch.tensor(normal(0, MILLION)), torch.tensor(normal(1, MILLION)), torch.nn.Dropout(p)

    def step() -> tuple:
        inputs = x.detach().requires_grad_()
        out = layer(inputs)
        out.backward(g)
        return out.detach(), inputs.grad

    return Implementation(step, lambda found: [a.numpy() for a in found])


ROWS, WIDTH, TAKEN = 50_000, 128, 4096


def indices() -> np.ndarray:
    return np.random.default_rng(0).integers(0, ROWS, TAKEN)


def embedding_by_hand() -> Implementation:
    """Equal rows are summed by a product with a sparse matrix, which is faster than to sort, or ``np.add.at``."""
    x, weight, g = indices(), normal(1, ROWS, WIDTH), normal(2, TAKEN, WIDTH)
    out, one, starts = np.empty_like(g), np.ones(TAKEN, np.float32), np.arange(TAKEN + 1)

    def step() -> tuple:
        np.take(weight, x, axis=0, out=out, mode="clip")
        return out, scipy.sparse.csc_array((one, x, starts), shape=(ROWS, TAKEN)) @ g

    return Implementation(step, list)


def embedding_ours() -> Implementation:
    import nn

    x, g, layer = indices(), normal(2, TAKEN, WIDTH), nn.Embedding(ROWS, WIDTH)
    layer.weight.data = normal(1, ROWS, WIDTH)

    def step() -> tuple:
        layer.weight.grad = None
        out = layer(x)
        out.backward(g)
        return out.data, layer.weight.grad.data

    return Implementation(step, list)


def embedding_pytorch() -> Implementation:
    import torch

    torch.set_num_threads(1)
    x, g, layer = torch.tensor(indices()), torch.tensor(normal(2, TAKEN, WIDTH)), torch.nn.Embedding(ROWS, WIDTH)
    layer.weight.data = torch.tensor(normal(1, ROWS, WIDTH))

    def step() -> tuple:
        layer.weight.grad = None
        out = layer(x)
        out.backward(g)
        return out.detach(), layer.weight.grad

    return Implementation(step, lambda found: [a.numpy() for a in found])


WORKLOADS = [
    normalization(
        "batch-norm-100",
        "Batch norm (100, 64)",
        batch_norm_by_hand,
        "BatchNorm1d",
        64,
        shape=(100, 64),
        budget=SMALL,
    ),
    normalization("batch-norm", "Batch norm (1024, 256)", batch_norm_by_hand, "BatchNorm1d", 256, shape=(1024, 256)),
    normalization(
        "batch-norm-2d", "Batch norm (32, 64, 32, 32)", batch_norm_2d_by_hand, "BatchNorm2d", 64, shape=(32, 64, 32, 32)
    ),
    normalization("layer-norm", "Layer norm (1000, 1000)", layer_norm_by_hand, "LayerNorm", 1000, shape=(1000, 1000)),
    Workload(
        "dropout",
        "Dropout of a million, p = 0.1",
        {
            HAND: partial(dropout_by_hand, 0.1, np.uint16),
            OURS: partial(dropout_ours, 0.1),
            PYTORCH: partial(dropout_pytorch, 0.1),
        },
        BUDGET,
        rehearsal={HAND: partial(dropout_by_hand, 0.25, np.uint8), OURS: partial(dropout_ours, 0.25)},  # the same mask
    ),
    Workload(
        "embedding",
        "Embedding (50,000, 128), 4096 indices",
        {HAND: embedding_by_hand, OURS: embedding_ours, PYTORCH: embedding_pytorch},
        BUDGET,
        tolerance=1e-5,
    ),
]
