"""Domains of the scans."""

import numpy as np
from hypothesis import strategies as st

from autodiff.primitives import scans
from autodiff.testing.strategies import arrays, distinct_arrays, lattice, shapes

AT_LEAST_1D = shapes(min_dims=1)
WITH_ENTRIES = shapes(min_dims=1, min_side=1)


@st.composite
def scan(draw, function, with_nans=False):
    x = draw(arrays(AT_LEAST_1D, lattice(-2.0, 2.0)))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    missing = draw(arrays(x.shape, st.sampled_from([0.0, 0.0, 1.0]))) > 0
    if with_nans:
        return (lambda x: function(np.where(missing, np.nan, x), axis=axis)), [x]
    return (lambda x: function(x, axis=axis)), [x]


@st.composite
def method(draw, function, values=None):
    """Calls of a method ``accumulate``, or of a ``reduce`` that takes a single axis."""
    shape = draw(WITH_ENTRIES)
    x = draw(distinct_arrays(shape) if values is None else arrays(shape, values))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    return draw(st.sampled_from([lambda x: function(x), lambda x: function(x, axis=axis)])), [x]


@st.composite
def masked_method(draw, function):
    x = draw(arrays(WITH_ENTRIES, lattice(-4.0, 4.0)))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    mask = draw(arrays(x.shape, st.sampled_from([0.0, 1.0, 1.0]))) > 0
    keywords = draw(st.sampled_from([{}, dict(initial=0.5), dict(initial=0.5, where=mask), dict(keepdims=True)]))
    return (lambda x: function(x, axis=axis, **keywords)), [x]


@st.composite
def segments(draw):
    x = draw(arrays(WITH_ENTRIES))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    starts = draw(st.lists(st.integers(0, x.shape[axis] - 1), min_size=1, max_size=4))
    if draw(st.booleans()):
        starts = sorted(set(starts))
    return (lambda x: np.add.reduceat(x, starts, axis)), [x]


@st.composite
def cumulative(draw, function):
    x = draw(arrays(WITH_ENTRIES, lattice(-2.0, 2.0)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    keywords = {} if x.ndim == 1 and draw(st.booleans()) else dict(axis=axis)
    first = draw(st.booleans())
    return (lambda x: function(x, include_initial=first, **keywords)), [x]


@st.composite
def recurrences(draw):
    rows, length = draw(st.integers(0, 2)), draw(st.integers(0, 40))
    factors, terms = (draw(arrays((rows, length), lattice(-1.0, 1.0))) for _ in range(2))
    last = draw(arrays((rows, 1)))
    return (lambda factors, *terms: scans.recurrence(factors, np.concatenate(terms, -1))), [factors, terms, last]


POSITIVE = lattice(0.5, 2.0)

ROWS = {
    np.cumsum: scan(np.cumsum),
    np.cumprod: scan(np.cumprod),
    np.nancumsum: scan(np.nancumsum, with_nans=True),
    np.nancumprod: scan(np.nancumprod, with_nans=True),
    np.cumulative_sum: cumulative(np.cumulative_sum),
    np.cumulative_prod: cumulative(np.cumulative_prod),
    np.add.accumulate: method(np.add.accumulate),
    np.multiply.accumulate: method(np.multiply.accumulate),
    np.subtract.accumulate: method(np.subtract.accumulate),
    np.divide.accumulate: method(np.divide.accumulate, POSITIVE),
    np.subtract.reduce: method(np.subtract.reduce),
    np.divide.reduce: method(np.divide.reduce, POSITIVE),
    np.hypot.reduce: masked_method(np.hypot.reduce),
    np.maximum.accumulate: method(np.maximum.accumulate),
    np.minimum.accumulate: method(np.minimum.accumulate),
    np.fmax.accumulate: method(np.fmax.accumulate),
    np.fmin.accumulate: method(np.fmin.accumulate),
    np.logaddexp.reduce: masked_method(np.logaddexp.reduce),
    np.logaddexp2.reduce: masked_method(np.logaddexp2.reduce),
    np.logaddexp.accumulate: method(np.logaddexp.accumulate),
    np.logaddexp2.accumulate: method(np.logaddexp2.accumulate),
    np.add.reduceat: segments(),
    scans._recurrence: recurrences(),
}
