"""The layers' mathematics as functions of arrays and tensors, without parameters of their own."""

from .activation import gelu, relu, sigmoid, tanh
from .linear import linear
from .loss import cross_entropy, mse_loss

__all__ = ["cross_entropy", "gelu", "linear", "mse_loss", "relu", "sigmoid", "tanh"]
