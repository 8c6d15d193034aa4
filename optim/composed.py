"""Schedulers that are made of others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from . import schedules
from .optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .scheduler import LRScheduler


class ChainedScheduler(LRScheduler):
    """Steps several schedulers, each of which goes on from the rates that the one before it has set.

    If one of them fails, those before it have made their step.

    Raises ValueError if there is none, or they are not all for one optimiser.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        schedulers = [*schedulers]
        self.optimizer = _optimizer_of("ChainedScheduler", schedulers, optimizer)
        self._schedulers = schedulers
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    @property
    def last_epoch(self) -> int:  # type: ignore[override]
        """The epoch that the rates are for, from 0."""
        return self._schedulers[0].last_epoch

    def step(self) -> None:
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _restart(self, epoch: int = 0) -> None:
        first, *others = self._schedulers
        first._restart()
        for scheduler in others:
            scheduler.last_epoch = -1
            scheduler.step()
        for _ in range(epoch):
            self.step()


class SequentialLR(LRScheduler):
    """One scheduler after the other: the first at once, then one at each milestone, as if it had been made there.

    Raises ValueError if there is none, they are not all for one optimiser, or the milestones between them are not
    in ascending order.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        schedulers = [*schedulers]
        self.optimizer = _optimizer_of("SequentialLR", schedulers, optimizer)
        schedules.check_milestones("SequentialLR", schedulers, milestones)
        schedules.at_least(-1, "SequentialLR", last_epoch=last_epoch)
        self._schedulers = schedulers
        self._milestones = [*milestones]
        self._restart(last_epoch + 1)

    def step(self) -> None:
        epoch = self.last_epoch + 1
        i = bisect_right(self._milestones, epoch)
        scheduler = self._schedulers[i]
        if epoch == 0:
            scheduler._restart()
        elif i and epoch == self._milestones[i - 1]:
            scheduler._take_over()
        else:
            scheduler.step()
        self.last_epoch = epoch
        self._last_lr = scheduler.get_last_lr()

    def _restart(self, epoch: int = 0) -> None:
        self.last_epoch = -1
        for _ in range(epoch + 1):
            self.step()


def _optimizer_of(what: str, schedulers: list[LRScheduler], optimizer: Optimizer | None) -> Optimizer:
    if not schedulers:
        raise ValueError(f"{what} was given no schedulers: {schedulers!r}")
    for i, scheduler in enumerate(schedulers):
        if not isinstance(scheduler, LRScheduler):
            raise TypeError(f"{what}: scheduler {i} is {scheduler!r}")
        if isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError(
                f"{what}: scheduler {i} is a ReduceLROnPlateau, whose step takes a metric; step it yourself"
            )
        optimizer = scheduler.optimizer if optimizer is None else optimizer
        if scheduler.optimizer is not optimizer:
            raise ValueError(f"{what}: scheduler {i}, a {type(scheduler).__name__}, is for another optimiser")
    assert optimizer is not None
    return optimizer
