"""Whether a strategy ever draws something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import Phase, find, settings
from hypothesis import strategies as st

DRAWN = settings(max_examples=500, database=None, derandomize=True, phases=[Phase.generate])
"""Five hundred draws, and none to make a failure smaller."""


def comes_up(strategy: st.SearchStrategy, condition: Callable[[Any], bool]) -> bool:
    find(strategy, condition, settings=DRAWN)  # raises if nothing is found
    return True
