"""Testing gradients: ``check_grads`` needs NumPy and SciPy alone, ``autodiff.testing.strategies`` also Hypothesis."""

from importlib import import_module
from typing import Any

from .check import check_grads
from .finite_difference import finite_difference
from .report import GradientReport

__all__ = ["GradientReport", "check_grads", "check_layer", "check_primitive", "finite_difference", "strategies"]

_LAZY = {"check_layer": "layer", "check_primitive": "primitive", "strategies": "strategies"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_LAZY[name]}")
    return module if name == _LAZY[name] else getattr(module, name)
