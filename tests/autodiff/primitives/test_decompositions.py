"""Systems, inverses, determinants and factors where they are awkward: singular, rank-deficient, far from 1, complex."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff import Tensor, hessian
from autodiff.testing import check_grads

from .derivatives import gradient

INF, NAN = np.inf, np.nan
REGULAR = np.array([[2.0, -1.0, 0.5], [0.25, 3.0, 1.0], [-0.5, 0.75, -2.5]])
TALL = np.array([[2.0, -1.0], [0.25, 3.0], [1.5, 0.75], [-1.0, 0.5]])
IMAGINARY = np.array([[0.5, 1.25, -0.75], [-1.0, 0.5, 0.25], [0.75, -0.25, 1.5]])


def cofactors(a: np.ndarray) -> np.ndarray:
    """By their definition: determinants of what is left without a row and a column."""
    n = len(a)
    minors = [[np.delete(np.delete(a, i, 0), j, 1) for j in range(n)] for i in range(n)]
    return np.array([[(-1) ** (i + j) * np.linalg.det(minors[i][j]) for j in range(n)] for i in range(n)])


# Determinants


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("missing", [0, 1, 2, 3])
def test_the_gradient_of_a_determinant_is_its_cofactors_at_every_rank(n, missing):
    rng = np.random.default_rng(n)
    rank = max(n - missing, 0)
    a = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, n))
    np.testing.assert_allclose(gradient(np.linalg.det, a), cofactors(a), atol=1e-13)


def test_the_gradient_of_a_complex_determinant_is_its_cofactors_at_singular_matrices_too():
    a = REGULAR[:, :2] @ (REGULAR + 1j * IMAGINARY)[:2]
    np.testing.assert_allclose(gradient(lambda a: np.real(np.linalg.det(a)), a), cofactors(a), atol=1e-13)


def test_the_hessian_of_a_determinant_of_zeros_is_that_of_its_products():
    h = hessian(np.linalg.det)(np.zeros((2, 2)))
    np.testing.assert_allclose(h.reshape(4, 4), [[0, 0, 0, 1], [0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0]], atol=1e-15)
    assert not hessian(np.linalg.det)(np.zeros((3, 3))).any()


@pytest.mark.parametrize("rank", [1, 2])
def test_the_second_derivative_of_a_determinant_is_right_at_singular_matrices(rank):
    rng = np.random.default_rng(rank)
    a = rng.integers(-3, 4, (3, rank)) @ rng.integers(-3, 4, (rank, 3)).astype(float)
    directions = rng.normal(size=(2, 3, 3))

    def along(x: np.ndarray) -> float:
        return float(np.sum(cofactors(x) * directions[0]))

    expected = (along(a + directions[1]) - along(a - directions[1])) / 2  # exact: cofactors of three rows are quadratic
    found = np.einsum("ij,ijkl,kl", directions[0], hessian(np.linalg.det)(a), directions[1])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_gradient_of_a_determinant_neither_overflows_nor_underflows_where_it_does_not():
    found = gradient(np.linalg.det, np.diag([1e200, 1e-200]))
    np.testing.assert_allclose(found, np.diag([1e-200, 1e200]), rtol=1e-15)


def test_log_determinants_are_those_of_the_inverse_and_nan_in_the_singular_matrix_of_a_stack_alone():
    stack = np.stack([REGULAR, np.ones((3, 3))])
    found = gradient(lambda a: np.linalg.slogdet(a)[1], stack)
    np.testing.assert_allclose(found[0], np.linalg.inv(REGULAR).T, rtol=1e-14)
    assert np.isnan(found[1]).all()


def test_the_log_determinant_of_a_tiny_matrix_is_finite_where_its_determinant_underflows():
    a = 1e-200 * REGULAR
    np.testing.assert_allclose(gradient(lambda a: np.linalg.slogdet(a)[1], a), np.linalg.inv(a).T, rtol=1e-13)


# Systems and inverses


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_systems_are_solved_at_any_scale(scale):
    b = np.array([1.0, 2.0, 3.0])
    found = gradient(lambda a: np.linalg.solve(a, b * scale), REGULAR * scale)
    np.testing.assert_allclose(found * scale, gradient(lambda a: np.linalg.solve(a, b), REGULAR), rtol=1e-13)


def test_a_singular_system_raises_numpys_error_before_anything_is_recorded():
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        np.linalg.solve(Tensor(np.ones((2, 2)), requires_grad=True), np.ones(2))


@pytest.mark.parametrize("make", [lambda t: t, lambda t: t.T, lambda t: np.concatenate([t, 2 * t], axis=1)],
                         ids=["tall", "wide", "deficient"])  # fmt: skip
def test_the_pseudo_inverse_is_right_wherever_the_rank_is_constant(make):
    check_grads(lambda t: np.linalg.pinv(make(t)), TALL, min_conclusive=0.9)


def test_the_pseudo_inverse_of_a_hermitian_matrix_has_a_symmetric_gradient():
    a = REGULAR + REGULAR.T
    found = gradient(lambda a: np.linalg.pinv(a, hermitian=True)[0, 1], np.tril(a))  # NumPy reads the lower triangle
    expected = gradient(lambda a: np.linalg.pinv(a)[0, 1], a)
    np.testing.assert_allclose(found, (expected + expected.T) / 2, atol=1e-14)


@pytest.mark.parametrize("rcond", [None, -1, 1e-8])
def test_least_squares_have_numpys_outputs_and_the_right_gradients(rcond):
    b = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.25], [-0.5, 1.0]])
    found = np.linalg.lstsq(Tensor(TALL, requires_grad=True), b, rcond)
    expected = np.linalg.lstsq(TALL, b, rcond)
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_array_equal(getattr(x, "data", x), y)
    assert found[2] == 2 and not isinstance(found[2], Tensor)
    check_grads(lambda a, b: [np.linalg.lstsq(a, b, rcond)[i] for i in (0, 1, 3)], TALL, b, min_conclusive=0.8)


def test_least_squares_drop_the_singular_values_that_rcond_drops():
    a = np.diag([1.0, 1e-3])
    found = gradient(lambda b: np.linalg.lstsq(a, b, 1e-2)[0], np.ones(2))
    np.testing.assert_allclose(found, [1, 0], atol=1e-15)


def test_least_squares_without_residuals_send_no_gradient_through_them():
    wide = Tensor(TALL.T, requires_grad=True)
    assert np.linalg.lstsq(wide, np.ones(2))[1].size == 0


@pytest.mark.parametrize("name", ["tensorinv", "tensorsolve"])
def test_tensor_systems_refuse_what_numpy_refuses(name):
    args = (0,) if name == "tensorinv" else (np.ones(2),)
    for a in (np.ones((2, 3, 4)), Tensor(np.ones((2, 3, 4)), requires_grad=True)):
        with pytest.raises((ValueError, np.linalg.LinAlgError)):
            getattr(np.linalg, name)(a, *args)


# Factors


@pytest.mark.parametrize("upper", [False, True])
def test_the_gradient_of_cholesky_is_symmetric_and_that_of_the_triangle_it_reads(upper):
    a = REGULAR @ REGULAR.T + np.eye(3)
    weights = np.arange(9.0).reshape(3, 3)

    def f(a):
        return np.sum(np.linalg.cholesky(a, upper=upper) * weights)

    found = gradient(f, a)
    np.testing.assert_array_equal(found, found.T)
    for i, j in ((0, 0), (1, 0), (2, 1)):
        direction = np.zeros((3, 3))
        direction[(j, i) if upper else (i, j)] = 1e-6
        difference = (f(a + direction) - f(a - direction)) / 2e-6
        np.testing.assert_allclose(found[i, j] * (1 if i == j else 2), difference, rtol=1e-8)


def test_a_factor_of_a_matrix_that_is_not_positive_definite_raises_numpys_error():
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        np.linalg.cholesky(Tensor(-np.eye(2), requires_grad=True))


def test_qr_refuses_the_columns_that_the_matrix_does_not_determine():
    with pytest.raises(ValueError, match=r"qr: mode='complete' of a tall matrix \(4, 2\)"):
        np.linalg.qr(Tensor(TALL, requires_grad=True), "complete")
    with pytest.raises(ValueError, match="mode='raw' has no gradient"):
        np.linalg.qr(Tensor(TALL, requires_grad=True), "raw")


def test_qr_of_dependent_columns_has_no_gradient():
    with pytest.raises(np.linalg.LinAlgError):
        gradient(lambda a: np.linalg.qr(a)[0], np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))


@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0)])
@pytest.mark.parametrize("name", ["det", "inv", "cholesky", "pinv", "eigvalsh", "eigvals", "svdvals"])
def test_matrices_without_entries_have_gradients_without_entries(name, shape):
    assert gradient(getattr(np.linalg, name), np.zeros(shape)).shape == shape


# fmt: off
COMPLEX = {
    "solve":      lambda a: np.linalg.solve(a, a[:2].T * 2j),
    "inv":        np.linalg.inv,
    "det":        np.linalg.det,
    "slogdet":    np.linalg.slogdet,
    "pinv":       lambda a: np.linalg.pinv(a[:, :2]),
    "pinv, wide": lambda a: np.linalg.pinv(a[:2]),
    "qr":         np.linalg.qr,
    "qr, tall":   lambda a: np.linalg.qr(a[:, :2]),
    "qr, wide":   lambda a: np.linalg.qr(a[:2]),
    "lstsq":      lambda a: np.linalg.lstsq(a[:, :2], a)[0],
    "residuals":  lambda a: np.linalg.lstsq(a[:, :2], a)[1],
    "cholesky":   lambda a: np.linalg.cholesky(a @ np.conj(a.mT)),
    "upper cholesky": lambda a: np.linalg.cholesky(a @ np.conj(a.mT), upper=True),
}
# fmt: on


@pytest.mark.parametrize("name", COMPLEX)
def test_functions_of_complex_matrices_have_the_gradients_of_their_parts(name):
    def parts(x, y):
        outputs = COMPLEX[name](x + 1j * y)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return [part(output) for output in outputs for part in (np.real, np.imag)]

    check_grads(parts, REGULAR, IMAGINARY, entries=3, min_conclusive=0.7)
