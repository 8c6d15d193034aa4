"""Profiles: the default is fast and always the same; ``--deep`` draws more examples, at random, and prints the seed."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the processes share the cores: threads of BLAS would get in their way

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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Spare the garbage collector the ten thousand tests: while they are collected, and whenever it runs later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
