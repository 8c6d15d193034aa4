"""States as JSON, and what is not one."""

from __future__ import annotations

import collections
import enum
import fractions
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn.serialization.state import DEEPEST, describe, restore

from .comparing import same


class Colour(enum.IntEnum):
    RED = 1


Point = collections.namedtuple("Point", "x y")

REFUSED = {
    "function": (print, TypeError, "is a builtins.builtin_function_or_method, which cannot be saved"),
    "class": (int, TypeError, "is a builtins.type"),
    "set": ({1}, TypeError, "is a builtins.set"),
    "complex": (1j, TypeError, "is a builtins.complex"),
    "bytes": (b"a", TypeError, "is a builtins.bytes"),
    "fraction": (fractions.Fraction(1, 3), TypeError, "is a fractions.Fraction"),
    "path": (Path("a"), TypeError, "which cannot be saved; arrays, scalars, lists, tuples and dicts can"),
    "enumeration": (Colour.RED, TypeError, r"is a .*Colour"),
    "named tuple": (Point(1, 2), TypeError, r"is a .*Point"),
    "objects": (np.array([1, None]), TypeError, "has dtype object; numbers and booleans can be saved"),
    "texts": (np.array(["a"]), TypeError, "has dtype <U1"),
    "dates": (np.zeros(2, "M8[s]"), TypeError, r"has dtype datetime64\[s\]"),
    "record": (np.zeros(2, "f4,i4"), TypeError, "has dtype"),
    "masked": (np.ma.array([1, 2], mask=[0, 1]), TypeError, "is a masked array; save its data and its mask"),
    "number as a key": ({"a": {0: 1}}, TypeError, r"state.x.a has the key 0; keys are strings"),
    "huge integer": (-(10**5000), ValueError, "is an integer of more than 4000 digits"),
    "folder above": ({"a/../b": np.ones(1)}, ValueError, r"state.x.a/../b': this cannot be the name of an entry"),
    "backslash": ({"a\\b": np.ones(1)}, ValueError, "cannot be the name of an entry"),
    "zero byte": ({"a\0b": np.ones(1)}, ValueError, "cannot be the name of an entry"),
    "half a character": ({"\ud800": np.ones(1)}, ValueError, "cannot be the name of an entry"),
    "long name": ({"a" * 70_000: np.ones(1)}, ValueError, "cannot be the name of an entry"),
}


@pytest.mark.parametrize("value, error, saying", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_saved_is_named_by_its_path(value: Any, error: type[Exception], saying: str) -> None:
    with pytest.raises(error, match=saying) as caught:
        describe({"fine": 1, "x": value}, {})
    assert "state.x" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_names_that_are_the_same_after_flattening_are_refused() -> None:
    with pytest.raises(ValueError, match=r"state.a.b: two arrays would be stored as 'a.b'; rename one"):
        describe({"a": {"b": np.ones(1)}, "a.b": np.ones(1)}, {})
    describe({"a": {"b": 1}, "a.b": np.ones(1)}, {})  # only arrays have names


def test_state_that_contains_itself_is_refused() -> None:
    state: dict[str, Any] = {}
    state["again"] = state
    with pytest.raises(ValueError, match=rf"state.again.again.again.again... is nested more than {DEEPEST} deep"):
        describe(state, {})


def test_deepest_nesting_is_allowed_both_ways() -> None:
    state: Any = 1
    for _ in range(DEEPEST):
        state = [state]
    assert restore(describe(state, {}), {}) == state
    with pytest.raises(ValueError, match="nested more than"):
        describe([state], {})
    with pytest.raises(ValueError, match="nested more than"):
        restore([state], {})


def test_description_reads_like_the_state() -> None:
    arrays: dict[str, np.ndarray] = {}
    w = np.ones(2)
    state = {"w": w, "betas": (0.9, 1), "more": [None, float("nan"), np.int8(3)]}
    assert describe(state, arrays) == {
        "dict": {
            "w": {"array": "w"},
            "betas": {"tuple": [0.9, 1]},
            "more": [None, {"float": "nan"}, {"scalar": "more.2"}],
        }
    }
    assert same(arrays, {"w": w, "more.2": np.array(3, np.int8)})
    assert same(restore(describe(state, {}), arrays), state)
    assert arrays == {}


def test_arrays_that_are_stored_as_they_are_are_not_copied() -> None:
    arrays: dict[str, np.ndarray] = {}
    w = np.ones((2, 3))
    describe({"w": w}, arrays)
    assert arrays["w"] is w
