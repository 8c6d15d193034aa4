"""SciPy's functions of matrices, its triangular, banded and factored systems, and its matrices made from vectors.

The derivative of a function of a matrix along E is the upper right block of the function of ``[[A, E], [0, A]]``
(N. Higham, Functions of Matrices, 2008, theorem 3.6), and its transpose along E is the derivative at the transposed
matrix; that of a root solves a Sylvester equation, and the logarithm is made of roots. No eigenvectors are involved, so
matrices with coinciding or defective eigenvalues are no exception.
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
    """The derivative at ``a`` of a function of matrices, along ``e``.

    It is linear in e, which is brought to the size of a: beside a far larger block a would be lost in rounding.
    """
    n = a.shape[-1]
    zeros = np.zeros(a.shape, a.dtype)
    size, scale = largest(a), largest(e)
    rows = [np.concatenate([a, e / scale * size], axis=-1), np.concatenate([zeros, a], axis=-1)]
    return function(np.concatenate(rows, axis=-2))[..., :n, n:] / size * scale


def largest(x: Any) -> Any:
    """The size of the largest entry of each matrix, or 1 for matrices of zeros."""
    sizes = np.abs(data_of(x)).max((-2, -1), keepdims=True, initial=0)
    return np.where(sizes == 0, 1, sizes)


def in_double(x: Any) -> Any:
    """``x`` in double precision: a root of a root, and so on, would lose the digits of less."""
    return x * np.float64(1)


def _expm(A: Any) -> Any:
    return scipy.linalg.expm(A)


def _logm(A: Any) -> Any:
    return scipy.linalg.logm(A)


NODES, WEIGHTS = (1 + np.polynomial.legendre.leggauss(8)[0]) / 2, np.polynomial.legendre.leggauss(8)[1] / 2
"""Of Gauss and Legendre's rule on [0, 1], which gives ``logm`` all digits where ``X - 1`` is at most a quarter."""


def logm_vjp(g: Any, A: Any) -> Any:
    """Through ``log(A) = 2**k log(X)`` for roots X of A so high that ``log(X) = int_0^1 (X - 1) (t (X - 1) + 1)^-1 dt``
    is a short sum: A. Al-Mohy, N. Higham and S. Relton, Computing the Frechet derivative of the matrix logarithm and
    estimating the condition number (2013).

    Multiples of A have the same logarithm but for a multiple of 1, so A is brought to the size of 1. NaN where it is
    singular: what SciPy puts in place of log(0) has no derivative.
    """
    n, size = A.shape[-1], largest(A)
    singular = (np.linalg.eigvals(data_of(A)) == 0).any(-1)[..., None, None]
    x = in_double(A) / size
    if singular.any():
        x, size = np.where(singular, np.eye(n), x), np.where(singular, np.nan, size)
    g = in_double(g) / size
    while np.abs(data_of(x) - np.eye(n)).sum(-1).max(initial=0) > 0.25:
        x = sqrtm(x)
        g = 2 * solve_regular_sylvester(x.mT, x.mT, g)
    total = np.zeros(g.shape)
    for t, weight in zip(NODES, WEIGHTS, strict=True):
        inverse = np.linalg.inv(t * x + (1 - t) * np.eye(n)).mT
        total = total + weight * (inverse @ g @ inverse)
    return total


def _sqrtm(A: Any) -> Any:
    return scipy.linalg.sqrtm(A)


def _solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    return scipy.linalg.solve_sylvester(a, b, q)


def solve_sylvester_vjp(g: Any, a: Any, b: Any, out: Any) -> dict:
    """``A X + X B = Q``: the cotangent of Q solves the transposed equation."""
    of_q = solve_regular_sylvester(a.mT, b.mT, g)
    return {"q": of_q, "a": lambda: -of_q @ out.mT, "b": lambda: -out.mT @ of_q}


