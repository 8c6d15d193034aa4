"""SciPy's special functions and the softmax family, and where each can be differentiated by differences."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import special

from autodiff.primitives.bessel import spherical, spherical_jn
from autodiff.primitives.hypergeometric import gauss, kummer
from autodiff.primitives.incomplete import betainc_by, gammainc_by_a, polygamma
from autodiff.primitives.softmax import log_softmax, log_sum_exp, softmax
from autodiff.primitives.special import (
    cosine_integral,
    hazard,
    hurwitz,
    lambertw,
    mills_derivative,
    multigammaln,
    sine_integral,
)
from autodiff.testing.strategies import arrays, axes, broadcastable_shapes, lattice, shapes

from .rows_elementwise import calls


@st.composite
def orders(
    draw: Any, function: Callable, domain: st.SearchStrategy, numbers: st.SearchStrategy | None = None
) -> tuple[Callable, list[np.ndarray]]:
    """A function whose first parameter is an order."""
    n = draw(st.integers(0, 3) if numbers is None else numbers)
    return lambda x: function(n, x), [draw(arrays(draw(shapes()), domain))]


@st.composite
def derivatives(draw: Any, function: Callable, *domains: st.SearchStrategy) -> tuple[Callable, list[np.ndarray]]:
    """Derivatives of low order by the first argument."""
    n = draw(st.integers(1, 2))
    _, args = draw(calls(function, *domains))
    return lambda *args: function(n, *args), args


@st.composite
def mixed(draw: Any) -> tuple[Callable, list[np.ndarray]]:
    """Derivatives of the incomplete beta function by its parameters."""
    m, n = draw(st.sampled_from([(1, 0), (0, 1), (1, 1), (2, 0)]))
    _, args = draw(calls(betainc_by, positive, positive, inside_zero_one))
    return lambda a, b, x: betainc_by(m, n, a, b, x), args


@st.composite
def mills(draw: Any) -> tuple[Callable, list[np.ndarray]]:
    n, sign = draw(st.integers(1, 2)), draw(st.sampled_from([1, -1]))
    return lambda x: mills_derivative(x, n, sign), [draw(arrays(draw(shapes()), any_real))]


@st.composite
def branches(draw: Any) -> tuple[Callable, list[np.ndarray]]:
    """The principal branch, and the other one that is real; of real results the real part."""
    k = draw(st.sampled_from([0, -1]))
    domain = positive if k == 0 else lattice(-0.3125, -0.0625)
    return lambda z: np.real(lambertw(z, k)), [draw(arrays(draw(shapes()), domain))]


@st.composite
def with_parameters(draw: Any, function: Callable, parameters: tuple, domain: st.SearchStrategy) -> tuple:
    return lambda x: function(*parameters, x), [draw(arrays(draw(shapes()), domain))]


@st.composite
def over_axes(draw: Any, function: Callable) -> tuple[Callable, list[np.ndarray]]:
    """A function of an array and an axis; of rows of several entries often, since those of one are constant."""
    shape = draw(st.sampled_from([(3,), (2, 3), (2, 1, 3)]) | shapes())
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
        return lambda a, b: log_sum_exp(a, axis, b, keepdims), [a, draw(arrays(second, positive))]
    return lambda a: log_sum_exp(a, axis, keepdims=keepdims), [a]


any_real = lattice(-2, 2)
positive = lattice(0.5, 3)
inside_zero_one = lattice(0.125, 0.875)
inside_one = lattice(-0.75, 0.75)
small_order = st.integers(0, 3)
signed_order = st.integers(-2, 3)

# fmt: off
ROWS = {
    special.erf:        calls(special.erf, any_real),
    special.erfc:       calls(special.erfc, any_real),
    special.erfi:       calls(special.erfi, any_real),
    special.erfcx:      calls(special.erfcx, any_real),
    special.dawsn:      calls(special.dawsn, any_real),
    special.erfinv:     calls(special.erfinv, inside_one),
    special.erfcinv:    calls(special.erfcinv, lattice(0.25, 1.75)),
    special.ndtr:       calls(special.ndtr, any_real),
    special.ndtri:      calls(special.ndtri, inside_zero_one),
    special.log_ndtr:   calls(special.log_ndtr, any_real),
    special.stdtr:      orders(special.stdtr, any_real, st.sampled_from([0.5, 1, 4, 30.0])),
    special.expit:      calls(special.expit, any_real),
    special.log_expit:  calls(special.log_expit, any_real),
    special.logit:      calls(special.logit, inside_zero_one),
    special.exprel:     calls(special.exprel, any_real),
    special.exp2:       calls(special.exp2, any_real),
    special.exp10:      calls(special.exp10, any_real),
    special.expm1:      calls(special.expm1, any_real),
    special.log1p:      calls(special.log1p, inside_one),
    special.cosm1:      calls(special.cosm1, any_real),
    special.entr:       calls(special.entr, positive),
    special.xlogy:      calls(special.xlogy, any_real, positive),
    special.xlog1py:    calls(special.xlog1py, any_real, inside_one),
    special.rel_entr:   calls(special.rel_entr, positive, positive),
    special.kl_div:     calls(special.kl_div, positive, positive),
    special.boxcox:     calls(special.boxcox, positive, any_real),
    special.boxcox1p:   calls(special.boxcox1p, inside_one, any_real),
    special.huber:      calls(special.huber, positive, any_real),
    special.pseudo_huber: calls(special.pseudo_huber, positive, any_real),
    special.gamma:      calls(special.gamma, positive),
    special.rgamma:     calls(special.rgamma, any_real),
    special.gammaln:    calls(special.gammaln, positive),
    special.loggamma:   calls(special.loggamma, positive),
    special.digamma:    calls(special.digamma, positive),
    special.beta:       calls(special.beta, positive, positive),
    special.betaln:     calls(special.betaln, positive, positive),
    special.poch:       calls(special.poch, positive, positive),
    special.gammainc:   calls(special.gammainc, positive, positive),
    special.gammaincc:  calls(special.gammaincc, positive, positive),
    special.betainc:    calls(special.betainc, positive, positive, inside_zero_one),
    special.betaincc:   calls(special.betaincc, positive, positive, inside_zero_one),
    special.spence:     calls(special.spence, positive),
    special.exp1:       calls(special.exp1, positive),
    special.expi:       calls(special.expi, positive),
    special.expn:       orders(special.expn, positive),
    special.sici:       calls(lambda x: np.stack(special.sici(x)), positive),
    special.ellipk:     calls(special.ellipk, inside_one),
    special.ellipe:     calls(special.ellipe, inside_one),
    special.j0:         calls(special.j0, any_real),
    special.j1:         calls(special.j1, any_real),
    special.y0:         calls(special.y0, positive),
    special.y1:         calls(special.y1, positive),
    special.i0:         calls(special.i0, any_real),
    special.i1:         calls(special.i1, any_real),
    special.k0:         calls(special.k0, positive),
    special.k1:         calls(special.k1, positive),
    special.i0e:        calls(special.i0e, any_real),
    special.i1e:        calls(special.i1e, any_real),
    special.jv:         orders(special.jv, any_real, signed_order),
    special.yv:         orders(special.yv, positive, signed_order),
    special.yn:         orders(special.yn, positive, small_order),
    special.iv:         orders(special.iv, any_real, signed_order),
    special.kv:         orders(special.kv, positive, signed_order),
    special.ive:        orders(special.ive, positive, signed_order),
    special.kve:        orders(special.kve, positive, signed_order),
    special.eval_legendre:   orders(special.eval_legendre, any_real),
    special.eval_chebyt:     orders(special.eval_chebyt, any_real),
    special.eval_hermite:    orders(special.eval_hermite, any_real),
    special.eval_gegenbauer: orders(lambda n, x: special.eval_gegenbauer(n, 1.5, x), any_real),
    np.i0:              calls(np.i0, any_real),
    np.sinc:            calls(np.sinc, any_real),
    special.polygamma:       orders(polygamma, positive),
    spherical.__wrapped__:   orders(spherical_jn, any_real) | orders(partial(spherical_jn, derivative=True), any_real),
    special.lambertw:        branches(),
    special.multigammaln:    calls(lambda a: multigammaln(a, 3), lattice(1.5, 4)),
    hurwitz.__wrapped__:     orders(hurwitz, positive, st.sampled_from([2, 2.5, 4.0])),
    kummer.__wrapped__:      with_parameters(kummer, (0.5, 1.5), any_real),
    gauss.__wrapped__:       with_parameters(gauss, (0.5, 1.5, 2.0), lattice(-3, 0.75)),
    sine_integral.__wrapped__:   calls(sine_integral, any_real),
    cosine_integral.__wrapped__: calls(cosine_integral, positive),
    hazard.__wrapped__:      calls(hazard, any_real),
    mills_derivative.__wrapped__: mills(),
    gammainc_by_a.__wrapped__:    derivatives(gammainc_by_a, positive, positive),
    betainc_by.__wrapped__:       mixed(),
    log_sum_exp.__wrapped__: weighted(),
    softmax.__wrapped__:     over_axes(softmax),
    log_softmax.__wrapped__: over_axes(log_softmax),
}
# fmt: on
