"""Domains of the order statistics, averages and covariances."""

import numpy as np
from hypothesis import strategies as st

from autodiff.primitives import statistics
from autodiff.testing.strategies import arrays, axes, distinct_arrays, lattice, shapes

METHODS = (
    "inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull linear "
    "median_unbiased normal_unbiased lower higher midpoint nearest"
).split()
WITH_ENTRIES = shapes(min_side=1, max_side=4)


@st.composite
def medians(draw, function):
    x = draw(distinct_arrays(WITH_ENTRIES))
    keywords = dict(axis=draw(axes(x.ndim)), keepdims=draw(st.booleans()))
    if keywords["axis"] == ():
        keywords["axis"] = None
    return with_nans(draw, function, x, keywords)


def with_nans(draw, function, x, keywords):
    """The call; of a function that skips NaN, with some, but not along the whole of an axis."""
    if not function.__name__.startswith("nan"):
        return (lambda x: function(x, **keywords)), [x]
    missing = np.asarray(draw(arrays(x.shape, st.sampled_from([0.0, 0.0, 1.0]))) > 0)
    for axis in range(x.ndim):
        missing[(slice(None),) * axis + (0,)] = False
    missing &= x.ndim > 0
    return (lambda x: function(np.where(missing, np.nan, x), **keywords)), [x]


@st.composite
def quantiles(draw, function, top=1.0):
    x = draw(distinct_arrays(WITH_ENTRIES))
    several = [0.2, 0.9] if function.__name__.startswith("nan") else [[0.1, 0.2], [0.7, 0.9]]
    q = draw(st.sampled_from([0.0, 0.3, 0.5, 1.0, [0.25, 0.8], several, np.float64(0.6)]))
    keywords = dict(
        axis=draw(axes(x.ndim)) or None, keepdims=draw(st.booleans()), method=draw(st.sampled_from(METHODS))
    )
    if keywords["method"] == "inverted_cdf" and draw(st.booleans()):
        keywords["weights"] = 1 + np.arange(x.size).reshape(x.shape) % 3
    return with_nans(draw, function, x, keywords | dict(q=np.multiply(q, top) if top != 1 else q))


@st.composite
def averages(draw):
    shape = draw(WITH_ENTRIES)
    axis = draw(axes(len(shape))) or None
    over = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    of_axes = draw(st.booleans()) and axis is not None
    weights = draw(arrays(tuple(shape[i] for i in over) if of_axes else shape, lattice(0.5, 4.0)))
    keepdims = draw(st.booleans())
    x = draw(arrays(shape))
    if draw(st.booleans()):
        return (lambda x: np.average(x, axis=axis, keepdims=keepdims)), [x]
    return (lambda x, w: np.average(x, axis=axis, weights=w, keepdims=keepdims)), [x, weights]


@st.composite
def covariances(draw, function, weighted=True, fewest=2):
    variables, observations = draw(st.integers(1, 3)), draw(st.integers(fewest, 4))
    rowvar = draw(st.booleans())
    args = []
    for count in (variables, draw(st.integers(1, 2)))[: draw(st.integers(1, 2))]:
        x = draw(distinct_arrays((count, observations)))
        args.append(x if rowvar or count == 1 and args else x.T)
    keywords = {}
    if weighted:
        keywords = dict(bias=draw(st.booleans()))
        counts = st.lists(st.integers(1, 3), min_size=observations, max_size=observations)
        if draw(st.booleans()):
            keywords["fweights"] = draw(counts)
        if draw(st.booleans()):
            keywords["aweights"] = draw(counts)
    return (lambda *args: function(*args, rowvar=rowvar, **keywords)), args


@st.composite
def counts(draw):
    weights = draw(arrays(shapes(min_dims=1, max_dims=1)))
    bins = draw(st.lists(st.integers(0, 4), min_size=weights.size, max_size=weights.size))
    places, length = np.array(bins, dtype=int), draw(st.integers(0, 6))
    return (lambda w: np.bincount(places, w, length)), [weights]


ROWS = {
    np.median: medians(np.median),
    np.nanmedian: medians(np.nanmedian),
    np.quantile: quantiles(np.quantile),
    np.nanquantile: quantiles(np.nanquantile),
    np.percentile: quantiles(np.percentile, 100.0),
    np.nanpercentile: quantiles(np.nanpercentile, 100.0),
    np.average: averages(),
    np.cov: covariances(np.cov),
    np.corrcoef: covariances(np.corrcoef, weighted=False, fewest=3),
    statistics._within_one: arrays(shapes(), lattice(-0.9, 0.9)).map(lambda x: (statistics.within_one, [x])),
    np.bincount: counts(),
}
