"""Packs: parameters that are updated together, so that many small ones cost little more than one large one.

The small parameters of a group are gathered: their values lie one after the other in one array, of which their data are
views, and their gradients are copied one after the other into another. So they are updated as if they were one
parameter, whose state is one array for each name. A larger parameter is a pack of its own, and is updated in place.
Both are updated in blocks, what an update touches of which stays in the cache between its passes.

Nobody else's memory changes: the array of values is written to only while each member's data is the very view that was
made for it, and the reference counts of the views and of the array, which every other view of it would raise, are as
they were then. Else the values are copied to a new array before they are updated.

Members that have not always had gradients together have made different numbers of steps. They are packs apart then, for
good, as fast as parameters can be updated one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import accumulate
from operator import is_not
from sys import getrefcount
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.linalg.blas import daxpy, saxpy

from autodiff import Tensor

BLOCK = 1 << 20
"""Bytes of each array that are updated at a time. The update of one block is some 13 calls of NumPy for 5 such arrays:
with smaller blocks the calls cost more, with larger ones the memory."""
SMALL = 1 << 14
"""Parameters of up to so many entries are gathered."""
GATHERED = 1 << 18
"""Entries that are gathered at a time."""

Add = Callable[[np.ndarray, float, np.ndarray], None]


class Work(NamedTuple):
    """What the update of a block has to work with: two free arrays of its size, and ``add(y, c, x)``: ``y += c x``."""

    a: np.ndarray
    b: np.ndarray
    add: Add


Update = Callable[[Any, dict[str, Any], np.ndarray, np.ndarray, Work], None]
"""``Optimizer.update``: ``update(h, s, theta, g, work)``."""


def _add_in_two_passes(free: np.ndarray, y: np.ndarray, c: float, x: np.ndarray) -> None:
    y += np.multiply(x, c, out=free)


def _saxpy(y: np.ndarray, c: float, x: np.ndarray) -> None:
    saxpy(x, y, a=c)


def _daxpy(y: np.ndarray, c: float, x: np.ndarray) -> None:
    daxpy(x, y, a=c)


IN_ONE_PASS: dict[np.dtype, Add] = {np.dtype(np.float32): _saxpy, np.dtype(np.float64): _daxpy}
"""By BLAS, whose last bit may depend on where in the array an entry is. So it is only for parameters that are packs of
their own whatever happens: where gathered ones are depends on the others, which is nothing that results may depend on.
"""


def fastest_add(dtype: np.dtype, free: np.ndarray) -> Add:
    """``add(y, c, x)`` for arrays of this dtype in one row, not empty, and no longer than ``free``, which may be x."""
    return IN_ONE_PASS.get(dtype) or partial(_add_in_two_passes, free)


class Scratch:
    """Memory for packs of one dtype, allocated once: gathered gradients, and free arrays for a block.

    ``block`` is the number of entries of a block, ``gathered`` the pack whose gradients are there.
    """

    __slots__ = ("g", "free", "block", "gathered")

    def __init__(self, packs: list[Pack]) -> None:
        dtype = packs[0].dtype
        gathered = max((pack.size for pack in packs if len(pack.parameters) > 1), default=0)
        self.g = np.empty(gathered, dtype)
        self.block = BLOCK // dtype.itemsize
        self.free = np.empty((3, min(self.block, max(pack.size for pack in packs))), dtype)
        self.gathered: Pack | None = None


class Pack:
    """Parameters that have always been updated together, so that they share one state.

    Attributes:
        names, parameters: the members.
        shapes, dtype, size: what the members are, and the number of all their entries.
        state: numbers, and arrays of ``size`` entries in which the members' follow each other; empty before the first
            step.
        flat: False for the pack of an optimiser that is not elementwise: its arrays have shapes of their own, and it
            has one member.
        scratch: memory to work in.
        prepared: the hyper-parameters that the state was last made ready for.
    """

    def __init__(self, names: Iterable[str], parameters: Iterable[Tensor], state: dict[str, Any], flat: bool) -> None:
        self.names = list(names)
        self.parameters = list(parameters)
        self.shapes = [p.shape for p in self.parameters]
        self.dtype = self.parameters[0].dtype
        sizes = [math.prod(shape) for shape in self.shapes]
        self.size = sum(sizes)
        ends = list(accumulate(sizes))
        self._bounds = list(zip([0, *ends], ends))
        self.state = state
        self.flat = flat
        self.prepared: Any = None
        self._theta = np.empty(0, self.dtype)
        self._views: list[np.ndarray] = []
        self._references: list[int] = []

    def work_in(self, scratch: Scratch) -> Self:
        """Use this memory from now on."""
        n = self.size
        self.scratch = scratch
        self._g, self._work = scratch.g[:n], self._work_on(n)
        return self

    def _work_on(self, n: int) -> Work:
        """For a block of so many entries."""
        a, b, c = self.scratch.free[:, :n]
        always_alone = len(self.parameters) == 1 and self.size > SMALL
        return Work(a, b, fastest_add(self.dtype, c) if always_alone else partial(_add_in_two_passes, c))

    def accepts(self, gradients: list[np.ndarray]) -> bool:
        """Whether these are the members' gradients by shape and dtype, and the sum of their squares is finite."""
        if len(gradients) == 1:
            (g,) = gradients
            if g.shape != self.shapes[0] or g.dtype != self.dtype or not g.flags.forc:
                return False
            flat = g.ravel("K")
        else:
            if [g.shape for g in gradients] != self.shapes:
                return False
            try:
                flat = self._gather(gradients)
            except TypeError:  # another dtype
                return False
        return math.isfinite(flat.dot(flat))

    def _gather(self, gradients: list[np.ndarray]) -> np.ndarray:
        self.scratch.gathered = self
        return np.concatenate(gradients, None, self._g, casting="no")

    def change(self, update: Update, h: Any, gradients: list[np.ndarray]) -> None:
        """Have ``update`` change the state and the members' values, of all of them at once and block by block."""
        if len(gradients) == 1:
            (parameter,), (g,) = self.parameters, gradients
            w, value = parameter.writable(), parameter.data
            if w is not value or not w.flags.c_contiguous:
                w = np.array(value, order="C")
            if self.flat:
                self._in_blocks(update, h, w.reshape(-1), g.reshape(-1) if g.flags.c_contiguous else g.flat)
            else:
                update(h, self.state, w, g, self._work)
            if w is not value:
                parameter.data = w
            return
        if self.scratch.gathered is not self:
            self._gather(gradients)
        if not self._has_values():
            self._take_values()
            self._references = references(self._theta, [p.data for p in self.parameters])
        self._in_blocks(update, h, self._theta, self._g)

    def _has_values(self) -> bool:
        """Whether the members' data are views of ``_theta``, of which nobody else can see any part."""
        values = [p.data for p in self.parameters]
        if not self._views or any(map(is_not, values, self._views)):
            return False
        return references(self._theta, values) == self._references

    def _take_values(self) -> None:
        """Gather the members' values in a new ``_theta``, and make their data views of it."""
        self._theta = np.concatenate([p.data for p in self.parameters], None, dtype=self.dtype, casting="no")
        self._views = [self._theta[i:j].reshape(shape) for (i, j), shape in zip(self._bounds, self.shapes)]
        for parameter, view in zip(self.parameters, self._views):
            parameter.data = view

    def _in_blocks(self, update: Update, h: Any, theta: np.ndarray, g: np.ndarray | np.flatiter) -> None:
        n, block = self.size, self.scratch.block
        if n <= block:
            update(h, self.state, theta, g[:n], self._work)  # a slice of a flatiter is a copy of so many entries
            return
        for i in range(0, n, block):
            j = min(i + block, n)
            part = {key: value[i:j] if isinstance(value, np.ndarray) else value for key, value in self.state.items()}
            update(h, part, theta[i:j], g[i:j], self._work if j - i == block else self._work_on(j - i))

    def state_of(self, i: int) -> dict[str, Any]:
        """The state of one member: numbers, and arrays that share the memory of the pack's."""
        if not self.flat:
            return dict(self.state)
        start, end = self._bounds[i]
        return {
            key: value[start:end].reshape(self.shapes[i]) if isinstance(value, np.ndarray) else value
            for key, value in self.state.items()
        }

    def split(self, members: list[bool]) -> Iterator[Pack]:
        """Two packs: of the members chosen, and of the others."""
        for wanted in (True, False):
            chosen = [i for i, member in enumerate(members) if member is wanted]
            states = [self.state_of(i) for i in chosen]
            names, parameters = [self.names[i] for i in chosen], [self.parameters[i] for i in chosen]
            yield Pack(names, parameters, joined(states), True).work_in(self.scratch)


