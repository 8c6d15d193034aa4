"""Domains of indexing."""

import operator

import numpy as np
from hypothesis import strategies as st

from autodiff.primitives import indexing
from autodiff.testing.strategies import arrays, indices, shapes


@st.composite
def gathers(draw):
    x = draw(arrays(shapes()))
    index = draw(indices(x.shape))
    return (lambda x: x[index]), [x]


@st.composite
def scatters(draw):
    shape = draw(shapes())
    index = draw(indices(shape))
    values = draw(arrays(np.empty(shape)[index].shape))
    return (lambda v: indexing.scatter(v, index, shape)), [values]


@st.composite
def takes(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    axis = draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1)))
    n = x.size if axis is None else x.shape[axis]
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    reach = n if mode == "raise" else 2 * n + 1
    which = draw(st.lists(st.integers(-reach, reach - 1), max_size=4))
    return (lambda x: np.take(x, np.array(which, dtype=int), axis, mode=mode)), [x]


@st.composite
def takes_along(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    shape = [draw(st.sampled_from([1, n])) for n in x.shape]  # indices broadcast along the other axes
    shape[axis] = draw(st.integers(0, 3))
    size = int(np.prod(shape))
    which = draw(st.lists(st.integers(0, x.shape[axis] - 1), min_size=size, max_size=size))
    which = np.array(which, dtype=int).reshape(shape)
    return (lambda x: np.take_along_axis(x, which, axis)), [x]


@st.composite
def selections(draw, function):
    x = draw(arrays(shapes(min_dims=1, max_dims=1)))
    chosen = np.array(draw(st.lists(st.booleans(), min_size=x.size, max_size=x.size)), dtype=bool)
    return (lambda x: function(chosen, x)), [x]


@st.composite
def assignments(draw):
    x = draw(arrays(shapes(min_dims=1)))
    index = draw(indices(x.shape))
    value = draw(arrays(x[index].shape))

    def assign(x, value):
        y = x * 1.0
        y[index] = value
        return y

    return assign, [x, value]


@st.composite
def accumulations(draw):
    x = draw(arrays(shapes(min_dims=1)))
    index = draw(indices(x.shape))
    return (lambda x, value: indexing.accumulate(x, value, index, False)), [x, draw(arrays(x[index].shape))]


@st.composite
def erasures(draw):
    x = draw(arrays(shapes()))
    index = draw(indices(x.shape))
    return (lambda x: indexing.erase(x, index)), [x]


ROWS = {
    operator.getitem: gathers(),
    indexing._scatter: scatters(),
    indexing._assign: assignments(),
    indexing._add_at: accumulations(),
    indexing._erase: erasures(),
    np.take: takes(),
    np.take_along_axis: takes_along(),
    np.compress: selections(np.compress),
    np.extract: selections(np.extract),
}
