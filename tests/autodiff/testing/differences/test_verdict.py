"""The verdict on a claimed derivative: right and wrong where that can be told, and inconclusive where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autodiff.testing.differences.finite_difference import Derivative, along
from autodiff.testing.differences.verdict import CONCLUSIVE, SAFETY, Verdict, compare


def verdict(f: Callable, x: float, claimed: float, exact: Any = None, single: bool = True) -> Verdict:
    line = along(lambda x: [np.asarray(f(x))], np.array(x), np.array(1.0))
    with np.errstate(all="ignore"):
        return compare(line, [np.ones(())], claimed, abs(claimed), single, exact)


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


# fmt: off
CASES = [
    (np.sin,                     0.5,    np.cos(0.5),                  "right"),
    (np.sin,                     0.5,    np.cos(0.5) * (1 + 1e-6),     "wrong"),
    (np.sin,                     0.5,    np.nan,                       "wrong"),
    (np.sin,                     0.5,    np.inf,                       "wrong"),
    (np.square,                  0.0,    np.nan,                       "wrong"),
    (lambda x: x * 0 + 3,        1.0,    0.0,                          "right"),
    (lambda x: x * 0 + 3,        1.0,    1e-6,                         "wrong"),
    (lambda x: 1e-6 * np.sin(x), 0.5,    1e-6 * np.cos(0.5) * 1.00001, "wrong"),
    (lambda x: 1e6 * np.sin(x),  0.5,    1e6 * np.cos(0.5) * 1.000001, "wrong"),
    (relu,                       0.0,    0.0,                          "right"),
    (relu,                       0.0,    0.25,                         "right"),
    (relu,                       0.0,    1.0,                          "right"),
    (relu,                       0.0,    1.01,                         "wrong"),
    (relu,                       0.0,    -0.01,                        "wrong"),
    (relu,                       0.0,    np.nan,                       "wrong"),
    (lambda x: x * np.sqrt(x),   0.0,    0.1,                          "inconclusive"),
    (np.sqrt,                    0.0,    np.inf,                       "inconclusive"),
    (np.sqrt,                    1e-300, 5e149,                        "inconclusive"),
    (np.floor,                   1.0,    0.0,                          "inconclusive"),
    (lambda x: np.log(-x * x),   1.0,    2.0,                          "inconclusive"),
    (lambda x: 1e12 + np.sin(x), 0.5,    np.cos(0.5),                  "inconclusive"),
    (lambda x: 1e12 + np.sin(x), 0.5,    2 * np.cos(0.5),              "inconclusive"),
    (lambda x: np.tanh(1e4 * x), 1e-5,   1e4 / np.cosh(0.1) ** 2,      "right"),
    (lambda x: np.tanh(1e4 * x), 1e-5,   0.0,                          "inconclusive"),
]
# fmt: on


@pytest.mark.parametrize("f, x, claimed, kind", CASES)
def test_the_verdict_is_right_wrong_or_inconclusive(f: Callable, x: float, claimed: float, kind: str) -> None:
    assert verdict(f, x, claimed).kind == kind


def test_a_kink_along_a_joint_move_is_left_open() -> None:
    assert verdict(relu, 0.0, 1.01, single=False)[::2] == ("inconclusive", True)
    assert verdict(relu, 0.0, 1.01)[::2] == ("wrong", True)


def test_an_exact_derivative_confirms_a_claim_that_differences_cannot_tell_about() -> None:
    exact = Derivative(np.cos(0.5), 1e-12, 1.0)

    def offset(x: Any) -> Any:
        return 1e10 + np.sin(x)

    assert verdict(offset, 0.5, np.cos(0.5)).kind == "inconclusive"
    assert verdict(offset, 0.5, np.cos(0.5), lambda: exact).kind == "right"
    assert verdict(offset, 0.5, np.cos(0.5) + 1e-6, lambda: exact).kind == "inconclusive"
    assert verdict(offset, 0.5, np.cos(0.5), lambda: None).kind == "inconclusive"


def test_an_exact_derivative_that_contradicts_the_differences_confirms_nothing() -> None:
    assert verdict(np.sin, 0.5, 0.0, lambda: Derivative(0.0, 1e-12, 1.0)).kind == "wrong"


def test_an_agreement_that_counts_leaves_no_room_for_an_error_of_a_millionth() -> None:
    assert SAFETY * CONCLUSIVE < 1e-6


def test_the_slope_of_one_stair_of_a_rounded_function_condemns_nothing() -> None:
    def stairs(x: Any) -> Any:
        return np.round(x * 2**40) * 2.0**-40 + 1e-3 * x  # x itself in steps, and something smooth besides

    assert verdict(stairs, 0.5 + 2.0**-43, 1.001).kind != "wrong"
    assert verdict(stairs, 0.5 + 2.0**-43, 1.5).kind == "wrong"
