"""Domains of linear algebra beyond products: matrices well away from where these functions have no derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
import scipy.linalg
from hypothesis import strategies as st

from autodiff.primitives import decompositions, matrix_functions, spectra
from autodiff.testing.strategies import arrays, distinct_arrays, lattice, low_rank_matrices, matrices

SMALL = lattice(-1, 1)
BATCHES = st.sampled_from([(), (), (2,), (2, 1)])
SCIPYS_BATCHES = BATCHES if np.lib.NumpyVersion(scipy.__version__) >= "1.16.0" else st.just(())
"""SciPy's functions of matrices all take stacks of them since then."""


def of_square(function: Callable, sides: Any = (0, 1, 2, 3), batches: Any = BATCHES, scale: float = 1.0) -> Any:
    """Calls with a square matrix, or a stack of them."""

    @st.composite
    def draw(draw: Any) -> tuple[Callable, list]:
        n = draw(st.sampled_from(sides))
        return function, [draw(matrices((*draw(batches), n, n))) * scale]

    return draw()


def of_any(function: Callable, shapes: Any = ((3, 2), (2, 3), (2, 2), (1, 1))) -> Any:
    """Calls with a matrix of full rank, or a stack of them."""

    @st.composite
    def draw(draw: Any) -> tuple[Callable, list]:
        m, n = draw(st.sampled_from(shapes))
        return function, [draw(matrices((*draw(BATCHES), m, n)))]

    return draw()


def of_symmetric(function: Callable) -> Any:
    """Calls with a matrix that is made symmetric, as these functions read one triangle only."""
    return of_square(lambda a: function(a + a.mT))


@st.composite
def systems(draw: Any) -> tuple[Callable, list]:
    n = draw(st.integers(0, 3))
    b = draw(arrays(draw(st.sampled_from([(n,), (n, 2)])), SMALL))
    return np.linalg.solve, [draw(matrices((*draw(BATCHES), n, n))), b]


@st.composite
def singular(draw: Any) -> tuple[Callable, list]:
    """Determinants of matrices of any rank."""
    n = draw(st.integers(1, 4))
    return np.linalg.det, [draw(low_rank_matrices((n, n), st.integers(0, n)))]


@st.composite
def second_cofactors(draw: Any) -> tuple[Callable, list]:
    n = draw(st.sampled_from([3, 2, 4]))
    return decompositions.second_cofactors, [draw(matrices((n, n))), draw(matrices((n, n)))]


@st.composite
def fits(draw: Any, which: Any) -> tuple[Callable, list]:
    m, n = draw(st.sampled_from([(4, 2), (3, 3), (2, 3)]))
    b = draw(arrays(draw(st.sampled_from([(m,), (m, 2)])), SMALL))
    return (lambda a, b: which(a, b)), [draw(matrices((m, n))), b]


@st.composite
def norms(draw: Any, function: Callable = np.linalg.norm) -> tuple[Callable, list]:
    """Norms of vectors and of matrices: of distinct, nonzero entries, but for those that are smooth at 0."""
    shape = draw(st.sampled_from([(3,), (2, 3), (2, 2, 3)]))
    x = draw(distinct_arrays(shape)) + 1 / 128
    axis = draw(st.sampled_from([None, *range(-len(shape), len(shape))]))
    orders = [None, 2, 1, np.inf, -np.inf, 3, 1.5, 0, -1]
    if axis is None and len(shape) == 2 and draw(st.booleans()) or len(shape) == 3 and draw(st.booleans()):
        axis = draw(st.sampled_from([(0, 1), (-1, 0)]))
        orders = [None, "fro", 1, -1, np.inf, -np.inf]
    order = None if axis is None and len(shape) != 1 else draw(st.sampled_from(orders))
    keepdims = draw(st.booleans())
    return (lambda x: function(x, order, axis, keepdims)), [x]


