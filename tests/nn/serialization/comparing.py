"""States to save, whether two are the same to the bit, and whether a file is refused as it should be."""

from __future__ import annotations

import contextlib
import string
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import nn
from nn.serialization.safetensors import CODES

COMMON_DTYPES = [np.dtype(code) for name, code in CODES.items() if name != "BF16"]
"""What both formats hold."""

ALL_DTYPES = [*COMMON_DTYPES, np.dtype(np.complex128)]
"""What ``.npz`` holds, but for long doubles, some of whose bits mean nothing."""

FEW_BYTES = 1 << 20
"""No more is allocated for a hostile file, which has a few hundred bytes, or a few thousand brackets."""

NAMES = st.text(st.sampled_from(string.ascii_letters + string.digits + "_ üλ漢'\"{}%"), min_size=1, max_size=6)


def random_array(dtype: np.dtype, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Any bits, those of infinities and of NaNs with a message among them."""
    rng = np.random.default_rng(seed)
    if dtype.kind == "b":
        return rng.integers(2, size=shape).astype(bool)
    size = int(np.prod(shape))
    return np.frombuffer(rng.bytes(size * dtype.itemsize), dtype).reshape(shape).copy()


def arrays(dtypes: list[np.dtype]) -> st.SearchStrategy[np.ndarray]:
    shapes = st.lists(st.integers(0, 3), max_size=4).map(tuple)
    return st.builds(random_array, st.sampled_from(dtypes), shapes, st.integers(0, 2**32))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


def states(dtypes: list[np.dtype]) -> st.SearchStrategy[dict[str, Any]]:
    """Nested at random, around arrays, scalars of NumPy, and scalars of Python."""
    array = arrays(dtypes)
    leaves = array | array.filter(lambda a: a.size).map(lambda a: a.flat[0]) | SCALARS

    def containers(inside: st.SearchStrategy) -> st.SearchStrategy:
        lists = st.lists(inside, max_size=3)
        return lists | lists.map(tuple) | st.dictionaries(NAMES, inside, max_size=3)

    return st.dictionaries(NAMES, st.recursive(leaves, containers), max_size=4)


def same(a: Any, b: Any) -> bool:
    """Equal in types, nesting, order of keys and every bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (np.ndarray, np.generic)):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return repr(a) == repr(b)  # tells 0.0 from -0.0, and NaN is NaN


def assert_refused(path: Path, saying: str) -> None:
    """Loading says which file is wrong and how, and allocates next to nothing first."""
    with contextlib.suppress(nn.CheckpointError):
        nn.load(path)  # allocates what is cached from then on
    tracemalloc.start()
    try:
        with pytest.raises(nn.CheckpointError, match=saying) as caught:
            nn.load(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value)) < 1000
    assert peak < FEW_BYTES
