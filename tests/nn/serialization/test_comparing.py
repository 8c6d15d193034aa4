"""The comparison, on which the other tests rest, tells apart what is different."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .comparing import same

DIFFERENT = [
    (1, True),
    (1, 1.0),
    (0.0, -0.0),
    ((1, 2), [1, 2]),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (np.float32(1), np.array(1, np.float32)),
    (np.zeros(2), -np.zeros(2)),
    (np.zeros((0, 2)), np.zeros((2, 0))),
    (np.zeros(1, np.int32), np.zeros(1, np.uint32)),
]


@pytest.mark.parametrize("a, b", DIFFERENT)
def test_different_states_are_told_apart(a: Any, b: Any) -> None:
    assert not same({"inside": [a]}, {"inside": [b]})
    assert same({"inside": [a]}, {"inside": [a]})


def test_nan_is_the_same_as_itself() -> None:
    assert same([np.nan, np.array(np.nan)], [np.nan, np.array(np.nan)])
