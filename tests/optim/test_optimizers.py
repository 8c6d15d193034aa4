"""Every optimiser with every option: against its paper's pseudo-code, against PyTorch where installed, and at work."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

import nn
import optim
from autodiff import Tensor

from .papers import CASES, Case

each_case = pytest.mark.parametrize("case", CASES, ids=repr)
each_dtype = pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-6)])
STEPS = 50


def shapes_for(case: Case) -> list[tuple[int, ...]]:
    """Muon is for matrices only, and Adafactor treats them, and stacks of them, in its own way."""
    matrices = [(3, 5), (5, 3)]
    return matrices if case.optimizer is optim.Muon else [*matrices, (2, 4, 3), (7,), ()]


def problem(case: Case, dtype: type, steps: int = STEPS) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Parameters to start from, and for each step their gradients."""
    rng = np.random.default_rng(0)
    shapes = shapes_for(case)
    starts = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    return starts, [[np.asarray(rng.normal(size=shape), dtype) for shape in shapes] for _ in range(steps)]


def steps(optimizer: optim.Optimizer, parameters: list[Tensor], gradients: list[list[np.ndarray]]) -> None:
    for step in gradients:
        for parameter, g in zip(parameters, step, strict=True):
            parameter.grad = g
        optimizer.step()


def trained(case: Case, dtype: type) -> list[np.ndarray]:
    starts, gradients = problem(case, dtype)
    parameters = [Tensor(start.copy(), requires_grad=True) for start in starts]
    steps(case.optimizer(parameters, **case.options), parameters, gradients)
    return [parameter.data for parameter in parameters]


def by_paper(case: Case, dtype: type) -> list[np.ndarray]:
    starts, gradients = problem(case, dtype)
    return [case.paper(start, [step[i] for step in gradients], **case.options) for i, start in enumerate(starts)]


def assert_close(found: list[np.ndarray], expected: list[np.ndarray], tolerance: float) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= tolerance * max(1.0, np.abs(other).max())


def test_every_optimizer_and_every_option_has_a_case():
    classes = {o for name in optim.__all__ if isinstance(o := getattr(optim, name), type)}
    everything = {o for o in classes if issubclass(o, optim.Optimizer) and o.__name__ not in ("Optimizer", "LBFGS")}
    assert {case.optimizer for case in CASES} == everything
    for optimizer in everything:
        options = {*inspect.signature(optimizer).parameters} - {"params", "nonfinite"}
        assert options == {key for case in CASES if case.optimizer is optimizer for key in case.options}, optimizer


@each_dtype
@each_case
def test_fifty_steps_agree_with_the_paper(case: Case, dtype: type, tolerance: float) -> None:
    assert_close(trained(case, dtype), by_paper(case, dtype), tolerance)


@each_dtype
@pytest.mark.parametrize("case", [case for case in CASES if case.optimizer is not optim.Lion], ids=repr)
def test_fifty_steps_agree_with_pytorch(case: Case, dtype: type, tolerance: float, monkeypatch) -> None:
    torch = pytest.importorskip("torch")
    # Muon is orthogonalised in bfloat16 there; here the same iteration is to be seen in the parameter's own dtype
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    starts, gradients = problem(case, dtype)
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.from_numpy(starts[0]).dtype)  # that of the numbers in NAdam's and ASGD's state
        parameters = [torch.tensor(start, requires_grad=True) for start in starts]
        peer = getattr(torch.optim, case.optimizer.__name__)(parameters, **case.options)
        for step in gradients:
            for parameter, g in zip(parameters, step, strict=True):
                parameter.grad = torch.tensor(g)
            peer.step()
    finally:
        torch.set_default_dtype(before)
    assert_close(trained(case, dtype), [parameter.detach().numpy() for parameter in parameters], tolerance)


def test_muon_differs_from_pytorch_by_no_more_than_bfloat16() -> None:
    torch = pytest.importorskip("torch")
    start, g = np.random.default_rng(0).normal(size=(2, 12, 8)).astype(np.float32)
    ours, peer = Tensor(start, requires_grad=True), torch.tensor(start, requires_grad=True)
    ours.grad, peer.grad = g, torch.tensor(g)
    optim.Muon([ours], lr=1.0, weight_decay=0.0).step()
    torch.optim.Muon([peer], lr=1.0, weight_decay=0.0).step()
    changes = ours.data - start, peer.detach().numpy() - start
    assert np.linalg.norm(changes[0] - changes[1]) <= 8 * 2**-8 * np.linalg.norm(changes[1])


