"""Jacobians computed side by side are those computed row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff import boundary, defvjp, grad, hessian, jacobian
from autodiff.batching import SHIFTED, Batch
from autodiff.primitive import REGISTRY
from autodiff.testing.strategies import arrays, broadcastable_shapes, indices, shapes

from .primitives.test_primitives import ROWS, each_function

RNG = np.random.default_rng(0)


def both_ways(f: Callable, *args: Any) -> tuple[Any, Any]:
    """Jacobians side by side (or, where a rule wants a real array, whatever replaces that) and row by row."""
    with np.errstate(all="ignore"):
        together = jacobian(f, tuple(range(len(args))))(*args)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(boundary.Call, "_pull_units", refuse)
            apart = jacobian(f, tuple(range(len(args))))(*args)
    return together, apart


def refuse(*_: Any) -> None:
    raise TypeError("row by row")


@each_function
@settings(max_examples=5)
@given(data=st.data())
def test_rows_of_a_jacobian_do_not_depend_on_being_computed_together(function: Callable, data: Any) -> None:
    f, args = data.draw(ROWS[function])
    for together, apart in zip(*both_ways(f, *args), strict=True):
        size = np.abs(apart[np.isfinite(apart)]).max(initial=1)
        np.testing.assert_allclose(together, apart, rtol=1e-12, atol=1e-12 * size)
        assert (together.shape, together.dtype) == (apart.shape, apart.dtype)


def network(x: Any) -> Any:
    w, v = WEIGHTS
    hidden = np.tanh(w @ x) * np.where(x > 0, x, 0.1)
    parts = np.concatenate([hidden[::2], v.T @ hidden, np.stack([x, hidden], 1).reshape(-1)[np.array([0, 3, 3])]])
    return np.sum(np.logaddexp(0, parts) ** 2) + np.einsum("i,ij,j->", x, w, hidden) + np.max(x)


WEIGHTS = RNG.normal(size=(6, 6)), RNG.normal(size=(6, 4))


def test_a_hessian_of_common_functions_is_computed_together_in_one_pass(monkeypatch: Any) -> None:
    passes: list = []
    original = boundary.pull
    monkeypatch.setattr(boundary, "pull", lambda *args, **kwargs: passes.append(args) or original(*args, **kwargs))
    x = RNG.normal(size=6)
    found = hessian(network)(x)
    assert len(passes) == 2  # the gradient's, recorded, and one for all of the rows
    rows = [grad(lambda x, i=i: grad(network)(x)[i])(x) for i in range(6)]
    np.testing.assert_allclose(found, rows, rtol=1e-10, atol=1e-12)


def test_a_rule_that_wants_a_real_array_is_called_row_by_row() -> None:
    def rule(g: Any) -> Any:
        out = np.empty(g.shape)
        out[...] = 2 * g
        return out

    double = defvjp(lambda x: 2 * x, x=rule)
    try:
        np.testing.assert_array_equal(jacobian(double)(np.ones(3)), 2 * np.eye(3))
    finally:
        del REGISTRY[double.__wrapped__]


def test_a_rule_that_decides_by_its_cotangent_is_called_row_by_row() -> None:
    double = defvjp(lambda x: 2 * x, x=lambda g: 2 * g if g[0] > 0 else g + g)
    try:
        np.testing.assert_array_equal(jacobian(double)(np.ones(3)), 2 * np.eye(3))
    finally:
        del REGISTRY[double.__wrapped__]


def test_an_error_of_a_rule_is_raised_as_it_is() -> None:
    broken = defvjp(lambda x: 2 * x, x=lambda g: 1 / 0)
    try:
        with pytest.raises(ZeroDivisionError):
            jacobian(broken)(np.ones(3))
    finally:
        del REGISTRY[broken.__wrapped__]


def test_large_jacobians_are_computed_in_parts(monkeypatch: Any) -> None:
    x = np.arange(1.0, 21.0)
    for entries in (20 * 9, 20 * 7):  # nine rows at a time, and too few to be worth it
        monkeypatch.setattr(boundary, "ENTRIES_AT_ONCE", entries)
        np.testing.assert_array_equal(jacobian(lambda x: x * x)(x), np.diag(2 * x))


def test_jacobians_of_complex_functions_are_computed_together_too() -> None:
    x = RNG.normal(size=3)
    for together, apart in zip(*both_ways(lambda x: np.exp(1j * x) * x, x), strict=True):
        np.testing.assert_array_equal(together, apart)
    assert jacobian(lambda x: np.exp(1j * x))(x).dtype == float


# What a batch does is what NumPy does with each of its arrays.


def each(function: Callable, *values: Any) -> np.ndarray:
    count = next(len(v.stack) for v in values if isinstance(v, Batch))
    return np.stack([function(*[v.stack[i] if isinstance(v, Batch) else v for v in values]) for i in range(count)])


def batch(draw: Any, shape: tuple[int, ...]) -> Batch:
    return Batch(draw(arrays((3, *shape))))


@given(data=st.data())
def test_elementwise_functions_broadcast_what_is_in_the_batch(data: Any) -> None:
    one, two = data.draw(broadcastable_shapes(2))
    x, y, plain = batch(data.draw, one), batch(data.draw, two), data.draw(arrays(two))
    for f in (np.add, np.multiply, lambda a, b: np.where(a > b, a, b), lambda a, b: a - b, lambda a, b: b / (2 + a**2)):
        for values in ((x, y), (x, plain), (plain, x)):
            np.testing.assert_array_equal(f(*values).stack, each(f, *values))


@given(data=st.data())
def test_indexing_takes_the_same_entries_of_every_array(data: Any) -> None:
    x = batch(data.draw, data.draw(shapes()))
    index = data.draw(indices(x.shape))
    np.testing.assert_array_equal(x[index].stack, each(lambda a: np.asarray(a)[index], x))


@pytest.mark.parametrize("index", [(True, ..., 0), (0, ..., False), (0, slice(None), True), (True, None, 0)], ids=str)
def test_an_axis_that_true_or_false_makes_comes_after_that_of_the_batch(index: tuple) -> None:
    x = Batch(RNG.normal(size=(3, 2, 3)))
    np.testing.assert_array_equal(x[index].stack, each(lambda a: a[index], x))


PRODUCTS = [((), (2,), (2,)), ((), (2,), (2, 3)), ((), (4, 2), (2,)), ((), (4, 2), (2, 3)), ((5,), (4, 2), (2, 3))]


@pytest.mark.parametrize(("extra", "left", "right"), PRODUCTS)
def test_products_multiply_what_is_in_the_batch(extra: tuple, left: tuple, right: tuple) -> None:
    x, y = RNG.normal(size=(3, *extra, *left)), RNG.normal(size=(3, *right))
    for values in ((Batch(x), Batch(y)), (Batch(x), y[0]), (x[0], Batch(y))):
        np.testing.assert_allclose(np.matmul(*values).stack, each(np.matmul, *values), rtol=1e-14)


CALLS = {
    np.reshape: [lambda x: np.reshape(x, (2, -1)), lambda x: np.reshape(x, 6, order="F"), lambda x: x.reshape(3, 2)],
    np.transpose: [np.transpose, lambda x: x.transpose(1, 0), lambda x: np.transpose(x, (-1, 0)), lambda x: x.T],
    np.swapaxes: [lambda x: np.swapaxes(x, 0, -1), lambda x: x.mT],
    np.moveaxis: [lambda x: np.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, (0, 1), (1, 0))],
    np.sum: [np.sum, lambda x: np.sum(x, -1, keepdims=True), lambda x: x.sum((0, 1)), lambda x: np.sum(x, where=x > 0)],
    np.broadcast_to: [lambda x: np.broadcast_to(x, (2, 2, 3))],
    np.concatenate: [lambda x: np.concatenate([x, x]), lambda x: np.concatenate([x, np.ones((2, 1))], -1)],
    np.stack: [lambda x: np.stack([x, np.ones((2, 3))], -1)],
    np.einsum: [lambda x: np.einsum("ij,kj->ki", x, x), lambda x: np.einsum("...j->...", x)],
    np.take: [lambda x: np.take(x, [0, 0, 1], -1), lambda x: np.take(x, [5])],
    np.flip: [lambda x: np.flip(x, -1), np.flip],
    np.cumsum: [lambda x: np.cumsum(x, 1), np.cumsum],
    np.where: [lambda x: np.where(np.array([True, False, True]), x, 0)],
    np.copy: [np.copy],
    np.real: [np.real, lambda x: x.real],
    np.imag: [lambda x: np.imag(x * 1j), lambda x: (x * 1j).imag],
    np.sort: [lambda x: np.sort(x, 0)],
    np.split: [lambda x: np.split(x, 3, 1)[1]],
}


@pytest.mark.parametrize("function", CALLS)
def test_functions_with_axes_apply_to_each_array_of_a_batch(function: Callable) -> None:
    x = Batch(RNG.normal(size=(4, 2, 3)))
    for call in CALLS[function]:
        np.testing.assert_allclose(call(x).stack, each(call, x), rtol=1e-14)


def test_every_function_with_axes_has_such_a_check() -> None:
    described = {np.shape, np.ndim, np.size, np.iscomplexobj}  # what a batch says of itself, checked below
    assert {f for f in SHIFTED if f.__module__ == "numpy"} <= {*CALLS, *described}


def test_a_batch_says_of_itself_what_is_true_of_each_array() -> None:
    x = Batch(np.zeros((4, 2, 3), np.float32))
    assert (np.shape(x), np.ndim(x), np.size(x), len(x), x.dtype) == ((2, 3), 2, 6, 2, np.float32)
    assert not np.iscomplexobj(x) and x.astype(complex).dtype == complex


def test_a_batch_is_not_taken_for_an_array() -> None:
    x = Batch(np.zeros((4, 2)))
    for wrong in (
        lambda: np.asarray(x),
        lambda: bool(x > 0),
        lambda: np.add(1.0, x, out=np.zeros(2)),
        lambda: np.zeros(2).__iadd__(x),
    ):
        with pytest.raises(TypeError, match="batch"):
            wrong()
