"""The VJP tables: importing them teaches the tape NumPy and SciPy."""

from . import elementwise, indexing, linalg, reductions, shape, special  # noqa: F401
