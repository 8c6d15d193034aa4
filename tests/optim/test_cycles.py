"""The schedulers that take the momentum along: where they end, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import optim

from .test_scheduler import OURS, course, made, now, our_optimizer, their_optimizer


def test_one_cycle_keeps_its_last_rate_and_refuses_to_be_stepped_further() -> None:
    optimizer = our_optimizer()
    scheduler = made("OneCycleLR(o, 1.0, 10, anneal_strategy='linear')", OURS, optimizer)
    for _ in range(9):
        scheduler.step()
    last = scheduler.get_last_lr()
    assert last == pytest.approx([4e-6, 4e-6])
    scheduler.step()
    assert scheduler.get_last_lr() == last  # PyTorch's is -0.14 here
    with pytest.raises(ValueError, match="made for 10 steps: there is no step 11"):
        scheduler.step()
    assert scheduler.last_epoch == 10 and now(optimizer)[0] == last[0]


def test_one_cycle_in_a_loop_over_all_batches_uses_the_last_rate_for_the_last_batch() -> None:
    torch = pytest.importorskip("torch")
    ours, peers = our_optimizer(), their_optimizer(torch)
    found, expected = (
        course(made("OneCycleLR(o, 0.9, 10)", namespace, optimizer), optimizer, 10)
        for namespace, optimizer in ((OURS, ours), (vars(torch.optim.lr_scheduler), peers))
    )
    np.testing.assert_allclose(found[:10], expected[:10], rtol=1e-12)
    assert found[10] == found[9] and expected[10][0] > 10 * expected[9][0]  # nobody uses these rates


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_a_momentum_that_makes_no_sense_is_refused_before_the_rate_is_written(kind: str) -> None:
    optimizer = our_optimizer(kind)
    scheduler = optim.CyclicLR(optimizer, 0.1, 0.6, 2, scale_fn=lambda cycle: 5.0, base_momentum=0.4, max_momentum=0.8)
    before = now(optimizer), scheduler.state_dict()
    with pytest.raises(ValueError, match=r"CyclicLR: the momentum of group 0 at epoch 1 is -0.19\d*; .* in \[0, 1\)"):
        scheduler.step()
    assert (now(optimizer), scheduler.state_dict()) == before