@st.composite
def spectral_norms(draw: Any) -> tuple[Callable, list]:
    order = draw(st.sampled_from(["nuc", 2, -2]))
    m, n = draw(st.sampled_from([(2, 3), (3, 2), (2, 2)]))
    return (lambda x: np.linalg.norm(x, order, (-2, -1))), [draw(matrices((*draw(BATCHES), m, n)))]


@st.composite
def vector_norms(draw: Any) -> tuple[Callable, list]:
    x = draw(distinct_arrays((2, 2, 3))) + 1 / 128
    axis = draw(st.sampled_from([None, 0, -1, (0, 2), (2, 1)]))
    keywords = dict(axis=axis, keepdims=draw(st.booleans()), ord=draw(st.sampled_from([2, 1, 3, np.inf])))
    return (lambda x: np.linalg.vector_norm(x, **keywords)), [x]


@st.composite
def triangular(draw: Any) -> tuple[Callable, list]:
    n = draw(st.integers(1, 3))
    keywords = dict(
        trans=draw(st.sampled_from([0, 1, "N", "T", "C"])), lower=draw(st.booleans()), unit_diagonal=draw(st.booleans())
    )
    b = draw(arrays(draw(st.sampled_from([(n,), (n, 2)])), SMALL))
    a = draw(matrices((*draw(SCIPYS_BATCHES), n, n)))
    return (lambda a, b: matrix_functions.solve_triangular(a, b, **keywords)), [a, b]


@st.composite
def factored(draw: Any) -> tuple[Callable, list]:
    n, lower = draw(st.integers(1, 3)), draw(st.booleans())
    b = draw(arrays(draw(st.sampled_from([(n,), (n, 2)])), SMALL))
    c = draw(matrices((*draw(SCIPYS_BATCHES), n, n)))
    return (lambda c, b: matrix_functions.cho_solve((c, lower), b)), [c, b]


@st.composite
def banded(draw: Any) -> tuple[Callable, list]:
    n, (below, above) = 4, draw(st.sampled_from([(2, 1), (1, 2), (0, 1), (1, 0), (1, 1), (0, 0), (3, 2)]))
    ab = draw(arrays((*draw(SCIPYS_BATCHES), below + above + 1, n), SMALL)) / 4
    ab[..., above, :] += 3
    b = draw(arrays(draw(st.sampled_from([(n,), (n, ab.shape[-2])])), SMALL))
    return (lambda ab, b: matrix_functions.solve_banded((below, above), ab, b)), [ab, b]


@st.composite
def sylvester(draw: Any) -> tuple[Callable, list]:
    m, n = draw(st.sampled_from([(2, 3), (2, 2), (1, 1)]))
    a = draw(matrices((*draw(SCIPYS_BATCHES), m, m)))
    return matrix_functions.solve_sylvester, [a, draw(matrices((n, n))), draw(arrays((m, n), SMALL))]


def reconstruction(values: Any, vectors: Any) -> Any:
    """A function of eigenvalues and -vectors that the vectors' signs do not change."""
    return (vectors * np.exp(values / 4)[..., None, :]) @ vectors.mT * 0.5 + vectors**2


def all_of_svd(a: Any) -> Any:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    lengths = (u**4).sum((-2, -1), keepdims=True) + (vh**4).sum((-2, -1), keepdims=True)
    return (u * np.sqrt(s)[..., None, :]) @ vh + lengths


def all_of_lu(a: Any) -> Any:
    lower, upper, _ = matrix_functions.lu_factors(a)
    return np.tanh(lower) @ upper**2


