"""Fourier, cosine and sine transforms: values, the transposed maps, dtypes and refusals.

Awkward here: odd and even lengths, one point, lengths shorter and longer than the axis, the first and the last entry of
half a spectrum (whose imaginary parts count for nothing), types of cosine transforms whose ends are weighted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autodiff import Tensor
from autodiff.primitives import fft
from autodiff.primitives.fft import mirror_images, resize

from .derivatives import gradient

NORMS = [None, "backward", "ortho", "forward"]


def jacobian(f: Any, x: np.ndarray) -> np.ndarray:
    """The matrix of a linear map of vectors."""
    return np.stack([f(column.astype(x.dtype)) for column in np.eye(len(x))], axis=1)


def pulled_back(f: Any, x: np.ndarray, g: np.ndarray) -> np.ndarray:
    x = Tensor(x, requires_grad=True)
    f(x).backward(g)
    return x.grad.data


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [None, 1, 2, 3, 6, 7])
@pytest.mark.parametrize("name", ["fft", "ifft"])
def test_the_rule_of_a_complex_transform_is_its_transpose_without_conjugation(name, n, norm):
    rng = np.random.default_rng(0)
    x = rng.normal(size=4) + 1j * rng.normal(size=4)
    f = lambda x: getattr(np.fft, name)(x, n, norm=norm)
    matrix = jacobian(f, x)
    g = rng.normal(size=len(matrix)) + 1j * rng.normal(size=len(matrix))
    np.testing.assert_allclose(pulled_back(f, x, g), matrix.T @ g, atol=1e-14)
    np.testing.assert_allclose(pulled_back(f, x.real, g), (matrix.T @ g).real, atol=1e-14)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [None, 1, 2, 3, 4, 7, 8])
def test_the_rule_of_rfft_is_the_real_part_of_its_transpose(n, norm):
    rng = np.random.default_rng(0)
    f = lambda x: np.fft.rfft(x, n, norm=norm)
    x = rng.normal(size=5)
    matrix = jacobian(f, x)
    g = rng.normal(size=len(matrix)) + 1j * rng.normal(size=len(matrix))
    np.testing.assert_allclose(pulled_back(f, x, g), (matrix.T @ g).real, atol=1e-14)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [None, 1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("name", ["irfft", "hfft"])
def test_a_real_signal_changes_by_the_real_part_of_gradient_times_change_of_the_spectrum(name, n, norm):
    rng = np.random.default_rng(0)
    f = lambda x: getattr(np.fft, name)(x, n, norm=norm)
    x, change = (rng.normal(size=4) + 1j * rng.normal(size=4) for _ in range(2))
    g = rng.normal(size=f(x).shape)
    np.testing.assert_allclose(np.sum(pulled_back(f, x, g) * change).real, g @ f(change), atol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_imaginary_parts_that_irfft_ignores_have_gradient_zero(n):
    x = np.ones(n // 2 + 1, complex)
    g = pulled_back(lambda x: np.fft.irfft(x, n), x, np.random.default_rng(0).normal(size=n))
    assert g[0].imag == 0
    assert n % 2 or g[-1].imag == 0
    assert np.all(g[1 : (n + 1) // 2].imag != 0)


def test_each_entry_of_half_a_spectrum_stands_for_itself_and_its_mirror_image():
    images = {n: mirror_images(n, np.dtype(float)).tolist() for n in (1, 2, 3, 4, 5, 6)}
    assert images == {1: [1], 2: [1, 1], 3: [1, 2], 4: [1, 2, 1], 5: [1, 2, 2], 6: [1, 2, 2, 1]}


def test_resize_crops_and_extends_at_the_end_of_each_axis():
    x = np.arange(6.0).reshape(2, 3) + 1
    np.testing.assert_array_equal(resize(x, (3, 2)), [[1, 2], [4, 5], [0, 0]])
    assert resize(x, (2, 3)) is x


@pytest.mark.parametrize("f", [np.fft.fft, np.fft.rfft, np.fft.ihfft, fft.fftn, fft.rfftn, fft.dctn, fft.dstn])
def test_single_precision_stays_single(f):
    x = Tensor(np.array([1, 2, 3], np.float32), requires_grad=True)
    y = f(x)
    assert y.dtype == (np.float32 if f in (fft.dctn, fft.dstn) else np.complex64)
    y.backward(np.ones(y.shape, y.dtype))
    assert x.grad.dtype == np.float32


def test_a_filter_in_the_frequency_domain_has_the_gradient_of_the_convolution_that_it_is():
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=8), rng.normal(size=3)
    filtered = lambda x: np.fft.irfft(np.fft.rfft(x, 10) * np.fft.rfft(kernel, 10), 10) ** 2
    convolved = lambda x: np.convolve(x, kernel) ** 2
    np.testing.assert_allclose(gradient(filtered, x), gradient(convolved, x), rtol=1e-12)


def test_power_spectrum_of_real_numbers_has_real_gradients():
    """Parseval: the sum of ``|fft(x)|**2`` is that of ``n x**2``."""
    x = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(gradient(lambda x: np.abs(np.fft.fft(x)) ** 2, x), 6 * x, rtol=1e-14)
    np.testing.assert_allclose(gradient(lambda x: np.abs(np.fft.fft(x)) ** 2, x, order=2), [6, 6, 6], rtol=1e-13)


@pytest.mark.parametrize("orthogonalize", [None, False, True])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["dctn", "dstn"])
def test_the_rule_of_a_cosine_or_sine_transform_is_its_transpose(name, kind, norm, orthogonalize):
    f = lambda x: getattr(fft, name)(x, kind, norm=norm, orthogonalize=orthogonalize)
    for n in (2, 3, 4):
        x = np.zeros(n)
        g = np.random.default_rng(0).normal(size=n)
        np.testing.assert_allclose(pulled_back(f, x, g), jacobian(f, x).T @ g, atol=1e-14)


@pytest.mark.parametrize("orthogonalize", [None, False, True])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["dctn", "dstn"])
def test_cosine_transforms_of_complex_numbers_have_the_gradient_of_what_scipy_computes(name, kind, norm, orthogonalize):
    f = lambda x: getattr(fft, name)(x, kind, norm=norm, orthogonalize=orthogonalize)
    x, g = np.zeros(4, complex), np.array([1 + 2j, -1j, 3, 0.5])
    np.testing.assert_allclose(pulled_back(f, x, g), jacobian(f, x).T @ g, atol=1e-14)


def test_numpys_own_errors_come_before_anything_is_recorded():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(ValueError, match=r"Invalid number of FFT data points \(-1\)"):
        np.fft.fft(x, -1)
    with pytest.raises(ValueError, match="Invalid number of FFT data points"):
        np.fft.irfft(Tensor(np.ones(1), requires_grad=True))
    with pytest.raises(IndexError):
        np.fft.fft(x, axis=2)
    with pytest.raises(ValueError, match="Invalid norm value"):
        np.fft.rfft(x, norm="best")
    with pytest.raises(TypeError, match="not supported for the input types"):
        np.fft.rfft(x * 1j)


def test_an_axis_that_is_named_twice_is_refused():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    for f in (np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn):
        with pytest.raises(ValueError, match="name one twice; transform twice"):
            f(x, axes=(0, 0))
        with pytest.raises(ValueError, match="name one twice; transform twice"):
            f(x, axes=(1, -1))


@pytest.mark.parametrize("f", [np.fft.fft2, np.fft.rfft2, fft.fftn, fft.rfftn])
def test_minus_one_as_a_length_takes_the_whole_axis(f):
    x = np.arange(12.0).reshape(3, 4)
    whole, counted = (gradient(lambda x, s=s: np.abs(f(x, s=s)), x) for s in ((-1, -1), (3, 4)))
    np.testing.assert_array_equal(whole, counted)
