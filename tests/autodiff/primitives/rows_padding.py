"""Domains of padding."""

import numpy as np
from hypothesis import strategies as st

from autodiff.primitives import padding
from autodiff.testing.strategies import arrays, shapes

WIDTHS = st.integers(0, 4)
LENGTHS = st.none() | st.integers(1, 3)
NUMBERS = st.sampled_from([0, 2, 1.5, (1.0, -2.0)])

MODES = {
    "constant": dict(constant_values=NUMBERS),
    "linear_ramp": dict(end_values=NUMBERS),
    "reflect": dict(reflect_type=st.sampled_from(["even", "odd"])),
    "symmetric": dict(reflect_type=st.sampled_from(["even", "odd"])),
    "mean": dict(stat_length=LENGTHS),
    "median": dict(stat_length=LENGTHS),
    "maximum": dict(stat_length=LENGTHS),
    "minimum": dict(stat_length=LENGTHS),
    "edge": {},
    "wrap": {},
}


@st.composite
def pads(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    mode = draw(st.sampled_from(list(MODES)))
    keywords = {name: draw(values) for name, values in MODES[mode].items()}
    width = draw(st.one_of(WIDTHS, st.tuples(WIDTHS, WIDTHS), st.tuples(*[st.tuples(WIDTHS, WIDTHS)] * x.ndim)))
    return (lambda x: np.pad(x, width, mode, **keywords)), [x]


@st.composite
def pads_with_tensors(draw):
    x, mode = draw(arrays(shapes(max_dims=2))), draw(st.sampled_from(["constant", "linear_ramp"]))
    if x.size == 0:
        mode = "constant"
    name = "constant_values" if mode == "constant" else "end_values"
    return (lambda x, values: np.pad(x, (1, 2), mode, **{name: values})), [x, draw(arrays((2,)))]


@st.composite
def frames(draw):
    x = draw(arrays(shapes(min_dims=1)))
    width = draw(st.tuples(*[st.tuples(WIDTHS, WIDTHS)] * x.ndim))
    return (lambda x: padding.pad_with_constants(x, width, 1.5)), [x]


ROWS = {
    np.pad: st.one_of(pads(), pads(), pads(), pads_with_tensors()),
    padding._pad_with_constants: frames(),
}
