"""Eigen- and singular values and vectors where they coincide or vanish, and norms at zero, ties and extreme sizes."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff import Tensor, hessian
from autodiff.testing import check_grads

from .derivatives import gradient

REGULAR = np.array([[2.0, -1.0, 0.5], [0.25, 3.0, 1.0], [-0.5, 0.75, -2.5]])
IMAGINARY = np.array([[0.5, 1.25, -0.75], [-1.0, 0.5, 0.25], [0.75, -0.25, 1.5]])
ROTATION = np.linalg.qr(REGULAR)[0]


def with_values(*values: float) -> np.ndarray:
    """A full symmetric matrix with these eigenvalues."""
    return ROTATION @ np.diag(values) @ ROTATION.T


# Values that coincide


# fmt: off
SYMMETRIC = {  # functions of eigenvalues that are symmetric in them, and their gradients
    "trace":     (lambda w: np.sum(w),            lambda a: np.eye(3)),
    "square":    (lambda w: np.sum(w**2),         lambda a: 2 * a),
    "log det":   (lambda w: np.sum(np.log(w)),    np.linalg.inv),
    "product":   (lambda w: np.prod(w),           lambda a: np.linalg.det(a) * np.linalg.inv(a)),
    "cube":      (lambda w: np.sum(w**3),         lambda a: 3 * a @ a),
}
# fmt: on


@pytest.mark.parametrize("values", [(2.0, 2.0, 2.0), (1.0, 3.0, 3.0), (1.0, 2.0, 2.0 + 1e-13)])
@pytest.mark.parametrize("name", SYMMETRIC)
@pytest.mark.parametrize("function", [np.linalg.eigvalsh, np.linalg.svdvals, lambda a: np.real(np.linalg.eigvals(a))],
                         ids=["eigvalsh", "svdvals", "eigvals"])  # fmt: skip
def test_symmetric_functions_of_values_that_coincide_have_their_gradients(function, name, values):
    f, derivative = SYMMETRIC[name]
    a = with_values(*values)
    np.testing.assert_allclose(gradient(lambda a: f(function(a)), a), derivative(a), rtol=1e-11, atol=1e-12)


def test_vectors_of_values_that_coincide_have_no_gradient():
    w = np.array([1.0, 2.0, 4.0])
    for a in (with_values(1.0, 3.0, 3.0), np.diag([1.0, 3.0, 3.0])):
        assert np.isnan(gradient(lambda a: (w @ np.linalg.eigh(a)[1][:, 2]) ** 2, a)).any()
        assert np.isnan(gradient(lambda a: (w @ np.linalg.svd(a)[0][:, 0]) ** 2, a)).any()
        assert np.isnan(gradient(lambda a: (w @ np.linalg.svd(a)[2][0, :]) ** 2, a)).any()
    assert np.isnan(gradient(lambda a: (w @ np.linalg.eig(a)[1][:, 0]) ** 2, np.eye(3))).any()


def test_a_vector_along_an_axis_has_no_gradient_either_where_values_coincide():
    assert np.isnan(gradient(lambda a: np.linalg.eigh(a)[1][2, 2] ** 2, np.diag([1.0, 3.0, 3.0]))).any()


def test_a_vector_has_its_gradient_while_others_coincide():
    a = with_values(1.0, 3.0, 3.0)
    found = gradient(lambda a: np.linalg.eigh(a)[1][0, 0] ** 2, a)
    v, rest = ROTATION[:, 0], ROTATION[:, 1:]
    turned = rest @ rest[0] * v[0] * 2 / (1 - 3)
    np.testing.assert_allclose(found, (np.outer(turned, v) + np.outer(v, turned)) / 2, atol=1e-13)


def test_a_function_of_a_matrix_by_way_of_its_vectors_is_nan_rather_than_wrong_where_values_coincide():
    def exponential(a):
        values, vectors = np.linalg.eigh(a)
        return (vectors * np.exp(values)) @ vectors.T

    assert np.isnan(gradient(exponential, np.eye(2))).all()
    check_grads(lambda a: exponential(a + a.T), REGULAR, min_conclusive=0.9)


@pytest.mark.parametrize("a", [[[2.0, 1.0], [0.0, 2.0]], [[2.0, 1e-3], [0.0, 2.0]], [[0.0, 1.0], [0.0, 0.0]]])
@pytest.mark.parametrize("function", [np.linalg.eigvals, lambda a: np.linalg.eig(a)[0]], ids=["eigvals", "eig"])
def test_a_defective_matrix_has_no_gradient_of_its_eigenvalues(function, a):
    regular = np.array([[2.0, 1.0], [0.5, 3.0]])
    stack = np.stack([a, regular])
    found = gradient(lambda a: np.real(function(a) ** 2), stack)
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1], 2 * regular.T)


def test_real_matrices_with_complex_eigenvalues_have_real_gradients():
    a = np.array([[1.0, 2.0, 0.0], [-3.0, 1.0, 1.0], [0.0, 1.0, 4.0]])
    assert np.iscomplexobj(np.linalg.eigvals(a))
    found = gradient(lambda a: np.real(np.linalg.eigvals(a) ** 2), a)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, 2 * a.T, atol=1e-13)
    check_grads(lambda a: np.abs(np.linalg.eig(a)[1]) ** 2, a, min_conclusive=0.9)


@pytest.mark.parametrize(("name", "output"), [("eigh", 1), ("eig", 1), ("svd", 0), ("svd", 2)])
def test_what_depends_on_the_phase_of_complex_vectors_raises(name, output):
    with pytest.raises(ValueError, match="depends on the phase"):
        gradient(lambda a: np.imag(getattr(np.linalg, name)(a)[output][0]), REGULAR + 1j * IMAGINARY)


# fmt: off
COMPLEX = {
    "eigvals":  lambda a: [np.linalg.eigvals(a)],
    "eig":      lambda a: [np.linalg.eig(a)[0], np.abs(np.linalg.eig(a)[1]) ** 2],
    "eigvalsh": lambda a: [np.linalg.eigvalsh(a + np.conj(a.T))],
    "eigh":     lambda a: [np.abs(np.linalg.eigh(a + np.conj(a.T), "U")[1]) ** 2],
    "svdvals":  lambda a: [np.linalg.svdvals(a[:2])],
    "svd":      lambda a: [np.abs(x) ** 2 for x in np.linalg.svd(a)],
    "svd, tall": lambda a: [np.abs(x) ** 2 for x in np.linalg.svd(a[:, :2], full_matrices=False)],
    "svd, wide": lambda a: [np.abs(x) ** 2 for x in np.linalg.svd(a[:2], full_matrices=False)],
    "svd, hermitian": lambda a: [np.abs(x) ** 2 for x in np.linalg.svd(a + np.conj(a.T), hermitian=True)],
    "vector norms": lambda a: [np.linalg.norm(a, order, axis=1) for order in (None, 1, 3, -1, np.inf)],
    "matrix norms": lambda a: [np.linalg.norm(a, order) for order in ("fro", "nuc", 1, 2, -2, np.inf)],
    "cond":     lambda a: [np.linalg.cond(a), np.linalg.cond(a, 1)],
}
# fmt: on


@pytest.mark.parametrize("name", COMPLEX)
def test_functions_of_complex_matrices_have_the_gradients_of_their_parts(name):
    def parts(x, y):
        return [part(output) for output in COMPLEX[name](x + 1j * y) for part in (np.real, np.imag)]

    check_grads(parts, REGULAR, IMAGINARY, entries=3, min_conclusive=0.6)


# Singular values


def test_the_full_matrices_of_svd_have_the_gradient_of_what_the_matrix_determines():
    tall = REGULAR[:, :2]
    for a in (tall, tall.T):
        found = gradient(lambda a: np.linalg.svd(a)[1][0], a)
        np.testing.assert_array_equal(found, gradient(lambda a: np.linalg.svd(a, full_matrices=False)[1][0], a))
    check_grads(lambda a: np.linalg.svd(a)[0][:, :2] ** 2, tall, min_conclusive=0.9)
    with pytest.raises(ValueError, match="full_matrices=True adds for a matrix of shape"):
        gradient(lambda a: np.linalg.svd(a)[0][0, 2] ** 2, tall)


def test_a_singular_value_of_zero_has_gradient_zero_unless_its_cotangent_is_infinite():
    a = np.diag([2.0, 0.0])
    np.testing.assert_array_equal(gradient(np.linalg.svdvals, a), np.diag([1.0, 0.0]))
    with np.errstate(divide="ignore"):
        assert np.isnan(gradient(lambda a: np.log(np.linalg.svdvals(a)), a)).all()


def test_a_singular_value_far_below_the_largest_has_its_own_gradient():
    for ratio in (1e-20, 1e-200):
        np.testing.assert_array_equal(gradient(lambda a: np.linalg.svdvals(a)[1], np.diag([1, ratio])), np.diag([0, 1]))


def test_the_nuclear_norm_of_a_deficient_matrix_has_one_of_its_subgradients():
    u = np.ones((2, 1)) / np.sqrt(2)
    found = gradient(lambda a: np.linalg.norm(a, "nuc"), np.ones((2, 2)))
    rest = found - u @ u.T
    np.testing.assert_allclose(u.T @ rest, 0, atol=1e-15)
    np.testing.assert_allclose(rest @ u, 0, atol=1e-15)
    assert np.linalg.norm(rest, 2) <= 1 + 1e-15


# Norms


ORDERS = [None, 2, 1, 3, 1.5, np.inf, -np.inf]


@pytest.mark.parametrize("order", [*ORDERS, 0])
def test_the_gradient_of_a_norm_at_zero_is_zero(order):
    np.testing.assert_array_equal(gradient(lambda x: np.linalg.norm(x, order), np.zeros(3)), 0)


@pytest.mark.parametrize("order", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_the_gradient_of_a_matrix_norm_at_zero_is_zero(order):
    np.testing.assert_array_equal(gradient(lambda x: np.linalg.norm(x, order), np.zeros((2, 3))), 0)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-158, 1e158, 1e200, 1e300])
@pytest.mark.parametrize("order", ORDERS)
def test_the_gradient_of_a_norm_is_the_same_at_every_scale(order, scale):
    x = np.array([[0.5, -2.0, 1.0], [0.0, 0.0, 0.0]])
    found = gradient(lambda x: np.linalg.norm(x, order, axis=1), x * scale)
    np.testing.assert_allclose(found, gradient(lambda x: np.linalg.norm(x, order, axis=1), x), rtol=1e-14)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
@pytest.mark.parametrize("order", ["nuc", 2, -2, 1, -1, np.inf])
def test_the_gradient_of_a_matrix_norm_is_the_same_at_every_scale(order, scale):
    found = gradient(lambda x: np.linalg.norm(x, order), REGULAR * scale)
    np.testing.assert_allclose(found, gradient(lambda x: np.linalg.norm(x, order), REGULAR), atol=1e-14)


def test_the_hessian_of_a_norm_is_right_where_its_squares_underflow():
    x = np.array([3.0, -4.0])
    found = hessian(np.linalg.norm)(x * 1e-170)
    np.testing.assert_allclose(found * 1e-170, (np.eye(2) - np.outer(x, x) / 25) / 5, rtol=1e-13)


def test_the_norm_of_float32_is_right_where_its_squares_underflow():
    found = gradient(np.linalg.norm, np.array([3e-25, -4e-25], np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0.6, -0.8], rtol=1e-6)


def test_largest_entries_share_the_gradient_of_the_norm_as_those_of_max_do():
    x = np.array([2.0, -2.0, 1.0])
    np.testing.assert_array_equal(gradient(lambda x: np.linalg.norm(x, np.inf), x), [0.5, -0.5, 0])
    np.testing.assert_array_equal(gradient(lambda x: np.linalg.norm(x, -np.inf), x), [0, 0, 1])
    np.testing.assert_allclose(gradient(lambda x: np.linalg.norm(x, 2), np.eye(2)), np.eye(2) / 2)
    np.testing.assert_array_equal(gradient(lambda x: np.linalg.norm(x, 1), np.ones((2, 2))), np.full((2, 2), 0.5))


def test_norms_refuse_what_numpy_refuses():
    for a in (np.ones((2, 2, 2)), Tensor(np.ones((2, 2, 2)), requires_grad=True)):
        with pytest.raises(ValueError, match="Improper number of dimensions"):
            np.linalg.norm(a, 1)
        with pytest.raises(ValueError, match="Invalid norm order for matrices"):
            np.linalg.norm(a, 3, axis=(0, 1))
        with pytest.raises(ValueError, match="Invalid norm order 'fro' for vectors"):
            np.linalg.norm(a, "fro", axis=0)
        with pytest.raises(ValueError, match="Duplicate axes"):
            np.linalg.norm(a, 1, axis=(0, 0))


# Conditions


@pytest.mark.parametrize("p", [None, 2, 1, np.inf, "fro"])
def test_the_condition_of_a_singular_matrix_is_numpys_and_its_gradient_is_not_finite(p):
    stack = np.stack([np.zeros((2, 2)), np.diag([1.0, 0.0]), np.array([[2.0, 1.0], [0.0, 1.0]])])
    np.testing.assert_array_equal(np.linalg.cond(Tensor(stack, requires_grad=True), p).data, np.linalg.cond(stack, p))
    found = gradient(lambda a: np.linalg.cond(a, p), stack)
    assert np.isnan(found[:2]).any((-2, -1)).all()
    assert np.isfinite(found[2]).all()
