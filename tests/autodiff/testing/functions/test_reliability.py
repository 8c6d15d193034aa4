"""How often ``check_grads`` errs: no false alarm on correct functions, no wrong gradient missed.

With ``--deep`` 100,000 correct functions are checked; without, a few hundred.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autodiff import Tensor, defvjp
from autodiff.testing import check_grads
from autodiff.tree import flatten

from .awkward import AWKWARD, SMOOTH

pytestmark = pytest.mark.usefixtures("private_registry")

NO_GRADIENT = 1e-9
"""A gradient below that of outputs of order 1 is none to speak of: nothing was planted."""


def drawn(name: str, seed: int) -> tuple[Callable, list[Any]]:
    with np.errstate(all="ignore"):
        return AWKWARD[name](np.random.default_rng([seed, list(AWKWARD).index(name)]))


def repeats(request: pytest.FixtureRequest, fast: int, deep: int) -> range:
    return range(deep if request.config.getoption("--deep") else fast)


@pytest.mark.parametrize("name", AWKWARD)
def test_a_correct_function_at_awkward_points_raises_no_false_alarm(name: str, request: pytest.FixtureRequest) -> None:
    for seed in repeats(request, 5, 100_000 // len(AWKWARD) + 1):
        f, args = drawn(name, seed)
        with np.errstate(all="ignore"):
            check_grads(f, *args, seed=seed, min_conclusive=0)


def passes(f: Callable, args: list[Any], seed: int) -> bool:
    try:
        check_grads(f, *args, seed=seed, order=1)
    except AssertionError:
        return False
    return True


def test_a_relative_error_of_a_millionth_is_caught_in_99_of_100_runs(request: pytest.FixtureRequest) -> None:
    """Caught: the check fails, and passes without the error."""
    slightly_wrong = defvjp(lambda x: +x, x=lambda g: g * (1 + 1e-6))
    runs, missed, undecided = 0, [], []

    def planted(*args: Any) -> Any:
        outputs, build = flatten(f(*args))
        return build([slightly_wrong(y) if isinstance(y, Tensor) else y for y in outputs])

    with np.errstate(all="ignore"):
        for name in SMOOTH:
            for seed in repeats(request, 4, 200):
                f, args = drawn(name, seed)
                if largest_gradient(f, args) >= NO_GRADIENT:
                    runs += 1
                    if not passes(f, args, seed):
                        undecided.append((name, seed))
                    elif passes(planted, args, seed):
                        missed.append((name, seed))
    assert len(missed) <= 0.01 * runs, missed
    assert len(undecided) <= 0.1 * runs, undecided


def largest_gradient(f: Callable, args: list[Any]) -> float:
    """The largest entry of the gradient of all outputs' sum, in absolute value."""
    leaves, build = flatten(args)
    tensors = [Tensor(np.asarray(leaf), requires_grad=True) for leaf in leaves]
    outputs, _ = flatten(f(*build(tensors)))
    sum(np.real(np.sum(y)) for y in outputs).backward()
    return max(np.abs(t.grad.data).max(initial=0) for t in tensors if t.grad is not None)
