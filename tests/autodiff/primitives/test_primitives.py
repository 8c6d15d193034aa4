"""Every primitive, and every composition of primitives under a NumPy name, on its whole domain.

A row (``rows_*.py``) says how to draw a call of the function; the claims below hold for all of them.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff  # noqa: F401  (registers the primitives)
from autodiff import Tensor
from autodiff.primitive import IMPLEMENTATIONS, REGISTRY
from autodiff.testing import check_grads
from autodiff.testing.strategies import layouts

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("rows_*.py"))
ROWS = {}
for name in MODULES:
    ROWS.update(importlib.import_module(f"{__package__}.{name}" if __package__ else name).ROWS)
LIBRARY = {*REGISTRY, *IMPLEMENTATIONS}
each_primitive = pytest.mark.parametrize(
    "function", list(ROWS), ids=lambda f: f"{getattr(f, '__module__', 'ufunc')}.{getattr(f, '__name__', f)}"
)


def test_every_primitive_has_a_row_and_every_row_a_primitive():
    missing = sorted(f.__name__ for f in LIBRARY if f not in ROWS)
    unknown = sorted(getattr(f, "__name__", str(f)) for f in ROWS if f not in LIBRARY)
    assert (missing, unknown) == ([], [])


@each_primitive
@given(data=st.data())
@settings(max_examples=settings.default.max_examples)
def test_values_are_numpys_bit_for_bit_in_any_memory_layout(function, data):
    f, args = data.draw(ROWS[function])
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    args = [data.draw(layouts(x.astype(dtype))) for x in args]
    with np.errstate(all="ignore"):
        expected, found = f(*args), f(*[Tensor(x, requires_grad=True) for x in args])
    assert isinstance(found, Tensor)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.data, expected, strict=found.ndim > 0)


@each_primitive
@given(data=st.data())
def test_gradients_of_first_and_second_order_are_those_of_the_differences(function, data):
    f, args = data.draw(ROWS[function])
    with np.errstate(all="ignore"):
        check_grads(f, *args, order=2, seed=data.draw(st.integers(0, 99)), directions=1)


@each_primitive
@given(data=st.data())
def test_gradients_have_shape_and_dtype_of_their_arguments_and_memory_of_their_own(function, data):
    f, args = data.draw(ROWS[function])
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    args = [data.draw(layouts(x.astype(dtype))) for x in args]
    copies = [x.copy() for x in args]
    tensors = [Tensor(x, requires_grad=True) for x in args]
    with np.errstate(all="ignore"):
        out = f(*tensors)
    if not out.requires_grad:
        return
    cotangent = np.random.default_rng(0).normal(size=out.shape).astype(out.dtype)
    kept, value = cotangent.copy(), out.data.copy()
    out.backward(cotangent)
    for x, copy in zip([*args, cotangent, out.data], [*copies, kept, value], strict=True):
        np.testing.assert_array_equal(x, copy)
    grads = [t.grad for t in tensors if t.grad is not None]
    for t in tensors:
        assert t.grad is None or (t.grad.shape == t.shape and t.grad.dtype == t.dtype)
    for i, g in enumerate(grads):
        assert g.data.flags.writeable
        others = [*args, cotangent, out.data, *(other.data for other in grads[:i])]
        assert not any(np.shares_memory(g.data, other) for other in others)
    reference = [Tensor(x.astype(np.float64), requires_grad=True) for x in args]
    with np.errstate(all="ignore"):
        f(*reference).backward(kept.astype(np.float64))
    for t, exact in zip(tensors, reference, strict=True):
        if dtype == np.float32 and t.grad is not None:
            size = np.abs(exact.grad.data).max(initial=1e-3)
            finite = np.isfinite(t.grad.data) & np.isfinite(exact.grad.data) & (size < 1e30)
            error = np.abs(t.grad.data - exact.grad.data)[finite].max(initial=0)
            assert error <= 2e-3 * size, f"float32 gradient off by {error / size:.1e} of its size"
