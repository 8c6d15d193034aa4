"""``check_grads`` catches what is wrong, passes what is right, and says when it cannot tell."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autodiff import Tensor, custom_gradient, defvjp, stop_gradient
from autodiff.scipy import special
from autodiff.testing import check_grads

pytestmark = pytest.mark.usefixtures("private_registry")

POINTS = np.array([0.5, -1.25, 2.0])
MATRIX = np.array([[0.5, 1.0], [-2.0, 0.25], [1.5, -1.0]])


def square(x: Any) -> Any:
    return x * x


def product(x: Any, y: Any) -> Any:
    return x * y


def quotient(x: Any, y: Any) -> Any:
    return x / y


def total(x: Any) -> Any:
    return np.sum(x, axis=0)


def taught(function: Callable, **rules: Any) -> Callable:
    """A primitive that computes what ``function`` does."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    if len(names) == 1:
        return defvjp(lambda x: function(x), **rules)
    return defvjp(lambda x, y: function(x, y), **rules)


def sum_once(g: Any, x: Any, y: Any) -> Any:
    """The gradient of y in ``x * y`` if x was broadcast and y was summed as well."""
    return np.sum(g * x, axis=0) if np.ndim(y) < np.ndim(x) else g * x


def wrong_at_second_order(g: Any, x: Any) -> Any:
    return g * 2 * stop_gradient(x)


def lost_for_tensors(g: Any, x: Any) -> Any:
    return g * 2.001 * x if isinstance(g, Tensor) else g * 2 * x


def doubled_in_place(g: Any, x: Any) -> Any:
    if isinstance(g, Tensor):
        return g * 2 * x
    g *= 2
    return g * x


def overwrites_its_argument(g: Any, x: Any) -> Any:
    gradient = g * 2 * x
    if not isinstance(x, Tensor):
        x *= 1.5
    return gradient


WRONG_RULES = {
    "2.001 for 2": (square, dict(x=lambda g, x: g * 2.001 * x), (POINTS,)),
    "a millionth too large": (square, dict(x=lambda g, x: g * (2 + 2e-6) * x), (POINTS,)),
    "sign": (quotient, dict(x=lambda g, y: g / y, y=lambda g, x, y: g * x / y**2), (POINTS, POINTS)),
    "missing term": (square, dict(x=lambda g, x: g * x), (POINTS,)),
    "swapped arguments": (product, dict(x=lambda g, x: g * x, y=lambda g, y: g * y), (POINTS, POINTS + 1)),
    "one argument of two": (product, dict(x=lambda g, y: g * y, y=lambda g, x: g * x * 1.001), (POINTS, POINTS + 1)),
    "one entry of many": (square, dict(x=lambda g, x: g * 2 * np.where(x == 2, 2.001, x)), (POINTS,)),
    "order of entries": (square, dict(x=lambda g, x: g * 2 * x[::-1]), (POINTS,)),
    "transposed cotangent": (square, dict(x=lambda g, x: g.T * 2 * x), (MATRIX[:2],)),
    "zero": (square, dict(x=lambda g, x: 0 * g), (POINTS,)),
    "not a number": (square, dict(x=lambda g, x: g * np.nan), (POINTS,)),
    "not linear": (square, dict(x=lambda g, x: abs(g) * 2 * x), (POINTS,)),
    "not homogeneous": (square, dict(x=lambda g, x: g * 2 * x + 1e-3), (POINTS,)),
    "wrong at second order": (square, dict(x=wrong_at_second_order), (POINTS,)),
    "wrong on tensors": (square, dict(x=lost_for_tensors), (POINTS,)),
    "cotangent mutated": (square, dict(x=doubled_in_place), (POINTS,)),
    "argument mutated": (square, dict(x=overwrites_its_argument), (POINTS,)),
}


@pytest.mark.parametrize("name", WRONG_RULES)
def test_a_wrong_rule_fails(name: str) -> None:
    function, rules, args = WRONG_RULES[name]
    with pytest.raises(AssertionError, match="check_grads: "):
        check_grads(taught(function, **rules), *args)


def test_a_broadcast_that_is_not_undone_fails() -> None:
    f = defvjp(
        lambda x, y: x * y,
        x=lambda g, y: g * y,
        y=lambda g, x, y_shape: np.broadcast_to((g * x)[:1], (1, *g.shape[1:])).reshape(y_shape),  # instead of a sum
    )
    with pytest.raises(AssertionError, match=r"argument 1, order 1, at entry \(0,\) of shape \(2,\) is wrong"):
        check_grads(f, MATRIX, MATRIX[0])


