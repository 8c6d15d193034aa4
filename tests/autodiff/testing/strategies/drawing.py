"""Whether a strategy ever draws something."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from hypothesis import Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

DRAWN = settings(max_examples=5000, database=None, derandomize=True, phases=[Phase.generate])
"""Draws until it is found, at most so many: what comes up once in a hundred is missed once in e^50 runs."""


def comes_up(strategy: st.SearchStrategy, condition: Callable[[Any], bool]) -> bool:
    find(strategy, condition, settings=DRAWN)  # raises if nothing is found
    return True


def never_drawn(strategy: st.SearchStrategy, conditions: Mapping[str, Callable[[Any], bool]]) -> list[str]:
    """The names of the conditions that nothing meets which is drawn; the same draws serve them all."""
    missing = dict(conditions)

    def nothing_is_missing(drawn: Any) -> bool:
        for name in [name for name, condition in missing.items() if condition(drawn)]:
            del missing[name]
        return not missing

    with suppress(NoSuchExample):
        find(strategy, nothing_is_missing, settings=DRAWN)
    return list(missing)
