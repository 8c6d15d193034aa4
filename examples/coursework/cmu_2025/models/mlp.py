"""Multi-layer perceptrons, with a ReLU after every linear layer, the last one too."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from mytorch.nn import Linear, ReLU
from numpy.typing import ArrayLike


class MLP:
    """A chain of linear layers of the given ``sizes``, each followed by a ReLU, in ``layers``.

    With ``debug`` it keeps what passes between the layers, in both directions.
    """

    sizes: tuple[int, ...]

    def __init__(self, debug: bool = False) -> None:
        self.debug = debug
        self.layers: list[Linear | ReLU] = []
        for in_features, out_features in pairwise(self.sizes):
            self.layers += [Linear(in_features, out_features, debug), ReLU()]

    def forward(self, A: ArrayLike) -> np.ndarray:
        """The output (N, out) for an input (N, in)."""
        values = [np.asarray(A, dtype=float)]
        for layer in self.layers:
            values.append(layer.forward(values[-1]))
        if self.debug:
            self.keep_values(values)
        return values[-1]

    def backward(self, dLdA: ArrayLike) -> np.ndarray:
        """The gradient of the input (N, in) for that of the output (N, out); the layers keep those of W and b."""
        gradients = [np.asarray(dLdA, dtype=float)]
        for layer in reversed(self.layers):
            gradients.insert(0, layer.backward(gradients[0]))
        if self.debug:
            self.keep_gradients(gradients)
        return gradients[0]

    def keep_values(self, values: list[np.ndarray]) -> None:
        """Keep the input and the output of each layer, as Z0, A1, Z1, ..."""
        for i, value in enumerate(values[1:]):
            setattr(self, f"A{i // 2 + 1}" if i % 2 else f"Z{i // 2}", value)

    def keep_gradients(self, gradients: list[np.ndarray]) -> None:
        """Keep the gradients of the input and of each layer's output but the last, as dLdA0, dLdZ0, dLdA1, ..."""
        for i, gradient in enumerate(gradients[:-1]):
            setattr(self, f"dLdZ{i // 2}" if i % 2 else f"dLdA{i // 2}", gradient)


class MLP0(MLP):
    """2 inputs, 3 outputs; with ``debug`` it keeps Z0 and A1, then dLdZ0 and dLdA0."""

    sizes = (2, 3)


class MLP1(MLP):
    """2 inputs, 3 hidden units, 2 outputs; with ``debug`` it keeps Z0, A1, Z1, A2, then dLdZ1, dLdA1, dLdZ0, dLdA0."""

    sizes = (2, 3, 2)


class MLP4(MLP):
    """2 inputs, hidden layers of 4, 8, 8 and 4 units, 2 outputs.

    With ``debug`` it keeps lists of 11, for the input and then the output of each layer: A, and their gradients dLdA.
    """

    sizes = (2, 4, 8, 8, 4, 2)

    def keep_values(self, values: list[np.ndarray]) -> None:
        self.A = values

    def keep_gradients(self, gradients: list[np.ndarray]) -> None:
        self.dLdA = gradients
