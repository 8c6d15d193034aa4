"""Losses, which take the labels first. They are means over the batch."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from .tables import look_up


class Loss(ABC):
    """A number that says how far predictions are from labels."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, Y: np.ndarray, Y_hat: np.ndarray) -> float:
        return self.forward(Y, Y_hat)

    @abstractmethod
    def forward(self, Y: np.ndarray, Y_hat: np.ndarray) -> float:
        """The loss."""

    @abstractmethod
    def backward(self, Y: np.ndarray, Y_hat: np.ndarray) -> np.ndarray:
        """The gradient of the predictions."""


class CrossEntropy(Loss):
    """``-sum(Y log(Y_hat)) / m`` for m rows of probabilities Y_hat, with the gradient ``-Y / (m Y_hat)``.

    It is written out, as the losses of ``nn`` take logits or logarithms where the exercise has probabilities. One that
    was rounded to 0 counts as the smallest normal number, so that loss and gradient stay finite.
    """

    def __init__(self, name: str = "cross_entropy") -> None:
        super().__init__(name)

    def forward(self, Y: np.ndarray, Y_hat: np.ndarray) -> float:
        return -np.sum(Y * np.log(_positive(Y_hat))) / len(Y)

    def backward(self, Y: np.ndarray, Y_hat: np.ndarray) -> np.ndarray:
        return -Y / len(Y) / _positive(Y_hat)


def _positive(Y_hat: np.ndarray) -> np.ndarray:
    return np.maximum(Y_hat, np.finfo(float).tiny)


LOSSES: dict[str, type[Loss]] = {"cross_entropy": CrossEntropy}


def initialize_loss(name: str) -> Loss:
    """The loss of this name.

    Raises:
        ValueError: there is none.
    """
    return look_up("loss", LOSSES, name)(name)
