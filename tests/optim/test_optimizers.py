"""Optimisers against plain transcriptions of their papers, and against PyTorch where it is installed."""

import numpy as np
import pytest

import optim
from autodiff import Tensor
from nn import Parameter


def sgd(theta, gradients, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    b = None
    for g in gradients:
        g = g + weight_decay * theta
        if momentum:
            b = g.copy() if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        theta = theta - lr * g
    return theta


def adam(theta, gradients, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    m = v = np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        g = g + weight_decay * theta
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        theta = theta - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return theta


CASES = [
    (optim.SGD, sgd, dict(lr=0.1)),
    (optim.SGD, sgd, dict(lr=0.1, momentum=0.9)),
    (optim.SGD, sgd, dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.1)),
    (optim.SGD, sgd, dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)),
    (optim.Adam, adam, dict(lr=0.05)),
    (optim.Adam, adam, dict(lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)),
]
each_case = pytest.mark.parametrize(("optimizer", "paper", "options"), CASES)
each_dtype = pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-6)])


def run(make, start, gradients):
    p = Tensor(start.copy(), requires_grad=True)
    optimizer = make([p])
    for g in gradients:
        p.grad = g
        optimizer.step()
    return p.data


@each_dtype
@each_case
def test_fifty_steps_agree_with_the_paper_and_with_pytorch(optimizer, paper, options, dtype, tolerance):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(3, 4)).astype(dtype), rng.normal(size=(50, 3, 4)).astype(dtype)
    found = run(lambda p: optimizer(p, **options), start, gradients)
    exact = paper(start.astype(float), gradients.astype(float), **options)
    assert np.abs(found - exact).max() <= tolerance * np.abs(exact).max()
    torch = pytest.importorskip("torch")
    p = torch.tensor(start, requires_grad=True)
    peer = getattr(torch.optim, optimizer.__name__)([p], **options)
    for g in gradients:
        p.grad = torch.tensor(g)
        peer.step()
    assert np.abs(found - p.detach().numpy()).max() <= tolerance * np.abs(exact).max()


@each_case
def test_large_parameters_updated_in_blocks_agree_with_small_ones(optimizer, paper, options):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(300, 250)), rng.normal(size=(3, 300, 250))
    for arrange in (np.ascontiguousarray, np.asfortranarray):
        found = run(lambda p: optimizer(p, **options), arrange(start), [arrange(g) for g in gradients])
        np.testing.assert_allclose(found, paper(start, gradients, **options), rtol=1e-10, atol=1e-12)


@each_case
def test_training_goes_on_bit_for_bit_from_saved_state(optimizer, paper, options):
    gradients = np.random.default_rng(0).normal(size=(20, 5))

    def steps(p, o, chosen):
        for g in chosen:
            p.grad = g
            o.step()

    whole = Tensor(np.ones(5), requires_grad=True)
    steps(whole, optimizer([whole], **options), gradients)
    half = Tensor(np.ones(5), requires_grad=True)
    first = optimizer([half], **options)
    steps(half, first, gradients[:10])
    resumed = Tensor(half.data.copy(), requires_grad=True)
    second = optimizer([resumed], lr=7.0)
    if optimizer is optim.SGD:
        second.momentum = options.get("momentum", 0.0)
    second.load_state_dict(first.state_dict())
    steps(resumed, second, gradients[10:])
    assert resumed.data.tobytes() == whole.data.tobytes()


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.02, momentum=0.9), lambda p: optim.Adam(p, lr=0.1)])
def test_an_ill_conditioned_quadratic_is_minimised(make):
    x = Tensor([1.0, 1.0], requires_grad=True)
    optimizer = make([x])
    for _ in range(400):
        optimizer.zero_grad()
        (np.array([0.5, 20.0]) * x * x).sum().backward()
        optimizer.step()
    assert np.abs(x.data).max() < 1e-2


