"""Profiles: the default is fast and always the same; ``--deep`` draws more examples, at random, and prints the seed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["autodiff.testing.plugin"]  # also where the library is not installed

COMMON = dict(
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],  # a busy machine, a narrow domain
)
settings.register_profile("fast", max_examples=15, derandomize=True, **COMMON)
settings.register_profile("deep", max_examples=300, **COMMON)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="draw twenty times as many examples, at random")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("deep" if config.getoption("--deep") else "fast")
