"""Schedulers: PyTorch's classes over the pure functions in ``optim.schedules``. They set the rates of an optimiser.

The rates are those of PyTorch, computed from the step rather than from the rate before, so that rounding errors do not
add up. Where somebody else has changed a rate meanwhile, another scheduler or the user, the change is kept, as in
PyTorch: the rate is multiplied by what the factor has changed by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeVar

from . import schedules
from .optimizer import Optimizer

T = TypeVar("T")
Lambda = Callable[[int], float]


class LRScheduler:
    """Sets the rates of an optimiser's groups. ``step()`` goes on to the next epoch, or whatever a step is taken to be.

    Making it sets the rates of epoch 0. So ``scheduler.step()`` comes after ``optimizer.step()``: the other way round,
    the first rates are never used, of which PyTorch warns. A subclass has ``get_lr``: the rates at ``self.last_epoch``.

    Args:
        optimizer: what the rates are for. Each group's own rate, ``group["initial_lr"]`` if it is there, is the base.
        last_epoch: the last epoch that is over, to go on after it; -1 to begin.

    Attributes:
        last_epoch: the epoch that the rates are for, from 0.
        base_lrs: the rate of each group that its schedule starts from.
    """

    _schedulers: Sequence[LRScheduler] = ()
    """What this one is made of."""

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(type(self).__name__, optimizer)
        schedules.at_least(-1, type(self).__name__, last_epoch=last_epoch)
        self.optimizer = optimizer
        self.base_lrs = self._find_base_lrs(last_epoch)
        self.last_epoch = -1
        if last_epoch == -1:
            self.step()
        else:
            self._restart(last_epoch + 1)
        for group, base in zip(optimizer.param_groups, self.base_lrs):
            group.setdefault("initial_lr", base)

    def get_lr(self) -> list[float]:
        """The rate of each group at ``self.last_epoch``; ``get_last_lr`` is for users."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr")

    def get_last_lr(self) -> list[float]:
        """The rate of each group as this scheduler last set it."""
        return [*self._last_lr]

    def step(self) -> None:
        """Set the rates of the next epoch.

        Raises:
            ValueError: a rate would be NaN, infinite or negative; nothing has changed then.
        """
        self._go_to(self.last_epoch + 1)

    def state_dict(self) -> dict[str, Any]:
        """Everything the rates depend on, in plain dicts, lists and numbers; but not functions.

        The rates that the optimiser has now are in it too: so it does not matter whether it is loaded before or after
        the optimiser's own state.
        """
        own = {key: value for key, value in vars(self).items() if key not in ("optimizer", "_schedulers")}
        state = {key: _copied(value) for key, value in own.items() if _is_plain(value)}
        keys = ("lr", *self._driven())
        state["groups"] = [{key: _copied(group[key]) for key in keys} for group in self.optimizer.param_groups]
        if self._schedulers:
            state["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what ``state_dict`` returned, with the same rates bit for bit; functions stay as they are.

        Raises:
            ValueError: lists every problem; nothing has changed then.
        """
        problems = self._problems(state_dict)
        if problems:
            raise ValueError(f"load_state_dict of {type(self).__name__}: " + "; ".join(problems))
        self._load(state_dict)

    def _find_base_lrs(self, last_epoch: int) -> list[float]:
        groups = self.optimizer.param_groups
        for i, group in enumerate(groups):
            if last_epoch != -1 and "initial_lr" not in group:
                raise ValueError(
                    f"{type(self).__name__}: to go on after epoch {last_epoch}, set 'initial_lr' of group {i} to the "
                    "rate that training began with, or load the scheduler's state_dict instead"
                )
        return [group.get("initial_lr", group["lr"]) for group in groups]

    def _go_to(self, epoch: int) -> None:
        before, self.last_epoch = self.last_epoch, epoch
        try:
            if len(self.optimizer.param_groups) != len(self.base_lrs):
                raise ValueError(
                    f"{type(self).__name__} was made for {len(self.base_lrs)} groups, but there are now "
                    f"{len(self.optimizer.param_groups)}; add groups before making a scheduler"
                )
            self._write(self.get_lr())
        except BaseException:
            self.last_epoch = before
            raise

    def _write(self, lrs: list[float]) -> None:
        """Set the rates; all are checked before the first is written."""
        rates = [float(lr) for lr in lrs]
        for i, lr in enumerate(rates):
            if not 0 <= lr < math.inf:
                raise ValueError(
                    f"{type(self).__name__}: the rate of group {i} at epoch {self.last_epoch} is {lr}; a rate is a "
                    "finite number of at least 0"
                )
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self._last_lr = rates

    def _restart(self, epoch: int = 0) -> None:
        """Begin with the base rates, and go on to an epoch."""
        for group, base in zip(self.optimizer.param_groups, self.base_lrs):
            group["lr"] = base
        self.last_epoch = -1
        for _ in range(epoch + 1):
            self.step()

    def _take_over(self) -> None:
        """Begin after another scheduler."""
        self._restart()

    def _driven(self) -> tuple[str, ...]:
        """What it sets in a group beside the rate."""
        return ()

    def _problems(self, state: Mapping[str, Any]) -> list[str]:
        own = self.state_dict()
        found = [f"{key} is missing" for key in own if key not in state]
        found += [f"{key} is unknown" for key in state if key not in own]
        for key in [key for key in own if key in state]:
            if not _alike(own[key], state[key]):
                found.append(f"{key} is {state[key]!r}, where this one has {own[key]!r}")
            elif key in ("groups", "_schedulers") and len(own[key]) != len(state[key]):
                found.append(f"{len(state[key])} {key.strip('_')} were saved, but there are {len(own[key])}")
            elif key == "groups" and [{*group} for group in own[key]] != [{*group} for group in state[key]]:
                found.append(f"the groups have {[*state[key][0]]}, where this one's have {[*own[key][0]]}")
        for i, (scheduler, its) in enumerate(zip(self._schedulers, state.get("_schedulers", ()))):
            found += [f"scheduler {i}: {problem}" for problem in scheduler._problems(its)]
        return found

    def _load(self, state: Mapping[str, Any]) -> None:
        for key, value in state.items():
            if key not in ("groups", "_schedulers"):
                setattr(self, key, _copied(value))
        for scheduler, its in zip(self._schedulers, state.get("_schedulers", ())):
            scheduler._load(its)
        for group, saved in zip(self.optimizer.param_groups, state["groups"]):
            group.update({key: tuple(value) if key == "betas" else value for key, value in saved.items()})


class FactorLR(LRScheduler):
    """Multiplies the distance between a group's rate and a floor, which is 0 unless a subclass says otherwise.

    ``lr = floor + (base_lr - floor) * factor_at(t)``. A rate that somebody else has changed is brought along instead:
    ``lr = floor + (lr - floor) * factor_at(t) / factor_at(t - 1)``; where that divides by 0, ``lr`` goes up by
    ``(base_lr - floor) * factor_at(t)``.
    """

    def factor_at(self, t: int) -> float:
        """The factor at step ``t``: one of the functions in ``optim.schedules``."""
        raise NotImplementedError(f"{type(self).__name__} has no factor_at")

    def floors(self) -> list[float]:
        """What the rate of each group falls to when the factor is 0."""
        return [0.0] * len(self.base_lrs)

    def get_lr(self) -> list[float]:
        t = self.last_epoch
        now, before = self.factor_at(t), self.factor_at(t - 1) if t > 0 else 1.0
        lrs = []
        for group, base, floor in zip(self.optimizer.param_groups, self.base_lrs, self.floors()):
            lr, height = group["lr"], base - floor
            if lr == floor + height * before:
                lrs.append(floor + height * now)
            elif before == 0:
                lrs.append(lr + height * now)
            else:
                lrs.append(floor + (lr - floor) * (now / before))
        return lrs


class StepLR(FactorLR):
    """Multiplies the rates by ``gamma`` every ``step_size`` epochs: ``schedules.step``."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        return schedules.step(t, self.step_size, self.gamma)


class MultiStepLR(FactorLR):
    """Multiplies the rates by ``gamma`` at each milestone: ``schedules.multistep``."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        return schedules.multistep(t, self.milestones, self.gamma)


class ConstantLR(FactorLR):
    """Multiplies the rates by ``factor`` for the first ``total_iters`` epochs: ``schedules.constant``."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        return schedules.constant(t, self.factor, self.total_iters)


class LinearLR(FactorLR):
    """Multiplies the rates by a factor that changes in a straight line: ``schedules.linear``."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        return schedules.linear(t, self.start_factor, self.end_factor, self.total_iters)


class ExponentialLR(FactorLR):
    """Multiplies the rates by ``gamma`` every epoch: ``schedules.exponential``."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        return schedules.exponential(t, self.gamma)


class PolynomialLR(FactorLR):
    """Takes the rates to 0 in ``total_iters`` epochs: ``schedules.polynomial``."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        return schedules.polynomial(t, self.total_iters, self.power)


class CosineAnnealingLR(FactorLR):
    """Takes the rates to ``eta_min`` along a cosine in ``T_max`` epochs, and back: ``schedules.cosine_annealing``."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        schedules.at_least(0, type(self).__name__, eta_min=eta_min)
        super().__init__(optimizer, last_epoch)

    def floors(self) -> list[float]:
        return [self.eta_min] * len(self.base_lrs)

    def factor_at(self, t: int) -> float:
        return schedules.cosine_annealing(t, self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Takes the rates to ``eta_min`` along cosines, from the base each time: ``schedules.cosine_warm_restarts``."""

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_0 = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        schedules.at_least(0, type(self).__name__, eta_min=eta_min)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return self._lrs_at(self.last_epoch)

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch, or of ``epoch``, which may be a fraction: ``epoch + i / batches``.

        The next epoch is a whole number: after ``step(2.5)`` it is 3, where PyTorch's rates would be those of 3.5.
        """
        if epoch is None:
            super().step()
            return
        schedules.at_least(0, f"step of {type(self).__name__}", epoch=epoch)
        self._go_to(math.floor(epoch))
        self._write(self._lrs_at(epoch))

    def _lrs_at(self, epoch: float) -> list[float]:
        factor = schedules.cosine_warm_restarts(epoch, self.T_0, self.T_mult)
        return [self.eta_min + (base - self.eta_min) * factor for base in self.base_lrs]


class LambdaLR(LRScheduler):
    """Multiplies the base rates by any function of the epoch, or each group's by one of its own.

    The functions are not part of ``state_dict``. ``optim.schedules`` has many to choose from.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Lambda | list[Lambda],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = functions(type(self).__name__, optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [base * float(function(self.last_epoch)) for base, function in zip(self.base_lrs, self.lr_lambdas)]


class MultiplicativeLR(LRScheduler):
    """Multiplies the current rates, every epoch from 1 on, by any function of the epoch: one, or one for each group.

    The functions are not part of ``state_dict``.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Lambda | list[Lambda],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = functions(type(self).__name__, optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        lrs = [group["lr"] for group in self.optimizer.param_groups]
        if self.last_epoch == 0:
            return lrs
        return [lr * float(function(self.last_epoch)) for lr, function in zip(lrs, self.lr_lambdas)]

    def _take_over(self) -> None:
        """Go on from the rates that are there, as PyTorch's does, with the function's value at 0."""
        self.last_epoch = 0
        self._write([g["lr"] * float(function(0)) for g, function in zip(self.optimizer.param_groups, self.lr_lambdas)])


def check_optimizer(what: str, optimizer: Any) -> None:
    """Raise TypeError unless it is one."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{what} takes an optimiser, not {optimizer!r}")


def per_group(what: str, optimizer: Optimizer, name: str, value: float | Sequence[float]) -> list[float]:
    """A list with a number for each group."""
    values = one_for_each(what, optimizer, name, value)
    for each in values:
        schedules.at_least(0, what, **{name: each})
    return values


def functions(what: str, optimizer: Optimizer, given: Any) -> list[Lambda]:
    functions = one_for_each(what, optimizer, "lr_lambda", given)
    for function in functions:
        if not callable(function):
            raise TypeError(f"{what}: lr_lambda is a function of the epoch, not {function!r}")
    return functions


def one_for_each(what: str, optimizer: Optimizer, name: str, value: T | Sequence[T]) -> list[T]:
    check_optimizer(what, optimizer)
    groups = len(optimizer.param_groups)
    values: list[Any] = [*value] if isinstance(value, (list, tuple)) else [value] * groups
    if len(values) != groups:
        raise ValueError(f"{what}: {name} has {len(values)} entries, but there are {groups} groups: {value!r}")
    return values


def _is_plain(value: Any) -> bool:
    return all(map(_is_plain, value)) if isinstance(value, list) else isinstance(value, (Real, str, type(None)))


def _copied(value: Any) -> Any:
    return [*map(_copied, value)] if isinstance(value, (list, tuple)) else value


def _alike(own: Any, given: Any) -> bool:
    """Whether both are numbers, or text, or lists; None, for an option that was not given, goes with everything."""
    kinds = (Real, str, list)
    return own is None or given is None or any(isinstance(own, kind) and isinstance(given, kind) for kind in kinds)
