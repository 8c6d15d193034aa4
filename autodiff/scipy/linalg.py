"""``scipy.linalg`` for tensors: SciPy's names and signatures, of functions that SciPy itself does not dispatch.

>>> from autodiff.scipy.linalg import expm, solve_triangular

What NumPy has too is NumPy's function under SciPy's signature. ``overwrite_*`` is accepted and never used: others may
see the memory of a tensor.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitives.matrix_functions import (
    block_diag,
    cho_factor,
    cho_solve,
    expm,
    logm,
    lu,
    lu_factor,
    lu_solve,
    solve_banded,
    solve_sylvester,
    solve_triangular,
    sqrtm,
    toeplitz,
)

__all__ = [
    "block_diag",
    "cho_factor",
    "cho_solve",
    "cholesky",
    "det",
    "eigh",
    "eigvals",
    "eigvalsh",
    "expm",
    "inv",
    "logm",
    "lu",
    "lu_factor",
    "lu_solve",
    "norm",
    "pinv",
    "qr",
    "solve",
    "solve_banded",
    "solve_sylvester",
    "solve_triangular",
    "sqrtm",
    "svd",
    "svdvals",
    "toeplitz",
]


def refuse(name: str, **others: Any) -> None:
    """Raise ValueError for keywords that have been given and change what would be differentiated."""
    if given := [key for key, value in others.items() if value]:
        raise ValueError(f"scipy.linalg.{name}: {', '.join(given)} cannot be differentiated; leave it out")


def solve(
    a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, assume_a: Any = None, transposed: bool = False,
) -> Any:  # fmt: skip
    """``scipy.linalg.solve``, of the matrix that SciPy takes ``a`` for."""
    a = taken_for(a, assume_a, lower)
    return np.linalg.solve(np.matrix_transpose(a) if transposed else a, b)


def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: Any = None, lower: bool = False
) -> Any:
    """``scipy.linalg.inv``, of the matrix that SciPy takes ``a`` for."""
    return np.linalg.inv(taken_for(a, assume_a, lower))


def taken_for(a: Any, structure: str | None, lower: bool) -> Any:
    """The matrix of which SciPy reads the entries that ``assume_a`` leaves; no others have a gradient.

    >>> taken_for(np.array([[1.0, 99.0], [2.0, 3.0]]), "sym", lower=True)
    array([[1., 2.],
           [2., 3.]])
    """
    match structure:
        case None | "gen" | "general" | "banded":
            return a
        case "diagonal":
            return np.tril(np.triu(a))
        case "tridiagonal":
            return np.tril(np.triu(a, -1), 1)
        case "upper triangular":
            return np.triu(a)
        case "lower triangular":
            return np.tril(a)
        case "sym" | "symmetric":
            beside = np.tril(a, -1) if lower else np.triu(a, 1)
            return beside + beside.mT + np.tril(np.triu(a))
        case "her" | "hermitian" | "pos" | "positive definite":
            beside = np.tril(a, -1) if lower else np.triu(a, 1)
            return beside + np.conj(beside).mT + np.tril(np.triu(np.real(a)))
    raise ValueError(f"{structure} is not a recognized matrix structure")


def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """``scipy.linalg.det``, as ``numpy.linalg.det``: right at singular matrices too."""
    return np.linalg.det(a)


def pinv(a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False, check_finite: bool = True) -> Any:
    """``scipy.linalg.pinv``, without ``atol``."""
    refuse("pinv", atol=atol)
    cutoff = max(np.shape(a)[-2:]) * np.finfo(a.dtype).eps if rtol is None else rtol
    inverse = np.linalg.pinv(a, rtol=cutoff)
    return (inverse, np.linalg.matrix_rank(a, rtol=cutoff)) if return_rank else inverse


def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """``scipy.linalg.cholesky``: the upper factor by default."""
    return np.linalg.cholesky(a, upper=not lower)


def qr(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full", pivoting: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.qr``; of a tall matrix with ``mode="economic"``."""
    refuse("qr", pivoting=pivoting)
    if mode == "r" and np.shape(a)[-2] > np.shape(a)[-1]:
        raise ValueError("scipy.linalg.qr: mode='r' of a tall matrix has no gradient; take mode='economic'")
    factors = np.linalg.qr(a, {"full": "complete", "economic": "reduced", "r": "reduced"}.get(mode, mode))
    return (factors[1],) if mode == "r" else factors


def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False,
    check_finite: bool = True, lapack_driver: str = "gesdd",
) -> Any:  # fmt: skip
    """``scipy.linalg.svd``; of a matrix that is not square with ``full_matrices=False``."""
    return np.linalg.svd(a, full_matrices, compute_uv)


def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """``scipy.linalg.svdvals``."""
    return np.linalg.svdvals(a)


def eigh(
    a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False, overwrite_a: bool = False,
    overwrite_b: bool = False, type: int = 1, check_finite: bool = True, subset_by_index: Any = None,
    subset_by_value: Any = None, driver: Any = None,
) -> Any:  # fmt: skip
    """``scipy.linalg.eigh`` of one matrix, and all of its values."""
    refuse("eigh", b=b is not None, subset_by_index=subset_by_index, subset_by_value=subset_by_value)
    triangle: Any = "L" if lower else "U"
    return np.linalg.eigvalsh(a, triangle) if eigvals_only else tuple(np.linalg.eigh(a, triangle))


def eigvalsh(a: Any, b: Any = None, *, lower: bool = True, **others: Any) -> Any:
    """``scipy.linalg.eigvalsh`` of one matrix, and all of its values."""
    return eigh(a, b, lower=lower, eigvals_only=True, **others)


def eigvals(
    a: Any, b: Any = None, overwrite_a: bool = False, check_finite: bool = True, homogeneous_eigvals: bool = False
) -> Any:
    """``scipy.linalg.eigvals`` of one matrix."""
    refuse("eigvals", b=b is not None, homogeneous_eigvals=homogeneous_eigvals)
    return np.linalg.eigvals(a)


def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True) -> Any:
    """``scipy.linalg.norm``, as ``numpy.linalg.norm``."""
    return np.linalg.norm(a, ord, axis, keepdims)
