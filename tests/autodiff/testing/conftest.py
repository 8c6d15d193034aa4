"""What the tests of the toolkit share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autodiff.primitive import REGISTRY


@pytest.fixture
def private_registry() -> Iterator[None]:
    """What a test teaches the tape is forgotten after it."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)
