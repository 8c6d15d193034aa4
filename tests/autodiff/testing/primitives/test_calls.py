"""``calls`` finds the domain of most functions from their registry entries alone; here is which need a strategy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special
from hypothesis import given

from autodiff import Tensor, defvjp
from autodiff.dispatch import qualified_name
from autodiff.primitive import REGISTRY
from autodiff.testing import check_primitive
from autodiff.testing.primitives.call import Call
from autodiff.testing.primitives.calls import call_with, calls
from autodiff.testing.primitives.search import described, templates

from ...primitives.test_primitives import POLES, ROWS, library, of

EXCEPTIONS: dict[str, set[str]] = {
    "writes into its argument": {
        "numpy.put",
        "numpy.put_along_axis",
        "numpy.place",
        "numpy.putmask",
        "numpy.copyto",
        "numpy.fill_diagonal",
        "numpy.add.at",
        "numpy.subtract.at",
    },
    "takes functions, conditions, subscripts or a sparse matrix": {
        "numpy.apply_along_axis",
        "numpy.apply_over_axes",
        "numpy.piecewise",
        "numpy.select",
        "numpy.choose",
        "numpy.einsum",
        "autodiff.primitives.elementwise.select",
        "autodiff.primitives.linalg.einsum_of_one",
        "autodiff.primitives.linalg.einsum_of_several",
        "autodiff.primitives.linalg.sparse_product",
    },
    "is constant but for complex numbers": {
        "numpy.angle",
        "numpy.imag",
        "numpy.sign",
        "autodiff.primitives.elementwise.sign",
    },
    "depends on one of its arrays only by jumps": {"numpy.full_like", "numpy.heaviside"},
    "has no derivative where entries are equal": {
        "numpy.linalg.eig",
        "numpy.linalg.eigvals",
        "numpy.linalg.qr",
        "numpy.linalg.svd",
        "autodiff.primitives.decompositions._qr",
        "autodiff.primitives.decompositions.cofactors",
        "autodiff.primitives.decompositions.second_cofactors",
        "autodiff.primitives.matrix_functions._lu",
    },
    "is part of a rule, and given only what fits there": {
        "autodiff.primitives.elementwise.clip",
        "autodiff.primitives.elementwise.cosine",
        "autodiff.primitives.incomplete.betainc_by",
        "autodiff.primitives.scans.recurrence",
        "autodiff.primitives.statistics.within_one",
    },
    "has no gradient for numbers, which SciPy takes as matrices": {
        qualified_name(scipy.linalg.expm),
        qualified_name(scipy.linalg.sqrtm),
    },
    "warns of what SciPy loses in float32": {qualified_name(scipy.linalg.logm)},
}
"""The functions that need a strategy of calls, and why."""

NAMES = {name for names in EXCEPTIONS.values() for name in names}


@of(f for f in ROWS if qualified_name(f) not in NAMES and f not in POLES)
def test_a_function_is_checked_from_its_registry_entry_alone(function: Callable) -> None:
    check_primitive(function, examples=2, min_conclusive=0.3)  # the first is all ties, which have no second order


@of(f for f in ROWS if qualified_name(f) in NAMES)
def test_an_exception_is_one(function: Callable) -> None:
    with pytest.raises((AssertionError, TypeError), match="check_primitive: "):
        check_primitive(function, examples=15)


def test_few_functions_are_exceptions() -> None:
    names = set(map(qualified_name, library()))
    assert names >= NAMES
    assert len(NAMES) < 0.12 * len(names)


def domains(function: Callable) -> list[set[str]]:
    """The domains found for each argument."""
    found = templates(described(function))
    return [{domain.name for domain in several} for several in zip(*(t.domains for t in found), strict=True)]


# fmt: off
DOMAINS = {
    np.sin:               [{"any"}],
    np.log:               [{"positive"}],
    np.arctanh:           [{"within (-1, 1)"}],
    scipy.special.logit:  [{"within (0, 1)"}],
    np.arccosh:           [{"above 1"}],
    np.divide:            [{"any"}, {"nonzero"}],
    scipy.special.betainc: [{"positive"}, {"positive"}, {"within (0, 1)"}],
    np.linalg.cholesky:   [{"symmetric positive definite"}],
    np.linalg.solve:      [{"symmetric positive definite"}, {"any"}],
}
# fmt: on


@pytest.mark.parametrize("function", DOMAINS)
def test_the_widest_domain_that_is_safe_is_found(function: Callable) -> None:
    assert domains(function) == DOMAINS[function]


@given(calls(np.multiply))
def test_arguments_of_a_ufunc_broadcast(call: Call) -> None:
    assert call.function(*call.args).shape == np.broadcast_shapes(*(x.shape for x in call.args))
    assert call.names == ("x", "y")


def seen(function: Callable, what: Callable[[Call], Any]) -> set:
    """What is true of some of the calls drawn."""
    found = set()

    @given(calls(function))
    def look(call: Call) -> None:
        found.add(what(call))

    look()
    return found


def test_static_parameters_of_conventional_names_vary() -> None:
    sources = seen(np.sum, lambda call: call.source)
    assert {"np.sum({})", "np.sum({}, axis=0)"} <= sources and any("keepdims=True" in source for source in sources)


def test_ties_and_points_without_any_are_drawn() -> None:
    assert seen(np.maximum, lambda call: len(np.unique(np.concatenate([x.ravel() for x in call.args]))) == 1) == {
        True,
        False,
    }


def test_a_list_of_arrays_is_drawn_for_a_listed_argument() -> None:
    assert {("arrays[0]", "arrays[1]")} == seen(np.concatenate, lambda call: call.names)


def test_a_function_that_reads_one_triangle_is_given_symmetric_matrices() -> None:
    x = np.array([[2.0, 0.5], [0.25, 3.0]])
    template = templates(described(np.linalg.cholesky))[0]
    symmetric = template.forms[0].apply(np.linalg.cholesky)
    np.testing.assert_array_equal(symmetric(x), np.linalg.cholesky((x + x.T) / 2))


def test_a_call_reads_as_source() -> None:
    entry = described(np.clip)
    call = call_with(entry, [np.array([0.5, np.inf]), 0.0, np.float32(2)])
    assert repr(call) == "np.clip(np.array([0.5, np.inf]), np.array(0.0), np.array(2.0, np.float32))"
    call = call_with(described(np.stack), [[np.zeros(2), np.ones(2)], 0])
    assert repr(call) == "np.stack([np.zeros(2), np.array([1.0, 1.0])], 0)"
    assert isinstance(call.function(*map(Tensor, call.args)), Tensor)


def test_parameters_between_the_arrays_are_found_too() -> None:
    def scaled(x: Any, n: int, y: Any) -> Any:
        if n != 2:
            raise ValueError("n must be 2")
        return x * y**n

    recording = defvjp(scaled, broadcasts=True, x=lambda g, n, y: g * y**n, y=lambda g, x, n, y: g * n * x * y)
    try:
        assert check_primitive(recording, examples=5).share == 1
    finally:
        del REGISTRY[scaled]


def test_a_new_registration_is_searched_anew() -> None:
    def f(x: Any) -> Any:
        return x**2

    defvjp(f, x=lambda g, x: 2 * g * x)
    check_primitive(f, examples=3)
    defvjp(f, x=lambda g, x: 3 * g * x)
    try:
        with pytest.raises(AssertionError, match="first order"):
            check_primitive(f, examples=3)
    finally:
        del REGISTRY[f]