def references(theta: np.ndarray, values: list[np.ndarray]) -> list[int]:
    """How many references there are to an array and to its views. A view of a view refers to the array."""
    return [getrefcount(theta), *map(getrefcount, values)]


def joined(states: list[dict[str, Any]]) -> dict[str, Any]:
    """The state of a pack whose members have these states; the arrays are copies."""
    return {
        key: np.concatenate([s[key] for s in states], axis=None) if isinstance(value, np.ndarray) else value
        for key, value in states[0].items()
    }


def packed(names: list[str], parameters: list[Tensor], states: list[dict[str, Any]], flat: bool) -> list[Pack]:
    """Packs for parameters with these states; small ones of one dtype and with the same numbers in it come together."""
    if not flat:
        return [Pack([name], [p], state, flat) for name, p, state in zip(names, parameters, states)]
    chosen: list[list[int]] = []
    latest: dict[Any, list[int]] = {}
    room: dict[Any, int] = {}
    for i, (parameter, state) in enumerate(zip(parameters, states)):
        numbers = tuple((key, None if isinstance(value, np.ndarray) else value) for key, value in state.items())
        kind = parameter.dtype, numbers
        if parameter.size > SMALL:
            chosen.append([i])
            continue
        if room.get(kind, -1) < parameter.size:
            latest[kind], room[kind] = [], GATHERED
            chosen.append(latest[kind])
        latest[kind].append(i)
        room[kind] -= parameter.size
    return [
        Pack([names[i] for i in c], [parameters[i] for i in c], joined([states[i] for i in c]), flat) for c in chosen
    ]
