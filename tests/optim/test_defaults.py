"""Arguments and their defaults are PyTorch's, in its order; what is ours alone, or its alone, is listed here."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import optim
from optim import schedules

DEFAULTS: dict[str, dict[str, Any]] = {
    "ASGD": dict(lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, maximize=False),
    "Adadelta": dict(lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, maximize=False),
    "Adafactor": dict(lr=1e-2, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, weight_decay=0, maximize=False),
    "Adagrad": dict(lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10, maximize=False),
    "Adam": dict(
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        maximize=False,
        decoupled_weight_decay=False,
    ),
    "AdamW": dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, maximize=False),
    "Adamax": dict(lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, maximize=False),
    "LBFGS": dict(
        lr=1,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=100,
        line_search_fn=None,
    ),
    "Lion": dict(lr=1e-4, betas=(0.9, 0.99), weight_decay=0, maximize=False),
    "Muon": dict(
        lr=1e-3,
        weight_decay=0.1,
        momentum=0.95,
        nesterov=True,
        ns_coefficients=(3.4445, -4.775, 2.0315),
        eps=1e-7,
        ns_steps=5,
        adjust_lr_fn=None,
    ),
    "NAdam": dict(
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
        decoupled_weight_decay=False,
        maximize=False,
    ),
    "RAdam": dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decoupled_weight_decay=False, maximize=False),
    "RMSprop": dict(lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False, maximize=False),
    "Rprop": dict(lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), maximize=False),
    "SGD": dict(lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False),
    "ConstantLR": dict(factor=1 / 3, total_iters=5),
    "CosineAnnealingLR": dict(eta_min=0),
    "CosineAnnealingWarmRestarts": dict(T_mult=1, eta_min=0),
    "CyclicLR": dict(
        step_size_up=2000,
        step_size_down=None,
        mode="triangular",
        gamma=1,
        scale_fn=None,
        scale_mode="cycle",
        cycle_momentum=True,
        base_momentum=0.8,
        max_momentum=0.9,
    ),
    "LinearLR": dict(start_factor=1 / 3, end_factor=1, total_iters=5),
    "MultiStepLR": dict(gamma=0.1),
    "OneCycleLR": dict(
        total_steps=None,
        epochs=None,
        steps_per_epoch=None,
        pct_start=0.3,
        anneal_strategy="cos",
        cycle_momentum=True,
        base_momentum=0.85,
        max_momentum=0.95,
        div_factor=25,
        final_div_factor=1e4,
        three_phase=False,
    ),
    "PolynomialLR": dict(total_iters=5, power=1),
    "ReduceLROnPlateau": dict(
        mode="min",
        factor=0.1,
        patience=10,
        threshold=1e-4,
        threshold_mode="rel",
        cooldown=0,
        min_lr=0,
        eps=1e-8,
    ),
    "SWALR": dict(anneal_epochs=10, anneal_strategy="cos"),
    "StepLR": dict(gamma=0.1),
    "ChainedScheduler": dict(optimizer=None),
    "AveragedModel": dict(avg_fn=None, multi_avg_fn=None, use_buffers=False),
    "clip_grad_norm_": dict(norm_type=2, error_if_nonfinite=None),
    "get_ema_avg_fn": dict(decay=0.999),
    "get_ema_multi_avg_fn": dict(decay=0.999),
}
OURS = {"nonfinite": "raise", "last_epoch": -1}
"""What many have beside."""
THEIRS = {"foreach", "fused", "capturable", "differentiable", "device"}
"""What is for other devices and kernels."""
SCHEDULES = {
    "step": "StepLR",
    "multistep": "MultiStepLR",
    "constant": "ConstantLR",
    "linear": "LinearLR",
    "polynomial": "PolynomialLR",
    "cosine_warm_restarts": "CosineAnnealingWarmRestarts",
    "one_cycle": "OneCycleLR",
    "cyclic": "CyclicLR",
}


def defaults(function: Any, without: set[str]) -> dict[str, Any]:
    options = inspect.signature(function).parameters.items()
    return {name: p.default for name, p in options if p.default is not p.empty and name not in without}


@pytest.mark.parametrize("name", [name for name in sorted(optim.__all__) if name not in ("minimize", "schedules")])
def test_defaults_are_those_listed(name: str) -> None:
    function = getattr(optim, name)
    assert defaults(function, {*OURS}) == DEFAULTS.get(name, {})
    assert OURS.items() >= (defaults(function, set()).items() - defaults(function, {*OURS}).items())


@pytest.mark.parametrize("name", sorted({*DEFAULTS} - {"Lion"}))
def test_defaults_and_their_order_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    places = torch.optim, torch.optim.lr_scheduler, torch.optim.swa_utils, torch.nn.utils
    theirs = defaults(next(getattr(place, name) for place in places if hasattr(place, name)), {*OURS} | THEIRS)
    ours = DEFAULTS[name]
    if name == "clip_grad_norm_":
        assert theirs.pop("error_if_nonfinite") is False  # here an error is the default, as None
        ours = {"norm_type": 2}
    assert [*theirs.items()] == [*ours.items()]


@pytest.mark.parametrize("name", SCHEDULES)
def test_defaults_of_a_schedule_are_those_of_its_scheduler(name: str) -> None:
    own = defaults(getattr(schedules, name), set())
    assert own == {key: DEFAULTS[SCHEDULES[name]][key] for key in own}
