"""PyTorch's schedulers: the rates are PyTorch's, those of the formulas, and the same after a checkpoint."""

from __future__ import annotations

import copy
import json
import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optim
from autodiff import Tensor
from optim import schedules

STEPS = 120
RATES = (0.1, 0.5)

FORMULAS: dict[str, Callable[[int, float], float]] = {
    "StepLR(o, 7, 0.3)": lambda t, lr: lr * 0.3 ** (t // 7),
    "StepLR(o, step_size=30)": lambda t, lr: lr * 0.1 ** (t // 30),
    "MultiStepLR(o, [3, 50, 50, 90], 0.5)": lambda t, lr: lr * 0.5 ** ((t >= 3) + 2 * (t >= 50) + (t >= 90)),
    "ConstantLR(o)": lambda t, lr: lr / 3 if t < 5 else lr,
    "ConstantLR(o, 0.25, 40)": lambda t, lr: lr / 4 if t < 40 else lr,
    "LinearLR(o)": lambda t, lr: lr * min(1, 1 / 3 + t * 2 / 15),
    "LinearLR(o, 0.01, 0.5, 77)": lambda t, lr: lr * (0.01 + 0.49 * min(t / 77, 1)),
    "ExponentialLR(o, 0.95)": lambda t, lr: lr * 0.95**t,
    "PolynomialLR(o)": lambda t, lr: lr * max(1 - t / 5, 0),
    "PolynomialLR(o, 100, 2.5)": lambda t, lr: lr * max(1 - t / 100, 0) ** 2.5,
    "CosineAnnealingLR(o, 50)": lambda t, lr: lr * math.cos(math.pi * t / 100) ** 2,
    "CosineAnnealingLR(o, 31, 0.01)": lambda t, lr: 0.01 + (lr - 0.01) * math.cos(math.pi * t / 62) ** 2,
    "CosineAnnealingWarmRestarts(o, 20)": lambda t, lr: lr * math.cos(math.pi * (t % 20) / 40) ** 2,
    "CosineAnnealingWarmRestarts(o, 10, 2, 0.02)": lambda t, lr: (
        0.02 + (lr - 0.02) * math.cos(math.pi / 2 * next((t - b) / (b + 10) for b in (70, 30, 10, 0) if t >= b)) ** 2
    ),
    "CyclicLR(o, 0.1, 0.6, 10)": lambda t, lr: 0.1 + 0.5 * (1 - abs(t % 20 - 10) / 10),
    "CyclicLR(o, [0.1, 0.01], 0.6, 5, 15, 'triangular2')": lambda t, lr: (
        (low := {0.1: 0.1, 0.5: 0.01}[lr]) + (0.6 - low) * min(t % 20 / 5, (20 - t % 20) / 15) / 2 ** (t // 20)
    ),
    "CyclicLR(o, 0.1, 0.6, 12, None, 'exp_range', 0.98)": lambda t, lr: (
        0.1 + 0.5 * (1 - abs(t % 24 - 12) / 12) * 0.98**t
    ),
    "CyclicLR(o, 0.1, 0.6, 10, scale_fn=scale, scale_mode='iterations', cycle_momentum=False)": lambda t, lr: (
        0.1 + 0.5 * (1 - abs(t % 20 - 10) / 10) / (1 + t)
    ),
    "CyclicLR(o, 0.1, 0.6, 10, scale_fn=scale, base_momentum=0.5, max_momentum=[0.8, 0.9])": lambda t, lr: (
        0.1 + 0.5 * (1 - abs(t % 20 - 10) / 10) / (2 + t // 20)
    ),
    "OneCycleLR(o, 0.9, 121)": lambda t, lr: 0.9 * one_cycle(t, [(0, 0.04), (35.3, 1.0), (120, 4e-6)], cosine),
    "OneCycleLR(o, [0.9, 0.3], None, 11, 11, 0.25, 'linear', False, 0.8, 0.9, 10.0, 100.0)": lambda t, lr: (
        {0.1: 0.9, 0.5: 0.3}[lr] * one_cycle(t, [(0, 0.1), (29.25, 1.0), (120, 0.001)], lambda share: share)
    ),
    "OneCycleLR(o, 0.9, 121, pct_start=0.2, three_phase=True)": lambda t, lr: (
        0.9 * one_cycle(t, [(0, 0.04), (23.2, 1.0), (46.4, 0.04), (120, 4e-6)], cosine)
    ),
    "LambdaLR(o, lambda t: 1 / (1 + t))": lambda t, lr: lr / (1 + t),
    "LambdaLR(o, [lambda t: 0.9 ** t, lambda t: 2.0])": lambda t, lr: lr * {0.1: 0.9**t, 0.5: 2.0}[lr],
    "MultiplicativeLR(o, lambda t: 1 - 1 / (t + 1))": lambda t, lr: lr / (t + 1),
    "MultiplicativeLR(o, [lambda t: 0.9, lambda t: 1.01])": lambda t, lr: lr * {0.1: 0.9, 0.5: 1.01}[lr] ** t,
    "SWALR(o, 0.05)": lambda t, lr: lr + (0.05 - lr) * math.sin(math.pi * min(t / 10, 1) / 2) ** 2,
    "SWALR(o, [0.05, 0.7], 60, 'linear')": lambda t, lr: lr + ({0.1: 0.05, 0.5: 0.7}[lr] - lr) * min(t / 60, 1),
    "SWALR(o, 0.05, 0)": lambda t, lr: 0.05,
    "ChainedScheduler([ConstantLR(o, 0.1, 20), ExponentialLR(o, 0.9)])": lambda t, lr: (
        lr * (0.1 if t < 20 else 1) * 0.9**t
    ),
    "ChainedScheduler([LinearLR(o, 0.1, 1.0, 30), CosineAnnealingLR(o, 100), StepLR(o, 25)], o)": lambda t, lr: (
        lr * (0.1 + 0.9 * min(t / 30, 1)) * math.cos(math.pi * t / 200) ** 2 * 0.1 ** (t // 25) if t < 100 else None
    ),
    "ChainedScheduler([LambdaLR(o, lambda t: 1 / (1 + t)), MultiplicativeLR(o, lambda t: 0.5)])": lambda t, lr: (
        lr / (1 + t) * (0.5 if t else 1)
    ),
    "SequentialLR(o, [LinearLR(o, 0.1, 1.0, 10), CosineAnnealingLR(o, 90)], [10])": lambda t, lr: (
        lr * (0.1 + 0.09 * t if t < 10 else math.cos(math.pi * (t - 10) / 180) ** 2)
    ),
    "SequentialLR(o, [ConstantLR(o, 0.1, 20), ExponentialLR(o, 0.9), StepLR(o, 9)], [20, 70])": lambda t, lr: (
        lr * (0.1 if t < 20 else 0.9 ** (t - 20) if t < 70 else 0.1 ** ((t - 70) // 9))
    ),
    "SequentialLR(o, [ExponentialLR(o, 0.9), MultiplicativeLR(o, lambda t: 0.99)], [30])": lambda t, lr: (
        lr * (0.9**t if t < 30 else 0.9**29 * 0.99 ** (t - 29))
    ),
    "SequentialLR(o, [ExponentialLR(o, 0.9), SWALR(o, 0.3, 20, 'linear')], [30])": lambda t, lr: (
        lr * 0.9**t if t < 30 else lr * 0.9**29 + (0.3 - lr * 0.9**29) * min((t - 30) / 20, 1)
    ),
    "SequentialLR(o, [StepLR(o, 3), CosineAnnealingWarmRestarts(o, 30)], [15])": lambda t, lr: (
        lr * (0.1 ** (t // 3) if t < 15 else math.cos(math.pi * ((t - 15) % 30) / 60) ** 2)
    ),
    "ChainedScheduler([SequentialLR(o, [ConstantLR(o, 0.5), ConstantLR(o, 0.2)], [9]), StepLR(o, 50)])": lambda t, lr: (
        lr * (0.5 if t < 5 else 1 if t < 9 else 0.2 if t < 14 else 1) * 0.1 ** (t // 50)
    ),
}
"""Schedulers, and what the rate of a group is at a step, given its first rate; None where only PyTorch is the judge."""


def cosine(share: float) -> float:
    return math.sin(math.pi * share / 2) ** 2


def one_cycle(t: int, points: list[tuple[float, float]], curve: Callable[[float], float]) -> float:
    """The value at ``t`` on the curve through points."""
    for (start, first), (end, last) in zip(points, points[1:]):
        if t <= end:
            return first + (last - first) * curve((t - start) / (end - start))
    return last


def scale(x: float) -> float:
    return 1 / (1 + x)


OURS = {name: getattr(optim, name) for name in optim.__all__} | {"scale": scale}


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    torch = pytest.importorskip("torch")
    return {"scale": scale, **vars(torch.optim.lr_scheduler), "SWALR": torch.optim.swa_utils.SWALR, "torch": torch}


def our_optimizer(kind: str = "SGD") -> optim.Optimizer:
    groups = [{"params": [Tensor([1.0], requires_grad=True)], "lr": lr} for lr in RATES]
    return optim.SGD(groups, lr=0.1, momentum=0.7) if kind == "SGD" else optim.Adam(groups)


def their_optimizer(torch: Any, kind: str = "SGD") -> Any:
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in RATES]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.7) if kind == "SGD" else torch.optim.Adam(groups)


def made(text: str, namespace: dict[str, Any], optimizer: Any) -> Any:
    return eval(text, {**namespace, "o": optimizer})


def now(optimizer: Any) -> list[float]:
    """All rates and momenta."""
    return [x for g in optimizer.param_groups for x in (g["lr"], g.get("momentum", 0.0), *g.get("betas", ()))]


def course(scheduler: Any, optimizer: Any, steps: int) -> list[list[float]]:
    """The rates and momenta, now and after each of so many steps."""
    found = [now(optimizer)]
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        found.append(now(optimizer))
    return found


def assert_same_course(text: str, theirs: dict[str, Any], kind: str = "SGD", steps: int = STEPS) -> None:
    ours, peers = our_optimizer(kind), their_optimizer(theirs["torch"], kind)
    scheduler, peer = made(text, OURS, ours), made(text, theirs, peers)
    found, expected = course(scheduler, ours, steps), course(peer, peers, steps)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert scheduler.get_last_lr() == [group["lr"] for group in ours.param_groups]


@pytest.mark.parametrize("text", FORMULAS)
def test_rates_are_those_of_the_formula(text: str) -> None:
    optimizer = our_optimizer()
    scheduler = made(text, OURS, optimizer)
    for t in range(STEPS):
        for lr, found in zip(RATES, scheduler.get_last_lr(), strict=True):
            expected = FORMULAS[text](t, lr)
            assert expected is None or found == pytest.approx(expected, rel=1e-12, abs=1e-15), t
        scheduler.step()


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("text", FORMULAS)
def test_rates_and_momenta_are_pytorchs(text: str, kind: str, theirs: dict[str, Any]) -> None:
    assert_same_course(text, theirs, kind)


def numbers(least: float, greatest: float) -> st.SearchStrategy[float]:
    return st.floats(least, greatest).map(lambda x: round(x, 4))


iterations = st.integers(1, 60)
factors = numbers(0.01, 1.0)
CHAINABLE = st.one_of(
    st.builds("StepLR(o, {}, {})".format, iterations, factors),
    st.builds("MultiStepLR(o, {}, {})".format, st.lists(iterations, max_size=4), factors),
    st.builds("ConstantLR(o, {}, {})".format, factors, iterations),
    st.builds("LinearLR(o, {}, {}, {})".format, factors, factors, iterations),
    st.builds("ExponentialLR(o, {})".format, numbers(0.9, 1.02)),
    st.builds("PolynomialLR(o, {}, {})".format, iterations, numbers(0.0, 3.0)),
    st.builds("CosineAnnealingLR(o, {})".format, st.integers(1, 60)),
)
ABSOLUTE = st.one_of(
    st.builds("CosineAnnealingLR(o, {}, {})".format, st.integers(1, 60), numbers(0.0, 0.2)),
    st.builds("CosineAnnealingWarmRestarts(o, {}, {}, {})".format, iterations, st.integers(1, 3), numbers(0.0, 0.2)),
    st.builds(
        "CyclicLR(o, {}, {}, {}, {}, {!r}, {})".format,
        numbers(0.0, 0.1),
        numbers(0.1, 1.0),
        iterations,
        iterations | st.none(),
        st.sampled_from(["triangular", "triangular2", "exp_range"]),
        numbers(0.9, 1.0),
    ),
    st.builds(
        "OneCycleLR(o, {}, {}, pct_start={}, anneal_strategy={!r}, three_phase={})".format,
        factors,
        st.integers(STEPS + 1, 300),
        numbers(0.05, 0.95),
        st.sampled_from(["cos", "linear"]),
        st.booleans(),
    ),
    st.builds("SWALR(o, {}, {}, {!r})".format, factors, st.integers(0, 60), st.sampled_from(["cos", "linear"])),
)


@given(text=CHAINABLE | ABSOLUTE)
def test_rates_are_pytorchs_for_any_settings(theirs: dict[str, Any], text: str) -> None:
    assert_same_course(text, theirs)


@given(texts=st.lists(CHAINABLE, min_size=2, max_size=4))
def test_chained_rates_are_pytorchs(theirs: dict[str, Any], texts: list[str]) -> None:
    assert_same_course(f"ChainedScheduler([{', '.join(texts)}])", theirs, steps=50)


@given(texts=st.lists(CHAINABLE, min_size=2, max_size=4), lengths=st.lists(st.integers(1, 40), min_size=3, max_size=3))
def test_rates_in_a_sequence_are_pytorchs(theirs: dict[str, Any], texts: list[str], lengths: list[int]) -> None:
    milestones = np.cumsum(lengths)[: len(texts) - 1].tolist()
    assert_same_course(f"SequentialLR(o, [{', '.join(texts)}], {milestones})", theirs)


@given(texts=st.lists(CHAINABLE.filter(lambda text: "Cosine" not in text), min_size=2, max_size=4))
def test_chained_rates_are_the_product_of_all_factors_and_stepping_one_by_one_is_the_same(texts: list[str]) -> None:
    alone = [our_optimizer() for _ in texts]
    factors = [made(text, OURS, optimizer) for text, optimizer in zip(texts, alone)]
    optimizers = [our_optimizer(), our_optimizer()]
    chain = made(f"ChainedScheduler([{', '.join(texts)}])", OURS, optimizers[0])
    one_by_one = [made(text, OURS, optimizers[1]) for text in texts]
    for _ in range(STEPS):
        product = math.prod(optimizer.param_groups[1]["lr"] / RATES[1] for optimizer in alone)
        assert optimizers[0].param_groups[1]["lr"] == pytest.approx(RATES[1] * product, rel=1e-12, abs=1e-15)
        assert now(optimizers[0]) == now(optimizers[1])
        for scheduler in (*factors, chain, *one_by_one):
            scheduler.step()


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("StepLR(o, 7, 0.3)", lambda t: schedules.step(t, 7, 0.3)),
        ("LinearLR(o, 0.1, 1.0, 77)", lambda t: schedules.linear(t, 0.1, 1.0, 77)),
        ("ExponentialLR(o, 0.99)", lambda t: schedules.exponential(t, 0.99)),
        ("CosineAnnealingLR(o, 1000)", lambda t: schedules.cosine_annealing(t, 1000)),
        ("OneCycleLR(o, [0.1, 0.5], 6000)", lambda t: schedules.one_cycle(t, 6000)),
    ],
)
def test_rounding_errors_do_not_add_up(text: str, factor: Callable[[int], float]) -> None:
    optimizer = our_optimizer()
    scheduler = made(text, OURS, optimizer)
    for t in range(5000):
        assert scheduler.get_last_lr() == [lr * factor(t) for lr in RATES]
        scheduler.step()


# Checkpoints


ORDERS = ["optimizer first", "scheduler first", "scheduler made after the optimizer was loaded"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("text", FORMULAS)
def test_rates_after_a_checkpoint_are_the_same_bit_for_bit(text: str, kind: str, order: str) -> None:
    optimizer = our_optimizer(kind)
    scheduler = made(text, OURS, optimizer)
    course(scheduler, optimizer, 37)
    saved = json.loads(json.dumps([optimizer.state_dict(), scheduler.state_dict()]))
    expected = course(scheduler, optimizer, STEPS - 37)

    again = our_optimizer(kind)
    if order == ORDERS[2]:
        again.load_state_dict(saved[0])
    resumed = made(text, OURS, again)
    if order == ORDERS[0]:
        again.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    if order == ORDERS[1]:
        again.load_state_dict(saved[0])
    assert resumed.get_last_lr() == [group["lr"] for group in again.param_groups]
    assert course(resumed, again, STEPS - 37) == expected


@pytest.mark.parametrize("text", [text for text in FORMULAS if not text.startswith("Chained")])
def test_last_epoch_goes_on_with_the_same_rates(text: str) -> None:
    optimizer, again = our_optimizer(), our_optimizer()
    scheduler = made(text, OURS, optimizer)
    expected = course(scheduler, optimizer, STEPS)[43:]
    for group, lr in zip(again.param_groups, RATES):
        group["initial_lr"], group["lr"] = lr, 1000.0
    resumed = made(text.removesuffix(")") + ", last_epoch=42)", OURS, again)
    assert resumed.last_epoch == 43
    assert course(resumed, again, STEPS - 43) == expected


def test_a_group_may_bring_the_rate_that_a_scheduler_goes_on_from() -> None:
    parameter = Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([{"params": [parameter], "lr": 0.5, "initial_lr": 2.0}])
    assert optim.StepLR(optimizer, 3, last_epoch=5).get_last_lr() == [pytest.approx(0.02)]


def test_saved_state_does_not_change_with_the_scheduler() -> None:
    scheduler = made("SequentialLR(o, [CyclicLR(o, 0.1, 0.6, 10), StepLR(o, 9)], [20])", OURS, our_optimizer("Adam"))
    saved = scheduler.state_dict()
    before = copy.deepcopy(saved)
    scheduler.step()
    assert saved == before != scheduler.state_dict()
    scheduler.load_state_dict(saved)
    scheduler.step()
    assert saved == before


def test_hyperparameters_are_restored_as_in_pytorch() -> None:
    saved = made("StepLR(o, 7, 0.3)", OURS, our_optimizer()).state_dict()
    scheduler = made("StepLR(o, 3)", OURS, our_optimizer())
    scheduler.load_state_dict(saved)
    assert (scheduler.step_size, scheduler.gamma) == (7, 0.3)


def test_state_that_does_not_fit_lists_every_problem_and_changes_nothing() -> None:
    optimizer = our_optimizer()
    scheduler = made("SequentialLR(o, [StepLR(o, 9), ExponentialLR(o, 0.9)], [20])", OURS, optimizer)
    other = made("SequentialLR(o, [ExponentialLR(o, 0.9), ExponentialLR(o, 0.8)], [20])", OURS, our_optimizer())
    other.step()
    state = other.state_dict()
    state["groups"].pop()
    state["_milestones"] = "soon"
    before = scheduler.state_dict()
    with pytest.raises(ValueError) as raised:
        scheduler.load_state_dict(state)
    for problem in (
        "load_state_dict of SequentialLR",
        "1 groups were saved, but there are 2",
        "_milestones is 'soon', where this one has [20]",
        "scheduler 0: step_size is missing",
    ):
        assert problem in str(raised.value)
    assert scheduler.state_dict() == before


def test_state_of_betas_does_not_fit_an_optimizer_with_momentum() -> None:
    saved = made("CyclicLR(o, 0.1, 0.6, 10)", OURS, our_optimizer("Adam")).state_dict()
    optimizer = our_optimizer("SGD")
    scheduler = made("CyclicLR(o, 0.1, 0.6, 10)", OURS, optimizer)
    before = copy.deepcopy(optimizer.param_groups)
    with pytest.raises(ValueError, match=r"groups have \['lr', 'betas'\], where this one's have \['lr', 'momentum'\]"):
        scheduler.load_state_dict(saved)
    assert [{**group, "params": None} for group in optimizer.param_groups] == [{**g, "params": None} for g in before]


# How they behave


def test_rates_are_plain_numbers_whatever_a_function_returns_and_lists_of_them_are_the_callers() -> None:
    optimizer = our_optimizer()
    scheduler = optim.LambdaLR(optimizer, lambda t: np.float32(0.5))
    scheduler.get_last_lr().clear()
    assert scheduler.get_last_lr() == [0.05, 0.25]
    assert {type(group["lr"]) for group in optimizer.param_groups} == {float}


def test_a_rate_that_the_user_changes_is_brought_along_as_in_pytorch(theirs: dict[str, Any]) -> None:
    ours, peers = our_optimizer(), their_optimizer(theirs["torch"])
    scheduler, peer = (made("CosineAnnealingLR(o, 30, 0.01)", n, o) for n, o in ((OURS, ours), (theirs, peers)))
    for t in range(STEPS):
        for optimizer, each in ((ours, scheduler), (peers, peer)):
            optimizer.step()
            each.step()
            if t == 17:
                optimizer.param_groups[1]["lr"] *= 0.25
        np.testing.assert_allclose(now(ours), now(peers), rtol=1e-12)


@pytest.mark.parametrize("text", ["PolynomialLR(o, 10)", "CosineAnnealingLR(o, 10)", "CosineAnnealingLR(o, 10, 0.01)"])
def test_a_rate_that_the_user_sets_where_the_factor_is_zero_stays_or_rises_as_in_pytorch(
    text: str, theirs: dict[str, Any]
) -> None:
    ours, peers = our_optimizer(), their_optimizer(theirs["torch"])
    scheduler, peer = made(text, OURS, ours), made(text, theirs, peers)
    for t in range(20):
        for optimizer, each in ((ours, scheduler), (peers, peer)):
            optimizer.step()
            each.step()
            if t == 9:
                optimizer.param_groups[1]["lr"] = 0.25
        np.testing.assert_allclose(now(ours), now(peers), rtol=1e-12, atol=1e-15)


def test_a_scheduler_that_was_stepped_before_begins_anew_in_a_sequence() -> None:
    optimizer = our_optimizer()
    parts = [made(text, OURS, optimizer) for text in ("StepLR(o, 2)", "MultiplicativeLR(o, lambda t: 1 / (t + 2))")]
    for scheduler in (*parts, *parts):
        scheduler.step()
    sequence = optim.SequentialLR(optimizer, parts, [3])
    found = [point[0] for point in course(sequence, optimizer, 5)]
    assert found == pytest.approx([0.1, 0.1, 0.01, 0.01 / 2, 0.01 / 6, 0.01 / 24])


def test_warm_restarts_take_fractions_of_epochs(theirs: dict[str, Any]) -> None:
    text = "CosineAnnealingWarmRestarts(o, 10, 2)"
    ours, peers = our_optimizer(), their_optimizer(theirs["torch"])
    scheduler, peer = made(text, OURS, ours), made(text, theirs, peers)
    for epoch in (0, 0.3, 9.9, 10.1, 29.75, 50.5, 4, 12.5):
        scheduler.step(epoch)
        peer.step(epoch)
        assert now(ours) == pytest.approx(now(peers), rel=1e-12)
        assert scheduler.last_epoch == peer.last_epoch == int(epoch)
    scheduler.step()
    peer.step()
    assert scheduler.get_last_lr() == [lr * schedules.cosine_warm_restarts(13, 10, 2) for lr in RATES]
    assert peer.get_last_lr() == pytest.approx([lr * schedules.cosine_warm_restarts(13.5, 10, 2) for lr in RATES])


def test_warm_restarts_restart_where_pytorchs_logarithm_is_rounded_down() -> None:
    scheduler = made("CosineAnnealingWarmRestarts(o, 1, 3)", OURS, our_optimizer())
    scheduler.step((3**5 - 1) // 2)  # the lengths 1, 3, 9, 27 and 81 are over
    assert scheduler.get_last_lr() == [*RATES]


def test_linear_warm_up_may_start_at_zero() -> None:
    optimizer = our_optimizer()
    scheduler = made("ChainedScheduler([LinearLR(o, 0.0, 1.0, 4), ExponentialLR(o, 0.5)])", OURS, optimizer)
    assert [point[0] for point in course(scheduler, optimizer, 2)] == pytest.approx([0, 0.1 / 4 / 2, 0.1 / 2 / 4])


def test_a_scheduler_of_ones_own_needs_only_get_lr() -> None:
    class Halving(optim.LRScheduler):
        def get_lr(self) -> list[float]:
            return [group["lr"] * (0.5 if self.last_epoch else 1) for group in self.optimizer.param_groups]

    optimizer = our_optimizer()
    scheduler = Halving(optimizer)
    assert [point[0] for point in course(scheduler, optimizer, 3)] == [0.1, 0.05, 0.025, 0.0125]
    assert Halving(our_optimizer()).state_dict().keys() == scheduler.state_dict().keys()


def test_a_scheduler_sees_no_group_that_was_added_later() -> None:
    optimizer = our_optimizer()
    scheduler = made("StepLR(o, 1)", OURS, optimizer)
    optimizer.add_param_group({"params": [Tensor([1.0], requires_grad=True)]})
    with pytest.raises(ValueError, match="StepLR was made for 2 groups, but there are now 3"):
        scheduler.step()
    assert scheduler.last_epoch == 0 and now(optimizer)[0] == 0.1


def test_a_schedule_trains() -> None:
    w = Tensor([4.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.25)
    scheduler = optim.LambdaLR(optimizer, lambda t: 1.0 if t < 2 else 2.0)
    for expected in (2.0, 1.0, 0.0):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        scheduler.step()
        assert w.data == [expected]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
@pytest.mark.parametrize(
    "text",
    [
        "LambdaLR(o, [lambda t: 1.0, function])",
        "MultiplicativeLR(o, [lambda t: 1.0, function])",
        "CyclicLR(o, 0.1, 0.6, 4, scale_fn=function, scale_mode='iterations', cycle_momentum=False)",
        "SequentialLR(o, [LambdaLR(o, [lambda t: 1.0, function])], [])",
    ],
)
def test_a_rate_that_makes_no_sense_is_refused_by_the_scheduler_and_nothing_changes(text: str, bad: float) -> None:
    optimizer = our_optimizer()
    scheduler = made(text, {**OURS, "function": lambda t: bad if t == 3 else 1.0}, optimizer)
    scheduler.step()
    scheduler.step()
    before = now(optimizer), scheduler.state_dict()
    kind = "LambdaLR" if "Lambda" in text else text.split("(")[0]
    for _ in range(2):
        with pytest.raises(
            ValueError, match=rf"^{kind}: the rate of group [01] at epoch 3 is (nan|inf|-0\.\d+); a rate"
        ):
            scheduler.step()
        assert (now(optimizer), scheduler.state_dict()) == before


def test_a_chain_that_fails_has_stepped_those_before_the_one_that_failed() -> None:
    optimizer = our_optimizer()
    chain = made("ChainedScheduler([ExponentialLR(o, 0.5), LambdaLR(o, lambda t: 1.0 - 2 * t)])", OURS, optimizer)
    with pytest.raises(ValueError, match="LambdaLR: the rate of group 0 at epoch 1 is -0.1"):
        chain.step()
    assert [scheduler.last_epoch for scheduler in chain._schedulers] == [1, 0]


def test_a_first_rate_that_makes_no_sense_leaves_the_optimizer_as_it_was() -> None:
    optimizer = our_optimizer()
    with pytest.raises(ValueError, match="LambdaLR: the rate of group 0 at epoch 0 is -0.1"):
        optim.LambdaLR(optimizer, lambda t: -1.0)
    assert now(optimizer) == now(our_optimizer()) and "initial_lr" not in optimizer.param_groups[0]


def test_making_a_scheduler_sets_the_first_rate_so_it_steps_after_the_optimizer() -> None:
    optimizer = our_optimizer()
    scheduler = optim.LambdaLR(optimizer, lambda t: [0.5, 0.25, 0.125][t])
    used = []
    for _ in range(2):
        used.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    assert used == [0.05, 0.025]


BAD = {
    "StepLR(o, 0)": "step_size .* not 0",
    "StepLR([0.1], 3)": r"StepLR takes an optimiser, not \[0.1\]",
    "StepLR(o, 3, last_epoch=-2)": "last_epoch is a finite number of at least -1, not -2",
    "StepLR(o, 3, last_epoch=5)": "to go on after epoch 5, set 'initial_lr' of group 0",
    "MultiStepLR(o, [3], -1.0)": "gamma .* not -1.0",
    "ConstantLR(o, -0.5)": "factor .* not -0.5",
    "LinearLR(o, total_iters=0)": "total_iters .* not 0",
    "ExponentialLR(o, nan)": "gamma .* not nan",
    "PolynomialLR(o, 5, -1)": "power .* not -1",
    "CosineAnnealingLR(o, 0)": "T_max .* not 0",
    "CosineAnnealingLR(o, 5, -0.1)": "eta_min .* not -0.1",
    "CosineAnnealingWarmRestarts(o, 0)": "T_0 .* not 0",
    "CosineAnnealingWarmRestarts(o, 5, 1.5)": "T_mult .* not 1.5",
    "CosineAnnealingWarmRestarts(o, 5).step(-1)": "epoch .* not -1",
    "CyclicLR(o, -0.1, 1.0)": "base_lr .* not -0.1",
    "CyclicLR(o, 0.1, [1.0])": r"max_lr has 1 entries, but there are 2 groups: \[1.0\]",
    "CyclicLR(o, 0.1, 1.0, mode='square')": "mode .* not 'square'",
    "CyclicLR(o, 0.1, 1.0, max_momentum=1.0)": r"numbers in \[0, 1\), not 1.0",
    "CyclicLR(adagrad, 0.1, 1.0)": "Adagrad has neither momentum nor betas; say cycle_momentum=False",
    "OneCycleLR(o, 0.1)": "takes total_steps, or both epochs and steps_per_epoch",
    "OneCycleLR(o, 0.1, -5)": "total_steps .* not -5",
    "OneCycleLR(o, 0.1, 5, pct_start=2)": "pct_start .* not 2",
    "OneCycleLR(o, 0.1, 5, div_factor=0)": "div_factor .* not 0",
    "LambdaLR(o, 0.5)": "lr_lambda is a function of the epoch, not 0.5",
    "LambdaLR(o, [abs])": "lr_lambda has 1 entries, but there are 2 groups",
    "SWALR(o, -1.0)": "swa_lr .* not -1.0",
    "SWALR(o, 0.1, -1)": "anneal_epochs .* not -1",
    "SWALR(o, 0.1, 5, 'x')": "anneal_strategy .* not 'x'",
    "ReduceLROnPlateau(o, 'least')": "mode is 'min' or 'max', not 'least'",
    "ReduceLROnPlateau(o, factor=1.0)": r"factor is a number in \[0, 1\), not 1.0",
    "ReduceLROnPlateau(o, threshold_mode='x')": "threshold_mode .* not 'x'",
    "ReduceLROnPlateau(o, patience=-1)": "patience .* not -1",
    "ChainedScheduler([])": r"was given no schedulers: \[\]",
    "ChainedScheduler([o])": "scheduler 0 is",
    "ChainedScheduler([StepLR(o, 3), StepLR(adagrad, 3)])": "scheduler 1, a StepLR, is for another optimiser",
    "ChainedScheduler([ReduceLROnPlateau(o)])": "is a ReduceLROnPlateau, whose step takes a metric",
    "SequentialLR(o, [StepLR(o, 3)], [5])": r"1 schedules have 0 milestones between them, not \[5\]",
    "SequentialLR(o, [StepLR(o, 3)] * 3, [5, 4])": r"ascending order, not \[5, 4\]",
    "SequentialLR(o, [StepLR(o, 3)], [], -2)": "last_epoch .* not -2",
    "SequentialLR(adagrad, [StepLR(o, 3)], [])": "scheduler 0, a StepLR, is for another optimiser",
}


@pytest.mark.parametrize("text", BAD)
def test_argument_that_makes_no_sense_is_an_error_that_shows_it_and_changes_nothing(text: str) -> None:
    optimizer = our_optimizer()
    adagrad = optim.Adagrad([Tensor([1.0], requires_grad=True)])
    before = now(optimizer)
    with pytest.raises((ValueError, TypeError), match=BAD[text]):
        made(text, {**OURS, "adagrad": adagrad, "nan": math.nan}, optimizer)
    assert now(optimizer) == before


def test_a_scheduler_that_failed_leaves_no_base_rate_behind() -> None:
    optimizer = our_optimizer()
    with pytest.raises(ValueError):
        made("StepLR(o, 0)", OURS, optimizer)
    assert "initial_lr" not in optimizer.param_groups[0]


def test_every_scheduler_has_a_case() -> None:
    kinds = {name for name, value in OURS.items() if isinstance(value, type) and issubclass(value, optim.LRScheduler)}
    kinds -= {"LRScheduler", "ReduceLROnPlateau"}
    assert {name for name in kinds if any(text.startswith(name) for text in FORMULAS)} == kinds


def test_names_and_defaults_are_pytorchs(theirs: dict[str, Any]) -> None:
    for name, ours in OURS.items():
        if isinstance(ours, type) and issubclass(ours, optim.LRScheduler):
            code: types.CodeType = ours.__init__.__code__
            peer = theirs[name].__init__
            assert code.co_varnames[: code.co_argcount] == peer.__code__.co_varnames[: peer.__code__.co_argcount], name
            assert ours.__init__.__defaults__ == peer.__defaults__, name
