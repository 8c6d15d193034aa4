"""SciPy's special functions and the softmax family, and where each can be differentiated by differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import special

from autodiff.primitives.special import log_softmax, logsumexp, polygamma, softmax, spherical_jn
from autodiff.testing.strategies import arrays, axes, broadcastable_shapes, lattice, shapes

from .rows_elementwise import calls


@st.composite
def orders(draw: Any, function: Callable, domain: st.SearchStrategy) -> tuple[Callable, list[np.ndarray]]:
    """A function whose first parameter is an integer order."""
    n = draw(st.integers(0, 3))
    return lambda x: function(n, x), [draw(arrays(draw(shapes()), domain))]


@st.composite
def over_axes(draw: Any, function: Callable) -> tuple[Callable, list[np.ndarray]]:
    """A function of an array and an axis."""
    shape = draw(shapes())
    axis = draw(axes(len(shape)))
    return lambda x: function(x, axis=axis), [draw(arrays(shape, any_real))]


@st.composite
def weighted(draw: Any) -> tuple[Callable, list[np.ndarray]]:
    """Log-sum-exps, some with weights that broadcast; no sum is empty, since its logarithm is not finite."""
    first, second = draw(broadcastable_shapes(2).filter(lambda pair: all(map(all, pair))))
    weigh, keepdims = draw(st.booleans()), draw(st.booleans())
    axis = draw(axes(len(np.broadcast_shapes(first, second)) if weigh else len(first)))
    a = draw(arrays(first, any_real))
    if weigh:
        return lambda a, b: logsumexp(a, axis, b, keepdims), [a, draw(arrays(second, positive))]
    return lambda a: logsumexp(a, axis, keepdims=keepdims), [a]


any_real = lattice(-2, 2)
positive = lattice(0.5, 3)
inside_zero_one = lattice(0.125, 0.875)
inside_one = lattice(-0.75, 0.75)

# fmt: off
ROWS = {
    special.erf:        calls(special.erf, any_real),
    special.erfc:       calls(special.erfc, any_real),
    special.erfinv:     calls(special.erfinv, inside_one),
    special.erfcinv:    calls(special.erfcinv, lattice(0.25, 1.75)),
    special.ndtr:       calls(special.ndtr, any_real),
    special.ndtri:      calls(special.ndtri, inside_zero_one),
    special.expit:      calls(special.expit, any_real),
    special.log_expit:  calls(special.log_expit, any_real),
    special.logit:      calls(special.logit, inside_zero_one),
    special.entr:       calls(special.entr, positive),
    special.xlogy:      calls(special.xlogy, any_real, positive),
    special.xlog1py:    calls(special.xlog1py, any_real, inside_one),
    special.rel_entr:   calls(special.rel_entr, positive, positive),
    special.kl_div:     calls(special.kl_div, positive, positive),
    special.gamma:      calls(special.gamma, positive),
    special.rgamma:     calls(special.rgamma, positive),
    special.gammaln:    calls(special.gammaln, positive),
    special.digamma:    calls(special.digamma, positive),
    special.betaln:     calls(special.betaln, positive, positive),
    special.polygamma:  orders(polygamma, positive),
    special.spherical_jn: orders(spherical_jn, any_real),
    np.sinc:            calls(np.sinc, any_real),
    logsumexp.__wrapped__:   weighted(),
    softmax.__wrapped__:     over_axes(softmax),
    log_softmax.__wrapped__: over_axes(log_softmax),
}
# fmt: on
