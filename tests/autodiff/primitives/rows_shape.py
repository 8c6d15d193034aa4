"""Domains of the shape functions."""

import itertools

import numpy as np
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from autodiff.primitives import shape as shape_primitives
from autodiff.testing.strategies import arrays, broadcastable_shapes, lattice, shapes

place_diagonal = shape_primitives._place_diagonal
MATRICES = shapes(min_dims=2, max_dims=3)


def one(call, of=None):
    """Calls of a function of one array, ``call(x)``."""
    return arrays(shapes() if of is None else of).map(lambda x: (call, [x]))


def choosing(choose, of=None):
    """Calls whose static parameters depend on the array: ``choose(draw, x)`` gives the function."""

    @st.composite
    def draw(draw):
        x = draw(arrays(shapes() if of is None else of))
        return choose(draw, x), [x]

    return draw()


def axis_of(draw, x):
    return draw(st.integers(-x.ndim, x.ndim - 1))


def reshapes(draw, x):
    factors = sorted(n for n in range(1, x.size + 1) if x.size % n == 0) or [0]
    shape = draw(st.sampled_from([(-1,), x.shape[::-1], (1, x.size), *((n, x.size // max(n, 1)) for n in factors)]))
    order = draw(st.sampled_from("CF"))
    if x.size == 0 and -1 in shape:
        shape = (0,)
    return lambda x: np.reshape(x, shape, order=order)


def transposes(draw, x):
    order = draw(st.permutations(range(x.ndim)))
    axes = draw(st.sampled_from([None, tuple(order), tuple(i - x.ndim for i in order)]))
    return lambda x: np.transpose(x, axes)


def swaps(draw, x):
    i, j = axis_of(draw, x), axis_of(draw, x)
    return lambda x: np.swapaxes(x, i, j)


def moves(draw, x):
    i, j = axis_of(draw, x), axis_of(draw, x)
    return lambda x: np.moveaxis(x, i, j)


def rolls_of_axes(draw, x):
    i, j = axis_of(draw, x), draw(st.integers(-x.ndim, x.ndim))
    return lambda x: np.rollaxis(x, i, j)


def flips(draw, x):
    axis = draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    return lambda x: np.flip(x, axis)


def rolls(draw, x):
    shift = draw(st.integers(-5, 5))
    axis = draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    return lambda x: np.roll(
        x, (shift, shift + 1) if axis is not None else shift, (axis, axis) if axis is not None else None
    )


def repeats(draw, x):
    axis = draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    length = x.size if axis is None else x.shape[axis]
    counts = draw(st.one_of(st.integers(0, 3), st.lists(st.integers(0, 3), min_size=length, max_size=length)))
    return lambda x: np.repeat(x, counts, axis)


def quarter_turns(draw, x):
    k = draw(st.integers(-3, 5))
    axes = draw(st.sampled_from(list(itertools.permutations(range(x.ndim), 2))))
    return lambda x: np.rot90(x, k, axes)


def tilings(draw, x):
    reps = draw(st.one_of(st.integers(0, 3), st.lists(st.integers(0, 3), max_size=4).map(tuple)))
    return lambda x: np.tile(x, reps)


def diagonals(function):
    def choose(draw, x):
        offset = draw(st.integers(-2, 2))
        return lambda x: function(x, offset)

    return choose


def triangles(function):
    def choose(draw, x):
        k = draw(st.integers(-2, 2))
        return lambda x: function(x, k)

    return choose


def splits(function, axis=None):
    def choose(draw, x):
        along = axis_of(draw, x) if axis is None else axis
        cuts = sorted(draw(st.lists(st.integers(0, x.shape[along]), max_size=3)))
        pieces = len(cuts) + 1
        which = draw(st.integers(0, pieces - 1))
        if axis is None:
            return lambda x: function(x, cuts, along)[which] * 2
        return lambda x: function(x, cuts)[which] * 2

    return choose


@st.composite
def joins(draw, function, **keywords):
    shape = draw(shapes(min_dims=1, min_side=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    xs = [draw(arrays(shape)) for _ in range(draw(st.integers(1, 3)))]
    return (lambda *xs: function(list(xs), axis)), xs


def stacks(function, *lengths):
    """Calls with a list of arrays whose shapes go together."""
    return st.tuples(*(arrays(shape) for shape in lengths)).map(lambda xs: (lambda *xs: function(list(xs)), list(xs)))


@st.composite
def broadcasts(draw):
    small, large = draw(broadcastable_shapes(2))
    shape = np.broadcast_shapes(small, large)
    return (lambda x: np.broadcast_to(x, shape)), [draw(arrays(small))]


@st.composite
def several_broadcast(draw):
    one, two = draw(broadcastable_shapes(2))
    return (lambda x, y: np.multiply(*np.broadcast_arrays(x, y))), [draw(arrays(one)), draw(arrays(two))]


@st.composite
def grids(draw):
    x, y = draw(arrays(shapes(min_dims=1, max_dims=1))), draw(arrays(shapes(min_dims=1, max_dims=1)))
    keywords = dict(indexing=draw(st.sampled_from(["xy", "ij"])), sparse=draw(st.booleans()))
    return (lambda x, y: np.multiply(*np.meshgrid(x, y, **keywords))), [x, y]


@st.composite
def placed_diagonals(draw):
    n, offset = draw(st.integers(0, 4)), draw(st.integers(-2, 2))
    side = n + abs(offset)
    return (lambda v: shape_primitives.place_diagonal(v, (side, side), offset, 0, 1)), [draw(arrays((n,)))]


def windows(draw, x):
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    if axis is None:
        window = tuple(draw(st.integers(1, n)) for n in x.shape)
        return lambda x: sliding_window_view(x, window)
    if draw(st.booleans()) and x.shape[axis] > 1:
        return lambda x: sliding_window_view(x, (2, 1), (axis, axis))
    width = draw(st.integers(1, x.shape[axis]))
    return lambda x: sliding_window_view(x, width, axis)


@st.composite
def insertions(draw):
    x = draw(arrays(shapes(min_dims=1, max_dims=2, min_side=1)))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    length = x.size if axis is None else x.shape[axis]
    place = st.integers(-length, length)
    where = draw(st.one_of(place, st.lists(place, min_size=2, max_size=2), st.just(slice(0, length))))
    return (lambda x, values: np.insert(x, where, values, axis)), [x, draw(arrays(()))]


@st.composite
def insertions_of_rows(draw):
    x, row = draw(arrays((2, 3))), draw(arrays((3,)))
    where = draw(st.sampled_from([0, -1, [2], [0, 2, 2], np.array([True, False])]))
    return (lambda x, row: np.insert(x, where, row, axis=0)), [x, row]


def deletions(draw, x):
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    length = x.size if axis is None else x.shape[axis]
    place = st.integers(-length, length - 1)
    mask = st.lists(st.booleans(), min_size=length, max_size=length).map(lambda bits: np.array(bits, bool))
    where = draw(st.one_of(place, st.lists(place, max_size=3), st.just(slice(None, None, 2)), mask))
    return lambda x: np.delete(x, where, axis)


def resizings(draw, x):
    shape = draw(st.one_of(st.integers(0, 7), shapes()))
    return lambda x: np.resize(x, shape)


@st.composite
def trimmings(draw):
    x = draw(arrays(AT_LEAST_1D, lattice(0.5, 4.0)))
    kept = np.asarray(draw(arrays(x.shape, st.sampled_from([0.0, 1.0]))))
    trim, axis = draw(st.sampled_from(["fb", "f", "b"])), draw(st.sampled_from([None, *range(x.ndim)]))
    return (lambda x: np.trim_zeros(np.where(kept, x, 0), trim, axis)), [x]


def vandermondes(draw, x):
    count, increasing = draw(st.sampled_from([None, 0, 1, 2, 4])), draw(st.booleans())
    return lambda x: np.vander(x, count, increasing)


def applications(draw, x):
    axis = axis_of(draw, x)
    function = draw(st.sampled_from([np.sum, np.cumsum, lambda row: np.outer(row, row)]))
    return lambda x: np.apply_along_axis(function, axis, x)


def repeated_applications(draw, x):
    axes = draw(st.sampled_from([axis_of(draw, x), tuple(range(x.ndim))]))
    return lambda x: np.apply_over_axes(np.sum, x, axes)


AT_LEAST_1D = shapes(min_dims=1)
WITH_ENTRIES = shapes(min_dims=1, min_side=1)
LINES = shapes(min_dims=1, max_dims=1)
SQUEEZABLE = st.lists(st.sampled_from([1, 2, 3]), max_size=3).map(tuple)

ROWS = {
    np.reshape: choosing(reshapes),
    np.transpose: choosing(transposes),
    np.swapaxes: choosing(swaps, AT_LEAST_1D),
    np.moveaxis: choosing(moves, AT_LEAST_1D),
    np.rollaxis: choosing(rolls_of_axes, AT_LEAST_1D),
    np.matrix_transpose: one(np.matrix_transpose, MATRICES),
    np.linalg.matrix_transpose: one(np.linalg.matrix_transpose, MATRICES),
    np.ravel: one(lambda x: np.ravel(x, "F")),
    np.squeeze: one(np.squeeze, SQUEEZABLE),
    np.expand_dims: one(lambda x: np.expand_dims(x, (0, -1))),
    np.broadcast_to: broadcasts(),
    np.broadcast_arrays: several_broadcast(),
    np.atleast_1d: one(np.atleast_1d),
    np.atleast_2d: one(np.atleast_2d),
    np.atleast_3d: one(np.atleast_3d),
    np.flip: choosing(flips),
    np.fliplr: one(np.fliplr, MATRICES),
    np.flipud: one(np.flipud, MATRICES),
    np.roll: choosing(rolls),
    np.rot90: choosing(quarter_turns, MATRICES),
    np.repeat: choosing(repeats),
    np.tile: choosing(tilings),
    np.concatenate: st.one_of(joins(np.concatenate), stacks(lambda xs: np.concatenate(xs, None), (2, 3), (4,))),
    np.stack: joins(np.stack),
    np.hstack: st.one_of(stacks(np.hstack, (2,), (3,)), stacks(np.hstack, (2, 3), (2, 1)), stacks(np.hstack, (), ())),
    np.vstack: st.one_of(stacks(np.vstack, (3,), (2, 3)), stacks(np.vstack, (2, 3), (0, 3))),
    np.dstack: st.one_of(stacks(np.dstack, (2,), (2,)), stacks(np.dstack, (2, 3), (2, 3, 2))),
    np.column_stack: st.one_of(stacks(np.column_stack, (2,), (2, 3)), stacks(np.column_stack, (2,), (2,))),
    np.block: stacks(lambda xs: np.block([[xs[0], xs[1]], [xs[2]]]), (2, 1), (2, 2), (3,)),
    np.split: choosing(splits(np.split), AT_LEAST_1D),
    np.array_split: choosing(splits(np.array_split), AT_LEAST_1D),
    np.hsplit: choosing(splits(np.hsplit, 1), MATRICES),
    np.vsplit: choosing(splits(np.vsplit, 0), MATRICES),
    np.dsplit: choosing(splits(np.dsplit, 2), shapes(min_dims=3)),
    np.unstack: one(lambda x: np.multiply(*np.unstack(x, axis=1)), st.just((3, 2))),
    np.diag: st.one_of(choosing(triangles(np.diag), MATRICES.map(lambda s: s[:2])), one(np.diag, st.just((3,)))),
    np.diagonal: choosing(diagonals(np.diagonal), MATRICES),
    np.linalg.diagonal: one(lambda x: np.linalg.diagonal(x, offset=1), MATRICES),
    place_diagonal: placed_diagonals(),
    np.trace: choosing(diagonals(np.trace), MATRICES),
    np.linalg.trace: one(np.linalg.trace, MATRICES),
    np.tril: choosing(triangles(np.tril), MATRICES),
    np.triu: choosing(triangles(np.triu), MATRICES),
    np.meshgrid: grids(),
    sliding_window_view: choosing(windows, WITH_ENTRIES),
    np.append: st.one_of(
        joins(lambda xs, axis: np.append(xs[0], xs[-1], axis)), stacks(lambda xs: np.append(*xs), (2, 3), (4,))
    ),
    np.insert: st.one_of(insertions(), insertions_of_rows()),
    np.delete: choosing(deletions, WITH_ENTRIES),
    np.resize: choosing(resizings),
    np.trim_zeros: trimmings(),
    np.diagflat: choosing(triangles(np.diagflat), shapes(max_dims=2)),
    np.vander: choosing(vandermondes, LINES),
    np.apply_along_axis: choosing(applications, WITH_ENTRIES),
    np.apply_over_axes: choosing(repeated_applications, WITH_ENTRIES),
}
