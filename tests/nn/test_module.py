"""Modules: parameters by name, state, errors with the layer's path, and layers run by hand."""

import numpy as np
import pytest

import nn
from autodiff import Tensor, current_tape


def make():
    nn.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3, dtype=float), nn.Tanh(), nn.Linear(3, 2, dtype=float))


def test_parameters_are_named_by_their_path():
    assert [name for name, _ in make().named_parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_parameters_in_lists_and_dicts_are_found():
    class Net(nn.Module):
        def __init__(self):
            self.layers = [nn.Linear(2, 2), nn.ReLU()]
            self.heads = {"a": nn.Linear(2, 1, bias=False)}

        def forward(self, x):
            return self.heads["a"](self.layers[1](self.layers[0](x)))

    names = [name for name, _ in Net().named_parameters()]
    assert names == ["layers.0.weight", "layers.0.bias", "heads.a.weight"]


def test_the_repr_reads_like_the_constructor():
    assert repr(nn.Linear(4, 3, bias=False)) == "Linear(in_features=4, out_features=3, bias=False)"
    assert repr(make()).splitlines()[0] == "Sequential(" and "Tanh()," in repr(make())


def test_initial_values_are_pytorchs_and_the_same_for_the_same_seed():
    a, b = make(), make()
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
    w = nn.Linear(100, 500).weight.data
    assert w.dtype == np.float32 and np.abs(w).max() <= 0.1 and abs(w.std() - 0.1 / np.sqrt(3)) < 1e-3


def test_a_shape_error_names_the_path_of_the_layer_and_what_it_was_given():
    with pytest.raises(ValueError, match=r"^0: Linear\(in_features=4, out_features=3.*was given \(3, 5\)"):
        make()(np.ones((3, 5)))


def test_state_is_loaded_as_a_whole_or_not_at_all():
    a, b = make(), make()
    for p in b.parameters():
        p.data = p.data + 1
    state = b.state_dict()
    a.load_state_dict(state)
    x = np.ones((2, 4))
    np.testing.assert_array_equal(a(x).data, b(x).data)
    before = {name: value.copy() for name, value in a.state_dict().items()}
    wrong = {**state, "0.weight": np.zeros((1, 1)), "extra": np.zeros(1)}
    del wrong["2.bias"]
    with pytest.raises(ValueError, match=r"0\.weight has shape \(1, 1\).*2\.bias is missing.*extra is not"):
        a.load_state_dict(wrong)
    for name, value in a.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_by_hand_agrees_with_the_tape_and_never_touches_it():
    net, x = make(), np.random.default_rng(0).normal(size=(5, 4))
    dy = np.random.default_rng(1).normal(size=(5, 2))
    before = len(current_tape())
    hand = nn.by_hand(net)
    y = hand.forward(x)
    dx = hand.backward(dy)
    assert len(current_tape()) == before and type(y) is np.ndarray
    t = Tensor(x, requires_grad=True)
    net(t).backward(dy)
    np.testing.assert_allclose(dx, t.grad.data, rtol=1e-12)
    for name, p in net.named_parameters():
        np.testing.assert_allclose(hand.gradients[name], p.grad.data, rtol=1e-12)


def test_by_hand_runs_losses_backward_without_an_argument():
    hand = nn.by_hand(nn.CrossEntropyLoss())
    logits = np.array([[1.0, 2.0, 3.0]])
    hand.forward(logits, np.array([0]))
    softmax = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(hand.backward(), softmax - [[1.0, 0.0, 0.0]])


def test_by_hand_says_what_is_wrong():
    hand = nn.by_hand(make())
    with pytest.raises(RuntimeError, match="backward before forward"):
        hand.backward(np.ones(1))
    hand.forward(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"shape \(2, 2\).*\(2,\)"):
        hand.backward(np.ones(2))


def test_a_model_learns():
    import optim

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
