"""Every primitive, and every composition of primitives under a NumPy name, on its whole domain.

A row (``rows_*.py``) says how to draw a call of the function; ``check_primitive`` says what holds for all of them.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import special

from autodiff import defvjp, stop_gradient
from autodiff.dispatch import qualified_name
from autodiff.primitive import IMPLEMENTATIONS, REGISTRY
from autodiff.testing import GradientReport, check_primitive
from autodiff.testing.primitives.properties import PROPERTIES
from autodiff.testing.strategies import arrays, shapes

FILES = sorted(path.stem for path in Path(__file__).parent.glob("rows_*.py"))
TABLES = [importlib.import_module(f"{__package__}.{name}").ROWS for name in FILES]
ROWS: dict[Callable, st.SearchStrategy] = {function: row for table in TABLES for function, row in table.items()}

CONCLUSIVE = 0.85
"""The share of comparisons with differences that must be able to tell a right gradient from a wrong one. The others are
second derivatives at ties and kinks, which have none."""


def library() -> set[Callable]:
    """What has a gradient by importing ``autodiff``, without what ``nn`` or a test may have taught the tape since."""
    owners = ("numpy", "scipy", "autodiff", "_operator")
    known = {*REGISTRY, *IMPLEMENTATIONS}
    return {f for f in known if (getattr(f, "__module__", None) or "numpy").partition(".")[0] in owners}


def of(functions: Iterable[Callable]) -> Any:
    return pytest.mark.parametrize("function", list(functions), ids=qualified_name)


each_function = of(ROWS)


def check_row(function: Callable, row: st.SearchStrategy, left_out: Iterable[str] = ()) -> GradientReport:
    """Check every property at calls that a row draws, as many and as random as the profile says."""
    properties = [name for name in PROPERTIES if name not in left_out]
    return check_primitive(function, calls=row, seed=None, properties=properties, min_conclusive=CONCLUSIVE)


def test_every_primitive_has_one_row_and_every_row_a_primitive() -> None:
    known = library()
    counts = Counter(function for table in TABLES for function in table)
    assert [qualified_name(f) for f in known if f not in counts] == []
    assert [qualified_name(f) for f in counts if f not in known] == []
    assert [qualified_name(f) for f in counts if counts[f] > 1] == []


POLES = (special.beta, special.betaln, special.poch)
"""At integers below 1 the poles of digamma in their derivatives cancel, but the gradients are NaN."""


@each_function
def test_every_property_holds_on_the_whole_domain(function: Callable) -> None:
    left_out = {"finite where the derivative is"} if function in POLES else set()
    assert check_row(function, ROWS[function], left_out).checked


@of(POLES)
def test_what_is_left_out_does_not_hold(function: Callable) -> None:
    with pytest.raises(AssertionError, match="the tape says nan"):
        check_row(function, ROWS[function])


@pytest.mark.parametrize("derivative", [lambda x: 2.00001 * x, lambda x: 2 * stop_gradient(x)], ids=["first", "second"])
def test_a_rule_that_is_wrong_at_first_or_second_order_fails(derivative: Callable) -> None:
    square = defvjp(lambda x: x * x, x=lambda g, x: g * derivative(x))
    try:
        with pytest.raises(AssertionError, match="is wrong"):
            check_row(square, arrays(shapes(min_side=1)).map(lambda x: (square, [x])))
    finally:
        del REGISTRY[square.__wrapped__]


def test_a_row_of_points_where_differences_can_tell_nothing_fails() -> None:
    with pytest.raises(AssertionError, match="only 0 of "):
        check_row(np.sqrt, st.just((np.sqrt, [np.zeros(2)])))


def test_a_row_of_points_where_an_argument_does_not_matter_fails() -> None:
    with pytest.raises(AssertionError, match="gradient of argument 1 is 0 at all calls"):
        check_row(np.maximum, st.just((np.maximum, [np.full(2, 3.0), np.array([0.5, 1.5])])))
