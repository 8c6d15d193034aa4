"""Calls of the affine and bilinear maps, and their layers."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from autodiff.testing.strategies import arrays, shapes
from nn.functional import bilinear, linear

from .cases import Call, Layer, Pair

SIZES, SOME = st.integers(0, 4), st.integers(1, 4)


@st.composite
def linears(draw: Any) -> Call:
    n_in, n_out = draw(SIZES), draw(SIZES)
    x = draw(arrays((*draw(shapes(max_dims=2)), n_in)))
    bias = [draw(arrays((n_out,)))] if draw(st.booleans()) else []
    return Call(linear, [x, draw(arrays((n_out, n_in))), *bias])


@st.composite
def bilinears(draw: Any) -> Call:
    n_1, n_2, n_out = draw(SOME), draw(SOME), draw(SOME)
    leading = draw(shapes(max_dims=2))
    bias = [draw(arrays((n_out,)))] if draw(st.booleans()) else []
    inputs = [draw(arrays((*leading, n_1))), draw(arrays((*leading, n_2)))]
    return Call(bilinear, [*inputs, draw(arrays((n_out, n_1, n_2))), *bias])


PAIRS = {linear: Pair(linears()), bilinear: Pair(bilinears())}

LAYERS = [
    Layer("Linear(3, 2)", (4, 3)),
    Layer("Linear(3, 2, bias=False)", (2, 4, 3)),
    Layer("Bilinear(3, 2, 4)", (5, 3), (5, 2)),
    Layer("Bilinear(3, 2, 1, bias=False)", (2, 5, 3), (2, 5, 2)),
    Layer("Sequential(Linear(3, 4), Linear(4, 2))", (5, 3)),
    Layer("Sequential(Identity(), Linear(3, 4), Identity(7, unused=True))", (5, 3)),
    Layer("Identity()", (4, 3)),
]
