"""Initial values of parameters: each function gives a tensor new values in place, and returns it.

Values are drawn in float64 and cast to the tensor's dtype, so that a seed gives the same ones in every dtype. ``rng``
is a ``numpy.random.Generator``, a seed, or None for the generator of ``nn.manual_seed``.
"""

from __future__ import annotations

import math
from typing import Literal, TypeVar

import numpy as np
import scipy.special
from numpy.typing import ArrayLike

from autodiff import Tensor

from .random import Seed, generator

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

T = TypeVar("T", bound=Tensor)
Mode = Literal["fan_in", "fan_out"]

GAINS = {
    **dict.fromkeys(("linear", "identity", "sigmoid"), 1.0),
    **dict.fromkeys((f"conv{transpose}{n}d" for n in (1, 2, 3) for transpose in ("", "_transpose")), 1.0),
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}
"""What multiplies the standard deviation of weights, so that a function after them keeps that of its input."""


def draw_uniform(shape: tuple[int, ...], low: float, high: float, rng: Seed = None) -> np.ndarray:
    """Independent values between ``low`` and ``high``, in float64: the same for parameters of every dtype."""
    return generator(rng).uniform(low, high, shape)


def zeros_(tensor: T) -> T:
    """Zeros.

    >>> zeros_(Tensor([1.0, 2.0]))
    Tensor([0., 0.])
    """
    return _set(tensor, np.zeros(tensor.shape))


def ones_(tensor: T) -> T:
    """Ones."""
    return _set(tensor, np.ones(tensor.shape))


def constant_(tensor: T, val: float) -> T:
    """``val`` everywhere."""
    return _set(tensor, np.full(tensor.shape, val))


def uniform_(tensor: T, a: float = 0.0, b: float = 1.0, rng: Seed = None) -> T:
    """Uniform between ``a`` and ``b``."""
    return _set(tensor, draw_uniform(tensor.shape, a, b, rng))


def normal_(tensor: T, mean: float = 0.0, std: float = 1.0, rng: Seed = None) -> T:
    """Normal with this mean and standard deviation."""
    return _set(tensor, generator(rng).normal(mean, std, tensor.shape))


def trunc_normal_(
    tensor: T, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, rng: Seed = None
) -> T:
    """Normal, on the condition that the value is between ``a`` and ``b``.

    The inverse of the distribution function, of a uniform number between its values at the two ends. It works on the
    logarithms of probabilities, on that side of the mean where they are small, so that the ends may lie far out.

    Raises:
        ValueError: ``std`` is not positive, or ``a`` not less than ``b``.
    """
    if not (std > 0 and a < b):
        raise ValueError(f"trunc_normal_ takes std > 0 and a < b, not std={std}, a={a}, b={b}")
    low, high = (a - mean) / std, (b - mean) / std
    side = -1 if low + high > 0 else 1
    low, high = sorted((side * low, side * high))
    log_p_low, log_p_high = scipy.special.log_ndtr([low, high])
    share = generator(rng).uniform(0, 1, tensor.shape)
    ratio = np.exp(log_p_low - log_p_high)  # P(Z < low) / P(Z < high)
    z = scipy.special.ndtri_exp(log_p_high + np.log(ratio + share * (1 - ratio)))
    return _set(tensor, np.clip(mean + side * std * z, a, b))


def xavier_uniform_(tensor: T, gain: float = 1.0, rng: Seed = None) -> T:
    """Uniform with standard deviation ``gain * sqrt(2 / (fan_in + fan_out))`` (Glorot and Bengio 2010).

    Raises:
        ValueError: the tensor has less than two axes.
    """
    bound = math.sqrt(3) * _xavier_std("xavier_uniform_", tensor, gain)
    return uniform_(tensor, -bound, bound, rng)


def xavier_normal_(tensor: T, gain: float = 1.0, rng: Seed = None) -> T:
    """Normal with standard deviation ``gain * sqrt(2 / (fan_in + fan_out))`` (Glorot and Bengio 2010).

    Raises:
        ValueError: the tensor has less than two axes.
    """
    return normal_(tensor, 0.0, _xavier_std("xavier_normal_", tensor, gain), rng)


def kaiming_uniform_(
    tensor: T, a: float = 0.0, mode: Mode = "fan_in", nonlinearity: str = "leaky_relu", rng: Seed = None
) -> T:
    """Uniform with standard deviation ``gain / sqrt(fan)`` (He et al. 2015, arXiv:1502.01852).

    Args:
        tensor: what gets the values.
        a: the slope of a leaky ReLU below 0.
        mode: the fan; "fan_in" keeps the variance of values in the forward pass, "fan_out" of gradients in the other.
        nonlinearity: what follows, which ``calculate_gain`` knows.
        rng: see above.

    Raises:
        ValueError: the tensor has less than two axes, or an argument is unknown.
    """
    bound = math.sqrt(3) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, rng)


