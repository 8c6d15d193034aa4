"""``numpy.pad`` in each of its modes, one axis after the other as NumPy does.

Constants are a primitive; what repeats entries takes them by their positions, which NumPy itself pads; ramps,
statistics and odd reflections are joined to the array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..creation import array as array_of
from ..dispatch import tensors_in, unwrap
from ..primitive import defvjp, implements
from .linalg import as_operand

STATISTICS: dict[str, Callable] = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}


def _pad_with_constants(array: Any, pad_width: Any, constant_values: Any) -> Any:
    return np.pad(array, pad_width, constant_values=constant_values)


def inner(g: Any, array_shape: tuple[int, ...], pad_width: Any) -> Any:
    """What an array's own entries became, in the middle of its padding."""
    starts = [before for before, _ in pairs(pad_width, len(array_shape))]
    return g[tuple(slice(start, start + n) for start, n in zip(starts, array_shape))]


_pad_with_constants.__name__ = "pad"
pad_with_constants: Callable = defvjp(_pad_with_constants, kind="linear", array=inner)


def pairs(values: Any, ndim: int) -> list[tuple]:
    """A parameter of ``pad`` as a pair for each axis: so given, or as one pair, one value, or a dict by axis."""
    if values is None:
        return [(None, None)] * ndim
    if isinstance(values, dict):
        by_axis = {axis % ndim: value for axis, value in values.items()}
        return [tuple(np.broadcast_to(by_axis.get(axis, 0), 2).tolist()) for axis in range(ndim)]
    if any(True for _ in tensors_in(values)):
        return [tuple(pair) for pair in np.broadcast_to(array_of(values), (ndim, 2))]
    given = np.asarray(values)
    if given.size == 1 or given.size == 2 and given.shape != (2, 1):
        return [(given.reshape(-1)[0], given.reshape(-1)[-1])] * ndim
    return list(map(tuple, np.broadcast_to(given, (ndim, 2)).tolist()))  # Python's numbers do not upcast


def part(x: Any, axis: int, start: int, stop: int) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop),)]


def ramps(x: Any, axis: int, width: tuple[int, int], ends: tuple) -> Any:
    """Straight lines from the end values to the edges."""
    edges = part(x, axis, 0, 1), part(x, axis, x.shape[axis] - 1, x.shape[axis])
    left, right = (
        np.linspace(end, np.squeeze(edge, axis), n, endpoint=False, dtype=x.dtype, axis=axis)
        for end, edge, n in zip(ends, edges, width)
    )
    return np.concatenate([left, x, np.flip(right, axis)], axis)


def statistics(x: Any, axis: int, width: tuple[int, int], lengths: tuple, statistic: Callable) -> Any:
    """A statistic of the entries next to either edge, or of all."""
    n = x.shape[axis]
    first, last = (n if length is None else min(n, length) for length in lengths)
    left = statistic(part(x, axis, 0, first), axis=axis, keepdims=True)
    right = left if first == last == n else statistic(part(x, axis, n - last, n), axis=axis, keepdims=True)
    return np.concatenate([np.repeat(left, width[0], axis), x, np.repeat(right, width[1], axis)], axis)


def odd_reflections(x: Any, axis: int, width: tuple[int, int], with_edge: bool) -> Any:
    """Twice the edge less what is mirrored at it, again and again until the padding is as wide as it should be."""
    left, right = width
    period = x.shape[axis] - (not with_edge)
    if period == 0:  # NumPy repeats a single entry
        return np.repeat(x, left + 1 + right, axis)
    while left or right:
        n = x.shape[axis]
        reach = (n - (not with_edge)) // period * period
        before, after = min(reach, left), min(reach, right)
        start, stop = (0, n) if with_edge else (1, n - 1)
        mirrored = part(x, axis, start, start + before), part(x, axis, stop - after, stop)
        edges = part(x, axis, 0, 1), part(x, axis, n - 1, n)
        first, last = (2 * edge - np.flip(chunk, axis) for edge, chunk in zip(edges, mirrored))
        x = np.concatenate([first, x, last], axis)
        left, right = left - before, right - after
    return x


def pad_with_tensors(x: Any, pad_width: Any, constant_values: Any) -> Any:
    """Constants that may have a gradient: entries of the array and constants are taken by their positions."""
    constants = array_of([value for pair in pairs(constant_values, x.ndim) for value in pair])
    places = x.size + np.arange(2 * x.ndim).reshape(x.ndim, 2)
    positions = np.pad(np.arange(x.size).reshape(x.shape), pad_width, constant_values=places)
    return np.take(np.concatenate([x.reshape(-1), np.astype(constants, x.dtype)]), positions)


@implements(np.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **keywords: Any) -> Any:
    x = as_operand(array)
    if callable(mode) or mode == "empty":
        reason = "it would write into the tensor" if callable(mode) else "it leaves the values of the padding undefined"
        raise TypeError(f"pad: mode={mode!r} cannot be differentiated, for {reason}; name another mode")
    if mode == "constant" and keywords.keys() <= {"constant_values"}:
        tracked = any(True for _ in tensors_in(keywords))
        return (pad_with_tensors if tracked else pad_with_constants)(x, pad_width, keywords.get("constant_values", 0))
    np.pad(np.broadcast_to(0.0, x.shape), pad_width, mode, **unwrap(keywords))  # NumPy checks the parameters
    kind = keywords.get("reflect_type", "even")
    if mode in ("edge", "wrap") or mode in ("reflect", "symmetric") and kind != "odd":
        positions = np.arange(x.size).reshape(x.shape)
        return np.take(x.reshape(-1), np.pad(positions, pad_width, mode))
    ends = pairs(keywords.get("end_values", 0), x.ndim)
    lengths = pairs(keywords.get("stat_length"), x.ndim)
    for axis, width in enumerate(pairs(pad_width, x.ndim)):
        if not any(width):
            continue
        if mode == "linear_ramp":
            x = ramps(x, axis, width, ends[axis])
        elif mode in STATISTICS:
            x = statistics(x, axis, width, lengths[axis], STATISTICS[mode])
        else:
            x = odd_reflections(x, axis, width, with_edge=mode == "symmetric")
    return x
