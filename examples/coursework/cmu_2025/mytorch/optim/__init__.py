"""The optimiser of the exercise."""

from .sgd import SGD

__all__ = ["SGD"]
