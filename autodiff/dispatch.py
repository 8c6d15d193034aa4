"""What NumPy's protocols call: for each function its recorder, its implementation, or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import numpy as np

from .primitive import CONSTANTS, IMPLEMENTATIONS, REGISTRY, Primitive, lent
from .recorder import compile_recorder, tensor_types, wrap


class Dispatch(dict):
    """What to call for a NumPy function on tensors; filled on first use."""

    def __missing__(self, function: Callable) -> Callable:
        if function in REGISTRY:
            found = compile_recorder(REGISTRY[function], depth=2)
        elif function in IMPLEMENTATIONS:
            found = IMPLEMENTATIONS[function]
        else:
            found = _on_arrays(function, allowed=function in CONSTANTS)
        self[function] = found
        return found


dispatch = Dispatch()

WRITERS = frozenset((np.copyto, np.fill_diagonal, np.place, np.put, np.put_along_axis, np.putmask))
"""Functions that change their first argument; the memory of a tensor may be seen by others."""

REDUCTIONS: dict[np.ufunc, Callable] = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
"""What the method ``reduce`` of a ufunc is called as a function."""


def _on_arrays(function: Callable, allowed: bool) -> Callable:
    """A function with nothing to differentiate, run on the arrays; others refuse a tracked tensor."""

    def run(*args: Any, **kwargs: Any) -> Any:
        if function in WRITERS and type(args[0]) in tensor_types:
            raise TypeError(f"{qualified_name(function)} would write into a tensor's memory; assign with x[i] = v")
        if not allowed and any(t._node is not None for t in tensors_in((args, kwargs))):
            raise TypeError(
                f"{qualified_name(function)} has no gradient here: a tensor that requires grad would lose it silently; "
                "pass t.detach(), or teach it with autodiff.defvjp"
            )
        return function(*unwrap(args), **unwrap(kwargs))

    return run


def qualified_name(function: Callable) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__name__", repr(function))
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
    tracked = any(t._node is not None for t in tensors_in((inputs, kwargs)))
    kwargs = {key: value for key, value in kwargs.items() if value is not None or key == "axis"}
    if method == "reduce" and ufunc in REDUCTIONS and "out" not in kwargs:
        return dispatch[REDUCTIONS[ufunc]](inputs[0], **{"axis": 0, **kwargs})
    if method == "at" and type(inputs[0]) in tensor_types:
        raise TypeError(f"numpy.{ufunc.__name__}.at would write into a tensor's memory; assign with x[i] = v")
    if method == "__call__" and not kwargs:
        return dispatch[ufunc](*inputs)
    if not tracked or (ufunc in CONSTANTS and "out" not in kwargs):
        if any(type(out) in tensor_types for out in kwargs.get("out", ())):
            raise TypeError(f"{ufunc.__name__}: out= cannot be a tensor; use the returned tensor")
        return getattr(ufunc, method)(*unwrap(inputs), **unwrap(kwargs))
    if method != "__call__":
        what = f"the method {method}"
    else:
        what = " and ".join(f"{key}=" for key in kwargs)
        if set(kwargs) == {"dtype"}:
            dtype = np.dtype(kwargs["dtype"])
            return dispatch[ufunc](*(dispatch[np.astype](wrap(value, None), dtype) for value in inputs))
    raise TypeError(f"{qualified_name(ufunc)}: {what} cannot be differentiated; leave it out, or pass t.detach()")


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
        result = function(*args, **kwargs)
        return result[0] if described.residuals and described.forward is function else result

    return call


lent["recording_function"] = recording_function
