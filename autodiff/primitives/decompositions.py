"""Linear systems, inverses, determinants and factorisations of matrices on the last two axes.

Sources: M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation (2008);
I. Murray, Differentiation of the Cholesky decomposition (2016); D. and S. Roberts, QR and LQ decomposition matrix
backpropagation algorithms for square, wide, and deep matrices (2020); G. Golub and V. Pereyra, The differentiation of
pseudo-inverses and nonlinear least squares problems whose variables separate (1973).

A rule that is derived for real matrices holds for complex ones with conjugate transposes and conjugated cotangents; the
cotangents of this library are not conjugated, so such a rule conjugates on the way in and on the way out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import constant, defvjp, implements

Shape = tuple[int, ...]


def conj(x: Any) -> Any:
    return np.conj(x) if np.iscomplexobj(x) else x


def adjoint(x: Any) -> Any:
    """The conjugate transpose of matrices."""
    return conj(x).mT


def identity(n: int, like: Any) -> np.ndarray:
    return np.eye(n, dtype=like.dtype)


def diagonal_of(x: Any) -> Any:
    return np.diagonal(x, axis1=-2, axis2=-1)


def on_diagonal(values: Any) -> Any:
    """Diagonal matrices."""
    n = values.shape[-1]
    return values.reshape(*values.shape, 1) * identity(n, values)


# Systems and inverses


def solve_vjp(g: Any, a: Any, b_shape: Shape, out: Any) -> dict:
    """``x = A^-1 b``: the cotangent of b solves the transposed system, that of A is its product with ``-x``."""
    if len(b_shape) == 1:
        of_b = np.linalg.solve(a.mT, g.reshape(*g.shape, 1))
        return {"b": lambda: of_b.reshape(g.shape), "a": lambda: -of_b * out.reshape(*out.shape[:-1], 1, -1)}
    of_b = np.linalg.solve(a.mT, g)
    return {"b": of_b, "a": lambda: -of_b @ out.mT}


def _lstsq(a: Any, b: Any, rcond: Any = None) -> tuple:
    return np.linalg.lstsq(a, b, rcond)


def cutoff(a: Any, rcond: Any) -> float:
    """The share of the largest singular value from which on ``lstsq`` counts one; a negative one stands for eps."""
    eps = float(np.finfo(a.dtype).eps)
    return max(a.shape) * eps if rcond is None else eps if rcond < 0 else rcond


def lstsq_a_vjp(g: tuple, a: Any, b: Any, rcond: Any, out: tuple) -> Any:
    """Through ``x = pinv(A) b``, ``|b - A x|**2`` and the singular values."""
    x, columns = (out[0], b) if b.ndim == 2 else (out[0].reshape(-1, 1), b.reshape(-1, 1))
    g_x = g[0] if b.ndim == 2 else g[0].reshape(-1, 1)
    inverse = np.linalg.pinv(a, rtol=cutoff(a, rcond))
    gradient = pinv_vjp(g_x @ columns.mT, a, inverse) + singular_values_vjp(g[3], a)
    if g[1].size:
        gradient = gradient - 2 * conj(columns - a @ x) * g[1] @ x.mT
    return gradient


def lstsq_b_vjp(g: tuple, a: Any, b: Any, rcond: Any, out: tuple) -> Any:
    of_b = np.linalg.pinv(a, rtol=cutoff(a, rcond)).mT @ g[0]
    return of_b + 2 * conj(b - a @ out[0]) * (g[1] if b.ndim == 2 else g[1].reshape(())) if g[1].size else of_b


def _pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:  # type: ignore
    return np.linalg.pinv(a, rcond, hermitian, rtol=rtol)


def pinv_vjp(g: Any, a: Any, out: Any, hermitian: bool = False) -> Any:
    """``dP = -P dA P + P P' dA' (1 - A P) + (1 - P A) dA' P' P`` (Golub and Pereyra), where the rank is constant."""
    if hermitian:  # reads one triangle of the matrix and takes the other for its mirror image
        a = np.tril(a) + adjoint(np.tril(a, -1))
    g, p = conj(g), adjoint(out)
    left, right = identity(a.shape[-2], out) - a @ out, identity(a.shape[-1], out) - out @ a
    gradient = conj(-p @ g @ p + left @ adjoint(g) @ (out @ p) + (p @ out) @ adjoint(g) @ right)
    return (gradient + adjoint(gradient)) / 2 if hermitian else gradient


defvjp(np.linalg.solve, joint=solve_vjp, joint_arguments=("a", "b"), broadcasts=True)
defvjp(np.linalg.inv, a=lambda g, out: -(out.mT @ g @ out.mT))
defvjp(np.linalg.pinv, forward=_pinv, a=pinv_vjp)
least_squares: Any = defvjp(_lstsq, multiple=True, a=lstsq_a_vjp, b=lstsq_b_vjp)


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple:
    """``numpy.linalg.lstsq``; the rank is an integer."""
    x, residuals, rank, values = least_squares(a, b, rcond)
    return x, residuals, data_of(rank)[()], values


def data_of(x: Any) -> Any:
    return getattr(x, "_data", x)


# Determinants


def products_of_others(values: Any) -> Any:
    """For each entry along the last axis the product of all others; nothing is divided, so zeros do no harm."""
    ones = np.ones((*values.shape[:-1], 1), values.dtype)
    before = np.concatenate([ones, np.cumprod(values[..., :-1], -1)], -1)
    after = np.concatenate([np.flip(np.cumprod(np.flip(values[..., 1:], -1), -1), -1), ones], -1)
    return before[..., : values.shape[-1]] * after[..., : values.shape[-1]]


def rotations(a: Any) -> tuple:
    """``U``, the singular values, ``V'``, and the number that the determinants of U and V' make together."""
    u, values, vh = np.linalg.svd(a)
    return u, values, vh, (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]


def _cofactors(a: Any) -> Any:
    """``det(A) A^-T``, the derivative of the determinant, finite at singular matrices too.

    Of diagonal matrices the cofactors are the products of the other entries; those of ``U S V'`` are
    ``det(U) det(V') conj(U) cof(S) conj(V')``.
    """
    u, values, vh, factor = rotations(a)
    return factor * (np.conj(u) * products_of_others(values)[..., None, :]) @ np.conj(vh)


def _second_cofactors(first: Any, a: Any) -> Any:
    """``sum_ij F_ij d cof(A)_ij / dA``: the second derivative of the determinant along F, at singular matrices too.

    For diagonal S it has, with F in its coordinates, the entries ``sum_j p_ij F_jj`` on the diagonal and ``-p_ij F_ji``
    beside it, where ``p_ij`` is the product of all singular values but those of i and j.
    """
    u, values, vh, factor = rotations(a)
    n = values.shape[-1]
    others = np.empty((*values.shape, n), values.dtype)
    for i in range(n):
        rest = values.copy()
        rest[..., i] = 1
        others[..., i, :] = products_of_others(rest)
        others[..., i, i] = 0
    turned = np.conj(u).mT @ first @ np.conj(vh).mT
    diagonal = (others * diagonal_of(turned)[..., None, :]).sum(-1)
    inner = diagonal[..., None] * np.eye(n) - others * turned.mT
    return factor * (np.conj(u) @ inner @ np.conj(vh))


_cofactors.__name__, _second_cofactors.__name__ = "cofactors", "second_cofactors"


def third_cofactors_vjp(g: Any, first: Any, a: Any) -> Any:
    """The rule of ``second_cofactors`` by a, from ``det(A) (tr(A^-1 G) A^-T - A^-T G' A^-T)``: for regular A.

    Determinants of up to two rows have no third derivative.
    """
    if a.shape[-1] < 3:
        return g * first * 0
    inverse = np.linalg.inv(a)
    det = np.linalg.det(a)[..., None, None]

    def along(x: Any) -> Any:
        return np.einsum("...ij,...ji->...", inverse, x)[..., None, None]

    t, i = along(g), inverse.mT
    u = along(first)
    cross = np.einsum("...ij,...jk,...kl,...li->...", inverse, g, inverse, first)[..., None, None]
    both = i @ g.mT @ i @ first.mT @ i + i @ first.mT @ i @ g.mT @ i
    return det * ((t * u - cross) * i - u * (i @ g.mT @ i) - t * (i @ first.mT @ i) + both)


cofactors: Any = defvjp(_cofactors, a=lambda g, a: second_cofactors(g, a))
second_cofactors: Any = defvjp(
    _second_cofactors, first=lambda g, a: second_cofactors(g, a), a=lambda g, first, a: third_cofactors_vjp(g, first, a)
)


def slogdet_vjp(g: tuple, a: Any, out: tuple) -> Any:
    """``d log det(A) = tr(A^-1 dA)``: its real part is that of the logarithm, its imaginary part turns the sign.

    Singular matrices, whose logarithm is -inf, get NaN.
    """
    g_sign, g_log = g
    singular = np.isinf(data_of(out[1]))
    factor = g_log
    if np.iscomplexobj(a):
        factor = g_log - 1j * np.real(1j * g_sign * out[0])
    if singular.any():
        factor = np.where(singular, np.nan, factor)
        a = np.where(singular[..., None, None], identity(a.shape[-1], a), a)
    return factor[..., None, None] * np.linalg.inv(a).mT


defvjp(np.linalg.det, a=lambda g, a: g[..., None, None] * cofactors(a))
defvjp(np.linalg.slogdet, multiple=True, a=slogdet_vjp)


# Triangular factors


def lower_half(x: Any) -> Any:
    """The lower triangle, with half of the diagonal."""
    return np.tril(x) - on_diagonal(diagonal_of(x)) / 2


def _cholesky(a: Any, /, *, upper: bool = False) -> Any:
    return np.linalg.cholesky(a, upper=upper)


def cholesky_vjp(g: Any, upper: bool, out: Any) -> Any:
    """``L^-H P(L^H g) L^-1``, made symmetric: P is the lower triangle with half of the diagonal (Murray 2016, eq. 10).

    NumPy reads one triangle and takes the other for its mirror image; so does the gradient, which gives each its half.
    """
    g, factor = (g.mT, adjoint(out)) if upper else (conj(g), out)
    inner = lower_half(adjoint(factor) @ np.tril(g))
    half = np.linalg.solve(adjoint(factor), adjoint(np.linalg.solve(adjoint(factor), adjoint(inner))))
    return conj(half + adjoint(half)) / 2


def _qr(a: Any) -> tuple:
    return np.linalg.qr(a)


def qr_vjp(g: tuple, a: Any, out: tuple) -> Any:
    """``(g_Q + Q C) R^-H`` for ``C = sym(triu(g_R R^H - Q^H g_Q))``, of the leading square block if A is wide."""
    q, r = out
    g_q, g_r = conj(g[0]), conj(g[1])
    n = q.shape[-1]
    if a.shape[-1] > n:  # A = [X, Y] and R = [U, Q^H Y]
        x, y = a[..., :n], a[..., n:]
        of_y = q @ g_r[..., n:]
        of_x = qr_vjp((conj(g_q + y @ adjoint(g_r[..., n:])), conj(g_r[..., :n])), x, (q, r[..., :n]))
        return np.concatenate([of_x, conj(of_y)], axis=-1)
    upper = np.triu(g_r @ adjoint(r) - adjoint(q) @ g_q)
    symmetric = upper + adjoint(upper) - on_diagonal(np.real(diagonal_of(upper)))
    return conj(adjoint(np.linalg.solve(r, adjoint(g_q + q @ symmetric))))


defvjp(np.linalg.cholesky, forward=_cholesky, a=cholesky_vjp)
reduced_qr: Any = defvjp(_qr, multiple=True, a=qr_vjp)


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """``numpy.linalg.qr``; for tall matrices not ``mode="complete"``, whose columns A does not all determine."""
    if mode == "complete" and a.shape[-2] > a.shape[-1]:
        raise ValueError(f"qr: mode='complete' of a tall matrix {a.shape} has columns without gradient; use 'reduced'")
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr: mode={mode!r} has no gradient; use 'reduced' or 'r'")
    factors = reduced_qr(a)
    return factors[1] if mode == "r" else factors


# Norms


def singular_values_vjp(g: Any, a: Any) -> Any:
    """``U g V'``; 0 for a singular value of exactly 0, where it has a kink as ``|x|`` has.

    One that is 0 but for rounding has one of the gradients between those on both sides of the kink.
    """
    u, values, vh = np.linalg.svd(a, full_matrices=False)
    g = np.where(data_of(values) == 0, g * 0, g)  # an infinite cotangent, as of a logarithm, stays loud
    return np.conj((u * g[..., None, :]) @ vh)


constant(np.linalg.matrix_rank)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """``numpy.linalg.tensorinv``: the inverse of a map that takes arrays to arrays."""
    if ind <= 0:
        raise ValueError(f"tensorinv: ind must be a positive number of axes, not {ind}")
    matrix = np.reshape(a, (int(np.prod(a.shape[:ind])), -1))
    return np.linalg.inv(matrix).reshape(a.shape[ind:] + a.shape[:ind])


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """``numpy.linalg.tensorsolve``: a system of which several axes make the unknowns."""
    if axes is not None:
        rest = [i for i in range(np.ndim(a)) if i not in axes]
        a = np.transpose(a, [*rest, *axes])
    shape = np.shape(a)[np.ndim(b) :]
    size = int(np.prod(shape))
    if np.size(a) != size**2:
        raise np.linalg.LinAlgError(
            f"tensorsolve: prod(a.shape[b.ndim:]) and prod(a.shape[:b.ndim]) must be equal; "
            f"a has the shape {np.shape(a)} and b {np.ndim(b)} axes"
        )
    return np.linalg.solve(np.reshape(a, (size, size)), np.reshape(b, -1)).reshape(shape)
