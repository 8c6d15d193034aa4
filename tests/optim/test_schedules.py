"""Schedules as pure functions of the step: the formulas of their papers, worked by hand, and how they compose."""

from __future__ import annotations

import math
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optim import schedules

steps = st.integers(0, 300)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (partial(schedules.constant, factor=0.3, total_iters=2), [0.3, 0.3, 1, 1]),
        (partial(schedules.step, step_size=2), [1, 1, 0.1, 0.1, 0.01]),
        (partial(schedules.multistep, milestones=[3, 1, 3], gamma=0.5), [1, 0.5, 0.5, 0.125, 0.125]),
        (partial(schedules.linear, start_factor=0.5, end_factor=0.1, total_iters=4), [0.5, 0.4, 0.3, 0.2, 0.1, 0.1]),
        (partial(schedules.exponential, gamma=0.9), [1, 0.9, 0.81, 0.729]),
        (partial(schedules.polynomial, total_iters=2, power=3), [1, 0.125, 0, 0]),
        (partial(schedules.cosine_annealing, T_max=3), [1, 0.75, 0.25, 0, 0.25, 0.75, 1]),
        (partial(schedules.cosine_warm_restarts, T_0=2, T_mult=1), [1, 0.5, 1, 0.5, 1]),
        (partial(schedules.cosine_warm_restarts, T_0=1, T_mult=3), [1, 1, 0.75, 0.25, 1]),
        (partial(schedules.cyclic, step_size_up=1, step_size_down=2), [0, 1, 0.5, 0, 1, 0.5, 0]),
        (partial(schedules.cyclic, step_size_up=1, mode="triangular2"), [0, 1, 0, 0.5, 0, 0.25, 0]),
        (partial(schedules.cyclic, step_size_up=2, mode="exp_range", gamma=0.5), [0, 0.25, 0.25, 0.0625, 0]),
        (partial(schedules.cyclic, step_size_up=1, scale_fn=lambda cycle: 1 / cycle), [0, 1, 0, 1 / 2, 0, 1 / 3]),
        (
            partial(schedules.cyclic, step_size_up=1, scale_fn=lambda t: 10.0 * t, scale_mode="iterations"),
            [0, 10, 0, 30],
        ),
        (
            partial(schedules.one_cycle, total_steps=6, pct_start=0.5, div_factor=4, final_div_factor=5),
            [0.25, 0.625, 1, 0.05 + 0.95 * 0.75, 0.05 + 0.95 * 0.25, 0.05, 0.05],
        ),
        (
            partial(schedules.one_cycle, total_steps=7, pct_start=3 / 7, three_phase=True, anneal_strategy="linear"),
            [0.04, 0.52, 1, 0.52, 0.04, 0.020002, 0.000004],
        ),
        (partial(schedules.warmup, schedule=lambda t: 1 - t, warmup_steps=2, start_factor=0.5), [0.5, 0.75, 1, 0, -1]),
        (partial(schedules.sequential, schedules=[lambda t: t, lambda t: -t], milestones=[0]), [0, -1, -2]),
        (partial(schedules.chained, schedules=[lambda t: 2 * t, lambda t: t]), [0, 2, 8]),
    ],
    ids=lambda value: value.func.__name__ if isinstance(value, partial) else "",
)
def test_worked_example(schedule: schedules.Schedule, expected: list[float]) -> None:
    assert [schedule(t) for t in range(len(expected))] == pytest.approx(expected, abs=1e-15)


@given(t=steps, T_max=st.integers(1, 100))
def test_cosine_goes_to_zero_and_back_to_one_exactly(t: int, T_max: int) -> None:
    assert schedules.cosine_annealing(2 * T_max * (t % 4), T_max) == 1
    assert schedules.cosine_annealing(T_max * (2 * (t % 4) + 1), T_max) == 0
    assert 0 <= schedules.cosine_annealing(t, T_max) <= 1


