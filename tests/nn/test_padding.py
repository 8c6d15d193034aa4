"""Padding: hand-made examples, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff import Tensor
from nn.functional import pad


@pytest.mark.parametrize(
    ("mode", "expected", "gradient"),
    [
        ("constant", [0, 0, 1, 2, 3, 0], [1, 1, 1]),
        ("reflect", [3, 2, 1, 2, 3, 2], [1, 3, 2]),
        ("replicate", [1, 1, 1, 2, 3, 3], [3, 1, 2]),
        ("circular", [2, 3, 1, 2, 3, 1], [2, 2, 2]),
    ],
)
def test_the_gradient_of_an_entry_counts_its_copies(mode: str, expected: list, gradient: list) -> None:
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = pad(x, (2, 1), mode)
    y.sum().backward()
    assert y.data.tolist() == expected
    assert x.grad.data.tolist() == gradient


def test_the_last_axis_comes_first() -> None:
    assert pad(np.zeros((2, 3, 4)), (1, 0, 5, 0)).shape == (2, 8, 5)


@pytest.mark.parametrize(
    ("shape", "widths", "mode", "message"),
    [
        ((3,), (1, 1), "mirror", "mode is one of constant, reflect, replicate, circular, not 'mirror'"),
        ((3,), (1,), "constant", r"takes widths .* for \(3,\), not \(1,\)"),
        ((3,), (1, 1, 1, 1), "constant", r"for \(3,\), not \(1, 1, 1, 1\)"),
        ((3,), (-1, 1), "constant", "not negative"),
        ((3,), (3, 0), "reflect", r"of an axis of length 3 are at most 2 wide, not \(3, 0\)"),
        ((3,), (0, 4), "circular", r"at most 3 wide, not \(0, 4\)"),
        ((0,), (1, 0), "replicate", r"length 0 are at most 0 wide"),
        ((0,), (0, 1), "reflect", r"length 0 are at most 0 wide"),
    ],
)
def test_what_does_not_fit_is_refused(shape: tuple, widths: tuple, mode: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^pad.*{message}"):
        pad(np.ones(shape), widths, mode)
