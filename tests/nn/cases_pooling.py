"""Calls of the poolings, and their layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from autodiff.testing.strategies import arrays, tied_arrays
from nn.functional import avg_pool2d, max_pool2d
from nn.pooling import avg_pooling, max_pooling

from .cases import Call, Layer, Pair

SIZES = st.integers(1, 3)


@st.composite
def pooled(draw: Any, function: Callable) -> Call:
    kernel, stride = (draw(SIZES), draw(SIZES)), draw(st.none() | SIZES | st.tuples(SIZES, SIZES))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    options: dict[str, Any] = {"kernel_size": kernel, "stride": stride, "padding": padding}
    options["ceil_mode"] = draw(st.booleans())
    spans = kernel
    if function is max_pool2d:
        options["dilation"] = draw(st.integers(1, 2))
        spans = tuple(options["dilation"] * (k - 1) + 1 for k in kernel)
    else:
        options["count_include_pad"] = draw(st.booleans())
        options["divisor_override"] = draw(st.sampled_from([None, None, 3]))
    size = [draw(st.integers(max(1, span - 2 * p), 6)) for span, p in zip(spans, padding, strict=True)]
    shape = (*draw(st.sampled_from([(2, 2), (1, 1), (2,)])), *size)
    return Call(function, [draw(draw(st.sampled_from([arrays, tied_arrays]))(shape))], options)


def max_pool2d_of_pytorch(torch: Any, x: Any, **options: Any) -> Any:
    """As it is, but for windows of nothing but padding: their gradient goes anywhere, and may crash the process."""
    out = torch.nn.functional.max_pool2d(x, **options)
    assume(not torch.isneginf(out).any())
    return out


PAIRS = {max_pooling: Pair(pooled(max_pool2d), max_pool2d_of_pytorch), avg_pooling: Pair(pooled(avg_pool2d))}

LAYERS = [
    Layer("MaxPool2d(2)", (2, 2, 4, 5)),
    Layer("MaxPool2d((3, 2), stride=(1, 2), padding=1, dilation=(1, 2), ceil_mode=True)", (2, 4, 5)),
    Layer("AvgPool2d(2)", (2, 2, 4, 5)),
    Layer("AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False)", (2, 2, 4, 5)),
    Layer("AvgPool2d((1, 2), divisor_override=3)", (2, 4, 5)),
]
