"""What is subtracted from parameters, given their gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from .schedulers import initialize_scheduler
from .tables import look_up


class Optimizer(ABC):
    """A rule for the steps of parameters, which keeps what it must remember of each under a name."""

    @abstractmethod
    def update(self, param_name: str, param: np.ndarray, param_grad: np.ndarray, epoch: int) -> np.ndarray:
        """What to subtract from a parameter."""


class SGD(Optimizer):
    """Gradient descent with momentum: ``d = momentum * d + lr * g``, ``W -= d``, with d starting at 0.

    As the rate is within d, a step taken at a high rate goes on at that rate when the scheduler has lowered it. (In
    ``optim.SGD`` the rate multiplies all of d, which is the same as long as it does not change.)

    Args:
        lr: the learning rate, that of the first epoch.
        lr_scheduler: "constant" or "exponential".
        momentum: how much of a step is repeated in the next.
        schedule: further options of the scheduler: ``decay``, ``stage_length``, ``staircase``.
    """

    def __init__(
        self, lr: float = 0.01, lr_scheduler: str = "constant", momentum: float = 0.0, **schedule: Any
    ) -> None:
        self.lr_scheduler = initialize_scheduler(lr_scheduler, lr=lr, **schedule)
        self.momentum = momentum
        self.cache: dict[str, np.ndarray] = {}

    def update(self, param_name: str, param: np.ndarray, param_grad: np.ndarray, epoch: int) -> np.ndarray:
        earlier = self.cache.get(param_name, np.zeros_like(param))
        self.cache[param_name] = self.momentum * earlier + self.lr_scheduler(epoch) * param_grad
        return self.cache[param_name]


OPTIMIZERS: dict[str, type[Optimizer]] = {"SGD": SGD}


def initialize_optimizer(name: str, **options: Any) -> Optimizer:
    """The optimiser of this name, ``options`` being those of its constructor.

    Raises:
        ValueError: there is none.
    """
    return look_up("optimizer", OPTIMIZERS, name)(**options)
