"""Neural-network layers on ``autodiff``, each with a gradient derived by hand and checked against the tape."""

from . import functional, init
from .activation import GELU, ReLU, Sigmoid, Tanh
from .by_hand import ByHand, by_hand
from .containers import Sequential
from .derived import by_expression, derived
from .linear import Linear
from .loss import CrossEntropyLoss, MSELoss
from .module import LayerError, Module
from .parameter import Parameter, get_default_dtype, set_default_dtype
from .random import get_rng_state, manual_seed, set_rng_state

__all__ = [
    "GELU",
    "ByHand",
    "CrossEntropyLoss",
    "LayerError",
    "Linear",
    "MSELoss",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "by_expression",
    "by_hand",
    "derived",
    "functional",
    "get_default_dtype",
    "get_rng_state",
    "init",
    "manual_seed",
    "set_default_dtype",
    "set_rng_state",
]
