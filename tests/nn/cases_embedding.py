"""Calls and layers of embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from autodiff.testing.strategies import arrays, shapes
from nn.embedding import embedding_of_rows
from nn.functional import embedding

from .cases import Call, Layer, Pair


@st.composite
def looked_up(draw: Any) -> Call:
    rows, width = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    shape = draw(shapes(min_dims=1, max_dims=2, max_side=3))  # PyTorch fails at a single index and a row of length 1
    size = int(np.prod(shape))
    indices = draw(st.lists(st.integers(0, rows - 1), min_size=size, max_size=size))
    unused = draw(st.sampled_from([None, *set(range(rows)) - set(indices)]))  # else differences see what gradients omit
    args = [np.array(indices, int).reshape(shape), draw(arrays((rows, width)))]
    return Call(embedding, args, {"padding_idx": unused})


PAIRS = {embedding_of_rows: Pair(looked_up())}

LAYERS = [
    Layer("Embedding(5, 3)", np.array([[1, 4], [4, 0]])),
    Layer("Embedding(5, 3, padding_idx=-1)", np.array([1, 3, 3, 2, 1])),
]
