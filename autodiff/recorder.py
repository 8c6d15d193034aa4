"""Recorders: the function that runs a primitive on tensors and records it, specialised to its signature.

A call on the hot path costs what its bytecode costs, so each primitive gets source code of its own, compiled on its
first use. That of ``np.multiply`` reads (``print(recorder_source(REGISTRY[np.multiply]))``)::

    def record(x, y):
        if type(x) is Tensor or type(x) in tensors:
            x_node = x._node
            x = x._data
        else:
            x_node = None
            if type(x) not in plain:
                x = operand(x, 'multiply')
        ...                                              # the same for y
        out = forward(x, y)
        if type(out) is not ndarray:
            out = asarray(out)
        result = new(Tensor)
        result._data = out
        tape = recording()
        if tape is None or x_node is None and y_node is None:
            result._node = None
            return result
        result._node = node = Node()
        if y_node is None:
            node.pullback, node.parents, node.saved = pullback_0, (x_node,), (y,)
        elif x_node is None:
            node.pullback, node.parents, node.saved = pullback_1, (y_node,), (x,)
        else:
            node.pullback, node.parents, node.saved = pullback_2, (x_node, y_node,), (y, x,)
        node.position = next_position()
        node.shape = out.shape
        node.dtype = out.dtype
        frame = getframe(1)
        node.code = frame.f_code
        node.offset = frame.f_lasti
        node.tape = tape
        if tape.watch is not None:
            tape.watch.recorded(node, out)
        return result
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from sys import _getframe
from typing import Any

import numpy as np

from .primitive import OutputPullback, Primitive, lent
from .tape import Node, current, next_position, recording

tensor_types: set[type] = set()
"""Tensor and its subclasses, by which a recorder knows its tensors."""

plain_types: set[type] = {np.ndarray, float, int, complex, bool, type(None), slice, type(Ellipsis)} | {
    np.dtype(code).type for code in "?bhilqBHILQefdgFDG"
}
"""What goes to NumPy as it is."""

namespace: dict[str, Any] = {
    "Node": Node,
    "asarray": np.asarray,
    "getframe": _getframe,
    "ndarray": np.ndarray,
    "new": object.__new__,
    "next_position": next_position,
    "plain": plain_types,
    "recording": recording.get,
    "shape_of": np.shape,
    "tensors": tensor_types,
}


RESERVED = frozenset(
    "any enumerate foreign forward frame list node operand otherwise primitive pullback record_outputs result tape "
    "tracked tuple type untracked wrap".split()
)
"""What recorders call things; no parameter of a primitive can be called so."""


def compile_recorder(
    primitive: Primitive,
    *,
    depth: int = 1,
    reflected: bool = False,
    operator: bool = False,
    otherwise: Callable | None = None,
) -> Callable:
    """The recorder of a primitive.

    Args:
        primitive: what to record.
        depth: how many frames up the caller is that a node remembers.
        reflected: whether the arguments come in reverse order, as for ``__radd__``.
        operator: whether to return NotImplemented for an operand of a foreign type, as Python's operators do.
        otherwise: what an operator calls, with the tensor and that operand, instead.
    """
    source = recorder_source(primitive, depth=depth, reflected=reflected, operator=operator)
    scope = dict(
        namespace, forward=primitive.forward, operand=operand, foreign=foreign, untracked=untracked, primitive=primitive
    )
    scope.update(record_outputs=record_outputs, wrap=wrap, otherwise=otherwise or _not_implemented)
    for i, tracked in enumerate(_choices(primitive)):
        scope[f"pullback_{i}"] = primitive.pullback(tracked)
    scope.update({f"default_{p.name}": p.default for p in primitive.parameters})
    exec(compile(source, f"<recorder of {primitive.name}>", "exec"), scope)
    record = scope["record"]
    record.__name__ = record.__qualname__ = primitive.name
    record.__doc__ = f"``{primitive.name}``, recorded."
    return record


def _not_implemented(tensor: Any, operand: Any) -> Any:
    return NotImplemented


def _choices(primitive: Primitive) -> list[tuple[bool, ...]]:
    """The choices of tracked arguments that a recorder tells apart by branches."""
    if len(primitive.rules) == 1:
        return [(True,)]
    if len(primitive.rules) == 2:
        return [(True, False), (False, True), (True, True)]
    return []


def recorder_source(primitive: Primitive, *, depth: int = 1, reflected: bool = False, operator: bool = False) -> str:
    """The source code of a recorder; the parameters as for ``compile_recorder``."""
    arguments, listed = primitive.arguments, primitive.listed
    if clash := sorted({p.name for p in primitive.parameters} & (RESERVED | set(namespace))):
        raise TypeError(f"defvjp({primitive.name}): a parameter cannot be called {', '.join(clash)}; rename it")
    nodes = [f"{a}_node" for a in arguments]
    lines = [f"def record({_signature(primitive, reflected)}):"]
    for i, a in enumerate(arguments):
        if listed:
            lines += [
                f"    {a} = list({a})",
                f"    {a}_node = [t._node if type(t) in tensors else None for t in {a}]",
                f"    {a} = [t._data if type(t) in tensors else t if type(t) in plain else "
                f"operand(t, {primitive.name!r}) for t in {a}]",
            ]
        else:
            lines += [
                f"    if type({a}) is Tensor or type({a}) in tensors:",
                f"        {a}_node = {a}._node",
                f"        {a} = {a}._data",
                "    else:",
                f"        {a}_node = None",
                f"        if type({a}) not in plain:",
            ]
            if operator and i != reflected:
                own = arguments[int(reflected)]  # the tensor itself, which if it comes first is an array by now
                tensor = own if reflected else f"wrap({own}, {own}_node)"
                lines += [f"            {a}_given, {a} = {a}, foreign({a})", f"            if {a} is NotImplemented:"]
                lines.append(f"                return otherwise({tensor}, {a}_given)")
            else:
                lines.append(f"            {a} = operand({a}, {primitive.name!r})")
    for p in primitive.parameters:
        if p.name in primitive.constants:
            lines += [f"    if type({p.name}) in tensors:", f"        {p.name} = {p.name}._data"]
        elif p.name not in arguments and (p.default is p.empty or p.kind is p.KEYWORD_ONLY):
            lines += [
                f"    if type({p.name}) in tensors:",
                f"        {p.name} = untracked({p.name}, {p.name!r}, {primitive.name!r})",
            ]
    outputs = ", ".join(("out", *primitive.residuals))
    passed = ", ".join(p.name if p.kind != p.KEYWORD_ONLY else f"{p.name}={p.name}" for p in primitive.parameters)
    lines.append(f"    {outputs} = forward({passed})")
    untracked = f"not any({nodes[0]})" if listed else " and ".join(f"{node} is None" for node in nodes)
    if primitive.multiple:
        lines += ["    tape = recording()", f"    tracked = tape is not None and not ({untracked})"]
        lines += ["    if not tracked:", "        return record_outputs(out, None)", "    node = Node()"]
        shape, dtype, result = "tuple([o.shape for o in out])", "tuple([o.dtype for o in out])", None
    else:
        lines += ["    if type(out) is not ndarray:", "        out = asarray(out)"]
        lines += ["    result = new(Tensor)", "    result._data = out"]
        if primitive.views:
            lines += ["    if out.base is not None:", f"        result._view = {primitive.name!r}"]
        lines += ["    tape = recording()", f"    if tape is None or {untracked}:", "        result._node = None"]
        lines += ["        return result", "    result._node = node = Node()"]
        shape, dtype, result = "out.shape", "out.dtype", "result"
    lines += _graph_lines(primitive, nodes)
    lines += [
        "    node.position = next_position()",
        f"    node.shape = {shape}",
        f"    node.dtype = {dtype}",
        f"    frame = getframe({depth})",
        "    node.code = frame.f_code",
        "    node.offset = frame.f_lasti",
        "    node.tape = tape",
        "    if tape.watch is not None:",
        "        tape.watch.recorded(node, out)",
        f"    return {result}" if result else "    return record_outputs(out, node)",
    ]
    return "\n".join(lines)


def _signature(primitive: Primitive, reflected: bool) -> str:
    parameters = primitive.parameters[::-1] if reflected else primitive.parameters
    pieces = []
    for p in parameters:
        if p.kind == p.KEYWORD_ONLY and "*" not in pieces:
            pieces.append("*")
        pieces.append(p.name if p.default is inspect.Parameter.empty else f"{p.name}=default_{p.name}")
    return ", ".join(pieces)


def _graph_lines(primitive: Primitive, nodes: Sequence[str]) -> list[str]:
    """The lines that give the node its pull-back, its parents and what it saves."""

    def assign(i: int, parents: Sequence[str]) -> str:
        needs = primitive.pullback(_choices(primitive)[i]).needs
        saved = ", ".join(_saved(primitive, need) for need in needs)
        return (
            f"node.pullback, node.parents, node.saved = pullback_{i}, "
            f"({', '.join(parents)},), ({saved}{',' if saved else ''})"
        )

    if primitive.listed:
        needs = primitive.pullback((True,)).needs
        saved = ", ".join(["tracked", *(_saved(primitive, need) for need in needs)])
        return [
            f"    tracked = [i for i, n in enumerate({nodes[0]}) if n is not None]",
            "    node.pullback = pullback_0",
            f"    node.parents = tuple([{nodes[0]}[i] for i in tracked])",
            f"    node.saved = ({saved},)",
        ]
    if len(nodes) == 1:
        return ["    " + assign(0, nodes)]
    if len(nodes) == 2:
        x, y = nodes
        return [
            f"    if {y} is None:",
            "        " + assign(0, [x]),
            f"    elif {x} is None:",
            "        " + assign(1, [y]),
            "    else:",
            "        " + assign(2, [x, y]),
        ]
    choice = ", ".join(f"{node} is not None" for node in nodes)
    names = dict.fromkeys(need for rule in primitive.rules.values() for need in rule.needs)
    if primitive.residuals:
        names |= dict.fromkeys(p.name for p in primitive.parameters)
    saved = ", ".join(f"{need!r}: {_saved(primitive, need)}" for need in names)
    return [
        f"    node.pullback = pullback = primitive.pullback(({choice}))",
        f"    node.parents = tuple([n for n in ({', '.join(nodes)}) if n is not None])",
        f"    node.saved = {{{saved}}}",
        "    node.saved = tuple([node.saved[need] for need in pullback.needs])",
    ]


def _saved(primitive: Primitive, need: str) -> str:
    """The expression for one thing that a rule needs."""
    names = {p.name for p in primitive.parameters}
    if need.endswith("_shape") and need not in names:
        source = need.removesuffix("_shape")
        return f"[shape_of(t) for t in {source}]" if source == primitive.listed else f"shape_of({source})"
    return need


def operand(value: Any, name: str) -> Any:
    """An argument that is neither a tensor nor plain, as an array.

    Raises TypeError for what has no array of numbers in it, or would lose its meaning (masks) on the way.
    """
    array = foreign(value)
    if array is NotImplemented:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise TypeError(f"{name} was given a {kind}, which is neither a Tensor nor array-like")
    return array


def foreign(value: Any) -> Any:
    """``value`` as an array, or NotImplemented if its type should have its own say."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError("a masked array cannot be combined with a Tensor: its mask would be lost; use .filled() first")
    if isinstance(value, np.matrix) or getattr(type(value), "__array_ufunc__", True) is None:
        return NotImplemented
    if isinstance(value, (list, tuple, np.ndarray, np.generic)):
        return np.asarray(value)
    if hasattr(type(value), "__array__") and not hasattr(type(value), "__array_priority__"):
        return np.asarray(value)
    return NotImplemented


