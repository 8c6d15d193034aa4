"""The awkward inputs of padding: values that are tensors, wide and empty padding, no entries; and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib import NumpyVersion

from autodiff import Tensor
from autodiff.testing import check_grads

from .derivatives import gradient, gradients

ALL_MODES = "constant edge linear_ramp maximum mean median minimum reflect symmetric wrap".split()
BY_AXIS = [{1: 3}, {-2: (4, 1)}] if NumpyVersion(np.__version__) >= "2.4.0" else []


@pytest.mark.parametrize("mode", ALL_MODES)
@pytest.mark.parametrize("width", [0, 1, (0, 2), ((9, 7), (0, 8)), *BY_AXIS])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_are_numpys_however_wide_the_padding(mode, width, dtype):
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(dtype)
    found = np.pad(Tensor(x, requires_grad=True), width, mode)
    np.testing.assert_array_equal(found.data, np.pad(x, width, mode), strict=True)


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_odd_reflections_go_on_until_the_padding_is_filled(mode, length):
    x = np.random.default_rng(0).normal(size=length)
    for width in ((11, 4), (0, 13), (1, 0)):
        found = np.pad(Tensor(x, requires_grad=True), width, mode, reflect_type="odd")
        np.testing.assert_array_equal(found.data, np.pad(x, width, mode, reflect_type="odd"))
        check_grads(lambda x: np.pad(x, width, mode, reflect_type="odd"), x)  # noqa: B023


def test_statistics_of_some_entries_pad_either_side():
    x = np.random.default_rng(0).normal(size=(12, 11))
    for mode in ("mean", "median", "maximum", "minimum"):
        for length in (None, 3, (1, 9), ((2, 3), (40, 1))):
            found = np.pad(Tensor(x, requires_grad=True), 2, mode, stat_length=length)
            np.testing.assert_array_equal(found.data, np.pad(x, 2, mode, stat_length=length))


def test_entries_get_a_cotangent_for_every_place_they_were_repeated_to():
    np.testing.assert_array_equal(gradient(lambda x: np.pad(x, (2, 1), "edge"), [1.0, 2.0]), [3, 2])
    np.testing.assert_array_equal(gradient(lambda x: np.pad(x, (2, 1), "wrap"), [1.0, 2.0, 3.0]), [2, 2, 2])
    np.testing.assert_array_equal(gradient(lambda x: np.pad(x, (2, 1)), [1.0, 2.0]), [1, 1])


def test_constants_and_end_values_may_be_tensors():
    x, value = gradients(lambda x, c: np.pad(x, (2, 1), constant_values=c), [1.0, 2.0], 3.0)
    assert (x.tolist(), value) == ([1, 1], 3)
    x, first, last = gradients(lambda x, a, b: np.pad(x, 1, constant_values=[(a, b)]), [1.0, 2.0], 3.0, 4.0)
    assert (first, last) == (1, 1)
    check_grads(lambda x, ends: np.pad(x, 2, "linear_ramp", end_values=ends), np.ones((2, 3)), np.array([1.0, 2.0]))


def test_what_the_padding_hides_nothing_of_stays_structural():
    np.testing.assert_array_equal(gradient(lambda x: np.pad(np.sqrt(x), 1)[2], [0.0, 4.0]), [0, 0.25])


def test_arrays_without_entries_can_be_padded_with_constants_only():
    assert gradient(lambda x: np.pad(x, 1, constant_values=2.0), np.zeros((0, 2))).shape == (0, 2)
    assert gradient(lambda x: np.pad(x, ((0, 0), (1, 1)), "edge"), np.zeros((0, 2))).shape == (0, 2)
    with pytest.raises(ValueError, match="can't extend empty axis 0"):
        np.pad(Tensor(np.zeros(0), requires_grad=True), 1, "mean")


def test_modes_without_a_gradient_are_refused_by_name():
    x = Tensor(np.ones(2), requires_grad=True)
    with pytest.raises(TypeError, match="pad: mode='empty'"):
        np.pad(x, 1, "empty")
    with pytest.raises(TypeError, match="would write into the tensor"):
        np.pad(x, 1, lambda *args: None)


def test_bad_input_gets_the_error_of_numpy():
    x = Tensor(np.ones(2), requires_grad=True)
    with pytest.raises(ValueError, match="index can't contain negative values"):
        np.pad(x, -1)
    with pytest.raises(ValueError, match="mode 'foo' is not supported"):
        np.pad(x, 1, "foo")
    with pytest.raises(ValueError, match="unsupported keyword arguments"):
        np.pad(x, 1, "edge", constant_values=1)
    with pytest.raises(ValueError, match="unsupported keyword arguments"):
        np.pad(x, 1, end_values=1)
    with pytest.raises(ValueError, match="stat_length of 0"):
        np.pad(x, 1, "maximum", stat_length=0)
    with pytest.raises(TypeError, match="integral"):
        np.pad(x, 1.5)
