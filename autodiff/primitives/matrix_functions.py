"""SciPy's functions of matrices, its triangular, banded and factored systems, and its matrices made from vectors.

The derivative of a function of a matrix along E is the upper right block of the function of ``[[A, E], [0, A]]``
(N. Higham, Functions of Matrices, 2008, theorem 3.6), and its transpose along E is the derivative at the transposed
matrix. No eigenvectors are involved, so matrices with coinciding or defective eigenvalues are no exception.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.linalg

from ..primitive import defvjp
from .decompositions import adjoint, conj, data_of

Shape = tuple[int, ...]


def along(function: Callable, a: Any, e: Any) -> Any:
    """The derivative at ``a`` of a function of matrices, along ``e``."""
    n = a.shape[-1]
    zeros = np.zeros(a.shape, a.dtype)
    rows = [np.concatenate([a, e], axis=-1), np.concatenate([zeros, a], axis=-1)]
    return function(np.concatenate(rows, axis=-2))[..., :n, n:]


def in_double(x: Any) -> Any:
    """``x`` in double precision: what SciPy's logarithm makes of less, it calls inaccurate."""
    return x * np.float64(1)


def square(a: Any, name: str) -> None:
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ValueError(f"{name}: expected a square matrix, not shape {a.shape}")


def _expm(A: Any) -> Any:
    return scipy.linalg.expm(A)


def _logm(A: Any) -> Any:
    square(A, "logm")
    return scipy.linalg.logm(A)


def _sqrtm(A: Any) -> Any:
    square(A, "sqrtm")
    return scipy.linalg.sqrtm(A)


def _solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    return scipy.linalg.solve_sylvester(a, b, q)


def solve_sylvester_vjp(g: Any, a: Any, b: Any, out: Any) -> dict:
    """``A X + X B = Q``: the cotangent of Q solves the transposed equation."""
    of_q = solve_sylvester(a.T, b.T, g)
    return {"q": of_q, "a": lambda: -of_q @ out.T, "b": lambda: -out.T @ of_q}


expm: Any = defvjp(scipy.linalg.expm, forward=_expm, A=lambda g, A: along(expm, A.mT, g))
logm: Any = defvjp(scipy.linalg.logm, forward=_logm, A=lambda g, A: along(logm, in_double(A.mT), g))
sqrtm: Any = defvjp(scipy.linalg.sqrtm, forward=_sqrtm, A=lambda g, out: solve_sylvester(out.mT, out.mT, g))
solve_sylvester: Any = defvjp(
    scipy.linalg.solve_sylvester, forward=_solve_sylvester, joint=solve_sylvester_vjp, joint_arguments=("a", "b", "q")
)

# Triangular, factored and banded systems


def _solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    return scipy.linalg.solve_triangular(a, b, trans, lower, unit_diagonal, False, check_finite)


def triangle(x: Any, lower: bool, unit_diagonal: bool) -> Any:
    """What ``solve_triangular`` reads of a matrix."""
    return np.tril(x, -int(unit_diagonal)) if lower else np.triu(x, int(unit_diagonal))


def solve_triangular_vjp(g: Any, a: Any, trans: Any, lower: bool, unit_diagonal: bool, out: Any) -> dict:
    trans = {"N": 0, "T": 1, "C": 2}.get(trans, trans)
    if trans == 2:
        a = conj(a)
    of_b = solve_triangular(a, g, 0 if trans else 1, lower, unit_diagonal)

    def of_a() -> Any:
        left, right = (of_b, out) if of_b.ndim > 1 else (of_b.reshape(-1, 1), out.reshape(-1, 1))
        product = -left @ right.T
        product = product.T if trans else product
        return triangle(conj(product) if trans == 2 else product, lower, unit_diagonal)

    return {"b": of_b, "a": of_a}


solve_triangular: Any = defvjp(
    scipy.linalg.solve_triangular, forward=_solve_triangular, joint=solve_triangular_vjp, joint_arguments=("a", "b")
)


