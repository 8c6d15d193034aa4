"""Layers that only arrange the entries anew: their gradients arrange them back."""

from __future__ import annotations

import math
from typing import Any

from .arguments import array
from .derived import derived
from .module import Module


@derived(kind="linear")
def flatten(x: Any, *, start_dim: int = 1, end_dim: int = -1) -> Any:
    """``x`` with the axes from ``start_dim`` up to and with ``end_dim`` as one; a view where that is possible.

    Every entry stays in its place in memory order, so that the gradient is g in the shape of x.

    >>> import numpy as np
    >>> flatten(np.zeros((2, 3, 4, 5))).shape
    (2, 60)

    Raises:
        ValueError: x has no such axes, or they are in the wrong order.
    """
    x = array(x)
    shape = x.shape or (1,)
    first, last = (_axis("flatten", dim, shape) for dim in (start_dim, end_dim))
    if first > last:
        raise ValueError(f"flatten: start_dim={start_dim} is behind end_dim={end_dim} in shape {x.shape}")
    return x.reshape(*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])


flatten.gradient(x=lambda g, x_shape: g.reshape(x_shape))


@derived(kind="linear")
def unflatten(x: Any, *, dim: int, unflattened_size: tuple[int, ...]) -> Any:
    """``x`` with the axis ``dim`` as several, one of which may be -1 for whatever fits; a view where possible.

    Every entry stays in its place in memory order, so that the gradient is g in the shape of x.

    >>> import numpy as np
    >>> unflatten(np.zeros((2, 60)), dim=1, unflattened_size=(3, -1, 5)).shape
    (2, 3, 4, 5)

    Raises:
        ValueError: x has no such axis, or the sizes do not fit it.
    """
    x = array(x)
    axis = _axis("unflatten", dim, x.shape)
    sizes, known = list(unflattened_size), math.prod(size for size in unflattened_size if size != -1)
    if sizes.count(-1) == 1 and known and x.shape[axis] % known == 0:
        sizes[sizes.index(-1)] = x.shape[axis] // known
    if min(sizes, default=-1) < 0 or math.prod(sizes) != x.shape[axis]:
        raise ValueError(f"unflatten: axis {dim} of shape {x.shape} is not of the sizes {tuple(unflattened_size)}")
    return x.reshape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :])


unflatten.gradient(x=lambda g, x_shape: g.reshape(x_shape))


def _axis(name: str, dim: int, shape: tuple[int, ...]) -> int:
    if not -len(shape) <= dim < len(shape):
        raise ValueError(f"{name}: shape {shape} has no axis {dim}")
    return dim % len(shape)


class Flatten(Module):
    """The axes from ``start_dim`` up to and with ``end_dim`` as one; by default all but the first, the batch's.

    >>> import numpy as np
    >>> Flatten()(np.zeros((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Any) -> Any:
        return flatten(x, start_dim=self.start_dim, end_dim=self.end_dim)


class Unflatten(Module):
    """The axis ``dim`` as several; one of the sizes may be -1, for whatever fits.

    >>> import numpy as np
    >>> Unflatten(1, (3, -1))(np.zeros((2, 12))).shape
    (2, 3, 4)
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, x: Any) -> Any:
        return unflatten(x, dim=self.dim, unflattened_size=self.unflattened_size)