def test_a_gradient_that_is_wrong_at_second_order_is_right_at_first() -> None:
    f = taught(square, x=wrong_at_second_order)
    check_grads(f, POINTS, order=1)
    with pytest.raises(AssertionError, match="order 2"):
        check_grads(f, POINTS)


def test_a_wrong_entry_of_a_large_argument_is_named() -> None:
    x = np.linspace(0.5, 2, 200).reshape(20, 10)
    off = np.ones((20, 10))
    off[17, 3] = 1.001
    f = taught(square, x=lambda g, x: g * 2 * x * off)
    with pytest.raises(AssertionError, match=r"at entry \(17, 3\) of shape \(20, 10\) is wrong"):
        check_grads(f, x)


def test_a_failure_says_where_what_the_tape_says_and_what_the_differences_say() -> None:
    f = taught(product, x=lambda g, y: g * y, y=lambda g, x: g * x * 1.001)
    with pytest.raises(AssertionError) as caught:
        check_grads(lambda p, scale: f(p["x"][0], p["y"]) * scale, dict(x=[POINTS], y=POINTS + 1), 2.0)
    message = (
        r"the gradient of argument 0\['y'\], order 1, at entry \(0,\) of shape \(3,\) is wrong: the tape says (\S+), "
    )
    claimed, found, error = map(float, re.search(message + r"differences (\S+) \+- (\S+)", str(caught.value)).groups())
    np.testing.assert_allclose(claimed / found, 1.001, rtol=1e-9)
    assert error < 1e-8 * abs(found)


@custom_gradient
def slanted(x: Any, y: Any) -> Any:
    """A function with a wrong gradient, for a program to import."""

    def gradient(g: Any) -> tuple:
        by_y = g * np.sin(x)
        return 1.001 * g * np.cos(x) * y, by_y if np.ndim(y) == np.ndim(x) else np.sum(by_y, axis=0)

    return np.sin(x) * y, gradient


@custom_gradient
def second(x: Any) -> Any:
    return x * x, lambda g: wrong_at_second_order(g, x)


def curved(x: Any, scale: Any, power: int) -> Any:
    return dict(y=[second(x["x"][0]) ** power * scale])


@custom_gradient
def bent(x: Any) -> Any:
    return np.maximum(x, 0), lambda g: g * np.where(x == 0, 1.01, x > 0)


@pytest.mark.parametrize(
    "f, args, labels",
    [
        (slanted, (MATRIX, MATRIX[0]), ["the tape", "differences"]),
        (slanted, (POINTS + 1j, POINTS + 2j), ["the tape", "differences"]),
        (curved, (dict(x=[POINTS]), np.array([[0.5]]), 2), ["the tape", "differences"]),
        (bent, (np.array([0.0, 1.0]),), ["the tape", "from the left", "from the right"]),
    ],
    ids=["broadcast", "complex", "second order of a nested argument", "kink"],
)
def test_a_failure_brings_a_program_that_shows_it_again(
    f: Callable, args: tuple, labels: list[str], capsys: Any
) -> None:
    with pytest.raises(AssertionError) as caught:
        check_grads(f, *args)
    said, program = str(caught.value).split("to see it again:\n")
    exec(textwrap.dedent(program), {})
    printed = dict(line.split(":") for line in capsys.readouterr().out.splitlines())
    assert list(printed) == labels
    claimed, found = re.search(r"the tape says (\S+), .*? (-?[\d.e-]+)", said).groups()
    np.testing.assert_allclose(float(printed["the tape"]), float(claimed), rtol=1e-10)
    np.testing.assert_allclose(float(printed[labels[1]]), float(found), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "name, broken",
    {
        "2.001 for 2": "a gradient is the derivative of the output, weighted with the cotangent",
        "wrong at second order": "the gradient of order 2 is the derivative of that of order 1",
        "not linear": "a gradient is linear in the cotangent",
        "not homogeneous": "the cotangent 0 gives the gradient 0",
        "wrong on tensors": "a gradient is the same whether it is itself recorded or not",
        "cotangent mutated": "computing a gradient changes no array in place",
    }.items(),
)
def test_a_failure_names_the_property_that_broke(name: str, broken: str) -> None:
    function, rules, args = WRONG_RULES[name]
    with pytest.raises(AssertionError, match=f"the property that broke: {broken}"):
        check_grads(taught(function, **rules), *args)


