"""Convolutions: the adjoint identity in every mode and size, complex numbers, dtypes, empty and refused operands.

Awkward here: which operand is the longer, where the middle of an even length is ("same"), numbers for vectors.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import scipy.signal

from autodiff import Tensor
from autodiff.scipy import signal

from .derivatives import gradient, gradients

MODES = ["full", "same", "valid"]
FUNCTIONS = [np.convolve, np.correlate, signal.convolve, signal.correlate, signal.fftconvolve, signal.oaconvolve]
LENGTHS = list(product(range(1, 6), repeat=2))


def complex_vector(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(size=n) + 1j * rng.normal(size=n)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_the_output_changes_as_the_gradients_say_whatever_the_lengths(f, mode):
    """The map is linear in each operand (in its conjugate, for the second of a correlation), so no limit is needed."""
    for n, m in LENGTHS:
        rng = np.random.default_rng(n + 10 * m)
        x, y, dx, dy = (complex_vector(rng, length) for length in (n, m, n, m))
        a, b = Tensor(x, requires_grad=True), Tensor(y, requires_grad=True)
        out = f(a, b, mode)
        np.testing.assert_array_equal(out.data, f(x, y, mode))
        g = complex_vector(rng, out.size)
        out.backward(g)
        for found, change in ((np.sum(a.grad.data * dx), f(dx, y, mode)), (np.sum(b.grad.data * dy), f(x, dy, mode))):
            np.testing.assert_allclose(found.real, np.sum(g * change).real, atol=1e-13)


@pytest.mark.parametrize("method", ["auto", "direct", "fft"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_values_of_several_dimensions_are_scipys_bit_for_bit_and_gradients_agree_between_methods(name, mode, method):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 5)), rng.normal(size=(2, 4))
    found = getattr(signal, name)(Tensor(x), Tensor(y), mode, method)
    np.testing.assert_array_equal(found.data, getattr(scipy.signal, name)(x, y, mode, method))
    squared = [lambda x, y, m=m: getattr(signal, name)(x, y, mode, m) ** 2 for m in (method, "direct")]
    for order in (1, 2):
        for g, expected in zip(*(gradients(f, x, y, order=order) for f in squared)):
            np.testing.assert_allclose(g, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_a_kernel_that_is_broadcast_over_other_axes_collects_its_gradients(mode):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(3, 6)), rng.normal(size=(1, 4))
    _, together = gradients(lambda x, k: signal.fftconvolve(x, k, mode, axes=1), x, kernel)
    rows = [gradients(lambda x, k: signal.fftconvolve(x, k, mode), row, kernel[0])[1] for row in x]
    np.testing.assert_allclose(together[0], np.sum(rows, axis=0), atol=1e-13)


def test_numbers_are_convolved_as_vectors_of_length_one():
    x, y = gradients(np.convolve, 3.0, [1.0, 2.0])
    assert (x, y.tolist()) == (3, [3, 3])
    assert gradients(signal.convolve, 3.0, 2.0) == [2, 3]


def test_single_precision_stays_single():
    x, y = np.array([1, 2, 3], np.float32), np.array([1, -1], np.float32)
    for f in FUNCTIONS:
        a, b = Tensor(x, requires_grad=True), Tensor(y, requires_grad=True)
        out = f(a, b, "full")
        out.sum().backward()
        assert (out.dtype, a.grad.dtype, b.grad.dtype) == (np.float32,) * 3


def test_empty_operands_have_empty_gradients_or_numpys_error():
    with pytest.raises(ValueError, match="cannot be empty"):
        np.convolve(Tensor(np.zeros(0), requires_grad=True), np.ones(2))
    x, y = gradients(lambda x, y: signal.fftconvolve(x, y), np.zeros((2, 0)), np.ones((2, 3)))
    assert x.shape == (2, 0)
    np.testing.assert_array_equal(y, np.zeros((2, 3)))


def test_operands_that_do_not_fit_are_refused_with_scipys_message():
    x = Tensor(np.ones((2, 5)), requires_grad=True)
    with pytest.raises(ValueError, match="same dimensionality"):
        signal.convolve(x, np.ones(3))
    with pytest.raises(ValueError, match="at least as large"):
        signal.convolve(x, np.ones((3, 2)), "valid")
    with pytest.raises(ValueError, match="Acceptable mode flags"):
        signal.correlate(x, x, "whole")
    with pytest.raises(ValueError, match="object too deep"):
        np.convolve(x, np.ones(3))


def test_a_smoothing_kernel_is_found_by_its_gradient():
    """Deconvolution: at the true kernel the squared error has gradient 0, elsewhere not."""
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=50), np.array([0.25, 0.5, 0.25])
    loss = lambda k: np.sum((np.convolve(x, k, "same") - np.convolve(x, kernel, "same")) ** 2)
    np.testing.assert_allclose(gradient(loss, kernel), 0, atol=1e-13)
    assert np.all(gradient(loss, kernel + 0.1) > 0)


def test_the_gradient_of_a_long_signal_costs_what_its_convolution_costs():
    """A rule that built the full convolution for a short kernel would make 10**10 products here."""
    x, kernel = np.ones(100_000), np.ones(3)
    a, b = gradients(lambda x, k: np.convolve(x, k, "valid"), x, kernel)
    np.testing.assert_array_equal(a[:4], [1, 2, 3, 3])
    np.testing.assert_array_equal(b, [99_998] * 3)
