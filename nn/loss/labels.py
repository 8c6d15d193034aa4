"""Classes as integers: checked, and what losses need of them."""

from __future__ import annotations

from operator import index as as_integer
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .reduction import check_count, factors, first_where, plain


class Labels(NamedTuple):
    """The class of each row of an array whose axis 1 (or only axis) is that of the classes."""

    entries: tuple
    """``x[entries]``, of the labels' shape, has the entry of each row's class; class 0 where the label is ignored."""
    kept: np.ndarray | None
    """Which labels are not ignored; None if all are kept."""
    classes: np.ndarray | None
    """The weight of each class."""
    weights: np.ndarray | None
    """The weight of each row: that of its class, 0 if it is ignored; None if all are 1."""
    divisor: float
    """What a mean is divided by: the sum of the weights, or 1 if that is 0."""

    def one_hot(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """1 at the class of each row and 0 elsewhere."""
        found = np.zeros(shape, dtype)
        found[self.entries] = 1
        return found


def class_labels(
    name: str, x: Any, target: Any, classes: np.ndarray | None, ignore_index: int | None, reduction: str
) -> Labels:
    """The labels ``target`` of an array x of shape (C,), (N, C) or (N, C, d1, ...).

    Args:
        name: of the loss, for errors.
        x: the array, or a tensor.
        target: integers of shape (), (N,) or (N, d1, ...).
        classes: the weight of each class, or None.
        ignore_index: the label of rows that do not count; None if there is none.
        reduction: of the loss; there is no mean of no labels.

    Raises:
        ValueError: a label is not one of 0 ... C-1, or the shapes do not fit.
        TypeError: labels that are not integers.
    """
    values, shape, dtype = plain(target), x.shape, x.dtype
    axis = class_axis(len(shape))
    if not shape or values.shape != without_classes(shape):
        raise ValueError(
            f"{name}: the target of shape {values.shape} does not fit {shape}: classes of (C,), (N, C) or "
            f"(N, C, d1, ...) have the shape (), (N,) or (N, d1, ...)"
        )
    if values.dtype.kind not in "iu":
        example = f", e.g. {values.flat[0]}" if values.size else ""
        raise TypeError(
            f"{name}: classes are integers, but the target of shape {values.shape} is {values.dtype}{example}; convert "
            "it with .astype"
        )
    check_count(name, reduction, values.size, shape)
    kept = None
    highest = np.maximum.reduce(values.astype(np.uint64, copy=False), axis=None, initial=0)  # what is below 0 wraps
    if highest >= shape[axis] or (ignore_index is not None and 0 <= as_integer(ignore_index) <= highest):
        kept = values != ignore_index
        outside = kept & ((values < 0) | (values >= shape[axis]))
        if outside.any():
            raise ValueError(
                f"{name}: the target {first_where(outside, values)} is not one of the {shape[axis]} classes "
                f"0 ... {shape[axis] - 1}"
            )
        values = np.where(kept, values, 0)
        if not shape[axis]:
            raise ValueError(f"{name}: there are no classes in an array of shape {shape}")
    entries = _entries(values)
    if classes is None and kept is None:
        return Labels(entries, None, None, None, values.size)
    weights = np.ones(values.shape, dtype) if classes is None else classes[values]
    weights = weights if kept is None else weights * kept
    return Labels(entries, kept, classes, weights, float(weights.sum(dtype=float)) or 1.0)


def _entries(values: np.ndarray) -> tuple:
    """The index of the entry of each label: its own place, with the class as the second coordinate."""
    if values.ndim == 1:
        return np.arange(len(values)), values
    places = np.indices(values.shape, sparse=True)
    return (*places[:1], values, *places[1:])


def class_weights(name: str, value: ArrayLike | None, x: Any) -> np.ndarray | None:
    """A factor for each class of x, in its dtype; None stays None.

    Raises:
        ValueError: their shape is not (C,).
        TypeError: they are no numbers, or a tensor that requires grad, which would be lost.
    """
    weight = factors(name, "weight", value)
    if weight is None:
        return None
    expected = x.shape[class_axis(x.ndim) :][:1]
    if weight.shape != expected:
        raise ValueError(f"{name}: weight has one factor for each class, {expected}, not the shape {weight.shape}")
    return weight.astype(x.dtype, copy=False)


def class_axis(ndim: int) -> int:
    """The axis of the classes of an array (C,), (N, C) or (N, C, d1, ...)."""
    return min(ndim - 1, 1)


def without_classes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the labels."""
    axis = class_axis(len(shape))
    return shape[:axis] + shape[axis + 1 :]


def along_classes(weight: np.ndarray, ndim: int) -> np.ndarray:
    """Factors of the classes, of a shape that broadcasts with the array."""
    return weight.reshape((-1,) + (1,) * (ndim - 1 - class_axis(ndim)))


def scores_of_classes(weight: np.ndarray | None) -> str:
    """The shapes that a layer with such weights of the classes expects, in words."""
    c = "C" if weight is None else np.size(weight)
    return f"(N, {c}), ({c},) or (N, {c}, d1, ...)"