@pytest.mark.parametrize(("block", "dtype", "tolerance"), [(64, np.float64, 1e-12), (16, np.float32, 1e-6)])
@each_case
def test_large_parameters_updated_in_blocks_agree_with_the_paper(
    case: Case, block: int, dtype: type, tolerance: float, monkeypatch
) -> None:
    monkeypatch.setattr("optim.packs.BLOCK", block)
    monkeypatch.setattr("optim.packs.SMALL", 0)
    assert_close(trained(case, dtype), by_paper(case, dtype), tolerance)


@each_case
def test_training_goes_on_bit_for_bit_from_saved_state(case: Case, tmp_path) -> None:
    starts, gradients = problem(case, np.float32, 20)

    def new(values: list[np.ndarray], **options) -> tuple[list[Tensor], optim.Optimizer]:
        parameters = [Tensor(value.copy(), requires_grad=True) for value in values]
        return parameters, case.optimizer(parameters, **options)

    whole, optimizer = new(starts, **case.options)
    steps(optimizer, whole, gradients)

    half, optimizer = new(starts, **case.options)
    steps(optimizer, half, gradients[:10])
    nn.save({"optimizer": optimizer.state_dict(), "parameters": [p.data for p in half]}, tmp_path / "half.npz")
    saved = nn.load(tmp_path / "half.npz")
    resumed, optimizer = new(saved["parameters"], lr=7.0)
    optimizer.load_state_dict(saved["optimizer"])
    steps(optimizer, resumed, gradients[10:])
    assert [p.data.tobytes() for p in resumed] == [p.data.tobytes() for p in whole]


def target(shape: tuple[int, ...]) -> np.ndarray:
    return np.linspace(-1.0, 1.0, np.prod(shape)).reshape(shape)


class Objective(NamedTuple):
    """A loss of a parameter; ``sample(x, rng)`` is what a step sees of it, ``left`` the share that may remain."""

    loss: Callable
    sample: Callable
    left: float


def quadratic(x, scale=1.0):
    return ((x - target((4, 2))) ** 2 * scale).sum()


def rosenbrock(x):
    return (100 * (x[:, 1] - x[:, 0] ** 2) ** 2 + (1 - x[:, 0]) ** 2).sum()


def noisy(x, rng):
    return quadratic(x + 0.3 * rng.normal(size=x.shape))


def sparse(x, rng):
    row = rng.integers(4)
    return ((x[row] - target((4, 2))[row]) ** 2).sum()


def exact(loss):
    return lambda x, rng: loss(x)


def ill_conditioned(x):
    return quadratic(x, np.logspace(-2, 1, 8).reshape(4, 2))


OBJECTIVES = {
    "quadratic": Objective(quadratic, exact(quadratic), 0.03),
    "ill-conditioned": Objective(ill_conditioned, exact(ill_conditioned), 0.1),
    "rosenbrock": Objective(rosenbrock, exact(rosenbrock), 0.2),
    "noisy": Objective(quadratic, noisy, 0.1),
    "sparse": Objective(quadratic, sparse, 0.1),
}
RATES = {  # for Rosenbrock's function, which is steep at first, and for the others
    optim.SGD: (5e-4, 0.05),
    optim.Adam: (0.05, 0.05),
    optim.AdamW: (0.05, 0.05),
    optim.Adamax: (0.05, 0.05),
    optim.NAdam: (0.05, 0.05),
    optim.RAdam: (2e-4, 0.05),
    optim.Adagrad: (0.5, 0.5),
    optim.Adadelta: (10.0, 10.0),
    optim.RMSprop: (0.01, 0.01),
    optim.Rprop: (0.01, 0.01),
    optim.ASGD: (5e-4, 0.05),
    optim.Lion: (0.01, 0.01),
    optim.Muon: (0.02, 0.02),
    optim.Adafactor: (0.1, 0.1),
}


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("optimizer", RATES, ids=lambda optimizer: optimizer.__name__)
def test_objectives_are_reduced(optimizer: Callable, name: str) -> None:
    objective, rng = OBJECTIVES[name], np.random.default_rng(0)
    x = Tensor(np.full((4, 2), 2.0), requires_grad=True)
    running = optimizer([x], lr=RATES[optimizer][name != "rosenbrock"])
    first = objective.loss(x.data)
    for _ in range(400):
        running.zero_grad()
        objective.sample(x, rng).backward()
        running.step()
    assert objective.loss(x.data) <= objective.left * first
