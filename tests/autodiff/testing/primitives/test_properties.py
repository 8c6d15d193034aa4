"""Each property holds at calls that are right, and is broken by a call made for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autodiff import Tensor, custom_gradient, defvjp, stop_gradient
from autodiff.batching import Batch
from autodiff.testing.layouts import LAYOUTS
from autodiff.testing.primitives.call import Call, literal
from autodiff.testing.primitives.properties import PROPERTIES

pytestmark = pytest.mark.usefixtures("private_registry")

POINTS = np.array([0.5, -1.25, 2.0])
OTHERS = np.array([1.5, 0.75, -0.25])
MATRIX = np.array([[0.5, 1.0, -0.75], [-2.0, 0.25, 1.25]])


def square_with(rule: Callable, **options: Any) -> Callable:
    return defvjp(lambda x: x * x, x=rule, **options)


def on_arrays(x: Any) -> Any:
    return x.data * 2 if isinstance(x, Tensor) else x * 2


def rounded_on_tensors(x: Any) -> Any:
    return x * 3 / 3 if isinstance(x, Tensor) else x


def only_if_both_are_tracked(x: Any, y: Any) -> Any:
    return x * y if x.requires_grad and y.requires_grad else x * y * 1.001


def detached_if_the_same(x: Any, y: Any) -> Any:
    return x * (stop_gradient(y) if x is y else y)


def mixed_up_with_several() -> Callable:
    """Two outputs of which the rule adds what it was sent for the first to the second if both were sent."""

    def rule(g: Any, x: Any) -> Any:
        both = np.any(np.asarray(g[0])) and np.any(np.asarray(g[1]))
        return g[0] + 2 * g[1] * x + (g[0] if both else 0)

    return defvjp(lambda x: (x * 1, x * x), multiple=True, x=rule)


def product_of_the_first() -> Callable:
    """A product whose rule undoes broadcasting by leaving out instead of by summing."""

    def rule(g: Any, y: Any, x_shape: Any) -> Any:
        return (g * y)[: x_shape[0]]

    return defvjp(lambda x, y: x * y, broadcasts=True, x=rule, y=lambda g, x: g * x)


def in_memory_order(g: Any, x: Any) -> Any:
    return 2 * (g.ravel(order="K") * x.ravel(order="K")).reshape(x.shape)


def wrong_side_by_side(g: Any, x: Any) -> Any:
    return (2.001 if isinstance(g, Batch) else 2) * g * x


def in_place(g: Any, x: Any) -> Any:
    if isinstance(g, np.ndarray):
        g *= 2
        return g * x
    return 2 * g * x


def by_logarithm(g: Any, x: Any) -> Any:
    return g * 2 * x**2 * np.log(np.abs(x)) / (x * np.log(np.abs(x)))


def in_half_precision(g: Any, x: Any) -> Any:
    return 2 * g * (x if x.dtype == np.float64 else x.astype(np.float16).astype(x.dtype))


# fmt: off
BROKEN: dict[str, tuple[Callable[[], Callable], list[np.ndarray]]] = {
    "value":             (lambda: rounded_on_tensors, [POINTS / 7]),
    "form":              (lambda: on_arrays, [POINTS]),
    "nothing changed":   (lambda: square_with(in_place), [POINTS]),
    "zero cotangent":    (lambda: square_with(lambda g, x: 2 * g * x + 1e-300), [POINTS]),
    "linearity":         (lambda: square_with(lambda g, x: 2 * np.abs(g) * x), [POINTS]),
    "single precision":  (lambda: square_with(in_half_precision), [POINTS]),
    "tracked alone":     (lambda: only_if_both_are_tracked, [POINTS, OTHERS]),
    "outputs alone":     (mixed_up_with_several, [POINTS]),
    "repeated argument": (lambda: detached_if_the_same, [POINTS, OTHERS]),
    "broadcast argument": (product_of_the_first, [POINTS, OTHERS]),
    "recorded pass":     (lambda: square_with(lambda g, x: (2 + isinstance(g, Tensor)) * g * x), [POINTS]),
    "memory layouts":    (lambda: square_with(in_memory_order), [MATRIX]),
    "finite where the derivative is": (lambda: square_with(by_logarithm), [POINTS]),
    "side by side":      (lambda: square_with(wrong_side_by_side), [POINTS]),
    "structural zeros":  (lambda: square_with(lambda g, x: 2 * g * x, kind="linear"), [POINTS]),
    "first order":       (lambda: square_with(lambda g, x: 2.00001 * g * x), [POINTS]),
    "second order":      (lambda: square_with(lambda g, x: 2 * g * stop_gradient(x)), [POINTS]),
}
# fmt: on


@pytest.mark.parametrize("name", BROKEN)
def test_a_property_is_told_by_name_from_a_call_that_breaks_it(name: str) -> None:
    make, args = BROKEN[name]
    with pytest.raises(AssertionError, match=f": {name}: (.|\n)*\nin the call .*np.array"):
        PROPERTIES[name](Call(make(), args))


def test_every_property_but_one_is_broken_here() -> None:
    assert set(PROPERTIES) - set(BROKEN) == {"nothing shared"}  # which the engine sees to, whatever a rule returns


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize(
    ("function", "args"),
    [
        (np.multiply, [POINTS, OTHERS]),
        (np.multiply, [MATRIX, OTHERS]),
        (np.maximum, [POINTS, POINTS]),
        (np.exp, [np.array(0.5)]),
        (np.sum, [np.zeros((0, 3))]),
        (np.sqrt, [np.array([0.25, 4.0])]),
        (np.sort, [MATRIX]),
        (lambda x: np.sum(np.sin(x), axis=0), [MATRIX]),
        (lambda x: np.linalg.slogdet(x), [MATRIX[:, :2]]),
        (lambda x: np.exp(1j * x), [POINTS]),
    ],
)
def test_every_property_holds_at_a_call_that_is_right(name: str, function: Callable, args: list) -> None:
    PROPERTIES[name](Call(function, args))


def test_a_gradient_that_is_a_view_of_its_cotangent_is_not_what_a_user_gets() -> None:
    PROPERTIES["nothing shared"](Call(square_with(lambda g: g), [POINTS]))
    PROPERTIES["nothing shared"](Call(custom_gradient(lambda x: (x * 1, lambda g: g)), [POINTS]))


KINDS = {
    "a running sum, elementwise": (
        "elementwise",
        lambda x: np.cumsum(x),
        lambda g: np.flip(np.cumsum(np.flip(g))),
        "entry by entry x",
    ),
    "a matrix, elementwise": ("elementwise", lambda x: x.T, lambda g: g.T, "does not belong to the output"),
    "differences, linear": (
        "linear",
        lambda x: x - x[::-1],
        lambda g: g - g[::-1],
        "has the derivatives",
    ),
    "a square, select": ("select", lambda x: x * x, lambda g, x: 2 * g * x, "at two points without ties nearby"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_that_is_wrongly_declared_is_found_by_values(name: str) -> None:
    kind, function, rule, message = KINDS[name]
    wrong = defvjp(lambda x: function(x), kind=kind, x=rule)
    with pytest.raises(AssertionError, match=f"its kind is declared '{kind}'(.|\n)*{message}"):
        PROPERTIES["structural zeros"](Call(wrong, [np.abs(MATRIX)[:, :2]], names=("x",)))


def test_a_rule_that_looks_at_other_entries_than_its_own_is_found() -> None:
    leaky = defvjp(lambda x: x * x, kind="elementwise", x=lambda g, x: 2 * g * x + 0 * g * np.roll(x, 1))
    with pytest.raises(AssertionError, match="with inf elsewhere, the gradient of argument 0 is"):
        PROPERTIES["structural zeros"](Call(leaky, [POINTS]))


def test_a_plain_pair_is_a_call() -> None:
    for check in PROPERTIES.values():
        check((np.sin, [POINTS]))


def test_a_call_reads_as_source() -> None:
    assert repr(Call(np.add, [np.array(0.5), np.array([np.nan, -np.inf])])) == (
        "np.add(np.array(0.5), np.array([np.nan, -np.inf]))"
    )
    assert repr(Call(np.sum, [POINTS], source="np.sum({}, axis=0)")) == "np.sum(np.array([0.5, -1.25, 2.0]), axis=0)"
    line = test_a_call_reads_as_source.__code__.co_firstlineno + 6
    assert repr(Call(lambda x: x, [POINTS[:1]])) == f"<function of line {line} of test_properties.py>(np.array([0.5]))"
    assert literal(np.zeros((0, 2), np.float32)) == "np.zeros((0, 2), np.float32)"
    assert literal(np.zeros((20, 20))) == "<array of shape (20, 20), float64>"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_as_they_are_called(layout: str) -> None:
    x = LAYOUTS[layout](MATRIX)
    np.testing.assert_array_equal(x, MATRIX)
    assert not np.shares_memory(x, MATRIX)
    properties = (x.flags.c_contiguous, x.flags.f_contiguous, x.strides[0] < 0, x.flags.writeable)
    assert (
        properties
        == {
            "C order": (True, False, False, True),
            "Fortran order": (False, True, False, True),
            "every second entry of a larger array": (False, False, False, True),
            "reversed memory": (False, False, True, True),
            "read-only memory": (True, False, False, False),
        }[layout]
    )
