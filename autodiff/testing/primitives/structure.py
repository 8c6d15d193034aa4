"""Structural zeros: whether the gradient of a primitive keeps what its declared kind promises of them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ...tree import flatten
from .call import ENTRIES, Call, Recorded, assert_close, jacobian_by_rows, largest

POISON = (0.0, -1.0, np.inf, np.nan, 1e308)
"""What an argument may be where nothing is selected: points of infinite derivative, and outside the domain."""

SHIFTS = (2.0**-9, 2.0**-8)
"""How far points without ties are from a given one, which has numbers that are equal or 1/64 apart."""

TINY = 2.0**-20
"""A step that changes what is selected nowhere but at ties."""


def check_kind(call: Call) -> None:
    """Assert that what nothing selects has gradient exactly 0, and that a declared kind is the right one.

    Of calls that record a single primitive, on all their arguments. A composition promises nothing; its parts do.
    """
    at = Recorded(call)
    if at.primitive is None or at.outputs[0].size == 0:
        return
    kind = at.primitive.kind
    if kind == "elementwise":
        _check_entrywise(call, at)
        for mask in _masks(at.outputs[0].shape):
            _check_poisoned(call, mask)
    elif kind in ("linear", "select"):
        _check_weights(call, at, kind)
        for mask in _masks(at.outputs[0].shape):
            _check_unreached(call, kind, mask)


def _masks(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Every second entry of an output selected, and the others."""
    even = np.arange(prod(shape)).reshape(shape) % 2 == 0
    return [even, ~even]


def _select(call: Call, mask: np.ndarray) -> Callable:
    return lambda *xs: np.where(mask, flatten(call.function(*xs))[0][0], 0)


def _reaching(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The entries of an argument of this shape that broadcasting takes to where the mask is true."""
    places = np.broadcast_to(np.arange(prod(shape)).reshape(shape), mask.shape)
    found = np.zeros(prod(shape), bool)
    found[places[mask]] = True
    return found.reshape(shape)


def _check_entrywise(call: Call, at: Recorded) -> None:
    """Assert that an entry of an argument changes only the entries of the output that broadcasting takes it to."""
    out = at.outputs[0].data
    for i, x in enumerate(call.args):
        fits = x.ndim <= out.ndim and all(m in (1, n) for m, n in zip(x.shape[::-1], out.shape[::-1], strict=False))
        for k in list(np.ndindex(x.shape))[:12] if fits else ():
            args = [y.copy() for y in call.args]
            args[i][k] += 1 / 128
            moved = Recorded(call, args).outputs[0].data
            same = (moved == out) | (np.isnan(moved) & np.isnan(out))
            here = np.zeros(x.shape, bool)
            here[k] = True
            fits = fits and bool(np.all(same | np.broadcast_to(here, out.shape)))
        if not fits:
            raise AssertionError(
                f"its kind is declared 'elementwise', but entry by entry {call.label(i)} of shape {x.shape} does not "
                f"belong to the output of shape {out.shape}; declare kind='mix'"
            )


def _check_poisoned(call: Call, mask: np.ndarray) -> None:
    """Assert that gradients are exactly 0 where nothing is selected, whatever the arguments are there."""
    chosen = call._replace(function=_select(call, mask))
    at = Recorded(chosen)
    cotangents = at.cotangents()
    clean = at.pull(cotangents)
    reached = [_reaching(mask, x.shape) for x in call.args]
    for poison in POISON:
        args = [np.where(used, x, poison) for used, x in zip(reached, call.args, strict=True)]
        try:
            call.value(args)
        except Exception:
            continue  # it says so itself if an argument is outside of its domain
        found = Recorded(chosen, args).pull(cotangents)
        for i, (g, expected, used) in enumerate(zip(found, clean, reached, strict=True)):
            what = f"of where({mask.tolist()}, f, 0), with {poison} elsewhere, the gradient of {call.label(i)}"
            assert not np.any(g[~used]), f"{what} is {g}, not 0 where nothing is selected"
            assert_close(what, g, expected, largest(cotangents))


def _shifted(call: Call, shift: float) -> list[np.ndarray]:
    """The arguments a little further on, each entry of each by another distance: no ties."""
    moved = []
    for i, x in enumerate(call.args):
        parts = np.modf(0.618 * np.arange(1, x.size + 1) + 0.29 * i)[0]
        moved.append(np.asarray(x + shift * (1 + parts.reshape(x.shape))))
    return moved


def _check_weights(call: Call, at: Recorded, kind: str) -> None:
    """Assert that the derivatives are not negative, and constant between ties."""
    if max(x.size for x in call.args) * at.outputs[0].size > ENTRIES:
        return
    for i, weights in enumerate(jacobian_by_rows(at)):
        assert not np.any(weights < 0), (
            f"its kind is declared {kind!r}, but {call.label(i)} has the derivatives {weights}; those of {kind!r} are "
            "not negative; declare kind='mix'"
        )
    points = [_shifted(call, shift) for shift in SHIFTS]
    if not all(map(call.defined, points)):
        return
    first, second = (jacobian_by_rows(Recorded(call, point)) for point in points)
    for i, (weights, others) in enumerate(zip(first, second, strict=True)):
        what = f"its kind is declared {kind!r}, but at two points without ties nearby the derivative by {call.label(i)}"
        assert_close(what, weights, others, 1.0)


def _check_unreached(call: Call, kind: str, mask: np.ndarray) -> None:
    """Assert that infinite derivatives of what the arguments are computed from do not reach unselected outputs.

    That is away from ties, where what is selected, and so what reaches it, is a matter of convention.
    """
    call = call._replace(args=_shifted(call, SHIFTS[0]))
    out = Recorded(call).outputs[0].data
    for i, x in enumerate(call.args):
        if not 0 < x.size <= ENTRIES // 4:
            continue
        used = np.zeros(x.shape, bool)
        for k in np.ndindex(x.shape):
            for step in (TINY, -TINY):
                args = [np.array(y) for y in call.args]
                args[i][k] += step
                used[k] |= np.any((Recorded(call, args).outputs[0].data != out)[mask])
        at = Recorded(call._replace(function=_rooted(_select(call, mask), i)), [*call.args, np.where(used, 1.0, 0.0)])
        *_, found = at.pull(at.cotangents())
        assert not np.any(found[~used]), (
            f"its kind is declared {kind!r}, but where(mask, f, 0) has the gradient {found} by roots that are added to "
            f"{call.label(i)}, not 0 where they are roots of 0 that reach no selected entry; mask = {mask.tolist()}"
        )


def _rooted(function: Callable, i: int) -> Callable:
    """The function of its arguments and a further one, the root of which is added to argument ``i`` and subtracted."""

    def composed(*args: Any) -> Any:
        *xs, square = args
        xs[i] = xs[i] + (np.sqrt(square) - square.data)
        return function(*xs)

    return composed
