"""One training step of a perceptron with batch norm and dropout, 784-256-256-10 in float32, with SGD and momentum.

Each hidden layer is linear, batch norm, ReLU, dropout of a half. A step computes the mean cross-entropy, its gradients,
the new parameters and the running statistics. The masks are drawn as ``nn.dropout`` draws them, so that by hand and on
the tape the numbers are the same; those of PyTorch are not, which takes no part in the rehearsal.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .measuring import HAND, OURS, Implementation, Workload
from .mlp import MOMENTUM, training
from .peers import PYTORCH

SIZES = (784, 256, 256, 10)
HIDDEN = len(SIZES) - 2
EPS = 1e-5
SEEDS = (1, 2)
"""Of the dropout layers."""


class Problem:
    """Data, and parameters to start from in the order of the layers: weight and bias of each, linear and batch norm."""

    def __init__(self, batch: int) -> None:
        rng = np.random.default_rng(0)
        self.x = rng.standard_normal((batch, SIZES[0]), dtype=np.float32)
        self.target = rng.integers(SIZES[-1], size=batch)
        self.parameters: list[np.ndarray] = []
        for i, (n, m) in enumerate(zip(SIZES, SIZES[1:])):
            self.parameters.append(rng.standard_normal((m, n), dtype=np.float32) * np.float32((2 / n) ** 0.5))
            self.parameters.append(rng.standard_normal(m, dtype=np.float32) * np.float32(0.1))
            if i < HIDDEN:
                self.parameters.append(rng.uniform(0.5, 1.5, m).astype(np.float32))
                self.parameters.append(rng.standard_normal(m, dtype=np.float32) * np.float32(0.1))


def by_hand(problem: Problem, rate: float) -> Implementation:
    x, target, n = problem.x, problem.target, len(problem.x)
    parameters = [p.copy() for p in problem.parameters]
    gradients = [np.empty_like(p) for p in parameters]
    velocities = [np.zeros_like(p) for p in parameters]
    scratch = [np.empty_like(p) for p in parameters]
    running = [(np.zeros(m, np.float32), np.ones(m, np.float32)) for m in SIZES[1:-1]]
    generators = [np.random.default_rng(seed) for seed in SEEDS]
    normalised, outputs, cotangents = ([np.empty((n, m), np.float32) for m in SIZES[1:]] for _ in range(3))
    factors = [np.empty((n, m), np.float32) for m in SIZES[1:-1]]
    inverses: list = [None] * HIDDEN
    rows, ones = np.arange(n), np.ones(n, np.float32)

    def step() -> np.float32:
        a = x
        for i in range(HIDDEN):
            weight, bias, gamma, beta = parameters[4 * i : 4 * i + 4]
            h, y = normalised[i], outputs[i]
            np.matmul(a, weight.T, out=h)
            h += bias
            mean = ones.dot(h) / n
            h -= mean
            var = ones.dot(np.multiply(h, h, out=y)) / n
            inverses[i] = 1 / np.sqrt(var + np.float32(EPS))
            h *= inverses[i]
            np.multiply(h, gamma, out=y)
            y += beta
            for average, new in zip(running[i], (mean, var * (n / (n - 1)))):
                average *= 0.9
                average += 0.1 * new
            drawn = generators[i].integers(0, 1 << 64, -(-y.size // 64), np.uint64).view(np.uint8)
            kept = np.unpackbits(drawn, count=y.size).view(bool).reshape(y.shape)
            kept &= y > 0
            np.multiply(kept, np.float32(2), out=factors[i])  # of ReLU and dropout together
            y *= factors[i]
            a = y

        logits, g = outputs[-1], cotangents[-1]
        weight, bias = parameters[-2:]
        np.matmul(a, weight.T, out=logits)
        logits += bias
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=g)
        total = g.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - logits[rows, target]).mean()
        g *= (1 / n) / total
        g[rows, target] -= np.float32(1 / n)
        np.matmul(g.T, a, out=gradients[-2])
        g.sum(axis=0, out=gradients[-1])
        g = np.matmul(g, weight, out=cotangents[HIDDEN - 1])

        for i in range(HIDDEN - 1, -1, -1):
            weight, _, gamma, _ = parameters[4 * i : 4 * i + 4]
            of_weight, of_bias, of_gamma, of_beta = gradients[4 * i : 4 * i + 4]
            h, product = normalised[i], outputs[i]
            g *= factors[i]
            np.dot(ones, g, out=of_beta)
            np.dot(ones, np.multiply(g, h, out=product), out=of_gamma)
            h *= of_gamma / n
            g -= h
            g -= of_beta / n
            g *= gamma * inverses[i]
            np.matmul(g.T, outputs[i - 1] if i else x, out=of_weight)
            np.dot(ones, g, out=of_bias)
            if i:
                g = np.matmul(g, weight, out=cotangents[i - 1])

        for p, v, gradient, change in zip(parameters, velocities, gradients, scratch):
            v *= MOMENTUM
            v += gradient
            p -= np.multiply(v, rate, out=change)
        return loss

    return Implementation(step, lambda loss: _told(loss, gradients, parameters, running))


def _told(loss: np.ndarray, gradients: list, parameters: list, running: list) -> list[np.ndarray]:
    """What is compared. The gradient of a bias before a batch norm is 0 but for rounding, so it is left out."""
    needless = {1, 5}
    told = [[a for i, a in enumerate(arrays) if i not in needless] for arrays in (gradients, parameters)]
    return [loss, *told[0], *told[1], *(average for pair in running for average in pair)]


def ours(problem: Problem, rate: float) -> Implementation:
    import nn
    import optim
    from autodiff import Tensor

    model = nn.Sequential()
    for n, m, seed in zip(SIZES, SIZES[1:-1], SEEDS):
        model.extend([nn.Linear(n, m), nn.BatchNorm1d(m), nn.ReLU(), nn.Dropout(0.5, rng=seed)])
    model.append(nn.Linear(*SIZES[-2:]))
    parameters = list(model.parameters())
    for parameter, value in zip(parameters, problem.parameters, strict=True):
        parameter.data = value.copy()
    optimizer = optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM)
    step = training(model, nn.CrossEntropyLoss(), optimizer, partial(Tensor, problem.x), problem.target)

    def read(loss: Tensor) -> list[np.ndarray]:
        running = [(m.running_mean, m.running_var) for m in model if isinstance(m, nn.BatchNorm1d)]
        return _told(loss.data, [p.grad.data for p in parameters], [p.data for p in parameters], running)

    return Implementation(step, read)


def pytorch(problem: Problem, rate: float) -> Implementation:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    model = nn.Sequential()
    for n, m in zip(SIZES, SIZES[1:-1]):
        model.extend([nn.Linear(n, m), nn.BatchNorm1d(m), nn.ReLU(), nn.Dropout(0.5)])
    model.append(nn.Linear(*SIZES[-2:]))
    for parameter, value in zip(model.parameters(), problem.parameters, strict=True):
        parameter.data = torch.from_numpy(value.copy())
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM)
    x, target = torch.from_numpy(problem.x), torch.from_numpy(problem.target)
    return Implementation(training(model, nn.CrossEntropyLoss(), optimizer, lambda: x, target), lambda loss: [])


def training_step(batch: int) -> Workload:
    """The workload. It is timed at a rate of nearly 0: else thousands of steps would drive some gradients to 0."""
    problem = Problem(batch)
    makers = {HAND: by_hand, OURS: ours, PYTORCH: pytorch}
    return Workload(
        name=f"regularized-{batch}",
        title=f"MLP with batch norm and dropout, batch {batch}",
        makers={name: partial(make, problem, 1e-9) for name, make in makers.items()},
        rehearsal={name: partial(makers[name], problem, 0.05) for name in (HAND, OURS)},
        budget={HAND: 1.1},
        tolerance=1e-4,
    )


REGULARIZED = [training_step(128), training_step(1024)]
