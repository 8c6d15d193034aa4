"""Domains of the polynomials."""

import numpy as np
from hypothesis import strategies as st

from autodiff.testing.strategies import arrays, lattice, shapes

COEFFICIENTS = arrays(shapes(min_dims=1, max_dims=1, min_side=1), lattice(-2.0, 2.0))
LEADING = arrays(shapes(min_dims=1, max_dims=1, min_side=1, max_side=4), lattice(0.5, 2.0))


def pairs(function, coefficients=COEFFICIENTS):
    return st.tuples(coefficients, coefficients).map(lambda ps: (function, list(ps)))


def quotients():
    return pairs(lambda u, v: np.polydiv(u, v)[0], LEADING)


@st.composite
def remainders(draw):
    """The last coefficient, for those before it are left out where they are 0; not of a remainder that is always 0."""
    divisor = arrays((draw(st.integers(2, 3)),), lattice(0.5, 2.0))
    return (lambda u, v: np.polydiv(u, v)[1][-1]), [draw(arrays((4,), lattice(0.5, 2.0))), draw(divisor)]


@st.composite
def integrals(draw):
    constants = draw(st.sampled_from([None, 1.5, [1.0, 2.0]]))
    return (lambda p: np.polyint(p, 2, constants)), [draw(COEFFICIENTS)]


@st.composite
def derivatives(draw):
    m = draw(st.integers(0, 2))
    return (lambda p: np.polyder(p, m)), [draw(COEFFICIENTS)]


@st.composite
def simple_roots(draw):
    roots = draw(st.lists(st.integers(-4, 4), min_size=1, max_size=3, unique=True))
    return (lambda p: np.sort(np.roots(p))), [np.poly(roots) * draw(lattice(0.5, 2.0))]


ROWS = {
    np.polyval: st.tuples(COEFFICIENTS, arrays(shapes(), lattice(-2.0, 2.0))).map(lambda px: (np.polyval, list(px))),
    np.polyadd: pairs(np.polyadd),
    np.polysub: pairs(np.polysub),
    np.polymul: pairs(np.polymul, LEADING),
    np.polydiv: st.one_of(quotients(), remainders()),
    np.polyder: derivatives(),
    np.polyint: integrals(),
    np.roots: simple_roots(),
}
