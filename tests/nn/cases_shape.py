"""Calls of what only arranges entries anew."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from autodiff.testing.strategies import arrays, shapes
from nn.functional import flatten, unflatten

from .cases import Call, Layer, Pair


@st.composite
def flattened(draw: Any) -> Call:
    shape = draw(shapes(max_dims=4))
    count = max(len(shape), 1)
    first = draw(st.integers(0, count - 1))
    last = draw(st.integers(first, count - 1))
    ends = {"start_dim": first - draw(st.sampled_from([0, count])), "end_dim": last - draw(st.sampled_from([0, count]))}
    return Call(flatten, [draw(arrays(shape))], ends)


@st.composite
def unflattened(draw: Any) -> Call:
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    before, after = draw(shapes(max_dims=1)), draw(shapes(max_dims=1))
    x = draw(arrays((*before, math.prod(sizes), *after)))
    if draw(st.booleans()):
        sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    dim = len(before) - draw(st.sampled_from([0, x.ndim]))
    return Call(unflatten, [x], {"dim": dim, "unflattened_size": tuple(sizes)})


PAIRS = {
    flatten: Pair(flattened(), peer=lambda torch, x, **options: torch.flatten(x, **options)),
    unflatten: Pair(
        unflattened(), peer=lambda torch, x, dim, unflattened_size: torch.unflatten(x, dim, unflattened_size)
    ),
}

LAYERS = [
    Layer("Flatten()", (2, 3, 4)),
    Layer("Flatten(0, 1)", (2, 3, 4)),
    Layer("Unflatten(1, (3, 2))", (4, 6)),
    Layer("Unflatten(-1, (-1, 2))", (4, 6)),
]