def untracked(tensor: Any, argument: str, name: str) -> Any:
    """The array of a tensor that is given for an argument without a rule."""
    if tensor._node is not None:
        raise TypeError(f"{name} has no gradient with respect to {argument}; pass {argument}.detach()")
    return tensor._data


def make_node(pullback: Any, parents: tuple, saved: tuple, out: Any, shape: Any, dtype: Any, depth: int = 1) -> Node:
    """A node, entered on the current tape."""
    node = Node()
    node.pullback, node.parents, node.saved = pullback, parents, saved
    node.position = next_position()
    node.shape, node.dtype = shape, dtype
    frame = _getframe(depth)
    node.code, node.offset = frame.f_code, frame.f_lasti
    node.tape = tape = current.get()
    if tape.watch is not None:
        tape.watch.recorded(node, out)
    return node


def record_outputs(outputs: tuple, node: Node | None, depth: int = 3) -> tuple:
    """A tensor for each output of a call with several, each with a node of its own above that of the call."""
    arrays = [np.asarray(out) for out in outputs]
    if node is None:
        tensors = tuple(wrap(out, None) for out in arrays)
    else:
        tensors = tuple(
            wrap(out, make_node(OutputPullback(node.pullback.name, i), (node,), (), out, out.shape, out.dtype, depth))
            for i, out in enumerate(arrays)
        )
    return outputs._make(tensors) if hasattr(outputs, "_make") else tensors  # a named tuple, where NumPy gives one


def wrap(data: Any, node: Any) -> Any:
    """A tensor for an array and the node that made it (or None), or the tensor itself."""
    if type(data) in tensor_types:
        return data
    tensor = object.__new__(namespace["Tensor"])
    tensor._data = data if type(data) is np.ndarray else np.asarray(data)
    tensor._node = node
    return tensor


lent["wrap"] = wrap
lent["outputs"] = record_outputs