def test_a_program_for_large_arguments_refers_to_them() -> None:
    with pytest.raises(AssertionError, match=r"x = \[\.\.\.\]  # arrays of shape \(20, 20\), \(20,\)"):
        check_grads(slanted, np.ones((20, 20)), np.ones(20))


AWKWARD = {
    "absolute value at 0": (np.abs, (np.array([0.0, 1.0, -2.0]),)),
    "maximum at ties": (np.maximum, (np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 3.0]))),
    "maximum broadcast at ties": (np.maximum, (np.zeros((3, 1)), np.zeros(4))),
    "largest of equals": (lambda x: np.max(x, axis=0), (np.ones((3, 2)),)),
    "relu at 0": (lambda x: np.where(x > 0, x, 0), (np.array([0.0, 1.0, -1.0]),)),
    "clip at its bounds": (lambda x: np.clip(x, -1, 1), (np.array([-1.0, 0.0, 1.0, 3.0]),)),
    "kinks that cancel": (lambda x: np.sum(np.where(x > 0, x, 0) * np.array([1.0, -1.0])), (np.zeros(2),)),
    "norm at 0": (lambda x: np.hypot(x[0], x[1]), (np.zeros(2),)),
    "root at 0": (np.sqrt, (np.array([0.0, 1.0]),)),
    "power at 0": (lambda x: x**1.5, (np.array([0.0, 1.0]),)),
    "root hidden at 0": (lambda x: np.where(x > 0, np.sqrt(x), 0), (np.array([-1.0, 4.0]),)),
    "tiny arguments": (lambda x, y: np.log(x) * y, (1e-6 * np.array([1.0, 3.0]), np.array(1e-6))),
    "huge arguments": (lambda x, y: np.log(x) * y * y, (1e6 * np.array([1.0, 3.0]), np.array(1e6))),
    "tiny and huge": (np.multiply, (np.array([1e-6, 1e6]), np.array([1e6, 1e-6]))),
    "steep exponential": (lambda x: np.exp(30 * x), (np.array([-3.0, 0.0, 1.0, 3.0]),)),
    "fast oscillation": (lambda x: np.sin(1e4 * x), (POINTS,)),
    "saturated": (np.tanh, (np.array([-30.0, 5.0, 15.0]),)),
    "cancelling terms": (lambda x: special.logsumexp(x) - np.max(x), (np.array([30.0, 29.0, -30.0]),)),
    "large offset": (lambda x: 1e8 + np.sin(x), (POINTS,)),
    "constant": (lambda x: x * 0 + 3, (POINTS,)),
    "zero to third order": (lambda x: x**4, (np.zeros(2),)),
    "rounding steps": (lambda x: np.floor(x) * x, (np.array([0.5, 999.25]),)),
    "pole next to it": (lambda x: 1 / x, (np.array([1e-5, -1e-5]),)),
    "0-d": (lambda x: x**3, (2.0,)),
    "empty": (lambda x: x**3, (np.zeros((0, 2)),)),
    "complex": (lambda z: np.exp(z) * z, (np.array([0.5 + 1j, -1 + 0.25j]),)),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_a_right_but_awkward_function_passes(name: str) -> None:
    function, args = AWKWARD[name]
    for seed in range(5):
        with np.errstate(all="ignore"):
            check_grads(function, *args, seed=seed, min_conclusive=0)


@pytest.mark.parametrize(
    "name", ["tiny arguments", "huge arguments", "steep exponential", "complex", "0-d", "constant"]
)
def test_an_awkward_function_that_is_smooth_is_checked_conclusively(name: str) -> None:
    function, args = AWKWARD[name]
    assert check_grads(function, *args).share == 1


@pytest.mark.parametrize("name", ["absolute value at 0", "maximum at ties", "relu at 0", "clip at its bounds"])
def test_the_gradient_at_a_kink_is_checked_conclusively(name: str) -> None:
    function, args = AWKWARD[name]
    assert check_grads(function, *args, order=1, directions=0).share == 1