def solve_regular_sylvester(a: Any, b: Any, q: Any) -> Any:
    """``solve_sylvester``; NaN if A and -B share an eigenvalue but for rounding, where LAPACK changes the equation."""
    of_a, of_b = np.linalg.eigvals(data_of(a)), np.linalg.eigvals(data_of(b))
    sums = np.abs(of_a[..., :, None] + of_b[..., None, :]).min((-2, -1), initial=np.inf)
    sizes = np.abs(of_a).max(-1, initial=0) + np.abs(of_b).max(-1, initial=0)
    singular = sums <= max(q.shape[-2:]) * np.finfo(q.dtype).eps * sizes
    return solve_sylvester(a, b, q) * np.where(singular, np.nan, 1).astype(q.dtype)[..., None, None]


expm: Any = defvjp(scipy.linalg.expm, forward=_expm, A=lambda g, A: along(expm, A.mT, g))
logm: Any = defvjp(scipy.linalg.logm, forward=_logm, A=logm_vjp)
sqrtm: Any = defvjp(scipy.linalg.sqrtm, forward=_sqrtm, A=lambda g, out: solve_regular_sylvester(out.mT, out.mT, g))
solve_sylvester: Any = defvjp(
    scipy.linalg.solve_sylvester,
    forward=_solve_sylvester,
    joint=solve_sylvester_vjp,
    joint_arguments=("a", "b", "q"),
    broadcasts=True,
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


def columns(x: Any, b_shape: Shape) -> Any:
    """The solutions, or their cotangents, as matrices: for a vector b each is a vector."""
    return x.reshape(*x.shape, 1) if len(b_shape) == 1 else x


def solve_triangular_vjp(
    g: Any, a: Any, b_shape: Shape, trans: Any, lower: bool, unit_diagonal: bool, out: Any
) -> dict:
    trans = {"N": 0, "T": 1, "C": 2}.get(trans, trans)
    if trans == 2:
        a = conj(a)
    of_b = solve_triangular(a, columns(g, b_shape), 0 if trans else 1, lower, unit_diagonal)

    def of_a() -> Any:
        product = -of_b @ columns(out, b_shape).mT
        product = product.mT if trans else product
        return triangle(conj(product) if trans == 2 else product, lower, unit_diagonal)

    return {"b": lambda: of_b.reshape(g.shape), "a": of_a}


solve_triangular: Any = defvjp(
    scipy.linalg.solve_triangular,
    forward=_solve_triangular,
    joint=solve_triangular_vjp,
    joint_arguments=("a", "b"),
    broadcasts=True,
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


def cho_solve_vjp(g: Any, c: Any, b_shape: Shape, lower: bool, out: Any) -> dict:
    """``L L^H x = b``: the gradient of the product, ``-y x^T``, is passed on to the factors."""
    of_b = cho_solved(conj(c), columns(g, b_shape), lower)

    def of_c() -> Any:
        product = -of_b @ columns(out, b_shape).mT
        factor = triangle(c, lower, False)
        if lower:
            return np.tril(product @ conj(factor) + conj(product.mT @ factor))
        return np.triu(conj(factor @ product.mT) + conj(factor) @ product)

    return {"b": lambda: of_b.reshape(g.shape), "c": of_c}


cho_solved: Any = defvjp(_cho_solved, joint=cho_solve_vjp, joint_arguments=("c", "b"), broadcasts=True)


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
        rows.append(padded(ab[..., row, columns], places.start, n - places.stop))
    return np.stack(rows, axis=-2)


def padded(x: Any, before: int, after: int) -> Any:
    """``x`` with zeros at both ends of its last axis."""
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(before, after)])


def solve_banded_vjp(g: Any, ab: Any, b_shape: Shape, below: int, above: int, out: Any) -> dict:
    of_b = banded_solved(transposed_band(ab, below, above), columns(g, b_shape), above, below)

    def of_ab() -> Any:
        n, x, rows = ab.shape[-1], columns(out, b_shape), []
        for _, _, places, across in band(ab, below, above):
            product = -(of_b[..., places, :] * x[..., across, :]).sum(-1)
            rows.append(padded(product, across.start, n - across.stop))
        return np.stack(rows, axis=-2)

    return {"b": lambda: of_b.reshape(g.shape), "ab": of_ab}


