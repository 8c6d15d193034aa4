"""Calls and layers of dropout."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from autodiff.testing.strategies import arrays, shapes
from nn.dropout import alpha_dropout_by_mask, dropout_by_mask
from nn.functional import alpha_dropout, dropout, dropout2d

from .cases import Call, Layer, Pair

P = st.sampled_from([0.1, 0.5, 0.75, 1.0])


@st.composite
def dropped(draw: Any) -> Call:
    options = {"p": draw(P), "rng": draw(st.integers(0, 9))}
    if draw(st.booleans()):
        return Call(dropout2d, [draw(arrays(shapes(min_dims=4, max_dims=4, max_side=2)))], options)
    return Call(dropout, [draw(arrays(shapes()))], options)


@st.composite
def replaced(draw: Any) -> Call:
    return Call(
        alpha_dropout, [draw(arrays(shapes()))], {"p": draw(P), "training": True, "rng": draw(st.integers(0, 9))}
    )


PAIRS = {
    dropout_by_mask: Pair(dropped(), peer=None),
    alpha_dropout_by_mask: Pair(replaced(), peer=None),
}

LAYERS = [
    Layer("Dropout(0.3)", (4, 3), random=True),
    Layer("Dropout(p=1)", (4, 3), random=True),
    Layer("Dropout2d(0.3)", (2, 3, 2, 2), random=True),
    Layer("AlphaDropout(0.3)", (4, 3), random=True),
]
