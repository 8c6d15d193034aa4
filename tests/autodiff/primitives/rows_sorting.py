"""Domains of sorting."""

from math import prod

import numpy as np
from hypothesis import strategies as st

from autodiff.testing.strategies import distinct_arrays, shapes


@st.composite
def sorts(draw):
    x = draw(distinct_arrays(shapes(min_dims=1)))
    keywords = draw(st.sampled_from([{}, dict(kind="heapsort"), dict(stable=True)]))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    return (lambda x: np.sort(x, axis, **keywords)), [x]


@st.composite
def partitions(draw):
    x = draw(distinct_arrays(shapes(min_dims=1, max_side=5, min_side=1)))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    reach = x.size if axis is None else x.shape[axis]
    kth = draw(st.lists(st.integers(-reach, reach - 1), min_size=1, max_size=2))
    return (lambda x: np.partition(x, kth, axis)), [x]


@st.composite
def spread(draw, min_dims=0):
    """Few entries, so far apart that no step of a difference makes two equal."""
    shape = draw(shapes(min_dims=min_dims, min_side=1, max_side=2))
    return np.array(draw(st.permutations(range(prod(shape)))), dtype=float).reshape(shape) - 2.5


@st.composite
def uniques(draw):
    x = draw(spread(min_dims=1))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    keywords = draw(st.sampled_from([{}, dict(return_index=True), dict(return_inverse=True, return_counts=True)]))

    def values(x):
        found = np.unique(x, axis=axis, **keywords)
        return found[0] if keywords else found

    return values, [x]


DISTINCT = spread()

ROWS = {
    np.sort: sorts(),
    np.sort_complex: distinct_arrays(shapes(min_dims=1)).map(lambda x: (np.sort_complex, [x])),
    np.partition: partitions(),
    np.unique: uniques(),
    np.unique_values: DISTINCT.map(lambda x: (lambda x: np.sort(np.unique_values(x)), [x])),
    np.unique_all: DISTINCT.map(lambda x: (lambda x: np.unique_all(x).values, [x])),
    np.unique_counts: DISTINCT.map(lambda x: (lambda x: np.unique_counts(x).values, [x])),
    np.unique_inverse: DISTINCT.map(lambda x: (lambda x: np.unique_inverse(x).values, [x])),
    np.union1d: DISTINCT.map(lambda x: (lambda x: np.union1d(x, [9.5, 7.5]), [x])),
}
