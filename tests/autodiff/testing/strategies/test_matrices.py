"""Matrices are of the condition, symmetry and rank that they promise, in stacks of any shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff.testing.strategies import (
    hermitian_matrices,
    ill_conditioned_matrices,
    low_rank_matrices,
    matrices,
    orthogonal_matrices,
    positive_definite_matrices,
    symmetric_matrices,
    triangular_matrices,
)

from .drawing import comes_up

BATCHES = st.sampled_from([(), (2,), (2, 1), (0,)])
SIDES = st.integers(1, 4)
SHAPES = st.builds(lambda batch, m, n: (*batch, m, n), BATCHES, SIDES, SIDES)
SQUARE = st.builds(lambda batch, n: (*batch, n, n), BATCHES, SIDES)


def rounding(a: np.ndarray, scale: float = 1.0) -> float:
    return 100 * np.finfo(float).eps * scale


@given(matrices(SHAPES))
def test_matrices_are_well_conditioned_and_have_no_zeros(a: np.ndarray) -> None:
    assert np.all(np.linalg.cond(a) < min(a.shape[-2:]) + 2)
    assert np.all(a != 0)


@given(matrices((20, 30)))
def test_large_matrices_are_well_conditioned(a: np.ndarray) -> None:
    assert np.linalg.cond(a) < 22


@given(symmetric_matrices(SQUARE), hermitian_matrices(SQUARE))
def test_symmetric_and_hermitian_matrices_are_so_exactly(a: np.ndarray, b: np.ndarray) -> None:
    assert np.array_equal(a, a.mT) and a.dtype == float
    assert np.array_equal(b, b.conj().mT) and b.dtype == complex


def test_symmetric_matrices_of_every_signature_come_up() -> None:
    for signs in [(-1, -1), (-1, 1), (1, 1), (0, 0)]:
        assert comes_up(
            symmetric_matrices((2, 2)), lambda a, signs=signs: tuple(np.sign(np.linalg.eigvalsh(a))) == signs
        )
    assert comes_up(hermitian_matrices((2, 2)), lambda a: a[0, 1].imag != 0 and a[0, 1].real != 0)


@given(SQUARE.flatmap(triangular_matrices), SQUARE.flatmap(lambda shape: triangular_matrices(shape, False, True)))
def test_triangular_matrices_have_exact_zeros_and_a_small_condition(a: np.ndarray, b: np.ndarray) -> None:
    assert np.array_equal(a, np.tril(a)) and np.array_equal(b, np.triu(b))
    assert np.all(np.linalg.cond(a) < a.shape[-1] + 2)
    assert np.all(np.diagonal(b, axis1=-2, axis2=-1) == 1) and np.all(np.linalg.cond(b) < 3.0 ** b.shape[-1])


@given(orthogonal_matrices(SHAPES))
def test_orthogonal_matrices_have_orthonormal_columns_or_rows(q: np.ndarray) -> None:
    small = q.mT @ q if q.shape[-2] >= q.shape[-1] else q @ q.mT
    np.testing.assert_allclose(small, np.broadcast_to(np.eye(small.shape[-1]), small.shape), atol=rounding(q))


def test_rotations_and_reflections_come_up_and_the_identity() -> None:
    q = orthogonal_matrices((3, 3))
    assert comes_up(q, lambda q: np.linalg.det(q) > 0 and np.all(np.abs(q) > 0.01))
    assert comes_up(q, lambda q: np.linalg.det(q) < 0 and np.all(np.abs(q) > 0.01))
    assert comes_up(q, lambda q: np.array_equal(q, np.eye(3)))
    assert comes_up(orthogonal_matrices((2, 3, 3)), lambda q: not np.allclose(q[0], q[1]))


@pytest.mark.parametrize("condition", [1.0, 30.0, 1e6, 1e10])
@given(data=st.data())
def test_ill_conditioned_matrices_have_the_condition_number_that_is_asked_for(condition: float, data: Any) -> None:
    sides = st.integers(2, 4)
    shape = (*data.draw(BATCHES), data.draw(sides), data.draw(sides))
    a = data.draw(ill_conditioned_matrices(shape, condition))
    assert a.shape == shape
    np.testing.assert_allclose(np.linalg.cond(a), condition, rtol=rounding(a, condition))


def test_ill_conditioned_matrices_without_zeros_come_up() -> None:
    assert comes_up(ill_conditioned_matrices((3, 3)), lambda a: np.all(np.abs(a) > 1e-3))


@pytest.mark.parametrize("condition", [1.0, 10.0, 1e8])
@given(data=st.data())
def test_positive_definite_matrices_are_symmetric_with_eigenvalues_as_stated(condition: float, data: Any) -> None:
    a = data.draw(positive_definite_matrices(SQUARE, condition))
    values = np.linalg.eigvalsh(a)
    assert np.array_equal(a, a.mT)
    expected = np.broadcast_to(np.geomspace(1, 1 / condition, a.shape[-1])[::-1], values.shape)
    np.testing.assert_allclose(values, expected, atol=rounding(a))


@given(st.data())
def test_low_rank_matrices_have_the_rank_that_is_asked_for(data: Any) -> None:
    shape = data.draw(SHAPES)
    rank = data.draw(st.integers(0, min(shape[-2:])))
    a = data.draw(low_rank_matrices(shape, rank))
    assert a.shape == shape and np.all(np.linalg.matrix_rank(a) == rank)
    assert np.array_equal(a * 16, np.round(a * 16))  # no product was rounded


def test_low_rank_matrices_without_zeros_and_of_any_rank_come_up() -> None:
    some = low_rank_matrices((3, 3), st.integers(0, 9))
    for rank in range(4):
        assert comes_up(some, lambda a, rank=rank: np.linalg.matrix_rank(a) == rank)
    assert comes_up(low_rank_matrices((3, 3), 2), lambda a: np.all(a != 0))
    assert comes_up(low_rank_matrices((3, 3), 1), lambda a: a[0, 0] == 0 != a[2, 2])


@pytest.mark.parametrize(
    "strategy",
    [matrices((3,)), symmetric_matrices((2, 3)), positive_definite_matrices((3, 2)), triangular_matrices((1, 2, 3))],
)
def test_other_shapes_are_refused(strategy: st.SearchStrategy) -> None:
    with pytest.raises(ValueError, match="is not the shape of a .*matrix"):
        comes_up(strategy, lambda a: True)


@pytest.mark.parametrize("strategy", [ill_conditioned_matrices((3, 3), 0.5), ill_conditioned_matrices((1, 3), 2.0)])
def test_impossible_condition_numbers_are_refused(strategy: st.SearchStrategy) -> None:
    with pytest.raises(ValueError, match="condition number"):
        comes_up(strategy, lambda a: True)
