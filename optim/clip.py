"""Gradient clipping. Clipped gradients are new arrays: nobody who looks at the old ones sees them change."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from numbers import Real
from sys import getrefcount
from typing import Any, Literal

import numpy as np

from autodiff import Tensor

from .optimizer import Nonfinite
from .packs import BLOCK


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor] | Iterable[tuple[str, Tensor]],
    max_norm: float,
    norm_type: float | Literal["inf"] = 2.0,
    error_if_nonfinite: bool | None = None,
    *,
    nonfinite: Nonfinite = "raise",
) -> float:
    """Scale all gradients, taken as one vector g, down to the norm ``max_norm`` if it is greater; return the norm of g.

    ``g * min(1, max_norm / (norm + 1e-6))``, as in PyTorch. R. Pascanu, T. Mikolov and Y. Bengio, On the difficulty of
    training recurrent neural networks, 2013, arXiv:1211.5063.

    Args:
        parameters: tensors, or (name, tensor) pairs; those without a gradient are left alone.
        max_norm: the greatest norm allowed; inf to look at the norm only.
        norm_type: p, for the p-norm; inf, also as text, for the largest absolute value.
        error_if_nonfinite: PyTorch's word: True is ``nonfinite="raise"``, False, its default, ``nonfinite="ignore"``.
            It overrides ``nonfinite``.
        nonfinite: what a norm that is NaN or inf does: "raise" an error that names the parameter, "skip" the scaling,
            or "ignore" it and scale by it.

    Returns:
        The norm before it was clipped; it neither overflows nor underflows where a float64 does not.

    Raises:
        ValueError: the norm is not finite, a parameter is there twice, or an argument makes no sense; nothing has
            changed then.
    """
    what = "clip_grad_norm_"
    if error_if_nonfinite is not None:
        nonfinite = "raise" if error_if_nonfinite else "ignore"
    _check(what, nonfinite, max_norm=max_norm)
    if norm_type == "inf":
        norm_type = math.inf
    if not (isinstance(norm_type, Real) and norm_type > 0):
        raise ValueError(f"{what}: norm_type is a number above 0, or inf, not {norm_type!r}")
    named = _with_gradients(what, parameters)
    with np.errstate(all="ignore"):
        total = _norm(np.array([_norm(p.grad.data, norm_type) for p in named.values()]), norm_type)
        if not math.isfinite(total) and not _goes_on(what, nonfinite, named, total):
            return total
        coefficient = float(max_norm / (total + 1e-6))
        if not coefficient >= 1:
            for p in named.values():
                _change(p, np.multiply, coefficient)
    return total


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor] | Iterable[tuple[str, Tensor]],
    clip_value: float,
    *,
    nonfinite: Nonfinite = "raise",
) -> None:
    """Clip the entries of all gradients to ``[-clip_value, clip_value]``.

    Args:
        parameters: tensors, or (name, tensor) pairs; those without a gradient are left alone.
        clip_value: the greatest absolute value allowed.
        nonfinite: what entries that are NaN or inf do: "raise" an error that names the parameter, "skip" the clipping,
            or "ignore" it: inf is clipped then, and NaN stays.

    Raises:
        ValueError: an entry is not finite, a parameter is there twice, or an argument makes no sense; nothing has
            changed then.
    """
    what = "clip_grad_value_"
    _check(what, nonfinite, clip_value=clip_value)
    named = _with_gradients(what, parameters)
    greatest = float(np.max([_norm(p.grad.data, math.inf) for p in named.values()], initial=0.0))
    if not math.isfinite(greatest) and not _goes_on(what, nonfinite, named, greatest):
        return
    if not greatest <= clip_value:
        for p in named.values():
            _change(p, np.clip, -clip_value, clip_value)


def _check(what: str, nonfinite: Nonfinite, **bounds: float) -> None:
    if nonfinite not in ("raise", "skip", "ignore"):
        raise ValueError(f"{what}: nonfinite is 'raise', 'skip' or 'ignore', not {nonfinite!r}")
    for name, value in bounds.items():
        if not (isinstance(value, Real) and value >= 0):
            raise ValueError(f"{what}: {name} is a number of at least 0, not {value!r}")


def _with_gradients(what: str, parameters: Any) -> dict[str, Any]:
    """The parameters that have a gradient by name; a parameter without a name is called by its number."""
    everything: dict[str, Tensor] = {}
    names: dict[int, str] = {}
    for i, item in enumerate([parameters] if isinstance(parameters, Tensor) else parameters):
        name, tensor = item if isinstance(item, tuple) and len(item) == 2 else (str(i), item)
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{what}: parameter {name} is {tensor!r}, not a tensor")
        if id(tensor) in names:
            raise ValueError(f"{what}: parameter {name} is there twice (also as {names[id(tensor)]})")
        if name in everything:
            raise ValueError(f"{what}: two parameters are called {name}")
        everything[name], names[id(tensor)] = tensor, name
    return {name: tensor for name, tensor in everything.items() if tensor.grad is not None}


def _goes_on(what: str, nonfinite: Nonfinite, named: dict[str, Any], value: float) -> bool:
    """Whether a gradient that is not finite is to be clipped all the same."""
    if nonfinite != "raise":
        return nonfinite == "ignore"
    for name, p in named.items():
        bad = np.argwhere(~np.isfinite(p.grad.data))
        if len(bad):
            index = tuple(map(int, bad[0]))
            raise ValueError(
                f"{what}: the gradient of parameter {name} is not finite ({p.grad.data[index]} at {index}); nothing "
                "was changed. autodiff.detect_anomaly() finds where it comes from"
            )
    raise ValueError(f"{what}: the norm of all gradients is {value}; nothing was changed")


def _change(p: Tensor, function: Callable[..., np.ndarray], *operands: float) -> None:
    """Replace the gradient by a function of it, in its own memory where nobody else can see that."""
    alone = _references(p) == ALONE
    g: Any = p.grad
    if alone and not g.requires_grad:
        out = g.writable()
        g.data = function(g.data, *operands, out=out)
    else:
        p.grad = function(g.data, *operands)


def _references(p: Tensor) -> int:
    g = p.grad
    return getrefcount(g)


def _references_of_a_new_gradient() -> int:
    p = Tensor(0.0, requires_grad=True)
    p.grad = Tensor(0.0)
    return _references(p)


ALONE = _references_of_a_new_gradient()
"""The number of references to a gradient that only its parameter refers to."""


def _norm(g: np.ndarray, p: float) -> float:
    """The p-norm of all entries; where powers may overflow or underflow, of the entries over the largest of them.

    In blocks: float32 sums of many entries are inexact, and float64 powers of all entries a waste of memory.
    """
    flat = g.ravel(order="K")
    step = BLOCK // flat.itemsize
    blocks = [flat[i : i + step] for i in range(0, flat.size, step)]
    if p == 2 and flat.itemsize >= 4:
        square = sum([float(block.dot(block)) for block in blocks])
        if 1e-20 < square < math.inf:  # far from what float32 calls 0, so that no entry that counts was lost
            return math.sqrt(square)
    largest = float(np.max([np.max(np.abs(block)) for block in blocks], initial=0.0))
    if p == math.inf or largest == 0 or not math.isfinite(largest):
        return largest
    powers = sum(float(np.sum((np.abs(block, dtype=np.float64) / largest) ** p)) for block in blocks)
    return largest * powers ** (1 / p)
