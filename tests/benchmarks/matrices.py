"""Products of large matrices, forward and backward: there, everything but the products must vanish."""

from __future__ import annotations

from typing import Any

import numpy as np

from .measuring import HAND, OURS, Implementation, Workload
from .peers import AUTOGRAD, JAX, JAX_JIT, PYTORCH


def by_hand(a: np.ndarray, b: np.ndarray, g: np.ndarray) -> Implementation:
    def step() -> list:
        return [a @ b, g @ b.T, a.T @ g]

    return Implementation(step, list)


def ours(a: np.ndarray, b: np.ndarray, g: np.ndarray) -> Implementation:
    from autodiff import Tensor

    def step() -> list:
        x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
        product = x @ y
        product.backward(g)
        return [product, x.grad, y.grad]

    return Implementation(step, lambda found: [tensor.data for tensor in found])


def pytorch(a: np.ndarray, b: np.ndarray, g: np.ndarray) -> Implementation:
    import torch

    torch.set_num_threads(1)
    a_, b_, g_ = map(torch.from_numpy, (a, b, g))

    def step() -> list:
        x, y = a_.detach().requires_grad_(), b_.detach().requires_grad_()
        product = x @ y
        product.backward(g_)
        return [product.detach(), x.grad, y.grad]

    return Implementation(step, lambda found: [tensor.numpy() for tensor in found])


def autograd(a: np.ndarray, b: np.ndarray, g: np.ndarray) -> Implementation:
    from autograd import make_vjp

    def step() -> list:
        pull, product = make_vjp(lambda pair: pair[0] @ pair[1])((a, b))
        return [product, *pull(g)]

    return Implementation(step, list)


def jax(a: np.ndarray, b: np.ndarray, g: np.ndarray, compiled: bool = False) -> Implementation:
    import jax

    def products(a: Any, b: Any, g: Any) -> list:
        product, pull = jax.vjp(lambda a, b: a @ b, a, b)
        return [product, *pull(g)]

    products = jax.jit(products) if compiled else products
    arrays = list(map(jax.numpy.asarray, (a, b, g)))
    return Implementation(lambda: jax.block_until_ready(products(*arrays)), lambda found: list(map(np.asarray, found)))


def product(n: int) -> Workload:
    """The workload of n x n matrices in float32; they are made when an implementation is prepared."""

    def matrices() -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        return [rng.standard_normal((n, n), dtype=np.float32) for _ in range(3)]

    return Workload(
        name=f"matrices-{n}",
        title=f"matrix product {n} x {n}, float32",
        makers={
            HAND: lambda: by_hand(*matrices()),
            OURS: lambda: ours(*matrices()),
            PYTORCH: lambda: pytorch(*matrices()),
            AUTOGRAD: lambda: autograd(*matrices()),
            JAX: lambda: jax(*matrices()),
            JAX_JIT: lambda: jax(*matrices(), compiled=True),
        },
        budget={HAND: 1.05},
        tolerance=1e-4,
    )


PRODUCTS = [product(1000), product(2000)]
