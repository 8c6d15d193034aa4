"""What NumPy's protocols call: for each function its recorder, its implementation, or a refusal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import numpy as np
from scipy.special import erf

from .batching import Batch, call_on_batches
from .callers import scipy_function, way_out
from .primitive import CONSTANTS, IMPLEMENTATIONS, REFUSED, REGISTRY, Primitive, lent
from .recorder import compile_recorder, tensor_types, wrap

if not isinstance(erf, np.ufunc):
    raise ImportError(
        "with the environment variable SCIPY_ARRAY_API set, SciPy's functions are no ufuncs and do not record on "
        "tensors; unset it before Python starts"
    )


class Dispatch(dict):
    """What to call for a NumPy function on tensors; filled on first use."""

    def __missing__(self, function: Callable) -> Callable:
        if function in REGISTRY:
            found = compile_recorder(REGISTRY[function], depth=2)
        elif function in IMPLEMENTATIONS:
            found = IMPLEMENTATIONS[function]
        elif function in CONSTANTS:
            found = on_arrays(function)
        else:
            found = on_arrays(function, REFUSED.get(function, "it has no rule"))
        self[function] = found
        return found


dispatch = Dispatch()


def on_arrays(function: Callable, refusal: str | None = None) -> Callable:
    """A function with nothing to differentiate, run on the arrays; with a ``refusal``, not if a tensor is tracked."""

    def run(*args: Any, **kwargs: Any) -> Any:
        if refusal is not None and any(t._node is not None for t in tensors_in((args, kwargs))):
            caller = scipy_function(sys._getframe(1))
            raise TypeError(
                f"{caller or qualified_name(function)} would lose the gradient of a tensor that requires grad: "
                f"{refusal}; {way_out(caller or '')}"
            )
        return function(*unwrap(args), **unwrap(kwargs))

    return run


def qualified_name(function: Callable) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__name__", repr(function))
    if isinstance(owner := getattr(function, "__self__", None), np.ufunc):
        return f"{qualified_name(owner)}.{name}"
    if isinstance(function, np.ufunc):
        module = "numpy" if getattr(np, name, None) is function else "scipy.special"
    return f"{module}.{name}" if module else name


def tensors_in(value: Any) -> Iterator[Any]:
    if type(value) in tensor_types:
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))


def unwrap(value: Any) -> Any:
    """``value`` with the array in place of each tensor, in nested lists, tuples and dicts too."""
    if type(value) in tensor_types:
        return value._data
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(map(unwrap, value))
    if type(value) is dict:
        return {key: unwrap(item) for key, item in value.items()}
    return value


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple, kwargs: dict) -> Any:
    """A ufunc's methods and keywords: what has a primitive, and a refusal by name of what does not."""
    kwargs = {key: value for key, value in kwargs.items() if value is not None or key == "axis"}
    if any(type(out) in tensor_types for out in kwargs.get("out", ())):
        raise TypeError(f"{qualified_name(ufunc)}: out= cannot be a tensor; use the returned tensor")
    if method == "__call__":
        function: Callable = ufunc
    else:
        function = getattr(ufunc, method)
        if method == "outer" and not kwargs:
            return _outer(ufunc, *inputs)
        if method == "at" and type(inputs[0]) in tensor_types and function not in IMPLEMENTATIONS:
            raise TypeError(f"{qualified_name(function)} cannot write into a tensor; write x[i] = f(x[i], v)")
    described = function in REGISTRY or function in IMPLEMENTATIONS
    if described and not kwargs or method != "__call__" and described and "out" not in kwargs:
        return dispatch[function](*inputs, **kwargs)
    if described and method == "__call__" and set(kwargs) == {"dtype"} and np.dtype(kwargs["dtype"]).kind in "fc":
        dtype = np.dtype(kwargs["dtype"])
        return dispatch[ufunc](*(dispatch[np.astype](wrap(value, None), dtype) for value in inputs))
    if ufunc in CONSTANTS and "out" not in kwargs and method in ("__call__", "outer", "reduce", "accumulate"):
        return function(*unwrap(inputs), **unwrap(kwargs))
    return on_arrays(function, _why_not(function, described, kwargs))(*inputs, **kwargs)


def _outer(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    """The ufunc of every entry of ``a`` with every entry of ``b``."""
    shape = np.shape(a) + (1,) * np.ndim(b)
    return ufunc(a.reshape(shape) if type(a) in tensor_types else np.reshape(a, shape), b)


def _why_not(function: Callable, described: bool, kwargs: dict) -> str:
    """Why a ufunc, or a method of one, is refused with these keywords."""
    if not described:
        return REFUSED.get(function, "it has no rule")
    if "where" in kwargs:
        return "where= leaves entries undefined; write np.where(mask, f(x), other), with gradient 0 outside the mask"
    if "out" in kwargs:
        return "an array given as out= cannot be on the tape; use the returned tensor"
    return f"{' and '.join(f'{key}=' for key in kwargs)} cannot be differentiated; leave it out"


def recording_function(described: Primitive) -> Callable:
    """What to call for a primitive: its function if NumPy dispatches it, else one that looks for tensors itself."""
    function = described.function
    dispatch.pop(function, None)  # an earlier rule, or a refusal
    if isinstance(function, np.ufunc) or hasattr(function, "_implementation"):
        return function

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            if type(value) in tensor_types or type(value) in (list, tuple) and any(True for _ in tensors_in(value)):
                return dispatch[function](*args, **kwargs)
            if type(value) is Batch:
                return call_on_batches(function, described.kind == "elementwise", args, kwargs)
        result = function(*args, **kwargs)
        return result[0] if described.residuals and described.forward is function else result

    return call


lent["recording_function"] = recording_function
