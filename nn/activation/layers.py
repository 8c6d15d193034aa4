"""The activations as layers: each applies the function of ``nn.functional`` that it is named after.

The fields of these classes are the arguments of their constructors, with PyTorch's names, order and defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from ..derived import set_mode
from ..module import Module
from ..parameter import Parameter
from .options import as_index
from .piecewise import (
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    prelu,
    relu,
    relu6,
    softshrink,
    threshold,
)
from .smooth import (
    celu,
    elu,
    gelu,
    glu,
    logsigmoid,
    mish,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    tanh,
    tanhshrink,
)
from .softmax_family import log_softmax, softmax, softmin

InPlace = bool
"""Whether PyTorch may overwrite the input. Here it changes nothing: the tape may need what would be overwritten."""


class Activation(Module):
    """What applies a function with settings, all of which the function checks; the constructor does as well."""

    def __post_init__(self) -> None:
        own: Any = next(c for c in type(self).__mro__ if c.__module__ == __name__)  # a subclass's forward may need more
        with set_mode(None):
            own.forward(self, np.empty(0))


@dataclass(eq=False, repr=False)
class AlongAxis(Module):
    """What applies a function along the axis ``dim``; whether an input has it is checked when there is one."""

    dim: int

    def __post_init__(self) -> None:
        as_index(type(self).__name__, self.dim)


@dataclass(eq=False, repr=False)
class ReLU(Module):
    """``max(x, 0)``, with derivative 0 at 0."""

    inplace: InPlace = False

    def forward(self, x: Any) -> Any:
        return relu(x)


@dataclass(eq=False, repr=False)
class ReLU6(Module):
    """``min(max(x, 0), 6)``."""

    inplace: InPlace = False

    def forward(self, x: Any) -> Any:
        return relu6(x)


@dataclass(eq=False, repr=False)
class LeakyReLU(Activation):
    """``x`` where it is positive, else ``negative_slope * x``."""

    negative_slope: float = 0.01
    inplace: InPlace = False

    def forward(self, x: Any) -> Any:
        return leaky_relu(x, self.negative_slope)


class PReLU(Module):
    """``x`` where it is positive, else ``weight * x``, with a slope that is learnt (He et al. 2015, arXiv:1502.01852).

    Args:
        num_parameters: the number of slopes: 1, or that of the channels, which are axis 1 of the input.
        init: what they start from.
        dtype: that of the parameter ``weight``; the default of ``set_default_dtype`` if not given.

    Raises:
        ValueError: ``num_parameters`` is not positive.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: DTypeLike | None = None) -> None:
        if num_parameters < 1:
            raise ValueError(f"PReLU: num_parameters={num_parameters} is not positive")
        self.num_parameters = num_parameters
        self.init = init
        self.dtype = dtype
        self.weight = Parameter(np.full(num_parameters, init), dtype=dtype)

    @property
    def expects(self) -> str:
        return f"(N, {self.num_parameters}, ...)" if self.num_parameters > 1 else ""

    def forward(self, x: Any) -> Any:
        return prelu(x, self.weight)


@dataclass(eq=False, repr=False)
class ELU(Activation):
    """``x`` where it is positive, else ``alpha * (exp(x) - 1)``."""

    alpha: float = 1.0
    inplace: InPlace = False

    def forward(self, x: Any) -> Any:
        return elu(x, self.alpha)


@dataclass(eq=False, repr=False)
class SELU(Module):
    """``scale * elu(x, alpha)`` for the two constants that make mean 0 and variance 1 a fixed point."""

    inplace: InPlace = False

    def forward(self, x: Any) -> Any:
        return selu(x)


@dataclass(eq=False, repr=False)
class CELU(Activation):
    """``x`` where it is positive, else ``alpha * (exp(x / alpha) - 1)``."""

    alpha: float = 1.0
    inplace: InPlace = False

    def forward(self, x: Any) -> Any:
        return celu(x, self.alpha)


@dataclass(eq=False, repr=False)
class GELU(Activation):
    """``x * P(Z <= x)`` for a standard normal Z; see ``nn.functional.gelu``."""

    approximate: Literal["none", "tanh"] = "none"

    def forward(self, x: Any) -> Any:
        return gelu(x, self.approximate)


