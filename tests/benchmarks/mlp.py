"""One training step of a multilayer perceptron, 784-64-64-32-10 in float32, with SGD and momentum.

A step computes the mean cross-entropy, its gradients, and the new parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .measuring import HAND, OURS, Implementation, Workload
from .peers import AUTOGRAD, JAX, JAX_JIT, PYTORCH

SIZES = (784, 64, 64, 32, 10)
MOMENTUM = 0.9
PRODUCTS = "products"
"""Not an implementation but a bound: the matrix products alone."""


class Problem:
    """Data, and parameters to start from: weights (out, in) and biases (out,), in turns."""

    def __init__(self, batch: int) -> None:
        rng = np.random.default_rng(0)
        self.x = rng.standard_normal((batch, SIZES[0]), dtype=np.float32)
        self.target = rng.integers(SIZES[-1], size=batch)
        self.parameters: list[np.ndarray] = []
        for n, m in zip(SIZES, SIZES[1:]):
            self.parameters.append(rng.standard_normal((m, n), dtype=np.float32) * np.float32((2 / n) ** 0.5))
            self.parameters.append(rng.standard_normal(m, dtype=np.float32) * np.float32(0.1))


def by_hand(problem: Problem, rate: float) -> Implementation:
    x, target, n = problem.x, problem.target, len(problem.x)
    parameters = [p.copy() for p in problem.parameters]
    weights, biases = parameters[0::2], parameters[1::2]
    velocities = [np.zeros_like(p) for p in parameters]
    gradients = [np.empty_like(p) for p in parameters]
    scratch = [np.empty_like(p) for p in parameters]
    activations = [np.empty((n, m), np.float32) for m in SIZES[1:]]
    cotangents = [np.empty((n, m), np.float32) for m in SIZES[1:]]
    rows = np.arange(n)
    last = len(weights) - 1

    def step() -> np.float32:
        a = x
        for i, h in enumerate(activations):
            np.matmul(a, weights[i].T, out=h)
            h += biases[i]
            if i < last:
                np.maximum(h, 0, out=h)
            a = h

        logits, g = activations[last], cotangents[last]
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=g)
        total = g.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - logits[rows, target]).mean()
        g *= (1 / n) / total
        g[rows, target] -= np.float32(1 / n)

        for i in range(last, -1, -1):
            a = activations[i - 1] if i else x
            np.matmul(g.T, a, out=gradients[2 * i])
            g.sum(axis=0, out=gradients[2 * i + 1])
            if i:
                g = np.matmul(g, weights[i], out=cotangents[i - 1])
                g *= a > 0

        for p, v, gradient, change in zip(parameters, velocities, gradients, scratch):
            v *= MOMENTUM
            v += gradient
            p -= np.multiply(v, rate, out=change)
        return loss

    return Implementation(step, lambda loss: [loss, *gradients, *parameters])


def products(problem: Problem, rate: float) -> Implementation:
    x, weights = problem.x, problem.parameters[0::2]
    outputs = [np.empty((len(x), m), np.float32) for m in SIZES[1:]]
    gradients = [np.empty_like(w) for w in weights]
    inputs = [x, *outputs[:-1]]

    def step() -> None:
        for a, w, h in zip(inputs, weights, outputs):
            np.matmul(a, w.T, out=h)
        for i in range(len(weights) - 1, -1, -1):
            np.matmul(outputs[i].T, inputs[i], out=gradients[i])
            if i:
                np.matmul(outputs[i], weights[i], out=inputs[i])

    return Implementation(step, lambda _: [])


def training(model: Callable, criterion: Callable, optimizer: Any, inputs: Callable, target: Any) -> Callable[[], Any]:
    """A step as PyTorch's users write it, and ours."""

    def step() -> Any:
        optimizer.zero_grad()
        loss = criterion(model(inputs()), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


def ours(problem: Problem, rate: float) -> Implementation:
    import nn
    import optim
    from autodiff import Tensor

    layers = [nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(32, 10))
    parameters = list(model.parameters())
    for parameter, value in zip(parameters, problem.parameters, strict=True):
        parameter.data = value.copy()
    optimizer = optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM)
    step = training(model, nn.CrossEntropyLoss(), optimizer, partial(Tensor, problem.x), problem.target)
    return Implementation(
        step, lambda loss: [loss.data, *(p.grad.data for p in parameters), *(p.data for p in parameters)]
    )


