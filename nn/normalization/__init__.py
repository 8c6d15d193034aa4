"""Normalisations: by the statistics of a batch, of a sample's groups of channels, or of its last axes."""

from .batch import BatchNorm1d, BatchNorm2d, batch_norm
from .group import GroupNorm, InstanceNorm1d, InstanceNorm2d, group_norm, instance_norm
from .layer import LayerNorm, RMSNorm, layer_norm, rms_norm

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "LayerNorm",
    "RMSNorm",
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "rms_norm",
]
