"""Every primitive, and every composition of primitives under a NumPy name, on its whole domain.

A row (``rows_*.py``) says how to draw a call of the function; the claims below hold for all of them.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autodiff import Tensor, defvjp, gradients, stop_gradient
from autodiff.dispatch import qualified_name
from autodiff.primitive import IMPLEMENTATIONS, REGISTRY
from autodiff.testing import check_grads
from autodiff.testing.strategies import arrays, layouts, shapes

FILES = sorted(path.stem for path in Path(__file__).parent.glob("rows_*.py"))
TABLES = [importlib.import_module(f"{__package__}.{name}").ROWS for name in FILES]
ROWS: dict[Callable, st.SearchStrategy] = {function: row for table in TABLES for function, row in table.items()}

CONCLUSIVE = 0.85
"""The share of comparisons with differences that must be able to tell a right gradient from a wrong one. The others are
second derivatives at ties and kinks, which have none."""

ROUNDINGS = 100
"""How many units in the last place a gradient may be off, relative to the largest of its entries and the cotangent's:
arguments are exact in float32, a rule rounds a few dozen times, and where it uses the output (``1 - out * out``) it
does so relative to 1 rather than to its result."""


def library() -> set[Callable]:
    """What has a gradient by importing ``autodiff``, without what ``nn`` or a test may have taught the tape since."""
    owners = ("numpy", "scipy", "autodiff", "_operator")
    known = {*REGISTRY, *IMPLEMENTATIONS}
    return {f for f in known if (getattr(f, "__module__", None) or "numpy").partition(".")[0] in owners}


def of(functions: Iterable[Callable]) -> Any:
    return pytest.mark.parametrize("function", list(functions), ids=qualified_name)


each_function = of(ROWS)


def takes_several(function: Callable) -> bool:
    primitive = REGISTRY.get(function)
    return primitive is not None and (len(primitive.arguments) > 1 or primitive.listed is not None)


@st.composite
def laid_out(draw: Any, function: Callable) -> tuple[Callable, list[np.ndarray]]:
    """A call with arguments of float64 or float32 in any memory layout."""
    f, args = draw(ROWS[function])
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    return f, [draw(layouts(x.astype(dtype))) for x in args]


def run(f: Callable, tensors: list[Tensor]) -> Tensor:
    with np.errstate(all="ignore"):
        return f(*tensors)


def leaves(args: list[np.ndarray]) -> list[Tensor]:
    return [Tensor(x, requires_grad=True) for x in args]


def pulled_back(out: Tensor, tensors: list[Tensor], cotangent: np.ndarray) -> list[np.ndarray]:
    """The gradients, zeros where the tape has no way; the graph is kept."""
    if not out.requires_grad:
        return [np.zeros_like(t.data) for t in tensors]
    found = gradients([out], tensors, [cotangent], retain_graph=True, allow_unused=True)
    return [np.zeros_like(t.data) if g is None else g.data for g, t in zip(found, tensors, strict=True)]


def normal(like: Tensor) -> np.ndarray:
    return np.random.default_rng(0).normal(size=like.shape).astype(like.dtype)


def test_every_primitive_has_one_row_and_every_row_a_primitive() -> None:
    known = library()
    counts = Counter(function for table in TABLES for function in table)
    assert [qualified_name(f) for f in known if f not in counts] == []
    assert [qualified_name(f) for f in counts if f not in known] == []
    assert [qualified_name(f) for f in counts if counts[f] > 1] == []


@each_function
@given(data=st.data())
def test_values_are_numpys_bit_for_bit_in_any_memory_layout(function: Callable, data: Any) -> None:
    f, args = data.draw(laid_out(function))
    with np.errstate(all="ignore"):
        expected, found = f(*args), f(*[Tensor(x, requires_grad=True) for x in args])
    assert isinstance(found, Tensor)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.data, np.asarray(expected), strict=True)


def compare_with_differences(row: st.SearchStrategy) -> None:
    checked = conclusive = 0

    @given(row, st.sampled_from([2, 1]), st.integers(0, 99))
    def compare(call: tuple[Callable, list], order: int, seed: int) -> None:
        nonlocal checked, conclusive
        f, args = call
        report = check_grads(f, *args, order=order, seed=seed, directions=1, entries=3, min_conclusive=0)
        checked, conclusive = checked + report.checked, conclusive + report.conclusive

    compare()
    assert conclusive >= CONCLUSIVE * checked > 0


@each_function
def test_gradients_of_first_and_second_order_are_those_of_the_differences(function: Callable) -> None:
    compare_with_differences(ROWS[function])


FLAT = {(np.copysign, 1), (np.nextafter, 1)}
"""Arguments that a function does not depend on but for jumps."""


@each_function
def test_a_row_draws_points_where_each_argument_matters(function: Callable) -> None:
    """Where all gradients are zeros, a wrong factor in a rule could not be seen."""
    matters: dict[int, bool] = {}

    @given(ROWS[function])
    def look(call: tuple[Callable, list]) -> None:
        f, args = call
        tensors = leaves(args)
        out = run(f, tensors)
        for i, g in enumerate(pulled_back(out, tensors, normal(out))):
            matters[i] = matters.get(i, (function, i) in FLAT) or bool(np.any(g))

    look()
    assert all(matters.values())


@pytest.mark.parametrize("derivative", [lambda x: 2.00001 * x, lambda x: 2 * stop_gradient(x)], ids=["first", "second"])
def test_a_rule_that_is_wrong_at_first_or_second_order_fails(derivative: Callable) -> None:
    square = defvjp(lambda x: x * x, x=lambda g, x: g * derivative(x))
    try:
        with pytest.raises(AssertionError, match="is wrong"):
            compare_with_differences(arrays(shapes(min_side=1)).map(lambda x: (square, [x])))
    finally:
        del REGISTRY[square.__wrapped__]


def test_a_row_of_points_where_differences_can_tell_nothing_fails() -> None:
    with pytest.raises(AssertionError, match="assert 0 >= "):
        compare_with_differences(st.just((np.sqrt, [np.zeros(2)])))


@each_function
@given(data=st.data())
def test_gradients_do_not_depend_on_memory_layout_and_in_float32_only_by_rounding(
    function: Callable, data: Any
) -> None:
    f, args = data.draw(laid_out(function))
    tensors, exact_tensors = leaves(args), leaves([x.astype(np.float64, order="C") for x in args])
    out, exact_out = run(f, tensors), run(f, exact_tensors)
    cotangent = normal(out)
    found, exact = pulled_back(out, tensors, cotangent), pulled_back(exact_out, exact_tensors, cotangent)
    for x, g, reference in zip(args, found, exact, strict=True):
        assert (g.shape, g.dtype) == (x.shape, x.dtype)
        finite = np.isfinite(reference)
        np.testing.assert_array_equal(np.isfinite(g), finite)
        size = np.abs(reference[finite]).max(initial=0) + np.abs(cotangent).max(initial=0)
        error = np.abs(g - reference)[finite].max(initial=0)
        assert error <= ROUNDINGS * np.finfo(x.dtype).eps * size
    for g in pulled_back(out, tensors, np.zeros_like(cotangent)):
        np.testing.assert_array_equal(g, np.zeros_like(g))


@each_function
@given(data=st.data())
def test_a_backward_pass_changes_no_array_and_its_gradients_share_no_memory(function: Callable, data: Any) -> None:
    f, args = data.draw(laid_out(function))
    tensors = leaves(args)
    out = run(f, tensors)
    assume(out.requires_grad)
    cotangent = normal(out)
    seen = [*args, out.data, cotangent]
    copies = [array.copy() for array in seen]
    out.backward(cotangent)
    for array, copy in zip(seen, copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    for t in tensors:
        if t.grad is not None:
            assert t.grad.data.flags.writeable
            assert not any(np.shares_memory(t.grad.data, other) for other in seen)
            seen.append(t.grad.data)


@of(filter(takes_several, ROWS))
@given(data=st.data())
def test_a_repeated_argument_gets_the_sum_of_its_gradients(function: Callable, data: Any) -> None:
    f, args = data.draw(ROWS[function])
    pairs = [(i, j) for i, j in combinations(range(len(args)), 2) if args[i].shape == args[j].shape]
    assume(pairs)
    i, j = data.draw(st.sampled_from(pairs))
    args[j] = args[i]
    apart, once = leaves(args), leaves(args)
    once[j] = once[i]
    out = run(f, apart)
    cotangent = normal(out)
    g = pulled_back(out, apart, cotangent)
    (together,) = pulled_back(run(f, once), [once[i]], cotangent)
    np.testing.assert_allclose(together, g[i] + g[j], rtol=1e-12, atol=1e-12)
