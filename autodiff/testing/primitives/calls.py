"""``calls``: a Hypothesis strategy for calls of a registered function, found from its registry entry alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...tensor import Tensor
from ...tree import flatten
from ..strategies import broadcastable_shapes, gufunc_shapes
from .call import Call
from .domains import ENTRYWISE, PER_UNIT, Domain, Shapes
from .search import Entry, Form, Slot, Template, described, templates


def calls(function: Callable) -> SearchStrategy[Call]:
    """Calls of a registered function, found from its registry entry alone.

    Arguments are of the shapes and in the domains that the function was found to take, static parameters of
    conventional names (``axis``, ``keepdims``, ``n``, ...) vary, and every fourth call is one with many ties.

    >>> import numpy as np
    >>> from hypothesis import find
    >>> find(calls(np.hypot), lambda call: call.args[0].size == 3).name
    'np.hypot'

    Raises:
        TypeError: the function is not registered, or no call was found.
    """
    entry = described(function)
    return _drawn(entry, templates(entry))


@st.composite
def _drawn(draw: Any, entry: Entry, found: Sequence[Template]) -> Call:
    template = draw(st.sampled_from(found))
    form = draw(st.sampled_from(template.forms))
    shapes = draw(_shapes(entry, template))
    tied = draw(st.integers(0, 3)) == 0
    args = []
    for i, (shape, domain) in enumerate(zip(shapes, template.domains, strict=True)):
        size = prod(shape)
        numbers = draw(st.lists(_numbers(domain, i, tied), min_size=size, max_size=size))
        args.append(domain.array(np.array(numbers, dtype=float).reshape(shape)))
    return form.bound(entry, args)


def _shapes(entry: Entry, template: Template) -> SearchStrategy[Shapes]:
    """Those of the template; or any that a ufunc takes."""
    function, own = entry.function, st.just(template.shapes)
    if not isinstance(function, np.ufunc) or any(domain.build not in ENTRYWISE for domain in template.domains):
        return own
    if function.signature:
        return own | gufunc_shapes(function.signature).map(lambda found: found.inputs)
    return own | broadcastable_shapes(len(template.shapes))


def _numbers(domain: Domain, i: int, tied: bool) -> SearchStrategy[float]:
    """A few points of the lattice, or points between them: others for each argument, so that there are no ties."""
    if tied:
        return st.sampled_from(domain.tied)
    first, last = int(domain.low * PER_UNIT), int(domain.high * PER_UNIT) - 1
    return st.integers(first, last).map(lambda k: (k + (i + 1) / 8) / PER_UNIT)


def call_with(entry: Entry, args: Sequence[Any]) -> Call:
    """The call with exactly these arguments: every floating-point array or number in them can have a gradient.

    Raises:
        TypeError: there is none.
    """
    leaves, build = flatten(list(args))
    leaves = [leaf.data if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    chosen = [i for i, leaf in enumerate(leaves) if np.asarray(leaf).dtype.kind in "fc"]
    if not chosen:
        raise TypeError(f"check_primitive: {entry.name}: no argument is a floating-point array; write 3.0 for 3")
    slots = dict(zip(chosen, map(Slot, range(len(chosen))), strict=True))
    positional = build([slots.get(i, leaf) for i, leaf in enumerate(leaves)])
    return Form(entry.name, tuple(positional), {}).bound(entry, [np.asarray(leaves[i]) for i in chosen])
