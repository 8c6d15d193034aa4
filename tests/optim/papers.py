"""The papers' pseudo-code, transcribed plainly, and a table of cases: every optimiser with every option.

Each function takes the first values of a parameter and the gradients of all steps, and returns the last values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

import optim


def sgd(theta, gradients, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False):
    v = None
    for g in gradients:
        g = (-g if maximize else g) + weight_decay * theta
        if momentum:
            v = g if v is None else momentum * v + (1 - dampening) * g
            g = g + momentum * v if nesterov else v
        theta = theta - lr * g
    return theta


def adam(
    theta,
    gradients,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0,
    amsgrad=False,
    maximize=False,
    decoupled_weight_decay=False,
):
    m = v = v_max = np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta = (1 - lr * weight_decay) * theta
        else:
            g = g + weight_decay * theta
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        v_max = np.maximum(v_max, v)
        m_hat = m / (1 - betas[0] ** t)
        v_hat = (v_max if amsgrad else v) / (1 - betas[1] ** t)
        theta = theta - lr * m_hat / (np.sqrt(v_hat) + eps)
    return theta


def adamw(theta, gradients, weight_decay=1e-2, **options):
    return adam(theta, gradients, weight_decay=weight_decay, decoupled_weight_decay=True, **options)


def adamax(theta, gradients, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, maximize=False):
    m = u = np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        g = (-g if maximize else g) + weight_decay * theta
        m = betas[0] * m + (1 - betas[0]) * g
        u = np.maximum(betas[1] * u, np.abs(g) + eps)
        theta = theta - lr / (1 - betas[0] ** t) * m / u
    return theta


def nadam(
    theta,
    gradients,
    lr=2e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0,
    momentum_decay=4e-3,
    decoupled_weight_decay=False,
    maximize=False,
):
    m = v = np.zeros_like(theta)
    mu = [betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in range(len(gradients) + 2)]
    for t, g in enumerate(gradients, start=1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta = (1 - lr * weight_decay) * theta
        else:
            g = g + weight_decay * theta
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat = mu[t + 1] * m / (1 - math.prod(mu[1 : t + 2])) + (1 - mu[t]) * g / (1 - math.prod(mu[1 : t + 1]))
        v_hat = v / (1 - betas[1] ** t)
        theta = theta - lr * m_hat / (np.sqrt(v_hat) + eps)
    return theta


def radam(
    theta,
    gradients,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0,
    decoupled_weight_decay=False,
    maximize=False,
):
    m = v = np.zeros_like(theta)
    rho_inf = 2 / (1 - betas[1]) - 1
    for t, g in enumerate(gradients, start=1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta = (1 - lr * weight_decay) * theta
        else:
            g = g + weight_decay * theta
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat = m / (1 - betas[0] ** t)
        rho = rho_inf - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
        if rho > 5:
            adaptive = math.sqrt(1 - betas[1] ** t) / (np.sqrt(v) + eps)
            r = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            theta = theta - lr * m_hat * r * adaptive
        else:
            theta = theta - lr * m_hat
    return theta


def adagrad(
    theta, gradients, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10, maximize=False
):
    total = np.full_like(theta, initial_accumulator_value)
    for t, g in enumerate(gradients, start=1):
        g = (-g if maximize else g) + weight_decay * theta
        total = total + g**2
        theta = theta - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(total) + eps)
    return theta


def adadelta(theta, gradients, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, maximize=False):
    squares = steps = np.zeros_like(theta)
    for g in gradients:
        g = (-g if maximize else g) + weight_decay * theta
        squares = rho * squares + (1 - rho) * g**2
        delta = np.sqrt(steps + eps) / np.sqrt(squares + eps) * g
        steps = rho * steps + (1 - rho) * delta**2
        theta = theta - lr * delta
    return theta


def rmsprop(
    theta, gradients, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False, maximize=False
):
    n = m = velocity = np.zeros_like(theta)
    for g in gradients:
        g = (-g if maximize else g) + weight_decay * theta
        n = alpha * n + (1 - alpha) * g**2
        m = alpha * m + (1 - alpha) * g
        velocity = momentum * velocity + g / (np.sqrt(n - m**2 if centered else n) + eps)
        theta = theta - lr * velocity
    return theta


def rprop(theta, gradients, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), maximize=False):
    previous, size = np.zeros_like(theta), np.full_like(theta, lr)
    for g in gradients:
        g = -g if maximize else g
        size = size * np.where(g * previous > 0, etas[1], np.where(g * previous < 0, etas[0], 1))
        size = np.minimum(np.maximum(size, step_sizes[0]), step_sizes[1])
        previous = np.where(g * previous < 0, 0, g)
        theta = theta - size * np.sign(previous)
    return theta


def asgd(theta, gradients, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, maximize=False):
    for t, g in enumerate(gradients):
        eta = lr / (1 + lambd * lr * t) ** alpha
        g = (-g if maximize else g) + weight_decay * theta
        theta = (1 - eta * lambd) * theta - eta * g
    return theta


def lion(theta, gradients, lr=1e-4, betas=(0.9, 0.99), weight_decay=0, maximize=False):
    m = np.zeros_like(theta)
    for g in gradients:
        g = -g if maximize else g
        c = betas[0] * m + (1 - betas[0]) * g
        theta = theta - lr * (np.sign(c) + weight_decay * theta)
        m = betas[1] * m + (1 - betas[1]) * g
    return theta


def muon(
    theta,
    gradients,
    lr=1e-3,
    weight_decay=0.1,
    momentum=0.95,
    nesterov=True,
    ns_coefficients=(3.4445, -4.775, 2.0315),
    eps=1e-7,
    ns_steps=5,
    adjust_lr_fn=None,
):
    (rows, columns), (a, b, c) = theta.shape, ns_coefficients
    average = np.zeros_like(theta)
    for g in gradients:
        average = momentum * average + (1 - momentum) * g
        x = momentum * average + (1 - momentum) * g if nesterov else average
        u, s, vt = np.linalg.svd(x, full_matrices=False)
        s = s / max(np.sqrt(np.sum(s**2)), eps)
        for _ in range(ns_steps):
            s = a * s + b * s**3 + c * s**5
        scale = (
            0.2 * math.sqrt(max(rows, columns))
            if adjust_lr_fn == "match_rms_adamw"
            else math.sqrt(max(1, rows / columns))
        )
        theta = (1 - lr * weight_decay) * theta - lr * scale * (u * s) @ vt
    return theta


def adafactor(theta, gradients, lr=1e-2, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, weight_decay=0, maximize=False):
    eps1, eps2 = float(np.finfo(theta.dtype).eps) if eps[0] is None else eps[0], eps[1]
    rows = columns = v = 0
    for t, g in enumerate(gradients, start=1):
        g = -g if maximize else g
        beta2 = 1 - t**beta2_decay
        alpha = max(eps2, np.sqrt(np.mean(theta**2))) * min(lr, 1 / math.sqrt(t))
        theta = (1 - lr * weight_decay) * theta
        if theta.ndim > 1:
            rows = beta2 * rows + (1 - beta2) * np.mean(g**2, axis=-1, keepdims=True)
            columns = beta2 * columns + (1 - beta2) * np.mean(g**2, axis=-2, keepdims=True)
            v = rows * columns / np.maximum(np.mean(rows, axis=-2, keepdims=True), eps1)
        else:
            v = beta2 * v + (1 - beta2) * g**2
        u = g / np.maximum(np.sqrt(v), eps1)
        theta = theta - alpha * u / max(1, np.sqrt(np.mean(u**2)) / d)
    return theta


class Case(NamedTuple):
    """An optimiser, its paper, and options to run both with."""

    optimizer: Callable[..., optim.Optimizer]
    paper: Callable[..., np.ndarray]
    options: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.optimizer.__name__}({', '.join(f'{k}={v}' for k, v in self.options.items())})"


def cases(optimizer: Callable, paper: Callable, common: dict[str, Any], options: Iterable[dict]) -> list[Case]:
    return [Case(optimizer, paper, common | chosen) for chosen in ({}, *options)]


DECAYED = [
    dict(weight_decay=0.1),
    dict(weight_decay=0.1, maximize=True),
    dict(betas=(0.8, 0.95), eps=1e-3),
]
DECOUPLED = [dict(weight_decay=0.1, decoupled_weight_decay=True, maximize=m) for m in (False, True)]
CASES = [
    *cases(
        optim.SGD,
        sgd,
        dict(lr=0.1),
        [
            dict(weight_decay=0.1),
            dict(maximize=True),
            dict(maximize=True, weight_decay=0.1),
            dict(momentum=0.9),
            dict(momentum=0.9, dampening=0.3, weight_decay=0.1),
            dict(momentum=0.9, dampening=0.3, maximize=True),
            dict(momentum=0.9, nesterov=True),
            dict(momentum=0.9, nesterov=True, weight_decay=0.1, maximize=True),
        ],
    ),
    *cases(
        optim.Adam,
        adam,
        dict(lr=0.05),
        [*DECAYED, *DECOUPLED, dict(maximize=True), dict(amsgrad=True), dict(amsgrad=True, betas=(0.5, 0.6))],
    ),
    *cases(optim.AdamW, adamw, dict(lr=0.05), [*DECAYED, dict(amsgrad=True, betas=(0.5, 0.6), weight_decay=0.0)]),
    *cases(optim.Adamax, adamax, dict(lr=0.05), [*DECAYED, dict(maximize=True)]),
    *cases(optim.NAdam, nadam, dict(lr=0.05), [*DECAYED, *DECOUPLED, dict(momentum_decay=0.1, maximize=True)]),
    *cases(optim.RAdam, radam, dict(lr=0.05), [*DECAYED, *DECOUPLED, dict(betas=(0.9, 0.5), maximize=True)]),
    *cases(
        optim.Adagrad,
        adagrad,
        dict(lr=0.1),
        [dict(lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.5, eps=1e-3, maximize=m) for m in (0, 1)],
    ),
    *cases(
        optim.Adadelta, adadelta, {}, [dict(lr=0.5, rho=0.8, eps=1e-3, weight_decay=0.1, maximize=m) for m in (0, 1)]
    ),
    *cases(
        optim.RMSprop,
        rmsprop,
        dict(lr=0.02),
        [
            dict(alpha=0.8, eps=1e-3, weight_decay=0.1),
            dict(centered=True, maximize=True),
            dict(momentum=0.9),
            dict(momentum=0.9, centered=True, weight_decay=0.1, maximize=True),
        ],
    ),
    *cases(optim.Rprop, rprop, {}, [dict(lr=0.1, etas=(0.3, 1.5), step_sizes=(0.02, 0.3), maximize=m) for m in (0, 1)]),
    *cases(
        optim.ASGD,
        asgd,
        dict(lr=0.1),
        [dict(lambd=0.1, alpha=0.5, weight_decay=0.1), dict(t0=20, maximize=True, weight_decay=0.1)],
    ),
    *cases(optim.Lion, lion, dict(lr=0.01), [dict(weight_decay=0.1), dict(betas=(0.5, 0.7), maximize=True)]),
    *cases(
        optim.Muon,
        muon,
        dict(lr=0.02),
        [
            dict(weight_decay=0.0, nesterov=False),
            dict(momentum=0.5, adjust_lr_fn="match_rms_adamw", ns_coefficients=(1.5, -0.5, 0.0), ns_steps=3),
            dict(adjust_lr_fn="original", eps=10.0),
        ],
    ),
    *cases(
        optim.Adafactor,
        adafactor,
        {},
        [
            dict(lr=0.3, beta2_decay=-0.5, weight_decay=0.1, eps=(1e-3, 0.1)),
            dict(lr=0.3, d=2.0, maximize=True),
        ],
    ),
]
