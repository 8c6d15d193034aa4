"""Every layer, by the examples in the tables: by hand, on the tape, by its expression, and against PyTorch."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp

import nn
from autodiff import Tape, Tensor, gradients
from autodiff.testing import check_layer
from nn.derived import DERIVED

from .cases import Layer
from .tables import LAYERS
from .test_derived import agree

each_layer = pytest.mark.parametrize("case", LAYERS, ids=str)
with_a_peer = pytest.mark.parametrize("case", [case for case in LAYERS if case.peer], ids=str)

CONTAINERS = {"Module", "ModuleDict", "ModuleList"}
"""Public modules without a forward of their own."""


def test_every_layer_has_an_example() -> None:
    public = {
        name for name in nn.__all__ if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Module)
    }
    assert public - CONTAINERS == {type(case.build()).__name__ for case in LAYERS}


def run(layer: nn.Module, inputs: list[np.ndarray], dtype: type = np.float64) -> tuple[Any, list, dict]:
    """The output, the gradients of the floating-point inputs and those of the parameters, for a random cotangent."""
    nn.manual_seed(0)
    tensors = [Tensor(x.astype(dtype), requires_grad=True) if x.dtype.kind == "f" else x for x in inputs]
    floating = [t for t in tensors if isinstance(t, Tensor)]
    parameters = dict(layer.named_parameters())
    out = layer(*tensors)
    cotangent = np.random.default_rng(2).normal(size=out.shape).astype(dtype)
    found = gradients([out], [*floating, *parameters.values()], [cotangent])
    return out.data, found[: len(floating)], dict(zip(parameters, found[len(floating) :], strict=True))


@each_layer
def test_a_layer_records_nothing_but_derived_functions(case: Layer) -> None:
    layer, inputs = case.build(), case.draw()
    with Tape() as tape:
        out = layer(*[Tensor(x, requires_grad=True) if x.dtype.kind == "f" else x for x in inputs])
        recorded = {node.pullback.name for node in tape}
    assert recorded <= {function.__name__ for function in DERIVED}
    assert isinstance(out, Tensor)


@each_layer
def test_nested_lists_give_what_the_array_gives(case: Layer) -> None:
    outputs = []
    for inputs in (case.draw(), [x.tolist() for x in case.draw()]):
        nn.manual_seed(0)
        outputs.append(Tensor(case.build()(*inputs)).data)
    np.testing.assert_array_equal(*outputs, strict=True)


@each_layer
def test_forward_and_backward_by_hand_are_those_of_the_tape_and_touch_none(case: Layer) -> None:
    layer, inputs = case.build(), case.draw()
    out, of_inputs, of_parameters = run(layer, inputs)
    hand = nn.by_hand(case.build())
    with Tape() as tape:
        nn.manual_seed(0)
        y = hand.forward(*inputs)
        dx = hand.backward(np.random.default_rng(2).normal(size=np.shape(y)))
        assert len(tape) == 0
    np.testing.assert_array_equal(y, out)
    assert type(y) is np.ndarray
    floating = [g for x, g in zip(inputs, hand.input_gradients, strict=True) if x.dtype.kind == "f"]
    agree(floating, [g.data for g in of_inputs])
    assert dx is hand.input_gradients[0]
    assert hand.gradients.keys() == of_parameters.keys()
    agree(list(hand.gradients.values()), [of_parameters[name].data for name in hand.gradients])


@each_layer
def test_gradient_by_hand_tape_of_the_expression_and_differences_agree(case: Layer) -> None:
    report = check_layer(case.build(), *case.draw())
    assert {row.verdict for row in report.rows} == {"right"}
    assert report.share >= 0.7


@each_layer
def test_single_precision_stays_single_precision(case: Layer) -> None:
    single, double = (run(case.build(dtype), case.draw(), dtype) for dtype in (np.float32, np.float64))
    for found, expected in zip(
        (single[0], *single[1], *single[2].values()), (double[0], *double[1], *double[2].values())
    ):
        assert found.dtype == np.float32
        agree([np.asarray(found)], [np.asarray(expected)], rtol=1e-4)


@each_layer
def test_a_layer_survives_copying_and_pickling(case: Layer) -> None:
    out, *_ = run(case.build(), case.draw())
    layer = case.build()
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(run(copied, case.draw())[0], out)
        assert repr(copied) == repr(layer)


@each_layer
def test_repr_reads_like_the_constructor(case: Layer) -> None:
    layer = case.build()
    again = eval(repr(layer), {**vars(nn), "np": np, "array": np.array})
    assert type(again) is type(layer) and repr(again) == repr(layer)
    assert {n: p.shape for n, p in again.named_parameters()} == {n: p.shape for n, p in layer.named_parameters()}


def peer_of(case: Layer, dtype: str = "float64") -> Any:
    """PyTorch's layer, made by the same text."""
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        as_tensors = {"np": type("np", (), {"array": staticmethod(torch.tensor)})}
        return eval(case.text, {**vars(torch.nn), **as_tensors})
    finally:
        torch.set_default_dtype(before)


def same_state(mine: nn.Module, theirs: Any) -> None:
    state, expected = mine.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    for name, value in state.items():
        assert value.dtype == expected[name].numpy().dtype, name
        agree([value], [expected[name].numpy()])


@with_a_peer
def test_outputs_gradients_and_buffers_are_those_of_pytorch(case: Layer) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = case.build(), peer_of(case)
    theirs.load_state_dict({name: torch.tensor(value) for name, value in mine.state_dict().items()})
    for training in (False,) if case.random else (True, True, False):
        mine.train(training)
        theirs.train(training)
        out, of_inputs, of_parameters = run(mine, case.draw())
        inputs = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in case.draw()]
        value = theirs(*inputs)
        wanted = [x for x in inputs if x.requires_grad] + list(theirs.parameters())
        cotangent = torch.tensor(np.random.default_rng(2).normal(size=out.shape))
        found = torch.autograd.grad(value, wanted, cotangent, allow_unused=True)
        expected = [torch.zeros_like(w) if g is None else g for w, g in zip(wanted, found, strict=True)]
        agree([out], [value.detach().numpy()])
        agree([g.data for g in (*of_inputs, *of_parameters.values())], [g.numpy() for g in expected])
        same_state(mine, theirs)


@pytest.mark.parametrize("case", [c for c in LAYERS if c.peer and list(c.build().parameters())], ids=str)
def test_initial_values_are_distributed_as_in_pytorch(case: Layer) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    mine: dict[str, list] = {}
    theirs: dict[str, list] = {}
    nn.manual_seed(0)
    for _ in range(40):
        for name, value in eval(case.text, {**vars(nn), "np": np}).state_dict().items():
            mine.setdefault(name, []).append(value.ravel())
        for name, value in peer_of(case, "float32").state_dict().items():
            theirs.setdefault(name, []).append(value.numpy().ravel())
    for name in theirs:
        a, b = np.concatenate(mine[name]), np.concatenate(theirs[name])
        if np.ptp(b) == 0:
            np.testing.assert_array_equal(a, b)
        else:
            assert ks_2samp(a, b).pvalue > 1e-3, name
            assert abs(np.std(a) / np.std(b) - 1) < 0.3
