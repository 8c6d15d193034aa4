"""SciPy's names for what records on tensors, whether SciPy itself dispatches it or not."""

from importlib import import_module
from types import ModuleType

from . import fft, linalg, special

__all__ = ["fft", "linalg", "signal", "special"]


def __getattr__(name: str) -> ModuleType:
    if name == "signal":  # SciPy's own takes longer to import than all of this library
        return import_module(".signal", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
