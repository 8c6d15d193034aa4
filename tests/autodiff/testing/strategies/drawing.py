"""Whether a strategy ever draws something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import Phase, find, settings
from hypothesis import strategies as st

DRAWN = settings(max_examples=5000, database=None, derandomize=True, phases=[Phase.generate])
"""Draws until it is found, at most so many: what comes up once in a hundred is missed once in e^50 runs."""


def comes_up(strategy: st.SearchStrategy, condition: Callable[[Any], bool]) -> bool:
    find(strategy, condition, settings=DRAWN)  # raises if nothing is found
    return True
