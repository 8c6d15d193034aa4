"""A scheduler that looks at how training goes."""

from __future__ import annotations

import math
from typing import Any, Literal

from . import schedules
from .optimizer import Optimizer
from .scheduler import LRScheduler, check_optimizer, per_group


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the rates by ``factor`` when a metric has not improved for more than ``patience`` epochs.

    Args:
        optimizer: what the rates are for.
        mode: whether a metric is better when it is less ("min") or greater ("max").
        factor: less than 1.
        patience: the epochs without improvement that are let pass.
        threshold: a metric has improved if it is better than the best so far by more than this.
        threshold_mode: whether that is a share of the best ("rel"), or the difference itself ("abs").
        cooldown: the epochs after a reduction in which nothing counts.
        min_lr: the rate, or that of each group, below which none is reduced.
        eps: a reduction by no more than this is not made.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        what = type(self).__name__
        check_optimizer(what, optimizer)
        schedules.one_of(what, "threshold_mode", threshold_mode, {"rel": 0, "abs": 0})
        schedules.at_least(0, what, patience=patience, threshold=threshold, cooldown=cooldown, eps=eps)
        if not 0 <= factor < 1:
            raise ValueError(f"{what}: factor is a number in [0, 1), not {factor!r}")
        self.optimizer = optimizer
        self.min_lrs = per_group(what, optimizer, "min_lr", min_lr)
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.eps = eps
        self.best = schedules.one_of(what, "mode", mode, {"min": math.inf, "max": -math.inf})
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self.last_epoch = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    @property
    def in_cooldown(self) -> bool:
        """Whether the next epoch is one in which nothing counts."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Take in the metric of an epoch, a number or a tensor of one entry, and reduce the rates if it is time to."""
        current = float(metrics.item() if hasattr(metrics, "item") else metrics)
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            raise ValueError(f"ReduceLROnPlateau was made for {len(self.min_lrs)} groups, but there are {len(groups)}")
        self.last_epoch += 1
        if self._is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        lrs = [group["lr"] for group in groups]
        if self.num_bad_epochs > self.patience:
            reduced = [max(lr * self.factor, least) for lr, least in zip(lrs, self.min_lrs)]
            lrs = [new if lr - new > self.eps else lr for lr, new in zip(lrs, reduced)]
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._write(lrs)

    def _is_better(self, metric: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "rel":
            return sign * metric < sign * self.best * (1 - sign * self.threshold)
        return sign * metric < sign * self.best - self.threshold
