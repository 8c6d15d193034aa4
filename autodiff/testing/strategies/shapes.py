"""Shapes: any, those that broadcast together, those of a generalised ufunc's arguments; and axes."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Shape = tuple[int, ...]


def shapes(max_dims: int = 3, max_side: int = 3, min_side: int = 0, min_dims: int = 0) -> SearchStrategy[Shape]:
    """Shapes of arrays; 0-d ones too, and sides of length 0 and 1 as often as others.

    >>> from hypothesis import find
    >>> len(find(shapes(min_side=1), lambda shape: len(shape) == 3))
    3
    """
    return st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def broadcastable_shapes(
    draw: Any, count: int = 2, max_dims: int = 3, max_side: int = 3, min_side: int = 0
) -> tuple[Shape, ...]:
    """Shapes that broadcast together: a common one, often itself, or without leading axes and with some of length 1.

    >>> from hypothesis import find
    >>> a, b, c = find(broadcastable_shapes(3), lambda found: len(set(found)) == 3)
    >>> np.broadcast_shapes(a, b, c) in (a, b, c)
    True
    """
    common = draw(shapes(max_dims, max_side, min_side))
    found = []
    for _ in range(count):
        broadcast = draw(st.booleans())
        start = draw(st.integers(0, len(common))) if broadcast else 0
        found.append(tuple(1 if broadcast and draw(st.booleans()) else n for n in common[start:]))
    return tuple(found)


class GufuncShapes(NamedTuple):
    """The shapes of a call of a generalised ufunc."""

    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]


@st.composite
def gufunc_shapes(draw: Any, signature: str, max_dims: int = 2, max_side: int = 3, min_side: int = 0) -> GufuncShapes:
    """Shapes of the arguments and results of a function with a signature such as ``"(m,n),(n,k)->(m,k)"``.

    A name is one length throughout, a number is that length, and ``?`` marks a dimension that all arguments may lack
    together, one that does having no further axes: NumPy's grammar. Before these come axes that broadcast together.

    >>> from hypothesis import find
    >>> call = find(gufunc_shapes("(m,n),(n,k)->(m,k)", min_side=1), lambda call: call.outputs == ((2, 1, 3),))
    >>> np.matmul(*map(np.ones, call.inputs)).shape
    (2, 1, 3)

    Args:
        signature: as NumPy's ``ufunc.signature``.
        max_dims: how many broadcasting axes there may be.
        max_side, min_side: bounds of the lengths, but for those that the signature gives as numbers.

    Raises:
        ValueError: the signature is none, or has a dimension in its results alone.
    """
    sources, targets = _parsed(signature)
    names = list(dict.fromkeys(name for source in sources for name in source))
    side = st.integers(min_side, max_side)
    lengths = {name: int(name.rstrip("?")) if name[0].isdigit() else draw(side) for name in names}
    missing = _closed({name for name in names if name.endswith("?") and draw(st.booleans())}, sources)
    batches = draw(broadcastable_shapes(len(sources), max_dims, max_side, min_side))
    batches = tuple(() if missing & set(s) else batch for s, batch in zip(sources, batches, strict=True))
    common = np.broadcast_shapes(*batches)

    def core(part: list[str]) -> Shape:
        return tuple(lengths[name] for name in part if name not in missing)

    inputs = tuple(batch + core(source) for batch, source in zip(batches, sources, strict=True))
    return GufuncShapes(inputs, tuple(common + core(target) for target in targets))


def _parsed(signature: str) -> tuple[list[list[str]], list[list[str]]]:
    """The names of the dimensions of each argument and of each result."""
    dimension = r"(?:[A-Za-z_]\w*|\d+)\??"
    argument = rf"\((?:{dimension}(?:,{dimension})*)?\)"
    compact = re.sub(r"\s+", "", signature)
    if not re.fullmatch(rf"{argument}(,{argument})*->{argument}(,{argument})*", compact):
        raise ValueError(f"gufunc_shapes: {signature!r} is no signature such as '(m,n),(n,k)->(m,k)'")
    sources, targets = (
        [list(filter(None, part.split(","))) for part in re.findall(r"\(([^)]*)\)", side)]
        for side in compact.split("->")
    )
    if unknown := {name for target in targets for name in target} - {name for source in sources for name in source}:
        raise ValueError(f"gufunc_shapes: {sorted(unknown)} in {signature!r} are dimensions of no argument")
    return sources, targets


def _closed(missing: set[str], sources: list[list[str]]) -> set[str]:
    """With a dimension NumPy drops the optional ones that stand before it in an argument."""
    found = set(missing)
    for source in sources:
        optional = [name for name in source if name.endswith("?")]
        last = max((i for i, name in enumerate(optional) if name in missing), default=-1)
        found |= set(optional[: last + 1])
    return found if found == missing else _closed(found, sources)


def axes(ndim: int) -> SearchStrategy[int | tuple[int, ...] | None]:
    """What a reduction takes as ``axis``: None, an integer of either sign, or a tuple (also ()) without repeats.

    >>> from hypothesis import find
    >>> len(find(axes(3), lambda axis: isinstance(axis, tuple) and len(axis) == 2))
    2
    """
    if ndim == 0:
        return st.sampled_from([None, ()])
    axis = st.integers(-ndim, ndim - 1)
    return st.none() | axis | st.lists(axis, unique_by=lambda a: a % ndim).map(tuple)
