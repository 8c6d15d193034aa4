"""Reverse-mode automatic differentiation for NumPy: put a ``Tensor`` in, call ``backward``."""

from . import primitives, scipy
from .anomaly import detect_anomaly
from .creation import array, tensor
from .functional import (
    custom_gradient,
    elementwise_grad,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
)
from .primitive import defvjp
from .recompute import checkpoint, drawing
from .tape import Tape, current_tape, enable_grad, is_recording, no_grad, set_grad_enabled
from .tensor import Tensor

__all__ = [
    "Tape",
    "Tensor",
    "array",
    "checkpoint",
    "current_tape",
    "custom_gradient",
    "defvjp",
    "detect_anomaly",
    "drawing",
    "elementwise_grad",
    "enable_grad",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "is_recording",
    "jacobian",
    "jvp",
    "no_grad",
    "primitives",
    "scipy",
    "set_grad_enabled",
    "stop_gradient",
    "tensor",
    "value_and_grad",
    "vjp",
]
