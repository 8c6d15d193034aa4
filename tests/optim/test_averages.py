"""Averages of a model: PyTorch's numbers, evaluation with them, and batch norms that fit them."""

from __future__ import annotations

import copy
import json
import pickle
import tracemalloc
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import nn
import optim
from autodiff import Tensor
from optim.packs import BLOCK


def normalize(channels: int, momentum: float | None = 0.1) -> nn.BatchNorm1d:
    """Batch norm without parameters."""
    return nn.BatchNorm1d(channels, momentum=momentum, affine=False, dtype=np.float64)


def linear(seed: int = 0) -> nn.Linear:
    model = nn.Linear(3, 2, dtype=np.float64)
    change(model, seed)
    return model


def change(model: nn.Module, seed: int) -> None:
    """Give the parameters new values, as training does."""
    rng = np.random.default_rng(seed)
    for p in model.parameters():
        p.data = rng.normal(size=p.shape).astype(p.dtype)


def values(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: p.data.copy() for name, p in model.named_parameters()}


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], tolerance: float = 0.0) -> None:
    assert found.keys() == expected.keys()
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], rtol=tolerance, atol=tolerance)


AVERAGES: dict[str, Any] = {
    "SWA": lambda m: {},
    "SWA, array by array": lambda m: {"avg_fn": m.get_swa_avg_fn()},
    "SWA, in place": lambda m: {"multi_avg_fn": m.get_swa_multi_avg_fn()},
    "EMA": lambda m: {"multi_avg_fn": m.get_ema_multi_avg_fn(0.9)},
    "EMA, array by array": lambda m: {"avg_fn": m.get_ema_avg_fn(0.9)},
    "EMA as by default": lambda m: {"multi_avg_fn": m.get_ema_multi_avg_fn()},
    "one's own": lambda m: {"avg_fn": lambda averaged, current, n: (averaged * n + 3 * current) / (n + 3)},
}


def expected_average(name: str, history: list[np.ndarray]) -> np.ndarray:
    if name.startswith("SWA"):
        return np.mean(history, axis=0)
    decay = 0.999 if "default" in name else 0.9
    average = history[0]
    for n, value in enumerate(history[1:], start=1):
        average = (average * n + 3 * value) / (n + 3) if "own" in name else decay * average + (1 - decay) * value
    return average


@pytest.mark.parametrize("name", AVERAGES)
def test_averages_are_those_of_the_formula(name: str) -> None:
    model = linear()
    averaged = optim.AveragedModel(model, **AVERAGES[name](optim))
    history = []
    for seed in range(1, 8):
        change(model, seed)
        history.append(values(model))
        averaged.update_parameters(model)
        expected = {key: expected_average(name, [old[key] for old in history]) for key in history[0]}
        assert_equal(values(averaged.module), expected, 1e-14)
        assert_equal(values(model), history[-1])
    assert averaged.n_averaged == 7


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-12), (np.float32, 1e-6)])
@pytest.mark.parametrize("name", AVERAGES)
def test_averages_are_pytorchs(name: str, dtype: type, tolerance: float) -> None:
    torch = pytest.importorskip("torch")
    model, peer = nn.Linear(3, 2, dtype=dtype), torch.nn.Linear(3, 2, dtype=getattr(torch, np.dtype(dtype).name))
    averaged = optim.AveragedModel(model, **AVERAGES[name](optim))
    swa = torch.optim.swa_utils.AveragedModel(peer, **AVERAGES[name](torch.optim.swa_utils))
    for seed in range(20):
        change(model, seed)
        peer.load_state_dict({key: torch.tensor(value) for key, value in model.state_dict().items()})
        averaged.update_parameters(model)
        swa.update_parameters(peer)
    if name == "SWA, in place":
        tolerance = 1e-6  # PyTorch's weight, 1 / (n_averaged + 1), is a float32
    assert_equal(averaged.state_dict(), {key: value.numpy() for key, value in swa.state_dict().items()}, tolerance)
    assert all(p.dtype == dtype for p in averaged.parameters())


def test_large_parameters_and_other_layouts_are_averaged_in_blocks_to_the_same_numbers() -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(700, 501)).astype(np.float32), np.asfortranarray(rng.normal(size=(30, 20))), np.zeros(0)]
    currents = [rng.normal(size=a.shape).astype(a.dtype) for a in arrays]
    averages = [a.copy(order="K") for a in arrays]
    optim.get_ema_multi_avg_fn(0.75)(averages, currents, 5)
    for found, a, x in zip(averages, arrays, currents, strict=True):
        np.testing.assert_array_equal(found, a + (x - a) * a.dtype.type(0.25), strict=True)


