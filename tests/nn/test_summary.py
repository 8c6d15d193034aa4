"""A summary tells what a model consists of, and leaves it as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from autodiff import Tensor, current_tape, is_recording, no_grad


class Pair(nn.Module):
    """Two inputs, one of them integers; a list of layers, one layer that is used twice, one that is never used."""

    def __init__(self) -> None:
        self.table = nn.Parameter(np.ones((10, 4)))
        self.layers = [nn.Linear(4, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 4, bias=False))]
        self.again = self.layers[0]
        self.unused = nn.Linear(100, 1)
        self.unused.requires_grad_(False)

    def forward(self, x: Any, index: Any) -> tuple:
        assert index.dtype == np.int64
        x = self.layers[0](x) + self.table[index].sum(axis=1)
        return self.layers[1](x), {"first": self.again(x[:1]), "size": len(x)}


class Restless(nn.Module):
    """What leaves traces wherever it can."""

    def __init__(self) -> None:
        self.layer = nn.Linear(3, 3)
        self.rng = np.random.default_rng(0)
        self.register_buffer("calls", np.array(0))
        self.seen: list = []

    def forward(self, x: Any) -> Any:
        assert not self.training and not is_recording()
        self.calls = self.calls + 1
        self.cache = x
        self.rng.normal()
        nn.init.uniform_(Tensor([0.0]))
        return self.layer(x)


def test_the_table_shows_paths_types_shapes_and_parameters_each_counted_once() -> None:
    table = nn.summary(Pair(), [(8, 4), (8, 3)], [np.float32, np.int64])
    assert str(table) == repr(table)
    assert str(table).splitlines() == [
        "path        layer       output                              parameters",
        "----------------------------------------------------------------------",
        "            Pair        (8, 4), {first: (1, 4), size: int}          40",
        "layers.0    Linear      (8, 4) | (1, 4)                             20",
        "layers.1    Sequential  (8, 4)                                       0",
        "layers.1.0  ReLU        (8, 4)                                       0",
        "layers.1.1  Linear      (8, 4)                                      16",
        "again       Linear      (8, 4) | (1, 4)                         shared",
        "unused      Linear      not called                                 101",
        "----------------------------------------------------------------------",
        "parameters: 177 (76 trainable, 101 frozen)",
        "memory: parameters 708 B, buffers 0 B, outputs 400 B",
    ]


def test_the_numbers_are_there_too() -> None:
    model = nn.Sequential(nn.Linear(3, 2, dtype=float), nn.Linear(2, 2, dtype=float))
    model[1].weight = model[0].weight = nn.Parameter(np.ones((2, 2)), dtype=float)
    table = nn.summary(model, (5, 2))
    assert (table.parameters, table.trainable, table.frozen) == (8, 8, 0)
    assert (table.parameter_bytes, table.buffer_bytes, table.output_bytes) == (64, 0, 160)
    counted = [(row.path, row.parameters, row.shared) for row in table.rows]
    assert counted == [("", 0, False), ("0", 6, False), ("1", 2, True)]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(2, 3), (2, 4)], ids=["fits", "fails"])
def test_the_model_is_afterwards_as_it_was(training: bool, shape: tuple) -> None:
    model = nn.Sequential(Restless(), nn.ReLU())
    hooked: list = []
    model[0].register_forward_hook(lambda *args: hooked.append(args))
    if not training:
        model.eval()
    attributes = [dict(vars(module)) for module in model.modules()]
    before, generator, nodes = nn.get_rng_state(), model[0].rng.bit_generator.state, len(current_tape())
    if shape == (2, 3):
        nn.summary(model, shape)
    else:
        with pytest.raises(nn.LayerError, match=r"^0.layer: Linear\(.*\) expects \(..., 3\), was given \(2, 4\)"):
            nn.summary(model, shape)
    for module, own in zip(model.modules(), attributes, strict=True):
        assert vars(module).keys() == own.keys() and all(vars(module)[name] is own[name] for name in own)
    assert model[0].calls == 0 and model[0].training == training
    assert (nn.get_rng_state(), model[0].rng.bit_generator.state, len(current_tape())) == (before, generator, nodes)
    assert is_recording()
    hooked.clear()
    model[0].eval()
    with no_grad():
        model[0](np.ones((1, 3)))
    assert len(hooked) == 1 and len(model[0]._hooks.after) == 1


def test_inputs_have_the_dtype_of_the_parameters_unless_told_otherwise() -> None:
    seen: list = []

    class Seeing(nn.Module):
        def __init__(self, dtype: Any) -> None:
            self.layer = nn.Linear(1, 1, dtype=dtype)

        def forward(self, x: Any) -> Any:
            seen.append((type(x), x.dtype))
            return x

    for model, dtype in ((Seeing(float), None), (Seeing(np.float32), None), (Seeing(float), np.int32)):
        nn.summary(model, (1,), dtype)
    assert seen == [(Tensor, np.float64), (Tensor, np.float32), (np.ndarray, np.int32)]
    default = nn.Module()
    default.forward = lambda x: seen.append((type(x), x.dtype))
    nn.summary(default, ())
    assert seen[-1] == (Tensor, nn.get_default_dtype()) == (Tensor, np.float32)
    with pytest.raises(ValueError, match="2 shapes, but 1 dtypes"):
        nn.summary(nn.Identity(), [(1,), (2,)], [float])


@pytest.mark.parametrize("count, shown", [(249, "996 B"), (250, "1.0 kB"), (2_500_000, "10.0 MB"), (10**9, "4.0 GB")])
def test_memory_is_shown_with_a_unit(count: int, shown: str) -> None:
    model = nn.Module()
    model.weight = nn.Parameter(np.broadcast_to(np.float32(0), (count,)))
    model.forward = lambda x: x
    assert f"memory: parameters {shown}, " in str(nn.summary(model, (1,)))
