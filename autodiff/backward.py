"""The backward pass on tensors: from cotangents to ``.grad``, all or nothing; and hooks on the way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from .batching import Batch
from .dispatch import unwrap
from .memory import take_own
from .recorder import tensor_types, wrap
from .support import Support
from .tape import Leaf, Node, current, propagate, recording

P = ParamSpec("P")
T = TypeVar("T")


class HookHandle:
    """Takes a hook off again."""

    def __init__(self, hooks: dict[object, Callable], hook: Callable) -> None:
        self._hooks, self._key = hooks, object()
        hooks[self._key] = hook

    def remove(self) -> None:
        """Take the hook off; a second call does nothing."""
        self._hooks.pop(self._key, None)


class HookedPullback:
    """Put above a node with hooks: it shows them the cotangent, and keeps it if asked to, before the rule runs."""

    selects = writes = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.hooks: dict[object, Callable] | None = None
        self.retained: Leaf | None = None

    def run(self, g: Any, saved: tuple, parents: tuple) -> tuple:
        g = _run_hooks(self.hooks, g, self.name)
        return tuple([(parent, g) for parent in parents])

    def run_supported(self, g: Any, saved: tuple, node: Node, support: Support | None) -> tuple[tuple, list]:
        known = None if self.hooks else support
        return self.run(g, saved, node.parents), [known] * len(node.parents)

    def lift(self, node: Node) -> tuple:
        return ()


def hooked(node: Node) -> HookedPullback:
    """The node's place for hooks. The rule moves to a node of its own, just below in the order of the tape."""
    if node.saved is None:
        raise RuntimeError(f"a hook on {node.pullback.name}, whose graph was already released, could never run")
    if not isinstance(node.pullback, HookedPullback):
        rule = Node()
        rule.position = node.position - 0.5  # type: ignore[assignment]  # between the node and what it was made from
        for slot in ("pullback", "parents", "saved", "shape", "dtype", "code", "offset", "tape"):
            setattr(rule, slot, getattr(node, slot))
        node.pullback, node.parents, node.saved = HookedPullback(rule.pullback.name), (rule,), ()
        if node.tape.watch is not None:
            node.tape.watch.moved(node, rule)
    return node.pullback


def _run_hooks(hooks: dict[object, Callable] | None, g: Any, name: str) -> Any:
    for hook in list((hooks or {}).values()):
        shown = wrap(g, None)
        replaced = hook(shown)
        if replaced is not None:
            if np.shape(replaced) != shown.shape:
                raise ValueError(f"a hook on {name} returned shape {np.shape(replaced)} for a gradient {shown.shape}")
            replaced = wrap(replaced, None) if type(g) in tensor_types else np.asarray(unwrap(replaced))
            g = replaced if replaced.dtype == shown.dtype else replaced.astype(shown.dtype)
    return g


def seed(tensor: Any, gradient: Any, what: str = "backward()") -> Any:
    """The cotangent to start from, checked against the tensor: a tensor if it is tracked, else an array."""
    if tensor._node is None:
        raise RuntimeError(
            f"{what} on a tensor that requires no grad: no input had requires_grad=True, or recording was off"
        )
    if type(gradient) is Batch:
        return gradient
    if gradient is None:
        if tensor.size != 1:
            raise RuntimeError(
                f"{what} on a tensor of shape {tensor.shape} needs a gradient of that shape; "
                "for the gradient of a number, reduce first, e.g. with .sum()"
            )
        return np.ones(tensor.shape, tensor.dtype)
    if np.shape(gradient) != tensor.shape:
        raise ValueError(
            f"{what}: a gradient of shape {np.shape(gradient)} for a tensor of shape {tensor.shape}; they must be equal"
        )
    if type(gradient) in tensor_types and gradient._node is not None:
        return gradient if gradient.dtype == tensor.dtype else gradient.astype(tensor.dtype)
    array = np.asarray(unwrap(gradient))
    if array.dtype.kind == "c" and tensor.dtype.kind != "c":
        raise TypeError(f"{what}: a complex gradient for a tensor of dtype {tensor.dtype}; pass its real part")
    return array if array.dtype == tensor.dtype else array.astype(tensor.dtype)


def _as_pass(function: Callable[P, T]) -> Callable[P, T]:
    """Have a function run with recording on only if it is given ``create_graph``, and with NumPy's warnings off.

    It runs in a copy of the context, so neither mode can outlive it, wherever an error or an interrupt ends it.
    """

    def in_mode(args: tuple, kwargs: dict) -> Any:
        recording.set(current.get() if kwargs.get("create_graph") else None)
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return copy_context().run(in_mode, args, kwargs)

    return run


@_as_pass
def pull(
    tensors: Sequence[Any],
    gradients: Sequence[Any],
    *,
    floor: int = 0,
    retain_graph: bool = False,
    create_graph: bool = False,
    wanted: frozenset[Node] = frozenset(),
    what: str = "backward()",
) -> dict[Any, Any]:
    """Cotangents of what lies below ``tensors``, given theirs: see ``tape.propagate``."""
    cotangents: dict[Any, Any] = {}
    watch = current.get().watch
    for tensor, gradient in zip(tensors, gradients, strict=True):
        if watch is not None:
            watch.started(tensor._data)
        g = seed(tensor, gradient, what)
        if create_graph:
            g = wrap(g, None)
        elif type(g) in tensor_types:
            g = g._data
        node = tensor._node
        cotangents[node] = cotangents[node] + g if node in cotangents else g
    found = propagate(
        cotangents,
        floor=floor,
        retain_graph=retain_graph or create_graph,
        create_graph=create_graph,
        wanted=wanted,
    )
    return {leaf: wrap(g, None) for leaf, g in found.items()} if create_graph else found


def backward(
    tensors: Sequence[Any], gradients: Sequence[Any], *, retain_graph: bool = False, create_graph: bool = False
) -> None:
    """Accumulate into ``.grad`` of the leaves the gradients of ``tensors``, in one pass: all or nothing."""
    leaves, grads = _new_grads(tensors, gradients, retain_graph=retain_graph, create_graph=create_graph)
    deque(map(_set_grad, leaves, grads), maxlen=0)  # one call of C: an interrupt comes before it or after it


@_as_pass
def _new_grads(
    tensors: Sequence[Any], gradients: Sequence[Any], *, retain_graph: bool, create_graph: bool
) -> tuple[list[Leaf], list]:
    """The leaves that a pass reaches, and what ``.grad`` of each is to be after it."""
    cotangents = pull(tensors, gradients, retain_graph=retain_graph, create_graph=create_graph)
    leaves = [leaf for leaf in cotangents if isinstance(leaf, Leaf)]
    grads = []
    for leaf in leaves:
        found = [cotangents.pop(leaf)]
        if leaf.hooks:
            found = [_run_hooks(leaf.hooks, found.pop(), "a leaf")]
        grads.append(_accumulated(leaf.grad, found, create_graph))
    return leaves, grads


_set_grad = Leaf.__dict__["grad"].__set__


def _accumulated(earlier: Any, found: list, create_graph: bool) -> Any:
    """A new tensor for ``.grad``: the earlier one plus the cotangent in ``found``, in memory of its own."""
    if create_graph:
        g = wrap(found.pop(), None)
        return g.clone() if earlier is None else earlier + g
    if earlier is None:
        return wrap(take_own(found), None)
    return wrap(earlier._data + found.pop(), None)
