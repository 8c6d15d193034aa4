"""Eigen- and singular values and vectors, and the norms that are made from them.

Values alone have gradients at every matrix where they have derivatives, and where they coincide, what is symmetric in
them has. Vectors of values that coincide (to rounding) are not determined by the matrix: a cotangent other than 0 for
one of them gives NaN, and one that depends on the phase of complex vectors is refused. Functions of a whole matrix that
can be written with its vectors (powers, exponentials, projections) may be determined there all the same, but cotangents
do not tell: those of ``expm(A)[0, 1]`` and of a multiple of ``(V V')[0, 1]`` are the same at A = 1, their derivatives
are not. ``autodiff.scipy.linalg`` has the common ones as functions of their own.

Sources: M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation (2008);
J. Townsend, Differentiating the singular value decomposition (2016); C. Boeddeker et al., On the computation of
complex-valued gradients with application to statistically optimum beamforming (2017), for eigenvectors of unit length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..broadcasting import keep_axes
from ..primitive import defvjp, implements
from .decompositions import adjoint, conj, data_of, diagonal_of, on_diagonal, singular_values_vjp


def gaps(values: Any) -> Any:
    """``values[k] - values[j]`` in row j and column k; NaN where they coincide to rounding, inf on the diagonal."""
    differences = values[..., None, :] - values[..., :, None]
    n = values.shape[-1]
    sizes = np.abs(data_of(values)).max(-1, initial=0)[..., None, None]
    rounding = 8 * max(n, 1) * np.finfo(values.dtype).eps * sizes
    coincide = np.abs(data_of(differences)) <= rounding
    apart = np.where(coincide, np.nan, differences)
    return np.where(np.eye(n, dtype=bool), np.inf, apart)


def apart(touched: Any, values: Any) -> Any:
    """``gaps``, infinite between vectors that both have no cotangent: whether they coincide is of no consequence."""
    either = touched[..., None, :] | touched[..., :, None]
    return np.where(either, gaps(values), np.inf)


def touched_by(*cotangents: Any) -> np.ndarray:
    """Which columns have a cotangent other than 0."""
    return np.any([np.any(data_of(g) != 0, axis=-2) for g in cotangents], axis=0)


def over(numerators: Any, denominators: Any) -> Any:
    """The quotient; 0 where the numerator is 0, whatever it is divided by: nobody asked for that entry."""
    return np.where(data_of(numerators) == 0, 0, numerators / denominators)


def refuse_phase(projections: Any, name: str, g: Any) -> None:
    """Complex vectors are determined up to a phase: what turns each by itself must not change the function.

    Raises ValueError if it does.
    """
    turns = np.imag(data_of(diagonal_of(projections)))
    size = np.abs(data_of(g)).max(initial=0)
    if np.abs(turns).max(initial=0) > 1e-3 * np.sqrt(np.finfo(turns.dtype).eps) * size * projections.shape[-1]:
        raise ValueError(
            f"the gradient of {name}: the function depends on the phase of complex {name} vectors, which the matrix "
            "does not determine; use it in forms that do not, such as v * conj(v)"
        )


# Hermitian and symmetric matrices


def _eigh(a: Any, UPLO: str = "L") -> tuple:
    return np.linalg.eigh(a, UPLO)


def _eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return np.linalg.eigvalsh(a, UPLO)


def hermitian_part(x: Any) -> Any:
    return (x + adjoint(x)) / 2


def eigh_vjp(g: tuple, out: tuple) -> Any:
    """``V (diag(g_w) + V^H g_V / (w_k - w_j)) V^H``, made symmetric, as NumPy takes the matrix to be."""
    values, vectors = out
    g_values, g_vectors = g[0], conj(g[1])
    projected = adjoint(vectors) @ g_vectors
    if np.iscomplexobj(vectors):
        refuse_phase(projected, "eigh", g_vectors)
    inner = on_diagonal(g_values) + projected / apart(touched_by(g_vectors), values)
    return conj(hermitian_part(vectors @ inner @ adjoint(vectors)))


def eigvalsh_vjp(g: Any, a: Any, UPLO: str) -> Any:
    vectors = np.linalg.eigh(a, UPLO)[1]
    return conj((vectors * g[..., None, :]) @ adjoint(vectors))


defvjp(np.linalg.eigvalsh, forward=_eigvalsh, a=eigvalsh_vjp)
defvjp(np.linalg.eigh, forward=_eigh, multiple=True, a=eigh_vjp)

# Any square matrices


def defective(values: Any, vectors: Any) -> np.ndarray:
    """Whether eigenvalues coincide and their vectors do too, to about half of the digits.

    There the vectors are no basis, and no function of the eigenvalues has a gradient that could be found from them.
    """
    values, vectors = data_of(values), data_of(vectors)
    cosines = np.abs(adjoint(vectors) @ vectors)
    parallel = 1 - cosines**2 <= 64 * max(values.shape[-1], 1) * np.finfo(values.dtype).eps
    return (parallel & np.isnan(gaps(values)))[..., None, None].any((-4, -3))


def eig_vjp(g: tuple, out: tuple) -> Any:
    """``V^-H (diag(g_w) + (V^H g_V - V^H V diag(Re(V^H g_V))) / conj(w_k - w_j)) V^H`` for columns of length 1.

    Defective matrices get NaN.
    """
    values, vectors = out
    g_values, g_vectors = conj(g[0]), conj(g[1])
    projected = adjoint(vectors) @ g_vectors
    if np.iscomplexobj(vectors):
        refuse_phase(projected, "eig", g_vectors)
    lengths = np.real(diagonal_of(projected))
    moved = projected - (adjoint(vectors) @ vectors) * lengths[..., None, :]
    inner = on_diagonal(g_values) + moved / conj(apart(touched_by(g_vectors), values))
    return through_basis(inner, values, vectors)


def through_basis(inner: Any, values: Any, vectors: Any) -> Any:
    """``conj(V^-H inner V^H)``, NaN where the vectors are no basis."""
    hopeless = defective(values, vectors)
    basis = np.where(hopeless, np.eye(values.shape[-1]), vectors) if hopeless.any() else vectors
    gradient = conj(np.linalg.solve(adjoint(basis), inner @ adjoint(basis)))
    return np.where(hopeless, np.nan, gradient) if hopeless.any() else gradient


def eigvals_vjp(g: Any, a: Any, out: Any) -> Any:
    """That of ``eig``, whose eigenvalues may come in another order."""
    if a.size == 0:
        return np.zeros(a.shape, a.dtype)
    values, vectors = np.linalg.eig(a)
    found, wanted = data_of(values), data_of(out)
    order = np.abs(found[..., :, None] - wanted[..., None, :]).argmin(-1)
    if (np.sort(order, -1) == np.arange(order.shape[-1])).all():
        g = np.take_along_axis(g, order, -1)
    return through_basis(on_diagonal(conj(g)), values, vectors)


defvjp(np.linalg.eig, multiple=True, a=eig_vjp)
defvjp(np.linalg.eigvals, a=eigvals_vjp)

# Singular values and vectors


def _svd(a: Any, full_matrices: bool) -> tuple:
    return np.linalg.svd(a, full_matrices)


def _svdvals(x: Any, /) -> Any:
    return np.linalg.svdvals(x)


def svd_vjp(g: tuple, a: Any, out: tuple) -> Any:
    """Townsend 2016, with ``(X s_k + s_j Y) / (s_k**2 - s_j**2)`` as two parts, over the differences and over the sums.

    X and Y are the antisymmetric parts of ``U^H g_U`` and ``V^H g_V``. The matrix does not determine the columns that
    ``full_matrices`` adds: ValueError if anything depends on them.
    """
    n = out[1].shape[-1]
    if any(np.any(data_of(extra)) for extra in (g[0][..., :, n:], g[2][..., n:, :])):
        raise ValueError(
            f"the gradient of svd: the function depends on the vectors that full_matrices=True adds for a matrix of "
            f"shape {a.shape}, which it does not determine; pass full_matrices=False"
        )
    u, values, vh = out[0][..., :, :n], out[1], out[2][..., :n, :]
    g_u, g_values, g_v = conj(g[0][..., :, :n]), g[1], adjoint(conj(g[2][..., :n, :]))
    v = adjoint(vh)
    of_u, of_v = adjoint(u) @ g_u, vh @ g_v
    x, y = of_u - adjoint(of_u), of_v - adjoint(of_v)
    touched = touched_by(g_u, g_v)
    sums = np.where(np.eye(n, dtype=bool), np.inf, values[..., None, :] + values[..., :, None])
    sums = np.where(touched[..., None, :] | touched[..., :, None], sums, np.inf)
    inner = ((x + y) / apart(touched, values) + (x - y) / sums) / 2
    if np.iscomplexobj(u):
        refuse_phase(of_u + of_v, "svd", np.concatenate([data_of(g_u), data_of(g_v)], -2))
        inner = inner + on_diagonal(over(1j * np.imag(diagonal_of(of_u)), values))
    gradient = u @ (inner + on_diagonal(g_values)) @ vh
    if a.shape[-2] > n:
        gradient = gradient + over(g_u - u @ of_u, values[..., None, :]) @ vh
    if a.shape[-1] > n:
        gradient = gradient + u @ adjoint(over(g_v - v @ of_v, values[..., None, :]))
    return conj(gradient)


defvjp(np.linalg.svdvals, forward=_svdvals, x=lambda g, x: singular_values_vjp(g, x))
svd_factors: Any = defvjp(_svd, multiple=True, a=svd_vjp)


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """``numpy.linalg.svd``; of Hermitian matrices by their eigenvalues and -vectors, as NumPy does it."""
    if not hermitian:
        return svd_factors(a, full_matrices) if compute_uv else np.linalg.svdvals(a)
    if not compute_uv:
        return np.flip(np.sort(np.abs(np.linalg.eigvalsh(a)), -1), -1)
    values, vectors = np.linalg.eigh(a)
    order = np.flip(np.argsort(np.abs(data_of(values)), -1), -1)
    values = np.take_along_axis(values, order, -1)
    u = np.take_along_axis(vectors, order[..., None, :], -1)
    return u, np.abs(values), adjoint(u * np.sign(data_of(values))[..., None, :])


# Norms


def _vector_norm(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    return np.linalg.norm(x, ord, axis, keepdims)


_vector_norm.__name__ = "norm"


def unit(x: Any, size: Any) -> Any:
    """``x / size``, conjugated, and 0 where that is 0: the direction of a number or vector."""
    return np.where(size == 0, 0, conj(x) / np.where(size == 0, 1, size))


def rounded_powers(size: Any, ord: Any) -> bool:
    """Whether the powers that a norm is made of over- or underflowed, so that it has few right digits or none."""
    order, number = 2 if ord is None else ord, np.finfo(size.dtype)
    if order in (0, 1) or np.isinf(order):
        return False
    with np.errstate(all="ignore"):
        powers = data_of(size) ** abs(order)
    return not ((powers >= number.tiny / number.eps) & (powers <= number.max)).all()


def vector_norm_vjp(g: Any, x: Any, ord: Any, axis: Any, keepdims: bool, out: Any) -> Any:
    """``|x_i|**(p-1) / |x|**(p-1) * sign(x_i)``, and 0 for x = 0; the largest share for infinite p, if tied.

    It is the same for all multiples of x, and found for one whose powers neither overflow nor underflow.
    """
    g, size = (keep_axes(value, x.shape, axis, keepdims) for value in (g, out))
    if rounded_powers(size, ord):
        peak = np.abs(data_of(x)).max(axis, keepdims=True, initial=0)
        x = x / np.where((peak == 0) | np.isinf(peak), 1, peak)
        size = np.linalg.norm(x, ord, axis, keepdims=True)
    if ord is None or ord == 2:
        return g * unit(x, size)
    moduli = np.abs(x)
    signs = unit(x, moduli) if np.iscomplexobj(x) else np.sign(x)
    if ord == 1:
        return g * signs
    if ord == 0:
        return np.where(False, x * g, 0)
    if np.isinf(ord):
        winners = np.equal(moduli, size)
        count = np.maximum(np.sum(winners, axis, keepdims=True), 1)
        return np.where(winners, g / count.astype(g.dtype) * signs, 0)
    shares = (moduli / np.where(size == 0, 1, size)) ** (ord - 1)
    return np.where((size == 0) | (moduli == 0) & (ord > 1), 0, g * shares * signs)


vector_norm_of: Any = defvjp(_vector_norm, x=vector_norm_vjp)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """``numpy.linalg.norm``: of vectors for one axis, of matrices for two."""
    x = x if hasattr(x, "ndim") else np.asarray(x)
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim, allow_duplicate=True)
    if axis is None and (ord is None or ord == 2 and x.ndim == 1 or ord in ("f", "fro") and x.ndim == 2):
        return vector_norm_of(x, ord if ord == 2 else None, None, keepdims)
    if len(axes) == 1:
        if isinstance(ord, str):
            raise ValueError(f"Invalid norm order '{ord}' for vectors")
        return vector_norm_of(x, ord, axes, keepdims)
    if len(axes) != 2:
        raise ValueError("Improper number of dimensions to norm.")
    if axes[0] == axes[1]:
        raise ValueError("Duplicate axes given.")
    if ord is None or ord in ("f", "fro"):
        return vector_norm_of(x, None, axes, keepdims)
    result = _matrix_norm(x, ord, *axes)
    return keep_axes(result, x.shape, axes) if keepdims else result


def _matrix_norm(x: Any, ord: Any, row: int, column: int) -> Any:
    """The norms of matrices that are not those of their entries as a vector."""
    if isinstance(ord, str) and ord != "nuc" or not isinstance(ord, str) and abs(ord) not in (1, 2, np.inf):
        raise ValueError("Invalid norm order for matrices.")
    if ord in ("nuc", 2, -2):
        values = np.linalg.svdvals(np.moveaxis(x, (row, column), (-2, -1)))
        return np.sum(values, -1) if ord == "nuc" else (np.max if ord > 0 else np.min)(values, -1)
    summed, left = (row, column) if abs(ord) == 1 else (column, row)
    sums = np.sum(np.abs(x), summed)
    return (np.max if ord > 0 else np.min)(sums, left - (left > summed))


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """``numpy.linalg.vector_norm``: of all entries along the axes as one vector."""
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    rest = [i for i in range(x.ndim) if i not in axes]
    if axis is None:
        result = norm(x.reshape(-1), ord, 0)
    elif len(axes) == 1:
        result = norm(x, ord, axes)
    else:
        length = int(np.prod([x.shape[i] for i in axes]))
        flat = np.transpose(x, [*axes, *rest]).reshape(length, *[x.shape[i] for i in rest])
        result = norm(flat, ord, 0)
    return keep_axes(result, x.shape, axes) if keepdims else result


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """``numpy.linalg.matrix_norm``: of matrices on the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """``numpy.linalg.cond``: the ratio of the extreme singular values, or ``norm(x, p) * norm(inv(x), p)``.

    A singular matrix has the condition inf, and no finite gradient.
    """
    if x.size == 0:
        raise np.linalg.LinAlgError(f"cond of a matrix without entries, of shape {x.shape}")
    if p is None or p in (2, -2):
        values = np.linalg.svdvals(x)
        ends = values[..., 0], values[..., -1]
        above, below = ends[::-1] if p == -2 else ends
        with np.errstate(all="ignore"):
            return (above + (data_of(ends[0]) == 0)) / below  # 1 / 0 for a matrix of zeros
    singular = np.isinf(np.linalg.cond(data_of(x), p))
    regular = x + np.where(singular[..., None, None], np.eye(x.shape[-1]) - data_of(x), 0) if singular.any() else x
    inverse = np.linalg.inv(np.multiply(regular, np.float64(1)))  # in double precision, as NumPy does
    product = norm(x, p, (-2, -1)) * norm(inverse, p, (-2, -1))
    if singular.any():
        product = (product + (data_of(product) == 0)) * np.where(singular, np.inf, 1)
    return product.astype(x.dtype)
