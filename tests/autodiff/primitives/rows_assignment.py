"""Domains of the functions that write into their first argument: what they leave behind, as a function of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from autodiff.testing.strategies import arrays, indices, shapes


def after(write: Callable) -> Callable:
    """What ``write(y, *values)`` makes of a copy ``y`` of its first argument."""

    def f(x: Any, *values: Any) -> Any:
        y = np.copy(x, order="C")
        write(y, *values)
        return y

    return f


def positions(draw: Any, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape))
    return np.array(draw(st.lists(st.integers(low, high), min_size=size, max_size=size)), dtype=int).reshape(shape)


@st.composite
def puts(draw: Any) -> tuple[Callable, list]:
    x = draw(arrays(shapes(min_side=1)))
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    reach = x.size * (1 if mode == "raise" else 2)
    places = positions(draw, -reach, reach - 1, draw(shapes(max_dims=2)))
    return after(lambda y, v: np.put(y, places, v, mode)), [x, draw(arrays(shapes(max_dims=1, min_side=1)))]


@st.composite
def puts_along_axis(draw: Any) -> tuple[Callable, list]:
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    if axis is None:
        places = positions(draw, 0, x.size - 1, (draw(st.integers(0, 3)),))
    else:
        shape = [draw(st.sampled_from([1, n])) for n in x.shape]  # indices broadcast along the other axes
        shape[axis] = draw(st.integers(1, 3))
        places = positions(draw, -x.shape[axis], x.shape[axis] - 1, tuple(shape))
    value = draw(arrays(draw(st.sampled_from([(), places.shape]))))
    return after(lambda y, v: np.put_along_axis(y, places, v, axis)), [x, value]


@st.composite
def masked(draw: Any, function: Callable) -> tuple[Callable, list]:
    x = draw(arrays(shapes()))
    mask = draw(arrays(x.shape, st.sampled_from([0.0, 1.0]))) > 0
    return after(lambda y, v: function(y, mask, v)), [x, draw(arrays(shapes(max_dims=2, min_side=1)))]


@st.composite
def copies(draw: Any) -> tuple[Callable, list]:
    x = draw(arrays(shapes()))
    source = tuple(draw(st.sampled_from([1, n])) for n in x.shape)[draw(st.integers(0, x.ndim)) :]
    where = draw(st.just(True) | arrays(x.shape, st.sampled_from([0.0, 1.0])).map(lambda m: m > 0))
    return after(lambda y, v: np.copyto(y, v, where=where)), [x, draw(arrays(source))]


@st.composite
def diagonals(draw: Any) -> tuple[Callable, list]:
    shape = draw(st.sampled_from([(2, 2), (5, 2), (2, 3), (2, 2, 2)]))
    wrap = draw(st.booleans())
    value = draw(arrays(draw(st.sampled_from([(), (1,), (2,), (3,)]))))
    return after(lambda y, v: np.fill_diagonal(y, v, wrap)), [draw(arrays(shape)), value]


@st.composite
def accumulations(draw: Any, function: Callable) -> tuple[Callable, list]:
    x = draw(arrays(shapes(min_dims=1)))
    index = draw(indices(x.shape))
    value = draw(arrays(x[index].shape) | st.just(np.array(0.5)))
    return after(lambda y, v: function(y, index, v)), [x, value]


ROWS = {
    np.put: puts(),
    np.put_along_axis: puts_along_axis(),
    np.place: masked(np.place),
    np.putmask: masked(np.putmask),
    np.copyto: copies(),
    np.fill_diagonal: diagonals(),
    np.add.at: accumulations(np.add.at),
    np.subtract.at: accumulations(np.subtract.at),
}
