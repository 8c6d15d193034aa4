"""Sums of rows by BLAS are those of NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff.testing import check_grads
from nn.sums import sum_of_rows


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (5, 0), (7, 3)])
def test_the_sum_is_numpys_in_its_dtype(dtype: type, shape: tuple) -> None:
    matrix = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    for layout in (matrix, np.asfortranarray(matrix), matrix[::-1]):
        found = sum_of_rows(layout)
        np.testing.assert_array_equal(found, layout.sum(axis=0))
        assert found.dtype == dtype


def test_on_tensors_it_is_recorded() -> None:
    check_grads(sum_of_rows, np.arange(6.0).reshape(3, 2))
