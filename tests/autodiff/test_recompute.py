"""``checkpoint`` gives the same gradients with less memory, random numbers included."""

import weakref

import numpy as np
import pytest

import nn
from autodiff import Tensor, checkpoint, drawing
from autodiff.testing import check_grads


def test_a_checkpoint_gives_the_same_gradients_also_of_what_it_closes_over():
    w = Tensor([0.5, -1.0], requires_grad=True)
    x = Tensor([1.0, 2.0], requires_grad=True)

    def f(x):
        return np.tanh(x * w) * x

    def run(f):
        x.grad = w.grad = None
        f(x * 2).sum().backward(create_graph=True)
        first = x.grad, w.grad
        x.grad = w.grad = None
        (first[0].sum() + first[1].sum()).backward()
        return [t.data for t in (*first, x.grad, w.grad)]

    for plain, checkpointed in zip(run(f), run(checkpoint(f)), strict=True):
        np.testing.assert_allclose(checkpointed, plain, rtol=1e-12)


def test_a_checkpoint_keeps_only_its_inputs():
    inside = []

    def f(x):
        hidden = np.exp(x)
        inside.append(weakref.ref(hidden.data))
        return hidden.sum()

    x = Tensor(np.ones(3), requires_grad=True)
    y = checkpoint(f)(x)
    assert inside[0]() is None
    y.backward()
    np.testing.assert_allclose(x.grad.data, np.exp(1.0))
    assert len(inside) == 2


def test_a_checkpoint_may_have_nested_outputs():
    f = checkpoint(lambda x: {"a": np.sin(x), "b": [x * x]})
    check_grads(lambda x: f(x)["a"] * f(x)["b"][0], np.array([0.5, 1.5]))


def test_what_a_checkpointed_function_returns_untracked_stays_untracked():
    y, n, constant = checkpoint(lambda x: (x * x, x.shape[0], np.ones(2)))(Tensor([1.0, 2.0], requires_grad=True))
    assert y.requires_grad and n == 2 and type(constant) is np.ndarray


MODELS = {
    "the common generator": lambda: nn.Sequential(
        nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3), nn.AlphaDropout(0.3)
    ),
    "a generator of the layer's own": lambda: nn.Sequential(nn.Dropout(0.5, rng=1), nn.Linear(4, 3)),
    "a checkpoint within": lambda: Twice(nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))),
}


class Twice(nn.Module):
    """Two checkpoints in a row, each of which draws."""

    def __init__(self, inner):
        self.inner = inner

    def forward(self, x):
        return checkpoint(self.inner)(checkpoint(self.inner)(x))


@pytest.mark.parametrize("name", MODELS)
def test_the_second_computation_draws_what_the_first_drew(name):
    def run(transform):
        nn.manual_seed(0)
        model = MODELS[name]().to(float)
        x = Tensor(np.random.default_rng(0).normal(size=(5, 4)), requires_grad=True)
        out = transform(model)(x)
        nn.functional.dropout(np.ones(3))  # somebody else draws in between
        out.sum().backward()
        return [out.data, x.grad.data, *(p.grad.data for p in model.parameters()), nn.functional.dropout(np.ones(9))]

    for plain, checkpointed in zip(run(lambda f: f), run(checkpoint), strict=True):
        np.testing.assert_allclose(checkpointed, plain, rtol=1e-12)


def test_a_generator_of_ones_own_is_announced_by_drawing():
    rng = np.random.default_rng(0)

    def noisy(x):
        return (x * drawing(rng).normal(size=3)).sum()

    x = Tensor(np.ones(3), requires_grad=True)
    checkpoint(noisy)(x).backward()
    np.testing.assert_array_equal(x.grad.data, np.random.default_rng(0).normal(size=3))
