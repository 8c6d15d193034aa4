"""The scheduler that looks at a metric: it reduces the rates when PyTorch's does, and waits as it was told."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import optim
from autodiff import Tensor

from .test_scheduler import now, our_optimizer, their_optimizer


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


METRICS = np.concatenate([np.linspace(1, 0.5, 30), np.full(60, 0.5), [np.nan, 0.3, np.inf], np.linspace(0.3, 0.29, 60)])


@pytest.mark.parametrize(
    "options",
    [
        {},
        dict(patience=2),
        dict(patience=0, factor=0.5, min_lr=0.01),
        dict(patience=3, cooldown=4, min_lr=[0.2, 0.0]),
        dict(patience=1, threshold=0.01, threshold_mode="abs"),
        dict(mode="max", patience=4, factor=0.7),
        dict(mode="max", threshold_mode="abs", threshold=0.02, patience=1, eps=0.01),
    ],
    ids=str,
)
@pytest.mark.parametrize("sign", [1, -1])
def test_plateau_reduces_the_rates_when_pytorchs_does(options: dict, sign: int, torch: Any) -> None:
    ours, peers = our_optimizer(), their_optimizer(torch)
    scheduler, peer = (
        optim.ReduceLROnPlateau(ours, **options),
        torch.optim.lr_scheduler.ReduceLROnPlateau(peers, **options),
    )
    for metric in sign * METRICS:
        scheduler.step(metric)
        peer.step(metric)
        assert now(ours) == pytest.approx(now(peers), rel=1e-12)
        assert scheduler.get_last_lr() == peer.get_last_lr()
        assert (scheduler.best, scheduler.num_bad_epochs) == (peer.best, peer.num_bad_epochs)
        assert scheduler.in_cooldown == peer.in_cooldown


def test_plateau_waits_for_its_patience_then_reduces() -> None:
    optimizer = our_optimizer()
    scheduler = optim.ReduceLROnPlateau(optimizer, patience=2, factor=0.5)
    found = []
    for metric in [3.0, Tensor(2.0, requires_grad=True), 2.0, np.float32(2.0), 1.9999, 1.0, 2.0, 2.0]:
        scheduler.step(metric)
        found.append(optimizer.param_groups[0]["lr"])
    assert found == [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05]  # 1.9999 is no improvement by more than 1e-4 of 2


def test_plateau_goes_on_after_a_checkpoint() -> None:
    optimizers = [our_optimizer(), our_optimizer()]
    scheduler, resumed = (optim.ReduceLROnPlateau(o, patience=3, cooldown=2) for o in optimizers)
    for metric in METRICS[:35]:
        scheduler.step(metric)
    resumed.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    for metric in METRICS[35:]:
        scheduler.step(metric)
        resumed.step(metric)
        assert now(optimizers[0]) == now(optimizers[1])
