"""``checkpoint``: time for memory, by computing again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import Any

import numpy as np

from .backward import pull
from .boundary import Call, Opaque
from .recorder import make_node, record_outputs, wrap
from .tape import Leaf, Node, is_recording
from .tensor import Tensor
from .tree import flatten

_drawn: ContextVar[dict[int, tuple[Any, Any]] | None] = ContextVar("drawn", default=None)
"""The generators that a function under ``checkpoint`` has drawn from, by identity, with their states before."""


def drawing(generator: np.random.Generator) -> np.random.Generator:
    """The generator itself, for a function to draw from that may run under ``checkpoint``.

    This notes its state, so that when the function is computed again it draws the same numbers; the layers of ``nn``
    do it.

    >>> rng = np.random.default_rng(0)
    >>> noisy = checkpoint(lambda x: (x * drawing(rng).normal(size=x.shape)).sum())
    """
    drawn = _drawn.get()
    if drawn is not None:
        drawn.setdefault(id(generator), (generator, generator.bit_generator.state))
    return generator


def _noting(run: Callable, drawn: dict[int, tuple[Any, Any]]) -> Callable:
    """``run``, the first time: it notes the generators it draws from, for those around it as well."""

    def first(tensors: list[Any]) -> list[Any]:
        token = _drawn.set(drawn)
        try:
            return run(tensors)
        finally:
            _drawn.reset(token)
            around = _drawn.get()
            if around is not None:
                around.update(drawn | around)

    return first


def _replaying(run: Callable, drawn: dict[int, tuple[Any, Any]]) -> Callable:
    """``run`` again, with the random numbers of the first time; the generators are afterwards where they were."""

    def again(tensors: list[Any]) -> list[Any]:
        now = [(generator.bit_generator, generator.bit_generator.state) for generator, _ in drawn.values()]
        for generator, state in drawn.values():
            generator.bit_generator.state = state
        try:
            return run(tensors)
        finally:
            for bits, state in now:
                bits.state = state

    return again


class _Checkpoint(Opaque):
    """Recomputes a function when a cotangent arrives, and pulls it back through that."""

    def __init__(self, name: str, run: Callable[[list[Any]], list[Any]], inputs: int) -> None:
        super().__init__(f"checkpoint of {name}")
        self._run, self._inputs = run, inputs

    def run(self, g: Any, saved: Any, parents: tuple) -> Sequence:
        g = g.filled()
        call = Call(self._run, list(saved), self.name)
        outputs = list(zip(filter(_is_tracked, call.result), g, strict=True))
        found = pull(
            [t for t, _ in outputs],
            [c for _, c in outputs],
            floor=call.position,
            create_graph=is_recording(),
            what=self.name,
        )
        nodes = [*call.nodes, *parents[self._inputs :]]
        return [(parent, found[node]) for parent, node in zip(parents, nodes, strict=True) if node in found]

    def lift(self, node: Node) -> Any:
        return tuple(wrap(value, parent) for value, parent in zip(node.saved or (), node.parents, strict=False))


def checkpoint(f: Callable) -> Callable:
    """The same function, keeping only its inputs: what it computes is computed again in the backward pass.

    The gradients, of its arguments and of tensors that it closes over, are the same, to any order; dropout draws the
    same masks (see ``drawing``). What else the function does, it does twice: batch norm moves its running averages.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: np.exp(np.sin(x)).sum())(x).backward()
    >>> np.allclose(x.grad.data, np.exp(np.sin(x.data)) * np.cos(x.data))
    True
    """

    @wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if not is_recording():
            return f(*args, **kwargs)
        leaves, build = flatten(args)
        places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Tensor) and leaf._node is not None]
        tracked = [leaves[i] for i in places]
        structure: list[Any] = []

        def run(tensors: list[Any]) -> list[Any]:
            replaced = dict(zip(places, tensors, strict=True))
            result = f(*build([replaced.get(i, leaf) for i, leaf in enumerate(leaves)]), **kwargs)
            outputs, structure[:] = (pair := flatten(result))[0], [pair[1]]
            return outputs

        drawn: dict[int, tuple[Any, Any]] = {}
        call = Call(_noting(run, drawn), tracked, "checkpoint")
        outputs = call.result
        closed_over = _outside(outputs, call)
        parents = (*(t._node for t in tracked), *closed_over)
        tracked_outputs = [i for i, output in enumerate(outputs) if _is_tracked(output)]
        if not tracked_outputs:
            return structure[0](outputs)
        pullback = _Checkpoint(getattr(f, "__name__", "a function"), _replaying(run, drawn), len(tracked))
        arrays = tuple(outputs[i]._data for i in tracked_outputs)
        shapes, dtypes = tuple(a.shape for a in arrays), tuple(a.dtype for a in arrays)
        node = make_node(pullback, parents, tuple(t._data for t in tracked), arrays, shapes, dtypes, 2)
        for i, output in zip(tracked_outputs, record_outputs(arrays, node), strict=True):
            outputs[i] = output
        return structure[0](outputs)

    return checkpointed


def _is_tracked(output: Any) -> bool:
    return isinstance(output, Tensor) and output._node is not None


def _outside(outputs: list[Any], call: Call) -> list[Any]:
    """The nodes from before a call that its outputs depend on otherwise than through its inputs."""
    pending = [t._node for t in outputs if isinstance(t, Tensor) and t._node is not None]
    seen = set(pending)
    found: dict[Any, None] = {}
    inputs = set(call.nodes)
    while pending:
        node = pending.pop()
        if node in inputs:
            continue
        if isinstance(node, Leaf) or node.position <= call.position:
            found[node] = None
            continue
        fresh = [parent for parent in node.parents if parent not in seen]
        seen.update(fresh)
        pending += fresh
    return list(found)
