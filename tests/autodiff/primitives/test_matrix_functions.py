"""Functions of matrices that are defective, singular or far from 1, and systems in stacks and at their edges."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
import scipy.linalg

from autodiff import Tensor
from autodiff.scipy import linalg
from autodiff.testing import check_grads

from .derivatives import gradient

REGULAR = np.array([[2.0, -1.0, 0.5], [0.25, 3.0, 1.0], [-0.5, 0.75, 2.5]])
IMAGINARY = np.array([[0.5, 1.25, -0.75], [-1.0, 0.5, 0.25], [0.75, -0.25, 1.5]])
JORDAN = np.array([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 2.0]])
RIGHT = np.array([[1.0, 2.0], [-0.5, 1.5], [2.0, 0.25]])


# Functions of matrices


@pytest.mark.parametrize("a", [np.eye(3), 2 * np.ones((3, 3)) + np.eye(3), JORDAN], ids=["one", "double", "defective"])
@pytest.mark.parametrize("name", ["expm", "logm", "sqrtm"])
def test_functions_of_matrices_are_right_where_eigenvalues_coincide(name, a):
    check_grads(getattr(linalg, name), a, entries=4, min_conclusive=0.5)


def test_the_derivative_of_the_exponential_is_that_of_scipy():
    e = RIGHT @ RIGHT.T
    found = gradient(lambda a: linalg.expm(a) * e, REGULAR)
    np.testing.assert_allclose(found, scipy.linalg.expm_frechet(REGULAR.T, e, compute_expm=False), rtol=1e-12)


@pytest.mark.parametrize("size", [1e-200, 1e200])
@pytest.mark.parametrize("name", ["expm", "logm", "sqrtm"])
def test_the_gradient_is_linear_in_cotangents_of_any_size(name, size):
    f = getattr(linalg, name)
    np.testing.assert_allclose(gradient(lambda a: f(a) * size, REGULAR) / size, gradient(f, REGULAR), rtol=1e-12)


@pytest.mark.filterwarnings("ignore:The logm input matrix may be nearly singular")
@pytest.mark.parametrize("size", [1e-200, 1e200])
@pytest.mark.parametrize(("name", "power"), [("logm", -1), ("sqrtm", -0.5)])
def test_functions_of_matrices_of_any_size_have_their_gradients(name, power, size):
    f = getattr(linalg, name)
    a = np.array([[2.0, 1.0], [0.0, 3.0]])
    np.testing.assert_allclose(gradient(f, a * size) / size**power, gradient(f, a), rtol=1e-12)


def test_the_exponential_of_zeros_has_its_gradient():
    np.testing.assert_allclose(gradient(linalg.expm, np.zeros((2, 2))), np.ones((2, 2)), rtol=1e-15)


@pytest.mark.parametrize("name", ["logm", "sqrtm"])
def test_real_matrices_with_complex_results_have_real_gradients(name):
    a = np.array([[1.0, 2.0], [0.5, -1.5]])
    f = getattr(linalg, name)
    assert np.iscomplexobj(f(a))
    assert gradient(lambda a: np.abs(f(a)), a).dtype == np.float64
    check_grads(lambda a: np.abs(f(a)) ** 2, a, min_conclusive=0.9)


def test_the_logarithm_of_negative_eigenvalues_has_its_gradient():
    rng = np.random.default_rng(0)
    for n in (2, 3, 4, 5):
        check_grads(lambda a: [np.real(linalg.logm(a)), np.imag(linalg.logm(a))], rng.normal(size=(n, n)), entries=3)


@pytest.mark.filterwarnings("ignore:.*singular", "ignore:logm result may be inaccurate")
@pytest.mark.parametrize("a", [np.zeros((2, 2)), np.diag([1.0, 0.0])], ids=["zeros", "one zero"])
@pytest.mark.parametrize("name", ["logm", "sqrtm"])
def test_singular_matrices_have_no_gradient_of_logarithm_and_root(name, a):
    assert np.isnan(gradient(getattr(linalg, name), a)).all()


@pytest.mark.skipif(np.lib.NumpyVersion(scipy.__version__) < "1.16.0", reason="SciPy takes no stacks of matrices")
@pytest.mark.filterwarnings("ignore:.*singular")
def test_a_singular_matrix_leaves_the_gradients_of_its_stack_alone():
    for f in (linalg.logm, linalg.sqrtm):
        found = gradient(f, np.stack([REGULAR, np.diag([1.0, 2.0, 0.0])]))
        np.testing.assert_allclose(found[0], gradient(f, REGULAR), rtol=1e-12)
        assert np.isnan(found[1]).all()


def test_a_sylvester_equation_without_a_unique_solution_has_no_gradient():
    b = np.diag([-1.0, 3.0])
    with np.errstate(all="ignore"):
        assert np.isnan(gradient(lambda q: linalg.solve_sylvester(np.diag([1.0, 2.0]), b, q), np.ones((2, 2)))).all()


@pytest.mark.parametrize("name", ["expm", "logm", "sqrtm"])
def test_functions_of_matrices_refuse_what_scipy_refuses(name):
    for a in (np.ones((2, 3)), Tensor(np.ones((2, 3)), requires_grad=True)):
        with pytest.raises((ValueError, np.linalg.LinAlgError), match="square"):
            getattr(linalg, name)(a)


# Systems


@pytest.mark.parametrize("lower", [False, True])
def test_only_the_triangle_that_is_read_has_a_gradient(lower):
    half = np.tril if lower else np.triu
    hidden = REGULAR + 1e300 * (1 - half(np.ones((3, 3))))
    for f in (lambda a: linalg.solve_triangular(a, RIGHT, lower=lower), lambda a: linalg.cho_solve((a, lower), RIGHT)):
        np.testing.assert_array_equal(gradient(f, hidden), gradient(f, half(REGULAR)))
        np.testing.assert_array_equal(gradient(f, hidden), half(gradient(f, hidden)))
    unit = gradient(lambda a: linalg.solve_triangular(a, RIGHT, lower=lower, unit_diagonal=True), hidden)
    assert not np.diagonal(unit).any()


def test_band_matrices_have_no_gradient_in_the_corners_that_no_entry_comes_from():
    ab = np.array([[9.0, 1.0, 2.0], [4.0, 5.0, 6.0], [1.0, -1.0, 9.0]])
    found = gradient(lambda ab: linalg.solve_banded((1, 1), ab, RIGHT), ab)
    assert found[0, 0] == found[2, 2] == 0
    assert np.all(found[[0, 0, 1, 1, 1, 2, 2], [1, 2, 0, 1, 2, 0, 1]] != 0)
    dense = np.diag(ab[1]) + np.diag(ab[0, 1:], 1) + np.diag(ab[2, :-1], -1)
    expected = gradient(lambda a: np.linalg.solve(a, RIGHT), dense)
    np.testing.assert_allclose(found[1], np.diagonal(expected), rtol=1e-13)
    np.testing.assert_allclose(found[0, 1:], np.diagonal(expected, 1), rtol=1e-13)


def test_systems_without_unknowns_have_gradients_without_entries():
    a, b = np.zeros((0, 0)), np.zeros((0, 2))
    assert gradient(lambda a: linalg.solve_triangular(a, b), a).shape == (0, 0)
    assert gradient(lambda c: linalg.cho_solve((c, True), b), a).shape == (0, 0)


def test_a_singular_triangle_raises_scipys_error_before_anything_is_recorded():
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        linalg.solve_triangular(Tensor(np.diag([1.0, 0.0]), requires_grad=True), np.ones(2))


# fmt: off
COMPLEX = {
    "expm":             linalg.expm,
    "logm":             linalg.logm,
    "sqrtm":            linalg.sqrtm,
    "solve_sylvester":  lambda a: linalg.solve_sylvester(a, a[:2, :2] + 1, a[:, :2] * 1j),
    "solve_triangular": lambda a: linalg.solve_triangular(a, a[:, :2] * 1j),
    "transposed":       lambda a: linalg.solve_triangular(a, a[:, :2] * 1j, trans="T", lower=True),
    "conjugated":       lambda a: linalg.solve_triangular(a, a[:, :2] * 1j, trans="C"),
    "cho_solve":        lambda a: linalg.cho_solve((a, True), a[:, :2]),
    "upper cho_solve":  lambda a: linalg.cho_solve((a, False), a[:, :2]),
    "cho_factor":       lambda a: linalg.cho_solve(linalg.cho_factor(a @ np.conj(a.T)), a[:, 0]),
    "solve_banded":     lambda a: linalg.solve_banded((1, 1), a[[0, 1, 0]], a[:, :2]),
    "lu":               lambda a: linalg.lu(a)[1:],
    "lu, tall":         lambda a: linalg.lu(a[:, :2], permute_l=True),
    "lu, wide":         lambda a: linalg.lu(a[:2], p_indices=True)[1:],
    "lu_solve":         lambda a: linalg.lu_solve(linalg.lu_factor(a), a[:, :2] * 1j, trans=2),
    "toeplitz":         lambda a: linalg.toeplitz(a[0]),
}
# fmt: on


@pytest.mark.parametrize("name", COMPLEX)
def test_functions_of_complex_matrices_have_the_gradients_of_their_parts(name):
    def parts(x, y):
        outputs = COMPLEX[name](x + 1j * y)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return [part(output) for output in outputs for part in (np.real, np.imag)]

    check_grads(parts, REGULAR, IMAGINARY, entries=3, min_conclusive=0.3 if name == "toeplitz" else 0.7)
