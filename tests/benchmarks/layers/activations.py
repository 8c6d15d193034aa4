"""Activations of a million entries in float32, forward and backward, beside what an expert would write.

By hand nothing is allocated, each pass writes into a buffer that was there before, and no case is made of entries that
overflow. The normal distribution is SciPy's, of which ``ndtr`` is the fastest spelling.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr

from ..measuring import HAND, OURS, Implementation, Workload
from ..peers import PYTORCH

SHAPE = (1000, 1000)
BUDGET = {HAND: 1.1}
RATE, CUBIC = math.sqrt(2 / math.pi), 0.044715


def data(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(SHAPE, dtype=np.float32)


def buffers(count: int) -> list[np.ndarray]:
    return [np.empty(SHAPE, np.float32) for _ in range(count)]


def relu_by_hand(x: np.ndarray, g: np.ndarray) -> Callable[[], list]:
    out, dx = buffers(2)

    def step() -> list:
        np.clip(x, 0, np.inf, out=out)
        np.greater(x, 0, out=dx)
        np.multiply(dx, g, out=dx)
        return [out, dx]

    return step


def sigmoid_by_hand(x: np.ndarray, g: np.ndarray) -> Callable[[], list]:
    out, dx = buffers(2)

    def step() -> list:
        np.negative(x, out=out)
        np.exp(out, out=out)
        np.add(out, 1, out=out)
        np.reciprocal(out, out=out)
        np.subtract(1, out, out=dx)
        np.multiply(dx, out, out=dx)
        np.multiply(dx, g, out=dx)
        return [out, dx]

    return step


def tanh_by_hand(x: np.ndarray, g: np.ndarray) -> Callable[[], list]:
    out, dx = buffers(2)

    def step() -> list:
        np.tanh(x, out=out)
        np.multiply(out, out, out=dx)
        np.subtract(1, dx, out=dx)
        np.multiply(dx, g, out=dx)
        return [out, dx]

    return step


def silu_by_hand(x: np.ndarray, g: np.ndarray) -> Callable[[], list]:
    out, s, dx = buffers(3)

    def step() -> list:
        np.negative(x, out=s)
        np.exp(s, out=s)
        np.add(s, 1, out=s)
        np.reciprocal(s, out=s)
        np.multiply(x, s, out=out)
        np.subtract(1, s, out=dx)
        np.multiply(dx, out, out=dx)
        np.add(dx, s, out=dx)
        np.multiply(dx, g, out=dx)
        return [out, dx]

    return step


def gelu_by_hand(x: np.ndarray, g: np.ndarray) -> Callable[[], list]:
    out, cdf, dx = buffers(3)

    def step() -> list:
        ndtr(x, out=cdf)
        np.multiply(x, cdf, out=out)
        np.multiply(x, x, out=dx)
        np.multiply(dx, -0.5, out=dx)
        np.exp(dx, out=dx)
        np.multiply(dx, x, out=dx)
        np.multiply(dx, 1 / math.sqrt(2 * math.pi), out=dx)
        np.add(dx, cdf, out=dx)
        np.multiply(dx, g, out=dx)
        return [out, dx]

    return step


def gelu_tanh_by_hand(x: np.ndarray, g: np.ndarray) -> Callable[[], list]:
    """With ``half = (1 + t) / 2`` the derivative is ``half + 2 x half (1 - half) u'``."""
    out, half, dx, scratch = buffers(4)

    def step() -> list:
        np.multiply(x, x, out=half)
        np.multiply(half, RATE * CUBIC, out=half)
        np.add(half, RATE, out=half)
        np.multiply(half, x, out=half)
        np.tanh(half, out=half)
        np.multiply(half, 0.5, out=half)
        np.add(half, 0.5, out=half)
        np.multiply(x, half, out=out)

        np.multiply(x, x, out=dx)
        np.multiply(dx, 6 * RATE * CUBIC, out=dx)
        np.add(dx, 2 * RATE, out=dx)
        np.multiply(dx, out, out=dx)
        np.subtract(1, half, out=scratch)
        np.multiply(dx, scratch, out=dx)
        np.add(dx, half, out=dx)
        np.multiply(dx, g, out=dx)
        return [out, dx]

    return step


