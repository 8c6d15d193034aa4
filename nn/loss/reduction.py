"""What all losses share: the reduction of many losses to one, and the checks of what a loss is given."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from autodiff import Tensor

from ..arguments import array, untracked
from ..module import Module

Reduction = Literal["mean", "sum", "none"]
REDUCTIONS = ("mean", "sum", "none")


def reduce(losses: Any, reduction: str, count: float | None = None) -> Any:
    """The losses themselves ("none"), their sum, or their sum over ``count``, which is how many they are by default."""
    if reduction == "none":
        return losses
    half = losses.dtype == np.float16
    total = losses.sum(dtype=np.float32) if half else losses.sum()
    if reduction != "sum":
        total = total / (losses.size if count is None else count)
    return total.astype(np.float16) if half else total


def share(g: Any, reduction: str, count: float) -> Any:
    """The cotangent of each loss, given that of their reduction."""
    return g if reduction in ("none", "sum") else g / count


def wide(x: Any) -> Any:
    """float16 as float32, in which sums neither overflow nor lose their digits; anything else as it is."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def narrow(x: Any, dtype: Any) -> Any:
    """Back to the dtype of what was given."""
    return x if x.dtype == dtype else x.astype(dtype)


def operands(name: str, reduction: str, allowed: Collection[str] = REDUCTIONS, /, **arguments: Any) -> tuple:
    """The arguments of a loss that compares entry by entry, as arrays or tensors of one shape and kind of numbers.

    Integers (labels such as 1 and -1, counts) become numbers of the first argument's dtype, which has to be floating.

    Raises:
        ValueError: their shapes differ, even if they would broadcast; or the mean of no losses is asked for.
        TypeError: they are not real numbers, or the first is not floating.
    """
    check_reduction(name, reduction, allowed)
    (leader, first), *others = [(argument, array(value)) for argument, value in arguments.items()]
    check_floating(name, leader, first)
    values = [first]
    for argument, value in others:
        if value.shape != first.shape:
            raise ValueError(
                f"{name} compares entry by entry, but was given {leader} of shape {first.shape} and {argument} of "
                f"shape {value.shape}; reshape one of them"
            )
        if value.dtype.kind not in "fiub":
            raise TypeError(f"{name} takes real numbers as {argument}, not {value.dtype}")
        values.append(value if value.dtype.kind == "f" else value.astype(first.dtype))
    check_count(name, reduction, first.size, first.shape)
    return tuple(values)


def check_reduction(name: str, reduction: str, allowed: Collection[str] = REDUCTIONS) -> None:
    """Raise ValueError for a reduction that the loss does not have."""
    if reduction not in allowed:
        *others, last = map(repr, allowed)
        raise ValueError(f"{name}: reduction is {', '.join(others)} or {last}, not {reduction!r}")


def check_count(name: str, reduction: str, count: int, shape: tuple[int, ...]) -> None:
    """Raise ValueError for the mean of no losses, which is not a number."""
    if count == 0 and reduction not in ("none", "sum"):
        raise ValueError(f"{name}: there is no mean of no losses, for arguments of shape {shape}; use reduction='sum'")


def check_floating(name: str, argument: str, value: Any) -> None:
    """Raise TypeError for anything but floating-point numbers."""
    if value.dtype.kind != "f":
        raise TypeError(
            f"{name} takes floating-point numbers as {argument}, but was given {value.dtype} of shape {value.shape}; "
            "convert it with .astype"
        )


def number(name: str, option: str, value: Any, above: float | None = None, least: float | None = None) -> float:
    """An option that is a number, larger than ``above`` or at least ``least``.

    Raises:
        TypeError: it is none; a tensor would lose its gradient.
        ValueError: it is too small, or NaN.
    """
    if not isinstance(value, Real):
        raise TypeError(f"{name}: {option} is a number without a gradient, not {type(value).__name__}")
    found = float(value)
    if above is not None and not found > above:
        raise ValueError(f"{name}: {option} is larger than {above}, not {value!r}")
    if least is not None and not found >= least:
        raise ValueError(f"{name}: {option} is at least {least}, not {value!r}")
    return found


def factors(name: str, argument: str, value: ArrayLike | None) -> np.ndarray | None:
    """Weights, which have no gradient, as an array; None stays None.

    Raises:
        TypeError: they are no numbers, or a tensor that requires grad, which would be lost.
    """
    weights = untracked(name, argument, value)
    if weights is not None and weights.dtype.kind not in "fiub":
        raise TypeError(f"{name}: {argument} is an array of numbers or None, not {value!r}")
    return weights


def first_where(bad: Any, values: Any) -> str:
    """The first entry that is ``bad``, and its index, for an error: "5 at index (1,)"."""
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), np.shape(bad)))
    return f"{values[index]} at index {index}" if index else f"{values[index]}"


def plain(value: Any) -> np.ndarray:
    """The values of an array or tensor, for a look at them."""
    return value.data if isinstance(value, Tensor) else value


class Loss(Module):
    """A loss with its ``reduction``: "mean", "sum", or "none" for the loss of each entry or row."""

    reduction: Any

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        check_reduction(type(self).__name__, reduction)
        self.reduction = reduction
