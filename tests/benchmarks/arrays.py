"""Single functions of arrays of a million entries, forward and backward, beside what one would write by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .measuring import HAND, OURS, Implementation, Workload
from .peers import AUTOGRAD, JAX, JAX_JIT, PEERS

BUDGET = {HAND: 1.5}
MILLION = 1_000_000


def by_hand(
    f: Callable, gradient: Callable, x: np.ndarray, constants: Sequence[np.ndarray], g: np.ndarray
) -> Implementation:
    """``f``, then ``gradient(g, x, out, *constants)``."""

    def step() -> np.ndarray:
        return gradient(g, x, f(np, x, *constants), *constants)

    return Implementation(step, lambda found: [found])


def summed_at(g: np.ndarray, x: np.ndarray, out: np.ndarray, index: np.ndarray) -> np.ndarray:
    gradient = np.zeros_like(x)
    np.add.at(gradient, index, g)
    return gradient


def put_back(g: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    gradient = np.zeros_like(x)
    gradient[:, 1:-1] = g
    return gradient


def to_winners(g: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """The largest entries of each row share the gradient of their row."""
    winners = x == out[:, None]
    gradient = np.zeros_like(x)
    np.copyto(gradient, (g / np.count_nonzero(winners, axis=1))[:, None], where=winners)
    return gradient


def through_variance(g: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    gradient = x - x.mean(1, keepdims=True)
    gradient *= (2 / x.shape[1] * g)[:, None]
    return gradient


def through_cumsum(g: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    return np.cumsum(g[:, ::-1], axis=1)[:, ::-1]


def spread(g: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    gradient = np.empty_like(x)
    gradient[...] = g
    return gradient


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


def integers(below: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, below, shape)


# name: f, its gradient by hand, x, constants
# fmt: off
CASES: dict[str, tuple[Callable, Callable, Callable[[], tuple[np.ndarray, list]]]] = {
    "index-rows":  (lambda xp, x, i: x[i], summed_at,
                    lambda: (random(10_000, 64), [integers(10_000, MILLION // 64)])),
    "index":       (lambda xp, x, i: x[i], lambda g, x, out, i: np.bincount(i, g, len(x)),
                    lambda: (random(MILLION), [integers(MILLION, MILLION)])),
    "index-pairs": (lambda xp, x, i: x[i[0], i[1]], lambda g, x, out, i: summed_at(g, x, out, tuple(i)),
                    lambda: (random(1000, 1000), [integers(1000, 2, MILLION)])),
    "slice":       (lambda xp, x: x[:, 1:-1], put_back, lambda: (random(1000, 1000), [])),
    "concatenate": (lambda xp, x, c: xp.concatenate([c, x]), lambda g, x, out, c: g[len(c):].copy(),
                    lambda: (random(MILLION // 2), [random(MILLION // 2)])),
    "sum":         (lambda xp, x: xp.sum(x, axis=0), spread, lambda: (random(1000, 1000), [])),
    "mean":        (lambda xp, x: xp.mean(x), lambda g, x, out: np.full_like(x, g / x.size),
                    lambda: (random(1000, 1000), [])),
    "max":         (lambda xp, x: xp.max(x, axis=1), to_winners, lambda: (random(1000, 1000), [])),
    "var":         (lambda xp, x: xp.var(x, axis=1), through_variance, lambda: (random(1000, 1000), [])),
    "cumsum":      (lambda xp, x: xp.cumsum(x, axis=1), through_cumsum, lambda: (random(1000, 1000), [])),
    "einsum":      (lambda xp, x, y: xp.einsum("ij,kj->ik", x, y), lambda g, x, out, y: g @ y,
                    lambda: (random(1000, 1000), [random(200, 1000)])),
    "einsum-heads": (lambda xp, x, y: xp.einsum("bqhd,bkhd->bhqk", x, y),
                    lambda g, x, out, y: np.matmul(g, y.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3).copy(),
                    lambda: (random(8, 128, 8, 64), [random(8, 128, 8, 64)])),
    "matmul-batch": (lambda xp, x, y: x @ y, lambda g, x, out, y: g @ y.transpose(0, 2, 1),
                    lambda: (random(1000, 32, 32), [random(1000, 32, 32)])),
}
# fmt: on


def workload(name: str) -> Workload:
    f, gradient, data = CASES[name]

    def problem() -> tuple[np.ndarray, list, np.ndarray]:
        x, constants = data()
        return x, constants, random(*np.shape(f(np, x, *constants)))

    def maker(peer: str) -> Callable[[], Any]:
        return lambda: PEERS[peer](f, *problem())

    return Workload(
        name=f"array-{name}",
        title=f"{name}, a million entries",
        makers={
            HAND: lambda: by_hand(f, gradient, *problem()),
            **{peer: maker(peer) for peer in (OURS, AUTOGRAD, JAX, JAX_JIT)},
        },
        budget=BUDGET,
    )


ARRAYS = [workload(name) for name in CASES]