# fmt: off
ROWS = {
    np.linalg.solve: systems(),
    np.linalg.inv: of_square(np.linalg.inv),
    np.linalg.pinv: st.one_of(of_any(np.linalg.pinv), of_symmetric(lambda a: np.linalg.pinv(a, hermitian=True))),
    decompositions._lstsq: st.one_of(*(fits(lambda a, b, i=i: decompositions.least_squares(a, b)[i]) for i in (0, 3))),
    np.linalg.lstsq: st.one_of(*(fits(lambda a, b, i=i: np.linalg.lstsq(a, b)[i]) for i in (0, 1, 3))),
    np.linalg.tensorsolve: of_square(lambda a: np.linalg.tensorsolve(a, a[0]), (2, 3), st.just(())),
    np.linalg.tensorinv: of_square(lambda a: np.linalg.tensorinv(a, ind=1), (2, 3), st.just(())),
    np.linalg.det: st.one_of(singular(), of_square(np.linalg.det)),
    decompositions._cofactors: of_square(decompositions.cofactors, (1, 2, 3)),
    decompositions._second_cofactors: second_cofactors(),
    np.linalg.slogdet: of_square(lambda a: np.linalg.slogdet(a)[1]),
    np.linalg.cholesky: st.one_of(
        of_square(lambda a: np.linalg.cholesky(a @ a.mT)), of_square(lambda a: np.linalg.cholesky(a @ a.mT, upper=True))
    ),
    np.linalg.qr: st.one_of(
        of_any(lambda a: np.linalg.qr(a)[0]), of_any(lambda a: np.linalg.qr(a)[1]),
        of_any(lambda a: np.linalg.qr(a, "r")),
        of_any(lambda a: np.matmul(*np.linalg.qr(a, "complete")) * 2, ((2, 3), (2, 2))),
    ),
    decompositions._qr: of_any(lambda a: decompositions.reduced_qr(a)[0] * 2, ((3, 2), (4, 3), (2, 3))),
    np.linalg.eigvalsh: of_symmetric(np.linalg.eigvalsh),
    np.linalg.eigh: st.one_of(
        of_symmetric(lambda a: reconstruction(*np.linalg.eigh(a))),
        of_symmetric(lambda a: np.linalg.eigh(a, "U")[0]),
    ),
    np.linalg.eig: of_square(lambda a: np.real(np.linalg.eig(a)[0] ** 2)[..., None] + np.abs(np.linalg.eig(a)[1])),
    np.linalg.eigvals: of_square(lambda a: np.real(np.linalg.eigvals(a) ** 2)),
    np.linalg.svdvals: of_any(np.linalg.svdvals),
    np.linalg.svd: st.one_of(
        of_any(all_of_svd), of_any(lambda a: np.linalg.svd(a, compute_uv=False)), of_any(lambda a: np.linalg.svd(a)[1]),
        of_symmetric(lambda a: np.linalg.svd(a, compute_uv=False, hermitian=True)),
        of_symmetric(lambda a: reconstruction(*np.linalg.svd(a, hermitian=True)[1::-1])),
    ),
    spectra._svd: of_any(lambda a: spectra.svd_factors(a, True)[1]),
    np.linalg.norm: st.one_of(norms(), spectral_norms()),
    spectra._vector_norm: norms(spectra.vector_norm_of).filter(lambda call: call[1][0].ndim == 1),
    np.linalg.vector_norm: vector_norms(),
    np.linalg.matrix_norm: of_any(np.linalg.matrix_norm),
    np.linalg.cond: st.one_of(of_square(np.linalg.cond, (2, 3)), of_square(lambda a: np.linalg.cond(a, "fro"), (2,))),
    scipy.linalg.expm: of_square(matrix_functions.expm, (1, 2, 3), scale=0.25),
    scipy.linalg.logm: of_square(lambda a: matrix_functions.logm(a * np.float64(1)), (1, 2, 3), SCIPYS_BATCHES),
    scipy.linalg.sqrtm: of_square(matrix_functions.sqrtm, (1, 2, 3), SCIPYS_BATCHES),
    scipy.linalg.solve_sylvester: sylvester(),
    scipy.linalg.solve_triangular: triangular(),
    matrix_functions._cho_solved: factored(),
    matrix_functions._banded_solved: banded(),
    matrix_functions._lu: of_any(all_of_lu),
}
# fmt: on
