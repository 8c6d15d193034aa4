"""Testing gradients: ``check_grads`` needs NumPy and SciPy alone, ``autodiff.testing.strategies`` also Hypothesis."""

from .check import GradientReport, check_grads
from .finite_difference import finite_difference

__all__ = ["GradientReport", "check_grads", "finite_difference"]