def test_averages_of_large_parameters_take_memory_for_one_block_only() -> None:
    average, current = np.zeros((2, 4_000_000), np.float32)
    tracemalloc.start()
    try:
        optim.get_swa_multi_avg_fn()([average], [current], 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.1 * BLOCK


def test_nobody_who_looks_at_the_averages_sees_them_change() -> None:
    model = linear()
    averaged = optim.AveragedModel(model)
    averaged.update_parameters(model)
    held, saved = averaged.module.weight.data, averaged.state_dict()
    before = held.copy()
    change(model, 1)
    junk = [np.full(before.shape, np.nan) for _ in range(100)]
    del junk  # what new memory is full of
    averaged.update_parameters(model)
    np.testing.assert_array_equal(held, before)
    np.testing.assert_array_equal(saved["module.weight"], before)
    np.testing.assert_allclose(averaged.module.weight.data, (before + model.weight.data) / 2)


def test_an_average_that_fails_changes_nothing() -> None:
    model, calls = linear(), []

    def failing(averaged: np.ndarray, current: np.ndarray, n: int) -> np.ndarray:
        calls.append(n)
        if len(calls) == 2:
            raise RuntimeError("no")
        return current

    averaged = optim.AveragedModel(model, avg_fn=failing)
    averaged.update_parameters(model)
    before = values(averaged.module)
    change(model, 1)
    with pytest.raises(RuntimeError):
        averaged.update_parameters(model)
    assert_equal(values(averaged.module), before)
    assert averaged.n_averaged == 1


def test_the_averages_of_training_do_better_than_its_noisy_last_step() -> None:
    rng = np.random.default_rng(0)
    model = nn.Linear(3, 1, dtype=np.float64)
    averaged = optim.AveragedModel(model, multi_avg_fn=optim.get_ema_multi_avg_fn(0.98))
    optimizer = optim.SGD(model.parameters(), lr=0.2)
    weights = np.array([[1.0, -2.0, 0.5]])
    for _ in range(400):
        x = rng.normal(size=(4, 3))
        target = x @ weights.T + rng.normal(size=(4, 1))
        optimizer.zero_grad()
        np.mean((model(x) - target) ** 2).backward()
        optimizer.step()
        averaged.update_parameters(model)

    def error(m: nn.Linear) -> float:
        return float(np.sum((m.weight.data - weights) ** 2))

    assert error(averaged.module) < error(model) / 5


def test_a_model_is_evaluated_with_the_averages_and_has_its_own_parameters_back_after_an_error() -> None:
    model = nn.Sequential(linear(), normalize(2))
    averaged = optim.AveragedModel(model)
    averaged.update_parameters(model)
    change(model, 1)
    model[1].running_mean = np.array([1.0, 2.0])
    own, average = values(model), values(averaged.module)
    x = np.ones((4, 3))
    expected = averaged.eval()(x).data
    with pytest.raises(RuntimeError), averaged.swapped_into(model) as swapped:
        assert swapped is model
        assert_equal(values(model), average)
        np.testing.assert_array_equal(model.eval()(x).data, expected)
        raise RuntimeError
    assert_equal(values(model), own)
    assert_equal(values(averaged.module), average)
    assert model[1].running_mean.tolist() == [1.0, 2.0]


def test_averages_go_on_after_a_checkpoint_bit_for_bit(tmp_path) -> None:
    model = linear()
    averaged = optim.AveragedModel(model)
    for seed in range(3):
        change(model, seed)
        averaged.update_parameters(model)
    np.savez(tmp_path / "averaged.npz", **averaged.state_dict())
    resumed = optim.AveragedModel(linear(9))
    resumed.load_state_dict(dict(np.load(tmp_path / "averaged.npz")))
    assert resumed.n_averaged == 3
    change(model, 3)
    for each in (averaged, resumed):
        each.update_parameters(model)
    assert_equal(values(resumed.module), values(averaged.module))


@pytest.mark.parametrize("count", [None, -1, 2.5, [1, 2]])
def test_state_without_a_count_is_refused_and_changes_nothing(count: Any) -> None:
    averaged = optim.AveragedModel(linear())
    before = values(averaged.module)
    state = optim.AveragedModel(linear(1)).state_dict()
    state.pop("n_averaged") if count is None else state.update(n_averaged=count)
    with pytest.raises(ValueError, match="n_averaged is .* not a count"):
        averaged.load_state_dict(state)
    assert_equal(values(averaged.module), before)


def test_buffers_are_copied_or_averaged_and_counts_always_copied() -> None:
    model = nn.Sequential(linear(), normalize(2))
    copied, averaged = optim.AveragedModel(model), optim.AveragedModel(model, use_buffers=True)
    for n, mean in enumerate(([2.0, 4.0], [4.0, 8.0], [6.0, 0.0]), start=1):
        model[1].running_mean, model[1].num_batches_tracked = np.array(mean), np.array(n)
        copied.update_parameters(model)
        averaged.update_parameters(model)
    assert copied.module[1].running_mean.tolist() == [6.0, 0.0]
    assert averaged.module[1].running_mean.tolist() == pytest.approx([4.0, 4.0])
    assert copied.module[1].num_batches_tracked == averaged.module[1].num_batches_tracked == 3
    model[1].running_mean[0] = 100.0
    assert copied.module[1].running_mean[0] == 6.0


@pytest.mark.parametrize("copied", [lambda averaged: pickle.loads(pickle.dumps(averaged)), copy.deepcopy, copy.copy])
@pytest.mark.parametrize("name", [name for name in AVERAGES if "own" not in name])
def test_averages_are_pickled_and_copied_with_the_function_that_averages(name: str, copied: Any) -> None:
    model = linear()
    averaged = optim.AveragedModel(model, **AVERAGES[name](optim))
    averaged.update_parameters(model)
    change(model, 1)
    averaged.update_parameters(model)
    again = copied(averaged)
    change(model, 2)
    averaged.update_parameters(model)
    if again.module is not averaged.module:  # else a shallow copy, which shares the averages
        again.update_parameters(model)
    assert_equal(values(again.module), values(averaged.module))


def test_what_else_a_model_has_the_averages_have() -> None:
    model = nn.Sequential(linear(), normalize(2))
    averaged = optim.AveragedModel(model).eval()
    assert averaged.training is averaged.module[1].training is False and model.training
    names = [name for name, _ in model.named_parameters()]
    assert [name for name, _ in averaged.named_parameters()] == names
    assert all(a is b for a, b in zip(averaged.parameters(), averaged.module.parameters(), strict=True))
    assert [name for name, _ in averaged.named_buffers()] == [name for name, _ in model.named_buffers()]
    assert [*averaged.children()] == [*averaged.module] and dict(averaged.named_modules())[""] is averaged.module
    assert averaged.requires_grad_(False) is averaged and not any(p.requires_grad for p in averaged.parameters())
    assert averaged.train() is averaged and averaged.training
    np.mean(averaged.requires_grad_()(np.ones((4, 3)))).backward()
    averaged.zero_grad()
    assert all(p.grad is None for p in averaged.parameters())
    with pytest.raises(AttributeError, match="'Sequential' object has no attribute 'no_such_thing'"):
        averaged.no_such_thing()
    assert not hasattr(averaged, "__array__") and not hasattr(optim.AveragedModel.__new__(optim.AveragedModel), "x")


def test_batch_norms_of_the_averages_are_computed_through_them() -> None:
    averaged = optim.AveragedModel(normalize(3))
    optim.update_bn(batches(), averaged)
    np.testing.assert_allclose(averaged.running_mean, np.mean([b.mean(axis=0) for b in batches()], axis=0))


def test_a_model_with_other_parameters_is_refused() -> None:
    averaged = optim.AveragedModel(nn.Linear(3, 2))
    with pytest.raises(ValueError, match=r"different parameters: weight \(\(2, 3\) and \(2, 4\)\)$"):
        averaged.update_parameters(nn.Linear(4, 2))
    with pytest.raises(ValueError, match=r"bias \(\(2,\) and None\)"):
        averaged.update_parameters(nn.Linear(3, 2, bias=False))


def test_arguments_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="avg_fn or multi_avg_fn, not both"):
        optim.AveragedModel(linear(), optim.get_ema_avg_fn(), optim.get_ema_multi_avg_fn())
    for make in (optim.get_ema_avg_fn, optim.get_ema_multi_avg_fn):
        for decay in (-0.1, 1.1, np.nan):
            with pytest.raises(ValueError, match=f"decay is a number in .* not {decay}"):
                make(decay)


