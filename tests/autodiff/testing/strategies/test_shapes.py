"""Shapes broadcast where they should, and are what signatures and axes say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff.testing.strategies import arrays, axes, broadcastable_shapes, gufunc_shapes, shapes

from .drawing import comes_up


@given(broadcastable_shapes(3))
def test_broadcastable_shapes_broadcast(drawn) -> None:
    assert len(np.broadcast_shapes(*drawn)) <= 3


def test_shapes_of_every_kind_come_up() -> None:
    assert comes_up(shapes(), lambda shape: shape == ())
    assert comes_up(shapes(), lambda shape: 0 in shape and len(shape) == 3)
    assert comes_up(broadcastable_shapes(2), lambda drawn: drawn[0] == drawn[1] and len(drawn[0]) == 2)
    assert comes_up(broadcastable_shapes(2), lambda drawn: 1 in drawn[0] and len(drawn[1]) > len(drawn[0]))


GUFUNCS = [np.matmul, np.matvec, np.vecmat, np.vecdot, np.linalg._umath_linalg.solve, np.linalg._umath_linalg.det]


@pytest.mark.parametrize("gufunc", GUFUNCS, ids=lambda gufunc: gufunc.__name__)
@given(data=st.data())
def test_shapes_by_a_gufuncs_signature_are_what_it_takes_and_gives(gufunc: Any, data: Any) -> None:
    call = data.draw(gufunc_shapes(gufunc.signature))
    out = gufunc(
        *(np.eye(*shape[-2:]) + np.zeros(shape) if len(shape) > 1 else np.ones(shape) for shape in call.inputs)
    )
    assert np.shape(out) == call.outputs[0]


@given(gufunc_shapes("(n),(n),( m , 3 )->(m),(),(3,n)", max_dims=1, min_side=1))
def test_numbers_spaces_and_several_results_are_understood(call: Any) -> None:
    (*_, n), (*_, same), (*_, m, three) = call.inputs
    assert n == same and three == 3
    batch = np.broadcast_shapes(*(s[:k] for s, k in zip(call.inputs, (-1, -1, -2), strict=True)))
    assert call.outputs == ((*batch, m), batch, (*batch, 3, n))
    assert len(batch) <= 1 and 0 not in (n, m)


def test_every_kind_of_call_of_a_matrix_product_comes_up() -> None:
    calls = gufunc_shapes(np.matmul.signature)
    for dims in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (2, 4), (1, 3)]:
        assert comes_up(calls, lambda call, dims=dims: tuple(map(len, call.inputs)) == dims)
    assert comes_up(calls, lambda call: 0 in call.inputs[0] and 0 not in call.outputs[0])
    assert comes_up(calls, lambda call: call.inputs[0][:-2] == (1,) and call.inputs[1][:-2] > (1,))


def test_optional_dimensions_are_dropped_in_the_order_in_which_numpy_drops_them() -> None:
    drawn = gufunc_shapes("(a?,b?,3)->(a?,b?)", max_dims=0, min_side=2)
    assert comes_up(drawn, lambda call: len(call.inputs[0]) == 1 and call.outputs == ((),))
    assert comes_up(drawn, lambda call: len(call.inputs[0]) == 2 and call.outputs[0] == call.inputs[0][:1])
    assert comes_up(drawn, lambda call: len(call.inputs[0]) == 3)


@pytest.mark.parametrize("signature", ["", "(m,n)", "(m),->(m)", "(m->(m)", "(m)->(n)", "m->m", "(2x)->()", "(m,)->()"])
def test_what_is_no_signature_is_refused(signature: str) -> None:
    with pytest.raises(ValueError, match="gufunc_shapes: "):
        comes_up(gufunc_shapes(signature), bool)


@given(st.data())
def test_axes_are_what_a_reduction_takes(data) -> None:
    x = data.draw(arrays(shapes()))
    x.sum(axis=data.draw(axes(x.ndim)))


def test_every_kind_of_axis_comes_up() -> None:
    for kind in (None, 1, -2, (), (0, -1)):
        assert comes_up(axes(2), lambda axis, kind=kind: axis == kind and type(axis) is type(kind))
