"""Matrices, and stacks of them, of known condition, symmetry and rank."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .shapes import Shape
from .values import arrays, lattice

SMALL = lattice(-1, 1)
QUARTERS = st.integers(-4, 4).map(lambda k: k / 4)
"""Few enough digits for products of matrices of them to be exact."""


@st.composite
def matrices(draw: Any, shape: Shape | SearchStrategy[Shape]) -> np.ndarray:
    """Matrices of full rank: ``2, 3, 4, ...`` on the diagonal, plus entries other than 0 whose 2-norm is below 1.

    So the condition number of one of shape ``(m, n)`` is below ``min(m, n) + 2``.

    >>> from hypothesis import find
    >>> a = find(matrices((2, 3)), lambda a: a[0, 1] < 0)
    >>> a.shape, bool(np.linalg.cond(a) < 4)
    ((2, 3), True)

    Args:
        shape: ``(m, n)``, or ``(..., m, n)`` of a stack of matrices, or a strategy for it.
    """
    shape = _shape_of(draw, shape)
    m, n = shape[-2:]
    # halves of the lattice's step: not one 0, where a Householder reflection changes its sign
    small = (draw(arrays(shape, SMALL)) + 1 / 128) / max(4, m + 1, n + 1)
    return small + np.eye(m, n) * (2.0 + np.arange(n))


@st.composite
def symmetric_matrices(draw: Any, shape: Shape | SearchStrategy[Shape]) -> np.ndarray:
    """Symmetric matrices, exactly so, with any eigenvalues.

    >>> from hypothesis import find
    >>> find(symmetric_matrices((2, 2)), lambda a: np.linalg.eigvalsh(a)[0] < 0 < np.linalg.eigvalsh(a)[1]).shape
    (2, 2)
    """
    a = draw(arrays(_shape_of(draw, shape, square=True)))
    return (a + a.mT) / 2


@st.composite
def hermitian_matrices(draw: Any, shape: Shape | SearchStrategy[Shape]) -> np.ndarray:
    """Complex Hermitian matrices, exactly so, with any eigenvalues.

    >>> from hypothesis import find
    >>> find(hermitian_matrices((2, 2)), lambda a: np.any(a.imag != 0)).dtype
    dtype('complex128')
    """
    shape = _shape_of(draw, shape, square=True)
    a = draw(arrays(shape)) + 1j * draw(arrays(shape))
    return (a + a.conj().mT) / 2


@st.composite
def triangular_matrices(
    draw: Any, shape: Shape | SearchStrategy[Shape], lower: bool = True, unit: bool = False
) -> np.ndarray:
    """Triangular matrices with exact zeros: a triangle of ``matrices``, whose condition they share.

    >>> from hypothesis import find
    >>> a = find(triangular_matrices((2, 2), unit=True), lambda a: a[1, 0] != 0)
    >>> np.diag(a).tolist(), a[0, 1].item()
    ([1.0, 1.0], 0.0)

    Args:
        shape: ``(..., n, n)``, or a strategy for it.
        lower: whether the zeros are above the diagonal.
        unit: whether the diagonal is of ones; the condition number is then below ``3 ** n``.
    """
    a = draw(matrices(_shape_of(draw, shape, square=True)))
    a = np.tril(a) if lower else np.triu(a)
    diagonal = np.arange(a.shape[-1])
    if unit:
        a[..., diagonal, diagonal] = 1.0
    return a


@st.composite
def orthogonal_matrices(draw: Any, shape: Shape | SearchStrategy[Shape]) -> np.ndarray:
    """Matrices with orthonormal columns (rows, where these are fewer), to rounding; the square ones of either sign.

    Each is a product of Householder reflections, of which the simplest is the identity.

    >>> from hypothesis import find
    >>> q = find(orthogonal_matrices((3, 2)), lambda q: q[0, 0] != 1)
    >>> np.allclose(q.T @ q, np.eye(2))
    True
    """
    shape = _shape_of(draw, shape)
    *batch, m, n = shape
    side = max(m, n)
    q = np.broadcast_to(np.eye(side), (*batch, side, side))
    for v in np.moveaxis(draw(arrays((*batch, side, side), SMALL)), -2, 0):
        squared = np.sum(v * v, axis=-1)[..., None, None]
        q = q - 2 * (q @ v[..., None]) * v[..., None, :] / np.where(squared == 0, 1.0, squared)
    return q[..., :m, :n].copy()


@st.composite
def ill_conditioned_matrices(draw: Any, shape: Shape | SearchStrategy[Shape], condition: float = 1e6) -> np.ndarray:
    """Matrices of a given condition number: singular values from 1 down to ``1 / condition``, by a constant factor.

    To rounding, that is to a relative ``condition * 1e-15`` or so.

    >>> from hypothesis import find
    >>> a = find(ill_conditioned_matrices((2, 2), condition=1e4), lambda a: a[0, 1] != 0)
    >>> print(f"{np.linalg.cond(a):.6g}")
    10000

    Args:
        shape: ``(..., m, n)``, or a strategy for it; with one row or column the only condition number is 1.
        condition: at least 1.

    Raises:
        ValueError: there is no matrix of that shape and condition number.
    """
    *batch, m, n = _shape_of(draw, shape)
    if min(m, n) < 2 and condition != 1:
        raise ValueError(f"no matrix of shape {(m, n)} has the condition number {condition}, but 1 alone")
    values = _graded(min(m, n), condition)
    left = draw(orthogonal_matrices((*batch, m, len(values))))
    return (left * values) @ draw(orthogonal_matrices((*batch, len(values), n)))


@st.composite
def positive_definite_matrices(draw: Any, shape: Shape | SearchStrategy[Shape], condition: float = 10.0) -> np.ndarray:
    """Symmetric positive definite matrices: exactly symmetric, with eigenvalues from 1 down to ``1 / condition``.

    >>> from hypothesis import find
    >>> a = find(positive_definite_matrices((2, 2)), lambda a: a[0, 1] != 0)
    >>> bool(np.all(a == a.T)), bool(np.linalg.eigvalsh(a)[0] > 0)
    (True, True)

    Args:
        shape: ``(..., n, n)``, or a strategy for it.
        condition: their condition number, at least 1; of a single number it is 1 all the same.

    Raises:
        ValueError: there is no such condition number.
    """
    shape = _shape_of(draw, shape, square=True)
    q = draw(orthogonal_matrices(shape))
    a = (q * _graded(shape[-1], condition)) @ q.mT
    return (a + a.mT) / 2


@st.composite
def low_rank_matrices(draw: Any, shape: Shape | SearchStrategy[Shape], rank: int | SearchStrategy[int]) -> np.ndarray:
    """Matrices of exactly a given rank: products, without rounding, of factors that have it.

    >>> from hypothesis import find
    >>> a = find(low_rank_matrices((2, 3), rank=1), lambda a: np.all(a != 0))
    >>> int(np.linalg.matrix_rank(a))
    1

    Args:
        shape: ``(..., m, n)``, or a strategy for it.
        rank: from 0 to ``min(m, n)``, or a strategy; what is more than that means that.
    """
    *batch, m, n = _shape_of(draw, shape)
    rank = min(draw(rank) if isinstance(rank, SearchStrategy) else rank, m, n)
    left = np.tril(draw(arrays((*batch, m, rank), QUARTERS)), -1) + np.eye(m, rank)
    right = np.triu(draw(arrays((*batch, rank, n), QUARTERS)), 1) + np.eye(rank, n)
    rows, columns = draw(st.permutations(range(m))), draw(st.permutations(range(n)))
    return (left @ right)[..., rows, :][..., columns]


def _shape_of(draw: Any, shape: Shape | SearchStrategy[Shape], square: bool = False) -> Shape:
    shape = draw(shape) if isinstance(shape, SearchStrategy) else shape
    if len(shape) < 2 or square and shape[-1] != shape[-2]:
        raise ValueError(f"{shape} is not the shape of a {'square ' * square}matrix or of a stack of them")
    return shape


def _graded(count: int, condition: float) -> np.ndarray:
    """Numbers from 1 down to ``1 / condition``, by a constant factor."""
    if condition < 1:
        raise ValueError(f"no matrix has the condition number {condition}; it is at least 1")
    return np.geomspace(1.0, 1 / condition, count)
