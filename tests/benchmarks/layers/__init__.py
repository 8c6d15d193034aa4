"""Layers and losses, forward and backward, beside the best hand-written NumPy and PyTorch."""

from .activations import WORKLOADS as ACTIVATIONS
from .convolution import WORKLOADS as CONVOLUTIONS
from .losses import WORKLOADS as LOSSES
from .normalization import WORKLOADS as NORMALIZATIONS

LAYERS = [*ACTIVATIONS, *LOSSES, *NORMALIZATIONS, *CONVOLUTIONS]
