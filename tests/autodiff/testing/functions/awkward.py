"""Correct functions at awkward points, drawn at random: what a checker of gradients must not take for wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import Tensor
from autodiff.scipy import special

Rng = np.random.Generator
Check = tuple[Callable, list[Any]]


def scaled(rng: Rng, *shape: int) -> np.ndarray:
    """Numbers between 1e-6 and 1e6, of either sign."""
    return rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(-6, 6, shape)


def small(rng: Rng, *shape: int) -> np.ndarray:
    """Numbers close to 0, where poles are."""
    return rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(-6, -1, shape)


def tied(rng: Rng, *shape: int) -> np.ndarray:
    """Few different numbers, 0 among them."""
    return rng.choice([-1.0, 0.0, 0.5, 1.0], shape)


def lattice(rng: Rng, *shape: int) -> np.ndarray:
    return rng.integers(-256, 257, shape) / 64


def positive(rng: Rng, *shape: int) -> np.ndarray:
    return rng.integers(1, 257, shape) / 64


def matrix(rng: Rng, n: int = 3) -> np.ndarray:
    """A matrix with a condition number up to 1e5."""
    u, v = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
    return u * 10 ** rng.uniform(-5, 0, n) @ v


def relu(x: Any) -> Any:
    return np.where(x > 0, x, 0)


def symmetric(x: Any) -> Any:
    return x + x.T


def network(x: Any, w: Any, b: Any) -> Any:
    return relu(np.tanh(x @ w + b) @ w.T) - special.logsumexp(x, axis=-1, keepdims=True)


def assigned(x: Any) -> Any:
    y = np.zeros_like(x) if isinstance(x, np.ndarray) else Tensor(np.zeros(x.shape, x.dtype))
    y[1:] = x[:-1] * 2
    y[0] = np.sin(x[1])
    return y * x


SMOOTH: dict[str, Callable[[Rng], Check]] = {
    # scales
    "product of scales": lambda r: (np.multiply, [scaled(r, 3), scaled(r, 3)]),
    "quotient of scales": lambda r: (np.divide, [scaled(r, 2), scaled(r, 2)]),
    "sum of scales": lambda r: (lambda x, y: np.sum(x) + np.sum(y * y), [scaled(r, 4), scaled(r, 2)]),
    "polynomial of scales": lambda r: (lambda x: x**3 - 2 * x**2 + x, [scaled(r, 3)]),
    "output scaled down": lambda r: (lambda x: 1e-6 * np.sin(x), [lattice(r, 3)]),
    "output scaled up": lambda r: (lambda x: 1e6 * np.cos(x), [lattice(r, 3)]),
    "tiny output of tiny input": lambda r: (lambda x: np.expm1(x) * 1e-9, [small(r, 3)]),
    "large offset": lambda r: (lambda x: 1e8 + np.sin(x), [lattice(r, 3)]),
    "matmul of scales": lambda r: (np.matmul, [scaled(r, 2, 3), scaled(r, 3, 2)]),
    "arctan2 of scales": lambda r: (np.arctan2, [scaled(r, 3), scaled(r, 3)]),
    "hypot of scales": lambda r: (np.hypot, [scaled(r, 3), scaled(r, 3)]),
    "variance with an offset": lambda r: (lambda x: np.var(x + 1e4), [lattice(r, 5)]),
    # poles nearby
    "reciprocal next to its pole": lambda r: (np.reciprocal, [small(r, 3)]),
    "double pole": lambda r: (lambda x: 1 / x**2, [small(r, 3)]),
    "logarithm next to 0": lambda r: (np.log, [np.abs(small(r, 3))]),
    "x log x": lambda r: (lambda x: x * np.log(x), [np.abs(small(r, 3))]),
    "root next to 0": lambda r: (np.sqrt, [np.abs(small(r, 3))]),
    "tangent next to its pole": lambda r: (np.tan, [np.pi / 2 + small(r, 3)]),
    "gammaln next to its pole": lambda r: (special.gammaln, [small(r, 3)]),
    "digamma next to its pole": lambda r: (special.digamma, [small(r, 2) - 1]),
    "arcsin next to 1": lambda r: (np.arcsin, [1 - np.abs(small(r, 2))]),
    "arctanh next to 1": lambda r: (np.arctanh, [1 - np.abs(small(r, 2))]),
    "logit next to 1": lambda r: (special.logit, [1 - np.abs(small(r, 2))]),
    "essential singularity": lambda r: (lambda x: np.exp(-1 / x**2), [0.05 + np.abs(small(r, 2))]),
    # curvature
    "steep exponential": lambda r: (lambda x: np.exp(100 * x), [r.uniform(-1, 1, 3)]),
    "fast oscillation": lambda r: (lambda x: np.sin(1e4 * x), [r.uniform(-1, 1, 3)]),
    "chirp": lambda r: (lambda x: np.sin(x * x), [r.uniform(-100, 100, 3)]),
    "sharp step": lambda r: (lambda x: np.tanh(1e4 * x), [r.uniform(-1e-3, 1e-3, 3)]),
    "narrow peak": lambda r: (lambda x: 1 / (1e-8 + x * x), [r.uniform(-1e-3, 1e-3, 3)]),
    "saturated": lambda r: (np.tanh, [r.uniform(-40, 40, 3)]),
    "sigmoid far out": lambda r: (special.expit, [r.uniform(-800, 800, 3)]),
    "erf far out": lambda r: (special.erf, [r.uniform(-8, 8, 3)]),
    "softplus far out": lambda r: (lambda x: np.logaddexp(0, x), [r.uniform(-800, 800, 3)]),
    "high power": lambda r: (lambda x: x**20, [r.uniform(-2, 2, 3)]),
    "gaussian tail": lambda r: (lambda x: np.exp(-x * x), [r.uniform(-20, 20, 3)]),
    "Rosenbrock": lambda r: (lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2), [lattice(r, 4)]),
    # cancellation
    "log-sum-exp less the largest": lambda r: (lambda x: special.logsumexp(x) - np.max(x), [r.uniform(-30, 30, 4)]),
    "log-softmax": lambda r: (lambda x: special.log_softmax(x, axis=-1), [r.uniform(-30, 30, (2, 3))]),
    "softmax of large logits": lambda r: (special.softmax, [r.uniform(-800, 800, 4)]),
    "one minus cosine": lambda r: (lambda x: 1 - np.cos(x), [small(r, 3)]),
    "difference of roots": lambda r: (lambda x: np.sqrt(x + 1) - np.sqrt(x), [1e6 * positive(r, 3)]),
    "sum that cancels": lambda r: (lambda x: np.sum(x) - x[0] - x[1], [lattice(r, 3)]),
    "standard deviation of almost equals": lambda r: (np.std, [1 + small(r, 4)]),
    # subnormal numbers and overflow
    "subnormal": lambda r: (lambda x: x * x + x, [1e-310 * lattice(r, 3)]),
    "subnormal factor": lambda r: (lambda x: 1e-310 * np.sin(x), [lattice(r, 3)]),
    "root of a subnormal": lambda r: (np.sqrt, [1e-310 * positive(r, 2)]),
    "reciprocal of a subnormal": lambda r: (lambda x: 1 / (x + 1e-308), [1e-310 * positive(r, 2)]),
    "exponential that underflows": lambda r: (np.exp, [r.uniform(-800, -600, 3)]),
    "exponential that overflows nearby": lambda r: (np.exp, [r.uniform(700, 709.7, 2)]),
    "squares that overflow nearby": lambda r: (np.square, [1e154 * r.uniform(0.1, 1.3, 2)]),
    "huge": lambda r: (lambda x: np.log(x) * x, [1e200 * positive(r, 2)]),
    # matrices
    "solve": lambda r: (np.linalg.solve, [matrix(r), lattice(r, 3)]),
    "inverse": lambda r: (np.linalg.inv, [matrix(r)]),
    "determinant": lambda r: (np.linalg.det, [matrix(r)]),
    "eigenvalues": lambda r: (lambda x: np.linalg.eigvalsh(symmetric(x)), [lattice(r, 3, 3)]),
    "singular values": lambda r: (lambda x: np.linalg.svd(x, compute_uv=False), [lattice(r, 3, 2)]),
    "Cholesky": lambda r: (lambda x: np.linalg.cholesky(x @ x.T + 0.1 * np.eye(3)), [lattice(r, 3, 3)]),
    # others
    "constant": lambda r: (lambda x: x * 0 + 3, [lattice(r, 3)]),
    "number": lambda r: (lambda x: x**3, [float(lattice(r))]),
    "empty": lambda r: (lambda x: x**3, [np.zeros((0, 2))]),
    "complex": lambda r: (lambda z: np.exp(z) * z, [lattice(r, 2) + 1j * lattice(r, 2)]),
    "modulus": lambda r: (lambda z: np.abs(z), [lattice(r, 2) + 1j * (lattice(r, 2) + 1 / 128)]),
    "network": lambda r: (network, [lattice(r, 2, 3), lattice(r, 3, 2), lattice(r, 2)]),
    "nested": lambda r: (lambda p: dict(a=p["x"][0] * p["y"], b=[np.exp(p["y"])]), [dict(x=[lattice(r, 2)], y=0.5)]),
    "assignment": lambda r: (assigned, [lattice(r, 3)]),
}
"""By name, how to draw a function and its arguments: smooth ones, where a derivative is hard to find."""

KINKED: dict[str, Callable[[Rng], Check]] = {
    # kinks
    "absolute value": lambda r: (np.abs, [tied(r, 3)]),
    "maximum at ties": lambda r: (np.maximum, [tied(r, 3), tied(r, 3)]),
    "minimum broadcast at ties": lambda r: (np.minimum, [tied(r, 3, 1), tied(r, 2)]),
    "largest of equals": lambda r: (lambda x: np.max(x, axis=0), [tied(r, 3, 2)]),
    "largest minus smallest": lambda r: (np.ptp, [tied(r, 4)]),
    "median of equals": lambda r: (np.median, [tied(r, 5)]),
    "quantile of equals": lambda r: (lambda x: np.quantile(x, 0.3), [tied(r, 6)]),
    "sorted equals": lambda r: (np.sort, [tied(r, 4)]),
    "relu": lambda r: (relu, [tied(r, 4)]),
    "both sides of a relu": lambda r: (lambda x: np.stack([relu(x), relu(-x)]), [tied(r, 3)]),
    "clip at its bounds": lambda r: (lambda x: np.clip(x, -1, 1), [tied(r, 4)]),
    "norm": lambda r: (np.linalg.norm, [0 * tied(r, 3)]),
    "norms of rows": lambda r: (lambda x: np.linalg.norm(x, axis=1), [tied(r, 3, 2)]),
    "largest norm": lambda r: (lambda x: np.linalg.norm(x, np.inf), [tied(r, 4)]),
    "taxicab": lambda r: (lambda x, y: np.sum(np.abs(x - y)), [tied(r, 3), tied(r, 3)]),
    "hinge": lambda r: (lambda x, y: np.mean(relu(1 - x * y)), [tied(r, 4), lattice(r, 4)]),
    "hypot at 0": lambda r: (np.hypot, [0 * tied(r, 2), 0 * tied(r, 2)]),
    "root at 0": lambda r: (np.sqrt, [np.abs(tied(r, 3))]),
    "power at 0": lambda r: (lambda x: x**1.5, [np.abs(tied(r, 3))]),
    "hidden root": lambda r: (lambda x: np.where(x > 0, np.sqrt(x), 0), [tied(r, 3)]),
    "running maximum": lambda r: (np.maximum.accumulate, [tied(r, 4)]),
    "floor": lambda r: (lambda x: np.floor(x) * x, [lattice(r, 3) + 1 / 128]),
    "remainder": lambda r: (lambda x: x % 1.5, [lattice(r, 3) + 1 / 128]),
    "sinc at 0": lambda r: (np.sinc, [tied(r, 3)]),
    # products and powers at zeros
    "product with zeros": lambda r: (np.prod, [tied(r, 4)]),
    "fourth power": lambda r: (lambda x: x**4, [tied(r, 3)]),
    "xlogy at 0": lambda r: (special.xlogy, [np.abs(tied(r, 3)), positive(r, 3)]),
}
"""The same, where there is none, or a zero."""

AWKWARD = SMOOTH | KINKED
