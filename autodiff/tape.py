"""The tape: one node per recorded call, and the backward pass over them.

Nothing here knows a NumPy function, or even an array: a node carries a pull-back that maps the cotangent of its output
to the cotangents of its parents, and cotangents only need ``+``. Tensors own their nodes, the tape holds them weakly.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import wraps
from heapq import heapify, heappop, heappush
from itertools import count
from types import CodeType
from typing import Any, Protocol

from .support import Support, join

next_position: Callable[[], int] = count(1).__next__
"""Positions only grow, across all tapes and threads, so that a graph may span them."""


class Pullback(Protocol):
    """What the tape asks of a rule: cotangents of the parents from the cotangent of the output."""

    name: str
    selects: bool
    run: Callable[[Any, Any, tuple], Any]

    def run_supported(self, g: Any, saved: Any, node: Node, support: Support | None) -> tuple[Any, list]: ...

    def lift(self, node: Node) -> Any: ...


class Node:
    """One recorded call: how to pull a cotangent back, what that needs, and where it goes.

    ``saved`` is a tuple, and None once a backward pass has released it; ``code`` and ``offset`` locate the caller.
    """

    __slots__ = ("position", "pullback", "parents", "saved", "shape", "dtype", "code", "offset", "tape", "__weakref__")

    position: int
    pullback: Any
    parents: tuple
    saved: tuple | None
    shape: tuple[int, ...]
    dtype: Any
    code: CodeType
    offset: int
    tape: Tape

    def __lt__(self, other: Node) -> bool:
        """For the heap of a pass: the inputs of a transform share a position, and either may come first."""
        return False

    def location(self) -> str:
        """``file:line`` of the call that recorded this node."""
        line = next((row for start, stop, row in self.code.co_lines() if start <= self.offset < stop), None)
        return f"{self.code.co_filename}:{line or self.code.co_firstlineno}"

    def __repr__(self) -> str:
        return f"<{self.pullback.name} #{self.position} {self.dtype}{list(self.shape)} at {self.location()}>"


class Leaf:
    """Where gradients arrive: the end of the graph below a tensor that requires grad and was not computed.

    Its position is 0, before every node, so a backward pass never visits it.
    """

    __slots__ = ("position", "shape", "dtype", "grad", "hooks", "__weakref__")

    def __init__(self, shape: tuple[int, ...] = (), dtype: Any = None, position: int = 0) -> None:
        self.position = position
        self.shape = shape
        self.dtype = dtype
        self.grad: Any = None
        self.hooks: dict[object, Callable] | None = None


class Tape:
    """The nodes that are alive among those recorded while this tape was current, in the order of their positions.

    As a context manager it becomes the current tape of this context: ``with Tape() as tape:`` lists what is recorded
    inside. Those nodes are on the tape outside too. Under ``no_grad`` nothing is recorded there either.

    A node names its tape; the tape finds its live nodes only when somebody looks, as the instances of ``Node`` among
    the objects that Python's garbage collector tracks. So being held weakly costs a recorded call nothing, where a
    weak reference per node costs a fifth of its time. (``gc.freeze`` moves nodes out of the collector's sight.)
    """

    __slots__ = ("outer", "watch")

    def __init__(self, outer: Tape | None = None, watch: Any = None) -> None:
        self.outer = outer
        self.watch = watch

    def __iter__(self) -> Iterator[Node]:
        nodes = [node for node in gc.get_referrers(Node) if type(node) is Node and self._holds(node)]
        return iter(sorted(nodes, key=lambda node: node.position))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return True

    def _holds(self, node: Node) -> bool:
        tape = getattr(node, "tape", None)  # the last slot that a recorder fills: without it, a node is being made
        return tape is not None and tape._is_inside(self)

    def _is_inside(self, other: Tape) -> bool:
        tape: Tape | None = self
        while tape is not None and tape is not other:
            tape = tape.outer
        return tape is not None

    def __enter__(self) -> Tape:
        here = current.get()
        if self.outer is None and not here._is_inside(self):
            self.outer, self.watch = here, here.watch
        enter(self, self, is_recording())
        return self

    def __exit__(self, *exception: object) -> None:
        leave(self)

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("position", "primitive", "output", "inputs", "saved bytes", "recorded at")]
        rows += [_describe(node) for node in self]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    def __repr__(self) -> str:
        return f"<Tape of {len(self)} live nodes>"


def _describe(node: Node) -> tuple[str, ...]:
    def array(node: Node | Leaf) -> str:
        return f"{node.dtype}{list(node.shape)}"

    saved = node.saved  # read once: a pass in another thread may release it meanwhile
    size = "released" if saved is None else f"{_nbytes(saved):,}"
    sources = ", ".join(map(array, node.parents))
    return str(node.position), node.pullback.name, array(node), sources, size, node.location()


def _nbytes(saved: Any) -> int:
    if isinstance(saved, (list, tuple)):
        return sum(map(_nbytes, saved))
    return getattr(saved, "nbytes", 0)


_global_tape = Tape()
current: ContextVar[Tape] = ContextVar("current", default=_global_tape)
recording: ContextVar[Tape | None] = ContextVar("recording", default=_global_tape)
"""The tape that calls are recorded on in this context; None where recording is off."""

_entered: ContextVar[tuple[tuple[object, Tape, Tape | None], ...]] = ContextVar("entered", default=())


def enter(owner: object, tape: Tape, mode: bool) -> None:
    """Make a tape the current one, with recording on or off, until ``leave(owner)``.

    What was before is kept in the context and not in the owner, so that one ``no_grad()`` can be entered in several
    threads and tasks at once, and again inside itself.
    """
    _entered.set((*_entered.get(), (owner, current.get(), recording.get())))
    current.set(tape)
    recording.set(tape if mode else None)


def leave(owner: object) -> None:
    """Undo the last ``enter(owner, ...)`` of this context, if there is one."""
    entered = _entered.get()
    for i in reversed(range(len(entered))):
        known, tape, mode = entered[i]
        if known is owner:
            _entered.set(entered[:i] + entered[i + 1 :])
            current.set(tape)
            recording.set(mode)
            return


def current_tape() -> Tape:
    """The tape of this context: the global one, or that of the innermost ``with Tape()``.

    It holds what some tensor still needs, and nothing else; ``print`` it for a table.
    """
    return current.get()


def is_recording() -> bool:
    """Whether operations on tensors that require grad are recorded in this context."""
    return recording.get() is not None


class set_grad_enabled:
    """Turn recording on or off in this context, as a context manager or as a decorator.

    A decorated generator or coroutine has the mode only while its own code runs.

    >>> with set_grad_enabled(False):
    ...     is_recording()
    False
    """

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        enter(self, current.get(), self.mode)

    def __exit__(self, *exception: object) -> None:
        leave(self)

    def __call__(self, function: Callable) -> Callable:
        mode = self.mode
        if inspect.isgeneratorfunction(function):

            @wraps(function)
            def generator(*args: Any, **kwargs: Any) -> Any:
                return _generate_in_mode(function(*args, **kwargs), mode)

            return generator
        if inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{function.__name__} is an async generator, whose consumer's code runs between its steps; "
                "put the mode around the calls inside it instead of decorating it"
            )
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def coroutine(*args: Any, **kwargs: Any) -> Any:
                with set_grad_enabled(mode):
                    return await function(*args, **kwargs)

            return coroutine

        @wraps(function)
        def in_mode(*args: Any, **kwargs: Any) -> Any:
            with set_grad_enabled(mode):
                return function(*args, **kwargs)

        return in_mode


def _generate_in_mode(generator: Any, mode: bool) -> Iterator[Any]:
    """Run each step of a generator in a mode, and what consumes it in the consumer's own."""
    step: Any = generator.send
    argument: Any = None
    while True:
        try:
            with set_grad_enabled(mode):
                item = step(argument)
        except StopIteration as stop:
            return stop.value
        finally:
            argument = None  # an exception thrown in holds this frame, which must not hold it in turn
        try:
            step, argument = generator.send, (yield item)
        except GeneratorExit:
            with set_grad_enabled(mode):
                generator.close()
            raise
        except BaseException as error:
            step, argument = generator.throw, error


class no_grad(set_grad_enabled):
    """Record nothing in this context: ``with no_grad(): w -= rate * w.grad``, or ``@no_grad()``."""

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(set_grad_enabled):
    """Record again inside a ``no_grad``: ``with enable_grad(): ...``, or ``@enable_grad()``."""

    def __init__(self) -> None:
        super().__init__(True)


def propagate(
    cotangents: dict[Any, Any],
    *,
    floor: int = 0,
    retain_graph: bool = False,
    create_graph: bool = False,
    wanted: frozenset[Node] = frozenset(),
) -> dict[Any, Any]:
    """Replay the tape backwards from the nodes of ``cotangents``; return the cotangents that arrived.

    Nodes are visited once each, in decreasing position, and only where a cotangent reaches them. What lies at or below
    the position ``floor`` (the leaves, at 0) is not visited: its cotangents are the result, with those of ``wanted``.
    Unless ``retain_graph``, a visited node lets go of what it saved and of its parents.
    """
    pending = [(-node.position, node) for node in cotangents if node.position > floor]
    heapify(pending)
    supports: dict[Any, Support] = {}
    owned: set[Any] = set()  # nodes whose cotangent is a sum made here, so that nobody else sees its memory
    captured = {}
    watch = current.get().watch
    special = create_graph or bool(wanted) or watch is not None
    node = None
    try:
        while pending:
            node = heappop(pending)[1]
            g = cotangents.pop(node)
            while node is not None:
                saved = node.saved
                if saved is None:
                    raise RuntimeError(
                        f"the graph below {node.pullback.name} was already released by a backward pass; to go through "
                        "it twice, pass retain_graph=True to the first one"
                    )
                pullback, parents = node.pullback, node.parents
                if special:
                    if node in wanted:
                        captured[node] = g
                    if create_graph:
                        saved = pullback.lift(node)
                if supports or pullback.selects:
                    support = supports.pop(node, None)
                    if pullback.writes and not create_graph and watch is None:
                        own = node in owned and node not in captured
                        pairs, parts = pullback.run_in_place(g, saved, node, support, own, cotangents, owned)
                    else:
                        pairs, parts = pullback.run_supported(g, saved, node, support)
                    for i, part in enumerate(parts):
                        parent = parents[i]
                        if parent in cotangents or i and parent in parents[:i]:
                            _join_support(supports, parent, part)
                        elif part is not None:
                            supports[parent] = part
                else:
                    pairs = pullback.run(g, saved, parents)
                if watch is not None:
                    watch.visited(node, g, pairs)
                if not retain_graph:
                    node.saved, node.parents = None, ()
                if not pending and len(pairs) == 1:
                    ((parent, g),) = pairs
                    if parent.position > floor and parent not in cotangents:
                        node = parent
                        continue
                following = None  # along a chain, the next node takes its cotangent straight from this one
                for parent, gradient in pairs:
                    if parent in cotangents:
                        if parent in owned:
                            cotangents[parent] += gradient
                        else:
                            cotangents[parent] = cotangents[parent] + gradient
                            if not create_graph:
                                owned.add(parent)
                    elif parent is following:
                        g = g + gradient
                    elif parent.position <= floor:
                        cotangents[parent] = gradient
                    elif following is None and not pending:
                        following, g = parent, gradient
                    else:
                        cotangents[parent] = gradient
                        heappush(pending, (-parent.position, parent))
                if following is not None and pending:
                    cotangents[following] = g
                    heappush(pending, (-following.position, following))
                    following = None
                node = following
    except Exception as error:
        if node is not None:
            error.add_note(f"in the backward pass of {node.pullback.name}, recorded at {node.location()}")
        raise
    cotangents.update(captured)
    return cotangents


def _join_support(supports: dict[Any, Support], parent: Any, support: Support | None) -> None:
    """Join the support of one more cotangent to that of the sum; a part without support fills the whole."""
    if (earlier := supports.pop(parent, None)) is not None and support is not None:
        supports[parent] = join(earlier, support)
