"""Broadcasting is undone by the engine, once for all; here each primitive that leaves it to the engine is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy

import autodiff
from autodiff import Tensor
from autodiff.dispatch import qualified_name
from autodiff.primitive import REGISTRY, Primitive
from autodiff.recorder import compile_recorder

CORES: dict[str, tuple[tuple[int, ...], ...]] = {
    "matmul": ((2, 2), (2, 2)),
    "solve": ((2, 2), (2, 1)),
    "solve_triangular": ((2, 2), (2, 1)),
    "cho_solve": ((2, 2), (2, 1)),
    "solve_banded": ((3, 4), (4, 1)),
    "solve_sylvester": ((2, 2), (2, 2), (2, 2)),
}
"""Of the functions of matrices: the shapes of the arguments, to which stacks of them broadcast."""

STATIC: dict[str, Any] = {
    "condition": np.eye(3, 4, dtype=bool), "length": np.full((3, 4), 2.0), "below": 1, "above": 1, "lower": True,
}  # fmt: skip
"""What is passed for parameters without a gradient; for orders and their like, twos."""

FREE = {"broadcast_to", "select", "choose"}
"""Those of which an argument need not broadcast against another one."""

if np.lib.NumpyVersion(scipy.__version__) < "1.16.0":  # SciPy's functions of matrices take stacks of them since then
    FREE |= {"solve_triangular", "cho_solve", "solve_banded", "solve_sylvester"}


def broadcasting() -> list[Any]:
    found = [p for p in REGISTRY.values() if p.broadcasts and len(p.parameters) > 1 and p.name not in FREE]
    return [pytest.param(p, i, id=f"{qualified_name(p.function)}-{p.arguments[i]}") for p in found for i in places(p)]


def places(primitive: Primitive) -> range:
    return range(len(primitive.arguments))


@pytest.mark.parametrize("primitive, i", broadcasting())
def test_a_broadcast_argument_gets_the_sum_of_its_gradients(primitive: Primitive, i: int) -> None:
    rng = np.random.default_rng(3)
    cores = CORES.get(primitive.name, ((3, 4),) * len(primitive.arguments))
    stack = (5,) if primitive.name in CORES else ()
    args = [rng.uniform(0.2, 0.8, stack + core) for core in cores]
    leading = args[i][0]
    kept = leading[None]
    whole = np.broadcast_to(leading, args[i].shape)
    record = compile_recorder(primitive)
    two = np.full(args[i].shape, 2) if len(args) == 1 else 2  # which the argument is broadcast against, if alone
    static = {p.name: STATIC.get(p.name, two) for p in primitive.parameters if p.default is p.empty}

    def gradient(x: np.ndarray) -> np.ndarray:
        given = dict(zip(primitive.arguments, [*args[:i], x, *args[i + 1 :]], strict=True))
        tensors = {name: Tensor(array, requires_grad=True) for name, array in given.items()}
        out = record(**{**static, **tensors})
        cotangent = np.random.default_rng(4).normal(size=out.shape)
        return autodiff.gradients([out], [tensors[primitive.arguments[i]]], [cotangent])[0].data

    expected = gradient(whole)
    np.testing.assert_allclose(gradient(leading), expected.sum(axis=0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient(kept), expected.sum(axis=0, keepdims=True), rtol=1e-12, atol=1e-12)
