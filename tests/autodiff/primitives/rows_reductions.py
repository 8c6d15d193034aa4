"""Domains of the reductions."""

import numpy as np
from hypothesis import strategies as st

from autodiff.testing.strategies import arrays, axes, distinct_arrays, lattice, shapes

WITH_ENTRIES = shapes(min_side=1)


def reduction(function, values=None, nonempty=False, where=True, distinct=False, **extra):
    """Calls with every kind of axis, with and without ``keepdims``, and with a mask where the function takes one."""

    @st.composite
    def draw(draw):
        shape = draw(WITH_ENTRIES if nonempty else shapes())
        x = draw(distinct_arrays(shape) if distinct else arrays(shape, values))
        keywords = dict(axis=draw(axes(x.ndim)), keepdims=draw(st.booleans()))
        keywords.update({name: draw(strategy) for name, strategy in extra.items()})
        if where and keywords["axis"] != () and draw(st.booleans()):
            mask = draw(arrays(shape, st.sampled_from([0.0, 1.0]))) > 0
            keywords["where"] = _filled(mask) if nonempty else mask
        return (lambda x: function(x, **keywords)), [x]

    return draw()


def _filled(mask):
    """A mask with an entry along every axis of every reduction: its first slices."""
    mask = np.array(mask) if mask.ndim else np.array(True)
    for axis in range(mask.ndim):
        mask[(slice(None),) * axis + (0,)] = True
    return mask


def method(function, **options):
    """Calls of a method ``reduce``, whose axis is 0 unless it is given."""

    @st.composite
    def draw(draw):
        shape = draw(shapes(min_dims=1, min_side=1))
        axis = draw(st.none() | st.integers(-len(shape), len(shape) - 1))
        keywords = dict(axis=axis, keepdims=draw(st.booleans()))
        keywords.update({name: draw(strategy) for name, strategy in options.items()})
        call = draw(st.sampled_from([lambda x: function(x), lambda x: function(x, **keywords)]))
        return call, [draw(distinct_arrays(shape))]

    return draw()


@st.composite
def around_given_means(draw, function):
    x = draw(distinct_arrays(WITH_ENTRIES))
    axis = draw(axes(x.ndim))
    keywords = dict(axis=axis, correction=draw(st.sampled_from([0, 0.5])), keepdims=draw(st.booleans()))
    means = np.mean(x, axis=axis, keepdims=True) + draw(lattice(0.5, 1.0))
    return (lambda x, means: function(x, mean=means, **keywords)), [x, means]


@st.composite
def with_nans(draw, function, distinct=False, where=True, **extra):
    """Calls with NaNs in every place but the first of each axis."""
    shape = draw(WITH_ENTRIES)
    x = draw(distinct_arrays(shape) if distinct else arrays(shape, lattice(-2.0, 2.0)))
    missing = ~_filled(draw(arrays(shape, st.sampled_from([0.0, 1.0]))) > 0)
    keywords = dict(axis=draw(axes(x.ndim)), keepdims=draw(st.booleans()))
    if keywords["axis"] == ():
        missing = np.zeros(shape, bool)
    keywords.update({name: draw(strategy) for name, strategy in extra.items()})
    if where and draw(st.booleans()):
        keywords["where"] = ~missing | (draw(arrays(shape, st.sampled_from([0.0, 1.0]))) > 0)
    return (lambda x: function(np.where(missing, np.nan, x), **keywords)), [x]


INITIAL = st.sampled_from([-1.0, 0.0, 40.0])

ROWS = {
    np.sum: reduction(np.sum, initial=st.sampled_from([0, 2.5])),
    np.mean: reduction(np.mean, nonempty=True),
    np.prod: reduction(np.prod, lattice(-2.0, 2.0), initial=st.sampled_from([1, 2.5])),
    np.max: st.one_of(reduction(np.max, nonempty=True, where=False), reduction(np.max, initial=INITIAL)),
    np.min: st.one_of(reduction(np.min, nonempty=True, where=False), reduction(np.min, initial=INITIAL)),
    np.amax: reduction(np.amax, nonempty=True, where=False),
    np.amin: reduction(np.amin, nonempty=True, where=False),
    np.var: st.one_of(reduction(np.var, nonempty=True, ddof=st.sampled_from([0, 0.5])), around_given_means(np.var)),
    np.std: st.one_of(reduction(np.std, nonempty=True, distinct=True), around_given_means(np.std)),
    np.ptp: reduction(np.ptp, nonempty=True, where=False, distinct=True),
    np.nansum: with_nans(np.nansum, initial=st.sampled_from([0, 2.5])),
    np.nanprod: with_nans(np.nanprod, initial=st.sampled_from([1, 2.5])),
    np.nanmean: with_nans(np.nanmean),
    np.nanmax: with_nans(np.nanmax, distinct=True, initial=INITIAL),
    np.nanmin: with_nans(np.nanmin, distinct=True, where=False),
    np.nanvar: st.one_of(with_nans(np.nanvar, ddof=st.sampled_from([0, 0.5])), around_given_means(np.nanvar)),
    np.nanstd: st.one_of(with_nans(np.nanstd, distinct=True), around_given_means(np.nanstd)),
    np.add.reduce: method(np.add.reduce, initial=st.sampled_from([0.0, 2.5])),
    np.multiply.reduce: method(np.multiply.reduce, initial=st.sampled_from([1.0, 2.5])),
    np.maximum.reduce: method(np.maximum.reduce, initial=INITIAL),
    np.minimum.reduce: method(np.minimum.reduce, initial=INITIAL),
    np.fmax.reduce: with_nans(np.fmax.reduce, distinct=True, initial=INITIAL),
    np.fmin.reduce: with_nans(np.fmin.reduce, distinct=True, initial=INITIAL),
}
