"""Activations, which remember nothing: ``backward`` takes the input Z again, besides the gradient of the output."""

from __future__ import annotations

from abc import ABC

import numpy as np

import nn

from .tables import look_up


class Activation(ABC):
    """A function of the linear outputs of a layer."""

    layer: nn.Module
    """The layer of ``nn`` that it is."""

    def __call__(self, Z: np.ndarray) -> np.ndarray:
        return self.forward(Z)

    def forward(self, Z: np.ndarray) -> np.ndarray:
        """The activations ``f(Z)``."""
        return nn.by_hand(self.layer).forward(np.asarray(Z, float))

    def backward(self, Z: np.ndarray, dY: np.ndarray) -> np.ndarray:
        """The gradient of Z, given that of ``f(Z)``."""
        hand = nn.by_hand(self.layer)
        hand.forward(np.asarray(Z, float))
        return hand.backward(dY)


class Linear(Activation):
    """``Z``, as it is."""

    layer = nn.Identity()


class Sigmoid(Activation):
    """``s = 1 / (1 + exp(-Z))``, with ``dZ = dY s (1 - s)``."""

    layer = nn.Sigmoid()


class TanH(Activation):
    """``t = tanh(Z)``, with ``dZ = dY (1 - t**2)``."""

    layer = nn.Tanh()


class ReLU(Activation):
    """``max(Z, 0)``, with ``dZ = dY`` where Z is positive, else 0."""

    layer = nn.ReLU()


class SoftMax(Activation):
    """``s = exp(Z) / sum(exp(Z))`` along the last axis, with ``dZ = s (dY - sum(s dY))``: the rows of ``dY J``.

    J is the Jacobian ``diag(s) - s s^T`` of each row, which is never formed.
    """

    layer = nn.Softmax(dim=-1)


class ArcTan(Activation):
    """``arctan(Z)``, with ``dZ = dY / (1 + Z**2)``: from ``tan(Y) = Z``, where ``tan' = 1 + tan**2``.

    This one is written out, as ``nn`` has no such layer.
    """

    def forward(self, Z: np.ndarray) -> np.ndarray:
        return np.arctan(np.asarray(Z, float))

    def backward(self, Z: np.ndarray, dY: np.ndarray) -> np.ndarray:
        return np.asarray(dY, float) / (1 + np.square(Z, dtype=float))


ACTIVATIONS: dict[str, type[Activation]] = {
    "linear": Linear,
    "sigmoid": Sigmoid,
    "tanh": TanH,
    "arctan": ArcTan,
    "relu": ReLU,
    "softmax": SoftMax,
}


def initialize_activation(name: str) -> Activation:
    """The activation of this name.

    Raises:
        ValueError: there is none.
    """
    return look_up("activation", ACTIVATIONS, name)()
