"""Domains of the products."""

import numpy as np
import scipy.sparse
from hypothesis import strategies as st

from autodiff.primitives import linalg
from autodiff.testing.strategies import arrays, gufunc_shapes


@st.composite
def of_gufunc(draw, function, signature):
    return function, [draw(arrays(shape)) for shape in draw(gufunc_shapes(signature)).inputs]


def fixed(function, *shapes):
    """Calls with arrays of given shapes, one choice of which is a tuple of shapes."""

    @st.composite
    def draw(draw):
        chosen = draw(st.sampled_from(shapes))
        return function, [draw(arrays(shape)) for shape in chosen]

    return draw()


@st.composite
def contractions(draw):
    subscripts, *shapes = draw(
        st.sampled_from(
            [
                ("ij,jk->ik", (2, 3), (3, 2)),
                ("ij,jk", (2, 3), (3, 2)),
                ("bij,bjk->bik", (2, 2, 3), (2, 3, 1)),
                ("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
                ("i,j->ij", (2,), (3,)),
                ("ij,kl->", (2, 2), (1, 3)),
                ("ij,jk,kl->il", (2, 3), (3, 2), (2, 2)),
                ("ii,ij->j", (3, 3), (3, 2)),
                ("ij,ij->", (2, 3), (2, 3)),
                ("i...,i...->...", (2, 3), (2, 1)),
                ("ab,b,c->a", (2, 3), (3,), (2,)),
            ]
        )
    )
    optimize = draw(st.sampled_from([False, True]))
    return (lambda *xs: np.einsum(subscripts, *xs, optimize=optimize)), [draw(arrays(shape)) for shape in shapes]


@st.composite
def rearrangements(draw):
    subscripts, shape = draw(
        st.sampled_from(
            [
                ("ij->ji", (2, 3)),
                ("ij->", (2, 3)),
                ("ii", (3, 3)),
                ("ii->i", (3, 3)),
                ("...i->i...", (2, 3)),
                ("ij->i", (0, 3)),
            ]
        )
    )
    return (lambda x: np.einsum(subscripts, x)), [draw(arrays(shape))]


@st.composite
def sparse_products(draw):
    matrix = scipy.sparse.csr_array(draw(arrays((3, 2), st.sampled_from([0.0, 0.0, 1.5, -2.0]))))
    return (lambda x: linalg.sparse_matmul(matrix, x)), [draw(arrays(draw(st.sampled_from([(2,), (2, 3)]))))]


ROWS = {
    np.matmul: of_gufunc(np.matmul, np.matmul.signature),
    np.linalg.matmul: of_gufunc(np.linalg.matmul, "(m,k),(k,n)->(m,n)"),
    np.dot: fixed(
        np.dot, ((), (2,)), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 2)), ((2, 3), (2, 3, 2)), ((3,), (2, 3, 1))
    ),
    np.inner: fixed(np.inner, ((), (2,)), ((3,), (3,)), ((2, 3), (4, 3)), ((2, 3), (3,))),
    np.vdot: fixed(np.vdot, ((2, 3), (2, 3)), ((3,), (3,))),
    np.outer: fixed(np.outer, ((2,), (3,)), ((2, 2), (3,)), ((0,), (3,))),
    np.linalg.outer: fixed(np.linalg.outer, ((2,), (3,))),
    np.tensordot: st.one_of(
        fixed(np.tensordot, ((2, 3, 2), (3, 2, 1))),
        fixed(lambda a, b: np.tensordot(a, b, ([0, -1], [1, 0])), ((2, 3, 2), (2, 2))),
        fixed(lambda a, b: np.tensordot(a, b, 0), ((2,), (2, 2))),
    ),
    np.linalg.tensordot: fixed(lambda a, b: np.linalg.tensordot(a, b, axes=1), ((2, 3), (3, 2))),
    np.kron: fixed(np.kron, ((2, 2), (3, 1)), ((2,), (2, 2)), ((), (2,))),
    np.matvec: of_gufunc(np.matvec, np.matvec.signature),
    np.vecmat: of_gufunc(np.vecmat, np.vecmat.signature),
    np.vecdot: of_gufunc(np.vecdot, np.vecdot.signature),
    np.linalg.vecdot: fixed(lambda a, b: np.linalg.vecdot(a, b, axis=0), ((3, 2), (3, 2))),
    np.linalg.multi_dot: fixed(
        lambda *xs: np.linalg.multi_dot(list(xs)), ((2, 3), (3, 1), (1, 2)), ((3,), (3, 2), (2,))
    ),
    np.linalg.matrix_power: st.sampled_from([1, 2, 3, 4, 5, 7, -1, -2]).flatmap(
        lambda n: fixed(
            lambda a: np.linalg.matrix_power(a if n > 0 else a / 16 + 2 * np.eye(2), n), ((2, 2),), ((3, 2, 2),)
        )
    ),
    np.einsum: st.one_of(contractions(), rearrangements()),
    linalg.einsum_of_several: contractions(),
    linalg.einsum_of_one: rearrangements(),
    linalg.sparse_product: sparse_products(),
}
