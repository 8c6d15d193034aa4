"""The VJP tables: importing them teaches the tape NumPy and SciPy."""

from . import (  # noqa: F401
    assignment,
    calculus,
    convolution,
    decompositions,
    elementwise,
    fft,
    indexing,
    linalg,
    matrix_functions,
    padding,
    polynomials,
    reductions,
    refusals,
    scans,
    shape,
    sorting,
    special,
    spectra,
    statistics,
)
