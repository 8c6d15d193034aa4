"""Calls of padding."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from autodiff.testing.strategies import arrays, shapes
from nn.functional import pad
from nn.padding import padding

from .cases import Call, Layer, Pair


@st.composite
def padded(draw: Any) -> Call:
    mode = draw(st.sampled_from(["constant", "reflect", "replicate", "circular"]))
    if mode == "constant":
        shape = draw(shapes(min_dims=1))  # PyTorch makes a number an array
        options = {"value": draw(st.sampled_from([0.0, -1.5]))}
        widths = [draw(st.integers(0, 2)) for _ in range(2 * draw(st.integers(0, len(shape))))]
    else:  # PyTorch pads all but one or two leading axes, and these at most three
        size = draw(shapes(min_side=1, min_dims=1, max_dims=2))
        shape, options = (*draw(shapes(min_side=1, min_dims=1, max_dims=1)), *size), {}
        most = [{"reflect": n - 1, "circular": n, "replicate": 3}[mode] for n in reversed(size) for _ in range(2)]
        widths = [draw(st.integers(0, n)) for n in most]
    return Call(pad, [draw(arrays(shape))], {"pad": tuple(widths), "mode": mode, **options})


PAIRS = {padding: Pair(padded())}

LAYERS: list[Layer] = []