def mish_by_hand(x: np.ndarray, g: np.ndarray) -> Callable[[], list]:
    """With ``n = e (e + 2)``, ``e = exp(x)``: ``t = n / (n + 2)`` and ``t' = 4 e (e + 1) / (n + 2)**2``."""
    out, e, t, dx = buffers(4)

    def step() -> list:
        np.exp(x, out=e)
        np.add(e, 2, out=t)
        np.multiply(t, e, out=t)
        np.add(t, 2, out=dx)
        np.divide(t, dx, out=t)
        np.multiply(x, t, out=out)

        np.reciprocal(dx, out=dx)
        np.multiply(dx, dx, out=dx)
        np.multiply(dx, e, out=dx)
        np.add(e, 1, out=e)
        np.multiply(dx, e, out=dx)
        np.multiply(dx, 4, out=dx)
        np.multiply(dx, x, out=dx)
        np.add(dx, t, out=dx)
        np.multiply(dx, g, out=dx)
        return [out, dx]

    return step


def softmax_by_hand(x: np.ndarray, g: np.ndarray) -> Callable[[], list]:
    out, dx = buffers(2)

    def step() -> list:
        np.subtract(x, x.max(axis=1, keepdims=True), out=out)
        np.exp(out, out=out)
        np.divide(out, out.sum(axis=1, keepdims=True), out=out)
        np.subtract(g, np.vecdot(g, out)[:, None], out=dx)
        np.multiply(dx, out, out=dx)
        return [out, dx]

    return step


def log_softmax_by_hand(x: np.ndarray, g: np.ndarray) -> Callable[[], list]:
    out, weights, dx = buffers(3)

    def step() -> list:
        np.subtract(x, x.max(axis=1, keepdims=True), out=out)
        np.exp(out, out=weights)
        total = weights.sum(axis=1, keepdims=True)
        np.subtract(out, np.log(total), out=out)
        np.multiply(weights, g.sum(axis=1, keepdims=True) / total, out=dx)
        np.subtract(g, dx, out=dx)
        return [out, dx]

    return step


# name: by hand, the options of the function
CASES: dict[str, tuple[Callable, dict[str, Any]]] = {
    "relu": (relu_by_hand, {}),
    "sigmoid": (sigmoid_by_hand, {}),
    "tanh": (tanh_by_hand, {}),
    "silu": (silu_by_hand, {}),
    "gelu": (gelu_by_hand, {}),
    "gelu-tanh": (gelu_tanh_by_hand, {"approximate": "tanh"}),
    "mish": (mish_by_hand, {}),
    "softmax": (softmax_by_hand, {"dim": 1}),
    "log-softmax": (log_softmax_by_hand, {"dim": 1}),
}


def function_name(name: str) -> str:
    return "gelu" if name == "gelu-tanh" else name.replace("-", "_")


def ours(name: str, options: dict[str, Any]) -> Implementation:
    import nn
    from autodiff import Tensor

    function, values, g = getattr(nn.functional, function_name(name)), data(0), data(1)

    def step() -> list:
        x = Tensor(values, requires_grad=True)
        out = function(x, **options)
        out.backward(g)
        return [out, x.grad]

    return Implementation(step, lambda found: [tensor.data for tensor in found])


def pytorch(name: str, options: dict[str, Any]) -> Implementation:
    import torch

    torch.set_num_threads(1)
    function, values, g = getattr(torch.nn.functional, function_name(name)), *map(torch.from_numpy, (data(0), data(1)))

    def step() -> list:
        x = values.detach().requires_grad_()
        out = function(x, **options)
        out.backward(g)
        return [out.detach(), x.grad]

    return Implementation(step, lambda found: [tensor.numpy() for tensor in found])


def workload(name: str) -> Workload:
    by_hand, options = CASES[name]
    return Workload(
        name=f"activation-{name}",
        title=f"{name}, a million entries, float32",
        makers={
            HAND: lambda: Implementation(by_hand(data(0), data(1)), list),
            OURS: lambda: ours(name, options),
            PYTORCH: lambda: pytorch(name, options),
        },
        budget=BUDGET,
        tolerance=1e-5,
    )


WORKLOADS = [workload(name) for name in CASES]
