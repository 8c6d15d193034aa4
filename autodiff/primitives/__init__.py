"""The VJP tables: importing them teaches the tape NumPy and SciPy."""

from . import elementwise, linalg, special  # noqa: F401
