"""Clipping: the norms and the gradients are PyTorch's, and whatever is refused changes nothing."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
import optim
from autodiff import Tensor

SHAPES = [(3, 5), (7,), (), (0, 2)]


def with_gradients(*gradients: Any, dtype: type = np.float64) -> list[Tensor]:
    """Parameters, each with one of these gradients; None for none."""
    parameters = []
    for g in gradients:
        parameter = Tensor(np.zeros(np.shape(g) if g is not None else 2, dtype), requires_grad=True)
        parameter.grad = None if g is None else np.array(g, dtype)
        parameters.append(parameter)
    return parameters


def gradients(parameters: list[Tensor]) -> list[Any]:
    return [None if p.grad is None else p.grad.data.tolist() for p in parameters]


def random_gradients(seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in SHAPES]


@pytest.mark.parametrize(
    ("norm_type", "norm", "clipped"), [(2, 5.0, [[1.5, 0.0], 2.0]), (1, 7.0, [[7.5 / 7, 0.0], 10 / 7])]
)
def test_gradients_are_scaled_together_down_to_the_norm(norm_type: float, norm: float, clipped: list) -> None:
    parameters = with_gradients([3.0, 0.0], 4.0)
    assert optim.clip_grad_norm_(parameters, 2.5, norm_type) == norm
    assert gradients(parameters) == [pytest.approx(clipped[0], rel=1e-6), pytest.approx(clipped[1], rel=1e-6)]


@pytest.mark.parametrize("norm_type", [math.inf, "inf"])
def test_the_largest_entry_is_the_norm_of_type_inf(norm_type: Any) -> None:
    parameters = with_gradients([3.0, -8.0], None, 4.0)
    assert optim.clip_grad_norm_(parameters, 2.0, norm_type) == 8.0
    assert gradients(parameters)[0] == pytest.approx([0.75, -2.0], rel=1e-6)
    assert gradients(parameters)[1] is None


def test_gradients_that_are_small_enough_stay_as_they_are() -> None:
    parameters = with_gradients([3.0, 0.0], 4.0)
    before = [p.grad for p in parameters]
    assert optim.clip_grad_norm_(parameters, 5.1) == 5.0
    assert optim.clip_grad_norm_(parameters, math.inf) == 5.0
    optim.clip_grad_value_(parameters, 4.0)
    optim.clip_grad_value_(parameters, math.inf)
    assert all(p.grad is g for p, g in zip(parameters, before, strict=True))


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-12), (np.float32, 1e-6)])
@pytest.mark.parametrize("norm_type", [0.5, 1.0, 2, 3.5, math.inf])
@pytest.mark.parametrize("max_norm", [0.0, 0.1, 2.0, 100.0])
def test_norm_and_gradients_are_pytorchs(max_norm: float, norm_type: float, dtype: type, tolerance: float) -> None:
    torch = pytest.importorskip("torch")
    ours = with_gradients(*random_gradients(), dtype=dtype)
    peers = [torch.nn.Parameter(torch.tensor(p.data)) for p in ours]
    for p, peer in zip(ours, peers, strict=True):
        peer.grad = torch.tensor(p.grad.data)
    if norm_type == math.inf:  # PyTorch has no largest entry of an empty gradient
        ours, peers = ours[:-1], peers[:-1]
    found = optim.clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(peers, max_norm, norm_type)
    assert found == pytest.approx(expected.item(), rel=tolerance)
    for p, peer in zip(ours, peers, strict=True):
        np.testing.assert_allclose(p.grad.data, peer.grad.numpy(), rtol=tolerance, atol=0)
        assert p.grad.dtype == dtype


@given(clip_value=st.floats(0, 2), seed=st.integers(0, 99))
def test_entries_are_clipped_as_by_pytorch(clip_value: float, seed: int) -> None:
    torch = pytest.importorskip("torch")
    parameters = with_gradients(*random_gradients(seed))
    peers = [torch.nn.Parameter(torch.tensor(p.data)) for p in parameters]
    for p, peer in zip(parameters, peers, strict=True):
        peer.grad = torch.tensor(p.grad.data)
    assert optim.clip_grad_value_(parameters, clip_value) is None
    torch.nn.utils.clip_grad_value_(peers, clip_value)
    for p, peer in zip(parameters, peers, strict=True):
        np.testing.assert_array_equal(p.grad.data, peer.grad.numpy(), strict=True)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("exponent", [-0.9, -0.6, 0.0, 0.6, 0.8])
@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0])
def test_norm_neither_overflows_nor_underflows(dtype: type, exponent: float, norm_type: float) -> None:
    largest = float(np.finfo(dtype).max)
    unit = float(dtype(largest**exponent if exponent >= 0 else float(np.finfo(dtype).tiny) ** -exponent))
    parameters = with_gradients(unit * np.linspace(-1.5, 1.5, 8), 2 * unit, dtype=dtype)
    entries = [abs(float(x)) / unit for p in parameters for x in p.grad.data.flat]
    expected = unit * sum(x**norm_type for x in entries) ** (1 / norm_type)
    assert optim.clip_grad_norm_(parameters, largest, norm_type) == pytest.approx(expected, rel=1e-6, abs=0)


@pytest.mark.parametrize("bad, shown", [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
@pytest.mark.parametrize(
    "clip", [optim.clip_grad_norm_, optim.clip_grad_value_, lambda p, x: optim.clip_grad_norm_(p, x, math.inf)]
)
def test_gradient_that_is_not_finite_is_refused_by_name_before_anything_changes(clip, bad: float, shown: str) -> None:
    model = nn.Linear(2, 3)
    for p in model.parameters():
        p.grad = np.full(p.shape, 10, np.float32)
    g = np.ones(3, np.float32)
    g[1] = bad
    model.bias.grad = g
    with pytest.raises(ValueError, match=rf"parameter bias is not finite \({shown} at \(1,\)\); nothing was changed"):
        clip(model.named_parameters(), 0.1)
    with pytest.raises(ValueError, match="parameter 1 is not finite"):
        clip(model.parameters(), 0.1)
    assert (model.weight.grad.data == 10).all() and model.bias.grad.data[0] == 1


def test_norm_that_overflows_though_every_entry_is_finite_is_refused() -> None:
    parameters = with_gradients([1.7e308, 1.7e308])
    with pytest.raises(ValueError, match="the norm of all gradients is inf; nothing was changed"):
        optim.clip_grad_norm_(parameters, 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_skip_leaves_all_gradients_and_ignore_does_as_pytorch(bad: float) -> None:
    torch = pytest.importorskip("torch")
    parameters, peer = with_gradients([3.0, bad]), torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    peer.grad = torch.tensor(parameters[0].grad.data)
    before = parameters[0].grad
    assert not math.isfinite(optim.clip_grad_norm_(parameters, 1.0, nonfinite="skip"))
    optim.clip_grad_value_(parameters, 1.0, nonfinite="skip")
    assert parameters[0].grad is before
    optim.clip_grad_value_(parameters, 1.0, nonfinite="ignore")
    np.testing.assert_array_equal(parameters[0].grad.data, [1.0, np.clip(bad, -1, 1)])
    parameters[0].grad = before
    found = optim.clip_grad_norm_(parameters, 1.0, nonfinite="ignore")
    np.testing.assert_array_equal(found, torch.nn.utils.clip_grad_norm_([peer], 1.0).item())
    np.testing.assert_array_equal(parameters[0].grad.data, peer.grad.numpy())


def test_error_if_nonfinite_is_pytorchs_word_for_raise_or_ignore_in_pytorchs_place() -> None:
    (parameter,) = parameters = with_gradients([3.0, np.inf])
    with pytest.raises(ValueError, match="parameter 0 is not finite"):
        optim.clip_grad_norm_(parameters, 1.0, 2.0, True, nonfinite="skip")
    assert parameter.grad.data.tolist() == [3.0, np.inf]
    assert optim.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=False) == np.inf
    np.testing.assert_array_equal(parameter.grad.data, [0.0, np.nan])


@pytest.mark.parametrize("norm_type", [1, 2, 3.5, math.inf])
def test_norm_takes_no_memory_of_the_gradients_size(norm_type: float) -> None:
    g = np.random.default_rng(0).normal(size=5_000_000).astype(np.float32)
    parameters = with_gradients(g, dtype=np.float32)
    tracemalloc.start()
    try:
        found = optim.clip_grad_norm_(parameters, math.inf, norm_type)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < g.nbytes / 2
    assert found == pytest.approx(np.linalg.norm(g.astype(np.float64), norm_type), rel=1e-6)


@pytest.mark.parametrize("clip", [optim.clip_grad_norm_, optim.clip_grad_value_])
def test_nobody_who_looks_at_the_old_gradients_sees_them_change(clip: Callable[..., Any]) -> None:
    buffer = np.full((2, 2), 8.0)
    parameters = with_gradients([8.0, -8.0], np.zeros(2), np.zeros(2), [8.0, -8.0], [8.0, -8.0])
    parameters[1].grad, parameters[2].grad = buffer[0], np.broadcast_to(np.float64(8), 2)
    held = parameters[0].grad, parameters[3].grad.data, parameters[4].grad.data[:]
    clip(parameters, 1.0)
    assert all(np.asarray(gradient).tolist() == [8.0, -8.0] for gradient in held) and (buffer == 8).all()
    assert all(0 < abs(entry) <= 1 for p in parameters for entry in p.grad.data.tolist())


@pytest.mark.parametrize("clip", [optim.clip_grad_norm_, optim.clip_grad_value_])
def test_gradients_that_nobody_looks_at_are_clipped_in_their_own_memory(clip: Callable[..., Any]) -> None:
    (parameter,) = with_gradients([8.0, -8.0])
    before = parameter.grad.data.ctypes.data
    clip([parameter], 1.0)
    assert parameter.grad.data.ctypes.data == before and abs(parameter.grad.data[0]) <= 1


def test_a_clipped_gradient_of_a_gradient_pass_is_a_value_only() -> None:
    x = Tensor([2.0], requires_grad=True)
    (x * x * x).sum().backward(create_graph=True)
    optim.clip_grad_norm_([x], 6.0)
    assert x.grad.data == pytest.approx([6.0]) and not x.grad.requires_grad


def test_tensors_pairs_and_one_tensor_are_taken() -> None:
    (parameter,) = with_gradients([3.0, 4.0])
    for given_as in (parameter, [parameter], [("w", parameter)], iter([parameter])):
        parameter.grad = [3.0, 4.0]
        assert optim.clip_grad_norm_(given_as, 1.0) == 5.0
        assert parameter.grad.data == pytest.approx([0.6, 0.8], rel=1e-6)


def test_without_gradients_the_norm_is_zero() -> None:
    assert optim.clip_grad_norm_(with_gradients(None, None), 1.0) == 0.0
    assert optim.clip_grad_norm_([], 1.0) == 0.0
    assert optim.clip_grad_value_([], 1.0) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: optim.clip_grad_norm_(p, -1.0), "max_norm is a number of at least 0, not -1.0"),
        (lambda p: optim.clip_grad_norm_(p, math.nan), "max_norm .* not nan"),
        (lambda p: optim.clip_grad_norm_(p, 1.0, 0), "norm_type is a number above 0, or inf, not 0"),
        (lambda p: optim.clip_grad_norm_(p, "1"), "max_norm .* not '1'"),
        (lambda p: optim.clip_grad_norm_(p, 1.0, math.nan), "norm_type .* not nan"),
        (lambda p: optim.clip_grad_norm_(p, 1.0, "largest"), "norm_type is a number above 0, or inf, not 'largest'"),
        (lambda p: optim.clip_grad_norm_(p, 1.0, nonfinite="stop"), "nonfinite is .* not 'stop'"),
        (lambda p: optim.clip_grad_value_(p, -1.0), "clip_value .* not -1.0"),
        (lambda p: optim.clip_grad_value_(p, 1.0, nonfinite=True), "nonfinite is .* not True"),
        (lambda p: optim.clip_grad_norm_([p[0], p[1], p[0]], 1.0), r"parameter 2 is there twice \(also as 0\)"),
        (lambda p: optim.clip_grad_value_([("a", p[0]), ("a", p[1])], 1.0), "two parameters are called a"),
        (lambda p: optim.clip_grad_norm_([p[0], p[1].data], 1.0), "parameter 1 is array"),
    ],
)
def test_argument_that_makes_no_sense_is_an_error_that_shows_it_and_changes_nothing(call, message: str) -> None:
    parameters = with_gradients([30.0], [40.0])
    with pytest.raises((ValueError, TypeError), match=message):
        call(parameters)
    assert gradients(parameters) == [[30.0], [40.0]]
