"""Complex numbers, in the convention of HIPS autograd and JAX: a real loss L changes by ``Re(sum(g * dx))``.

The rule of a holomorphic function is then ``g * f'(z)``, that of a linear map its transpose, without conjugation; the
gradient is the conjugate of PyTorch's. A real argument has a real gradient, whatever it goes through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autodiff import Tensor
from autodiff.dispatch import qualified_name
from autodiff.primitive import REGISTRY
from autodiff.testing import check_grads

Z = np.array([0.4 + 0.3j, -0.7 + 0.5j, 0.2 - 0.6j, -1.5 - 0.8j])
W = np.array([1.1 - 0.4j, 0.3 + 0.9j, -0.8 + 0.2j, 0.6 + 1.3j])
UFUNCS = [f for f in REGISTRY if isinstance(f, np.ufunc) and f.__name__ in dir(np) and f.signature is None]
ACCEPTING = [f for f in UFUNCS if any(set(types.partition("->")[0]) == {"D"} for types in f.types)]
REFUSING = [f for f in UFUNCS if f not in ACCEPTING]

# fmt: off
HOLOMORPHIC = {
    np.exp:     np.exp,                            np.log:     lambda z: 1 / z,
    np.exp2:    lambda z: np.log(2) * 2**z,        np.log2:    lambda z: 1 / z / np.log(2),
    np.expm1:   np.exp,                            np.log10:   lambda z: 1 / z / np.log(10),
    np.log1p:   lambda z: 1 / (1 + z),             np.sqrt:    lambda z: 0.5 / np.sqrt(z),
    np.sin:     np.cos,                            np.arcsin:  lambda z: 1 / np.sqrt(1 - z**2),
    np.cos:     lambda z: -np.sin(z),              np.arccos:  lambda z: -1 / np.sqrt(1 - z**2),
    np.tan:     lambda z: np.cos(z) ** -2,         np.arctan:  lambda z: 1 / (1 + z**2),
    np.sinh:    np.cosh,                           np.arcsinh: lambda z: 1 / np.sqrt(1 + z**2),
    np.cosh:    np.sinh,                           np.arccosh: lambda z: 1 / np.sqrt(z - 1) / np.sqrt(z + 1),
    np.tanh:    lambda z: np.cosh(z) ** -2,        np.arctanh: lambda z: 1 / (1 - z**2),
    np.square:  lambda z: 2 * z,                   np.reciprocal: lambda z: -1 / z**2,
    np.negative: lambda z: -np.ones_like(z),       np.positive: np.ones_like,
}

FUNCTIONS = {
    "real":           np.real,
    "imag":           np.imag,
    "sign":           np.sign,
    "angle":          np.angle,
    "angle, degrees": lambda z: np.angle(z, deg=True),
    "nan_to_num":     np.nan_to_num,
    "copy":           np.copy,
    "real_if_close":  np.real_if_close,
    "sinc":           np.sinc,
    "z**3":           lambda z: z**3,
    "z**-2":          lambda z: z**-2,
    "z**0.5":         lambda z: z**0.5,
    "z**(1.5 - 0.5j)": lambda z: z ** (1.5 - 0.5j),
    "2**z":           lambda z: 2.0**z,
    "(-2)**z":        lambda z: np.array([-2.0]) ** z,
    "z.conj() * z":   lambda z: z.conj() * z,
    "where":          lambda z: np.where(z.real > 0, z * z, 1 / z),
    "select":         lambda z: np.select([z.real > 0, z.imag > 0], [z * z, z], 1 / z),
    "clip":           lambda z: np.clip(z, -1, 1),
    "sum":            lambda z: np.sum(z * z),
    "prod":           np.prod,
    "mean":           lambda z: np.mean(z * z),
    "var":            np.var,
    "std":            np.std,
    "cumsum":         lambda z: np.cumsum(z * z),
    "cumprod":        np.cumprod,
    "x[i]":           lambda z: z[[0, 0, 2]] ** 2,
    "stack":          lambda z: np.stack([z, z * z]),
    "fft":            lambda z: np.fft.fft(z) ** 2,
    "ifft":           lambda z: np.fft.ifft(z, 6) ** 2,
    "irfft":          lambda z: np.fft.irfft(z) ** 2,
    "fft2":           lambda z: np.fft.fft2(z.reshape(2, 2)) ** 2,
    "astype":         lambda z: np.astype(z.real, np.complex128) * z,
}

PRODUCTS = {
    "matmul":     lambda z, w: z.reshape(2, 2) @ w.reshape(2, 2),
    "matmul of vectors": lambda z, w: z @ w,
    "einsum":     lambda z, w: np.einsum("ij,kj->ik", z.reshape(2, 2), w.reshape(2, 2)),
    "dot":        np.dot,
    "vdot":       np.vdot,
    "vecdot":     np.vecdot,
    "vecmat":     lambda z, w: np.vecmat(z[:2], w.reshape(2, 2)),
    "matvec":     lambda z, w: np.matvec(z.reshape(2, 2), w[:2]),
    "inner":      np.inner,
    "outer":      np.outer,
    "tensordot":  lambda z, w: np.tensordot(z.reshape(2, 2), w.reshape(2, 2), 1),
    "kron":       np.kron,
    "convolve":   np.convolve,
    "correlate":  lambda z, w: np.correlate(z, w, "full"),
    "average":    lambda z, w: np.average(z, weights=w),
    "logsum":     lambda z, w: np.log(np.sum(np.exp(z) * w)),
}
# fmt: on


def pulled_back(f: Callable, z: Any, g: Any) -> np.ndarray:
    tensor = Tensor(z, requires_grad=True)
    f(tensor).backward(g)
    return tensor.grad.data


def check(f: Callable, *args: np.ndarray) -> None:
    """Against differences along both the real and the imaginary direction, also of the gradient itself."""
    report = check_grads(f, *args, directions=2, entries=8, min_conclusive=0.85)
    assert report.checked >= 8


@pytest.mark.parametrize("derivative", HOLOMORPHIC.values(), ids=[f.__name__ for f in HOLOMORPHIC])
def test_the_gradient_of_a_holomorphic_function_is_its_derivative_without_a_conjugate(derivative):
    f = next(f for f, found in HOLOMORPHIC.items() if found is derivative)
    np.testing.assert_allclose(pulled_back(f, Z, W), W * derivative(Z), rtol=1e-13)
    np.testing.assert_allclose(pulled_back(f, Z.astype(np.complex64), W.astype(np.complex64)), W * derivative(Z), 2e-5)


@pytest.mark.parametrize("f", [f for f in ACCEPTING if f.nin == 1], ids=qualified_name)
def test_every_function_of_one_complex_number_has_the_gradient_of_the_differences(f):
    check(f, Z)


@pytest.mark.parametrize("f", [f for f in ACCEPTING if f.nin == 2], ids=qualified_name)
def test_every_function_of_two_complex_numbers_has_the_gradient_of_the_differences(f):
    check(f, Z, W)


@pytest.mark.parametrize("f", REFUSING, ids=qualified_name)
def test_what_numpy_does_not_do_with_complex_numbers_is_refused(f):
    with pytest.raises(TypeError, match="not supported for the input types|did not contain a loop"):
        f(*[Tensor(Z, requires_grad=True)] * f.nin)


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_of_complex_numbers_have_the_gradient_of_the_differences(f):
    check(f, Z)


@pytest.mark.parametrize("f", PRODUCTS.values(), ids=PRODUCTS)
def test_products_of_complex_numbers_have_the_gradient_of_the_differences(f):
    check(f, Z, W)


@pytest.mark.parametrize("f", PRODUCTS.values(), ids=PRODUCTS)
def test_a_real_factor_of_a_complex_one_has_a_real_gradient(f):
    check(f, Z.real.copy(), W)
    check(f, Z, W.real.copy())
    x = Tensor(Z.real.copy(), requires_grad=True)
    np.abs(f(x, W)).sum().backward()
    assert x.grad.dtype == np.float64


def test_real_numbers_have_real_gradients_through_complex_intermediates():
    x = np.array([1.0, 2.0])
    g = pulled_back(lambda x: np.real(np.exp(1j * x)), x, np.ones(2))
    assert g.dtype == np.float64
    np.testing.assert_allclose(g, -np.sin(x), rtol=1e-14)
    single = pulled_back(lambda x: np.abs(np.exp(1j * x) * x), x.astype(np.float32), np.ones(2, np.float32))
    assert single.dtype == np.float32


def test_a_real_loss_of_complex_parameters_falls_along_the_conjugate_of_its_gradient():
    """Re(g dz) is most negative for dz = -conj(g): gradient descent solves a complex linear system."""
    matrix, z = np.array([[2, 1j], [1 - 1j, 3]]), np.zeros(2, complex)
    for _ in range(300):
        g = pulled_back(lambda z: np.sum(np.abs(matrix @ z - W[:2]) ** 2), z, 1.0)
        z -= 0.03 * g.conj()
    np.testing.assert_allclose(matrix @ z, W[:2], atol=1e-8)


def test_the_modulus_has_gradient_zero_at_zero_and_a_direction_elsewhere():
    g = pulled_back(np.abs, np.array([0, 3 + 4j, 3e300 + 4e300j, 3e-300j]), np.ones(4))
    np.testing.assert_allclose(g, [0, 0.6 - 0.8j, 0.6 - 0.8j, -1j], rtol=1e-15)


def test_derivatives_of_huge_complex_numbers_do_not_overflow():
    z = np.array([1e200 + 1e200j, -1e200j])
    for f in (np.arcsinh, np.arccosh, np.arcsin, np.log, np.arctan, np.arctanh, np.reciprocal):
        g = pulled_back(f, z, np.ones(2, complex))
        assert np.all(np.abs(g) < 1e-199)
        if f in (np.arcsinh, np.arccosh, np.log):
            np.testing.assert_allclose(np.abs(g * z), 1, rtol=1e-14)


def test_each_part_of_a_complex_number_that_is_not_finite_loses_its_own_gradient_only():
    z = np.array([complex(np.nan, 1), complex(2, np.inf), 3 + 4j])
    np.testing.assert_array_equal(pulled_back(np.nan_to_num, z, np.full(3, 5 + 6j)), [6j, 5, 5 + 6j])


def test_the_extremes_of_complex_numbers_are_lexicographic_as_numpys():
    z = np.array([1 + 2j, 1 + 3j, 0 + 9j])
    np.testing.assert_array_equal(pulled_back(np.max, z, 1j), [0, 1j, 0])
    np.testing.assert_array_equal(pulled_back(lambda z: np.maximum(z, 1 + 2.5j), z, np.ones(3, complex)), [0, 1, 0])


def test_a_branch_cut_has_the_derivative_of_the_side_that_the_value_is_on():
    z = np.array([-4 + 0j, complex(-4, -0.0)])
    np.testing.assert_allclose(pulled_back(np.sqrt, z, np.ones(2, complex)), [-0.25j, 0.25j], rtol=1e-15)


def test_hermitian_products_conjugate_where_numpy_does():
    z, w = (Tensor(v, requires_grad=True) for v in (Z, W))
    np.vdot(z, w).backward(1j)
    np.testing.assert_allclose(w.grad.data, 1j * Z.conj())
    np.testing.assert_allclose(z.grad.data, (1j * W).conj())
