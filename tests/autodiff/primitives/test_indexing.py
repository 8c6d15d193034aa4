"""Indexing and assignment: repeats, orders of writing, loops, and programs that read and write in any order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Tensor, grad, gradients
from autodiff.primitives import indexing
from autodiff.testing import check_grads
from autodiff.testing.strategies import arrays, indices, shapes

LARGE = indexing.SMALL + 50
RNG = np.random.default_rng(0)

MANY = RNG.integers(-5, 5, LARGE)
INDICES = {
    "integers": ((10,), MANY),
    "integers of two axes": ((10, 7), (MANY, MANY % 7)),
    "rows": ((10, 4), MANY),
    "rows in a tuple": ((10, 2, 3), (MANY,)),
    "integers that broadcast": ((10, 7, 2), (MANY[:150, None], np.array([1, 1, -2]))),
    "integers of the last axis": ((2, 10), (slice(None), MANY)),
    "integers around a slice": ((10, 2, 7), (MANY, slice(None), MANY % 7)),
    "a mask among integers": ((3, 10), (np.array([True, False, True]), slice(None, None, 3))),
    "a list": ((10,), MANY.tolist()),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.complex128])
@pytest.mark.parametrize(("shape", "index"), INDICES.values(), ids=INDICES)
def test_values_at_repeated_indices_add_up(shape: tuple, index: Any, dtype: type) -> None:
    values = RNG.integers(-8, 8, np.empty(shape)[index].shape).astype(dtype)
    expected = np.zeros(shape, np.complex128)
    np.add.at(expected, index, values)
    found = indexing.scatter(values, index, shape)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


def test_float16_sums_of_repeats_are_accumulated_in_float32() -> None:
    x = Tensor(np.ones(2, np.float16), requires_grad=True)
    x[np.zeros(4099, int)].sum().backward()
    assert x.grad.data[0] == np.float16(4099)  # in float16, 2048 + 1 is 2048


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_take_adds_up_repeats_along_any_axis(axis: int | None) -> None:
    x = RNG.normal(size=(12, 11))
    which = RNG.integers(0, 11, (30, 20))
    check_grads(lambda x: np.take(x, which, axis), x, entries=3)


def test_of_values_assigned_to_one_place_only_the_last_gets_gradient() -> None:
    def last(value: Any) -> Any:
        y = Tensor(np.zeros(3))
        y[np.array([0, 1, 0, -3])] = value
        return y @ np.array([1.0, 10.0, 100.0])

    np.testing.assert_array_equal(grad(last)(np.ones(4)), [0, 10, 0, 1])


def test_a_repeated_mixed_index_keeps_the_last_value_too() -> None:
    index = (np.array([0, 0]), slice(None), np.array([1, 1]))
    check_grads(lambda v: assigned(np.zeros((2, 3, 2)), index, v), RNG.normal(size=(2, 3)))


def assigned(x: np.ndarray, index: Any, value: Any) -> Any:
    y = Tensor(x) if isinstance(value, Tensor) else x.copy()
    y[index] = value
    return y


def test_earlier_uses_of_a_tensor_keep_their_gradients_when_it_is_assigned_to() -> None:
    def f(x: Any) -> Any:
        y = np.exp(x)
        before = y * y
        y[0] = 5.0 * x[1]
        y[1:] += y[:-1]
        return before.sum() + (y * y).sum()

    check_grads(f, np.array([0.3, -0.2, 0.7]), order=2)


def filled(x: Any, length: int = 40) -> Any:
    y = Tensor(np.zeros(length)) if isinstance(x, Tensor) else np.zeros(length)
    y[0] = x
    for i in range(1, length):
        y[i] = np.sin(y[i - 1]) + x * y[i // 2]
    return y


def test_a_loop_that_fills_an_array_has_the_gradient_of_the_differences() -> None:
    check_grads(filled, np.array(0.7), order=2)


def test_a_loop_that_fills_an_array_writes_into_one_memory_forward_and_backward(monkeypatch: Any) -> None:
    x = Tensor(0.7, requires_grad=True)
    y = filled(x)
    places = {y.data.ctypes.data}
    for i in range(1, 40):
        y[i] = y[i - 1] * 2
        places.add(y.data.ctypes.data)
    assert len(places) == 1
    copies = count_copies(monkeypatch)
    y.sum().backward()
    assert copies == []


def test_a_loop_of_matrix_products_over_rows_keeps_writing_into_one_memory(monkeypatch: Any) -> None:
    w = Tensor(0.5 * np.eye(4), requires_grad=True)
    y = Tensor(np.ones((64, 4)))
    places = set()
    for i in range(1, 64):
        y[i] = np.tanh(w @ y[i - 1])  # the product keeps the row that it read, not the whole of y
        places.add(y.data.ctypes.data)
    assert len(places) == 1
    copies = count_copies(monkeypatch)
    y.sum().backward()
    assert copies == []


def test_reading_entry_by_entry_makes_one_gradient_not_one_per_entry(monkeypatch: Any) -> None:
    x = Tensor(np.arange(50.0), requires_grad=True)
    total = sum((x[i] * x[i] for i in range(50)), start=0.0)
    made = count_copies(monkeypatch)
    total.backward()
    np.testing.assert_array_equal(x.grad.data, 2 * x.data)
    assert len(made) == 1


def count_copies(monkeypatch: Any) -> list:
    """From now on, a list of the calls that make an array of the size of the one read from or written to."""
    calls: list = []
    for name in ("scatter", "erase"):
        original = getattr(indexing, name)

        def counted(*args: Any, original: Callable = original) -> Any:
            calls.append(args)
            return original(*args)

        monkeypatch.setattr(indexing, name, counted)
    return calls


def test_a_small_part_that_was_read_is_still_a_view_to_writers() -> None:
    row = (Tensor(np.ones((64, 4)), requires_grad=True) * 1.0)[0]
    with pytest.raises(RuntimeError, match="view of another"):
        row[1] = 5.0


@st.composite
def programs(draw: Any) -> tuple[np.ndarray, list]:
    """An array, and steps that read and write it: (kind, index, index to read from, factor)."""
    x = draw(arrays(shapes(min_dims=1, max_dims=2, min_side=1)))
    steps = []
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["assign", "add", "scale", "accumulate", "keep", "use"]))
        steps.append((kind, draw(indices(x.shape)), draw(st.sampled_from([-0.5, 0.25, 1.5]))))
    return x, steps


def run(steps: list, x: Any) -> Any:
    y, kept, total = np.copy(x), [], 0.0
    for kind, index, factor in steps:
        if kind == "assign":
            y[index] = factor * y[index] * np.mean(x)
        elif kind == "add":
            y[index] += factor
        elif kind == "scale":
            y[index] *= y[index]
        elif kind == "accumulate":
            np.add.at(y, index, factor * np.mean(y))
        elif kind == "keep":
            kept.append(y[index])
        else:
            total = total + np.sum(y[index] * factor)
    return total + sum((np.sum(k * k) for k in kept), start=0.0) + np.sum(y * y)


@given(programs())
def test_programs_that_read_and_write_have_the_gradient_of_the_differences(program: tuple) -> None:
    x, steps = program
    check_grads(lambda x: run(steps, x), x, min_conclusive=0)


@given(programs())
def test_a_pass_that_writes_in_place_gives_what_one_that_is_recorded_gives(program: tuple) -> None:
    """The recorded pass never writes in place; a second pass over a kept graph finds nothing changed."""
    data, steps = program
    x = Tensor(data, requires_grad=True)
    with np.errstate(all="ignore"):
        out = run(steps, x)
    recorded = gradients(out, x, create_graph=True).data
    first = gradients(out, x, retain_graph=True).data
    again = gradients(out, x, retain_graph=True).data
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first, recorded, rtol=1e-12, atol=1e-12 * np.abs(recorded).max(initial=0))


def test_hooks_and_wanted_gradients_keep_what_they_saw_when_a_pass_writes_in_place() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    y = x * 2.0
    seen = []
    y.register_hook(lambda g: seen.append(g))
    z = y * 1.0
    middle = z * 1.0
    z[0] = 3.0 * y[1]
    z[1] = z[0] * 2.0
    (of_y, of_x) = gradients(z.sum() + middle.sum(), [y, x])
    np.testing.assert_array_equal(seen[0].data, of_y.data)
    np.testing.assert_array_equal(of_x.data, 2 * of_y.data)
    np.testing.assert_array_equal(of_y.data, [1, 1 + 3 + 6, 2])
