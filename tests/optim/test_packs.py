"""Parameters updated together, or in blocks, get the bits that each would get alone, whatever happens between steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import optim
from autodiff import Tensor
from optim import packs

SHAPES = [(), (3,), (0,), (2, 3), (4, 9), (5,), (1, 1), (16, 5), (7,)]
MAKERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    "Adam": lambda p: optim.Adam(p, lr=0.1, amsgrad=True, maximize=True),
    "NAdam": lambda p: optim.NAdam(p, lr=0.1, weight_decay=0.1),
    "ASGD": lambda p: optim.ASGD(p, lr=0.1, t0=2),
    "Rprop": lambda p: optim.Rprop(p, lr=0.1),
}


@pytest.fixture(params=[(32, 0, 0), (32, 8, 20), (32, 100, 100), None], ids="BLOCK, SMALL, GATHERED = {}".format)
def sizes(request, monkeypatch):
    """Such small blocks that everything takes several of them; None is the sizes that are really used."""
    for name, size in zip(("BLOCK", "SMALL", "GATHERED"), request.param or ()):
        monkeypatch.setattr(packs, name, size)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_random_programs_give_the_bits_of_one_optimizer_for_each_parameter(make, sizes):
    rng = np.random.default_rng(0)
    dtypes = rng.choice([np.float32, np.float64], len(SHAPES))
    starts = [np.asarray(rng.normal(size=shape), dtype) for shape, dtype in zip(SHAPES, dtypes)]
    together, alone = ([Tensor(start, requires_grad=True) for start in starts] for _ in range(2))
    optimizer, optimizers = make(together), [make([p]) for p in alone]
    seen = [(start, start.copy()) for start in starts]
    present = np.ones(len(SHAPES), bool)
    for step in range(12):
        if step % 3 == 2:
            present = rng.random(len(SHAPES)) < 0.7
        for p, q, here in zip(together, alone, present):
            g = np.asarray(rng.normal(size=p.shape), p.dtype)
            if step % 4 == 3:
                g = g.copy(order="F")
            elif step % 4 == 2:
                g = np.repeat(g[..., None], 2, axis=-1)[..., 0]
            p.grad = q.grad = g if here else None
            if g.size:
                seen.append((g, g.copy()))
            if rng.random() < 0.2:
                seen.append((p.data, p.data.copy()))
            elif rng.random() < 0.2:
                seen.append(
                    (p.data.T[..., :1] if p.ndim else p.data, p.data.T[..., :1].copy() if p.ndim else p.data.copy())
                )
            elif rng.random() < 0.1:
                p.data, q.data = p.data.copy(order="F"), q.data.copy(order="F")
        optimizer.step()
        for own in optimizers:
            own.step()
        if step == 6:
            saved, optimizer = optimizer.state_dict(), make(together)
            optimizer.load_state_dict(saved)
        assert [p.data.tobytes() for p in together] == [q.data.tobytes() for q in alone]
        for name, own in enumerate(optimizers):
            for key, value in own.state.get("0", {}).items():
                assert np.array_equal(optimizer.state[str(name)][key], value), (name, key)
    assert all(np.array_equal(array, copy) for array, copy in seen)
    assert not any(np.shares_memory(p.data, q.data) for p in together for q in together if p is not q)


def test_small_parameters_come_together_and_large_ones_stay_alone(monkeypatch):
    monkeypatch.setattr(packs, "SMALL", 5)
    monkeypatch.setattr(packs, "GATHERED", 10)
    sizes = [4, 4, 6, 4, 4, 2, 5]
    found = packs.packed([*"abcdefg"], [Tensor(np.ones(n), requires_grad=True) for n in sizes], [{}] * 7, True)
    assert ["".join(pack.names) for pack in found] == ["ab", "c", "def", "g"]


def test_a_pack_without_some_of_its_gradients_is_split_and_stays_so():
    p = [Tensor([1.0], requires_grad=True) for _ in range(4)]
    optimizer = optim.SGD(p, momentum=0.5)
    for present in ("1111", "1101", "1111"):
        for parameter, here in zip(p, present):
            parameter.grad = [1.0] if here == "1" else None
        optimizer.step()
    assert sorted(pack.names for pack in optimizer._packs[0]) == [["0", "1", "3"], ["2"]]
    assert [optimizer.state[str(i)]["t"] for i in range(4)] == [3, 3, 2, 3]


def test_a_group_added_later_may_be_larger_than_what_came_before():
    p = [Tensor(np.zeros(n), requires_grad=True) for n in (1, 2, 3, 4)]
    optimizer = optim.SGD(p[:2], lr=1.0)
    for step in range(2):
        for parameter in p:
            parameter.grad = np.ones(parameter.shape)
        optimizer.step()
        if step == 0:
            optimizer.add_param_group({"params": p[2:]})
    assert [parameter.data[0] for parameter in p] == [-2.0, -2.0, -1.0, -1.0]


def test_only_parameters_that_are_never_gathered_are_added_to_by_blas(monkeypatch):
    monkeypatch.setattr(packs, "SMALL", 5)
    sizes = [4, 4, 6, 5]
    optimizer = optim.SGD([Tensor(np.ones(n), requires_grad=True) for n in sizes])
    optimizer.add_param_group({"params": [Tensor(np.ones(5), requires_grad=True)]})
    optimizer.add_param_group({"params": [Tensor(np.ones(6, np.float16), requires_grad=True)]})
    found = [pack for group in optimizer._packs for pack in group]
    assert [(pack.size, pack._work.add in packs.IN_ONE_PASS.values()) for pack in found] == [
        (13, False),
        (6, True),
        (5, False),
        (6, False),
    ]


WAYS_TO_SEE = {
    "the array": lambda p: p.data,
    "a slice": lambda p: p.data[1:],
    "a view of a view": lambda p: p.data[1:].T[:, 0],
    "other bytes": lambda p: p.data.view(np.uint8),
    "an iterator": lambda p: p.data.flat,
    "a buffer": lambda p: memoryview(p.data),
    "another class": lambda p: p.data.view(np.ma.MaskedArray),
    "a tensor": lambda p: p.detach(),
    "a tensor of a part": lambda p: p[1:].detach(),
}


def gathered(count: int = 3) -> tuple[list[Tensor], Callable[[], None]]:
    """Small parameters, and what makes a step that subtracts 1 from each."""
    parameters = [Tensor(np.arange(6.0).reshape(3, 2) + i, requires_grad=True) for i in range(count)]
    optimizer = optim.SGD(parameters, lr=1.0)

    def step() -> None:
        for p in parameters:
            p.grad = np.ones(p.shape)
        optimizer.step()

    return parameters, step


@pytest.mark.parametrize("see", WAYS_TO_SEE.values(), ids=WAYS_TO_SEE)
@pytest.mark.parametrize("steps_before", [0, 1, 2])
def test_what_others_see_of_a_gathered_parameter_never_changes(see, steps_before):
    parameters, step = gathered()
    for _ in range(steps_before):
        step()
    seen = see(parameters[1])
    before = np.array(seen)
    for _ in range(2):
        step()
    assert np.array_equal(np.array(seen), before)
    for i, p in enumerate(parameters):
        assert np.array_equal(p.data, np.arange(6.0).reshape(3, 2) + i - steps_before - 2)


def test_what_a_tape_keeps_of_a_gathered_parameter_never_changes():
    (p, *_), step = gathered()
    for _ in range(3):
        y, value = (p * p).sum(), p.data.copy()
        step()
        p.grad = None
        y.backward()
        assert np.array_equal(p.grad.data, 2 * value) and np.array_equal(p.data, value - 1)


def test_gathered_parameters_are_updated_in_place_while_nobody_sees_them():
    parameters, step = gathered()
    places = []
    for _ in range(4):
        step()
        places.append([p.data.ctypes.data for p in parameters])
    assert places[1:] == places[:-1] and np.array_equal(parameters[0].data, np.arange(6.0).reshape(3, 2) - 4)


def test_values_that_are_given_to_a_gathered_parameter_between_steps_are_what_is_updated():
    p = [Tensor(np.ones(2), requires_grad=True) for _ in range(2)]
    optimizer = optim.SGD(p, lr=1.0)
    theirs = np.full(2, 5.0)
    changes = [lambda: None, lambda: p[0].data.fill(7.0), lambda: setattr(p[1], "data", theirs), lambda: None]
    expected = [(0.0, 0.0), (6.0, -1.0), (5.0, 4.0), (4.0, 3.0)]
    for change, values in zip(changes, expected):
        change()
        for parameter in p:
            parameter.grad = np.ones(2)
        optimizer.step()
        assert [parameter.data.tolist() for parameter in p] == [[value] * 2 for value in values]
    assert theirs.tolist() == [5.0] * 2


def test_optimizers_may_share_gathered_parameters():
    p = [Tensor(np.ones(2), requires_grad=True) for _ in range(3)]
    first, second = optim.SGD(p[:2], lr=1.0), optim.SGD(p[1:], lr=0.25)
    for _ in range(3):
        for optimizer in (first, second, second):
            for parameter in p:
                parameter.grad = np.ones(2)
            optimizer.step()
    assert [parameter.data[0] for parameter in p] == [-2.0, -3.5, -0.5]
