"""A module reads like the call that made it, and so does a model of many layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn


class Options(nn.Module):
    def __init__(self, size: Any, rate: Any = 0.5, bias: bool = True, flag: bool = False, weight: Any = None) -> None:
        self.size, self.rate, self.flag, self.weight = size, rate, flag, weight
        self.bias = nn.Parameter([1.0]) if bias else None


NAMESPACE = {**vars(nn), "Options": Options, "array": np.array}


@pytest.mark.parametrize(
    "text",
    [
        "Options(size=3)",
        "Options(size=(3,), rate=(1, 2.5))",
        "Options(size=[1, None], rate=None, bias=False, flag=True)",
        "Options(size='same', rate=float('inf'), weight=array([1.0, 2.0]))",
        "Options(size=-1, rate=1e-05)",
        "Linear(in_features=4, out_features=3, bias=False, dtype='float64')",
        "Sequential()",
        "Sequential(\n    Linear(in_features=1, out_features=2),\n    ReLU(),\n)",
        "Sequential(\n    *(ReLU() for _ in range(3)),\n    Tanh(),\n    Tanh(),\n)",
        "Sequential({\n    'a': ReLU(),\n    'b': Sequential(\n        ReLU(),\n    ),\n})",
        "ModuleList()",
        "ModuleList([\n    ReLU(),\n    ModuleDict({\n        'a': Tanh(),\n    }),\n])",
        "ModuleDict()",
        "Unflatten(dim=1, unflattened_size=(2, 3))",
    ],
)
def test_repr_is_what_made_it(text: str) -> None:
    assert repr(eval(text, NAMESPACE)) == text


def test_defaults_and_what_cannot_be_written_are_left_out() -> None:
    assert repr(nn.Linear(4, 3, bias=True, dtype=None)) == "Linear(in_features=4, out_features=3)"
    assert repr(Options(3, rate=np.float64(0.5))) == "Options(size=3)"
    assert repr(Options(np.float64(1.5), rate=np.random.default_rng(0))) == "Options(size=1.5)"
    assert repr(Options(0, weight=np.ones(1000))) == "Options(size=0, weight=array(...))"


def test_members_are_shown_by_their_attributes() -> None:
    class Net(nn.Module):
        def __init__(self, width: int) -> None:
            self.width = width
            self.layers = [nn.Linear(width, width) for _ in range(12)]
            self.heads = {"a": (nn.ReLU(), 3)}
            self.numbers = [1, 2]

    assert repr(Net(2)) == (
        "Net(\n"
        "    width=2,\n"
        "    layers=[\n"
        "        *(Linear(in_features=2, out_features=2) for _ in range(12)),\n"
        "    ],\n"
        "    heads={\n"
        "        'a': (\n"
        "            ReLU(),\n"
        "            3,\n"
        "        ),\n"
        "    },\n"
        ")"
    )


def test_a_module_may_say_what_is_shown() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.ReLU()

        def extra_repr(self) -> str:
            return "width=7"

    assert repr(Net()) == "Net(\n    width=7,\n    layer=ReLU(),\n)"