@dataclass(eq=False, repr=False)
class SiLU(Module):
    """``x * sigmoid(x)``, also known as swish."""

    inplace: InPlace = False

    def forward(self, x: Any) -> Any:
        return silu(x)


@dataclass(eq=False, repr=False)
class Mish(Module):
    """``x * tanh(softplus(x))``."""

    inplace: InPlace = False

    def forward(self, x: Any) -> Any:
        return mish(x)


@dataclass(eq=False, repr=False)
class Softplus(Activation):
    """``log(1 + exp(beta * x)) / beta``, or ``x`` where ``beta * x > threshold``."""

    beta: float = 1.0
    threshold: float = 20.0

    def forward(self, x: Any) -> Any:
        return softplus(x, self.beta, self.threshold)


class Softsign(Module):
    """``x / (1 + |x|)``."""

    def forward(self, x: Any) -> Any:
        return softsign(x)


class Sigmoid(Module):
    """``1 / (1 + exp(-x))``."""

    def forward(self, x: Any) -> Any:
        return sigmoid(x)


class LogSigmoid(Module):
    """``log(sigmoid(x))``."""

    def forward(self, x: Any) -> Any:
        return logsigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Any) -> Any:
        return tanh(x)


class Tanhshrink(Module):
    """``x - tanh(x)``."""

    def forward(self, x: Any) -> Any:
        return tanhshrink(x)


@dataclass(eq=False, repr=False)
class Hardtanh(Activation):
    """``x`` cut off at ``min_val`` and ``max_val``."""

    min_val: float = -1.0
    max_val: float = 1.0
    inplace: InPlace = False

    def forward(self, x: Any) -> Any:
        return hardtanh(x, self.min_val, self.max_val)


@dataclass(eq=False, repr=False)
class Hardsigmoid(Module):
    """``x / 6 + 1/2`` cut off at 0 and 1."""

    inplace: InPlace = False

    def forward(self, x: Any) -> Any:
        return hardsigmoid(x)


@dataclass(eq=False, repr=False)
class Hardswish(Module):
    """``x * hardsigmoid(x)``."""

    inplace: InPlace = False

    def forward(self, x: Any) -> Any:
        return hardswish(x)


@dataclass(eq=False, repr=False)
class Hardshrink(Activation):
    """``x`` where ``|x| > lambd``, else 0."""

    lambd: float = 0.5

    def forward(self, x: Any) -> Any:
        return hardshrink(x, self.lambd)


@dataclass(eq=False, repr=False)
class Softshrink(Activation):
    """``x`` moved towards 0 by ``lambd``, but not past it."""

    lambd: float = 0.5

    def forward(self, x: Any) -> Any:
        return softshrink(x, self.lambd)


@dataclass(eq=False, repr=False)
class Threshold(Activation):
    """``x`` where it is above ``threshold``, else ``value``."""

    threshold: float
    value: float
    inplace: InPlace = False

    def forward(self, x: Any) -> Any:
        return threshold(x, self.threshold, self.value)


@dataclass(eq=False, repr=False)
class GLU(AlongAxis):
    """``a * sigmoid(b)`` for the halves a and b of the input along the axis ``dim``."""

    dim: int = -1

    def forward(self, x: Any) -> Any:
        return glu(x, self.dim)


class Softmax(AlongAxis):
    """``exp(x) / sum(exp(x))`` along the axis ``dim``, which must be given."""

    def forward(self, x: Any) -> Any:
        return softmax(x, self.dim)


class Softmax2d(Module):
    """The softmax over the channels of images, of shape (N, C, H, W) or (C, H, W)."""

    @property
    def expects(self) -> str:
        return "(N, C, H, W) or (C, H, W)"

    def forward(self, x: Any) -> Any:
        if np.ndim(x) not in (3, 4):
            raise ValueError(f"the input has {np.ndim(x)} axes")
        return softmax(x, -3)


class LogSoftmax(AlongAxis):
    """``x - log(sum(exp(x)))`` along the axis ``dim``, which must be given."""

    def forward(self, x: Any) -> Any:
        return log_softmax(x, self.dim)


class Softmin(AlongAxis):
    """``softmax(-x)`` along the axis ``dim``, which must be given."""

    def forward(self, x: Any) -> Any:
        return softmin(x, self.dim)
