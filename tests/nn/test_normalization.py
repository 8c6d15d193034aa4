"""Normalisations where the generic tests do not go: accuracy, blocks, running statistics, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import nn
from autodiff import Tensor, gradients
from nn.functional import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from nn.normalization import batch, blocks
from nn.normalization.batch import batch_norm_training
from nn.normalization.group import group_norm_of_channels

RNG = np.random.default_rng(0)

# the function of x, weight and bias; the shape of x; that of weight and bias
# fmt: off
FUNCTIONS = {
    "batch norm of columns":  (lambda x, w, b: batch_norm(x, None, None, w, b, training=True), (30, 4), (4,)),
    "batch norm of channels": (lambda x, w, b: batch_norm(x, None, None, w, b, training=True), (6, 4, 5), (4,)),
    "evaluation of columns":  (lambda x, w, b: batch_norm(x, np.full(4, 1e4), np.full(4, 1e-4), w, b), (30, 4), (4,)),
    "evaluation of channels": (lambda x, w, b: batch_norm(x, np.full(4, 1e4), np.full(4, 1e-4), w, b), (6, 4, 5), (4,)),
    "group norm":             (lambda x, w, b: group_norm(x, 2, w, b), (6, 4, 5), (4,)),
    "group norm of columns":  (lambda x, w, b: group_norm(x, 1, w, b), (6, 20), (20,)),
    "instance norm":          (lambda x, w, b: instance_norm(x, None, None, w, b), (6, 4, 5), (4,)),
    "layer norm":             (lambda x, w, b: layer_norm(x, (4, 5), w, b), (6, 4, 5), (4, 5)),
    "rms norm":               (lambda x, w, b: rms_norm(x, (4, 5), w) + b, (6, 4, 5), (4, 5)),
}
# fmt: on
each_function = pytest.mark.parametrize("case", FUNCTIONS)


def normalized(case: str, x: np.ndarray, dtype: type) -> list[np.ndarray]:
    """The output, and the gradients of x, weight and bias."""
    function, _, shape = FUNCTIONS[case]
    rng = np.random.default_rng(1)
    values = [x, rng.normal(size=shape), rng.normal(size=shape)]
    tensors = [Tensor(value.astype(dtype), requires_grad=True) for value in values]
    out = function(*tensors)
    return [out.data, *(g.data for g in gradients([out], tensors, [rng.normal(size=out.shape).astype(dtype)]))]


def largest_error(found: list[np.ndarray], expected: list[np.ndarray]) -> float:
    return max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(found, expected, strict=True))


@each_function
def test_data_far_from_zero_keep_their_accuracy_in_single_precision(case: str) -> None:
    x = np.random.default_rng(0).normal(1e4, 1e-2, FUNCTIONS[case][1]).astype(np.float32)
    assert largest_error(normalized(case, x, np.float32), normalized(case, x.astype(float), float)) < 3e-6


def test_the_difference_of_two_moments_would_have_no_accuracy_there() -> None:
    x = np.random.default_rng(0).normal(1e4, 1e-2, (30, 4)).astype(np.float32)
    naive = (x * x).mean(0) - x.mean(0) ** 2
    assert np.abs(naive / x.astype(float).var(0) - 1).min() > 0.9


@each_function
@pytest.mark.parametrize("order", ["as drawn", "sorted"])  # then the first block says least of the others
def test_blocks_change_nothing_but_rounding(case: str, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(1.0, 2.0, FUNCTIONS[case][1])
    x = np.sort(x, axis=0) if order == "sorted" else x
    whole = normalized(case, x, float)
    monkeypatch.setattr(blocks, "BLOCK", 100)
    assert len(blocks.blocks(x.reshape(len(x), -1))) > 3
    assert largest_error(normalized(case, x, float), whole) < 1e-13


@each_function
def test_the_layout_in_memory_does_not_matter(case: str) -> None:
    x = np.random.default_rng(0).normal(size=FUNCTIONS[case][1])
    expected = normalized(case, x, float)
    for laid_out in (np.asfortranarray(x), np.repeat(x, 2, axis=-1)[..., ::2], x[::-1].copy()[::-1]):
        assert largest_error(normalized(case, laid_out, float), expected) < 1e-14


@pytest.mark.parametrize("case", [case for case in FUNCTIONS if "evaluation" not in case])
def test_half_precision_is_summed_in_more(case: str) -> None:
    x = np.random.default_rng(0).normal(300.0, 50.0, FUNCTIONS[case][1]).astype(np.float16)  # squares are beyond 65504
    found, expected = normalized(case, x, np.float16), normalized(case, x.astype(float), float)
    assert {a.dtype for a in found} == {np.dtype(np.float16)}
    assert largest_error(found, expected) < 5e-3


@pytest.mark.parametrize("case", [case for case in FUNCTIONS if "evaluation" not in case and case != "rms norm"])
def test_what_is_constant_becomes_the_bias_and_has_a_finite_gradient(case: str) -> None:
    shape = FUNCTIONS[case][1]
    out, dx, dweight, _ = normalized(case, np.full(shape, 0.1), float)
    np.testing.assert_allclose(out, normalized(case, np.zeros(shape), float)[0], rtol=1e-12)
    assert np.isfinite(dx).all() and np.abs(dx).max() > 1
    assert np.abs(dweight).max() < 1e-10


def test_integers_are_normalised_as_floating_point_numbers() -> None:
    x = np.arange(12).reshape(4, 3)
    for function in (lambda x: batch_norm(x, None, None, training=True), lambda x: layer_norm(x, 3)):
        assert function(x).dtype == np.float64
        np.testing.assert_array_equal(function(x), function(x.astype(float)))


def test_the_worked_example_of_a_course() -> None:
    layer = nn.BatchNorm1d(2, eps=1e-8, dtype=float)
    layer.weight.data, layer.bias.data = np.array([2.0, 5.0]), np.array([-1.0, 2.0])
    hand = nn.by_hand(layer)
    out = hand.forward(np.array([[1.0, 4.0], [7.0, 0.0], [1.0, 0.0], [7.0, 4.0]]))
    np.testing.assert_allclose(out, [[-3, 7], [1, -3], [-3, -3], [1, 7]], rtol=1e-7)
    dx = hand.backward(np.array([[-6.0, 2.0], [-12.0, 16.0], [-12.0, 20.0], [-6.0, 2.0]]))
    np.testing.assert_allclose(dx, [[2, 0], [-2, -5], [-2, 5], [2, 0]], atol=1e-7)
    np.testing.assert_allclose(hand.gradients["weight"], [0, -32], atol=1e-7)
    np.testing.assert_allclose(hand.gradients["bias"], [-36, 40], rtol=1e-14)


BATCHES = [RNG.normal(i, 1.0 + i, (5 + i, 3, 2)) for i in range(4)]


@pytest.mark.parametrize(
    "text",
    ["BatchNorm1d(3)", "BatchNorm1d(3, momentum=None)", "InstanceNorm1d(3, momentum=0.3, track_running_stats=True)"],
)
def test_running_statistics_of_several_batches_and_their_evaluation_are_those_of_pytorch(text: str) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = eval(f"nn.{text}"), eval(f"torch.nn.{text}").double()
    for x in BATCHES:
        mine(x)
        theirs(torch.tensor(x))
    assert int(mine.num_batches_tracked) == int(theirs.num_batches_tracked)
    np.testing.assert_allclose(mine.running_mean, theirs.running_mean.numpy(), rtol=1e-6)
    np.testing.assert_allclose(mine.running_var, theirs.running_var.numpy(), rtol=1e-6)
    evaluated = theirs.eval()(torch.tensor(BATCHES[0])).detach().numpy()
    np.testing.assert_allclose(mine.eval()(BATCHES[0]).data, evaluated, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("function", [batch_norm, instance_norm])
def test_the_functions_average_into_the_arrays_they_are_given_as_in_pytorch(function: Any) -> None:
    torch = pytest.importorskip("torch")
    mean, var = np.zeros(3), np.ones(3)
    peers = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    options = {"training": True} if function is batch_norm else {"use_input_stats": True}
    for x in BATCHES:
        function(Tensor(x), mean, var, momentum=0.2, **options)
        getattr(torch.nn.functional, function.__name__)(torch.tensor(x), *peers, momentum=0.2, **options)
    np.testing.assert_allclose(mean, peers[0].numpy(), rtol=1e-13)
    np.testing.assert_allclose(var, peers[1].numpy(), rtol=1e-13)
    before = mean.copy(), var.copy()
    function(BATCHES[0], mean, var, **dict.fromkeys(options, False))
    np.testing.assert_array_equal((mean, var), before)


def test_a_layer_replaces_its_running_statistics_and_never_writes_into_them() -> None:
    layer = nn.BatchNorm1d(3)
    before = layer.running_mean, layer.running_var, layer.num_batches_tracked
    values = [a.copy() for a in before]
    layer(BATCHES[0])
    assert not any(new is old for new, old in zip(layer.buffers(), before, strict=True))
    for old, value in zip(before, values, strict=True):
        np.testing.assert_array_equal(old, value)
    assert [a.dtype for a in layer.buffers()] == [np.float32, np.float32, np.int64]
    assert layer.num_batches_tracked.shape == ()


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), nn.InstanceNorm1d(3, track_running_stats=True)], ids=str)
def test_a_batch_moves_the_running_statistics_alike_however_it_is_run(layer: Any) -> None:
    start = {name: np.array(value) for name, value in layer.state_dict().items()}
    found = []
    for run in (layer, nn.by_hand(layer).forward, layer.by_expression, lambda x: layer(Tensor(x, requires_grad=True))):
        layer.load_state_dict(start)
        run(BATCHES[1].astype(np.float32))
        found.append([layer.running_mean, layer.running_var])
        assert all(type(a) is np.ndarray and a.dtype == np.float32 for a in found[-1])
        np.testing.assert_allclose(found[-1], found[0], rtol=1e-5)


BOXES: dict[Any, dict] = {batch_norm_training: {}, group_norm_of_channels: {"groups": 3}}


@pytest.mark.parametrize("function", BOXES, ids=lambda f: f.__name__)
def test_the_box_receives_plain_statistics_also_when_the_pass_backward_is_recorded(function: Any) -> None:
    options = BOXES[function]
    x, box = Tensor(BATCHES[0], requires_grad=True), {}
    out = function(x, None, None, **options, statistics=box)
    first = dict(box)
    (gradient,) = gradients([out], [x], [np.ones(out.shape)], create_graph=True)
    gradients([gradient], [x], [np.ones(out.shape)])
    axes = (0, 2) if function is batch_norm_training else 2
    for statistics in (first, box):
        assert all(type(a) is np.ndarray for a in statistics.values())
        np.testing.assert_allclose(statistics["mean"], BATCHES[0].mean(axes), rtol=1e-12)
        np.testing.assert_allclose(statistics["var"], BATCHES[0].var(axes), rtol=1e-12)


def test_statistics_are_computed_once_a_step_and_no_gradient_that_nobody_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for name in ("center_columns", "_combine"):
        original = getattr(batch, name)
        monkeypatch.setattr(batch, name, lambda *args, name=name, f=original: calls.append(name) or f(*args))
    layer, x = nn.BatchNorm1d(3), RNG.normal(size=(5, 3)).astype(np.float32)
    layer(x).backward(np.ones((5, 3), np.float32))
    assert calls == ["center_columns"] and layer.weight.grad is not None
    layer(Tensor(x, requires_grad=True)).backward(np.ones((5, 3), np.float32))
    assert calls == ["center_columns", "center_columns", "_combine"]


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), nn.InstanceNorm1d(3, affine=True, track_running_stats=True)])
def test_an_evaluation_by_hand_is_that_of_the_tape(layer: Any) -> None:
    x, dy = BATCHES[1].astype(np.float32), BATCHES[1].astype(np.float32)[::-1]
    layer(x)
    hand = nn.by_hand(layer.eval())
    tensor = Tensor(x, requires_grad=True)
    out = layer(tensor)
    out.backward(dy)
    np.testing.assert_array_equal(hand.forward(x), out.data)
    np.testing.assert_array_equal(hand.backward(dy), tensor.grad.data)
    for name, parameter in layer.named_parameters():
        np.testing.assert_array_equal(hand.gradients[name], parameter.grad.data)


def test_without_running_statistics_a_batch_is_normalised_by_its_own_in_evaluation_too() -> None:
    layer = nn.BatchNorm1d(3, track_running_stats=False)
    assert layer.running_mean is None and list(layer.state_dict()) == ["weight", "bias"]
    np.testing.assert_array_equal(layer(BATCHES[0]).data, layer.eval()(BATCHES[0]).data)


@pytest.mark.parametrize("context", [nullcontext, nn.by_expression])
def test_a_single_value_by_its_own_statistics_becomes_the_bias_and_has_no_gradient(context: Callable) -> None:
    x, weight, bias = (Tensor(a, requires_grad=True) for a in ([[1e3, 0.1, -3.0]], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]))
    with context():
        out = batch_norm(x, None, None, weight, bias)
    out.backward([[7.0, 8.0, 9.0]])
    np.testing.assert_array_equal(out.data, [[4, 5, 6]])
    for tensor, gradient in ((x, [[0, 0, 0]]), (weight, [0, 0, 0]), (bias, [7, 8, 9])):
        np.testing.assert_array_equal(tensor.grad.data, gradient)


ONES = np.ones((2, 3))
# fmt: off
REFUSED = {
    "one value per channel": (
        lambda: batch_norm(ONES[:1], None, None, training=True), r"more than one value .* input \(1, 3\) has 1"),
    "one value per channel of a layer": (
        lambda: nn.BatchNorm1d(3, track_running_stats=False).eval()(ONES[:1]), r"the input \(1, 3\) has 1"),
    "an empty batch": (lambda: nn.BatchNorm1d(3)(ONES[:0]), r"the input \(0, 3\) has 0"),
    "an empty batch in evaluation": (lambda: batch_norm(ONES[:0], None, None), r"the input \(0, 3\) has 0"),
    "no channels": (lambda: batch_norm(ONES[0], None, None), r"shape \(N, C, ...\), but was given \(3,\)"),
    "a weight of another length": (
        lambda: batch_norm(ONES, None, None, ONES[0, :2]), r"weight has shape \(2,\), but the input \(2, 3\) has 3"),
    "a mean of another length": (lambda: batch_norm(ONES, ONES[0, :1], ONES[0]), r"running_mean has shape \(1,\)"),
    "a layer's channels": (
        lambda: nn.BatchNorm2d(2)(np.ones((2, 3, 4, 4))), r"expects \(N, 2, H, W\).*was given \(2, 3, 4, 4\)"),
    "a layer's dimensions": (lambda: nn.BatchNorm1d(3)(np.ones((2, 3, 4, 4))), r"expects \(N, 3\) or \(N, 3, L\)"),
    "groups": (lambda: group_norm(ONES, 2), r"the 3 channels of \(2, 3\) are not divisible by 2 groups"),
    "groups of a layer": (lambda: nn.GroupNorm(2, 3), "3 channels are not divisible by 2 groups"),
    "channels of groups": (lambda: nn.GroupNorm(1, 4)(ONES), r"expects \(N, 4, ...\)"),
    "one value per sample": (
        lambda: instance_norm(np.ones((2, 3, 1))), r"more than one value per sample and channel.*\(2, 3, 1\)"),
    "no running statistics": (
        lambda: instance_norm(np.ones((2, 3, 4)), use_input_stats=False), "takes running_mean and running_var"),
    "a count of instances": (lambda: nn.InstanceNorm1d(3, momentum=None), "takes a number for momentum"),
    "other last axes": (lambda: layer_norm(ONES, (2, 3, 4)), r"layer_norm over \(2, 3, 4\).*was given \(2, 3\)"),
    "no axes": (lambda: rms_norm(ONES, ()), "rms_norm: normalized_shape has the length of one axis at least"),
    "a layer without axes": (lambda: nn.LayerNorm(()), "LayerNorm: normalized_shape has the length of one axis"),
    "a negative eps": (lambda: group_norm(ONES, 1, eps=-1.0), "group_norm: eps is at least 0, not -1.0"),
    "a layer's negative eps": (lambda: nn.BatchNorm1d(3, eps=-1), "BatchNorm1d: eps is at least 0, not -1"),
    "a layer's last axes": (lambda: nn.LayerNorm((2, 4))(ONES), r"expects \(..., 2, 4\).*was given \(2, 3\)"),
    "a weight that would broadcast": (
        lambda: layer_norm(ONES, (2, 3), ONES[0]), r"layer_norm over \(2, 3\): weight has shape \(3,\)"),
}
# fmt: on


@pytest.mark.parametrize("case", REFUSED)
def test_shapes_that_do_not_fit_are_errors_that_show_them(case: str) -> None:
    call, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("function", [batch_norm, instance_norm])
def test_running_statistics_that_require_grad_are_refused(function: Any) -> None:
    with pytest.raises(TypeError, match="no gradient with respect to running_var"):
        function(np.ones((2, 3, 4)), np.zeros(3), Tensor(np.ones(3), requires_grad=True))


def test_no_samples_leave_running_averages_alone() -> None:
    layer = nn.InstanceNorm1d(2, track_running_stats=True)
    with pytest.raises(ValueError, match="one sample at least"):
        layer(np.zeros((0, 2, 5), np.float32))
    np.testing.assert_array_equal(layer.running_mean, [0, 0])


def test_nothing_to_normalise_has_a_gradient_of_nothing() -> None:
    for layer in (nn.LayerNorm(0), nn.RMSNorm(0)):
        x = Tensor(np.zeros((3, 0), np.float32), requires_grad=True)
        layer(x).backward(np.zeros((3, 0)))
        assert x.grad.shape == (3, 0)


def test_integers_are_normalised_too() -> None:
    np.testing.assert_allclose(nn.RMSNorm(2)(np.array([[3, 4]])).data, np.array([[3, 4]]) / np.sqrt(12.5), rtol=1e-6)


def test_an_average_that_is_taken_away_later_is_not_moved_as_in_pytorch() -> None:
    layer = nn.BatchNorm1d(3)
    expected = layer(BATCHES[0]).data
    layer.running_mean = layer.running_var = None
    np.testing.assert_array_equal(layer(BATCHES[0]).data, expected)
    np.testing.assert_array_equal(layer.eval()(BATCHES[0]).data, expected)
    assert layer.running_mean is None and layer.num_batches_tracked == 2


@pytest.mark.parametrize("layer", [nn.GroupNorm(1, 3, bias=False), nn.BatchNorm1d(3, bias=False)], ids=repr)
def test_a_bias_can_be_left_out(layer: nn.Module) -> None:
    assert layer.bias is None and list(dict(layer.named_parameters())) == ["weight"]
