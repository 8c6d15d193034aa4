"""SciPy's names for what records on tensors, whether SciPy itself dispatches it or not."""

from . import fft, linalg, signal, special

__all__ = ["fft", "linalg", "signal", "special"]
