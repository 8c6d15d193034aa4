"""``autodiff.scipy.fft``: SciPy's names, signatures and values, with gradients."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.fft

from autodiff import Tensor
from autodiff.scipy import fft
from autodiff.testing import check_grads

FOURIER = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
TRIGONOMETRIC = ["dct", "idct", "dst", "idst"]
OF_REAL = ("rfft", "ihfft", *TRIGONOMETRIC)

# fmt: off
CALLS = [(name, keywords) for name in FOURIER for keywords in (
    {}, {"n": 3}, {"n": 8, "axis": 0}, {"axis": 1, "norm": "ortho"}, {"n": 5, "norm": "forward", "workers": 2},
)] + [(f"{name}2", keywords) for name in FOURIER for keywords in (
    {}, {"s": (3, 6)}, {"axes": (2, 0), "norm": "ortho"}, {"s": (5, 2), "axes": (0, 1), "norm": "forward"},
)] + [(f"{name}n", keywords) for name in FOURIER for keywords in (
    {}, {"s": (3, 6)}, {"s": 7}, {"axes": 0}, {"axes": (2, 0), "norm": "ortho"}, {"s": (-1, 2), "axes": (0, 1)},
)] + [(name, keywords) for name in TRIGONOMETRIC for keywords in (
    {}, {"type": 1}, {"type": 3, "n": 3, "axis": 0}, {"type": 4, "norm": "ortho"}, {"norm": "forward", "n": 7},
    {"type": 2, "norm": "ortho", "orthogonalize": False}, {"type": 1, "orthogonalize": True, "workers": 2},
)] + [(f"{name}n", keywords) for name in TRIGONOMETRIC for keywords in (
    {}, {"type": 1, "axes": (0, 2)}, {"type": 3, "s": (3, 6)}, {"norm": "ortho", "axes": [-1]},
    {"type": 3, "orthogonalize": True},
)]
# fmt: on

each_call = pytest.mark.parametrize(
    ("name", "keywords"), CALLS, ids=[f"{name}-{'-'.join(map(str, keywords.values()))}" for name, keywords in CALLS]
)


def argument(name: str, dtype: Any = np.float64) -> np.ndarray:
    """Complex numbers, for what takes them."""
    x = np.random.default_rng(0).normal(size=(3, 2, 4)).astype(dtype)
    return x if name.startswith(OF_REAL) else x + 1j * x[::-1]


def call(name: str, keywords: dict) -> Callable:
    return lambda x: getattr(fft, name)(x, **keywords)


@each_call
def test_values_are_scipys_bit_for_bit_on_arrays_and_on_tensors(name, keywords):
    for dtype in (np.float64, np.float32):
        x = argument(name, dtype)
        expected = getattr(scipy.fft, name)(x, **keywords)
        plain, recorded = call(name, keywords)(x), call(name, keywords)(Tensor(x, requires_grad=True))
        assert type(plain) is np.ndarray
        assert recorded.requires_grad
        np.testing.assert_array_equal(plain, expected, strict=True)
        np.testing.assert_array_equal(recorded.data, expected, strict=True)


@each_call
def test_gradients_are_those_of_the_differences(name, keywords):
    report = check_grads(call(name, keywords), argument(name), directions=1, entries=2, min_conclusive=1)
    assert report.checked > 0


@pytest.mark.parametrize("name", [n for n in fft.__all__ if n not in ("fftshift", "ifftshift")])
def test_signatures_are_scipys(name):
    ours, theirs = (inspect.signature(getattr(module, name)) for module in (fft, scipy.fft))
    assert [(p.name, p.default) for p in ours.parameters.values()] == [
        (p.name, p.default) for p in theirs.parameters.values()
    ]


def test_every_public_transform_of_scipy_is_here():
    elsewhere = {"fht", "ifht", "fhtoffset", "set_backend", "skip_backend", "set_global_backend", "register_backend"}
    assert sorted(fft.__all__) == fft.__all__
    assert set(fft.__all__) == set(scipy.fft.__all__) - elsewhere


@pytest.mark.parametrize("axes", [None, 1, (0, 2)])
def test_shifts_are_numpys_and_each_others_gradient(axes):
    x = Tensor(argument("rfft"), requires_grad=True)
    fft.fftshift(x, axes).backward(argument("rfft"))
    np.testing.assert_array_equal(x.grad.data, scipy.fft.ifftshift(argument("rfft"), axes))


def test_the_memory_of_a_tensor_is_never_overwritten():
    x = np.ones((2, 4), complex)
    fft.fft(Tensor(x, requires_grad=True), overwrite_x=True)
    fft.dctn(Tensor(x.real.copy(), requires_grad=True), overwrite_x=True)
    np.testing.assert_array_equal(x, np.ones((2, 4)))


def test_what_scipy_refuses_is_refused_with_its_message():
    x = Tensor(np.ones((2, 4)), requires_grad=True)
    for refused in (
        lambda fft, x: fft.fft(x, plan="one"),
        lambda fft, x: fft.fft(x, 0),
        lambda fft, x: fft.rfft(x, -1),
        lambda fft, x: fft.fftn(x, axes=(0, 0)),
        lambda fft, x: fft.fftn(x, (1, 2), (0,)),
        lambda fft, x: fft.dct(x, 5),
        lambda fft, x: fft.dct(x, norm="best"),
        lambda fft, x: fft.rfft(x * 1j),
    ):
        with pytest.raises((ValueError, TypeError, NotImplementedError)) as theirs:
            refused(scipy.fft, x.data)
        with pytest.raises(theirs.type) as ours:
            refused(fft, x)
        assert str(ours.value) == str(theirs.value)