def test_a_step_with_a_gradient_that_is_not_finite_changes_nothing_and_names_the_parameter():
    a, b = Parameter([1.0]), Parameter([2.0, 3.0])
    optimizer = optim.SGD([("a", a), ("b", b)], lr=1.0)
    a.grad, b.grad = np.ones(1, np.float32), np.array([1.0, np.nan], np.float32)
    with pytest.raises(ValueError, match=r"parameter b is not finite \(nan at \(1,\)\)"):
        optimizer.step()
    assert a.data[0] == 1.0 and optimizer.state == {}
    optimizer.nonfinite = "skip"
    assert optimizer.step() is False and a.data[0] == 1.0
    optimizer.nonfinite = "ignore"
    assert optimizer.step() and a.data[0] == 0.0 and np.isnan(b.data[1])


def test_large_finite_gradients_are_finite():
    a = Parameter([1.0])
    a.grad = np.array([1e30], np.float32)
    assert optim.SGD([a], lr=0.0).step()


def test_a_parameter_without_a_gradient_is_left_alone_and_so_is_its_state():
    a, b = Parameter([1.0]), Parameter([2.0])
    optimizer = optim.Adam([a, b])
    a.grad = np.ones(1, np.float32)
    optimizer.step()
    assert b.data[0] == 2.0 and set(optimizer.state) == {"0"}


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


def test_a_step_is_all_or_nothing_when_a_parameter_has_changed_its_shape():
    a, b = Parameter([1.0]), Parameter([2.0])
    optimizer = optim.Adam([a, b])
    for size in (1, 3):
        b.grad, b.data = None, np.ones(size, np.float32)
        a.grad, b.grad = np.ones(1, np.float32), np.ones(size, np.float32)
        before = a.data.copy()
        if size == 1:
            optimizer.step()
        else:
            with pytest.raises(ValueError, match=r"parameter 1 has shape \(3,\)"):
                optimizer.step()
            assert a.data[0] == before[0] and optimizer.state["0"]["t"] == 1


def test_momentum_may_be_switched_on_later():
    p = Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0)
    for momentum, expected in ((0.0, 0.0), (0.5, -1.0), (0.5, -2.5)):
        optimizer.momentum, p.grad = momentum, [1.0]
        optimizer.step()
        assert p.data[0] == expected


def test_loaded_state_is_checked_as_a_whole():
    p = Tensor([1.0], requires_grad=True)
    optimizer = optim.Adam([p])
    saved = optimizer.state_dict()
    saved["hyperparameters"]["lr"] = -1.0
    with pytest.raises(ValueError, match="lr"):
        optimizer.load_state_dict(saved)
    assert optimizer.lr == 1e-3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: optim.SGD([], lr=0.1), ValueError, "no parameters"),
        (lambda p: optim.SGD([p, p], lr=0.1), ValueError, "twice"),
        (lambda p: optim.SGD([p * 2], lr=0.1), ValueError, "only leaves"),
        (lambda p: optim.SGD(p, lr=0.1), TypeError, "list of tensors"),
        (lambda p: optim.SGD([np.ones(2)], lr=0.1), TypeError, "not a floating-point tensor"),
        (lambda p: optim.SGD([p], lr=-0.1), ValueError, r"lr .*-0\.1"),
        (lambda p: optim.SGD([p], lr=0.1, nesterov=True), ValueError, "nesterov needs momentum"),
        (lambda p: optim.Adam([p], betas=(0.9, 1.0)), ValueError, r"\(0\.9, 1\.0\)"),
        (lambda p: optim.Adam([p], nonfinite="maybe"), ValueError, "'maybe'"),
        (lambda p: optim.Adam([p]).load_state_dict({"state": {"1": {}}}), ValueError, "no parameter 1"),
    ],
)
def test_bad_arguments_are_errors_that_show_the_value(call, error, message):
    with pytest.raises(error, match=message):
        call(Tensor([1.0], requires_grad=True))