def pytorch(problem: Problem, rate: float) -> Implementation:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    layers = [nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(32, 10))
    parameters = list(model.parameters())
    for parameter, value in zip(parameters, problem.parameters, strict=True):
        parameter.data = torch.from_numpy(value.copy())
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM)
    x, target = torch.from_numpy(problem.x), torch.from_numpy(problem.target)
    step = training(model, nn.CrossEntropyLoss(), optimizer, lambda: x, target)

    def read(loss: torch.Tensor) -> list:
        return [loss.detach().numpy(), *(p.grad.numpy() for p in parameters), *(p.detach().numpy() for p in parameters)]

    return Implementation(step, read)


def _loss(xp: Any, parameters: list, x: Any, target: Any) -> Any:
    """The loss in plain functions, for the libraries that differentiate those."""
    for w, b in zip(parameters[0:-2:2], parameters[1:-2:2]):
        x = xp.maximum(x @ w.T + b, 0)
    logits = x @ parameters[-2].T + parameters[-1]
    logits = logits - xp.max(logits, axis=1, keepdims=True)
    return xp.mean(xp.log(xp.sum(xp.exp(logits), axis=1)) - logits[np.arange(len(target)), target])


def autograd(problem: Problem, rate: float) -> Implementation:
    import autograd.numpy as xp
    from autograd import value_and_grad

    gradient = value_and_grad(lambda parameters: _loss(xp, parameters, problem.x, problem.target))
    parameters = [p.copy() for p in problem.parameters]
    velocities = [np.zeros_like(p) for p in parameters]

    def step() -> tuple:
        loss, gradients = gradient(parameters)
        for p, v, g in zip(parameters, velocities, gradients):
            v *= MOMENTUM
            v += g
            p -= rate * v
        return loss, gradients

    return Implementation(step, lambda found: [found[0], *found[1], *parameters])


def jax(problem: Problem, rate: float, compiled: bool = False) -> Implementation:
    import jax

    x, target = jax.numpy.asarray(problem.x), jax.numpy.asarray(problem.target)

    def update(parameters: list, velocities: list) -> tuple:
        loss, gradients = jax.value_and_grad(lambda p: _loss(jax.numpy, p, x, target))(parameters)
        velocities = [MOMENTUM * v + g for v, g in zip(velocities, gradients)]
        return loss, gradients, [p - rate * v for p, v in zip(parameters, velocities)], velocities

    update = jax.jit(update) if compiled else update
    state = [list(map(jax.numpy.array, problem.parameters)), [jax.numpy.zeros_like(p) for p in problem.parameters]]

    def step() -> tuple:
        loss, gradients, *state[:] = jax.block_until_ready(update(*state))
        return loss, gradients

    return Implementation(step, lambda found: [np.asarray(a) for a in (found[0], *found[1], *state[0])])


IMPLEMENTATIONS = {
    HAND: by_hand,
    OURS: ours,
    PYTORCH: pytorch,
    AUTOGRAD: autograd,
    JAX: jax,
    JAX_JIT: partial(jax, compiled=True),
}


def training_step(batch: int, budget: dict[str, float]) -> Workload:
    """The workload. It is timed at a rate of nearly 0: else thousands of steps would drive some gradients to 0."""
    problem = Problem(batch)
    return Workload(
        name=f"mlp-{batch}",
        title=f"MLP training step, batch {batch}",
        makers={n: partial(make, problem, 1e-9) for n, make in {**IMPLEMENTATIONS, PRODUCTS: products}.items()},
        rehearsal={n: partial(make, problem, 0.05) for n, make in IMPLEMENTATIONS.items()},
        budget=budget,
        tolerance=1e-4,
    )


STEPS = [
    training_step(8, {HAND: 1.5, PYTORCH: 3.0}),
    training_step(100, {HAND: 1.15, PYTORCH: 1.7}),
    training_step(1024, {HAND: 1.05, PYTORCH: 1.15}),
]