def cho_solve(c_and_lower: tuple, b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """``scipy.linalg.cho_solve``: the system of which ``cho_factor`` or ``cholesky`` made a factor.

    >>> c = np.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    >>> cho_solve((c, True), np.array([8.0, 9.0])).round(6)
    array([1.375, 1.25 ])
    """
    c, lower = c_and_lower
    return cho_solved(c, b, lower, check_finite)


def _cho_solved(c: Any, b: Any, lower: bool, check_finite: bool = True) -> Any:
    return scipy.linalg.cho_solve((c, lower), b, False, check_finite)


_cho_solved.__name__ = "cho_solve"


def cho_solve_vjp(g: Any, c: Any, lower: bool, out: Any) -> dict:
    """``L L^H x = b``: the gradient of the product, ``-y x^T``, is passed on to the factors."""
    of_b = cho_solved(conj(c), g, lower)

    def of_c() -> Any:
        left, right = (of_b, out) if of_b.ndim > 1 else (of_b.reshape(-1, 1), out.reshape(-1, 1))
        product = -left @ right.T
        factor = triangle(c, lower, False)
        if lower:
            return np.tril(product @ conj(factor) + conj(product.T @ factor))
        return np.triu(conj(factor @ product.T) + conj(factor) @ product)

    return {"b": of_b, "c": of_c}


cho_solved: Any = defvjp(_cho_solved, joint=cho_solve_vjp, joint_arguments=("c", "b"))


def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> tuple:
    """``scipy.linalg.cho_factor``, with zeros in the triangle that SciPy leaves undefined."""
    if check_finite:
        np.asarray_chkfinite(data_of(a))
    return np.linalg.cholesky(a, upper=not lower), lower


def solve_banded(
    l_and_u: tuple, ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """``scipy.linalg.solve_banded``: a system whose matrix has entries on a few diagonals, the rows of ``ab``.

    >>> solve_banded((0, 1), np.array([[0.0, 1.0], [2.0, 2.0]]), np.array([4.0, 2.0]))
    array([1.5, 1. ])
    """
    return banded_solved(ab, b, *l_and_u, check_finite)


def _banded_solved(ab: Any, b: Any, below: int, above: int, check_finite: bool = True) -> Any:
    return scipy.linalg.solve_banded((below, above), ab, b, False, False, check_finite)


_banded_solved.__name__ = "solve_banded"


def band(ab: Any, below: int, above: int) -> list[tuple[int, int, slice, slice]]:
    """For each row of ``ab``: its number, its diagonal, and the rows and columns of the matrix it is made of."""
    n = ab.shape[-1]
    found = []
    for row, diagonal in enumerate(range(above, -below - 1, -1)):
        columns = slice(max(diagonal, 0), max(n + min(diagonal, 0), max(diagonal, 0)))
        found.append((row, diagonal, slice(columns.start - diagonal, columns.stop - diagonal), columns))
    return found


def transposed_band(ab: Any, below: int, above: int) -> Any:
    """The band matrix's transpose, in the same form: every diagonal shifted, in reverse order."""
    n, rows = ab.shape[-1], []
    for row, _, places, columns in reversed(band(ab, below, above)):
        rows.append(np.pad(ab[row, columns], (places.start, n - places.stop)))
    return np.stack(rows)


def solve_banded_vjp(g: Any, ab: Any, below: int, above: int, out: Any) -> dict:
    of_b = banded_solved(transposed_band(ab, below, above), g, above, below)

    def of_ab() -> Any:
        n, rows = ab.shape[-1], []
        for _, _, places, columns in band(ab, below, above):
            product = -of_b[places] * out[columns]
            product = product if product.ndim == 1 else product.sum(-1)
            rows.append(np.pad(product, (columns.start, n - columns.stop)))
        return np.stack(rows)

    return {"b": of_b, "ab": of_ab}


banded_solved: Any = defvjp(_banded_solved, joint=solve_banded_vjp, joint_arguments=("ab", "b"))

# Triangular factors


def _lu(a: Any) -> tuple:
    """The factors without the permutation, which is returned last, as indices."""
    order, lower, upper = scipy.linalg.lu(a, p_indices=True)
    return lower, upper, order


def lu_vjp(g: tuple, a: Any, out: tuple) -> Any:
    """``P L^-H (tril(L^H g_L, -1) + triu(g_U U^H)) U^-H`` of the leading square block; the rest solves for its part."""
    lower, upper, order = out
    g_l, g_u = conj(g[0]), conj(g[1])
    m, n = a.shape[-2:]
    k = min(m, n)
    below = right = None
    l, u = lower[..., :k, :], upper[..., :, :k]
    g_l, rest_l = g_l[..., :k, :], g_l[..., k:, :]
    g_u, rest_u = g_u[..., :, :k], g_u[..., :, k:]
    if m > k:  # A2 = L2 U
        below = adjoint(np.linalg.solve(u, adjoint(rest_l)))
        g_u = g_u - adjoint(lower[..., k:, :]) @ below
    if n > k:  # A2 = L U2
        right = np.linalg.solve(adjoint(l), rest_u)
        g_l = g_l - right @ adjoint(upper[..., :, k:])
    inner = np.tril(adjoint(l) @ g_l, -1) + np.triu(g_u @ adjoint(u))
    gradient = np.linalg.solve(adjoint(l), adjoint(np.linalg.solve(u, adjoint(inner))))
    if below is not None:
        gradient = np.concatenate([gradient, below], axis=-2)
    if right is not None:
        gradient = np.concatenate([gradient, right], axis=-1)
    return np.take_along_axis(conj(gradient), data_of(order)[..., :, None], axis=-2)


lu_factors: Any = defvjp(_lu, multiple=True, a=lu_vjp)


def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True, p_indices: bool = False
) -> tuple:
    """``scipy.linalg.lu``: ``A = P L U`` with pivoting; the permutation is a plain array.

    >>> p, l, u = lu(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> bool(np.allclose(p @ l @ u, [[1, 2], [3, 4]]))
    True
    """
    if check_finite:
        np.asarray_chkfinite(data_of(a))
    lower, upper, order = lu_factors(a)
    order = data_of(order)
    if permute_l:
        return np.take_along_axis(lower, order[..., :, None], axis=-2), upper
    if p_indices:
        return order, lower, upper
    permutation = np.take_along_axis(np.broadcast_to(np.eye(order.shape[-1]), (*order.shape, order.shape[-1])),
                                     order[..., :, None], axis=-2)  # fmt: skip
    return permutation.astype(lower.dtype), lower, upper


# Matrices from vectors


def toeplitz(c: Any, r: Any = None) -> Any:
    """``scipy.linalg.toeplitz``: constant diagonals, from the first column and (else its conjugate) the first row.

    >>> toeplitz(np.array([1, 2]), np.array([1, 4, 5]))
    array([[1, 4, 5],
           [2, 1, 4]])
    """
    c = np.reshape(c, -1) if r is None or np.ndim(c) != 1 else c
    r = np.conj(c) if r is None else np.reshape(r, -1)
    values = np.concatenate([np.flip(c), r[1:]])
    rows, columns = np.ogrid[: c.shape[0], : r.shape[0]]
    return values[c.shape[0] - 1 - rows + columns]


def block_diag(*arrs: Any) -> Any:
    """``scipy.linalg.block_diag``: matrices along the diagonal, zeros elsewhere.

    >>> block_diag(np.array([[1.0, 2.0]]), np.array([[3.0]]))
    array([[1., 2., 0.],
           [0., 0., 3.]])
    """
    blocks: Sequence[Any] = [np.atleast_2d(x) for x in arrs or ([],)]
    if any(x.ndim > 2 for x in blocks):
        raise ValueError(f"arguments in the following positions have dimension greater than 2: "
                         f"{[i for i, x in enumerate(blocks) if x.ndim > 2]}")  # fmt: skip
    width = sum(x.shape[1] for x in blocks)
    rows, start = [], 0
    for x in blocks:
        rows.append(np.pad(x, [(0, 0), (start, width - start - x.shape[1])]))
        start += x.shape[1]
    return np.concatenate(rows, axis=0)


