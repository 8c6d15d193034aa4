"""``check_primitive`` names the property that a wrong primitive breaks, and passes what is right but awkward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import settings
from hypothesis import strategies as st

from autodiff import Tensor, defvjp, stop_gradient
from autodiff.testing import GradientReport, check_primitive, report
from autodiff.testing.primitives import check as module
from autodiff.testing.primitives.properties import PROPERTIES
from autodiff.testing.strategies import arrays

pytestmark = pytest.mark.usefixtures("private_registry")


def square(x: Any) -> Any:
    return x * x


def product(x: Any, y: Any) -> Any:
    return x * y


def quotient(x: Any, y: Any) -> Any:
    return x / y


def larger(x: Any, y: Any) -> Any:
    return np.maximum(x, y)


def largest(x: Any) -> Any:
    return np.max(x, axis=-1)


def running_sum(x: Any) -> Any:
    return np.cumsum(x, axis=-1)


def sum_and_product(x: Any, y: Any) -> Any:
    return x + y, x * y


def sine_of(x: Any) -> Any:
    sine = np.sin(x)
    return sine * sine, sine


def mutates_its_cotangent(g: Any, x: Any) -> Any:
    if isinstance(g, Tensor):
        return 2 * g * x
    g *= 2
    return g * x


def mutates_its_argument(g: Any, x: Any) -> Any:
    gradient = 2 * g * x
    if not isinstance(x, Tensor):
        x *= 1.5
    return gradient


def returns_its_output(g: Any, x: Any, out: Any) -> Any:
    if isinstance(g, Tensor):
        return 2 * g * x
    np.multiply(2 * g, x, out=out)
    return out


def wrong_on_tensors(g: Any, x: Any) -> Any:
    return (2.001 if isinstance(g, Tensor) else 2) * g * x


def in_memory_order(g: Any, x: Any) -> Any:
    if isinstance(g, Tensor) or isinstance(x, Tensor):
        return 2 * g * x
    return (2 * g.ravel(order="K") * x.ravel(order="K")).reshape(x.shape)


def in_half_precision(g: Any, x: Any) -> Any:
    return 2 * g * (x if x.dtype == np.float64 else x.astype(np.float16).astype(x.dtype))


def forgets_what_is_repeated(g: Any, x: Any, y: Any) -> Any:
    return 0 * g if x is y else g * x


def summed_too_little(g: Any, x: Any, y_shape: tuple) -> Any:
    """The sum that undoes a broadcast, of the first entry alone."""
    return g * x if g.shape == y_shape else np.broadcast_to((g * x)[:1], (1, *g.shape[1:])).reshape(y_shape)


def by_logarithm(g: Any, x: Any) -> Any:
    return g * 2 * x**2 * np.log(np.abs(x)) / (x * np.log(np.abs(x)))


def full_at_ties(g: Any, x: Any, out: Any) -> Any:
    return np.expand_dims(g, -1) * (x == np.expand_dims(out, -1))


def none_at_ties(g: Any, x: Any, out: Any) -> Any:
    chosen = x == np.expand_dims(out, -1)
    return np.expand_dims(g, -1) * (chosen & (np.sum(chosen, axis=-1, keepdims=True) == 1))


def suffix_sums(g: Any, x_shape: tuple) -> Any:
    return np.reshape(np.flip(np.cumsum(np.flip(g, -1), axis=-1), -1), x_shape)


def in_double(x: Any) -> Any:
    return np.asarray(x, float) ** 2


# fmt: off
WRONG: dict[str, tuple[str, Callable, dict]] = {
    "2.001 for 2":             ("first order", square, dict(x=lambda g, x: 2.001 * g * x)),
    "a millionth too large":   ("first order", square, dict(x=lambda g, x: (2 + 2e-6) * g * x)),
    "zeros":                   ("first order", square, dict(x=lambda g, x: 0 * g * x)),
    "not a number":            ("finite where the derivative is", square, dict(x=lambda g, x: np.nan * g * x)),
    "sign":                    ("first order", quotient, dict(broadcasts=True, x=lambda g, y: g / y,
                                                              y=lambda g, x, y: g * x / y**2)),
    "swapped arguments":       ("first order", product, dict(broadcasts=True, x=lambda g, x: g * x,
                                                             y=lambda g, y: g * y)),
    "broadcast not undone":    ("form", product, dict(x=lambda g, y: g * y, y=lambda g, x: g * x)),
    "broadcast half undone":   ("broadcast argument", product, dict(broadcasts=True, x=lambda g, y: g * y,
                                                             y=summed_too_little)),
    "full gradients at a tie": ("first order", larger, dict(broadcasts=True, x=lambda g, x, y: g * (x >= y),
                                                            y=lambda g, x, y: g * (y >= x))),
    "no gradients at a tie":   ("first order", larger, dict(broadcasts=True, x=lambda g, x, y: g * (x > y),
                                                            y=lambda g, x, y: g * (y > x))),
    "full gradients at ties within an array": ("first order", largest, dict(x=full_at_ties)),
    "no gradients at ties within an array":   ("first order", largest, dict(x=none_at_ties)),
    "cotangent mutated":       ("nothing changed", square, dict(x=mutates_its_cotangent)),
    "saved value mutated":     ("nothing changed", square, dict(x=mutates_its_argument)),
    "output as gradient":      ("nothing changed", square, dict(x=returns_its_output)),
    "value of another dtype":  ("value", square, dict(forward=in_double, x=lambda g, x: 2 * g * x)),
    "value of another function": ("value", square, dict(forward=lambda x: x * x * (1 + 1e-15),
                                                        x=lambda g, x: 2 * g * x)),
    "dependent on the layout": ("memory layouts", square, dict(x=in_memory_order)),
    "not linear":              ("linearity", square, dict(x=lambda g, x: 2 * abs(g) * x)),
    "not zero for zero":       ("zero cotangent", square, dict(x=lambda g, x: 2 * g * x + 1e-3)),
    "wrong at second order":   ("second order", square, dict(x=lambda g, x: 2 * g * stop_gradient(x))),
    "wrong if recorded":       ("recorded pass", square, dict(x=wrong_on_tensors)),
    "output's cotangent ignored": ("first order", sum_and_product, dict(
        multiple=True, broadcasts=True, x=lambda g, y: g[0] + g[1] * y, y=lambda g, x: g[1] * x)),
    "output's cotangent scaled": ("first order", sum_and_product, dict(
        multiple=True, broadcasts=True, x=lambda g, y: g[0] + g[1] * y, y=lambda g, x: g[0] + 1.001 * g[1] * x)),
    "NaN where the derivative is finite": ("finite where the derivative is", square, dict(x=by_logarithm)),
    "mix declared elementwise": ("structural zeros", running_sum, dict(kind="elementwise", x=suffix_sums)),
    "mix declared linear":     ("structural zeros", product, dict(kind="linear", broadcasts=True, x=lambda g, y: g * y,
                                                                  y=lambda g, x: g * x)),
    "negative weights declared linear": ("structural zeros", lambda x: x - 2 * x[::-1],
                                         dict(kind="linear", x=lambda g: g - 2 * g[::-1])),
    "residual wrongly used":   ("first order", sine_of, dict(residuals=["sine"],
                                                             x=lambda g, x, sine: g * sine * np.cos(x))),
    "f(x, x)":                 ("repeated argument", product, dict(broadcasts=True, x=lambda g, y: g * y,
                                                                   y=forgets_what_is_repeated)),
    "half precision in float32": ("single precision", square, dict(x=in_half_precision)),
}
# fmt: on


def taught(function: Callable, **options: Any) -> Callable:
    """A primitive of its own that computes what ``function`` does."""
    if function.__code__.co_argcount == 1:
        return defvjp(lambda x: function(x), **options)
    return defvjp(lambda x, y: function(x, y), **options)


@pytest.mark.parametrize("name", WRONG)
def test_the_property_that_a_wrong_primitive_breaks_is_named(name: str) -> None:
    broken, function, options = WRONG[name]
    with pytest.raises(AssertionError) as caught:
        check_primitive(taught(function, **options), examples=15)
    assert str(caught.value).split(": ")[2] == broken, str(caught.value)


RIGHT: dict[str, tuple[Callable, dict]] = {
    "square": (square, dict(x=lambda g, x: 2 * g * x)),
    "shared ties": (
        larger,
        dict(
            broadcasts=True,
            x=lambda g, x, y: g * np.where(x == y, 0.5, x > y),
            y=lambda g, x, y: g * np.where(x == y, 0.5, y > x),
        ),
    ),
    "several outputs": (
        sum_and_product,
        dict(multiple=True, broadcasts=True, x=lambda g, y: g[0] + g[1] * y, y=lambda g, x: g[0] + g[1] * x),
    ),
    "residual": (sine_of, dict(residuals=["sine"], x=lambda g, x, sine: 2 * g * sine * np.cos(x))),
    "running sum": (running_sum, dict(kind="linear", x=suffix_sums)),
    "root": (lambda x: np.sqrt(x), dict(kind="elementwise", x=lambda g, out: g / (2 * out))),
    "reciprocal of a small number": (lambda x: 1e-6 / x, dict(x=lambda g, x: -1e-6 * g / x**2)),
    "steep": (lambda x: np.exp(20 * x), dict(x=lambda g, out: 20 * g * out)),
    "absolute value": (lambda x: np.abs(x), dict(x=lambda g, x: g * np.sign(x))),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_but_awkward_primitive_passes(name: str) -> None:
    function, options = RIGHT[name]
    found = check_primitive(taught(function, **options), examples=15)
    assert found.checked > 15


@pytest.mark.parametrize("function", [np.multiply, scipy.special.gammaln, np.cumsum, np.linalg.solve, np.stack])
def test_a_function_of_numpy_or_scipy_is_checked_by_its_name_alone(function: Callable) -> None:
    assert check_primitive(function, examples=5).share > 0.8


def test_a_composition_under_a_numpy_name_is_checked_too() -> None:
    assert check_primitive(np.trapezoid, examples=5).share > 0.8


def test_the_original_function_and_what_defvjp_returns_are_the_same_to_it() -> None:
    def cube(x: Any) -> Any:
        return x**3

    recording = defvjp(cube, x=lambda g, x: 3.001 * g * x**2)
    for function in (cube, recording):
        with pytest.raises(AssertionError, match="cube: first order: the gradient of x, order 1"):
            check_primitive(function, examples=5)


def test_a_failure_shows_the_simplest_call_and_the_numbers() -> None:
    wrong = taught(product, broadcasts=True, x=lambda g, y: g * y, y=lambda g, x: 1.001 * g * x)
    with pytest.raises(AssertionError) as caught:
        check_primitive(wrong, examples=15)
    first, second, *_ = str(caught.value).splitlines()
    assert "first order: the gradient of y, order 1, at entry" in first
    assert "the tape says" in first and "differences" in first
    assert second.startswith("in the call ") and second.count("np.array(") == 2
    assert not hasattr(caught.value, "__notes__") and caught.value.__cause__ is None


def test_an_error_inside_a_rule_is_told_with_the_call() -> None:
    broken = taught(square, x=lambda g, x: g * x / {}["nothing"])
    with pytest.raises(AssertionError, match=r"KeyError: 'nothing'\nin the call .*np.array\(") as caught:
        check_primitive(broken, examples=5)
    assert isinstance(caught.value.__cause__, KeyError)


def test_given_arguments_are_the_only_ones_checked() -> None:
    kinked = taught(larger, broadcasts=True, x=lambda g, x, y: g * (x >= y), y=lambda g, x, y: g * (y >= x))
    assert check_primitive(kinked, np.array([1.0, 2.0]), np.array([3.0, 0.5])).share == 1
    with pytest.raises(AssertionError, match="first order"):
        check_primitive(kinked, np.array([1.0, 2.0]), np.array([1.0, 0.5]))
    assert check_primitive(np.sum, np.ones((2, 3)), 0).share == 1
    with pytest.raises(TypeError, match=r"no argument is a floating-point array; write 3.0 for 3"):
        check_primitive(np.sum, 3)


def test_given_calls_are_the_only_ones_checked() -> None:
    seen = []

    def power(x: Any) -> Any:
        seen.append(x.shape)
        return np.power(x, 3)

    assert check_primitive(np.power, calls=arrays((4,)).map(lambda x: (power, [x])), examples=3).share > 0.8
    assert set(seen) == {(4,), (1,)}  # a part of it for the sake of broadcasting


def test_chosen_properties_are_the_only_ones_checked() -> None:
    wrong = taught(square, x=lambda g, x: 2.001 * g * x)
    check_primitive(wrong, examples=5, properties=["value", "linearity"])
    with pytest.raises(AssertionError, match="first order"):
        check_primitive(wrong, examples=5, properties=["first order"])
    with pytest.raises(ValueError, match=f"no property is called speed; there are {', '.join(PROPERTIES)}"):
        check_primitive(wrong, properties=["speed"])


def test_an_argument_that_never_matters_does_not_pass() -> None:
    beyond = st.just((np.maximum, [np.full(2, 3.0), np.array([0.5, 1.5])]))
    with pytest.raises(AssertionError, match="argument 1 is 0 at all calls, where a wrong factor could not"):
        check_primitive(np.maximum, calls=beyond, examples=3)
    found = check_primitive(np.maximum, np.full(2, 3.0), np.array([0.5, 1.5]))
    assert "the gradient of y is 0, where a wrong factor could not be seen" in found.notes


def test_an_argument_whose_rule_is_zero_need_not_matter() -> None:
    assert check_primitive(np.copysign, examples=10).share > 0.8


def test_points_where_differences_can_tell_nothing_do_not_pass() -> None:
    with pytest.raises(AssertionError, match=r"only 0 of \d+ comparisons with differences were conclusive"):
        check_primitive(np.sqrt, calls=st.just((np.sqrt, [np.zeros(2)])), examples=3)


def test_a_function_without_an_entry_is_refused() -> None:
    with pytest.raises(TypeError, match="product has no entry in the registry; teach the tape its gradient"):
        check_primitive(product)


def test_a_function_without_a_call_says_what_was_tried_and_the_way_out() -> None:
    def picky(x: Any) -> Any:
        raise ValueError("never")

    with pytest.raises(TypeError, match=r"no call of .*picky\(x\) was found in \d+ tries .*: never.*calls="):
        check_primitive(defvjp(picky, x=lambda g: g))


def test_the_number_of_calls_is_that_asked_for_or_the_modules_or_the_profiles(monkeypatch: Any) -> None:
    seen: list = []
    monkeypatch.setitem(PROPERTIES, "value", seen.append)

    def count(**options: Any) -> int:
        seen.clear()
        check_primitive(np.sin, properties=["value"], min_conclusive=0, **options)
        return len(seen)

    assert count(examples=4) == 4
    assert count() == settings.default.max_examples
    monkeypatch.setattr(module, "default_examples", 7)
    assert count() == 7


def test_the_same_seed_draws_the_same_calls() -> None:
    def drawn(seed: int) -> list:
        found: list = []
        values = arrays((3,)).map(lambda x: (found.append(x.tolist()), (np.sin, [x]))[1])
        check_primitive(np.sin, calls=values, properties=["value"], examples=8, seed=seed)
        return found

    assert drawn(1) == drawn(1) != drawn(2)


def test_watchers_are_told_once() -> None:
    told: list[GradientReport] = []
    report.watchers.append(told.append)
    try:
        found = check_primitive(np.exp, examples=4)
    finally:
        report.watchers.remove(told.append)
    assert told == [found]
    assert found.what == "np.exp" and found.checked > 8 and found.seconds > 0
