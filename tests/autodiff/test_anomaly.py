"""``detect_anomaly`` names the line of the program, and watches nothing outside its context."""

import sys

import numpy as np
import pytest

from autodiff import Tensor, detect_anomaly, no_grad


def leaf(value):
    return Tensor(value, requires_grad=True)


def test_it_names_the_forward_call_that_made_the_first_infinity():
    x = leaf([0.0, 1.0])
    with detect_anomaly(), np.errstate(divide="ignore"):
        y = x * 1.0
        z = np.log(y)
        line = sys._getframe().f_lineno - 1
        with pytest.raises(RuntimeError, match=f"log, called at .*test_anomaly.py:{line}"):
            z.sum().backward()
    assert x.grad is None


def test_it_names_the_call_whose_backward_pass_made_a_nan():
    x = leaf([0.0])
    with detect_anomaly():
        y = np.sqrt(x)
        line = sys._getframe().f_lineno - 1
        with pytest.raises(RuntimeError, match=f"backward pass of sqrt, called at .*test_anomaly.py:{line}"):
            (y * 1.0).sum().backward()


def test_values_that_nothing_selects_are_no_anomaly():
    x = leaf([0.0, 1.0])
    with detect_anomaly(), np.errstate(divide="ignore"):
        np.where(x > 0, np.log(x), 0).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [0.0, 1.0])


def test_it_reports_an_array_changed_behind_the_tapes_back():
    x, c = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    with detect_anomaly():
        y = (x * c).sum()
        c[0] = 100.0
        with pytest.raises(RuntimeError, match="multiply saved at .* was changed in place"):
            y.backward()


@pytest.mark.parametrize("changed", [False, True])
def test_hooks_neither_hide_a_changed_array_nor_cause_an_alarm(changed):
    x, c = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    with detect_anomaly():
        y = x * c
        line = sys._getframe().f_lineno - 1
        y.retain_grad()
        if changed:
            c[0] = 100.0
            with pytest.raises(RuntimeError, match=rf"multiply saved at .*test_anomaly.py:{line} was changed"):
                y.sum().backward()
        else:
            y.sum().backward()
            np.testing.assert_array_equal(x.grad.data, c)


def test_outside_its_context_nothing_is_watched_and_modes_are_kept():
    x = leaf([0.0])
    with no_grad(), detect_anomaly():
        assert not (x * 2).requires_grad
    np.sqrt(x).backward()
    assert np.isinf(x.grad.data).all()
