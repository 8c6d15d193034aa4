"""Layers with parameters, made by the first forward, when the number of inputs is known.

``nn`` has images as (N, channels, height, width), and its weights have outputs before inputs: here axes are exchanged,
and the gradients are those of ``nn``. The docstrings derive them, in the exercise's order of axes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

import nn
from nn import functional

from .activations import initialize_activation
from .tables import look_up
from .weights import WeightInitializer

Pad = int | Literal["same", "valid"]


class Layer(ABC):
    """A function with ``parameters``, their ``gradients`` by the same names, and a ``cache`` of what backward needs."""

    axes: tuple[str, ...] | None = None
    """Those of the input; None if any will do."""

    def __init__(self) -> None:
        self.parameters: dict[str, np.ndarray] = OrderedDict()
        self.cache: dict[str, Any] = OrderedDict()
        self.gradients: dict[str, np.ndarray] = OrderedDict()

    @abstractmethod
    def forward(self, X: np.ndarray) -> np.ndarray:
        """The output for a batch."""

    @abstractmethod
    def backward(self, dLdY: np.ndarray) -> np.ndarray:
        """The gradient of X, given that of the output; those of the parameters go into ``gradients``."""

    def clear_gradients(self) -> None:
        """Forget the last forward and backward."""
        self.cache = OrderedDict()
        self.gradients = OrderedDict((name, np.zeros_like(g)) for name, g in self.gradients.items())

    def _input(self, X: np.ndarray) -> np.ndarray:
        if self.axes is not None and np.ndim(X) != len(self.axes):
            raise ValueError(f"{type(self).__name__} takes X ({', '.join(self.axes)}), but was given {np.shape(X)}")
        return np.asarray(X, float)

    def _cached(self, name: str) -> Any:
        if name not in self.cache:
            raise RuntimeError(f"{type(self).__name__}: backward before forward")
        return self.cache[name]


class Weighted(Layer):
    """``activation(Z)`` for Z that is linear in weights W (..., n_in, n_out) and a bias b (1, n_out).

    Args:
        n_out: the length of the last axis of the output.
        activation: what follows, by name.
        weight_init: the initial weights, by name; the bias starts at 0.
        linear: the function that Z is, of X, W and b in ``nn``'s order of axes.
        kernel_shape: the axes of W before n_in.
        rng: a generator or seed for the initial weights; that of ``nn.manual_seed`` if not given.
        options: those of ``linear``.
    """

    def __init__(
        self,
        n_out: int,
        activation: str,
        weight_init: str,
        linear: Callable,
        kernel_shape: tuple[int, ...],
        rng: np.random.Generator | int | None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.n_in: int | None = None
        self.n_out = n_out
        self.activation = initialize_activation(activation)
        self.init_weights = WeightInitializer(weight_init, rng)
        self.kernel_shape = kernel_shape
        self._linear = nn.by_hand(linear)
        self._options = options

    def _init_parameters(self, X_shape: tuple[int, ...]) -> None:
        self.n_in = X_shape[-1]
        W = self.init_weights((*self.kernel_shape, X_shape[-1], self.n_out))
        self.parameters = OrderedDict(W=W, b=np.zeros((1, self.n_out)))
        self.gradients = OrderedDict((name, np.zeros_like(value)) for name, value in self.parameters.items())

    def forward(self, X: np.ndarray) -> np.ndarray:
        X = self._input(X)
        if self.n_in is None:
            self._init_parameters(X.shape)
        W, b = (np.asarray(self.parameters[name], float) for name in "Wb")
        Z = channels_last(self._linear.forward(channels_first(X), outputs_first(W), b[0], **self._options))
        self.cache = OrderedDict(X=X, Z=Z)
        return self.activation.forward(Z)

    def backward(self, dLdY: np.ndarray) -> np.ndarray:
        dZ = self.activation.backward(self._cached("Z"), dLdY)
        self._linear.backward(channels_first(dZ))
        dX, dW, db = self._linear.input_gradients
        self.gradients["W"], self.gradients["b"] = outputs_last(dW), db[None]
        return channels_last(dX)


class FullyConnected(Weighted):
    """``activation(Z)`` for ``Z = X W + b``, of X (N, n_in).

    Written out, ``Z[n,o] = b[o] + sum_i X[n,i] W[i,o]``. The entry W[i,o] is in the sum of each row n once, with the
    factor X[n,i]; and so on. With dZ for the gradient of Z, which the activation makes of that of the output::

        dW[i,o] = sum_n X[n,i] dZ[n,o]      dW = X^T dZ
        db[o]   = sum_n dZ[n,o]             db = 1^T dZ
        dX[n,i] = sum_o dZ[n,o] W[i,o]      dX = dZ W^T
    """

    axes = ("N", "n_in")

    def __init__(
        self,
        n_out: int,
        activation: str,
        weight_init: str = "xavier_uniform",
        *,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        super().__init__(n_out, activation, weight_init, functional.linear, (), rng)


class Conv2D(Weighted):
    """``activation(Z)`` for the convolution Z of X (N, height, width, n_in) with kernels W (k1, k2, n_in, n_out).

    Let P be X with zeros around it, p1 rows of them above and p2 columns to the left, and s the stride::

        Z[n,i,j,o] = b[o] + sum over u, v, c of W[u,v,c,o] P[n, s i + u, s j + v, c]

    (The kernel is not flipped: mathematicians call this a cross-correlation.) The gradient of each factor is the sum,
    over all the products that it is in, of dZ times the other factor. W[u,v,c,o] is in one product at each place i, j
    of each image; b[o] is in each entry of the channel o once::

        dW[u,v,c,o] = sum over n, i, j of dZ[n,i,j,o] P[n, s i + u, s j + v, c]
        db[o]       = sum over n, i, j of dZ[n,i,j,o]

    An entry P[n,a,b,c] is in the window at i under the kernel's row u = a - s i, if there is one, and columns alike::

        dP[n,a,b,c] = sum over i, j, o of dZ[n,i,j,o] W[a - s i, b - s j, c, o],
                      where 0 <= a - s i < k1 and 0 <= b - s j < k2

    With stride 1 that is again a convolution, of dZ with the kernel turned by 180 degrees. As the margin of P is
    constant, dX is what is inside of it: ``dX[n,a,b,c] = dP[n, a + p1, b + p2, c]``.

    Args:
        n_out: how many kernels there are.
        kernel_shape: k1 and k2, or one number for both.
        activation: what follows, by name.
        stride: s, the step from place to place.
        pad: a number of zeros on each side; "valid" for none; or "same" for so many that the output has the height and
            width of X, one more of them after it than before if they are odd.
        weight_init: the initial weights, by name; the bias starts at 0.
        rng: a generator or seed for the initial weights; that of ``nn.manual_seed`` if not given.
    """

    axes = ("N", "height", "width", "channels")

    def __init__(
        self,
        n_out: int,
        kernel_shape: int | tuple[int, int],
        activation: str,
        stride: int = 1,
        pad: Pad = "same",
        weight_init: str = "xavier_uniform",
        *,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        super().__init__(n_out, activation, weight_init, convolution, both(kernel_shape), rng, stride=stride, pad=pad)
        self.stride = stride
        self.pad = pad


class Pool2D(Layer):
    """The largest ("max") or the mean entry ("average") of windows k1 x k2 in each channel of X (N, height, width, C).

    Let P be X with zeros around it as for ``Conv2D``, which count as entries, and s the stride::

        max:      Y[n,i,j,c] = max over u, v of P[n, s i + u, s j + v, c]
        average:  Y[n,i,j,c] = sum over u, v of P[n, s i + u, s j + v, c] / (k1 k2)

    When P changes a little, the entry that is the largest stays so, and Y[n,i,j,c] follows that one alone: its gradient
    goes there (to the first of several that are largest, row by row). Of a mean each entry has the same share. An entry
    that is in several windows gets the sum::

        max:      dP[n,a,b,c] = sum of dY[n,i,j,c] over the windows i, j whose largest entry is at a, b
        average:  dP[n,a,b,c] = sum of dY[n,i,j,c] / (k1 k2) over the windows i, j that a, b is in

    As for ``Conv2D``, dX is what is inside of the margin.

    Raises:
        ValueError: an unknown mode.
    """

    axes = ("N", "height", "width", "channels")

    def __init__(self, kernel_shape: int | tuple[int, int], mode: str = "max", stride: int = 1, pad: Pad = 0) -> None:
        super().__init__()
        self.kernel_shape = both(kernel_shape)
        self.mode = mode
        self.stride = stride
        self.pad = pad
        pool = look_up("pooling mode", POOLINGS, mode)
        self._pooling = nn.by_hand(pooling)
        self._options = {"pool": pool, "kernel_shape": self.kernel_shape, "stride": stride, "pad": pad}

    def forward(self, X: np.ndarray) -> np.ndarray:
        self.cache = OrderedDict(X=self._input(X))
        return channels_last(self._pooling.forward(channels_first(self.cache["X"]), **self._options))

    def backward(self, dLdY: np.ndarray) -> np.ndarray:
        self._cached("X")
        return channels_last(self._pooling.backward(channels_first(dLdY)))


class Flatten(Layer):
    """All axes as one, but for the first ("first"), which is the batch's, or the last ("last").

    No entry changes, so that the gradient is that of the output in the shape of X.

    Raises:
        ValueError: another ``keep_dim``.
    """

    def __init__(self, keep_dim: str = "first") -> None:
        super().__init__()
        self.keep_dim = keep_dim
        self._flatten = nn.by_hand(look_up("keep_dim", FLATTENINGS, keep_dim))

    def forward(self, X: np.ndarray) -> np.ndarray:
        self.cache = OrderedDict(X=self._input(X))
        return self._flatten.forward(self.cache["X"])

    def backward(self, dLdY: np.ndarray) -> np.ndarray:
        self._cached("X")
        return self._flatten.backward(dLdY)


def convolution(x: Any, weight: Any, bias: Any, stride: int, pad: Pad) -> Any:
    """Margins of zeros, then the convolution, both in ``nn``'s order of axes."""
    padded = functional.pad(x, margins(pad, x.shape[2:], weight.shape[2:], stride))
    return functional.conv2d(padded, weight, bias, stride)


