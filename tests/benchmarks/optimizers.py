"""One step of each optimiser: on one parameter of 4,000,000 float32 values, and on 200 of 1,000 values each.

By hand, whole arrays are updated in place, with memory for intermediate values allocated once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .measuring import HAND, OURS, Implementation, Workload
from .peers import PYTORCH

LARGE, MANY, TOGETHER, MATRIX = [(4_000_000,)], [(1000,)] * 200, [(200_000,)], [(1000, 1000)]
ONE_LARGE = "one large"
"""Not an implementation but a bound: our time for one parameter that is as large as the many together."""

Array = np.ndarray


def average(m: Array, x: Array, beta: float, a: Array) -> None:
    """``m = beta m + (1 - beta) x``"""
    m *= beta
    m += np.multiply(x, 1 - beta, out=a)


def average_of_squares(v: Array, g: Array, beta: float, a: Array) -> None:
    """``v = beta v + (1 - beta) g**2``"""
    v *= beta
    np.multiply(g, g, out=a)
    a *= 1 - beta
    v += a


def sgd(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, v: Array, u: Array) -> None:
    v *= 0.9
    v += g
    p -= np.multiply(v, lr, out=a)


def adam(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, m: Array, v: Array) -> None:
    average(m, g, 0.9, a)
    average_of_squares(v, g, 0.999, a)
    root = math.sqrt(1 - 0.999**t)
    np.sqrt(v, out=a)
    a += 1e-8 * root
    np.divide(m, a, out=a)
    a *= lr * root / (1 - 0.9**t)
    p -= a


def adamw(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, m: Array, v: Array) -> None:
    p *= 1 - lr * 1e-2
    adam(p, g, t, lr, a, b, m, v)


def adamax(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, m: Array, u: Array) -> None:
    average(m, g, 0.9, a)
    u *= 0.999
    np.abs(g, out=a)
    a += 1e-8
    np.maximum(u, a, out=u)
    np.divide(m, u, out=a)
    a *= lr / (1 - 0.9**t)
    p -= a


def nadam(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, m: Array, v: Array) -> None:
    mus = [0.9 * (1 - 0.5 * 0.96 ** (i * 4e-3)) for i in range(1, t + 2)]
    product = math.prod(mus[:-1])
    average(m, g, 0.9, a)
    average_of_squares(v, g, 0.999, a)
    root = math.sqrt(1 - 0.999**t)
    np.sqrt(v, out=a)
    a += 1e-8 * root
    np.multiply(m, lr * root * mus[-1] / (1 - product * mus[-1]), out=b)
    b /= a
    p -= b
    np.multiply(g, lr * root * (1 - mus[-2]) / (1 - product), out=b)
    b /= a
    p -= b


def radam(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, m: Array, v: Array) -> None:
    average(m, g, 0.9, a)
    average_of_squares(v, g, 0.999, a)
    limit = 2 / (1 - 0.999) - 1
    rho = limit - 2 * t * 0.999**t / (1 - 0.999**t)
    step = lr / (1 - 0.9**t)
    if rho <= 5:
        p -= np.multiply(m, step, out=a)
        return
    step *= math.sqrt((1 - 0.999**t) * (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
    np.sqrt(v, out=a)
    a += 1e-8
    np.divide(m, a, out=a)
    a *= step
    p -= a


def adagrad(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, total: Array, u: Array) -> None:
    total += np.multiply(g, g, out=a)
    np.sqrt(total, out=a)
    a += 1e-10
    np.divide(g, a, out=a)
    a *= lr
    p -= a


def adadelta(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, v: Array, u: Array) -> None:
    average_of_squares(v, g, 0.9, a)
    np.add(u, 1e-6, out=a)
    np.add(v, 1e-6, out=b)
    a /= b
    np.sqrt(a, out=a)
    a *= g
    average_of_squares(u, a, 0.9, b)
    a *= lr
    p -= a


def rmsprop(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, v: Array, u: Array) -> None:
    average_of_squares(v, g, 0.99, a)
    np.sqrt(v, out=a)
    a += 1e-8
    np.divide(g, a, out=a)
    a *= lr
    p -= a


def rprop(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, previous: Array, size: Array) -> None:
    if t == 1:
        size.fill(lr)
    np.multiply(g, previous, out=a)
    changed = a < 0
    np.multiply(size, 1.2, out=size, where=a > 0)
    np.multiply(size, 0.5, out=size, where=changed)
    np.clip(size, 1e-6, 50, out=size)
    np.copyto(previous, g)
    previous[changed] = 0
    np.sign(previous, out=a)
    a *= size
    p -= a


def asgd(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, average: Array, u: Array) -> None:
    eta = lr / (1 + 1e-4 * lr * (t - 1)) ** 0.75
    p *= 1 - 1e-4 * eta
    p -= np.multiply(g, eta, out=a)
    np.copyto(average, p)


def lion(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, m: Array, u: Array) -> None:
    np.multiply(m, 0.9, out=a)
    a += np.multiply(g, 0.1, out=b)
    np.sign(a, out=b)
    b *= lr
    p -= b
    average(m, g, 0.99, a)


def muon(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, m: Array, u: Array) -> None:
    average(m, g, 0.95, a)
    x = 0.95 * m + 0.05 * g
    x /= np.linalg.norm(x)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.775 * square + 2.0315 * (square @ square)) @ x
    p *= 1 - lr * 0.1
    p -= lr * x


def adafactor(p: Array, g: Array, t: int, lr: float, a: Array, b: Array, m: Array, u: Array) -> None:
    rows, columns, share = m[:, :1], u[:1], t**-0.8
    step = max(1e-3, math.sqrt(np.vdot(p, p) / p.size)) * min(lr, 1 / math.sqrt(t))
    np.multiply(g, g, out=a)
    rows += share * (a.mean(1, keepdims=True) - rows)
    columns += share * (a.mean(0, keepdims=True) - columns)
    np.multiply(rows / rows.mean(), columns, out=a)
    np.sqrt(a, out=a)
    np.divide(g, a, out=a)
    a *= step / max(1, math.sqrt(np.vdot(a, a) / a.size))
    p -= a


UPDATES: dict[str, Callable] = {
    "SGD": sgd,
    "Adam": adam,
    "AdamW": adamw,
    "Adamax": adamax,
    "NAdam": nadam,
    "RAdam": radam,
    "Adagrad": adagrad,
    "Adadelta": adadelta,
    "RMSprop": rmsprop,
    "Rprop": rprop,
    "ASGD": asgd,
    "Lion": lion,
    "Muon": muon,
    "Adafactor": adafactor,
}
OPTIONS: dict[str, dict[str, Any]] = {"SGD": dict(momentum=0.9)}


def problem(shapes: Sequence[tuple[int, ...]]) -> tuple[list[Array], list[Array]]:
    """Parameters and their gradients."""
    rng = np.random.default_rng(0)
    parameters, gradients = ([rng.standard_normal(shape, dtype=np.float32) for shape in shapes] for _ in range(2))
    return parameters, gradients


def by_hand(name: str, shapes: Sequence[tuple[int, ...]], lr: float) -> Implementation:
    parameters, gradients = problem(shapes)
    states = [[np.zeros_like(p) for _ in range(2)] for p in parameters]
    memory = [[np.empty_like(p) for _ in range(2)] for p in parameters]
    update, t = UPDATES[name], 0

    def step() -> None:
        nonlocal t
        t += 1
        for p, g, state, free in zip(parameters, gradients, states, memory):
            update(p, g, t, lr, *free, *state)

    return Implementation(step, lambda _: parameters)


def ours(name: str, shapes: Sequence[tuple[int, ...]], lr: float) -> Implementation:
    import nn
    import optim

    values, gradients = problem(shapes)
    parameters = [nn.Parameter(value) for value in values]
    for parameter, g in zip(parameters, gradients):
        parameter.grad = g
    del values
    optimizer = getattr(optim, name)(parameters, lr=lr, **OPTIONS.get(name, {}))
    return Implementation(optimizer.step, lambda _: [parameter.data for parameter in parameters])


def pytorch(name: str, shapes: Sequence[tuple[int, ...]], lr: float) -> Implementation:
    import torch

    torch.set_num_threads(1)
    values, gradients = problem(shapes)
    parameters = [torch.from_numpy(value).requires_grad_() for value in values]
    for parameter, g in zip(parameters, gradients):
        parameter.grad = torch.from_numpy(g)
    optimizer = getattr(torch.optim, name)(parameters, lr=lr, **OPTIONS.get(name, {}))
    return Implementation(optimizer.step, lambda _: [parameter.detach().numpy() for parameter in parameters])


IMPLEMENTATIONS = {HAND: by_hand, OURS: ours, PYTORCH: pytorch}


def one_step(
    name: str, what: str, shapes: Sequence[tuple[int, ...]], rehearsed: Sequence[tuple[int, ...]], budget: dict
) -> Workload:
    """The workload. It is timed at a rate of nearly 0: else thousands of steps would drive the values to infinity."""
    peers = {n: make for n, make in IMPLEMENTATIONS.items() if n != PYTORCH or name != "Lion"}
    makers = {n: partial(make, name, shapes, 1e-9) for n, make in peers.items()}
    if ONE_LARGE in budget:
        makers[ONE_LARGE] = partial(ours, name, TOGETHER, 1e-9)
    return Workload(
        name=f"{name.lower()}-{what}",
        title=f"{name} on {len(shapes)} x {math.prod(shapes[0]):,}",
        makers=makers,
        rehearsal={n: partial(make, name, rehearsed, 1e-3) for n, make in peers.items()},
        budget=budget,
        tolerance=5e-3 if name == "Muon" else 1e-5,  # which PyTorch computes in bfloat16
    )


ELEMENTWISE = [name for name in UPDATES if name not in ("Muon", "Adafactor")]
BUDGETS = {"Adam": {PYTORCH: 1.0}}
OPTIMIZERS = [
    *(one_step(name, "large", LARGE, [(3000,)], BUDGETS.get(name, {})) for name in ELEMENTWISE),
    *(one_step(name, "matrix", MATRIX, [(30, 20)], {}) for name in ("Muon", "Adafactor")),
    *(one_step(name, "many", MANY, [(10,)] * 20, {ONE_LARGE: 0.5}) for name in ("SGD", "Adam")),
]