# Batch norm


def batches(seed: int = 0) -> list[np.ndarray]:
    return [np.random.default_rng(seed + i).normal(i, 1 + i, size=(6, 3)) for i in range(4)]


def test_statistics_are_the_means_over_all_batches_and_modes_are_kept() -> None:
    model = nn.Sequential(normalize(3), linear(), normalize(2, momentum=0.7)).train()
    model[0](batches()[0])
    model[2].eval()
    optim.update_bn(batches(), model)
    np.testing.assert_allclose(model[0].running_mean, np.mean([b.mean(axis=0) for b in batches()], axis=0))
    np.testing.assert_allclose(model[0].running_var, np.mean([b.var(axis=0, ddof=1) for b in batches()], axis=0))
    assert model[0].num_batches_tracked == model[2].num_batches_tracked == 4
    assert (model[0].momentum, model[2].momentum) == (0.1, 0.7)
    assert [m.training for m in model.modules()] == [True, True, True, False]


def test_batches_may_be_tuples_and_the_loader_a_generator() -> None:
    model, other = normalize(3), normalize(3)
    optim.update_bn(batches(), model)
    optim.update_bn(((b, "target") for b in batches()), other.eval())
    np.testing.assert_array_equal(model.running_var, other.running_var)
    assert not other.training


