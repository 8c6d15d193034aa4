"""Learning rates as functions of the epoch, which is counted from 0."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

from .tables import look_up


class Scheduler(ABC):
    """A learning rate for each epoch."""

    def __call__(self, epoch: int) -> float:
        return self.learning_rate(epoch)

    @abstractmethod
    def learning_rate(self, epoch: int) -> float:
        """The rate in an epoch."""


class Constant(Scheduler):
    """``lr``, always."""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr

    def learning_rate(self, epoch: int) -> float:
        return self.lr


class Exponential(Scheduler):
    """``lr * decay**(epoch / stage_length)``; with ``staircase`` the exponent is rounded down.

    >>> [Exponential(1.0, decay=0.5, stage_length=2, staircase=True)(epoch) for epoch in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, lr: float = 0.01, decay: float = 0.99, stage_length: int = 1, staircase: bool = False) -> None:
        self.lr = lr
        self.decay = decay
        self.stage_length = stage_length
        self.staircase = staircase

    def learning_rate(self, epoch: int) -> float:
        stage = epoch / self.stage_length
        return self.lr * self.decay ** (math.floor(stage) if self.staircase else stage)


SCHEDULERS: dict[str, type[Scheduler]] = {"constant": Constant, "exponential": Exponential}


def initialize_scheduler(name: str, **options: Any) -> Scheduler:
    """The scheduler of this name, ``options`` being those of its constructor.

    Raises:
        ValueError: there is none.
    """
    return look_up("scheduler", SCHEDULERS, name)(**options)