def kaiming_normal_(
    tensor: T, a: float = 0.0, mode: Mode = "fan_in", nonlinearity: str = "leaky_relu", rng: Seed = None
) -> T:
    """Normal with standard deviation ``gain / sqrt(fan)``; the arguments are those of ``kaiming_uniform_``."""
    return normal_(tensor, 0.0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), rng)


def orthogonal_(tensor: T, gain: float = 1.0, rng: Seed = None) -> T:
    """A random matrix with orthonormal rows or columns, whichever are fewer, times ``gain`` (arXiv:1312.6120).

    All axes but the first count as one. The QR decomposition of a normal matrix, with the signs that make the diagonal
    of R positive, is distributed uniformly (Mezzadri 2007, arXiv:math-ph/0609050).

    Raises:
        ValueError: the tensor has less than two axes.
    """
    rows, columns = tensor.shape[0], _fans("orthogonal_", tensor)[0]
    q, r = np.linalg.qr(generator(rng).normal(size=(max(rows, columns), min(rows, columns))))
    q *= np.where(np.diag(r) < 0, -1, 1)
    return _set(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def eye_(tensor: T) -> T:
    """The identity matrix.

    Raises:
        ValueError: the tensor has not two axes.
    """
    _check_axes("eye_", tensor, (2,))
    return _set(tensor, np.eye(*tensor.shape))


def sparse_(tensor: T, sparsity: float, std: float = 0.01, rng: Seed = None) -> T:
    """Normal, but in each column a share ``sparsity`` of the entries is 0 (Martens 2010).

    Raises:
        ValueError: the tensor has not two axes, or ``sparsity`` is not between 0 and 1.
    """
    _check_axes("sparse_", tensor, (2,))
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparse_ takes a sparsity between 0 and 1, not {sparsity}")
    draw = generator(rng)
    rows, columns = tensor.shape
    ranks = draw.permuted(np.tile(np.arange(rows)[:, None], columns), axis=0)
    return _set(tensor, np.where(ranks < math.ceil(sparsity * rows), 0.0, draw.normal(0.0, std, tensor.shape)))


def dirac_(tensor: T, groups: int = 1) -> T:
    """Kernels of a convolution that hand on as many channels as they can unchanged, in each of its ``groups``.

    Raises:
        ValueError: the tensor has not three to five axes, or ``groups`` does not divide its first.
    """
    _check_axes("dirac_", tensor, (3, 4, 5))
    out, channels, *kernel = tensor.shape
    if groups < 1 or out % groups:
        raise ValueError(f"dirac_: {groups} groups do not divide the first axis of a tensor of shape {tensor.shape}")
    values = np.zeros(tensor.shape)
    centre = tuple([n // 2 for n in kernel])
    handed_on = np.arange(min(out // groups, channels))
    for group in range(groups):
        values[(group * (out // groups) + handed_on, handed_on, *centre)] = 1
    return _set(tensor, values)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """What multiplies the standard deviation of weights before a ``nonlinearity``; PyTorch's values.

    >>> calculate_gain("leaky_relu", 1.0)
    1.0

    Args:
        nonlinearity: "linear", "conv2d" and the like, "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        param: the slope of a leaky ReLU below 0; 0.01 if not given.

    Raises:
        ValueError: it is none of these.
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        raise ValueError(f"calculate_gain knows {', '.join((*GAINS, 'leaky_relu'))}, not {nonlinearity!r}")
    return GAINS[nonlinearity]


def _set(tensor: T, values: ArrayLike) -> T:
    """Replace the data of a tensor; the values there before stay as they are, for whoever shares them."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"nn.init gives new values to tensors and parameters, not to a {type(tensor).__name__}")
    tensor.data = np.asarray(values).astype(tensor.dtype)
    return tensor


def _fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output depends on, and how many outputs an input goes to, in a layer with this weight."""
    if tensor.ndim < 2:
        raise ValueError(f"{name} takes a tensor of two or more axes (outputs, inputs, ...), not {tensor.shape}")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _xavier_std(name: str, tensor: Tensor, gain: float) -> float:
    fans = sum(_fans(name, tensor))
    return gain * math.sqrt(2 / fans) if fans else 0.0


def _kaiming_std(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name}: mode is 'fan_in' or 'fan_out', not {mode!r}")
    fan = _fans(name, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


def _check_axes(name: str, tensor: Tensor, allowed: tuple[int, ...]) -> None:
    if tensor.ndim not in allowed:
        raise ValueError(f"{name} takes a tensor of {' or '.join(map(str, allowed))} axes, not {tensor.shape}")