@given(restarts=st.integers(0, 6), T_0=st.integers(1, 50), T_mult=st.integers(1, 6))
def test_warm_restarts_start_at_one_exactly_where_the_cycles_lengths_add_up(restarts, T_0, T_mult) -> None:
    t = sum(T_0 * T_mult**i for i in range(restarts))
    assert schedules.cosine_warm_restarts(t, T_0, T_mult) == 1
    assert schedules.cosine_warm_restarts(t + 0.25 * T_0 * T_mult**restarts, T_0, T_mult) == pytest.approx(
        (1 + math.sqrt(0.5)) / 2
    )


@given(t=steps, up=st.integers(1, 40), down=st.integers(1, 40))
def test_a_cycle_repeats_itself_exactly_and_goes_up_and_down_in_straight_lines(t: int, up: int, down: int) -> None:
    height = schedules.cyclic(t, up, down)
    assert height == schedules.cyclic(t + 1000 * (up + down), up, down)
    change = schedules.cyclic(t + 1, up, down) - height
    assert change == pytest.approx(1 / up if t % (up + down) < up else -1 / down)


@given(t=steps, first=steps, second=steps)
def test_sequential_counts_the_steps_of_each_schedule_from_its_milestone(t: int, first: int, second: int) -> None:
    first, second = sorted((first, second))
    which, local = schedules.sequential(t, [partial(lambda i, t: (i, t), i) for i in range(3)], [first, second])
    assert (which, local) == ((0, t) if t < first else (1, t - first) if t < second else (2, t - second))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: schedules.constant(0, -1), "constant: factor is a finite number of at least 0, not -1"),
        (lambda: schedules.constant(0, total_iters=0), "total_iters is a finite number of at least 1, not 0"),
        (lambda: schedules.step(0, 0), "step: step_size .* not 0"),
        (lambda: schedules.step(0, 1, math.nan), "gamma .* not nan"),
        (lambda: schedules.multistep(0, [1], "x"), "gamma .* not 'x'"),
        (lambda: schedules.linear(0, math.inf), "start_factor .* not inf"),
        (lambda: schedules.linear(0, 1, -2), "end_factor .* not -2"),
        (lambda: schedules.exponential(0, -0.5), "gamma .* not -0.5"),
        (lambda: schedules.polynomial(0, -3), "total_iters .* not -3"),
        (lambda: schedules.polynomial(0, 3, -1), "power .* not -1"),
        (lambda: schedules.cosine_annealing(0, 0), "T_max is a finite number above 0, not 0"),
        (lambda: schedules.cosine_warm_restarts(0, 2.5), "T_0 is a whole number of at least 1, not 2.5"),
        (lambda: schedules.cosine_warm_restarts(0, 2, 0), "T_mult .* not 0"),
        (lambda: schedules.cyclic(0, -1), "step_size_up .* not -1"),
        (lambda: schedules.cyclic(0, 1, 0), "step_size_down .* not 0"),
        (lambda: schedules.cyclic(0, mode="square"), "mode is 'triangular' or 'triangular2' or 'exp_range', not 'squ"),
        (lambda: schedules.cyclic(0, scale_fn=abs, scale_mode="x"), "scale_mode is 'cycle' or 'iterations', not 'x'"),
        (lambda: schedules.one_cycle(0, 0), "total_steps is a whole number of at least 1, not 0"),
        (lambda: schedules.one_cycle(0, 9, 1.5), r"pct_start is a share, a number in \[0, 1\], not 1.5"),
        (lambda: schedules.one_cycle(0, 9, div_factor=0), "div_factor .* not 0"),
        (lambda: schedules.one_cycle(0, 9, anneal_strategy="x"), "anneal_strategy is 'linear' or 'cos', not 'x'"),
        (lambda: schedules.warmup(0, abs, 9, -1.0), "start_factor .* not -1.0"),
        (lambda: schedules.sequential(0, [], []), r"was given no schedules: \[\]"),
        (
            lambda: schedules.sequential(0, [abs, abs], [1, 2]),
            r"2 schedules have 1 milestones between them, not \[1, 2\]",
        ),
        (lambda: schedules.sequential(0, [abs] * 3, [2, 1]), r"steps in ascending order, not \[2, 1\]"),
    ],
)
def test_argument_that_makes_no_sense_is_a_value_error_that_shows_it(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