banded_solved: Any = defvjp(_banded_solved, joint=solve_banded_vjp, joint_arguments=("ab", "b"), broadcasts=True)

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
    square, u = lower[..., :k, :], upper[..., :, :k]
    g_l, rest_l = g_l[..., :k, :], g_l[..., k:, :]
    g_u, rest_u = g_u[..., :, :k], g_u[..., :, k:]
    if m > k:  # A2 = L2 U
        below = adjoint(np.linalg.solve(u, adjoint(rest_l)))
        g_u = g_u - adjoint(lower[..., k:, :]) @ below
    if n > k:  # A2 = L U2
        right = np.linalg.solve(adjoint(square), rest_u)
        g_l = g_l - right @ adjoint(upper[..., :, k:])
    inner = np.tril(adjoint(square) @ g_l, -1) + np.triu(g_u @ adjoint(u))
    gradient = np.linalg.solve(adjoint(square), adjoint(np.linalg.solve(u, adjoint(inner))))
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


def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple:
    """``scipy.linalg.lu_factor``: both factors in one matrix, and the rows' exchanges as a plain array."""
    pivots = scipy.linalg.lu_factor(data_of(a), False, check_finite)[1]
    lower, upper, _ = lu_factors(a)
    m, n = np.shape(a)[-2:]
    strict = np.tril(lower, -1)
    if m > n:
        upper = np.concatenate([upper, np.zeros((*upper.shape[:-2], m - n, n), upper.dtype)], axis=-2)
    elif n > m:
        strict = padded(strict, 0, n - m)
    return upper + strict, pivots


def lu_solve(lu_and_piv: tuple, b: Any, trans: int = 0, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """``scipy.linalg.lu_solve`` of one matrix: two triangular systems, of the right-hand side with its rows exchanged.

    >>> lu_solve(lu_factor(np.array([[1.0, 2.0], [3.0, 4.0]])), np.array([5.0, 11.0]))
    array([1., 2.])
    """
    factors, pivots = lu_and_piv
    if factors.ndim != 2:
        raise ValueError(f"lu_solve: expected one matrix of factors, not shape {factors.shape}; call it for each")
    order = np.arange(len(pivots))
    for i, pivot in enumerate(pivots):
        order[[i, pivot]] = order[[pivot, i]]
    keywords = dict(trans=trans, check_finite=check_finite)
    if trans == 0:
        b = solve_triangular(factors, b[order], lower=True, unit_diagonal=True, **keywords)
        return solve_triangular(factors, b, **keywords)
    b = solve_triangular(factors, solve_triangular(factors, b, **keywords), lower=True, unit_diagonal=True, **keywords)
    return b[np.argsort(order)]


# Matrices from vectors


def toeplitz(c: Any, r: Any = None) -> Any:
    """``scipy.linalg.toeplitz``: constant diagonals, from the first column and (else its conjugate) the first row.

    Columns and rows on the last axis make stacks of matrices, as in recent versions of SciPy.

    >>> toeplitz(np.array([1, 2]), np.array([1, 4, 5]))
    array([[1, 4, 5],
           [2, 1, 4]])
    """
    c = np.atleast_1d(c)
    r = np.conj(c) if r is None else np.atleast_1d(r)
    batch = np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
    m, n = c.shape[-1], r.shape[-1]
    first, rest = np.flip(c, -1), r[..., 1:]
    values = np.concatenate([np.broadcast_to(x, (*batch, x.shape[-1])) for x in (first, rest)], axis=-1)
    rows, across = np.ogrid[:m, :n]
    return values[..., m - 1 - rows + across]


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
