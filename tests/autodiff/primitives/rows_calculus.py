"""Domains of differences, integrals, interpolation and grids."""

import numpy as np
from hypothesis import strategies as st

from autodiff.primitives import calculus
from autodiff.testing.strategies import arrays, distinct_arrays, lattice, shapes

LINES = shapes(min_dims=1, max_dims=1)
GRIDS = shapes(min_dims=1, min_side=1, max_side=4)


def axis_of(draw, x):
    return draw(st.integers(-x.ndim, x.ndim - 1))


def rising(length):
    """Nodes in order, unequally spaced."""
    steps = st.lists(st.sampled_from([0.25, 0.5, 1.0, 1.5]), min_size=length, max_size=length)
    return steps.map(lambda widths: np.cumsum(widths) - 2.0)


@st.composite
def differences(draw):
    x = draw(arrays(GRIDS))
    axis, n = axis_of(draw, x), draw(st.integers(0, 2))
    end = draw(arrays(()))
    if draw(st.booleans()):
        return (lambda x, y: np.diff(x, n, axis, prepend=y, append=x)), [x, end]
    return (lambda x: np.diff(x, n, axis)), [x]


@st.composite
def differences_in_line(draw):
    x, begin, end = draw(arrays(shapes())), draw(arrays(shapes(max_dims=1))), draw(arrays(shapes(max_dims=1)))
    if draw(st.booleans()):
        return np.ediff1d, [x]
    return (lambda x, begin, end: np.ediff1d(x, end, begin)), [x, begin, end]


@st.composite
def integrals(draw):
    y = draw(arrays(GRIDS))
    axis = axis_of(draw, y)
    kind = draw(st.sampled_from(["dx", "line", "grid"]))
    if kind == "dx":
        return (lambda y, dx: np.trapezoid(y, dx=dx, axis=axis)), [y, draw(arrays(()))]
    x = draw(arrays(y.shape if kind == "grid" else y.shape[axis : axis + 1 or None]))
    return (lambda y, x: np.trapezoid(y, x, axis=axis)), [y, x]


@st.composite
def slopes(draw):
    order = draw(st.sampled_from([1, 2]))
    f = draw(arrays(shapes(min_dims=1, max_dims=2, min_side=order + 1, max_side=5)))
    kind = draw(st.sampled_from(["default", "number", "numbers", "coordinates"]))
    if kind in ("default", "numbers"):
        spacings = [] if kind == "default" else [0.5, 1.5][: f.ndim]
        return (lambda f: np.stack(_several(np.gradient(f, *spacings, edge_order=order)))), [f]
    axis = axis_of(draw, f)
    if kind == "number":
        return (lambda f, h: np.gradient(f, h, axis=axis, edge_order=order)), [f, draw(arrays((), lattice(0.5, 2.0)))]
    nodes = draw(rising(f.shape[axis]))
    nodes[-1] += 0.125  # never equally spaced but with a single step
    if len(nodes) == 2:
        nodes = nodes[:1] + [0, 0.5]
        return (lambda f: np.gradient(f, nodes, axis=axis, edge_order=order)), [f]
    return (lambda f, x: np.gradient(f, x, axis=axis, edge_order=order)), [f, nodes]


def _several(found):
    return found if isinstance(found, tuple) else (found,)


@st.composite
def interpolations(draw, function):
    nodes = draw(rising(draw(st.integers(1, 5))))
    values = draw(arrays(nodes.shape))
    x = draw(distinct_arrays(shapes(max_dims=2)))
    if function is not np.interp:
        return function, [x, nodes, values]
    keywords = draw(st.sampled_from([{}, dict(left=0.5), dict(left=-1.0, right=2.5), dict(period=2.3)]))
    return (lambda x, xp, fp: np.interp(x, xp, fp, **keywords)), [x, nodes, values]


@st.composite
def unwraps(draw):
    p = draw(arrays(shapes(min_dims=1), lattice(-9.0, 9.0)))
    axis = axis_of(draw, p)
    keywords = draw(st.sampled_from([{}, dict(discont=4.0), dict(period=2.3)]))
    return (lambda p: np.unwrap(p, axis=axis, **keywords)), [p]


@st.composite
def grids(draw, function, values=None):
    start, stop = draw(arrays(shapes(max_dims=2), values)), draw(arrays((), values))
    num, endpoint = draw(st.integers(0, 5)), draw(st.booleans())
    axis = draw(st.integers(-start.ndim - 1, start.ndim))
    if draw(st.booleans()):
        return (lambda start, stop: function(start, stop, num, endpoint, axis=axis)), [start, stop]
    last = float(stop)
    return (lambda start: function(start, last, num, endpoint)), [start]


@st.composite
def cross_products(draw, function, ends=False):
    shape = draw(shapes(max_dims=2))
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    shape = list(shape)
    shape.insert(axis % (len(shape) + 1), 3)
    a, b = draw(arrays(tuple(shape))), draw(arrays(tuple(shape)))
    if ends and draw(st.booleans()):
        return (lambda a, b: np.cross(a, b, axisa=axis, axisb=-1, axisc=0)), [a, np.moveaxis(b, axis, -1)]
    return (lambda a, b: function(a, b, axis=axis)), [a, b]


ROWS = {
    np.diff: differences(),
    np.ediff1d: differences_in_line(),
    np.trapezoid: integrals(),
    np.gradient: slopes(),
    np.interp: interpolations(np.interp),
    calculus._interpolate: interpolations(calculus.interpolate),
    np.unwrap: unwraps(),
    np.linspace: grids(np.linspace),
    np.logspace: grids(np.logspace),
    np.geomspace: st.one_of(grids(np.geomspace, lattice(0.5, 4.0)), grids(np.geomspace, lattice(-4.0, -0.5))),
    np.cross: cross_products(np.cross, ends=True),
    np.linalg.cross: cross_products(np.linalg.cross),
}