def test_a_gradient_at_a_kink_that_is_not_between_the_one_sided_ones_fails() -> None:
    f = defvjp(lambda x: np.maximum(x, 0), x=lambda g, x: g * np.where(x == 0, 1.01, x > 0))
    with pytest.raises(AssertionError, match="one-sided derivatives are"):
        check_grads(f, np.array([0.0, 1.0, -1.0]))


def both_in_full(function: Callable, compare: Callable) -> Callable:
    """A maximum or minimum whose tied arguments both get the whole gradient."""
    return taught(function, x=lambda g, x, y: g * compare(x, y), y=lambda g, x, y: g * compare(y, x))


@pytest.mark.parametrize(
    "f, args",
    [
        (lambda: both_in_full(lambda x, y: np.maximum(x, y), np.greater_equal), (POINTS, POINTS)),
        (lambda: both_in_full(lambda x, y: np.minimum(x, y), np.less_equal), (POINTS, POINTS)),
        (lambda: both_in_full(lambda x, y: np.maximum(x, y), np.greater), (POINTS, POINTS)),
        (lambda: taught(lambda x: np.max(x), x=lambda g, x, out: g * (x == out)), (np.ones(3),)),
        (lambda: taught(lambda x: np.linalg.norm(x), x=lambda g, x: g * np.ones_like(x)), (np.zeros(2),)),
    ],
    ids=["maximum, 1 + 1", "minimum, 1 + 1", "maximum, 0 + 0", "largest of three, 1 + 1 + 1", "norm at 0"],
)
def test_shares_at_a_kink_that_are_right_alone_but_not_together_fail(f: Callable, args: tuple) -> None:
    with pytest.raises(AssertionError, match="where all entries move by the same, is wrong"):
        check_grads(f(), *args, order=1, directions=0, min_conclusive=0)


@pytest.mark.parametrize("count", [3, 5, 30])
def test_an_order_statistic_of_equals_is_inconclusive_entry_by_entry_and_right_for_all_together(count: int) -> None:
    report = check_grads(np.median, np.ones(count), order=1, min_conclusive=0)
    assert any("the function has no derivative here" in note for note in report.notes)
    assert not any("move by the same" in note for note in report.notes)
    wrong = taught(lambda x: np.median(x), x=lambda g, x: g * np.full_like(x, 1.01 / x.size))
    with pytest.raises(AssertionError, match="where all entries move by the same, is wrong"):
        check_grads(wrong, np.ones(count), order=1, directions=0, min_conclusive=0)


def test_kinks_that_make_a_smooth_sum_are_no_false_alarm() -> None:
    def relus(x: Any) -> Any:
        return np.stack([np.where(x > 0, x, 0), np.where(x < 0, -x, 0)])

    for seed in range(10):
        assert check_grads(relus, np.zeros(2), order=1, seed=seed).share == 1


def test_a_wrong_gradient_next_to_a_kink_fails() -> None:
    f = taught(lambda x: np.abs(x), x=lambda g, x: g * np.sign(x) * np.where(x == 2, 1.001, 1))
    with pytest.raises(AssertionError, match=r"at entry \(2,\)"):
        check_grads(f, np.array([0.0, 1.0, 2.0]))


def test_a_complex_step_decides_where_differences_cannot() -> None:
    def offset(x: Any) -> Any:
        return 1e10 + np.sin(x)

    assert check_grads(offset, POINTS).share == 1
    assert check_grads(lambda x: offset(np.maximum(x, -9)), POINTS, min_conclusive=0).share < 0.5  # not analytic


def test_a_complex_step_is_not_believed_against_differences() -> None:
    """``x * conj(x)`` is not analytic, and its derivative by a complex step is 0."""
    assert check_grads(lambda x: np.real(x * np.conj(x)), POINTS).share == 1
    wrong = taught(lambda x: np.real(x * np.conj(x)), x=lambda g, x: 0 * g)
    with pytest.raises(AssertionError, match="the tape says 0, differences"):
        check_grads(wrong, POINTS)


def test_a_wrong_gradient_at_the_end_of_the_domain_fails() -> None:
    f = defvjp(lambda x: x * x * np.sqrt(x) ** 2, x=lambda g, x: g * (3 * x**2 + (x == 0)))
    with pytest.raises(AssertionError, match=r"at entry \(0,\)"), np.errstate(invalid="ignore"):
        check_grads(f, np.array([0.0, 1.0]), order=1)


