"""A program prints itself as a script, runs under other names, and has differences that fit its gradient."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Tensor, grad
from autodiff.testing import check_grads
from autodiff.testing.program import Program

DETACHED = Program(
    """def program(x0):
    v0 = x0 * stop_gradient(x0)
    with no_grad():
        v1 = np.tanh(v0)
    return v0 * v1
""",
    (np.array([0.5, -1.5]),),
)

SCRIPT = """import numpy as np
from autodiff import no_grad
from autodiff import stop_gradient

def program(x0):
    v0 = x0 * stop_gradient(x0)
    with no_grad():
        v1 = np.tanh(v0)
    return v0 * v1

result = program(np.array([0.5, -1.5]))"""


def test_a_program_is_printed_as_a_script_that_imports_what_it_needs() -> None:
    assert repr(DETACHED) == str(DETACHED) == SCRIPT
    namespace: dict[str, Any] = {}
    exec(SCRIPT, namespace)
    np.testing.assert_array_equal(namespace["result"], DETACHED())


def test_hypothesis_prints_a_failing_program_as_a_script_on_lines_of_its_own() -> None:
    @given(st.just(DETACHED))
    def claim(program: Any) -> None:
        assert program is None

    with pytest.raises(AssertionError) as raised:
        claim()
    assert f"\n{SCRIPT}\n" in "\n".join(raised.value.__notes__)


def test_a_program_computes_in_what_it_is_given() -> None:
    x = Tensor([0.5, 1.0], requires_grad=True)
    assert isinstance(DETACHED(x), Tensor)
    assert isinstance(DETACHED(*DETACHED.arrays), np.ndarray)
    np.testing.assert_array_equal(DETACHED(), DETACHED(*DETACHED.arrays))


def test_names_of_the_source_can_mean_something_else() -> None:
    program = Program("def program(x0):\n    return np.sin(x0)", (np.array(0.5),))
    assert program.function(np=SimpleNamespace(sin=math.cosh))(2.0) == math.cosh(2.0)
    assert program() == np.sin(0.5)


def test_in_the_frozen_program_what_carries_no_gradient_does_not_change() -> None:
    frozen, x = DETACHED.frozen(), DETACHED.arrays[0]
    np.testing.assert_array_equal(frozen(x), DETACHED())
    np.testing.assert_allclose(frozen(2 * x), 2 * DETACHED(), rtol=1e-15)
    np.testing.assert_array_equal(grad(lambda x: np.sum(frozen(x)))(x), grad(lambda x: np.sum(DETACHED(x)))(x))


def test_differences_agree_with_the_gradient_of_the_frozen_program_only() -> None:
    assert check_grads(DETACHED.frozen(), *DETACHED.arrays).share == 1
    with pytest.raises(AssertionError, match="wrong"):
        check_grads(DETACHED, *DETACHED.arrays)
