"""Schedules: pure functions of the step t, which counts from 0.

Each returns the factor that a rate is multiplied by at step t. The options are called as in PyTorch's schedulers, which
are classes over these functions (see ``optim.scheduler``). Any function of the step is a schedule, so they compose:

>>> from functools import partial
>>> decay = partial(cosine_annealing, T_max=4)
>>> [round(warmup(t, decay, warmup_steps=2), 3) for t in range(7)]
[0.0, 0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Literal

Schedule = Callable[[int], float]
Strategy = Literal["cos", "linear"]
Mode = Literal["triangular", "triangular2", "exp_range"]


def constant(t: int, factor: float = 1 / 3, total_iters: int = 5) -> float:
    """``factor`` for the first ``total_iters`` steps, then 1.

    >>> [constant(t, 0.5, 2) for t in range(4)]
    [0.5, 0.5, 1.0, 1.0]
    """
    at_least(0, "constant", factor=factor)
    at_least(1, "constant", total_iters=total_iters)
    return factor if t < total_iters else 1.0


def step(t: int, step_size: int, gamma: float = 0.1) -> float:
    """``gamma ** (t // step_size)``: multiplied by ``gamma`` every ``step_size`` steps.

    >>> [step(t, 2, 0.5) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    at_least(1, "step", step_size=step_size)
    at_least(0, "step", gamma=gamma)
    return float(gamma ** (t // step_size))


def multistep(t: int, milestones: Iterable[int], gamma: float = 0.1) -> float:
    """``gamma ** n`` after n of the milestones: multiplied by ``gamma`` at each, twice at one that is there twice.

    >>> [multistep(t, [1, 3], 0.5) for t in range(5)]
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """
    at_least(0, "multistep", gamma=gamma)
    return float(gamma ** sum(milestone <= t for milestone in milestones))


def linear(t: int, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5) -> float:
    """From ``start_factor`` to ``end_factor`` in a straight line of ``total_iters`` steps.

    >>> [linear(t, 0.0, 1.0, 4) for t in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """
    at_least(0, "linear", start_factor=start_factor, end_factor=end_factor)
    at_least(1, "linear", total_iters=total_iters)
    return end_factor if t >= total_iters else start_factor + (end_factor - start_factor) * t / total_iters


def exponential(t: int, gamma: float) -> float:
    """``gamma ** t``.

    >>> [exponential(t, 0.5) for t in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """
    at_least(0, "exponential", gamma=gamma)
    return float(gamma**t)


def polynomial(t: int, total_iters: int = 5, power: float = 1.0) -> float:
    """``(1 - t / total_iters) ** power``, and 0 from ``total_iters`` on.

    >>> [polynomial(t, 4, 2.0) for t in range(6)]
    [1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]
    """
    at_least(1, "polynomial", total_iters=total_iters)
    at_least(0, "polynomial", power=power)
    return (1 - min(t, total_iters) / total_iters) ** power


def cosine_annealing(t: float, T_max: float) -> float:
    """``(1 + cos(pi t / T_max)) / 2``: from 1 to 0 in ``T_max`` steps, back to 1 in as many, and so on.

    I. Loshchilov and F. Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, arXiv:1608.03983, eq. 5.

    >>> [round(cosine_annealing(t, 4), 4) for t in range(6)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.1464]
    """
    positive("cosine_annealing", T_max=T_max)
    return (1 + math.cos(math.pi * t / T_max)) / 2


def cosine_warm_restarts(t: float, T_0: int, T_mult: int = 1) -> float:
    """From 1 along a cosine towards 0, where it starts again: ``T_0`` steps at first, then ``T_mult`` times as many.

    I. Loshchilov and F. Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, arXiv:1608.03983.

    >>> [round(cosine_warm_restarts(t, 2, 2), 4) for t in range(7)]
    [1.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 1.0]
    """
    for name, value in (("T_0", T_0), ("T_mult", T_mult)):
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"cosine_warm_restarts: {name} is a whole number of at least 1, not {value!r}")
    if T_mult == 1:
        return cosine_annealing(t % T_0, T_0)
    while t >= T_0:
        t, T_0 = t - T_0, T_0 * T_mult
    return cosine_annealing(t, T_0)


def cyclic(
    t: float,
    step_size_up: float = 2000,
    step_size_down: float | None = None,
    mode: Mode = "triangular",
    gamma: float = 1.0,
    scale_fn: Callable[[float], float] | None = None,
    scale_mode: Literal["cycle", "iterations"] = "cycle",
) -> float:
    """From 0 up to the top in a straight line, down to 0, and so on: the height between a lower and an upper rate.

    L. N. Smith, Cyclical learning rates for training neural networks, 2017, arXiv:1506.01186.

    Args:
        t: the step.
        step_size_up: the steps from 0 to the top.
        step_size_down: the steps down again; ``step_size_up`` by default.
        mode: the top is 1 ("triangular"), halved with each cycle ("triangular2"), or ``gamma ** t`` ("exp_range").
        gamma: see "exp_range".
        scale_fn: gives the top instead, from the number of the cycle, which counts from 1, or from the step.
        scale_mode: which of them: "cycle" or "iterations".

    >>> [cyclic(t, 2, mode="triangular2") for t in range(7)]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5]
    """
    down = step_size_up if step_size_down is None else step_size_down
    positive("cyclic", step_size_up=step_size_up, step_size_down=down)
    at_least(0, "cyclic", gamma=gamma)
    cycle, position = divmod(t, step_size_up + down)
    height = position / step_size_up if position <= step_size_up else (step_size_up + down - position) / down
    if scale_fn is not None:
        return height * scale_fn(one_of("cyclic", "scale_mode", scale_mode, {"cycle": int(cycle) + 1, "iterations": t}))
    tops = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": gamma**t}
    return height * one_of("cyclic", "mode", mode, tops)


def one_cycle(
    t: float,
    total_steps: int,
    pct_start: float = 0.3,
    anneal_strategy: Strategy = "cos",
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> float:
    """From ``1 / div_factor`` up to 1, then down to ``1 / (div_factor * final_div_factor)`` at the last step.

    L. N. Smith and N. Topin, Super-convergence: very fast training of neural networks using large learning rates, 2019,
    arXiv:1708.07120.

    Args:
        t: the step.
        total_steps: the steps in all.
        pct_start: the share of them that it takes to get up.
        anneal_strategy: whether it goes up and down along a cosine ("cos") or in straight lines ("linear").
        div_factor, final_div_factor: see above.
        three_phase: whether it takes as long from 1 down to ``1 / div_factor`` as it took up, before it goes on down.

    >>> [round(one_cycle(t, 7, 0.5, "linear", div_factor=5, final_div_factor=4), 3) for t in range(7)]
    [0.2, 0.52, 0.84, 0.864, 0.593, 0.321, 0.05]
    """
    positive("one_cycle", div_factor=div_factor, final_div_factor=final_div_factor)
    low = 1 / div_factor
    values = (low, 1.0, low, low / final_div_factor) if three_phase else (low, 1.0, low / final_div_factor)
    return interpolate(t, values, one_cycle_ends(total_steps, pct_start, three_phase), anneal_strategy)


def one_cycle_ends(total_steps: int, pct_start: float, three_phase: bool) -> list[float]:
    """The steps at which the phases of ``one_cycle`` end, as in PyTorch."""
    if not isinstance(total_steps, Integral) or total_steps < 1:
        raise ValueError(f"one_cycle: total_steps is a whole number of at least 1, not {total_steps!r}")
    if not 0 <= pct_start <= 1:
        raise ValueError(f"one_cycle: pct_start is a share, a number in [0, 1], not {pct_start!r}")
    peak = pct_start * total_steps - 1
    return [peak, 2 * peak, total_steps - 1] if three_phase else [peak, total_steps - 1]


def interpolate(t: float, values: Sequence[float], ends: Sequence[float], anneal_strategy: Strategy) -> float:
    """The curve through the first value at step 0 and the others at ``ends``, along cosines or in straight lines.

    >>> [interpolate(t, (0.0, 1.0, 0.5), (2, 4), "linear") for t in range(6)]
    [0.0, 0.5, 1.0, 0.75, 0.5, 0.5]
    """
    phase = next((i for i, end in enumerate(ends) if t <= end), len(ends) - 1)
    start, end = (0.0, *ends)[phase : phase + 2]
    share = min((t - start) / (end - start), 1.0) if end != start else 1.0
    first, last = values[phase : phase + 2]
    curves = {"linear": first + (last - first) * share, "cos": last + (first - last) * cosine_annealing(share, 1.0)}
    return one_of("interpolate", "anneal_strategy", anneal_strategy, curves)


def warmup(t: int, schedule: Schedule, warmup_steps: int, start_factor: float = 0.0) -> float:
    """In a straight line from ``start_factor`` to 1, then another schedule, whose steps count from there.

    P. Goyal et al., Accurate, large minibatch SGD: training ImageNet in 1 hour, 2017, arXiv:1706.02677.
    """
    return linear(t, start_factor, 1.0, warmup_steps) if t < warmup_steps else schedule(t - warmup_steps)


def sequential(t: int, schedules: Sequence[Schedule], milestones: Sequence[int]) -> float:
    """One schedule after the other, each with steps that count from where it begins: the first at 0, then one at each
    milestone.

    >>> [sequential(t, [lambda t: 10.0 + t, lambda t: 20.0 + t], [2]) for t in range(4)]
    [10.0, 11.0, 20.0, 21.0]
    """
    check_milestones("sequential", schedules, milestones)
    i = bisect_right(milestones, t)
    return schedules[i](t - (milestones[i - 1] if i else 0))


def chained(t: int, schedules: Iterable[Schedule]) -> float:
    """The product of several schedules.

    >>> [chained(t, [lambda t: 0.5**t, lambda t: 3.0]) for t in range(3)]
    [3.0, 1.5, 0.75]
    """
    return math.prod(schedule(t) for schedule in schedules)


def check_milestones(what: str, schedules: Sequence, milestones: Sequence[int]) -> None:
    """Raise ValueError unless there is a milestone between any two schedules, in ascending order."""
    if not schedules:
        raise ValueError(f"{what} was given no schedules: {schedules!r}")
    if len(milestones) != len(schedules) - 1:
        raise ValueError(
            f"{what}: {len(schedules)} schedules have {len(schedules) - 1} milestones between them, not {milestones!r}"
        )
    if [*milestones] != sorted(milestones) or any(milestone < 0 for milestone in milestones):
        raise ValueError(f"{what}: milestones are steps in ascending order, not {milestones!r}")


def at_least(least: float, what: str, **values: float) -> None:
    """Raise ValueError unless these are finite numbers of at least ``least``."""
    for name, value in values.items():
        if not (isinstance(value, Real) and least <= value < math.inf):
            raise ValueError(f"{what}: {name} is a finite number of at least {least}, not {value!r}")


def positive(what: str, **values: float) -> None:
    """Raise ValueError unless these are finite numbers above 0."""
    for name, value in values.items():
        if not (isinstance(value, Real) and 0 < value < math.inf):
            raise ValueError(f"{what}: {name} is a finite number above 0, not {value!r}")


def one_of(what: str, name: str, chosen: str, options: Mapping[str, float]) -> float:
    """The value of the option that was chosen; ValueError if there is none of that name."""
    if chosen not in options:
        raise ValueError(f"{what}: {name} is {' or '.join(map(repr, options))}, not {chosen!r}")
    return options[chosen]