def test_what_cannot_be_told_is_noted_and_does_not_pass_silently() -> None:
    x = np.zeros(3)
    report = check_grads(np.abs, x, min_conclusive=0)
    assert (report.conclusive, report.checked) == (6, 11)  # the first order; there is no second
    assert any("order 2" in note for note in report.notes)
    with pytest.raises(AssertionError, match="only 6 of 11 comparisons were conclusive"):
        check_grads(np.abs, x, min_conclusive=0.6)
    with pytest.raises(AssertionError, match="the value is not finite"):
        check_grads(lambda x: x / 0.0, np.ones(2))


def test_several_outputs_in_nested_containers_are_all_checked() -> None:
    wrong = taught(square, x=lambda g, x: g * 2.001 * x)
    assert check_grads(lambda x: dict(a=[np.sin(x)], b=(x * x, 3)), POINTS).share == 1
    with pytest.raises(AssertionError, match="is wrong"):
        check_grads(lambda x: dict(a=[np.sin(x)], b=(wrong(x), 3)), POINTS)


def test_a_gradient_that_is_lost_on_the_way_fails() -> None:
    with pytest.raises(AssertionError, match="the tape says 0, differences"):
        check_grads(lambda x: x + stop_gradient(x) - x, POINTS)
    with pytest.raises(TypeError, match="returned no tensor but ndarray"):
        check_grads(lambda x: np.exp(x.data), POINTS)


@pytest.mark.parametrize(
    "f, args",
    [
        (special.softmax, [np.array([-np.inf, 1.0, 2.0])]),
        (special.logsumexp, [np.array([-np.inf, 1.0, 2.0])]),
        (np.arctan, [np.array([np.inf, 1.0])]),
        (lambda x, y: np.where(np.isnan(x), y, x * y), [np.array([np.nan, 1.0, 2.0]), np.ones(3)]),
    ],
    ids=["softmax", "logsumexp", "arctan", "masked"],
)
def test_entries_that_are_not_finite_stay_and_the_others_are_checked(f: Callable, args: list) -> None:
    report = check_grads(f, *args)
    assert report.share >= 0.9
    assert "entries are not finite, and not moved" in report.notes[0]
    wrong = taught(square, x=lambda g, x: g * 2.001 * x)
    with pytest.raises(AssertionError, match=r"at entry \(1,\)"):
        check_grads(lambda x: np.where(np.isfinite(x), wrong(x), 0), np.array([-np.inf, 1.0]))


def test_arguments_without_a_finite_entry_do_not_pass_silently() -> None:
    with pytest.raises(AssertionError, match="no entry of argument 0 is finite"):
        check_grads(np.arctan, np.array([np.inf, -np.inf]))


def test_arguments_that_are_not_floating_point_pass_through() -> None:
    assert check_grads(lambda x, n, axis: np.sum(x, axis=axis) ** n["power"], MATRIX, dict(power=2), 0).share == 1
    with pytest.raises(TypeError, match=r"no argument is a floating-point array or number; write 3.0 for 3"):
        check_grads(square, 3)


def test_arguments_and_gradients_of_the_caller_are_left_alone() -> None:
    x = Tensor(POINTS, requires_grad=True)
    check_grads(square, x)
    assert x.grad is None
    np.testing.assert_array_equal(x.data, [0.5, -1.25, 2.0])


def test_float32_arguments_are_checked_in_float64() -> None:
    assert check_grads(np.sin, POINTS.astype(np.float32)).share == 1


def test_the_third_order_is_checked_if_asked_for() -> None:
    def expanded_to_first_order(g: Any, x: Any) -> Any:
        here = stop_gradient(x)
        return g * (3 * here**2 + 6 * here * (x - here))

    cube = taught(lambda x: x**3, x=expanded_to_first_order)
    check_grads(cube, POINTS, order=2)
    with pytest.raises(AssertionError, match="order 3"):
        check_grads(cube, POINTS, order=3)
    assert check_grads(lambda x: x**3, POINTS, order=3).share == 1


def test_the_same_seed_makes_the_same_comparisons() -> None:
    f = taught(square, x=lambda g, x: g * 2.001 * x)

    def message(seed: int) -> str:
        with pytest.raises(AssertionError) as caught:
            check_grads(f, POINTS, seed=seed)
        return str(caught.value)

    assert message(1) == message(1) != message(2)
