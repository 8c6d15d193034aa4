"""What all optimisers have in common: groups, names, the checks before a step, memory, and the saved state."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
import re

import numpy as np
import pytest

import optim
from autodiff import Tensor, no_grad
from nn import Parameter

from .papers import CASES

OPTIMIZERS = sorted({case.optimizer for case in CASES}, key=lambda optimizer: optimizer.__name__)
each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.__name__)


def ones(*shape: int) -> Tensor:
    """A parameter of ones, with a gradient of ones."""
    parameter = Tensor(np.ones(shape), requires_grad=True)
    parameter.grad = np.ones(shape)
    return parameter


# Groups and names


def test_groups_have_hyper_parameters_of_their_own_and_the_defaults_for_the_rest():
    a, b, c = ones(2), ones(2), ones(2)
    optimizer = optim.SGD([{"params": [a], "lr": 0.5}, {"params": b}], lr=0.25)
    optimizer.add_param_group({"params": [("c", c)], "lr": 0.125, "momentum": 0.5})
    assert [(g["lr"], g["momentum"], g["names"]) for g in optimizer.param_groups] == [
        (0.5, 0.0, ["0"]),
        (0.25, 0.0, ["1"]),
        (0.125, 0.5, ["c"]),
    ]
    for expected in ([0.5, 0.75, 0.875], [0.0, 0.5, 0.6875]):
        optimizer.step()
        assert [p.data[0] for p in (a, b, c)] == expected


def test_state_is_kept_by_parameter_name():
    a, b = ones(2, 3), ones()
    optimizer = optim.Adam([("layer.weight", a), ("layer.bias", b)])
    assert optimizer.state == {}
    optimizer.step()
    assert [*optimizer.state] == ["layer.weight", "layer.bias"]
    state = optimizer.state["layer.weight"]
    assert state["t"] == 1 and state["m"].shape == (2, 3) and np.allclose(state["m"], 0.1)
    assert optimizer.state["layer.bias"]["v"].shape == ()


def test_a_group_that_is_refused_changes_nothing():
    a = ones(1)
    optimizer = optim.SGD([("a", a)])
    for group, message in [
        ({"params": [a]}, "parameter 1 is there twice (also as a)"),
        ({"params": [("a", ones(1))]}, "parameter a is there twice"),
        ({"params": []}, "no parameters: [] is all of group 1; leave it out"),
        ({"params": [ones(1)], "lr": -1.0}, "lr is a finite number that is not negative, not -1.0"),
        (
            {"params": [ones(1)], "rate": 1.0},
            "SGD: a group may have lr, momentum, dampening, weight_decay, nesterov, maximize; there is no rate",
        ),
        ({"lr": 1.0}, "['lr']"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == 1 and optimizer.param_groups[0]["names"] == ["a"]


def test_a_hyper_parameter_changed_in_its_group_is_checked_by_the_next_step():
    p = ones(1)
    optimizer = optim.SGD([p], lr=1.0)
    for wrong in (-1.0, math.nan, math.inf, "fast", None):
        optimizer.param_groups[0]["lr"] = wrong
        for _ in range(2):
            with pytest.raises(ValueError, match=f"SGD: lr .* not {wrong!r}"):
                optimizer.step()
    assert p.data[0] == 1.0 and optimizer.state == {}
    optimizer.param_groups[0]["lr"] = np.float64(0.5)
    optimizer.step()
    assert p.data[0] == 0.5
    optimizer.param_groups[0]["lr"] = np.array([0.5, 0.5])
    with pytest.raises(ValueError, match=r"SGD: lr .* not array\(\[0.5, 0.5\]\)"):
        optimizer.step()
    optimizer.param_groups[0] |= {"lr": 0.5, "rate": 0.5}
    with pytest.raises(ValueError, match="there is no rate"):
        optimizer.step()
    del optimizer.param_groups[0]["rate"], optimizer.param_groups[0]["lr"]
    with pytest.raises(ValueError, match="has lost its lr"):
        optimizer.step()


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.LBFGS])
@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda groups, other: groups[0]["params"].append(other), "use add_param_group"),
        (lambda groups, other: groups[0]["params"].reverse(), "a parameter of it was replaced"),
        (lambda groups, other: groups[0]["params"].__setitem__(0, other), "a parameter of it was replaced"),
        (lambda groups, other: groups[0].update(params=[other]), "a parameter of it was replaced"),
        (lambda groups, other: groups[0].pop("params"), "a parameter of it was replaced"),
        (lambda groups, other: groups[0].update(names=["x", "y"]), "the names of group 0 were changed"),
        (lambda groups, other: groups.__setitem__(0, {**groups[0]}), "group 0 .* was replaced"),
        (lambda groups, other: groups.append({**groups[0], "params": [other]}), "param_groups has 2"),
        (lambda groups, other: groups.clear(), "param_groups has 0"),
    ],
)
def test_groups_changed_by_hand_are_refused_and_nothing_is_updated(optimizer, steps, change, message):
    a, b, other = (Tensor(1.0, requires_grad=True) for _ in range(3))

    def closure():
        a.grad = b.grad = other.grad = np.array(1.0)
        return 0.0

    running = optimizer([a, b])
    for _ in range(steps):
        running.step(closure)
    before = a.item(), b.item()
    change(running.param_groups, other)
    with pytest.raises(ValueError, match=message):
        running.step(closure)
    assert (a.item(), b.item(), other.item()) == (*before, 1.0)


@each_optimizer
def test_switches_are_switches_and_rates_are_no_truth_values(optimizer):
    options = inspect.signature(optimizer).parameters
    switches = [key for key, option in options.items() if isinstance(option.default, bool)]
    assert switches or optimizer is optim.Muon
    for key in switches:
        with pytest.raises(ValueError, match=f"{key} is True or False, not 'no'"):
            optimizer([ones(2, 2)], **{key: "no"})
    with pytest.raises(ValueError, match="lr .* not True"):
        optimizer([ones(2, 2)], lr=True)


@pytest.mark.parametrize(
    "optimizer", [optim.Adam, optim.NAdam, optim.RAdam, optim.Adamax, optim.Adagrad, optim.RMSprop]
)
def test_an_eps_that_vanishes_in_the_dtype_of_the_parameters_is_refused(optimizer):
    half = Tensor(np.ones(3, np.float16), requires_grad=True)
    with pytest.raises(ValueError, match="eps=.* is too small for float16 parameters.* at least 6.1e-05"):
        optimizer([ones(2), half])
    running = optimizer([half], lr=0.01, eps=1e-4)
    for _ in range(20):
        half.grad = np.full(3, 1e-4, np.float16)
        running.step()
    assert np.isfinite(half.data).all()
    running.param_groups[0]["eps"] = 1e-7
    with pytest.raises(ValueError, match="eps=1e-07 is too small"):
        running.step()


def test_a_rate_of_numpys_float64_leaves_float32_updates_in_float32():
    found = []
    for kind in (float, np.float64, np.array):
        p = Parameter(np.linspace(0.1, 0.9, 7))
        p.grad = np.linspace(0.3, 0.7, 7, dtype=np.float32)
        optim.Adam([p], lr=kind(0.1)).step()
        found.append(p.data.tobytes())
    assert len({*found}) == 1


def test_a_hyper_parameter_is_not_an_attribute_of_the_optimizer():
    optimizer = optim.SGD([ones(1)], lr=1.0)
    with pytest.raises(AttributeError, match=re.escape("group['lr'] = 0.5")):
        optimizer.lr = 0.5


@each_optimizer
def test_bad_hyper_parameters_are_errors_that_show_the_value(optimizer):
    def refuses(key, value, shown=None):
        with pytest.raises(ValueError, match=f"{optimizer.__name__}: .*{key} .*{re.escape(shown or repr(value))}"):
            optimizer([ones(2, 2)], **{key: value})

    options = inspect.signature(optimizer).parameters
    for key in {*options} & {"lr", "eps", "weight_decay", "momentum", "lr_decay", "momentum_decay", "lambd", "t0"}:
        refuses(key, (-0.5, 0.1) if key == "eps" and optimizer is optim.Adafactor else -0.5)
    for key in {*options} & {"rho", "alpha"}:
        refuses(key, -0.5)
    if "betas" in options:
        for betas in ((1.0, 0.5), (0.5, 1.5), (-0.1, 0.5), (0.5,), 0.5, (0.5, "x"), (0.5, math.nan)):
            refuses("betas", betas)
    refuses("lr", math.nan)
    with pytest.raises(ValueError, match="'maybe'"):
        optimizer([ones(2, 2)], nonfinite="maybe")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: optim.SGD([p], nesterov=True), "nesterov needs momentum and no dampening, not 0.0 and 0.0"),
        (lambda p: optim.SGD([p], dampening=math.inf), "dampening .* not inf"),
        (lambda p: optim.RMSprop([p], alpha=1.0), r"alpha is a number in \[0, 1\), not 1.0"),
        (lambda p: optim.Adadelta([p], rho=1.0), r"rho is a number in \[0, 1\), not 1.0"),
        (lambda p: optim.Rprop([p], etas=(0.5, 0.9)), r"etas .* not \(0.5, 0.9\)"),
        (lambda p: optim.Rprop([p], etas=0.5), "etas are 2 numbers, not 0.5"),
        (lambda p: optim.Rprop([p], etas=(0.0, 1.5)), r"etas .* not \(0.0, 1.5\)"),
        (lambda p: optim.Rprop([p], etas=(1.0, 1.5)), r"etas .* not \(1.0, 1.5\)"),
        (lambda p: optim.Rprop([p], etas=(0.5, 1.0)), r"etas .* not \(0.5, 1.0\)"),
        (lambda p: optim.Rprop([p], step_sizes=(2.0, 1.0)), r"step_sizes .* not \(2.0, 1.0\)"),
        (lambda p: optim.Muon([p], momentum=1.0), r"momentum is a number in \[0, 1\), not 1.0"),
        (lambda p: optim.Muon([p], ns_coefficients=(1.0, 2.0)), r"3 numbers, not \(1.0, 2.0\)"),
        (lambda p: optim.Muon([p], ns_steps=100), "ns_steps .* not 100"),
        (lambda p: optim.Muon([p], adjust_lr_fn="x"), "adjust_lr_fn .* not 'x'"),
        (lambda p: optim.Muon([ones(3)]), r"parameter 0 has shape \(3,\), but only matrices"),
        (lambda p: optim.Adafactor([p], d=0.5), "d is a number of at least 1, not 0.5"),
        (lambda p: optim.Adafactor([p], beta2_decay=0.5), "beta2_decay .* not 0.5"),
        (lambda p: optim.Adafactor([p], eps=(1e-3, None)), r"eps .* not \(0.001, None\)"),
        (lambda p: optim.SGD([]), r"no parameters: \[\]"),
        (lambda p: optim.SGD([{"params": []}]), r"no parameters: \[\]"),
        (lambda p: optim.SGD([p, p]), r"parameter 1 is there twice \(also as 0\)"),
        (lambda p: optim.SGD([{"params": [p]}, {"params": [p]}]), r"parameter 1 is there twice \(also as 0\)"),
        (lambda p: optim.SGD([("w", p), ("w", ones(1))]), "parameter w is there twice"),
        (lambda p: optim.SGD([p * 2]), "only leaves"),
    ],
)
def test_bad_arguments_are_errors_that_show_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call(ones(2, 2))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (ones(2), "list of tensors"),
        ({"params": [ones(2)]}, "list of tensors"),
        ([np.ones(2)], "parameter 0 is array.* not a floating-point tensor"),
        ([Tensor([1, 2])], "parameter 0 is .* not a floating-point tensor"),
        ([ones(1), {"params": [ones(1)]}], "parameter 1 is .* not a floating-point tensor"),
    ],
)
def test_what_is_not_a_floating_point_tensor_is_a_type_error(params, message):
    with pytest.raises(TypeError, match=message):
        optim.SGD(params)


# The step


def test_a_closure_is_evaluated_first_even_under_no_grad_and_its_loss_is_returned():
    p = Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with no_grad():
        assert optimizer.step(closure).item() == 1.0
    assert p.data[0] == 0.5
    assert optimizer.step() is None


def test_zero_grad_forgets_gradients_or_sets_them_to_zeros():
    a, b = ones(2), Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([a, b])
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.data.tolist() == [0.0, 0.0] and b.grad is None
    optimizer.zero_grad()
    assert a.grad is None


@each_optimizer
def test_a_gradient_that_is_not_finite_changes_nothing_and_its_parameter_is_named(optimizer):
    for bad in (math.nan, math.inf, -math.inf):
        a, b = ones(2, 2), ones(3, 2)
        running = optimizer([("a", a), ("b", b)])
        running.step()
        before = [p.data.tobytes() for p in (a, b)], pickle.dumps(running.state_dict())
        b.grad.data[1, 0] = bad
        with pytest.raises(ValueError, match=rf"gradient of parameter b is not finite \({bad} at \(1, 0\)\)"):
            running.step()
        running.nonfinite = "skip"
        running.step()
        assert running.skipped
        assert before == ([p.data.tobytes() for p in (a, b)], pickle.dumps(running.state_dict()))
        running.nonfinite = "ignore"
        running.step()
        assert not running.skipped and a.data.tobytes() != before[0][0]


def test_large_finite_gradients_are_finite():
    a, b = Parameter([1.0]), Parameter([1.0])
    a.grad = b.grad = np.array([1e30], np.float32)
    optim.SGD([a, b], lr=0.0).step()
    optim.SGD([a], lr=0.0).step()


@each_optimizer
def test_a_parameter_without_a_gradient_is_left_alone_and_so_is_its_state(optimizer):
    a, b = ones(2, 2), ones(3, 2)
    running = optimizer([("a", a), ("b", b)], lr=0.1)
    for step in range(3):
        before = b.data.tobytes(), pickle.dumps(running.state_dict()["state"].get("b"))
        b.grad = None
        running.step()
        assert before == (b.data.tobytes(), pickle.dumps(running.state_dict()["state"].get("b")))
        b.grad = np.ones((3, 2))
        running.step()
        assert running.state["b"]["t"] == step + 1 and running.state["a"]["t"] == 2 * step + 2


def test_a_step_never_writes_into_memory_that_somebody_else_sees():
    start = np.ones(3)
    p = Tensor(start, requires_grad=True)
    y = (p * p).sum()
    p.grad = np.ones(3)
    optim.SGD([p], lr=0.5).step()
    held = p.data
    p.grad = np.ones(3)
    optim.SGD([p], lr=0.5).step()
    assert start.tolist() == [1.0] * 3 and held.tolist() == [0.5] * 3 and p.data.tolist() == [0.0] * 3
    p.grad = None
    y.backward()
    assert p.grad.data.tolist() == [2.0] * 3


def test_a_step_is_all_or_nothing_when_a_parameter_has_changed_its_shape_or_dtype():
    for changed in (np.ones(3, np.float32), np.ones(1)):
        a, b = Parameter([1.0]), Parameter([2.0])
        optimizer = optim.Adam([a, b])
        a.grad = b.grad = np.ones(1, np.float32)
        optimizer.step()
        b.grad, b.data = None, changed
        b.grad, before = changed, a.data.copy()
        with pytest.raises(ValueError, match=rf"parameter 1 is now {changed.dtype}\[{changed.size}\], but was float32"):
            optimizer.step()
        assert a.data[0] == before[0] and optimizer.state["0"]["t"] == 1


@pytest.mark.parametrize("others", [0, 1])
def test_a_gradient_whose_data_were_exchanged_for_others_is_refused(others):
    first, b = [ones(2) for _ in range(others)], ones(3)
    optimizer = optim.SGD([*first, ("b", b)])
    for wrong, shown in ((np.ones(2), "float64[2]"), (np.ones(3, np.float32), "float32[3]")):
        b.grad.data = wrong
        with pytest.raises(ValueError, match=re.escape(f"parameter b is {shown}, but the parameter float64[3]")):
            optimizer.step()
    assert all(p.data.tolist() == [1.0] * p.size for p in (*first, b))


def test_a_changed_rate_holds_for_the_next_step_of_asgd_too():
    p = Tensor([1.0], requires_grad=True)
    optimizer = optim.ASGD([p], lr=0.5, lambd=0.0)
    for rate, expected in ((0.5, 0.5), (0.25, 0.25), (0.125, 0.125)):
        optimizer.param_groups[0]["lr"], p.grad = rate, [1.0]
        optimizer.step()
        assert p.item() == expected


def test_momentum_may_be_switched_on_later():
    p = Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0, dampening=0.5)
    for momentum, expected in ((0.0, 0.0), (0.5, -1.0), (0.5, -2.0)):
        optimizer.param_groups[0]["momentum"], p.grad = momentum, [1.0]
        optimizer.step()
        assert p.data[0] == expected


def test_asgd_averages_the_parameters_of_the_steps_after_t0():
    p = Tensor(np.linspace(0.1, 9.7, 50), requires_grad=True)
    optimizer, seen = optim.ASGD([p], lr=0.1, t0=3), []
    for t in range(1, 8):
        p.grad = np.full(50, t / 3)
        optimizer.step()
        seen.append(p.data.copy())
        if t <= 5:
            assert np.array_equal(optimizer.state["0"]["ax"], p.data)
        else:
            np.testing.assert_allclose(optimizer.state["0"]["ax"], np.mean(seen[4:], axis=0))


# Saved state


def test_a_copy_of_an_optimizer_goes_on_like_the_original():
    for duplicate in (copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))):
        parameters = [ones(3), ones(2, 2)]
        optimizer = optim.NAdam([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.1}])
        optimizer.step()
        others, other = duplicate((parameters, optimizer))
        for p in (*parameters, *others):
            p.grad = np.full(p.shape, 0.5)
        optimizer.step()
        assert [p.data.tobytes() for p in parameters] != [p.data.tobytes() for p in others]
        other.step()
        assert [p.data.tobytes() for p in parameters] == [p.data.tobytes() for p in others]


def test_saved_state_is_a_copy():
    p = ones(2)
    optimizer = optim.Adam([p], lr=0.5)
    optimizer.step()
    saved = optimizer.state_dict()
    assert saved["param_groups"][0]["betas"] == [0.9, 0.999] and saved["param_groups"][0]["params"] == ["0"]
    other = optim.Adam([ones(2)])
    other.load_state_dict(saved)
    before = pickle.dumps(saved)
    for running in (optimizer, other):
        running.step()
    assert pickle.dumps(saved) == before


def test_state_that_does_not_fit_is_refused_as_a_whole_with_every_problem_listed():
    def adam(**options):
        return optim.Adam([("a", ones(2)), ("b", ones(3))], **options)

    optimizer, trained = adam(), adam()
    trained.step()
    saved = trained.state_dict()
    saved["param_groups"][0] |= {"lr": -1.0, "speed": 3}
    del saved["param_groups"][0]["eps"]
    saved["state"]["a"]["m"] = np.ones(5)
    del saved["state"]["b"]["v"]
    saved["state"]["c"] = {}
    with pytest.raises(ValueError) as caught:
        optimizer.load_state_dict(saved)
    for problem in (
        "lr is a finite number that is not negative, not -1.0",
        "group 0 has an unknown 'speed'",
        "group 0 has no 'eps'",
        "m of a has shape (5,), not (2,)",
        "the state of b lacks v",
        "there is no parameter c",
    ):
        assert problem in str(caught.value)
    assert optimizer.param_groups[0]["lr"] == 1e-3 and optimizer.state == {}
    for wrong, message in [
        ({}, "no 'param_groups' in it; no 'state' in it"),
        ({"state": {}, "param_groups": []}, "0 groups were saved, but there are 1"),
        (optim.Adam([ones(2)]).state_dict(), "saved with parameters ['0'], but has ['a', 'b']"),
        (
            {"state": {0: {"exp_avg": np.ones(2)}}, "param_groups": [{"params": [0], "lr": 0.1}]},
            "its parameters are numbers, as in PyTorch's",
        ),
        (trained.state_dict() | {"state": {"a": {"t": "x", "m": [1, 2], "v": ["x", "y"]}}}, "t of a is 'x'"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            optimizer.load_state_dict(wrong)


def test_repr_shows_the_hyper_parameters():
    optimizer = optim.Lion([{"params": [ones(1)], "lr": 0.5}, {"params": [ones(1)]}])
    assert repr(optimizer) == "Lion(2 parameters, lr=0.5 | 0.0001, betas=(0.9, 0.99), weight_decay=0.0, maximize=False)"
