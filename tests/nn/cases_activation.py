"""Calls of every activation, and their layers.

Activations that jump, and not only bend, are drawn so that they jump between two points of the lattice: at a jump
there is nothing to take a difference of. ``test_activation.py`` compares those points with PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autodiff.testing.strategies import PER_UNIT, arrays, lattice, shapes
from nn import activation as a
from nn.functional import (
    celu,
    elu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
)

from .cases import Call, Layer, Pair

ANY = lattice()
POWERS = st.sampled_from([0.5, 2.0, -1.0])  # of which PyTorch's inverse, of single precision, is exact
CURVED = lattice(-3.0, 3.0) | st.just(-30.0)
"""Where ``1 - sigmoid(x)`` and ``1 - tanh(x)**2`` have digits in single precision, or have none in double either."""
APART = ANY.filter(lambda x: x == 0 or abs(x) >= 0.25)
"""Where ``x - tanh(x)`` has."""
NUMBERS = lattice(-3.0, 3.0, nonzero=True, stress=())
POSITIVE = lattice(0.25, 3.0, stress=())
BETWEEN = lattice(0.25, 3.0, stress=()).map(lambda value: value + 0.5 / PER_UNIT)
"""Halfway from one point of the lattice to the next."""


def applied(function: Callable, values: SearchStrategy[float] = ANY, **options: SearchStrategy) -> SearchStrategy[Call]:
    """Calls of an activation on an array of any shape, with options."""
    x = arrays(shapes(), values).map(lambda x: [x])
    return st.builds(Call, st.just(function), x, st.fixed_dictionaries(options))


@st.composite
def bounded(draw: Any) -> Call:
    low, high = sorted([draw(NUMBERS), draw(NUMBERS)])
    return Call(hardtanh, [draw(arrays(shapes()))], dict(min_val=low, max_val=high))


@st.composite
def thresholds(draw: Any) -> Call:
    options = dict(threshold=draw(BETWEEN) - 1, value=draw(NUMBERS))
    return Call(threshold, [draw(arrays(shapes()))], options)


@st.composite
def ramps(draw: Any) -> Call:
    beta = draw(st.sampled_from([1.0, 0.5, 2.0, -1.0]))
    return Call(softplus, [draw(arrays(shapes()))], dict(beta=beta, threshold=beta * draw(BETWEEN)))


@st.composite
def prelus(draw: Any) -> Call:
    shape = draw(shapes(max_dims=4))
    channels = shape[1] if len(shape) > 1 else 1
    return Call(prelu, [draw(arrays(shape)), draw(arrays((draw(st.sampled_from([1, channels])),)))])


@st.composite
def gates(draw: Any) -> Call:
    shape = list(draw(shapes(min_dims=1)))
    dim = draw(st.integers(-len(shape), len(shape) - 1))
    shape[dim] *= 2
    return Call(glu, [draw(arrays(tuple(shape)))], dict(dim=dim))


def distributions(function: Callable) -> SearchStrategy[Call]:
    @st.composite
    def draw(draw: Any) -> Call:
        x = draw(arrays(shapes(), lattice(-4.0, 4.0)))  # further apart, second differences are lost in 1 - p
        return Call(function, [x], dict(dim=draw(st.integers(-max(x.ndim, 1), max(x.ndim, 1) - 1))))

    return draw()


PAIRS = {
    a.relu: Pair(applied(relu)),
    a.two_slopes: Pair(applied(leaky_relu) | applied(leaky_relu, negative_slope=NUMBERS)),
    a.prelu: Pair(prelus()),
    a.cut_off: Pair(applied(hardtanh) | bounded() | applied(relu6)),
    a.hardsigmoid: Pair(applied(hardsigmoid), peer=lambda torch, x: torch.nn.functional.relu6(x + 3) / 6),  # see LAYERS
    a.hardswish: Pair(applied(hardswish)),
    a.outside: Pair(applied(hardshrink, lambd=BETWEEN)),
    a.moved_in: Pair(applied(softshrink, lambd=POSITIVE)),
    a.replaced_below: Pair(thresholds()),
    a.sigmoid: Pair(applied(sigmoid, CURVED)),
    a.tanh: Pair(applied(tanh, CURVED)),
    a.tanhshrink: Pair(applied(tanhshrink, APART)),
    a.softsign: Pair(applied(softsign)),
    a.logsigmoid: Pair(applied(logsigmoid)),
    a.smooth_ramp: Pair(applied(softplus) | ramps()),
    a.exponential_linear: Pair(applied(elu, alpha=NUMBERS) | applied(celu, alpha=POWERS) | applied(selu)),
    a.silu: Pair(applied(silu)),
    a.mish: Pair(applied(mish)),
    a.gelu_exact: Pair(applied(gelu, lattice(-4.0, 4.0) | st.just(30.0))),  # below, PyTorch's 1 + erf(x) has no digits
    a.gelu_tanh: Pair(applied(gelu, approximate=st.just("tanh"))),
    a.gated: Pair(gates()),
    a.softmax: Pair(distributions(softmax)),
    a.softmin: Pair(distributions(softmin)),
    a.log_softmax: Pair(distributions(log_softmax)),
}

PLAIN = "ReLU ReLU6 SELU SiLU Mish Softsign Sigmoid LogSigmoid Tanh Tanhshrink Hardswish".split()

LAYERS = [
    *[Layer(f"{name}()", (4, 3)) for name in PLAIN],
    *[Layer(f"{name}(0.3)", (4, 3)) for name in ("LeakyReLU", "ELU", "Hardshrink", "Softshrink")],
    Layer("CELU(0.5)", (4, 3)),
    Layer("Hardsigmoid()", (4, 3), peer=False),  # PyTorch's 1/6 has single precision in double precision too
    Layer("PReLU()", (4, 3)),
    Layer("PReLU(3, 0.1)", (2, 3, 2, 2)),
    Layer("GELU()", (4, 3)),
    Layer("GELU('tanh')", (4, 3)),
    Layer("Softplus(beta=2.0, threshold=3.0)", (4, 3)),
    Layer("Hardtanh(-0.5, 1.5)", (4, 3)),
    Layer("Threshold(0.1, -7.0)", (4, 3)),
    Layer("GLU()", (3, 4)),
    Layer("GLU(dim=0)", (4, 3)),
    Layer("Softmax(dim=1)", (4, 3)),
    Layer("Softmax2d()", (2, 3, 2, 2)),
    Layer("LogSoftmax(dim=-2)", (4, 3)),
    Layer("Softmin(dim=0)", (4, 3)),
]
