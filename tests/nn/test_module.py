"""Modules: what they find of their parts, by which names, what changes all of it, and how they run."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import nn
import optim
from autodiff import Tensor


class Counter(nn.Module):
    """A parameter, and buffers of each kind."""

    def __init__(self) -> None:
        self.weight = nn.Parameter([1.0, 2.0])
        self.register_buffer("mean", np.zeros(2, np.float32))
        self.register_buffer("calls", np.array(0))
        self.register_buffer("scratch", np.ones(3), persistent=False)
        self.register_buffer("nothing", None)

    def forward(self, x: Any) -> Any:
        self.calls = self.calls + 1
        return x * self.weight


class Tree(nn.Module):
    """Modules wherever they can be."""

    def __init__(self) -> None:
        self.first = nn.Linear(2, 2)
        self.layers = [nn.Linear(2, 2, bias=False), (nn.ReLU(), {"deep": nn.Linear(2, 1, bias=False)})]
        self.heads = {"a": nn.Linear(2, 1), 7: nn.Parameter([3.0])}
        self.number, self.numbers, self.text = 1, [1, 2], "text"

    def forward(self, x: Any) -> Any:
        return self.heads["a"](self.layers[1][0](self.first(x)))


def names(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_parameters()]


def test_parameters_and_modules_are_found_in_lists_tuples_and_dicts() -> None:
    assert names(Tree()) == [
        "heads.7",
        "first.weight",
        "first.bias",
        "layers.0.weight",
        "layers.1.1.deep.weight",
        "heads.a.weight",
        "heads.a.bias",
    ]
    modules = [name for name, _ in Tree().named_modules()]
    assert modules == ["", "first", "layers.0", "layers.1.0", "layers.1.1.deep", "heads.a"]
    assert [name for name, _ in Tree().named_children()] == modules[1:]


def test_what_is_assigned_or_deleted_later_counts() -> None:
    model = Tree()
    del model.layers, model.heads
    model.first = nn.Linear(2, 3, bias=False)
    model.last = nn.Linear(3, 1, bias=False)
    model.extra = nn.Parameter([0.0])
    assert names(model) == ["extra", "first.weight", "last.weight"]


def test_a_module_that_is_there_twice_counts_once_but_has_both_names() -> None:
    shared = nn.Linear(2, 2, bias=False)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    assert names(model) == ["0.weight"]
    assert len(list(model.modules())) == 3
    assert [name for name, _ in model.named_modules(remove_duplicate=False)] == ["", "0", "1", "2"]
    assert [name for name, _ in model.named_parameters(remove_duplicate=False)] == ["0.weight", "2.weight"]
    assert [name for name, _ in model.named_children()] == ["0", "1"]


def test_a_module_that_knows_the_one_above_it_is_no_endless_loop() -> None:
    model = Tree()
    model.first.parent = model
    assert len(names(model)) == 7
    assert len(list(model.named_modules(remove_duplicate=False))) == 6
    assert "parent=..." in repr(model)
    seen: list[nn.Module] = []
    model.apply(seen.append)
    assert len(seen) == 6


@pytest.mark.parametrize("calls_super", [False, True])
def test_a_subclass_may_call_the_constructor_of_module_or_not(calls_super: bool) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            if calls_super:
                super().__init__()
            self.register_buffer("mean", np.zeros(2))
            self.layer = nn.Linear(2, 1)

        def forward(self, x: Any) -> Any:
            return self.layer(x - self.mean)

    model = Model()
    model.register_forward_hook(lambda module, args, out: None)
    assert model.train(False)(np.ones((3, 2))).shape == (3, 1)
    assert list(model.state_dict()) == ["mean", "layer.weight", "layer.bias"]
    assert Counter().training and not model.training


def test_the_order_of_names_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")

    def build(nn: Any, parameter: Any, buffer: Any) -> Any:
        class Model(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = nn.Sequential(nn.Linear(2, 2), nn.ModuleList([nn.ReLU(), nn.Linear(2, 2)]))
                self.register_buffer("mean", buffer)
                self.inner.register_buffer("calls", buffer + 1)
                self.heads = nn.ModuleDict({"a": nn.Linear(2, 1, bias=False)})
                self.scale = parameter
                self.heads["b"] = self.heads["a"]

        return Model()

    mine = build(nn, nn.Parameter([1.0]), np.zeros(1))
    theirs = build(torch.nn, torch.nn.Parameter(torch.ones(1)), torch.zeros(1))
    assert list(mine.state_dict()) == list(theirs.state_dict())

    def paths(model: Any, method: str, **options: Any) -> list[str]:
        return [name for name, _ in getattr(model, method)(**options)]

    for method in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert paths(mine, method) == paths(theirs, method)
    for method in ("parameters", "buffers"):
        for recurse in (True, False):
            assert len([*getattr(mine, method)(recurse)]) == len([*getattr(theirs, method)(recurse)])
    for method in ("named_parameters", "named_buffers"):
        for options in ({"prefix": "model"}, {"recurse": False}, {"remove_duplicate": False}):
            assert paths(mine, method, **options) == paths(theirs, method, **options)


def test_buffers_are_arrays_by_name() -> None:
    counter = Counter()
    counter(np.ones(2))
    shapes = {name: array.shape for name, array in counter.named_buffers()}
    assert shapes == {"mean": (2,), "calls": (), "scratch": (3,)}
    assert [array.dtype for array in counter.buffers()] == [np.float32, np.int64, np.float64]
    assert counter.get_buffer("calls") == 1
    counter.register_buffer("calls", 7)
    assert counter.get_buffer("calls") == 7
    counter.mean = nn.Parameter([1.0, 1.0])
    assert names(counter) == ["weight", "mean"]
    assert [name for name, _ in counter.named_buffers()] == ["calls", "scratch"]


def test_what_is_at_a_path_is_found() -> None:
    model = Tree()
    assert model.get_submodule("layers.1.1.deep") is model.layers[1][1]["deep"]
    assert model.get_submodule("") is model
    assert model.get_parameter("first.weight") is model.first.weight
    for get in (model.get_submodule, model.get_parameter, model.get_buffer):
        with pytest.raises(AttributeError, match="Tree has no .* 'first.other'; it has"):
            get("first.other")


def test_registering_is_assigning_a_new_attribute() -> None:
    model = nn.Module()
    model.register_parameter("weight", nn.Parameter([1.0]))
    model.add_module("layer", nn.Linear(1, 1, bias=False))
    model.register_module("layer", nn.Linear(1, 2, bias=False))
    model.register_parameter("bias", None)
    model.register_parameter("bias", None)
    assert names(model) == ["weight", "layer.weight"] and model.layer.weight.shape == (2, 1)
    model.register_parameter("bias", nn.Parameter([2.0]))
    for register, value in ((model.add_module, nn.ReLU()), (model.register_buffer, 1.0)):
        for name in ("weight", "train", "a.b", ""):
            with pytest.raises(KeyError, match="cannot be a name in Module"):
                register(name, value)
    with pytest.raises(TypeError, match="is to be a Module, not 3"):
        model.add_module("three", 3)
    with pytest.raises(TypeError, match="is to be a Parameter, not 3"):
        model.register_parameter("three", 3)


def test_modes_gradients_and_freezing_reach_every_module() -> None:
    model = Tree()
    assert model.eval() is model and not any(module.training for module in model.modules())
    assert all(module.training for module in model.train().modules())
    model(np.ones((1, 2))).backward()
    assert model.first.weight.grad is not None
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    assert model.requires_grad_(False) is model
    assert not any(p.requires_grad for p in model.parameters())
    model.requires_grad_()
    assert all(p.requires_grad for p in model.parameters())


def test_apply_comes_to_the_members_first() -> None:
    seen: list[str] = []
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    assert model.apply(lambda module: seen.append(type(module).__name__)) is model
    assert seen == ["Linear", "ReLU", "Sequential", "Sequential"]


def test_conversion_reaches_parameters_gradients_and_buffers_that_are_floating_point() -> None:
    model = nn.Sequential(nn.Linear(2, 2), Counter())
    model(np.ones((1, 2), np.float32)).sum().backward()
    assert model.double() is model
    assert {p.dtype for p in model.parameters()} == {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float64)}
    assert [b.dtype for b in model.buffers()] == [np.float64, np.int64, np.float64]
    assert "dtype='float64'" in repr(model)
    assert model(np.ones((1, 2))).dtype == np.float64
    assert model.float()[0].weight.dtype == np.float32
    assert model.half()[0].weight.dtype == np.float16
    with pytest.raises(TypeError, match="floating-point dtype, not int64"):
        model.to(int)


def test_copies_and_pickles_share_what_the_model_shares_and_nothing_with_the_model() -> None:
    model = nn.Sequential(nn.Linear(2, 2), Counter())
    model.append(model[0])
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other[2] is other[0]
        other[0].weight.data = other[0].weight.data + 1
        other(np.ones((1, 2), np.float32))
        assert (other[1].calls, model[1].calls) == (1, 0)
        assert np.all(other[2].weight.data == model[0].weight.data + 1)


def test_a_module_without_forward_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        nn.Module()(1)


def test_a_model_learns() -> None:
    nn.manual_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 2)).astype(np.float32)
    labels = (x[:, 0] * x[:, 1] > 0).astype(int)
    net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer, loss = optim.Adam(net.parameters(), lr=0.05), nn.CrossEntropyLoss()
    for _ in range(150):
        optimizer.zero_grad()
        value = loss(net(Tensor(x)), labels)
        value.backward()
        optimizer.step()
    assert (net(x).argmax(axis=1) == labels).mean() > 0.95


@pytest.mark.parametrize("value", [np.ones((2, 3)), Tensor(np.ones((2, 3))), 1.0])
def test_a_parameter_cannot_be_assigned_over_by_something_that_is_not_learnt(value: Any) -> None:
    layer = nn.Linear(3, 2)
    before = layer.weight
    with pytest.raises(TypeError, match=r"Linear\.weight is a Parameter.*assign a Parameter or None, or its values"):
        layer.weight = value
    assert layer.weight is before
    layer.weight = nn.Parameter(np.ones((2, 3)))
    layer.bias = None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]


def test_gradients_become_none_or_zeros() -> None:
    layer = nn.Linear(2, 1)
    layer(np.ones((3, 2)))[0].sum().backward()
    layer.zero_grad(set_to_none=False)
    np.testing.assert_array_equal(layer.weight.grad.data, np.zeros((1, 2), np.float32), strict=True)
    layer.zero_grad()
    assert layer.weight.grad is None
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad is None
