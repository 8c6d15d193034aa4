"""Hooks see and may replace what goes into a module and comes out, and the gradients on the way back, as in PyTorch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import nn
from autodiff import Tape, Tensor, no_grad

X = np.array([[1.0, 2.0], [3.0, -4.0]])


class Two(nn.Module):
    """Two inputs, two outputs."""

    def forward(self, a: Any, b: Any, scale: float = 1.0) -> tuple:
        return a * b * scale, a + b


def tensor(values: Any = X) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def test_a_hook_before_sees_and_replaces_the_arguments() -> None:
    layer, seen = nn.ReLU(), []
    first = layer.register_forward_pre_hook(lambda module, args: seen.append((module, args)))
    layer.register_forward_pre_hook(lambda module, args: args[0] + 10)
    np.testing.assert_array_equal(layer(X), X + 10)
    assert seen[0][0] is layer and seen[0][1][0] is X
    first.remove()
    first.remove()
    layer(X)
    assert len(seen) == 1


def test_a_hook_after_sees_and_replaces_the_output() -> None:
    layer = nn.ReLU()
    layer.register_forward_hook(lambda module, args, out: (module, args, out))
    module, args, out = layer(X)
    assert module is layer and args == (X,)
    np.testing.assert_array_equal(out, np.maximum(X, 0))


def test_hooks_that_ask_for_keywords_get_them() -> None:
    layer, seen = Two(), []
    layer.register_forward_pre_hook(lambda module, args, kwargs: (args, {"scale": 3.0}), with_kwargs=True)
    layer.register_forward_pre_hook(lambda module, args, kwargs: None, with_kwargs=True)
    layer.register_forward_hook(lambda module, args, kwargs, out: seen.append(kwargs), with_kwargs=True)
    np.testing.assert_array_equal(layer(X, X, scale=2.0)[0], 3 * X * X)
    assert seen == [{"scale": 3.0}]


def test_hooks_do_not_travel_to_other_modules() -> None:
    nn.ReLU().register_forward_hook(lambda module, args, out: 1 / 0)
    nn.ReLU()(X)


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # PyTorch's, where no input needs a gradient
@pytest.mark.parametrize("tracked", [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("replace", [False, True])
def test_backward_hooks_see_and_replace_what_they_do_in_pytorch(tracked: tuple, replace: bool) -> None:
    torch = pytest.importorskip("torch")

    def hook(seen: list) -> Any:
        def watch(module: Any, grad_input: tuple, grad_output: tuple) -> Any:
            shown = [None if g is None else np.array(g.detach().numpy()) for g in (*grad_input, *grad_output)]
            seen.append((len(grad_input), len(grad_output), shown))
            return tuple(None if g is None else g * 10 for g in grad_input) if replace else None

        return watch

    class Theirs(torch.nn.Module):
        forward = Two.forward

    a, b, weight = X, X[::-1] - 0.5, np.array(2.0)
    mine, theirs, seen, expected = Two(), Theirs(), [], []
    mine.register_full_backward_hook(hook(seen))
    theirs.register_full_backward_hook(hook(expected))
    ours = [Tensor(v, requires_grad=t) for v, t in ((a, tracked[0]), (b, tracked[1]), (weight, True))]
    peers = [torch.tensor(v.copy(), requires_grad=t) for v, t in ((a, tracked[0]), (b, tracked[1]), (weight, True))]
    for module, (x, y, scale) in ((mine, ours), (theirs, peers)):
        p, q = module(x, y, scale=scale)
        (p * p + 3 * q).sum().backward()
    assert len(seen) == len(expected) == 1
    assert seen[0][:2] == expected[0][:2]
    for found, other in zip(seen[0][2], expected[0][2], strict=True):
        nothing = np.zeros_like(
            X
        )  # which PyTorch shows for an input that needs no gradient, and None for such an output
        np.testing.assert_allclose(nothing if found is None else found, nothing if other is None else other)
    for x, y in zip(ours, peers, strict=True):
        assert (x.grad is None) == (y.grad is None)
        if x.grad is not None:
            np.testing.assert_allclose(x.grad.data, y.grad.numpy())


def test_a_backward_hook_leaves_values_and_gradients_as_they_are_in_any_order() -> None:
    layer, x = nn.Linear(2, 2, dtype=float), tensor()
    plain = layer(x)
    plain.backward(X)
    expected = x.grad.data, layer.weight.grad.data
    x.grad = None
    layer.zero_grad()
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: None)
    out = layer(x)
    np.testing.assert_array_equal(out.data, plain.data)
    out.backward(X, create_graph=True)
    np.testing.assert_array_equal(x.grad.data, expected[0])
    np.testing.assert_array_equal(layer.weight.grad.data, expected[1])
    (x.grad * x.grad).sum().backward()
    assert layer.weight.grad.shape == (2, 2)


def test_a_backward_hook_keeps_dtypes_and_lists() -> None:
    class Mixed(nn.Module):
        def forward(self, a: Any, b: Any) -> list:
            return [a * 2, b * 3]

    layer, seen = Mixed(), []
    layer.register_full_backward_hook(lambda module, *gradients: seen.append(gradients))
    a, b = tensor(), Tensor(np.ones(3, np.float32), requires_grad=True)
    out = layer(a, b)
    assert type(out) is list and [t.dtype for t in out] == [np.float64, np.float32]
    (out[0].sum() + out[1].sum()).backward()
    assert [[g.dtype for g in gradients] for gradients in seen[0]] == [[np.float64, np.float32]] * 2
    assert (a.grad.dtype, b.grad.dtype) == (np.float64, np.float32)


def test_a_backward_hook_keeps_named_tuples() -> None:
    class Outputs(NamedTuple):
        value: Any
        label: str

    class Named(nn.Module):
        def forward(self, x: Any) -> Outputs:
            return Outputs(x * 2, "twice")

    layer, x = Named(), tensor()
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_output[0] * 5,))
    out = layer(x)
    assert type(out) is Outputs and out.label == "twice"
    out.value.sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.full_like(X, 5))


def test_a_backward_hook_is_not_called_if_no_output_gets_a_gradient() -> None:
    class Keeping(nn.Module):
        def forward(self, x: Any) -> Any:
            self.kept = x * 3
            return self.kept * 2

    layer, x = Keeping(), tensor()
    layer.register_full_backward_hook(lambda *args: 1 / 0)
    layer(x)
    layer.kept.sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.full_like(X, 3))


def test_a_wrong_number_of_replaced_gradients_is_an_error() -> None:
    layer, x = nn.ReLU(), tensor()
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: (1, 2))
    out = layer(x).sum()
    with pytest.raises(ValueError, match="a backward hook of ReLU returned 2 gradients for 1 inputs"):
        out.backward()


def test_without_recording_and_without_hooks_nothing_is_added_to_the_tape() -> None:
    layer = nn.ReLU()
    with Tape() as tape:
        out = layer(tensor())
        assert [node.pullback.name for node in tape] == ["relu"]
    layer.register_full_backward_hook(lambda *args: None).remove()
    with Tape() as tape:
        out = layer(tensor())
        assert [node.pullback.name for node in tape] == ["relu"]
    layer.register_full_backward_hook(lambda *args: 1 / 0)
    with no_grad():
        out = layer(tensor())
    assert not out.requires_grad


def test_a_hook_can_come_first() -> None:
    layer, seen = nn.ReLU(), []
    for prepend in (False, True):
        layer.register_forward_pre_hook(lambda *_, p=prepend: seen.append(("before", p)), prepend=prepend)
        layer.register_forward_hook(lambda *_, p=prepend: seen.append(("after", p)), prepend=prepend)
        layer.register_full_backward_hook(lambda *_, p=prepend: seen.append(("backward", p)), prepend=prepend)
    layer(tensor()).sum().backward()
    assert seen == [(when, prepend) for when in ("before", "after", "backward") for prepend in (True, False)]
