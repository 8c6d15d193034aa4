"""How each library is asked for the gradient of an expression with respect to its first argument.

``PEERS[name](f, x, constants, g)`` prepares the vector-Jacobian product of ``f(xp, x, *constants)`` for the cotangent
``g``, where ``xp`` is the library's NumPy. Every step starts from the array and ends with the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .measuring import OURS, Implementation

PYTORCH, AUTOGRAD, JAX, JAX_JIT = "PyTorch", "autograd", "JAX", "JAX jit"


def ours(f: Callable, x: np.ndarray, constants: Sequence[np.ndarray], g: np.ndarray) -> Implementation:
    from autodiff import Tensor

    def step() -> Tensor:
        leaf = Tensor(x, requires_grad=True)
        f(np, leaf, *constants).backward(g)
        return leaf.grad

    return Implementation(step, lambda gradient: [gradient.data])


def pytorch(f: Callable, x: np.ndarray, constants: Sequence[np.ndarray], g: np.ndarray) -> Implementation:
    import torch

    torch.set_num_threads(1)
    x_, g_, *constants_ = map(torch.from_numpy, (x, g, *constants))

    def step() -> torch.Tensor:
        leaf = x_.detach().requires_grad_()
        f(torch, leaf, *constants_).backward(g_)
        return leaf.grad

    return Implementation(step, lambda gradient: [gradient.numpy()])


def autograd(f: Callable, x: np.ndarray, constants: Sequence[np.ndarray], g: np.ndarray) -> Implementation:
    import autograd.numpy as xp
    from autograd import make_vjp

    def step() -> np.ndarray:
        pull, _ = make_vjp(lambda x: f(xp, x, *constants))(x)
        return pull(g)

    return Implementation(step, lambda gradient: [gradient])


def jax(
    f: Callable, x: np.ndarray, constants: Sequence[np.ndarray], g: np.ndarray, compiled: bool = False
) -> Implementation:
    import jax

    jax.config.update("jax_enable_x64", True)
    x_, g_, *constants_ = map(jax.numpy.asarray, (x, g, *constants))

    def gradient(x: jax.Array, g: jax.Array, constants: list) -> jax.Array:
        return jax.vjp(lambda x: f(jax.numpy, x, *constants), x)[1](g)[0]

    if compiled:
        gradient = jax.jit(gradient)
    return Implementation(lambda: gradient(x_, g_, constants_).block_until_ready(), lambda found: [np.asarray(found)])


PEERS: dict[str, Callable[..., Implementation]] = {
    OURS: ours,
    PYTORCH: pytorch,
    AUTOGRAD: autograd,
    JAX: jax,
    JAX_JIT: lambda *problem: jax(*problem, compiled=True),
}