def test_statistics_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    model, peer = normalize(3), torch.nn.BatchNorm1d(3, dtype=torch.float64)
    optim.update_bn(batches(), model)
    torch.optim.swa_utils.update_bn([torch.tensor(b) for b in batches()], peer)
    np.testing.assert_allclose(model.running_mean, peer.running_mean.numpy(), rtol=1e-12)
    np.testing.assert_allclose(model.running_var, peer.running_var.numpy(), rtol=1e-12)


def test_a_batch_norm_that_no_batch_reaches_starts_afresh_as_in_pytorch() -> None:
    norm = normalize(3)
    norm.running_mean, norm.running_var = np.full(3, np.nan), np.full(3, np.nan)

    class WithSpare(nn.Module):
        def __init__(self) -> None:
            self.used, self.spare = normalize(3), norm

        def forward(self, x: Any) -> Any:
            return self.used(x)

    model = WithSpare()
    optim.update_bn(batches(), model)
    assert (norm.running_mean.tolist(), norm.running_var.tolist()) == ([0, 0, 0], [1, 1, 1])


def failing() -> Iterable[np.ndarray]:
    yield batches()[0]
    raise OSError("the disk is gone")


@pytest.mark.parametrize(
    "loader, error", [(failing(), OSError), ([], ValueError), ([np.ones((3, 3)), np.ones((3, 5))], ValueError)]
)
def test_statistics_are_the_old_ones_after_an_error(loader: Any, error: type) -> None:
    model = nn.Sequential(normalize(3)).train()
    model(batches()[2])
    model.eval()
    before = {key: np.copy(value) if isinstance(value, np.ndarray) else value for key, value in vars(model[0]).items()}
    with pytest.raises(error):
        optim.update_bn(loader, model)
    for key, value in before.items():
        np.testing.assert_array_equal(getattr(model[0], key), value)


def test_a_model_without_batch_norm_is_not_even_called() -> None:
    optim.update_bn(failing(), linear())


# The rate


def test_swa_rate_goes_from_where_another_scheduler_left_it_to_its_own() -> None:
    optimizer = optim.SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    decay, swa = optim.ExponentialLR(optimizer, 0.5), optim.SWALR(optimizer, 0.05, 2, "linear")
    found = []
    for t in range(7):
        (decay if t < 3 else swa).step()
        found.append(optimizer.param_groups[0]["lr"])
    assert found == pytest.approx([0.5, 0.25, 0.125, 0.0875, 0.05, 0.05, 0.05])
    assert json.loads(json.dumps(swa.state_dict())) == swa.state_dict()


def test_norms_of_each_sample_by_itself_are_left_alone() -> None:
    model = nn.InstanceNorm1d(3, track_running_stats=True)
    model(np.random.default_rng(0).normal(size=(4, 3, 5)).astype(np.float32))
    before = model.state_dict()
    optim.update_bn(batches(), model)
    assert_equal(model.state_dict(), before)