def pooling(x: Any, pool: Callable, kernel_shape: tuple[int, int], stride: int, pad: Pad) -> Any:
    """Margins of zeros, which are entries like others, then the pooling, both in ``nn``'s order of axes."""
    return pool(functional.pad(x, margins(pad, x.shape[2:], kernel_shape, stride)), kernel_shape, stride)


def margins(pad: Pad, size: tuple[int, ...], kernel_shape: tuple[int, ...], stride: int) -> tuple[int, ...]:
    """The widths (left, right, top, bottom) of the margins around images.

    >>> margins("same", (5, 5), (2, 3), stride=1)
    (1, 1, 0, 1)

    Raises:
        ValueError: ``pad`` is neither a number, nor "same" or "valid".
    """
    if pad == "same":
        totals = [stride * (n - 1) + k - n for n, k in zip(size, kernel_shape, strict=True)]
        return tuple(width for total in reversed(totals) for width in (total // 2, total - total // 2))
    if pad == "valid":
        return (0, 0, 0, 0)
    if isinstance(pad, int):
        return (pad, pad, pad, pad)
    raise ValueError(f"pad is a number, 'same' or 'valid', not {pad!r}")


def both(kernel_shape: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width of a kernel; a number stands for both."""
    height, width = (kernel_shape, kernel_shape) if isinstance(kernel_shape, int) else kernel_shape
    return height, width


def channels_first(a: np.ndarray) -> np.ndarray:
    """(N, ..., channels) as (N, channels, ...)."""
    return np.moveaxis(a, -1, 1)


def channels_last(a: np.ndarray) -> np.ndarray:
    """(N, channels, ...) as (N, ..., channels)."""
    return np.moveaxis(a, 1, -1)


def outputs_first(W: np.ndarray) -> np.ndarray:
    """(..., in, out) as (out, in, ...)."""
    return np.moveaxis(W, (-1, -2), (0, 1))


def outputs_last(W: np.ndarray) -> np.ndarray:
    """(out, in, ...) as (..., in, out)."""
    return np.moveaxis(W, (0, 1), (-1, -2))


POOLINGS: dict[str, Callable] = {"max": functional.max_pool2d, "average": functional.avg_pool2d}

FLATTENINGS = {"first": nn.Flatten(start_dim=1), "last": nn.Flatten(start_dim=0, end_dim=-2)}

LAYERS: dict[str, type[Layer]] = {
    "fully_connected": FullyConnected,
    "conv2d": Conv2D,
    "pool2d": Pool2D,
    "flatten": Flatten,
}


def initialize_layer(name: str, *, rng: np.random.Generator | int | None = None, **options: Any) -> Layer:
    """The layer of this name, ``options`` being those of its constructor; ``rng`` draws its weights, if it has any.

    Raises:
        ValueError: there is none.
    """
    layer = look_up("layer", LAYERS, name)
    return layer(**options, rng=rng) if issubclass(layer, Weighted) else layer(**options)
