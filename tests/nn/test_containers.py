"""Containers behave as the lists and dicts that they are, and their members are called as in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn


def layers(count: int) -> list[nn.Module]:
    return [nn.Linear(i + 1, i + 2, bias=False) for i in range(count)]


def names(model: nn.Module) -> list[str]:
    return list(model.state_dict())


def numbered(*numbers: int) -> list[str]:
    return [f"{number}.weight" for number in numbers]


@pytest.mark.parametrize("kind", [nn.ModuleList, lambda modules: nn.Sequential(*modules)], ids=["list", "sequential"])
class TestLists:
    def test_a_change_is_that_of_a_list_and_numbers_anew(self, kind: Any) -> None:
        a, b, c, d, e, f = layers(6)
        model, expected = kind([a, b]), [a, b]
        changes = [
            lambda x: x.append(c),
            lambda x: x.insert(0, d),
            lambda x: x.insert(-1, e),
            lambda x: x.extend([a, b]),
            lambda x: x.pop(),
            lambda x: x.pop(1),
            lambda x: x.__setitem__(-1, f),
            lambda x: x.__delitem__(0),
            lambda x: x.__delitem__(slice(1, None, 2)),
        ]
        for change in changes:
            change(model)
            change(expected)
            assert list(model) == expected and len(model) == len(expected)
            paths = [name for name, _ in model.named_modules(remove_duplicate=False)]
            assert paths == ["", *map(str, range(len(expected)))]

    def test_members_are_found_by_index_and_slice(self, kind: Any) -> None:
        members = layers(4)
        model = kind(members)
        assert [model[i] for i in range(-4, 4)] == [members[i] for i in range(-4, 4)]
        assert list(model[1:3]) == members[1:3] and type(model[1:3]) is type(model)
        assert list(model) == members and members[2] in model and nn.ReLU() not in model
        for index in (4, -5):
            for access in (model.__getitem__, model.__delitem__, model.pop):
                with pytest.raises(IndexError, match=f"4 members, no member {index}"):
                    access(index)

    def test_a_member_is_an_attribute(self, kind: Any) -> None:
        model = kind(layers(2))
        setattr(model, "1", nn.Linear(2, 7, bias=False))
        assert model[1].out_features == 7 and len(model) == 2

    def test_what_is_no_module_is_refused_and_nothing_has_changed(self, kind: Any) -> None:
        model = kind(layers(2))
        before = list(model)
        for change in (model.append, lambda v: model.extend([nn.ReLU(), v]), lambda v: model.insert(0, v)):
            with pytest.raises(TypeError, match="takes modules, but member . is 3"):
                change(3)
            assert list(model) == before and names(model) == numbered(0, 1)
        with pytest.raises(TypeError, match="member 1 would be 3"):
            model[1] = 3


def test_sequential_applies_its_members_in_order() -> None:
    model = nn.Sequential(*layers(3))
    x = np.ones((2, 1), np.float32)
    np.testing.assert_array_equal(model(x).data, model[2](model[1](model[0](x))).data)
    assert nn.Sequential()(x) is x


def test_a_named_sequential_keeps_its_names() -> None:
    a, b, c, d = layers(4)
    model = nn.Sequential({"in": a, "out": b})
    assert model.out is b and names(model) == ["in.weight", "out.weight"]
    model.out = c
    assert model[1] is c
    model.append(d)
    model.insert(0, nn.ReLU())
    assert [name for name, _ in model.named_children()] == ["0", "in", "out", "2"]
    del model[1]
    assert [name for name, _ in model.named_children()] == ["0", "out", "2"]


def test_a_slice_keeps_the_names_of_its_members_as_in_pytorch() -> None:
    assert names(nn.Sequential(*layers(4))[1:3]) == numbered(1, 2)
    tail = nn.Sequential(*layers(4))[2:].append(nn.Linear(5, 6, bias=False))
    assert names(tail) == numbered(2, 3, 4)
    assert names(nn.ModuleList(layers(4))[1:3]) == numbered(0, 1)


def test_a_subclass_of_sequential_runs_the_modules_that_it_assigns() -> None:
    class Net(nn.Sequential):
        def __init__(self) -> None:
            self.first, self.second = layers(2)
            self.scale = nn.Parameter([1.0])

    model = Net()
    assert model(np.ones((2, 1), np.float32)).shape == (2, 3)
    assert names(model) == ["scale", "first.weight", "second.weight"]


def test_lists_are_added() -> None:
    a, b, c = layers(3)
    model = nn.ModuleList([a])
    both = model + [b]
    model += [c]
    assert list(both) == [a, b] and list(model) == [a, c] and type(both) is nn.ModuleList


def test_a_module_dict_is_a_dict() -> None:
    a, b, c, d = layers(4)
    model, expected = nn.ModuleDict({"a": a}), {"a": a}
    for x in (model, expected):
        x["b"] = b
        x.update({"a": c, "d": d})
        assert x.pop("b") is b
        assert list(x) == list(x.keys()) == ["a", "d"] and len(x) == 2
        assert list(x.values()) == [c, d] and list(x.items()) == [("a", c), ("d", d)]
        assert "a" in x and "b" not in x and x["a"] is c
        with pytest.raises(KeyError, match="b"):
            x["b"]
        del x["a"]
    assert names(model) == ["d.weight"] and model.d is d
    model.clear()
    assert len(model) == 0 and names(model) == []


def test_names_that_mean_something_else_are_refused_and_a_plain_dict_takes_them() -> None:
    model = nn.ModuleDict({"a": nn.ReLU()})
    for name in ("items", "training", "a.b", "", 3):
        with pytest.raises(KeyError, match="cannot be a name in ModuleDict"):
            model[name] = nn.ReLU()
        with pytest.raises(KeyError, match="cannot be a name"):
            model.update({"b": nn.ReLU(), name: nn.ReLU()})
    assert list(model) == ["a"]
    holder = nn.Module()
    holder.heads = {"items": nn.Linear(1, 1, bias=False)}
    assert names(holder) == ["heads.items.weight"]


def test_a_container_is_no_layer() -> None:
    for container in (nn.ModuleList([nn.ReLU()]), nn.ModuleDict({"a": nn.ReLU()})):
        with pytest.raises(NotImplementedError, match="has no forward"):
            container(1.0)


def test_sequentials_are_added_and_multiplied_as_in_pytorch() -> None:
    a, b, c = layers(3)
    model, other = nn.Sequential(a, b), nn.Sequential(c)
    assert list(model + other) == [a, b, c] and list(model * 2) == list(2 * model) == [a, b, a, b]
    assert list((model * 2)._members()) == ["0", "1", "2", "3"]
    model += other
    assert list(model) == [a, b, c]
    with pytest.raises(ValueError, match="multiplied by a positive number, not 0"):
        model * 0
    for wrong in (lambda: model + [a], lambda: model * 1.5):
        with pytest.raises(TypeError, match="unsupported operand"):
            wrong()
