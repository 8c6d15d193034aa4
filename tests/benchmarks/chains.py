"""Chains of 300 small operations on 10 numbers: what an operation costs that costs NumPy next to nothing.

Each is a block of ten operations that is repeated 30 times, as an expression for every library, and its gradient
written by hand: operation by operation, saving only what is needed, without algebra across operations, which would be
another program. Values stay between -3 and 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .measuring import HAND, Implementation, Workload
from .peers import AUTOGRAD, PEERS, PYTORCH

BLOCKS = 30
SIZE = 10
X = np.linspace(-1, 1, SIZE)
G = np.linspace(0.5, 1.5, SIZE)
A = np.linspace(0.5, 1.0, SIZE)
B = np.linspace(1.5, 2.0, SIZE)
M = np.array([[0.8, -0.6], [0.6, 0.8]])


def operators(xp: Any, x: Any, a: Any, b: Any) -> Any:
    for _ in range(BLOCKS):
        scaled = -(x * a + a) / b
        squared = scaled * scaled
        x = 1.0 - (squared * 0.5 + x - a) * 0.9
    return x


def operators_by_hand(x: np.ndarray, a: np.ndarray, b: np.ndarray, g: np.ndarray) -> np.ndarray:
    saved = []
    for _ in range(BLOCKS):
        scaled = -(x * a + a) / b
        saved.append(scaled)
        squared = scaled * scaled
        x = 1.0 - (squared * 0.5 + x - a) * 0.9
    for scaled in reversed(saved):
        g = -g * 0.9
        g_scaled = g * 0.5 * scaled
        g = g + -(g_scaled + g_scaled) / b * a
    return g


def functions(xp: Any, x: Any, a: Any, b: Any) -> Any:
    for _ in range(BLOCKS):
        t = xp.tanh(xp.add(xp.multiply(x, a), a))
        root = xp.sqrt(xp.exp(t))
        wave = xp.sin(xp.log(xp.add(root, b)))
        x = xp.subtract(xp.divide(wave, root), t)
    return x


def functions_by_hand(x: np.ndarray, a: np.ndarray, b: np.ndarray, g: np.ndarray) -> np.ndarray:
    saved = []
    for _ in range(BLOCKS):
        t = np.tanh(np.add(np.multiply(x, a), a))
        exponential = np.exp(t)
        root = np.sqrt(exponential)
        shifted = np.add(root, b)
        logarithm = np.log(shifted)
        x = np.divide(np.sin(logarithm), root)
        saved.append((t, exponential, root, shifted, logarithm, x))
        x = np.subtract(x, t)
    for t, exponential, root, shifted, logarithm, quotient in reversed(saved):
        g_quotient = g / root
        g_root = g_quotient * np.cos(logarithm) / shifted - g_quotient * quotient
        g_t = g_root * 0.5 / root * exponential - g
        g = g_t * (1 - t * t) * a
    return g


def methods(xp: Any, x: Any, m: Any) -> Any:
    for _ in range(BLOCKS):
        pairs = x.reshape(2, 5)
        centred = (pairs.T - pairs.mean(1)) @ m
        lengths = (centred * centred).sum(0)
        x = (centred / (lengths + 1.0)).reshape(10)
    return x


def methods_by_hand(x: np.ndarray, m: np.ndarray, g: np.ndarray) -> np.ndarray:
    saved = []
    for _ in range(BLOCKS):
        pairs = x.reshape(2, 5)
        centred = (pairs.T - pairs.mean(1)) @ m
        lengths = (centred * centred).sum(0) + 1.0
        quotient = centred / lengths
        saved.append((centred, lengths, quotient))
        x = quotient.reshape(10)
    for centred, lengths, quotient in reversed(saved):
        g_centred = g.reshape(5, 2) / lengths
        g_lengths = -(g_centred * quotient).sum(0)
        g_centred += 2 * g_lengths * centred
        g_pairs = (g_centred @ m.T).T
        g = (g_pairs - (g_pairs.sum(1) / 5)[:, None]).reshape(10)
    return g


def selections(xp: Any, x: Any, a: Any, b: Any) -> Any:
    for _ in range(BLOCKS):
        larger = xp.maximum(x * a, a - x)
        bounded = xp.clip(larger - b, -1.0, 1.0)
        x = xp.where(bounded > -0.5, xp.exp(bounded), x) * b - a
    return x


def selections_by_hand(x: np.ndarray, a: np.ndarray, b: np.ndarray, g: np.ndarray) -> np.ndarray:
    saved = []
    for _ in range(BLOCKS):
        scaled, mirrored = x * a, a - x
        first = scaled > mirrored
        moved = np.maximum(scaled, mirrored) - b
        bounded = np.clip(moved, -1.0, 1.0)
        chosen = bounded > -0.5
        exponential = np.exp(bounded)
        saved.append((first, np.abs(moved) <= 1.0, chosen, exponential))
        x = np.where(chosen, exponential, x) * b - a
    for first, inside, chosen, exponential in reversed(saved):
        g = g * b
        g_larger = np.where(chosen, g * exponential, 0.0) * inside
        g = np.where(chosen, 0.0, g) + np.where(first, g_larger * a, -g_larger)
    return g


def chain(
    name: str, title: str, f: Callable, by_hand: Callable, constants: Sequence[np.ndarray], limit: float
) -> Workload:
    return Workload(
        name=name,
        title=title,
        operations=300,
        makers={
            HAND: lambda: Implementation(lambda: by_hand(X, *constants, G), lambda gradient: [gradient]),
            **{peer: partial(make, f, X, constants, G) for peer, make in PEERS.items()},
        },
        budget={HAND: limit, PYTORCH: 1.8, AUTOGRAD: 5.0},
    )


CHAINS = [
    chain("operators", "300 small operations: operators", operators, operators_by_hand, (A, B), 3.0),
    chain("methods", "... methods, matmul, broadcasting", methods, methods_by_hand, (M,), 3.0),
    chain("functions", "... NumPy functions", functions, functions_by_hand, (A, B), 3.2),
    chain("selections", "... where, maximum, clip", selections, selections_by_hand, (A, B), 3.2),
]
