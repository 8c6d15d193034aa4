"""Schedulers that take the rate up and down, and the momentum down and up meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from . import schedules
from .optimizer import Optimizer
from .scheduler import LRScheduler, check_optimizer, per_group
from .schedules import Mode, Strategy


class CyclingLR(LRScheduler):
    """Sets the momentum as well, or the first of the betas: high when the rate is low. See its two subclasses."""

    cycle_momentum: bool
    base_momentums: list[float]
    max_momentums: list[float]

    def get_momentum(self) -> list[float]:
        """The momentum of each group at ``self.last_epoch``."""
        raise NotImplementedError(f"{type(self).__name__} has no get_momentum")

    def _prepare(
        self,
        optimizer: Optimizer,
        cycle_momentum: bool,
        base_momentum: float | list[float],
        max_momentum: float | list[float],
    ) -> None:
        what = type(self).__name__
        check_optimizer(what, optimizer)
        if cycle_momentum and not {"momentum", "betas"} & {*optimizer.defaults}:
            raise ValueError(
                f"{what}: {type(optimizer).__name__} has neither momentum nor betas; say cycle_momentum=False"
            )
        self.cycle_momentum = cycle_momentum
        self.use_beta1 = "betas" in optimizer.defaults
        self.base_momentums = per_group(what, optimizer, "base_momentum", base_momentum)
        self.max_momentums = per_group(what, optimizer, "max_momentum", max_momentum)
        for momentum in (*self.base_momentums, *self.max_momentums):
            if not 0 <= momentum < 1:
                raise ValueError(f"{what}: base_momentum and max_momentum are numbers in [0, 1), not {momentum!r}")

    def _write(self, lrs: list[float]) -> None:
        momentums = self.get_momentum() if self.cycle_momentum else []
        for i, momentum in enumerate(momentums):
            if not 0 <= momentum < 1:
                raise ValueError(
                    f"{type(self).__name__}: the momentum of group {i} at epoch {self.last_epoch} is {momentum}; a "
                    "momentum is a number in [0, 1)"
                )
        super()._write(lrs)
        for group, momentum in zip(self.optimizer.param_groups, momentums):
            if self.use_beta1:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum

    def _driven(self) -> tuple[str, ...]:
        return (("betas" if self.use_beta1 else "momentum"),) if self.cycle_momentum else ()


class CyclicLR(CyclingLR):
    """Takes the rates from ``base_lr`` up to ``max_lr`` and down again, over and over: ``schedules.cyclic``.

    With ``cycle_momentum``, the momentum goes from ``max_momentum`` down to ``base_momentum`` and up again meanwhile.
    The rates, the momenta, or both may be lists: one number for each group.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Mode = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self._prepare(optimizer, cycle_momentum, base_momentum, max_momentum)
        self.low_lrs = per_group("CyclicLR", optimizer, "base_lr", base_lr)
        self.max_lrs = per_group("CyclicLR", optimizer, "max_lr", max_lr)
        self.step_size_up = step_size_up
        self.step_size_down = step_size_down
        self.mode = mode
        self.gamma = gamma
        self.scale_fn = scale_fn
        self.scale_mode = scale_mode
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        height = self._height()
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs)]

    def get_momentum(self) -> list[float]:
        height = self._height()
        return [high - (high - low) * height for low, high in zip(self.base_momentums, self.max_momentums)]

    def _height(self) -> float:
        up, down = self.step_size_up, self.step_size_down
        return schedules.cyclic(self.last_epoch, up, down, self.mode, self.gamma, self.scale_fn, self.scale_mode)

    def _find_base_lrs(self, last_epoch: int) -> list[float]:
        return self.low_lrs


class OneCycleLR(CyclingLR):
    """Takes the rates up to ``max_lr`` and then down to almost nothing, once: ``schedules.one_cycle``.

    It is to be stepped after every batch, of which there are ``total_steps``, or ``epochs * steps_per_epoch``. With
    ``cycle_momentum``, the momentum goes from ``max_momentum`` down to ``base_momentum`` and up again meanwhile. The
    greatest rates, the momenta, or both may be lists: one number for each group.

    Making it sets the rates of step 0, so those of the last step come with ``step()`` number ``total_steps - 1``. The
    one after the last batch is harmless: it keeps them, where PyTorch's rise again. Any further one is a ValueError.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Strategy = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self._prepare(optimizer, cycle_momentum, base_momentum, max_momentum)
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ValueError("OneCycleLR takes total_steps, or both epochs and steps_per_epoch")
        self.max_lrs = per_group("OneCycleLR", optimizer, "max_lr", max_lr)
        self.total_steps = epochs * steps_per_epoch if total_steps is None else total_steps  # type: ignore[operator]
        self.pct_start = pct_start
        self.anneal_strategy = anneal_strategy
        self.div_factor = div_factor
        self.final_div_factor = final_div_factor
        self.three_phase = three_phase
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        factor = schedules.one_cycle(
            self.last_epoch,
            self.total_steps,
            self.pct_start,
            self.anneal_strategy,
            self.div_factor,
            self.final_div_factor,
            self.three_phase,
        )
        if self.last_epoch > self.total_steps:
            raise ValueError(f"OneCycleLR was made for {self.total_steps} steps: there is no step {self.last_epoch}")
        return [lr * factor for lr in self.max_lrs]

    def get_momentum(self) -> list[float]:
        ends = schedules.one_cycle_ends(self.total_steps, self.pct_start, self.three_phase)
        height = schedules.interpolate(self.last_epoch, (0.0, 1.0, 0.0, 0.0), ends, self.anneal_strategy)
        return [high - (high - low) * height for low, high in zip(self.base_momentums, self.max_momentums)]

    def _find_base_lrs(self, last_epoch: int) -> list[float]:
        schedules.positive("OneCycleLR", div_factor=self.div_factor)
        return [lr / self.div_factor for lr in self.max_lrs]
