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


def scan(function):
    @st.composite
    def draw(draw):
        x = draw(arrays(shapes(min_dims=1), lattice(-2.0, 2.0)))
        axis = draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1)))
        return (lambda x: function(x, axis=axis)), [x]

    return draw()


@st.composite
def averages(draw):
    shape = draw(WITH_ENTRIES)
    axis = draw(axes(len(shape))) or None
    weights = draw(arrays(shape, lattice(0.5, 4.0)))
    return (lambda x, w: np.average(x, axis=axis, weights=w)), [draw(arrays(shape)), weights]


@st.composite
def with_nans(draw, function):
    x = np.asarray(draw(arrays(WITH_ENTRIES)))
    missing = np.asarray(draw(arrays(x.shape, st.sampled_from([0.0, 1.0]))) > 0)
    missing.flat[0] = False
    return (lambda x: function(np.where(missing, np.nan, x))), [x]


ROWS = {
    np.sum: reduction(np.sum, initial=st.sampled_from([0, 2.5])),
    np.mean: reduction(np.mean, nonempty=True),
    np.prod: reduction(np.prod, lattice(-2.0, 2.0), initial=st.sampled_from([1, 2.5])),
    np.max: reduction(np.max, nonempty=True, where=False),
    np.min: reduction(np.min, nonempty=True, where=False),
    np.var: reduction(np.var, nonempty=True),
    np.std: reduction(np.std, nonempty=True, distinct=True),
    np.ptp: reduction(np.ptp, nonempty=True, where=False, distinct=True),
    np.cumsum: scan(np.cumsum),
    np.cumprod: scan(np.cumprod),
    np.average: averages(),
    np.nansum: with_nans(np.nansum),
    np.nanprod: with_nans(np.nanprod),
    np.nanmean: with_nans(np.nanmean),
}
